//! The rows of accounts and their sessions.

use clowder_accounts::{Own, Session, Suspension};
use clowder_core::{Card, Ctx, FileId, Picture, Result, Role, SessionId, Timestamp, UserId, Visibility, Word};
use diesel::prelude::*;

use super::schema::{sessions, users};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
#[diesel(treat_none_as_default_value = false)]
pub struct UserRow {
    pub id: UserId,
    pub username: String,
    pub username_key: String,
    pub email: String,
    pub email_key: String,
    pub email_verified_at: Option<Timestamp>,
    pub password: String,
    pub display_name: String,
    pub bio: Option<String>,
    pub status_text: Option<String>,
    pub visibility: String,
    pub role: String,
    pub created_at: Timestamp,
    pub version: i64,
    pub two_factor_at: Option<Timestamp>,
    pub erase_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub suspended_until: Option<Timestamp>,
    pub suspension_reason: Option<String>,
    pub pronouns: Option<String>,
    pub location: Option<String>,
    /// A JSON array.
    pub links: Option<String>,
    pub status_until: Option<Timestamp>,
    pub renamed_at: Option<Timestamp>,
    /// A JSON array.
    pub badges: Option<String>,
    pub avatar_id: Option<FileId>,
    pub cover_id: Option<FileId>,
}

impl UserRow {
    /// A new account, of which only this is known.
    pub fn new(id: UserId, name: (String, String), email: (String, String), password: String, now: Timestamp) -> Self {
        Self {
            id,
            display_name: name.0.clone(),
            username: name.0,
            username_key: name.1,
            email: email.0,
            email_key: email.1,
            email_verified_at: None,
            password,
            bio: None,
            status_text: None,
            visibility: Visibility::Public.as_str().to_owned(),
            role: Role::User.as_str().to_owned(),
            created_at: now,
            version: 1,
            two_factor_at: None,
            erase_at: None,
            deleted_at: None,
            suspended_until: None,
            suspension_reason: None,
            pronouns: None,
            location: None,
            links: None,
            status_until: None,
            renamed_at: None,
            badges: None,
            avatar_id: None,
            cover_id: None,
        }
    }

    pub fn own(self) -> Result<Own> {
        let until = self.suspended_until;
        Ok(Own {
            suspension: self.suspension_reason.map(|reason| Suspension { until, reason }),
            id: self.id,
            username: self.username,
            display_name: self.display_name,
            bio: self.bio,
            status_text: self.status_text,
            status_until: self.status_until,
            pronouns: self.pronouns,
            location: self.location,
            links: self.links.map(|links| serde_json::from_str(&links)).transpose()?.unwrap_or_default(),
            badges: self.badges.map(|badges| serde_json::from_str(&badges)).transpose()?.unwrap_or_default(),
            email: self.email,
            email_verified: self.email_verified_at.is_some(),
            role: Role::parse_word(&self.role)?,
            two_factor: self.two_factor_at.is_some(),
            avatar: self.avatar_id.map(Picture::of),
            cover: self.cover_id.map(Picture::of),
            presence: None,
            last_seen_at: None,
            friendship: None,
            friends_count: None,
            pets_count: None,
            erase_at: self.erase_at,
            visibility: Visibility::parse_word(&self.visibility)?,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

/// The columns of [`Card`].
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct CardRow {
    pub id: UserId,
    pub username: String,
    pub display_name: String,
    pub avatar_id: Option<FileId>,
}

impl From<CardRow> for Card {
    fn from(row: CardRow) -> Self {
        Self::new(row.id, row.username, row.display_name).pictured(row.avatar_id)
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
#[diesel(treat_none_as_default_value = false)]
pub struct SessionRow {
    pub id: SessionId,
    pub user_id: UserId,
    pub name: Option<String>,
    pub agent: Option<String>,
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The place from which it was opened.
    pub opened_from: Option<String>,
    pub authenticated_at: Timestamp,
}

impl SessionRow {
    pub fn session(self, ctx: &Ctx) -> Session {
        Session {
            current: ctx.session().is_ok_and(|current| current == self.id),
            id: self.id,
            name: self.name,
            agent: self.agent,
            address: self.address,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            expires_at: self.expires_at,
        }
    }
}
