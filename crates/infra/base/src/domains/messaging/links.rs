//! The row of a link into a chat.

use clowder_core::{ChatId, Result, Timestamp, UserId, Word, link::LinkFacts};
use clowder_messaging::{
    ChatRole,
    invitations::{Link, LinkId},
};
use diesel::prelude::*;

use super::schema::chat_links;

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_links)]
#[diesel(treat_none_as_default_value = false)]
pub struct ChatLinkRow {
    pub id: LinkId,
    pub chat_id: ChatId,
    pub code_hash: Vec<u8>,
    pub created_by: UserId,
    pub role: String,
    pub approval: bool,
    pub max_uses: Option<i32>,
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ChatLinkRow {
    pub fn facts(&self) -> LinkFacts {
        LinkFacts {
            revoked: self.revoked_at.is_some(),
            expires_at: self.expires_at,
            max_uses: self.max_uses,
            uses: self.uses,
        }
    }

    pub fn link(self) -> Result<Link> {
        Ok(Link {
            id: self.id,
            chat_id: self.chat_id,
            created_by: self.created_by,
            role: ChatRole::parse_word(&self.role)?,
            approval: self.approval,
            max_uses: self.max_uses,
            uses: self.uses,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        })
    }
}
