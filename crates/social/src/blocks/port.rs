//! What an implementation of blocks, mutes and notes must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, UserId};

use super::{Block, Mute, NewBlock, NewMute, NewNote, Note};

/// Each method is one use case and one transaction; its changes are committed with it. People of whom the caller does
/// not know are `user.unknown`: those whom they may not see, share no chat with, and have not decided about before.
#[async_trait]
pub trait Blocks: Send + Sync {
    /// Blocks somebody, or changes the block. When this returns, the two are no friends any more and have no open
    /// requests, their private chat is closed, and neither finds the other. `block.limit` after
    /// [`super::policy::MOST`] people.
    async fn block(&self, ctx: &Ctx, user: UserId, new: NewBlock) -> Result<Block>;

    /// Ends a block; nothing happens if there is none. The private chat opens again unless the other person has blocked
    /// the caller, too. What the block ended stays ended.
    async fn unblock(&self, ctx: &Ctx, user: UserId) -> Result<()>;

    /// Whom the caller has blocked, the latest first.
    async fn blocks(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Block>>;

    /// Mutes somebody, or changes when the mute ends. `mute.limit` after [`super::policy::MOST`] people.
    async fn mute(&self, ctx: &Ctx, user: UserId, new: NewMute) -> Result<Mute>;

    /// Ends a mute; nothing happens if there is none.
    async fn unmute(&self, ctx: &Ctx, user: UserId) -> Result<()>;

    /// Whom the caller has muted, the latest first, without mutes that are over.
    async fn mutes(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Mute>>;

    /// What the caller noted about somebody; `note.unknown` if nothing.
    async fn note(&self, ctx: &Ctx, about: UserId) -> Result<Note>;

    /// Replaces the caller's note about somebody. Nobody else ever reads it, and it is stored encrypted. `note.limit`
    /// after notes on [`super::policy::MOST`] people.
    async fn write_note(&self, ctx: &Ctx, about: UserId, new: NewNote) -> Result<Note>;

    /// Deletes a note; nothing happens if there is none.
    async fn remove_note(&self, ctx: &Ctx, about: UserId) -> Result<()>;
}
