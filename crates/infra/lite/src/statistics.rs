//! What SQLite's planner is told about the sizes of tables.
//!
//! Nothing else tells it: an `ANALYZE` would be slow on large databases, and wrong later if it ran on an empty one. Without
//! any statistics, SQLite takes the messages of a chat in their order for the cheapest way to each of them, and reads all of
//! them even where a partial index has the few that are wanted. See <https://www.sqlite.org/fileformat2.html#stat1tab>.

use clowder_core::Result;
use diesel::{
    connection::SimpleConnection,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Text},
    sqlite::Sqlite,
};

use crate::{dialect::Conn, statement::statement};

/// Of an index (a table's own key has its name): how many rows are in it, and how many of them have the same first
/// column, the same first two columns and so on, on average.
const SIZES: [(&str, &str, &str); 24] = [
    ("messages", "messages", "1000000 1000 1"),
    ("messages", "messages_id", "1000000 1"),
    ("messages", "messages_thread", "100000 20 1"),
    ("messages", "messages_system", "10000 10 1"),
    ("messages", "messages_deleted", "10000 10 1"),
    ("messages", "messages_reactions_left", "1000 10 1"),
    ("messages", "messages_reacted", "100000 100 1"),
    ("messages", "messages_unread_timers", "1000 10 1"),
    ("messages", "messages_expiring", "10000 1"),
    ("message_mentions", "message_mentions", "100000 1000 2 1"),
    ("message_mentions", "message_mentions_user", "100000 100 10 1"),
    ("message_mentions", "message_mentions_sent", "100000 100 1 1 1"),
    ("message_attachments", "message_attachments", "100000 100 2 1"),
    ("message_attachments", "message_attachments_file", "100000 2 1 1"),
    ("removed_messages", "removed_messages", "100000 100 1 1"),
    ("removed_messages", "removed_messages_user", "100000 100 10 1"),
    ("message_polls", "message_polls", "100000 100 1"),
    ("message_polls", "message_polls_left", "1000 10 1"),
    ("participants", "participants", "1000000 100 1"),
    ("participants", "participants_staff", "10000 2 1 1 1"),
    ("reports", "reports_about", "100000 2 1"),
    ("reports", "reports_reported", "100000 5 1"),
    ("group_words", "group_words", "1000000 1000 1"),
    ("group_words", "group_words_listed", "1000000 500000 100 1"),
];

/// For the connections that are opened after it. It writes only what has changed.
pub fn seed(conn: &mut Conn) -> Result<()> {
    let tables = statement::<(BigInt,), Sqlite>("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'");
    if tables.get_result::<(i64,)>(conn)? == (0,) {
        conn.batch_execute("ANALYZE sqlite_schema")?;
    }
    for (table, index, sizes) in SIZES {
        let old = "DELETE FROM sqlite_stat1 WHERE tbl = ? AND idx = ? AND stat <> ?";
        let new = "INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT ?1, ?2, ?3 \
                   WHERE NOT EXISTS (SELECT 1 FROM sqlite_stat1 WHERE tbl = ?1 AND idx = ?2)";
        for statement in [old, new] {
            let statement = sql_query(statement).bind::<Text, _>(table).bind::<Text, _>(index);
            statement.bind::<Text, _>(sizes).execute(conn)?;
        }
    }
    Ok(())
}
