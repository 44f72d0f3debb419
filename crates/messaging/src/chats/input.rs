//! Inputs about chats themselves.

use clowder_core::{Fields, FileId, Input, Nullable, UserId, input::Nested, text::Flaw};

use crate::lifetimes::{Lifetime, OptionalLifetime};
use crate::model::{
    ChatType, ChatVisibility, History, Notify, Optional, OptionalText, OptionalTime, RightsPatch, Title,
};

/// Absent members stay; `null` takes the description or the picture away.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"title": "Late lunch", "rights": {"add": false}}))]
pub struct ChatPatch {
    #[schema(value_type = Option<String>, max_length = 120)]
    pub title: Option<Title<120>>,
    #[schema(value_type = Option<String>, max_length = 500)]
    pub description: Option<Optional<500>>,
    pub visibility: Option<ChatVisibility>,
    /// For people who come from now on.
    pub history: Option<History>,
    #[schema(value_type = Option<RightsPatch>)]
    pub rights: Option<RightsPatch>,
    /// How long messages stay that are sent from now on; `null` lets them stay.
    #[schema(value_type = Option<Lifetime>)]
    pub lifetime: Option<OptionalLifetime>,
    /// One's own file, uploaded as `chat` or `avatar`.
    #[schema(value_type = Option<FileId>)]
    pub avatar: Option<Nullable<FileId>>,
}

impl ChatPatch {
    /// Whether it changes more than the texts and the picture.
    pub const fn configures(&self) -> bool {
        self.visibility.is_some() || self.history.is_some() || self.rights.is_some()
    }

    pub const fn writes(&self) -> bool {
        self.title.is_some() || self.description.is_some() || self.avatar.is_some()
    }

    /// Whether it is about nothing but how long messages stay, which both people of a private chat decide, too.
    pub const fn only_times(&self) -> bool {
        self.lifetime.is_some() && !self.writes() && !self.configures()
    }
}

impl Input for ChatPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files_but(&["avatar"]);
        let title = fields.either(["title", "name"]);
        let description = fields.patch("description");
        let (visibility, history) = (fields.optional("visibility"), fields.optional("history"));
        let rights = fields.optional::<Nested<RightsPatch>>("rights");
        let (lifetime, avatar) = (fields.patch("lifetime"), fields.patch("avatar"));
        Some(Self {
            avatar: avatar?,
            title: title?,
            description: description?,
            visibility: visibility?,
            history: history?,
            rights: rights?.map(|rights| rights.0),
            lifetime: lifetime?,
        })
    }
}

/// `{user_id}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = NewChatOwner, example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"}))]
pub struct NewOwner {
    pub user_id: UserId,
}

impl Input for NewOwner {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("user_id").map(|user_id| Self { user_id })
    }
}

/// Absent members stay; `null` takes `muted_until` or `title` away.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = ChatPreferencesPatch, example = json!({"pinned": true, "notify": "mentions"}))]
pub struct PreferencesPatch {
    pub archived: Option<bool>,
    pub pinned: Option<bool>,
    #[schema(value_type = Option<clowder_core::Timestamp>)]
    pub muted_until: Option<OptionalTime>,
    pub notify: Option<Notify>,
    /// What you call the chat; nobody else sees it.
    #[schema(value_type = Option<String>, max_length = 120)]
    pub title: Option<Optional<120>>,
}

impl Input for PreferencesPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (archived, pinned) = (fields.optional("archived"), fields.optional("pinned"));
        let (muted_until, notify) = (fields.patch("muted_until"), fields.optional("notify"));
        let title = fields.patch("title");
        Some(Self { archived: archived?, pinned: pinned?, muted_until: muted_until?, notify: notify?, title: title? })
    }
}

/// `{content}`; `null` or an empty text discards the draft.
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatDraft, example = json!({"content": "Shall we have"}))]
pub struct NewDraft {
    #[schema(value_type = Option<String>, required = true, max_length = 8000)]
    pub content: OptionalText<8_000>,
}

impl Input for NewDraft {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let content = fields.patch("content")?;
        if content.is_none() {
            fields.flaw("content", Flaw::new("required", "is required; null discards the draft"));
        }
        content.map(|content| Self { content })
    }
}

/// Which public chats to list.
#[derive(Debug, Clone, Default)]
pub struct DirectoryFilter {
    /// Words of the title begin with these.
    pub search: Option<String>,
    pub kind: Option<ChatType>,
}
