//! Previews of links over the database: ordered with the message, fetched by a job, and stored with what is marked in its
//! text, so that whatever deletes the text deletes them.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Actor, ChatId, Ctx, Error, Id, MessageId, NewJob, Result, Role, Timestamp, Via,
    job::{Queue, Taken, Work, Worker},
};
use clowder_messaging::{
    Change, Message,
    previews::{Told, wanted},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    super::{
        Repo,
        db::Tx,
        dialect::{self, Conn},
        jobs, journal,
    },
    attached,
};
use crate::domains::messaging::{Looked, MessageRow, chats, messages};

/// How often pages are tried that do not answer. Nobody waits for a preview for long.
const TRIES: i16 = 3;

/// Fetches the pages to which a message links.
#[derive(Debug, Serialize, Deserialize)]
pub struct Preview {
    message: MessageId,
}

impl Work for Preview {
    const KIND: &'static str = "message.preview";
    const QUEUE: Queue = Queue::Pages;
}

/// Enqueues the job for a message that was just written, if it has links without a preview.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, message: &Message) -> Result<()> {
    if !tx.services.options.messaging.link_previews || missing(message).is_empty() {
        return Ok(());
    }
    // An edit may bring other links before the job for those before it has begun.
    let key = format!("preview:{}:{}", message.id, message.version);
    let job = NewJob::new(&Preview { message: message.id }, ctx.now)?.about(message.sender.id).keyed(key);
    jobs::order(tx, ctx, &job)
}

/// The links of a message that have no preview yet.
fn missing(message: &Message) -> Vec<String> {
    let mut links = wanted(message);
    links.retain(|url| !message.previews.iter().any(|preview| preview.url == *url));
    links
}

pub struct Previewer(pub Arc<Repo>);

#[async_trait]
impl Worker for Previewer {
    fn kind(&self) -> &'static str {
        Preview::KIND
    }

    fn queue(&self) -> Queue {
        Preview::QUEUE
    }

    /// A second run finds the pages in the cache, or the previews in the message.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Preview { message } = job.read()?;
        let (repo, now) = (&self.0, ctx.now);
        let found = repo.db.read(move |conn| found(conn, now, message)).await?;
        let links = found.map(|(_, message)| missing(&message)).unwrap_or_default();
        if links.is_empty() {
            return Ok(());
        }
        let egress = repo.deps.options.egress.for_purpose("preview");
        let Looked { told, may_have_more } = repo.messaging.pages.look(&egress, &links, now).await;
        if !told.is_empty() {
            let (ctx, told) = (ctx.clone(), told.clone());
            repo.db.write(move |tx| show(tx, &ctx, message, &told)).await?;
        }
        // Where the links lead is nobody's business who reads the errors of jobs.
        if may_have_more && job.attempts < TRIES { Err(Error::unavailable("a page does not answer")) } else { Ok(()) }
    }

    /// Fetching pages does no harm.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// The message, if it is there still, as events show it.
fn found(conn: &mut Conn, now: Timestamp, message: MessageId) -> Result<Option<(MessageRow, Message)>> {
    let row = messages::table
        .filter(messages::id.eq(message))
        .filter(messages::deleted_at.is_null())
        .filter(messages::expires_at.is_null().or(messages::expires_at.gt(now)))
        .select(MessageRow::as_select());
    let Some(row) = row.first(conn).optional()? else { return Ok(None) };
    let chat = chats::table.find(row.chat_id).filter(chats::deleted_at.is_null());
    if !diesel::select(diesel::dsl::exists(chat)).get_result::<bool>(conn)? {
        return Ok(None);
    }
    let shown = attached::shown(conn, std::slice::from_ref(&row))?.pop();
    Ok(shown.map(|message| (row, message)))
}

/// Stores what pages say of themselves, and tells the chat. The version of the message stays: its author has not changed it.
fn show(tx: &mut Tx<'_>, ctx: &Ctx, message: MessageId, told: &[(String, Told)]) -> Result<()> {
    let chat = messages::table.filter(messages::id.eq(message)).select(messages::chat_id);
    let Some(chat) = chat.first::<ChatId>(tx.conn).optional()? else { return Ok(()) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    // Edited or deleted meanwhile, it may have other links, or none.
    let Some((row, mut after)) = found(tx.conn, ctx.now, message)? else { return Ok(()) };
    let before = std::mem::take(&mut after.previews);
    let preview = |url: String| {
        let had = before.iter().find(|preview| preview.url == url).cloned();
        had.or_else(|| told.iter().find(|(of, _)| *of == url).map(|(_, told)| told.clone().preview(url)))
    };
    let previews: Vec<_> = wanted(&after).into_iter().filter_map(preview).collect();
    if previews == before {
        return Ok(());
    }
    after.previews = previews;
    // What is marked stays as it was written: people whose accounts are erased keep their numbers.
    let Some((marked, text)) = row.marked()?.zip(row.content.as_deref()) else { return Ok(()) };
    let data = serde_json::to_string(&marked.showing(text, &after.previews))?;
    diesel::update(messages::table.find((row.chat_id, row.seq))).set(messages::data.eq(data)).execute(tx.conn)?;
    tx.deleted_text = true;
    // Summaries of chats are cached under their revision.
    diesel::update(chats::table.find(chat)).set(chats::revision.eq(chats::revision + 1)).execute(tx.conn)?;
    // As a message of its sender, because there are people who hide them.
    let author = Actor::User { id: after.sender.id, via: Via::Session(Id::from_uuid(Uuid::nil())), role: Role::User };
    journal::append(tx, &ctx.by(author), &Change::MessageUpdated(Box::new(after)))
}
