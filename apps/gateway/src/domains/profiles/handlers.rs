//! Profiles and search over HTTP.

use actix_web::web::Data;
use clowder_accounts::{
    Profiles, Username,
    profiles::{
        User, UserFilter, UserPatch,
        ranking::{Found, Sought, Suggestion},
    },
    refusals::USER_UNKNOWN,
};
use clowder_core::{Error, Field, UserId};
use clowder_messaging::scopes::{CHATS_READ, MESSAGES_READ};
use clowder_social::groups::scopes::GROUPS_READ;

use crate::{
    answer::{Listed, Versioned},
    auth::{Caller, Granted},
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Profiles>;

/// The longest text that is searched for.
pub const LONGEST_SOUGHT: usize = 100;

pub async fn users(profiles: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<User>> {
    let page = query.page();
    let filter = UserFilter { search: query.text("search"), sort: query.word("sort").unwrap_or_default() };
    query.check()?;
    Ok(Listed(profiles.users(&ctx, filter, page).await?))
}

pub async fn search_users(profiles: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Found>> {
    let (page, sought) = (query.page(), query.text_within("q", LONGEST_SOUGHT));
    query.check()?;
    Ok(Listed(profiles.search_users(&ctx, sought, page).await?))
}

/// An API key gets those kinds that it may list.
pub async fn suggestions(
    profiles: Port,
    Caller(ctx): Caller,
    granted: Granted,
    mut query: Query,
) -> Answer<Listed<Suggestion>> {
    let (page, text) = (query.page(), query.text_within("q", LONGEST_SOUGHT));
    query.check()?;
    let (groups, chats) = (granted.has(GROUPS_READ), granted.has(CHATS_READ));
    let sought = Sought { text, groups, chats, hashtags: granted.has(MESSAGES_READ) };
    Ok(Listed(profiles.suggestions(&ctx, sought, page).await?))
}

pub async fn user(
    profiles: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    mut query: Query,
) -> Answer<Versioned<User>> {
    let seen_as = query.word("as");
    query.check()?;
    let shown = profiles.user(&ctx, user, seen_as).await?;
    Ok(Versioned(shown.tag(), shown.user))
}

/// What is no username is nobody's.
pub async fn user_named(profiles: Port, Caller(ctx): Caller, Path(name): Path<String>) -> Answer<Versioned<User>> {
    let name = Username::parse(name.into()).map_err(|_| Error::from(USER_UNKNOWN))?;
    let shown = profiles.user_named(&ctx, &name).await?;
    Ok(Versioned(shown.tag(), shown.user))
}

pub async fn edit_user(
    profiles: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    IfMatch(tags): IfMatch,
    Json(patch): Json<UserPatch>,
) -> Answer<Versioned<User>> {
    let shown = profiles.edit_user(&ctx, user, tags, patch).await?;
    Ok(Versioned(shown.tag(), shown.user))
}
