//! The table of templates of chats, and its rows.

use clowder_core::{Result, Timestamp, UserId, Word};
use clowder_messaging::{
    ChatType, ChatVisibility, History, Rights,
    chat_templates::{ChatTemplate, ChatTemplateId, TemplateScope},
    lifetimes::Lifetime,
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_templates (id) {
        id -> Uid,
        user_id -> Nullable<Uid>,
        #[sql_name = "type"]
        kind -> Text,
        name -> Text,
        title -> Nullable<Text>,
        description -> Nullable<Text>,
        settings -> Text,
        created_at -> Ts,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chat_templates)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct ChatTemplateRow {
    pub id: ChatTemplateId,
    /// `None` for those of the server.
    pub user_id: Option<UserId>,
    pub kind: String,
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub settings: String,
    pub created_at: Timestamp,
    pub version: i64,
}

/// Everything but the texts.
#[derive(Serialize, Deserialize)]
struct Settings {
    visibility: ChatVisibility,
    history: History,
    rights: Rights,
    lifetime: Option<Lifetime>,
    slow_seconds: i64,
}

impl ChatTemplateRow {
    pub fn new(user_id: Option<UserId>, template: &ChatTemplate) -> Result<Self> {
        let ChatTemplate { visibility, history, rights, lifetime, slow_seconds, .. } = *template;
        let settings = Settings { visibility, history, rights, lifetime, slow_seconds };
        let ChatTemplate { id, name, kind, title, description, created_at, version, .. } = template.clone();
        let (kind, settings) = (kind.as_str().to_owned(), serde_json::to_string(&settings)?);
        Ok(Self { id, user_id, kind, name, title, description, settings, created_at, version })
    }

    pub fn template(self) -> Result<ChatTemplate> {
        let scope = if self.user_id.is_some() { TemplateScope::Own } else { TemplateScope::Server };
        let kind = ChatType::parse_word(&self.kind)?;
        let settings: Settings = serde_json::from_str(&self.settings)?;
        let Settings { visibility, history, rights, lifetime, slow_seconds } = settings;
        let Self { id, name, title, description, created_at, version, .. } = self;
        Ok(ChatTemplate {
            id,
            scope,
            name,
            kind,
            title,
            description,
            visibility,
            history,
            rights,
            lifetime,
            slow_seconds,
            created_at,
            version,
        })
    }
}
