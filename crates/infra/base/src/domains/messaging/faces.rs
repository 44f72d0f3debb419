//! The rows of chats as everybody in them sees them.

use clowder_core::{ChatId, FileId, GroupId, Picture, Result, Word};
use clowder_messaging::{ChatFace, ChatType, ChatVisibility, History, Rights, lifetimes::Lifetime};
use diesel::prelude::*;

use super::schema::chats;

/// What all participants see of a chat alike.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = chats)]
pub struct FaceRow {
    pub id: ChatId,
    pub kind: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub visibility: String,
    pub history: String,
    pub rights: i64,
    pub slow_seconds: i64,
    pub lifetime: Option<i64>,
    pub group_id: Option<GroupId>,
    pub closed: bool,
    pub participant_count: i64,
    pub last_seq: i64,
    pub version: i64,
    pub avatar_id: Option<FileId>,
}

impl FaceRow {
    pub fn face(self) -> Result<ChatFace> {
        Ok(ChatFace {
            id: self.id,
            kind: ChatType::parse_word(&self.kind)?,
            title: self.title,
            description: self.description,
            avatar: self.avatar_id.map(Picture::of),
            visibility: ChatVisibility::parse_word(&self.visibility)?,
            history: History::parse_word(&self.history)?,
            rights: Rights::from_bits(self.rights).within(self.group_id.is_some()),
            slow_seconds: self.slow_seconds,
            lifetime: self.lifetime.map(Lifetime::from_number),
            closed: self.closed,
            participant_count: self.participant_count,
            version: self.version,
        })
    }
}
