//! Writes the file of an export, piece by piece. What is written is committed with how far that is, so whoever takes over
//! goes on from there, and nothing is in the file twice.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use clowder_core::{
    Card, Ctx, Error, Id, Refusal, Result, Timestamp, UserId, Word,
    export::ExportStatus,
    job::{Queue, Taken, Work, Worker},
};
use clowder_messaging::{
    Window,
    chat_exports::{
        ChatExportId, ExportFormat, ExportedChat, MOST_OCTETS, PIECE as PIECE_OCTETS, READY_FOR,
        page::{Head, begin, end, entry, named, shown},
    },
    refusals::{CHAT_EXPORT_FAILED, CHAT_EXPORT_TOO_LARGE, CHAT_UNKNOWN},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Repo,
        cards::Cards,
        db::Tx,
        dialect::Conn,
        messaging::{Caches, chats, messages},
        user_keys,
    },
    IS_MEMBER, PIECE,
};
use crate::{
    domains::messaging::{ChatExportRow, chat_export_pieces as pieces, chat_exports as table, compress},
    seal::Place,
};

/// The number of tries before an export fails: its owner should know on the same day.
const TRIES: i16 = 6;
/// How many messages are read at a time.
const PAGE: u32 = 200;

/// The job that writes an export.
#[derive(Debug, Serialize, Deserialize)]
pub struct Write {
    pub export: ChatExportId,
}

impl Work for Write {
    const KIND: &'static str = "chat.export";
    const QUEUE: Queue = Queue::Exports;
}

pub struct Writer(pub Arc<Repo>);

#[async_trait]
impl Worker for Writer {
    fn kind(&self) -> &'static str {
        Write::KIND
    }

    fn queue(&self) -> Queue {
        Write::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Write { export } = job.read()?;
        match self.write(ctx, export).await {
            Err(error) if job.attempts >= TRIES => {
                match error {
                    Error::Internal(_) => tracing::error!(%error, "an export of a chat failed on its last try"),
                    _ => tracing::warn!(%error, "an export of a chat failed on its last try"),
                }
                self.0.db.write(move |tx| fail(tx, export, CHAT_EXPORT_FAILED)).await
            }
            written => written,
        }
    }

    /// It only reads messages, and whatever depends on the time is left out.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

impl Writer {
    /// Others get their turn between the pieces.
    async fn write(&self, ctx: &Ctx, export: ChatExportId) -> Result<()> {
        let repo = &self.0;
        let Some(mut row) = repo.db.write(move |tx| take(tx, export)).await? else { return Ok(()) };
        loop {
            let (reads, now) = (row.clone(), ctx.now);
            let piece = match repo.look(move |conn, caches| read(conn, caches, &reads, now)).await {
                Err(Error::Refused(CHAT_UNKNOWN)) => {
                    return repo.db.write(move |tx| fail(tx, export, CHAT_UNKNOWN)).await;
                }
                read => Arc::new(read?),
            };
            let (ctx, writes) = (ctx.clone(), row.clone());
            match repo.db.write(move |tx| keep(tx, &ctx, &writes, &piece)).await? {
                Some(next) => row = next,
                None => return Ok(()),
            }
        }
    }
}

/// A part of the file, and how far the file reaches with it.
struct Piece {
    text: String,
    seq: i64,
    messages: i64,
    is_last: bool,
}

/// Begins or goes on; `None` if there is nothing to do.
fn take(tx: &mut Tx<'_>, export: ChatExportId) -> Result<Option<ChatExportRow>> {
    let unfinished = [ExportStatus::Queued, ExportStatus::Running].map(Word::as_str);
    let taken = diesel::update(table::table.find(export).filter(table::status.eq_any(unfinished)))
        .set(table::status.eq(ExportStatus::Running.as_str()))
        .execute(tx.conn)?;
    let row = table::table.find(export).select(ChatExportRow::as_select());
    Ok(if taken == 0 { None } else { row.first(tx.conn).optional()? })
}

/// Reads as many pages as a piece takes, each with what its reader may see at this moment.
fn read(conn: &mut Conn, caches: &Caches, row: &ChatExportRow, now: Timestamp) -> Result<Piece> {
    let format = ExportFormat::parse_word(&row.format)?;
    let mut text = if row.pieces == 0 { begin(format, &head(conn, caches, row, now)?)? } else { String::new() };
    let (mut seq, mut count) = (row.seq, row.messages);
    let is_last = loop {
        let window = Window::After(seq);
        let page = messages::page(conn, Some(caches.people()), (row.user_id, now), row.chat_id, window, PAGE)?;
        // The last message need not be among those that its reader sees.
        let mut ended = page.next_cursor.is_none();
        let people = page.items.iter().flat_map(|message| named(format, message)).copied();
        let people: BTreeSet<UserId> = people.collect();
        let cards = Cards::of(conn, Some(caches.people()), people.iter().copied())?;
        let people = people.into_iter().filter_map(|user| Some((user, cards.card(user).ok()?)));
        let people: HashMap<UserId, Card> = people.collect();
        for message in page.items {
            if message.seq > row.last_seq {
                ended = true;
                break;
            }
            seq = message.seq;
            text += &entry(format, count, &shown(message, now), &people)?;
            count += 1;
        }
        if ended || seq >= row.last_seq {
            text += end(format);
            break true;
        }
        if text.len() >= PIECE_OCTETS {
            break false;
        }
    };
    // After that its reader sees nothing that was there when the export was ordered.
    let seq = if is_last { row.last_seq } else { seq };
    Ok(Piece { text, seq, messages: count, is_last })
}

fn head(conn: &mut Conn, caches: &Caches, row: &ChatExportRow, now: Timestamp) -> Result<Head> {
    let chat = chats::one(conn, Some(caches), row.user_id, now, row.chat_id)?;
    let exported_by = Cards::of(conn, Some(caches.people()), [row.user_id])?.card(row.user_id)?;
    let chat = ExportedChat {
        id: chat.id,
        kind: chat.kind,
        title: chat.title,
        description: chat.description,
        peer: chat.peer,
        created_at: chat.created_at,
    };
    Ok(Head { chat, exported_by, exported_at: row.created_at })
}

/// Stores a piece. Returns the export as it is then, also if the piece has to be read again, or `None` if that was the last piece, or the export has ended.
fn keep(tx: &mut Tx<'_>, ctx: &Ctx, row: &ChatExportRow, piece: &Piece) -> Result<Option<ChatExportRow>> {
    // The row first, which an erasure deletes: so no piece is left of somebody who is erased.
    let held = table::table.find(row.id).filter(table::status.eq(ExportStatus::Running.as_str()));
    let size = row.size + piece.text.len() as i64;
    let (status, expires_at) = match piece.is_last {
        true => (ExportStatus::Ready, Some(ctx.now.plus(READY_FOR))),
        false => (ExportStatus::Running, None),
    };
    let same = table::pieces.eq(row.pieces).and(table::restarts.eq(row.restarts));
    let written = diesel::update(held.filter(same))
        .set((
            table::seq.eq(piece.seq),
            table::messages.eq(piece.messages),
            table::pieces.eq(row.pieces + 1),
            table::size.eq(size),
            table::status.eq(status.as_str()),
            table::expires_at.eq(expires_at),
        ))
        .execute(tx.conn)?;
    if written == 0 {
        let running: Option<ChatExportRow> = held.select(ChatExportRow::as_select()).first(tx.conn).optional()?;
        return match running {
            // What was read may have a text that was deleted meanwhile.
            Some(now) if now.restarts != row.restarts => Ok(Some(now)),
            Some(_) => Err(Error::unavailable("another worker writes the export")),
            None => Ok(None),
        };
    }
    let member: bool = table::table.find(row.id).select(IS_MEMBER).first(tx.conn)?;
    if !member || size > MOST_OCTETS {
        fail(tx, row.id, if member { CHAT_EXPORT_TOO_LARGE } else { CHAT_UNKNOWN })?;
        return Ok(None);
    }
    let id = Id::<()>::new(ctx.now);
    let sealed = user_keys::of(tx, ctx, row.user_id)?.seal(Place::new(PIECE, id), &compress(piece.text.as_bytes())?)?;
    diesel::insert_into(pieces::table)
        .values((
            pieces::id.eq(id),
            pieces::export_id.eq(row.id),
            pieces::number.eq(row.pieces),
            pieces::data.eq(sealed),
        ))
        .execute(tx.conn)?;
    let next = ChatExportRow {
        seq: piece.seq,
        messages: piece.messages,
        pieces: row.pieces + 1,
        size,
        status: status.as_str().to_owned(),
        ..row.clone()
    };
    Ok((!piece.is_last).then_some(next))
}

/// Marks it failed, whether it is finished by now or not; its pieces are swept soon after.
fn fail(tx: &mut Tx<'_>, export: ChatExportId, why: Refusal) -> Result<()> {
    let ended = table::status.ne(ExportStatus::Expired.as_str());
    diesel::update(table::table.find(export).filter(ended))
        .set((
            table::status.eq(ExportStatus::Failed.as_str()),
            table::problem.eq(why.code),
            table::expires_at.eq(None::<Timestamp>),
        ))
        .execute(tx.conn)?;
    Ok(())
}
