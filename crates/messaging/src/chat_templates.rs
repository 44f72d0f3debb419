//! Templates of chats: what a new group or channel is like, kept for oneself or, by administrators, for everybody.

mod input;
pub mod port;

use clowder_core::{Error, Field, Id, Result, Timestamp, Versions, Word, versions};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use input::{NewFromTemplate, NewTemplate, TemplatePatch};

use crate::{
    ChatType, ChatVisibility, History, NewChat, Rights,
    chats::Extras,
    lifetimes::Lifetime,
    refusals::{CHAT_TEMPLATE_STALE, CHAT_TEMPLATES},
};

pub type ChatTemplateId = Id<ChatTemplate>;

/// How many templates one person can have, and how many the server.
pub const MOST: i64 = 100;

/// What a new chat is like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatTemplate {
    pub id: ChatTemplateId,
    pub scope: TemplateScope,
    /// What the template is called.
    #[schema(max_length = 120, example = "Project")]
    pub name: String,
    /// `group` or `channel`.
    #[serde(rename = "type")]
    pub kind: ChatType,
    /// Of chats for which nobody gives another one.
    #[schema(max_length = 120, example = "Project")]
    pub title: Option<String>,
    #[schema(max_length = 500)]
    pub description: Option<String>,
    pub visibility: ChatVisibility,
    pub history: History,
    /// What members may do.
    pub rights: Rights,
    /// How long messages stay; `null` if until somebody deletes them.
    pub lifetime: Option<Lifetime>,
    /// How many seconds members wait between two messages.
    #[schema(minimum = 0, maximum = 21600)]
    pub slow_seconds: i64,
    pub created_at: Timestamp,
    /// Starts at 1 and grows by one with each edit; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
}

/// Whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatTemplateScope)]
pub enum TemplateScope {
    /// Yours: nobody else sees it.
    Own,
    /// Everybody's: administrators write them.
    Server,
}

impl Word for TemplateScope {
    const WHAT: &'static str = "scope of a template";
    const WORDS: &'static [(&'static str, Self)] = &[("own", Self::Own), ("server", Self::Server)];
}

/// Whether one more template fits.
pub fn may_add(count: i64) -> Result<()> {
    if count >= MOST { Err(CHAT_TEMPLATES.into()) } else { Ok(()) }
}

pub fn new(id: ChatTemplateId, now: Timestamp, scope: TemplateScope, new: NewTemplate) -> ChatTemplate {
    ChatTemplate {
        id,
        scope,
        name: new.name.into_string(),
        kind: new.kind,
        title: new.title.map(clowder_core::Name::into_string),
        description: new.description.map(clowder_core::Name::into_string),
        visibility: new.visibility.unwrap_or(ChatVisibility::Private),
        history: new.history.unwrap_or(History::All),
        rights: new.rights.unwrap_or_default().apply(Rights::of(new.kind)),
        lifetime: new.lifetime,
        slow_seconds: new.slow_seconds.unwrap_or(0),
        created_at: now,
        version: 1,
    }
}

/// The template after an edit, or `None` if the edit changes nothing.
pub fn edit(before: &ChatTemplate, version: Option<&Versions>, patch: TemplatePatch) -> Result<Option<ChatTemplate>> {
    versions::check(version, before.version, CHAT_TEMPLATE_STALE)?;
    let mut after = before.clone();
    if let Some(name) = patch.name {
        after.name = name.into_string();
    }
    if let Some(title) = patch.title {
        after.title = title.0;
    }
    if let Some(description) = patch.description {
        after.description = description.0;
    }
    after.visibility = patch.visibility.unwrap_or(after.visibility);
    after.history = patch.history.unwrap_or(after.history);
    after.rights = patch.rights.unwrap_or_default().apply(after.rights);
    after.lifetime = patch.lifetime.map_or(after.lifetime, |lifetime| lifetime.0);
    after.slow_seconds = patch.slow_seconds.unwrap_or(after.slow_seconds);
    if after == *before {
        return Ok(None);
    }
    after.version += 1;
    Ok(Some(after))
}

/// A new chat by a template, with what its creator says of it: as a call to create it, and what that call cannot say.
pub fn apply(template: ChatTemplate, from: NewFromTemplate) -> Result<(NewChat, Extras)> {
    let ChatTemplate { kind, title, description, visibility, history, rights, lifetime, slow_seconds, .. } = template;
    let broken = |_| Error::internal("a stored template whose text is none");
    let title = match (from.title, title) {
        (Some(title), _) => title,
        (None, Some(title)) => Field::parse(json!(title)).map_err(broken)?,
        (None, None) => return Err(Error::field("/title", "required", "is required: the template has no title")),
    };
    let description = match (from.description, description) {
        (None, Some(description)) => Some(Field::parse(json!(description)).map_err(broken)?),
        (description, _) => description,
    };
    let new = NewChat {
        kind,
        title: Some(title),
        description,
        participant_ids: from.participant_ids,
        visibility: Some(visibility),
        history: Some(history),
        rights: None,
        lifetime: None,
    };
    Ok((new, Extras { rights, lifetime, slow_seconds }))
}

#[cfg(test)]
mod tests;
