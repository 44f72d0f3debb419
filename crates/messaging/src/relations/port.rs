//! What an implementation must guarantee about threads and forwarding.

use async_trait::async_trait;
use clowder_core::{Ctx, Made, MessageId, Page, PageRequest, Result};

use super::{FollowedThread, Forwards, NewForward, ThreadState};
use crate::{Message, NewRead, Window};

/// Each method is one use case and one transaction; its change is committed with it. Messages that the caller does not see
/// are `message.unknown`.
#[async_trait]
pub trait Relations: Send + Sync {
    /// At most `limit` messages of the thread that begins with a message; none if it has no thread. The cost does not depend
    /// on its length.
    async fn thread(&self, ctx: &Ctx, root: MessageId, window: Window, limit: u32) -> Result<Page<Message>>;

    /// The threads that the caller follows, in all chats, the most recently active first; with `unread` only those with
    /// unread messages, or without.
    async fn threads(&self, ctx: &Ctx, unread: Option<bool>, page: PageRequest) -> Result<Page<FollowedThread>>;

    /// Follows a thread, from now on; if the caller does already, nothing is written. Also of a message that nobody has
    /// answered yet. `message.no_thread` if the message cannot have one.
    async fn follow_thread(&self, ctx: &Ctx, root: MessageId) -> Result<ThreadState>;

    /// Ends that the caller follows a thread, until they write in it or follow it again.
    async fn unfollow_thread(&self, ctx: &Ctx, root: MessageId) -> Result<ThreadState>;

    /// Moves the caller's read mark of a thread forward; if it stays, or the caller has never followed the thread, nothing
    /// is written.
    async fn read_thread(&self, ctx: &Ctx, root: MessageId, new: NewRead) -> Result<ThreadState>;

    /// Sends the text of a message into other chats, and says of each what became of it: as with a message that the caller
    /// writes there. All of it is one transaction. `message.not_forwardable` if it is deleted, disappears or is of the
    /// system. Honours `ctx.idempotency_key`; without one, the
    /// same `client_id` finds what was forwarded first. Only what is sent counts for the caller's pace.
    async fn forward(&self, ctx: &Ctx, message: MessageId, new: NewForward) -> Result<Made<Forwards>>;
}
