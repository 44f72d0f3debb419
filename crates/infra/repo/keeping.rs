//! Messages that are kept, deleted many at once, or removed by people for themselves, over the database: each method is one
//! transaction.

mod deleting;
mod pins;
mod privacy;
mod removing;
pub mod saved;

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, MessageId, Page, PageRequest, Result, Versions};
use clowder_messaging::{
    Keeping,
    keeping::{Cleared, NewDeletion, NewOrder, NewRemoval, NewSave, Outcome, Pin, Saved},
};
use tracing::instrument;

use super::{
    Repo,
    clock::{SHOWN, never},
    domains::Domain,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    times: &[never("message_pins.pinned_at", SHOWN), never("saved_messages.saved_at", SHOWN)],
    ..Domain::NONE
};

#[async_trait]
impl Keeping for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn pin(&self, ctx: &Ctx, message: MessageId) -> Result<Pin> {
        let ctx = ctx.clone();
        self.db.write(move |tx| pins::pin(tx, &ctx, message)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unpin(&self, ctx: &Ctx, message: MessageId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| pins::unpin(tx, &ctx, message)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn pins(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<Pin>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| pins::list(conn, viewer, now, chat, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn order_pins(&self, ctx: &Ctx, chat: ChatId, order: NewOrder) -> Result<Page<Pin>> {
        let ctx = ctx.clone();
        self.db.write(move |tx| pins::order(tx, &ctx, chat, &order)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn save(&self, ctx: &Ctx, message: MessageId, new: NewSave) -> Result<Saved> {
        let ctx = ctx.clone();
        self.db.write(move |tx| saved::save(tx, &ctx, message, new.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unsave(&self, ctx: &Ctx, message: MessageId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| saved::unsave(tx, &ctx, message)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn saved(&self, ctx: &Ctx, chat: Option<ChatId>, page: PageRequest) -> Result<Page<Saved>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| saved::list(conn, viewer, now, chat, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete_messages(&self, ctx: &Ctx, chat: ChatId, new: NewDeletion) -> Result<Vec<Outcome>> {
        let ctx = ctx.clone();
        self.db.write(move |tx| deleting::delete(tx, &ctx, chat, &new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove(&self, ctx: &Ctx, message: MessageId, version: Option<Versions>) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| removing::remove(tx, &ctx, message, version.as_ref())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove_messages(&self, ctx: &Ctx, chat: ChatId, new: NewRemoval) -> Result<Vec<Outcome>> {
        let ctx = ctx.clone();
        self.db.write(move |tx| removing::remove_all(tx, &ctx, chat, &new.message_ids)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn clear_chat(&self, ctx: &Ctx, chat: ChatId) -> Result<Cleared> {
        let ctx = ctx.clone();
        self.db.write(move |tx| removing::clear(tx, &ctx, chat)).await
    }
}
