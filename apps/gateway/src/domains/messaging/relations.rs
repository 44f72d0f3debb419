//! Threads and forwarding over HTTP.

use actix_web::web::Data;
use clowder_core::MessageId;
use clowder_messaging::{
    Message, NewRead, Relations,
    relations::{FollowedThread, Forwards, NewForward, ThreadState},
};

use super::handlers::window;
use crate::{
    answer::{CreatedOr, Done, Listed, Shown},
    auth::Caller,
    call::{Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Relations>;

/// Not what arrives with it is noted, because what is between its messages does not.
pub async fn thread(
    port: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    mut query: Query,
) -> Answer<Listed<Message>> {
    let (window, limit) = (window(&mut query, &WINDOWS), query.limit());
    query.check()?;
    Ok(Listed(port.thread(&ctx, message, window, limit).await?))
}

/// The parameters that say where to begin in a thread.
pub const WINDOWS: [&str; 2] = ["before", "after"];

pub async fn threads(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<FollowedThread>> {
    let unread = query.flag("unread");
    let page = query.page();
    query.check()?;
    Ok(Listed(port.threads(&ctx, unread, page).await?))
}

pub async fn follow(port: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Shown<ThreadState>> {
    Ok(Shown(port.follow_thread(&ctx, message).await?))
}

pub async fn unfollow(port: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Done> {
    port.unfollow_thread(&ctx, message).await?;
    Ok(Done)
}

pub async fn read(
    port: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    Json(new): Json<NewRead>,
) -> Answer<Shown<ThreadState>> {
    Ok(Shown(port.read_thread(&ctx, message, new).await?))
}

pub async fn forward(
    port: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    Json(new): Json<NewForward>,
) -> Answer<CreatedOr<Forwards>> {
    Ok(CreatedOr(port.forward(&ctx, message, new).await?))
}
