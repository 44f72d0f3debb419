//! Friends over HTTP.

use actix_web::web::Data;
use clowder_core::{Page, UserId};
use clowder_social::{
    Decision, Friend, FriendFilter, FriendRequest, FriendRequestId, FriendSuggestion, Friends, FriendsOf,
    NewFriendRequest, Relationship, RequestDirection,
};

use crate::{
    answer::{CreatedOr, Done, Listed, Shown},
    auth::Caller,
    call::{Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Friends>;

pub async fn request(
    friends: Port,
    Caller(ctx): Caller,
    Json(new): Json<NewFriendRequest>,
) -> Answer<CreatedOr<FriendRequest>> {
    Ok(CreatedOr(friends.request(&ctx, new).await?))
}

pub async fn requests(friends: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<FriendRequest>> {
    let direction = query.word("direction").unwrap_or(RequestDirection::In);
    let page = query.page();
    query.check()?;
    Ok(Listed(friends.requests(&ctx, direction, page).await?))
}

pub async fn decide(
    friends: Port,
    Caller(ctx): Caller,
    Path(request): Path<FriendRequestId>,
    Json(decision): Json<Decision>,
) -> Answer<Shown<FriendRequest>> {
    Ok(Shown(friends.decide(&ctx, request, decision).await?))
}

pub async fn list(friends: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Friend>> {
    let (search, presence) = (query.text("search"), query.word("presence"));
    let filter = FriendFilter { search, presence, order: query.word("sort").unwrap_or_default() };
    let page = query.page();
    query.check()?;
    Ok(Listed(friends.list(&ctx, filter, page).await?))
}

pub async fn of(
    friends: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    mut query: Query,
) -> Answer<Listed<Friend>> {
    let whose = FriendsOf { user, mutual: query.flag("mutual").unwrap_or(false), seen_as: query.word("as") };
    let page = query.page();
    query.check()?;
    Ok(Listed(friends.of(&ctx, whose, page).await?))
}

pub async fn remove(friends: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Done> {
    friends.remove(&ctx, user).await?;
    Ok(Done)
}

/// How many people one call asks about.
pub const MOST_IDS: usize = 100;

pub async fn relationships(friends: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Relationship>> {
    let ids = query.ids("ids", MOST_IDS);
    query.check()?;
    let items = friends.relationships(&ctx, ids).await?;
    Ok(Listed(Page { items, next_cursor: None }))
}

pub async fn suggestions(friends: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<FriendSuggestion>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(friends.suggestions(&ctx, page).await?))
}

pub async fn dismiss(friends: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Done> {
    friends.dismiss(&ctx, user).await?;
    Ok(Done)
}
