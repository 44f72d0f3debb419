//! Search over HTTP, and what keeps its index up to date.

use std::{sync::Arc, time::Duration};

use actix_web::web::Data;
use clowder_core::{Actor, ChatId, Ctx, Error, text::Flaw};
use clowder_messaging::{
    MessageSearch,
    search::{Found, FoundChat, Has, Mentioned, Search, Whom, query::Sought},
};
use tokio::time::{Instant, sleep};

use crate::{answer::Listed, auth::Caller, call::Path, clock, problem::Answer, query::Query, stop::Stop};

type Port = Data<dyn MessageSearch>;

pub async fn messages(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Found>> {
    let chat = query.value("in", Flaw::new("uuid", "must be the id of a chat"), |text| text.parse().ok());
    find(port, &ctx, query, chat).await
}

pub async fn in_chat(port: Port, Caller(ctx): Caller, Path(chat): Path<ChatId>, query: Query) -> Answer<Listed<Found>> {
    find(port, &ctx, query, Some(chat)).await
}

async fn find(port: Port, ctx: &Ctx, mut query: Query, chat: Option<ChatId>) -> Answer<Listed<Found>> {
    let (has, kind) = (query.word("has"), query.word("type"));
    let sought = match has {
        // All messages with files, such as those of a chat.
        Some(Has::File) if !query.has("q") => Some(Sought::default()),
        _ => sought(&mut query).map(|(_, sought)| sought),
    };
    let from = query.text("from").map(|text| whom(ctx, &text)).transpose()?;
    let mentions = query.text("mentions").map(|text| mentioned(ctx, &text)).transpose()?;
    let [before, after] = ["before", "after"].map(|name| query.time(name));
    let order = query.word("sort").unwrap_or_default();
    let page = query.page();
    query.check()?;
    // Without it, the check has failed.
    let Some(sought) = sought else { return Err(Error::internal("a search for nothing").into()) };
    let search = Search { sought, chat, from, mentions, has, kind, before, after, order };
    Ok(Listed(port.search_messages(ctx, search, page).await?))
}

pub async fn chats(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<FoundChat>> {
    let (text, page) = (sought(&mut query).map(|(text, _)| text), query.page());
    query.check()?;
    Ok(Listed(port.search_chats(&ctx, text.unwrap_or_default(), page).await?))
}

/// What is typed, and what it seeks.
fn sought(query: &mut Query) -> Option<(String, Sought)> {
    if !query.has("q") {
        query.flaw("q", Flaw::new("required", "is missing"));
        return None;
    }
    let nothing = Flaw::new("required", "must have a word, a number or an emoji that is not excluded");
    query.value("q", nothing, |text| Some((text.to_owned(), Sought::parse(text)?)))
}

/// `me`, an id or a username, which may begin with `@`.
fn whom(ctx: &Ctx, text: &str) -> Result<Whom, Error> {
    Ok(match text.parse() {
        _ if text == "me" => Whom::Id(ctx.user()?),
        Ok(id) => Whom::Id(id),
        Err(_) => Whom::Username(text.strip_prefix('@').unwrap_or(text).to_owned()),
    })
}

/// The same, or `all`, which is nobody's username.
fn mentioned(ctx: &Ctx, text: &str) -> Result<Mentioned, Error> {
    Ok(match text {
        "all" | "@all" => Mentioned::Everybody,
        _ => Mentioned::Person(whom(ctx, text)?),
    })
}

/// How often a node looks whether the index has to be rebuilt.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a step of a rebuilding rests at least, so that others write in between.
const REST: Duration = Duration::from_millis(20);

/// Rebuilds the index when it was made by other rules or somebody wants it, on every node; each does another piece. It works
/// at most half of the time.
pub async fn keep(search: Arc<dyn MessageSearch>, mut stop: Stop) {
    let mut failing = false;
    loop {
        let began = Instant::now();
        let done = search.index_some(&Ctx::new(Actor::System, clock::now(), "search")).await;
        let rest = match &done {
            Ok(progress) if progress.running => began.elapsed().max(REST),
            _ => LOOK_EVERY,
        };
        if let Some(error) = done.as_ref().err().filter(|_| !failing) {
            match error {
                Error::Internal(_) => tracing::error!(%error, "the index of messages cannot be rebuilt"),
                _ => tracing::warn!(%error, "the index of messages cannot be rebuilt right now"),
            }
        }
        failing = done.is_err();
        tokio::select! {
            () = stop.wait() => return,
            () = sleep(rest) => {}
        }
    }
}
