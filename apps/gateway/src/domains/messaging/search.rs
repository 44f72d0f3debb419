//! Search over HTTP, and what keeps its index up to date.

use std::{sync::Arc, time::Duration};

use actix_web::web::Data;
use clowder_core::{Actor, ChatId, Ctx, Error, Timestamp, text::Flaw};
use clowder_messaging::{
    MessageSearch,
    search::{Author, Found, FoundChat, Search, input::LONGEST, query::Sought},
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
    let sought = sought(&mut query);
    let (from, has, kind) = (query.text("from").map(|text| author(&text)), query.word("has"), query.word("type"));
    let [before, after] =
        ["before", "after"].map(|name| query.value(name, time(), |text| text.parse::<Timestamp>().ok()));
    let order = query.word("sort").unwrap_or_default();
    let page = query.page();
    query.check()?;
    // Without it, the check has failed.
    let Some(sought) = sought else { return Err(Error::internal("a search for nothing").into()) };
    let search = Search { sought, chat, from, has, kind, before, after, order };
    Ok(Listed(port.search_messages(ctx, search, page).await?))
}

pub async fn chats(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<FoundChat>> {
    sought(&mut query);
    let (text, page) = (query.any_text("q", LONGEST).unwrap_or_default(), query.page());
    query.check()?;
    Ok(Listed(port.search_chats(&ctx, text, page).await?))
}

fn sought(query: &mut Query) -> Option<Sought> {
    if !query.has("q") {
        query.flaw("q", Flaw::new("required", "is missing"));
        return None;
    }
    let nothing = Flaw::new("required", "must have a word, a number or an emoji that is not excluded");
    query.value("q", nothing, Sought::parse)
}

fn time() -> Flaw {
    Flaw::new("time", "must be an RFC 3339 time, at the latest 9999-12-31T23:59:59.999999Z")
}

fn author(text: &str) -> Author {
    match text.parse() {
        Ok(id) => Author::Id(id),
        Err(_) => Author::Username(text.strip_prefix('@').unwrap_or(text).to_owned()),
    }
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
