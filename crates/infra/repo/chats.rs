//! Chats themselves over the database: found in the directory, edited, handed over, deleted, and arranged by each of their
//! people for themselves. Each method is one transaction.

pub mod clearing;
pub mod directory;
pub mod edit;
pub mod hold;
pub mod notes;
pub mod pictures;
mod privacy;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::activity::{Rule, Target, Whose};
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, Versions};
use clowder_messaging::{
    Chat, ChatEntry, ChatPreferences, Chats,
    chats::{ChatPatch, Deletion, DirectoryFilter, Gone, NewDraft, NewOwner, PreferencesPatch},
};
use tracing::instrument;

use super::{
    Repo,
    attempts::{is_decided, is_declined, is_withdrawn},
    clock::{SHOWN, never},
    domains::{Domain, Sweep},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("chat.decided", "chat.decided", Whose::OnAnother("/user_id"), Target::Subject("chat"))
            .only(is_decided),
        Rule::new("chat.updated", "chat.changed", Whose::Actor, Target::Subject("chat")).only(is_edited),
        Rule::new("chat.deleted", "chat.deleted", Whose::Actor, Target::Subject("chat")),
        Rule::new("chat.invited", "chat.invited", Whose::OnAnother("/user_id"), Target::Subject("chat")),
        Rule::new("chat.uninvited", "chat.declined", Whose::OnOneself("/user_id"), Target::Subject("chat"))
            .only(is_declined),
        Rule::new("chat.uninvited", "chat.uninvited", Whose::OnAnother("/user_id"), Target::Subject("chat"))
            .only(is_withdrawn),
    ],
    files: &[pictures::HOLDER],
    sealed: &[notes::TITLE, notes::DRAFT],
    words: &["chat_attempts.kind", "chat_guests.role", "chat_guests.status", "chat_links.role"],
    times: &[
        never("chat_attempts.made_at", "what lies after now counts as within the last day until it does"),
        never("chat_attempts.refused_at", "what lies after now counts as now"),
        never("chat_deletions.finished_at", "only whether there is one matters, and when it is forgotten"),
        never("chat_guests.since", SHOWN),
        never("chat_links.created_at", SHOWN),
        never("chat_links.expires_at", "chosen by a person"),
        never("chat_links.revoked_at", "only whether there is one matters, and when it is forgotten"),
        never("chat_notes.drafted_at", SHOWN),
    ],
    sweeps: &[Sweep::Rows(clearing::sweep)],
    workers: |repo| vec![Arc::new(clearing::Clearer(Arc::clone(repo)))],
    ..Domain::NONE
};

/// A private chat changes only by a block, which has an item of its own.
fn is_edited(chat: &serde_json::Value) -> bool {
    chat["type"] != "private"
}

#[async_trait]
impl Chats for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn directory(&self, ctx: &Ctx, filter: DirectoryFilter, page: PageRequest) -> Result<Page<ChatEntry>> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| directory::list(conn, viewer, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit_chat(&self, ctx: &Ctx, chat: ChatId, version: Option<Versions>, patch: ChatPatch) -> Result<Chat> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit::edit(tx, &ctx, chat, version.as_ref(), patch.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete_chat(&self, ctx: &Ctx, chat: ChatId, version: Option<Versions>) -> Result<Gone> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit::delete(tx, &ctx, chat, version.as_ref())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn deletion(&self, ctx: &Ctx, chat: ChatId) -> Result<Deletion> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| clearing::deletion(conn, viewer, chat)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn transfer(&self, ctx: &Ctx, chat: ChatId, owner: NewOwner) -> Result<Chat> {
        let ctx = ctx.clone();
        self.db.write(move |tx| edit::transfer(tx, &ctx, chat, owner.user_id)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_preferences(&self, ctx: &Ctx, chat: ChatId, patch: PreferencesPatch) -> Result<ChatPreferences> {
        let ctx = ctx.clone();
        self.db.write(move |tx| notes::choose(tx, &ctx, chat, patch.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_draft(&self, ctx: &Ctx, chat: ChatId, draft: NewDraft) -> Result<ChatPreferences> {
        let ctx = ctx.clone();
        self.db.write(move |tx| notes::draft(tx, &ctx, chat, draft.clone())).await
    }
}
