//! Messages that are sent later. Each method is one transaction; sending what is due is one for a piece of it.

pub mod due;
mod privacy;
mod stored;
mod writes;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Error, FileId, Page, PageRequest, Result, Versions};
use clowder_messaging::{
    NewMessage, Scheduled, ScheduledMessages,
    scheduled::{ScheduledFilter, ScheduledId, ScheduledPatch, first as first_of, port::PIECE},
};
use diesel::{dsl::exists, prelude::*};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use due::Piece;

use super::{
    Repo,
    clock::{CHOSEN, SHOWN, never},
    db::Tx,
    dialect::Conn,
    domains::{Domain, Hold, Holder, Sweep},
    idempotency::Stub,
    lifetimes::is_held,
    upkeep::forget,
};
use crate::domains::messaging::{scheduled_attachments as kept, scheduled_messages as table};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    sealed: &[stored::PLAN],
    files: &[Holder {
        shows: |_, _, _| Ok(false),
        names: true,
        holds,
        lets_go: |_, _, _| Ok(0),
        tells: |_, _, _, _| Ok(None),
    }],
    words: &["scheduled_messages.problem", "scheduled_messages.status"],
    times: &[
        never("scheduled_messages.created_at", SHOWN),
        never("scheduled_messages.finished_at", "only whether there is one matters, and when it is forgotten"),
        never("scheduled_messages.send_at", CHOSEN),
    ],
    sweeps: &[Sweep::Rows(sweep)],
    ..Domain::NONE
};

/// Only their author sees files of messages that wait. With a file goes what is noted of it here.
fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let has = diesel::select(exists(kept::table.filter(kept::file_id.eq(file)))).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Waiting))
}

/// How long it is remembered what became of a message.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// Forgets what has been over for long.
fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KNOWN_FOR);
    Ok(forget!(tx, table by id: ScheduledId, table::finished_at.le(past)))
}

/// What is stored to answer a call again.
#[derive(Serialize, Deserialize)]
struct Stored(ScheduledId);

impl Stub for Stored {}

/// How many pieces one call sends at most, so that a server that stops does not wait for all of them.
const PIECES: usize = 16;

#[async_trait]
impl ScheduledMessages for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn schedule(&self, ctx: &Ctx, chat: ChatId, new: NewMessage) -> Result<Scheduled> {
        let (caller, viewer) = (ctx.clone(), ctx.user()?);
        let at = first_of(&new);
        let first = move |tx: &mut Tx<'_>| {
            let scheduled = writes::schedule(tx, &caller, chat, new.clone(), at)?;
            let stub = Stored(scheduled.id);
            Ok((scheduled, stub))
        };
        let again = move |tx: &mut Tx<'_>, Stored(id): Stored| {
            let ring = Arc::clone(&tx.services.ring);
            stored::one(tx.conn, &ring, viewer, id)
        };
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn scheduled(&self, ctx: &Ctx, filter: ScheduledFilter, page: PageRequest) -> Result<Page<Scheduled>> {
        let (viewer, ring) = (ctx.user()?, self.db.ring());
        self.db.read(move |conn| stored::list(conn, &ring, viewer, filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn scheduled_message(&self, ctx: &Ctx, id: ScheduledId) -> Result<Scheduled> {
        let (viewer, ring) = (ctx.user()?, self.db.ring());
        self.db.read(move |conn| stored::one(conn, &ring, viewer, id)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit_scheduled(
        &self,
        ctx: &Ctx,
        id: ScheduledId,
        version: Option<Versions>,
        patch: ScheduledPatch,
    ) -> Result<Scheduled> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::edit(tx, &ctx, id, version.as_ref(), patch.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn cancel_scheduled(&self, ctx: &Ctx, id: ScheduledId, version: Option<Versions>) -> Result<Scheduled> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::cancel(tx, &ctx, id, version.as_ref())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn send_due(&self, ctx: &Ctx) -> Result<usize> {
        let now = ctx.now;
        // Most of the time there is nothing to do, and then nothing is written.
        if !self.db.read(move |conn| due::is_due(conn, now)).await? {
            return Ok(0);
        }
        // Those that had to wait for others are not looked at twice.
        let mut handled = 0;
        let mut piece = Piece { size: PIECE, ..Piece::default() };
        let mut waited = false;
        for _ in 0..PIECES {
            let (caller, next) = (ctx.clone(), piece.clone());
            match self.db.write(move |tx| due::send(tx, &caller, &next)).await {
                Ok(sent) => {
                    handled += sent.done;
                    let is_all = sent.done + sent.held.len() < piece.size;
                    piece.skipped.extend(sent.held);
                    // Once in each call, for one of them.
                    if sent.late.is_some() && !waited {
                        waited = true;
                        piece = Piece { size: PIECE, late: sent.late, ..Piece::default() };
                    } else if is_all {
                        return Ok(handled.min(PIECE - 1));
                    } else {
                        piece.late = None;
                    }
                }
                Err(error) if is_held(&error) => return Ok(handled.min(PIECE - 1)),
                Err(error) if error.affects_everyone() => return Err(error),
                // One of them is at fault: each is tried by itself.
                Err(_) if piece.size > 1 => (piece.size, piece.late) = (1, None),
                Err(error) => {
                    tracing::error!(%error, "a scheduled message cannot be sent");
                    let Some(id) = *piece.taken.lock().unwrap_or_else(PoisonError::into_inner) else {
                        return Err(error);
                    };
                    if matches!(error, Error::Internal(_)) {
                        let caller = ctx.clone();
                        handled += self.db.write(move |tx| due::give_up(tx, &caller, id)).await?;
                    }
                    // It does not keep others from being sent.
                    piece.skipped.push(id);
                    piece.size = PIECE;
                }
            }
        }
        Ok(PIECE)
    }
}
