//! The row of somebody's presence. Who never chose a status nor was ever connected has none.

use clowder_accounts::presence::{Connected, PresenceFacts, PresenceStatus, Vanished};
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
    /// `connected` is how they are connected, if they are.
    pub fn facts(&self, connected: Option<Connected>) -> Result<PresenceFacts> {
        let was = self.vanished_as.as_deref().map(PresenceStatus::parse_word).transpose()?;
        let facts = PresenceFacts {
            status: PresenceStatus::parse_word(&self.status)?,
            until: self.until,
            last_seen_at: self.last_seen_at,
            vanished: self.vanished_at.zip(was).map(|(at, was)| Vanished { at, was }),
            ..PresenceFacts::default()
        };
        Ok(facts.with(connected))
    }
}
