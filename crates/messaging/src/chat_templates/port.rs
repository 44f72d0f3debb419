//! What an implementation must guarantee about templates of chats.

use async_trait::async_trait;
use clowder_core::{Ctx, Made, Page, PageRequest, Result, Versions};

use super::{ChatTemplate, ChatTemplateId, NewFromTemplate, NewTemplate, TemplatePatch, TemplateScope};
use crate::Chat;

/// Everybody sees their own templates and those of the server; all others are `chat.template_unknown`. Whoever writes those
/// of the server has the permission for it, which the caller of a method with `TemplateScope::Server` has checked.
#[async_trait]
pub trait ChatTemplates: Send + Sync {
    /// `chat.templates` if there are as many as can be. Honours `ctx.idempotency_key`.
    async fn create_template(&self, ctx: &Ctx, scope: TemplateScope, new: NewTemplate) -> Result<ChatTemplate>;

    /// The latest first; without a scope, those of the server among one's own.
    async fn templates(&self, ctx: &Ctx, scope: Option<TemplateScope>, page: PageRequest)
    -> Result<Page<ChatTemplate>>;

    async fn template(&self, ctx: &Ctx, id: ChatTemplateId) -> Result<ChatTemplate>;

    /// Edits a template of this scope; `chat.template_stale` unless `version` is absent or contains the current one.
    async fn edit_template(
        &self,
        ctx: &Ctx,
        scope: TemplateScope,
        id: ChatTemplateId,
        version: Option<Versions>,
        patch: TemplatePatch,
    ) -> Result<ChatTemplate>;

    /// Chats that were made with it stay as they are.
    async fn delete_template(
        &self,
        ctx: &Ctx,
        scope: TemplateScope,
        id: ChatTemplateId,
        version: Option<Versions>,
    ) -> Result<()>;

    /// Creates a chat as [`crate::Messaging::create_chat`] does, with what the template says. Honours
    /// `ctx.idempotency_key`.
    async fn create_from_template(&self, ctx: &Ctx, id: ChatTemplateId, new: NewFromTemplate) -> Result<Made<Chat>>;
}
