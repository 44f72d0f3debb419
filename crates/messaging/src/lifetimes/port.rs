//! What an implementation must guarantee about messages that disappear.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Result, Versions};

use super::NewLifetime;
use crate::Chat;

/// How many messages [`Lifetimes::expire`] looks at in one transaction.
pub const PIECE: usize = 256;

#[async_trait]
pub trait Lifetimes: Send + Sync {
    /// Says how long messages of a chat stay that are sent from now on; `chat.stale` unless `version` is absent or contains
    /// the current one.
    async fn set_lifetime(&self, ctx: &Ctx, chat: ChatId, version: Option<Versions>, new: NewLifetime) -> Result<Chat>;

    /// Begins the time of messages that all others have read, and deletes messages whose time is over, as if their authors
    /// had: the text is gone from the message, its history and the journal when this returns. A piece of each, in the
    /// order in which they are due; answers how many messages there were, less than [`PIECE`] when nothing is left.
    /// Any number of nodes may call it at once. Messages of a chat that another transaction holds wait for the next call.
    async fn expire(&self, ctx: &Ctx) -> Result<usize>;
}
