//! The row of somebody's presence. Who never chose a status nor was ever connected has none.

use clowder_accounts::presence::{PresenceFacts, PresenceStatus, Vanished};
use clowder_core::{Result, Timestamp, UserId, Word};
use diesel::prelude::*;

use super::schema::presence;

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = presence)]
pub struct PresenceRow {
    pub user_id: UserId,
    pub status: String,
    pub until: Option<Timestamp>,
    pub last_seen_at: Option<Timestamp>,
    pub vanished_at: Option<Timestamp>,
    pub vanished_as: Option<String>,
}

impl PresenceRow {
    /// `since` is when they connected, if they are.
    pub fn facts(&self, since: Option<Timestamp>) -> Result<PresenceFacts> {
        let was = self.vanished_as.as_deref().map(PresenceStatus::parse_word).transpose()?;
        Ok(PresenceFacts {
            status: PresenceStatus::parse_word(&self.status)?,
            until: self.until,
            since,
            last_seen_at: self.last_seen_at,
            vanished: self.vanished_at.zip(was).map(|(at, was)| Vanished { at, was }),
        })
    }
}
