//! Inputs about templates of chats.

use clowder_core::{Fields, Input, Nested, UserId, text::Flaw};

use crate::{
    ChatType, ChatVisibility, History,
    lifetimes::{Lifetime, OptionalLifetime},
    model::{MAX_INVITED, Optional, RightsPatch, Title},
    moderation::{LONGEST_PAUSE, Within},
};

/// `{name, type, title?, description?, visibility?, history?, rights?, lifetime?, slow_seconds?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatTemplate, example = json!({"name": "Project", "type": "group", "history": "since_join", "rights": {"pin": true}}))]
pub struct NewTemplate {
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    pub name: Title<120>,
    /// `group` or `channel`.
    #[schema(rename = "type")]
    pub kind: ChatType,
    /// Of chats for which nobody gives another one.
    #[schema(value_type = Option<String>, max_length = 120)]
    pub title: Option<Title<120>>,
    #[schema(value_type = Option<String>, max_length = 500)]
    pub description: Option<Title<500>>,
    /// `private` if absent.
    pub visibility: Option<ChatVisibility>,
    /// `all` if absent.
    pub history: Option<History>,
    /// Those that are absent are as in every new chat.
    pub rights: Option<RightsPatch>,
    pub lifetime: Option<Lifetime>,
    /// 0 if absent.
    #[schema(minimum = 0, maximum = 21600)]
    pub slow_seconds: Option<i64>,
}

impl Input for NewTemplate {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let (name, kind) = (fields.required("name"), fields.required("type"));
        let (title, description) = (fields.optional("title"), fields.optional("description"));
        let (visibility, history) = (fields.optional("visibility"), fields.optional("history"));
        let rights = fields.optional::<Nested<RightsPatch>>("rights");
        let lifetime = fields.optional::<Nested<Lifetime>>("lifetime");
        let slow_seconds = fields.optional::<Within<0, LONGEST_PAUSE>>("slow_seconds");
        if kind == Some(ChatType::Private) {
            fields.flaw("type", Flaw::new("choice", "must be group or channel"));
        }
        Some(Self {
            name: name?,
            kind: kind?,
            title: title?,
            description: description?,
            visibility: visibility?,
            history: history?,
            rights: rights?.map(|Nested(rights)| rights),
            lifetime: lifetime?.map(|Nested(lifetime)| lifetime),
            slow_seconds: slow_seconds?.map(|seconds| seconds.0),
        })
    }
}

/// Absent members stay; `null` takes `title`, `description` or `lifetime` away.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = ChatTemplatePatch, example = json!({"name": "Large project", "slow_seconds": 10}))]
pub struct TemplatePatch {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 120)]
    pub name: Option<Title<120>>,
    #[schema(value_type = Option<String>, max_length = 120)]
    pub title: Option<Optional<120>>,
    #[schema(value_type = Option<String>, max_length = 500)]
    pub description: Option<Optional<500>>,
    pub visibility: Option<ChatVisibility>,
    pub history: Option<History>,
    pub rights: Option<RightsPatch>,
    #[schema(value_type = Option<Lifetime>)]
    pub lifetime: Option<OptionalLifetime>,
    #[schema(minimum = 0, maximum = 21600)]
    pub slow_seconds: Option<i64>,
}

impl Input for TemplatePatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let name = fields.optional("name");
        let (title, description) = (fields.patch("title"), fields.patch("description"));
        let (visibility, history) = (fields.optional("visibility"), fields.optional("history"));
        let rights = fields.optional::<Nested<RightsPatch>>("rights");
        let lifetime = fields.patch("lifetime");
        let slow_seconds = fields.optional::<Within<0, LONGEST_PAUSE>>("slow_seconds");
        Some(Self {
            name: name?,
            title: title?,
            description: description?,
            visibility: visibility?,
            history: history?,
            rights: rights?.map(|Nested(rights)| rights),
            lifetime: lifetime?,
            slow_seconds: slow_seconds?.map(|seconds| seconds.0),
        })
    }
}

/// `{title?, description?, participant_ids?}`
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = NewChatFromTemplate, example = json!({"title": "The new website", "participant_ids": ["01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"]}))]
pub struct NewFromTemplate {
    /// In place of that of the template; required if it has none.
    #[schema(value_type = Option<String>, max_length = 120)]
    pub title: Option<Title<120>>,
    /// In place of that of the template.
    #[schema(value_type = Option<String>, max_length = 500)]
    pub description: Option<Title<500>>,
    /// The others. In a channel they are its subscribers.
    #[schema(max_items = 500, required = false)]
    pub participant_ids: Vec<UserId>,
}

impl Input for NewFromTemplate {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let (title, description) = (fields.optional("title"), fields.optional("description"));
        let participant_ids = fields.optional_list("participant_ids", MAX_INVITED);
        Some(Self { title: title?, description: description?, participant_ids: participant_ids? })
    }

    fn rows(&self) -> usize {
        self.participant_ids.len()
    }
}
