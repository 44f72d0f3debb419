//! What an implementation must guarantee about moderation.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, MessageId, Page, PageRequest, Result, UserId, Versions};

use super::{
    Filter, NewBrake, NewFilter, NewLifting, NewPurge, NewReviewVerdict, NewSanction, NewSlowMode, Purge, PurgeId,
    Reason, Review, ReviewId, Rules, Sanction, SanctionType, log::LogEntry,
};
use crate::change::Deleted;

/// Each method is one use case and one transaction; its change is committed with it, and its reason is in the audit log.
/// Chats that the caller is not in are `chat.unknown`. Whatever is decided here holds for every way in which somebody
/// sends or comes in.
#[async_trait]
pub trait Moderation: Send + Sync {
    /// How a chat is moderated, for its owners and admins.
    async fn rules(&self, ctx: &Ctx, chat: ChatId) -> Result<Rules>;

    /// Mutes or bans somebody with a lower role; if they were already, the reason and the end are other ones from now on.
    /// A mute goes with a person who leaves and comes back. With an idempotency key, once.
    async fn sanction(&self, ctx: &Ctx, chat: ChatId, kind: SanctionType, new: NewSanction) -> Result<Sanction>;

    /// Ends a mute or a ban; nothing happens if there is none.
    async fn lift(&self, ctx: &Ctx, chat: ChatId, kind: SanctionType, new: NewLifting) -> Result<()>;

    /// Who is muted or banned now, the last first.
    async fn sanctions(&self, ctx: &Ctx, chat: ChatId, kind: SanctionType, page: PageRequest)
    -> Result<Page<Sanction>>;

    /// What was done to the caller in any chat, the last first; what is over is known for half a year.
    async fn own_sanctions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Sanction>>;

    /// Deletes a message as [`crate::Messaging::delete`] does, and tells its author why, unless that is the caller.
    async fn delete_message(
        &self,
        ctx: &Ctx,
        message: MessageId,
        version: Option<Versions>,
        reason: Reason,
    ) -> Result<Deleted>;

    /// Takes somebody out of a chat as [`crate::Participants::remove`] does, and tells them why, unless they are the caller.
    async fn take_out(&self, ctx: &Ctx, chat: ChatId, user: UserId, reason: Reason) -> Result<()>;

    async fn slow_down(&self, ctx: &Ctx, chat: ChatId, new: NewSlowMode) -> Result<Rules>;

    async fn set_filter(&self, ctx: &Ctx, chat: ChatId, new: NewFilter) -> Result<Rules>;

    async fn set_brake(&self, ctx: &Ctx, chat: ChatId, new: NewBrake) -> Result<Rules>;

    /// What waits for a decision, the oldest first: of a chat, and of that what the caller may see; or without one what the
    /// filter of the server caught, and then without texts. What nobody has decided about for 30 days is not listed any
    /// more, nor is a message that is gone.
    async fn reviews(&self, ctx: &Ctx, chat: Option<ChatId>, page: PageRequest) -> Result<Page<Review>>;

    /// What the filter of the server caught, with its text; each call is in the audit log.
    async fn examine_review(&self, ctx: &Ctx, review: ReviewId) -> Result<Review>;

    /// Decides about a message. An approved one that was held gets its place in the chat now, if its sender could send it
    /// now. What the server decides, the chat learns as if the sender had done it. `message.stale` unless `version` is
    /// absent or contains the current one, because the message may have been edited since somebody looked at it.
    async fn decide_review(
        &self,
        ctx: &Ctx,
        chat: Option<ChatId>,
        review: ReviewId,
        version: Option<Versions>,
        verdict: NewReviewVerdict,
    ) -> Result<()>;

    /// What the caller has written that waits until somebody approves it, in all chats, the oldest first.
    async fn held_messages(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Review>>;

    /// Takes back something that waits; nobody is told. `message.review_unknown` if it does not wait any more.
    async fn withdraw_held(&self, ctx: &Ctx, review: ReviewId) -> Result<()>;

    /// Begins to delete what somebody with a lower role wrote, or somebody who has left, or the caller; with an idempotency
    /// key, once. A job deletes it in pieces whose size does not depend on how much it is, and goes on if the account of
    /// whoever began it is erased.
    async fn purge(&self, ctx: &Ctx, chat: ChatId, new: NewPurge) -> Result<Purge>;

    /// How far that has come; known for a week after its end.
    async fn purge_progress(&self, ctx: &Ctx, chat: ChatId, purge: PurgeId) -> Result<Purge>;

    /// What owners and admins did to moderate a chat, for those who are so now, the last first: as long as the audit log keeps it.
    async fn log(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<LogEntry>>;

    /// What the server catches, in all chats.
    async fn server_filter(&self, ctx: &Ctx) -> Result<Filter>;

    async fn set_server_filter(&self, ctx: &Ctx, new: NewFilter) -> Result<Filter>;
}
