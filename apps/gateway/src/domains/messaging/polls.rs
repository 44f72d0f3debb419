//! Polls over HTTP.

use actix_web::web::Data;
use clowder_core::{MessageId, text::Flaw};
use clowder_messaging::{
    Polls,
    polls::{Closed, MOST_OPTIONS, NewVote, Voted, Voter},
};

use crate::{
    answer::{Done, Listed, Shown},
    auth::Caller,
    call::{Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Polls>;

pub async fn vote(
    polls: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    Json(new): Json<NewVote>,
) -> Answer<Shown<Voted>> {
    Ok(Shown(polls.vote(&ctx, message, new).await?))
}

pub async fn take_back(polls: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Done> {
    polls.vote(&ctx, message, NewVote::NONE).await?;
    Ok(Done)
}

pub async fn close(polls: Port, Caller(ctx): Caller, Path(message): Path<MessageId>) -> Answer<Shown<Closed>> {
    Ok(Shown(polls.close(&ctx, message).await?))
}

pub async fn voters(
    polls: Port,
    Caller(ctx): Caller,
    Path(message): Path<MessageId>,
    mut query: Query,
) -> Answer<Listed<Voter>> {
    let option = query.number("option", 0);
    let last = MOST_OPTIONS as i64 - 1;
    if option.is_some_and(|option| option > last) {
        query.flaw("option", Flaw::new("range", format!("must be 0 to {last}")));
    }
    let page = query.page();
    query.check()?;
    Ok(Listed(polls.voters(&ctx, message, option, page).await?))
}
