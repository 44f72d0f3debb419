//! What an implementation must guarantee about messages that are sent later.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, Versions};

use super::{Scheduled, ScheduledFilter, ScheduledId, ScheduledPatch};
use crate::NewMessage;

/// How many messages [`ScheduledMessages::send_due`] looks at in one transaction.
pub const PIECE: usize = 64;

/// Each method is one use case and one transaction; its change is committed with it, and told to the author's own devices
/// only. Messages of others are `message.scheduled_unknown`.
#[async_trait]
pub trait ScheduledMessages: Send + Sync {
    /// Schedules a message, which has a `send_at`. `scheduled.limit` if as many of the caller wait as can. The same
    /// `client_id` again finds the first one; with anything else it is `client_id.mismatch`. Honours
    /// `ctx.idempotency_key`.
    async fn schedule(&self, ctx: &Ctx, chat: ChatId, new: NewMessage) -> Result<Scheduled>;

    /// The caller's scheduled messages, the next to be sent first.
    async fn scheduled(&self, ctx: &Ctx, filter: ScheduledFilter, page: PageRequest) -> Result<Page<Scheduled>>;

    async fn scheduled_message(&self, ctx: &Ctx, id: ScheduledId) -> Result<Scheduled>;

    /// Changes one that waits; `scheduled.stale` unless `version` is absent or contains the current one.
    async fn edit_scheduled(
        &self,
        ctx: &Ctx,
        id: ScheduledId,
        version: Option<Versions>,
        patch: ScheduledPatch,
    ) -> Result<Scheduled>;

    /// Cancels one that waits; its text is gone. Cancelling twice is fine.
    async fn cancel_scheduled(&self, ctx: &Ctx, id: ScheduledId, version: Option<Versions>) -> Result<Scheduled>;

    /// Sends what is due, the longest due first, a piece at a time; answers how many messages there were, less than
    /// [`PIECE`] when nothing is left. Any number of nodes may call it at once, and may die while they do: each message is
    /// sent exactly once for each of its times, because it is sent and marked as sent by one transaction. Messages whose
    /// chat another transaction holds wait for the next call. Who may not write there any more is told so.
    async fn send_due(&self, ctx: &Ctx) -> Result<usize>;
}
