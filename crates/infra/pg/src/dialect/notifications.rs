//! The locks of people's notifications.

use clowder_core::{Result, UserId};
use diesel::prelude::*;

use super::Conn;
use crate::domains::notifications::notification_inboxes as inboxes;

/// Taken by everybody who changes somebody's notifications, of several people in the order of their ids. Nothing comes after
/// it but jobs and the journal.
pub fn lock_inboxes(conn: &mut Conn, users: &[UserId]) -> Result<()> {
    let some = inboxes::table.filter(inboxes::user_id.eq_any(users)).order(inboxes::user_id).select(inboxes::user_id);
    some.for_no_key_update().load::<UserId>(conn)?;
    Ok(())
}
