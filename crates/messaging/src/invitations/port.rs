//! What an implementation must guarantee about invitations to chats.

use async_trait::async_trait;
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, UserId, link::Code};

use super::{Guest, Invitation, Invites, Link, LinkId, NewAnswer, NewInvite, Preview, Standing, Verdict};
use crate::Chat;

/// What coming by a link, or by oneself, did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    In(Box<Chat>),
    /// They were in it.
    Already(Box<Chat>),
    /// Its owners and admins decide.
    Asked(ChatId),
}

/// Each method is one use case and one transaction; its change is committed with it. Chats that the caller is not in are
/// `chat.unknown`.
#[async_trait]
pub trait Invitations: Send + Sync {
    /// Invites people whom the caller may see, or makes a link. Honours `ctx.idempotency_key`.
    async fn invite(&self, ctx: &Ctx, chat: ChatId, new: NewInvite) -> Result<Invites>;

    /// The links of a chat, the newest first, without their codes.
    async fn links(&self, ctx: &Ctx, chat: ChatId, page: PageRequest) -> Result<Page<Link>>;

    /// Ends a link; ending it twice is fine.
    async fn revoke(&self, ctx: &Ctx, chat: ChatId, link: LinkId) -> Result<()>;

    /// Who is invited to a chat, or asks to join it, the longest waiting first.
    async fn guests(&self, ctx: &Ctx, chat: ChatId, standing: Standing, page: PageRequest) -> Result<Page<Guest>>;

    /// Takes back an invitation, and tells whoever was invited; nothing happens if there is none.
    async fn withdraw(&self, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<()>;

    /// Lets somebody in who asked, or turns them away.
    async fn decide(&self, ctx: &Ctx, chat: ChatId, user: UserId, verdict: Verdict) -> Result<()>;

    /// The open invitations of the caller, and their open requests to join, in the order of their chats.
    async fn invitations(&self, ctx: &Ctx, standing: Option<Standing>, page: PageRequest) -> Result<Page<Invitation>>;

    /// Accepts or declines an invitation, or takes a request back; the chat, if the caller is in it now.
    async fn answer(&self, ctx: &Ctx, chat: ChatId, answer: NewAnswer) -> Result<Option<Chat>>;

    /// What whoever has the code of a link would join.
    async fn preview(&self, ctx: &Ctx, code: Code) -> Result<Preview>;

    /// Comes by a link. However many do so at once, no more than its `max_uses` get in. Honours `ctx.idempotency_key`.
    async fn come(&self, ctx: &Ctx, code: Code) -> Result<Came>;
}
