//! Locks of recipients of emails.

use clowder_core::Result;
use diesel::{prelude::*, sql_query, sql_types::Text};

use super::Conn;

/// Taken by everybody who sends mail to an address.
pub fn lock_mailbox(conn: &mut Conn, mailbox: &str) -> Result<()> {
    let lock = sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    lock.bind::<Text, _>(format!("mail to {mailbox}")).execute(conn)?;
    Ok(())
}
