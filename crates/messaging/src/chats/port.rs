//! What an implementation must guarantee about chats themselves.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, Versions};

use super::{ChatPatch, DirectoryFilter, NewDraft, NewOwner, PreferencesPatch};
use crate::{
    Chat, ChatEntry, ChatPreferences,
    chats::{Deletion, Gone},
};

/// Each method is one use case and one transaction; its change is committed with it. Chats that the caller is not in are
/// `chat.unknown`.
#[async_trait]
pub trait Chats: Send + Sync {
    /// Public groups and channels, the newest first; in a search by the words of their titles.
    async fn directory(&self, ctx: &Ctx, filter: DirectoryFilter, page: PageRequest) -> Result<Page<ChatEntry>>;

    /// Edits a chat; `chat.stale` unless `version` is absent or contains the current one. Costs the same however many
    /// people are in it.
    async fn edit_chat(&self, ctx: &Ctx, chat: ChatId, version: Option<Versions>, patch: ChatPatch) -> Result<Chat>;

    /// Its owner deletes a chat: from now on it is unknown to everybody. A small one is gone with the answer; of a larger
    /// one a job takes the people out and deletes it, in pieces whose size does not depend on the chat's. Others leave it.
    async fn delete_chat(&self, ctx: &Ctx, chat: ChatId, version: Option<Versions>) -> Result<Gone>;

    /// How far the deletion has come that the caller began; known for a week after its end.
    async fn deletion(&self, ctx: &Ctx, chat: ChatId) -> Result<Deletion>;

    /// Makes another participant an owner, and the caller an admin.
    async fn transfer(&self, ctx: &Ctx, chat: ChatId, owner: NewOwner) -> Result<Chat>;

    /// What the caller chooses for themselves. Only their own devices are told, and of texts only that they changed.
    async fn set_preferences(&self, ctx: &Ctx, chat: ChatId, patch: PreferencesPatch) -> Result<ChatPreferences>;

    /// What the caller has begun to write. Only their own devices are told that it changed.
    async fn set_draft(&self, ctx: &Ctx, chat: ChatId, draft: NewDraft) -> Result<ChatPreferences>;
}
