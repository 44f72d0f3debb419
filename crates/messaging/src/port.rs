//! What an implementation of messaging must keep.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, MessageId, Page, PageRequest, Result, Versions};

use crate::{Chat, ChatFilter, Deleted, Edit, Made, Message, MessagePatch, NewChat, NewMessage, NewRead, Read, Window};

/// Each method is one use case and one transaction; its change is committed with it. What the caller does not take
/// part in is `chat.unknown` or `message.unknown`.
#[async_trait]
pub trait Messaging: Send + Sync {
    /// Makes a chat, or finds the private one that the pair has already; of two that make it at once, one finds
    /// what the other made. `chat.limit` when the caller has made as many as one person may. Honours `ctx.idempotency_key`.
    async fn create_chat(&self, ctx: &Ctx, new: NewChat) -> Result<Made<Chat>>;

    /// The caller's chats, the most recently active first.
    async fn chats(&self, ctx: &Ctx, filter: ChatFilter, page: PageRequest) -> Result<Page<Chat>>;

    async fn chat(&self, ctx: &Ctx, chat: ChatId) -> Result<Chat>;

    /// Says something. When this returns, it is durable, has its `seq`, and its change is in the journal. The same
    /// `client_id` again finds the first message, whatever became of it; with another content it is
    /// `client_id.mismatch`. Honours `ctx.idempotency_key`: a repeat is answered with the message as it is now. `created_at` is never
    /// before that of the chat's message before. `Unavailable`, and not written, when somebody else keeps the chat locked
    /// for seconds.
    async fn send(&self, ctx: &Ctx, chat: ChatId, new: NewMessage) -> Result<Made<Message>>;

    /// At most `limit` messages of a chat. The cost does not depend on how many there are.
    async fn messages(&self, ctx: &Ctx, chat: ChatId, window: Window, limit: u32) -> Result<Page<Message>>;

    async fn message(&self, ctx: &Ctx, message: MessageId) -> Result<Message>;

    /// Changes a message of the caller; `message.stale` unless `version` is absent or holds the present one, and
    /// `message.edits` after [`crate::edit::MOST_EDITS`].
    async fn edit(
        &self,
        ctx: &Ctx,
        message: MessageId,
        version: Option<Versions>,
        patch: MessagePatch,
    ) -> Result<Message>;

    /// Takes a message back: its text is gone from the message, its history and the journal. Deleting twice is fine.
    async fn delete(&self, ctx: &Ctx, message: MessageId, version: Option<Versions>) -> Result<Deleted>;

    /// What a message said before its edits, oldest first, and last what it says now; nothing when it is deleted.
    async fn history(&self, ctx: &Ctx, message: MessageId, page: PageRequest) -> Result<Page<Edit>>;

    /// Moves the caller's read mark forward; a mark that stays writes nothing and waits for nobody.
    async fn read(&self, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Read>;
}
