//! What an implementation of messaging must guarantee.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Made, MessageId, Page, PageRequest, Result, Versions};

use crate::{
    Chat, ChatFilter, Deleted, Delivered, Edit, Emoji, Message, MessagePatch, NewChat, NewMessage, NewRead, Reaction,
    Reactor, Read, Window, read::Onlookers, receipts::Receipt,
};

/// Each method is one use case and one transaction; its change is committed with it. Chats that the caller is not in
/// are `chat.unknown`, their messages `message.unknown`.
#[async_trait]
pub trait Messaging: Send + Sync {
    /// Creates a chat, or finds the existing private one of the pair; if both create it at once, one gets the other's.
    /// `chat.limit` if the caller has created as many as one person can. Honours `ctx.idempotency_key`.
    async fn create_chat(&self, ctx: &Ctx, new: NewChat) -> Result<Made<Chat>>;

    /// The caller's chats, the most recently active first.
    async fn chats(&self, ctx: &Ctx, filter: ChatFilter, page: PageRequest) -> Result<Page<Chat>>;

    async fn chat(&self, ctx: &Ctx, chat: ChatId) -> Result<Chat>;

    /// Whether others see that the caller types in a chat: whoever could send there now. Answers who of them is told. The
    /// cost depends neither on what was written nor on what is unread, nor on how many people are in the chat.
    async fn may_type(&self, ctx: &Ctx, chat: ChatId) -> Result<Onlookers>;

    /// Sends a message. When this returns, it is durable, has its `seq`, and its change is in the journal. The same
    /// `client_id` again finds the first message in its current state; with another content it is `client_id.mismatch`.
    /// Honours `ctx.idempotency_key`: a repeated call returns the message as it is now. `created_at` is never earlier
    /// than that of the previous message of the chat. `Unavailable`, and nothing written, if the chat stays locked by
    /// another transaction for seconds.
    async fn send(&self, ctx: &Ctx, chat: ChatId, new: NewMessage) -> Result<Made<Message>>;

    /// At most `limit` messages of a chat. The cost does not depend on its size.
    async fn messages(&self, ctx: &Ctx, chat: ChatId, window: Window, limit: u32) -> Result<Page<Message>>;

    async fn message(&self, ctx: &Ctx, message: MessageId) -> Result<Message>;

    /// Edits a message of the caller; `message.stale` unless `version` is absent or contains the current one, and
    /// `message.edits` after [`crate::edit::MOST_EDITS`].
    async fn edit(
        &self,
        ctx: &Ctx,
        message: MessageId,
        version: Option<Versions>,
        patch: MessagePatch,
    ) -> Result<Message>;

    /// Deletes a message: its text is removed from the message, its history and the journal. Deleting twice is fine.
    async fn delete(&self, ctx: &Ctx, message: MessageId, version: Option<Versions>) -> Result<Deleted>;

    /// The versions of a message before its edits, oldest first, and last the current one; nothing if it is deleted.
    async fn history(&self, ctx: &Ctx, message: MessageId, page: PageRequest) -> Result<Page<Edit>>;

    /// Reacts to a message; reacting twice with the same emoji is fine and writes nothing. `reaction.kinds` if the message
    /// has [`crate::reactions::MOST_KINDS`] others.
    async fn react(&self, ctx: &Ctx, message: MessageId, emoji: Emoji) -> Result<Reaction>;

    /// Takes a reaction back, also in a closed chat; without one, nothing is written.
    async fn unreact(&self, ctx: &Ctx, message: MessageId, emoji: Emoji) -> Result<Reaction>;

    /// Who has reacted to a message, by emoji and then by id; with `emoji`, who with this one.
    async fn reactions(
        &self,
        ctx: &Ctx,
        message: MessageId,
        emoji: Option<Emoji>,
        page: PageRequest,
    ) -> Result<Page<Reactor>>;

    /// The messages of a chat that mention the caller, by name or with everybody, as `Chat::mention_count` counts them but
    /// read ones included; the newest first.
    async fn mentions(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<Message>>;

    /// The same of all chats of the caller; with `unread` only what they have not read, or only what they have.
    async fn all_mentions(&self, ctx: &Ctx, unread: Option<bool>, page: PageRequest) -> Result<Page<Message>>;

    /// Moves the caller's read mark forward; if it stays, nothing is written and nothing waited for.
    async fn read(&self, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Read>;

    /// Notes that messages up to this one were delivered to a device of the caller; the mark never goes back. What is read has
    /// also arrived. Nothing is written in closed chats and in those of more than 256 people.
    async fn delivered(&self, ctx: &Ctx, chat: ChatId, new: NewRead) -> Result<Delivered>;

    /// Who has received a message and who has read it: everybody in the chat but its sender and those who entered it
    /// later, in the order of their ids. `receipts.too_many` in chats of more than 256 people.
    async fn receipts(&self, ctx: &Ctx, message: MessageId, page: PageRequest) -> Result<Page<Receipt>>;
}
