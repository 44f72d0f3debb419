//! In debug builds, sees which texts a transaction deletes. A text that no row has any more must not stay in the journal
//! either, and the files must be cleaned of it.

use clowder_core::{Error, Result};
use diesel::{connection::SimpleConnection, prelude::*, sql_query, sql_types::Text};

use super::Conn;
use crate::texts::Duties;

/// Shorter texts may be anywhere by chance.
const SHORTEST: usize = 5;
/// Tests delete words that begin with this.
const OF_TESTS: &str = "zq";

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
}

#[derive(QueryableByName)]
struct Deleted {
    #[diesel(sql_type = Text)]
    source: String,
    #[diesel(sql_type = Text)]
    content: String,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    place: String,
}

/// From here on, this connection notes which texts it deletes or replaces.
pub fn watch(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("CREATE TEMP TABLE deleted_texts (source TEXT NOT NULL, content TEXT NOT NULL)")?;
    let columns = columns(conn)?;
    for of_table in columns.chunk_by(|a, b| a.table_name == b.table_name) {
        let Some(Column { table_name: table, .. }) = of_table.first() else { continue };
        let (mut names, mut deleted, mut replaced) = (Vec::new(), String::new(), String::new());
        for Column { column_name: column, .. } in of_table {
            let note = format!(
                "INSERT INTO deleted_texts SELECT '{table}.{column}', OLD.\"{column}\" WHERE OLD.\"{column}\" <> ''"
            );
            deleted += &format!("{note}; ");
            replaced += &format!("{note} AND OLD.\"{column}\" IS NOT NEW.\"{column}\"; ");
            names.push(format!("\"{column}\""));
        }
        conn.batch_execute(&format!(
            "CREATE TEMP TRIGGER deleted_{table} AFTER DELETE ON main.\"{table}\" BEGIN {deleted} END; \
             CREATE TEMP TRIGGER replaced_{table} AFTER UPDATE OF {} ON main.\"{table}\" BEGIN {replaced} END",
            names.join(", ")
        ))?;
    }
    Ok(())
}

fn columns(conn: &mut Conn) -> QueryResult<Vec<Column>> {
    sql_query(
        "SELECT t.name AS table_name, c.name AS column_name FROM main.sqlite_schema t JOIN pragma_table_info(t.name) c \
         WHERE t.type = 'table' AND c.type = 'TEXT' ORDER BY t.name, c.cid",
    )
    .load(conn)
}

/// Whether the journal may have the same text as a word of its own, like the `private` of a chat.
fn may_be_ours(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_') && !text.starts_with(OF_TESTS)
}

/// Fails if the transaction has not done its duties.
pub fn check(conn: &mut Conn, duties: &Duties) -> Result<()> {
    let deleted: Vec<Deleted> = sql_query("SELECT DISTINCT source, content FROM deleted_texts").load(conn)?;
    if deleted.is_empty() {
        return Ok(());
    }
    conn.batch_execute("DELETE FROM deleted_texts")?;
    let is_text = |source: &str| !duties.words.contains(&source);
    let rows = columns(conn)?.into_iter().map(|Column { table_name: table, column_name: column }| (table, column));
    let rows = rows.filter(|(table, column)| is_text(&format!("{table}.{column}")));
    let rows: Vec<_> = rows
        .map(|(table, column)| format!("SELECT '{table}' AS place FROM main.\"{table}\" WHERE \"{column}\" = ?1"))
        .collect();
    let rows = format!("{} LIMIT 1", rows.join(" UNION ALL "));
    for Deleted { source, content } in deleted.iter().filter(|text| is_text(&text.source)) {
        let left: Option<Found> = sql_query(&rows).bind::<Text, _>(content).get_result(conn).optional()?;
        if content.chars().count() < SHORTEST || left.is_some() {
            continue;
        }
        if !duties.marked {
            return Err(Error::internal(format!("a text of {source} was deleted without `tx.deleted_text`")));
        }
        if duties.later || duties.told.contains(&source.as_str()) || may_be_ours(content) {
            continue;
        }
        // What stays on purpose may by chance be the same text: a name in a card.
        let data = duties
            .told
            .iter()
            .filter_map(|column| column.split_once('.'))
            .fold("data".to_owned(), |data, (_, member)| format!("replace({data}, '\"{member}\":' || ?1, '')"));
        let shown = sql_query(format!("SELECT name AS place FROM journal WHERE instr({data}, ?1) > 0 LIMIT 1"));
        let shown = shown.bind::<Text, _>(serde_json::to_string(content)?).get_result::<Found>(conn).optional()?;
        if let Some(Found { place }) = shown {
            let says = format!("a text of {source} was deleted, and {place} in the journal still has it");
            return Err(Error::internal(format!("{says}: see `journal::rewrite`")));
        }
    }
    Ok(())
}
