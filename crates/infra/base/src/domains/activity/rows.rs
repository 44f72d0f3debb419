//! The row of what somebody did to one thing on one day.

use clowder_accounts::activity::{Activity, ActivityData, ActivityDevice, ActivityId, ActivityTarget, Tally};
use clowder_core::{Id, Timestamp, UserId};
use diesel::prelude::*;

use super::schema::{activity, activity_clearings};

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = activity)]
pub struct ActivityRow {
    pub id: ActivityId,
    pub user_id: UserId,
    pub day: i32,
    pub kind: String,
    pub target_kind: String,
    pub target_id: Id<()>,
    pub at: Timestamp,
    pub last_at: Timestamp,
    pub count: i64,
}

impl ActivityRow {
    pub fn new(tally: Tally) -> Self {
        Self {
            id: Id::new(tally.first_at),
            user_id: tally.user,
            day: tally.day,
            kind: tally.kind.to_owned(),
            target_kind: tally.target_kind,
            target_id: Id::from_uuid(tally.target),
            at: tally.first_at,
            last_at: tally.last_at,
            count: tally.count,
        }
    }

    pub fn activity(self, device: Option<ActivityDevice>) -> Activity {
        Activity {
            id: self.id,
            kind: self.kind,
            target: ActivityTarget { kind: self.target_kind, id: self.target_id.uuid() },
            at: self.at,
            data: ActivityData { count: self.count, last_at: self.last_at, device },
        }
    }
}

/// Up to where somebody has cleared their log: the positions of the journal with this epoch, and that of the audit log.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = activity_clearings)]
pub struct ClearingRow {
    pub user_id: UserId,
    pub cleared_at: Timestamp,
    pub epoch: Id<()>,
    /// A JSON array.
    pub heads: String,
    pub audit: i64,
}
