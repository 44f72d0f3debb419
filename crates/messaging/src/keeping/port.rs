//! What an implementation must guarantee about messages that are kept, deleted many at once, or removed by people for themselves.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, MessageId, Page, PageRequest, Result, Versions};

use super::{Cleared, NewDeletion, NewOrder, NewRemoval, NewSave, Outcome, Pin, Saved};

/// Each method is one use case and one transaction. Messages that the caller may not see are `message.unknown`, also those
/// of chats that they have left.
#[async_trait]
pub trait Keeping: Send + Sync {
    /// Pins a message above the others; if it is pinned already, nothing is written. `message.pins` if
    /// [`super::MOST_PINS`] are, however many people pin at once; if the caller came later and does not see all of them, the
    /// lowest one that they do not see makes room.
    async fn pin(&self, ctx: &Ctx, message: MessageId) -> Result<Pin>;

    /// Without a pin, nothing is written.
    async fn unpin(&self, ctx: &Ctx, message: MessageId) -> Result<()>;

    /// The pinned messages of a chat that the caller may see, in their order.
    async fn pins(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<Pin>>;

    /// Orders the pinned messages of a chat. Answers the first page of them.
    async fn order_pins(&self, ctx: &Ctx, chat: ChatId, order: NewOrder) -> Result<Page<Pin>>;

    /// Saves a message for the caller; again, it only replaces the note. Nobody else learns of it. `message.saves` if they
    /// have saved [`super::MOST_SAVED`] that still exist.
    async fn save(&self, ctx: &Ctx, message: MessageId, new: NewSave) -> Result<Saved>;

    /// If it is not saved, nothing is written. Also for messages that the caller may not see any more.
    async fn unsave(&self, ctx: &Ctx, message: MessageId) -> Result<()>;

    /// What the caller has saved and may see now, the last saved first; with a chat, only of this one.
    async fn saved(&self, ctx: &Ctx, chat: Option<ChatId>, page: PageRequest) -> Result<Page<Saved>>;

    /// Deletes messages of a chat, each as [`crate::Messaging::delete`] does, in one transaction: their texts are gone from
    /// the messages, their histories and the journal when this returns. Says of each what has become of it.
    async fn delete_messages(&self, ctx: &Ctx, chat: ChatId, new: NewDeletion) -> Result<Vec<Outcome>>;

    /// Removes a message that the caller sees for them alone: from then on it does not exist for them, wherever messages are
    /// shown or counted, also after they have left the chat and come back. Nobody else learns of it. Again, nothing is
    /// written. `message.stale` unless `version` is absent or contains the current one, `message.removals` if they have
    /// removed [`super::MOST_REMOVED`] others.
    async fn remove(&self, ctx: &Ctx, message: MessageId, version: Option<Versions>) -> Result<()>;

    /// The same of several messages of a chat: of all that the caller sees, or of none. Says of each what has become of it.
    async fn remove_messages(&self, ctx: &Ctx, chat: ChatId, new: NewRemoval) -> Result<Vec<Outcome>>;

    /// Removes all messages that a chat has now for the caller, who has then nothing unread in it; it stays in their list.
    /// What others see of their read mark stays. Again, without new messages, nothing is written.
    async fn clear_chat(&self, ctx: &Ctx, chat: ChatId) -> Result<Cleared>;
}
