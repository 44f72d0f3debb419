//! What an implementation must guarantee about polls.

use async_trait::async_trait;
use clowder_core::{Ctx, MessageId, Page, PageRequest, Result};

use super::{Closed, NewVote, Voted, Voter};

/// Polls are sent with [`crate::Messaging::send`]. Messages of chats that the caller is not in are `message.unknown`, and
/// those of other types `poll.unknown`.
#[async_trait]
pub trait Polls: Send + Sync {
    /// Replaces the caller's vote; no options take it back. The same vote again is fine, and writes nothing.
    /// `poll.choices` if the poll does not have these options or allows fewer, `poll.closed` once it is closed (its
    /// time counts, not when anybody notices). The counts are exact however many people vote at once.
    async fn vote(&self, ctx: &Ctx, message: MessageId, new: NewVote) -> Result<Voted>;

    /// Closes a poll: nobody votes after this returns. Closing twice is fine, and answers when it was closed.
    async fn close(&self, ctx: &Ctx, message: MessageId) -> Result<Closed>;

    /// Who has voted, in the order of their ids; with `option`, who chose this one. `poll.anonymous` for everybody if
    /// nobody may know; `chat.forbidden` for those who may not see who is in the chat.
    async fn voters(
        &self,
        ctx: &Ctx,
        message: MessageId,
        option: Option<i64>,
        page: PageRequest,
    ) -> Result<Page<Voter>>;
}
