//! The row of somebody's presence. Who never chose a status nor was ever connected has none.

use clowder_accounts::presence::{PresenceFacts, PresenceStatus};
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
}

impl PresenceRow {
    pub fn facts(&self, connected: bool) -> Result<PresenceFacts> {
        let status = PresenceStatus::parse_word(&self.status)?;
        Ok(PresenceFacts { status, until: self.until, connected, last_seen_at: self.last_seen_at })
    }
}
