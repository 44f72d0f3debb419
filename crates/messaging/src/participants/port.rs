//! What an implementation must guarantee about the people in chats.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, UserId};

use super::{NewParticipants, PeopleFilter, RolePatch};
use crate::{Participant, invitations::port::Came};

/// Each method is one use case and one transaction; its change is committed with it. Chats that the caller is not in are
/// `chat.unknown`. Whatever happens at the same time, a group or channel that somebody is in keeps an owner.
#[async_trait]
pub trait Participants: Send + Sync {
    /// The people in a chat, by role and then by name. A page costs the same at any depth.
    async fn participants(
        &self,
        ctx: &Ctx,
        chat: ChatId,
        filter: PeopleFilter,
        page: PageRequest,
    ) -> Result<Page<Participant>>;

    /// Adds people, all or none; who is in the chat already stays as they are. Answers those who were named.
    async fn add(&self, ctx: &Ctx, chat: ChatId, new: NewParticipants) -> Result<Vec<Participant>>;

    async fn set_role(&self, ctx: &Ctx, chat: ChatId, user: UserId, patch: RolePatch) -> Result<Participant>;

    /// Removes somebody; the caller themselves leaves.
    async fn remove(&self, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<()>;

    /// Joins a public chat; while its brake is on, the caller asks to be let in instead. Honours `ctx.idempotency_key`.
    async fn join(&self, ctx: &Ctx, chat: ChatId) -> Result<Came>;
}
