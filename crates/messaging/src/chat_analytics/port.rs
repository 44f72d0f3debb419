//! What an implementation must guarantee about the numbers of chats.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Result};

use super::{ChatAnalytics, Period};

#[async_trait]
pub trait ChatsAnalytics: Send + Sync {
    /// What happened in a chat, for its owners. It is read from what a reader of the journal has counted, so its cost
    /// depends on the number of days and of people, and not on the number of messages. It is exact as soon as the reader
    /// has read everything: a deleted message counts for nothing, and whoever is erased is nobody any more. What was
    /// sent before there was this reader is not counted.
    async fn chat_analytics(&self, ctx: &Ctx, chat: ChatId, period: Period) -> Result<ChatAnalytics>;
}
