//! The locks of what waits to be told by mail.

use clowder_core::{Result, UserId};
use diesel::prelude::*;

use super::Conn;
use crate::domains::notices::notice_queues as queues;

/// Taken by everybody who changes what waits for these people, after whether they want a digest. Nothing comes after it but
/// the things that wait, emails, jobs and the journal.
pub fn lock_queues(conn: &mut Conn, users: &[UserId]) -> Result<()> {
    let some = queues::table.filter(queues::user_id.eq_any(users)).order(queues::user_id).select(queues::user_id);
    some.for_no_key_update().load::<UserId>(conn)?;
    Ok(())
}
