//! Moderation of chats over the database: each method is one transaction.

mod deciding;
mod files;
mod log;
mod privacy;
mod purging;
pub mod reviews;
pub mod sanctions;
pub mod screening;
pub mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Id, MessageId, Page, PageRequest, Result, UserId, Versions};
use clowder_messaging::{
    Moderation,
    change::Deleted,
    moderation::{
        Filter, NewBrake, NewFilter, NewLifting, NewPurge, NewReviewVerdict, NewSanction, NewSlowMode, Purge, PurgeId,
        Reason, Review, ReviewId, ReviewVerb, Rules, Sanction, SanctionId, SanctionType, log::LogEntry,
    },
};
use deciding::Decided;
use diesel::prelude::*;
use screening::Reading;
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo,
    clock::{CHOSEN, SHOWN, never},
    db::Tx,
    domains::{Domain, Sweep},
    idempotency::Stub,
    messaging::edit,
    participants::writes,
};
use crate::domains::messaging::{OF_SERVER, chat_sanctions, message_reviews};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &["chat_sanctions.kind", "message_reviews.kind", "message_reviews.mentions", "word_filters.action"],
    told: &[
        ("chat_sanctions.reason", "whoever was told why keeps that when the chat is deleted"),
        ("word_filters.words", "words which may be part of any text"),
    ],
    times: &[
        never("chat_brakes.counted_until", "one that is further ahead than its window does not count"),
        never("chat_brakes.held_until", "one that is further ahead than it can last does not count"),
        never("chat_purges.finished_at", "only whether there is one matters, and when it is forgotten"),
        never("chat_purges.since", CHOSEN),
        never("chat_purges.until", CHOSEN),
        never("chat_sanctions.lifted_at", "only whether there is one matters, and when it is forgotten"),
        never("chat_sanctions.since", SHOWN),
        never("chat_sanctions.until", CHOSEN),
        never("message_reviews.created_at", "only shown; when it is over is read from its id"),
    ],
    files: &[files::HOLDER],
    sweeps: &[Sweep::Rows(sanctions::sweep), Sweep::Rows(reviews::sweep), Sweep::Rows(purging::sweep)],
    workers: |repo| vec![Arc::new(purging::Cleaner(Arc::clone(repo)))],
    ..Domain::NONE
};

/// How many rows are deleted in one piece with their chat.
const PIECE: i64 = 200;

/// Deletes some of what moderation keeps of a deleted chat, and answers how many rows: none when nothing is left.
pub fn clear(tx: &mut Tx<'_>, chat: ChatId) -> Result<u64> {
    let reviews = message_reviews::table.filter(message_reviews::chat_id.eq(chat));
    let some: Vec<ReviewId> = reviews.limit(PIECE).select(message_reviews::id).load(tx.conn)?;
    if !some.is_empty() {
        tx.deleted_text = true;
        return Ok(diesel::delete(reviews.filter(message_reviews::id.eq_any(some))).execute(tx.conn)? as u64);
    }
    let sanctions = chat_sanctions::table.filter(chat_sanctions::chat_id.eq(chat));
    let some: Vec<SanctionId> = sanctions.limit(PIECE).select(chat_sanctions::id).load(tx.conn)?;
    if !some.is_empty() {
        tx.deleted_text = true;
        return Ok(diesel::delete(sanctions.filter(chat_sanctions::id.eq_any(some))).execute(tx.conn)? as u64);
    }
    settings::forget_filter(tx, chat)?;
    Ok(0)
}

/// What is stored of a mute or a ban: its id.
#[derive(Serialize, Deserialize)]
struct StoredSanction(SanctionId);

impl Stub for StoredSanction {}

/// What is stored of a purge: its id.
#[derive(Serialize, Deserialize)]
struct StoredPurge(PurgeId);

impl Stub for StoredPurge {}

#[async_trait]
impl Moderation for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn rules(&self, ctx: &Ctx, chat: ChatId) -> Result<Rules> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| settings::seen(conn, viewer, chat)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn sanction(&self, ctx: &Ctx, chat: ChatId, kind: SanctionType, new: NewSanction) -> Result<Sanction> {
        let (caller, viewer) = (ctx.clone(), ctx.user()?);
        let first = move |tx: &mut Tx<'_>| {
            let sanction = sanctions::impose(tx, &caller, chat, kind, new.clone())?;
            let stub = StoredSanction(sanction.id);
            Ok((sanction, stub))
        };
        let again =
            move |tx: &mut Tx<'_>, StoredSanction(id): StoredSanction| sanctions::again(tx.conn, viewer, chat, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn lift(&self, ctx: &Ctx, chat: ChatId, kind: SanctionType, new: NewLifting) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| sanctions::lift(tx, &ctx, chat, kind, new.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn sanctions(
        &self,
        ctx: &Ctx,
        chat: ChatId,
        kind: SanctionType,
        page: PageRequest,
    ) -> Result<Page<Sanction>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| sanctions::list(conn, now, viewer, chat, kind, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn own_sanctions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Sanction>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| sanctions::own(conn, now, viewer, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete_message(
        &self,
        ctx: &Ctx,
        message: MessageId,
        version: Option<Versions>,
        reason: Reason,
    ) -> Result<Deleted> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit::delete(tx, &ctx, message, version.clone(), Some(&reason))).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn take_out(&self, ctx: &Ctx, chat: ChatId, user: UserId, reason: Reason) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::remove(tx, &ctx, chat, user, Some(&reason))).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn slow_down(&self, ctx: &Ctx, chat: ChatId, new: NewSlowMode) -> Result<Rules> {
        let ctx = ctx.clone();
        self.db.write(move |tx| settings::slow_down(tx, &ctx, chat, new.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_filter(&self, ctx: &Ctx, chat: ChatId, new: NewFilter) -> Result<Rules> {
        let ctx = ctx.clone();
        let (rules, version) = self.db.write(move |tx| settings::set_filter(tx, &ctx, chat, &new)).await?;
        // Now, and not when somebody writes.
        if let Some(version) = version {
            screening::keep(&self.db, Id::from_uuid(chat.uuid()), version, rules.filter.clone()).await;
        }
        Ok(rules)
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_brake(&self, ctx: &Ctx, chat: ChatId, new: NewBrake) -> Result<Rules> {
        let ctx = ctx.clone();
        self.db.write(move |tx| settings::set_brake(tx, &ctx, chat, &new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reviews(&self, ctx: &Ctx, chat: Option<ChatId>, page: PageRequest) -> Result<Page<Review>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| reviews::list(conn, now, viewer, chat, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn examine_review(&self, ctx: &Ctx, review: ReviewId) -> Result<Review> {
        let ctx = ctx.clone();
        self.db.write(move |tx| reviews::examine(tx, &ctx, review)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn decide_review(
        &self,
        ctx: &Ctx,
        chat: Option<ChatId>,
        review: ReviewId,
        version: Option<Versions>,
        verdict: NewReviewVerdict,
    ) -> Result<()> {
        // Only what a chat approves is looked at again, and what is held never changes.
        let held = match (chat, verdict.action) {
            (Some(chat), ReviewVerb::Approve) => {
                let ctx = ctx.clone();
                self.db.read(move |conn| deciding::held(conn, &ctx, chat, review)).await?
            }
            _ => None,
        };
        let reading = Arc::new(Reading::new(held.as_deref().unwrap_or_default()));
        if let Some(chat) = chat {
            screening::look(&self.db, chat, &reading).await?;
        }
        for _ in 0..screening::ATTEMPTS {
            let (ctx, version, verdict, tried) = (ctx.clone(), version.clone(), verdict.clone(), Arc::clone(&reading));
            let decide = move |tx: &mut Tx<'_>| {
                deciding::decide(tx, &ctx, chat, review, version.as_ref(), verdict.clone(), &tried)
            };
            match self.db.write(decide).await? {
                Decided::Done => return Ok(()),
                Decided::Refused(refusal) => return Err(refusal.into()),
                Decided::Unread => screening::catch_up(&self.db, &reading).await?,
            }
        }
        Err(screening::changes_all_the_time())
    }

    #[instrument(level = "debug", skip_all)]
    async fn held_messages(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Review>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| reviews::own(conn, now, viewer, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn withdraw_held(&self, ctx: &Ctx, review: ReviewId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| reviews::withdraw(tx, &ctx, review)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn purge(&self, ctx: &Ctx, chat: ChatId, new: NewPurge) -> Result<Purge> {
        let (caller, viewer) = (ctx.clone(), ctx.user()?);
        let first = move |tx: &mut Tx<'_>| {
            let purge = purging::begin(tx, &caller, chat, new.clone())?;
            let stub = StoredPurge(purge.id);
            Ok((purge, stub))
        };
        let again = move |tx: &mut Tx<'_>, StoredPurge(id): StoredPurge| purging::progress(tx.conn, viewer, chat, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn purge_progress(&self, ctx: &Ctx, chat: ChatId, purge: PurgeId) -> Result<Purge> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| purging::progress(conn, viewer, chat, purge)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn log(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<LogEntry>> {
        let (ring, viewer) = (self.db.ring(), ctx.user()?);
        self.chain_pending().await;
        self.db.read(move |conn| log::list(conn, &ring, viewer, chat, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn server_filter(&self, _ctx: &Ctx) -> Result<Filter> {
        self.db.read(|conn| settings::filter(conn, OF_SERVER)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_server_filter(&self, ctx: &Ctx, new: NewFilter) -> Result<Filter> {
        let ctx = ctx.clone();
        let (filter, version) = self.db.write(move |tx| settings::set_server_filter(tx, &ctx, &new)).await?;
        if let Some(version) = version {
            screening::keep(&self.db, OF_SERVER, version, filter.clone()).await;
        }
        Ok(filter)
    }
}
