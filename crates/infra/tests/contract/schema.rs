//! Both migrated databases have the same tables and columns, and the tables in `base/src/domains` say the same.

use std::{collections::BTreeMap, path::Path};

use clowder_core::Timestamp;
use clowder_infra::{DatabaseUrl, Store};
use clowder_tests::database::walk;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text};

use crate::world::World;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    kind: String,
}

/// Table → column → type, as the tables in `base/src/domains` would spell it.
pub type Tables = BTreeMap<String, BTreeMap<String, String>>;

fn collect(columns: Vec<Column>, spell: impl Fn(&str, &Column) -> String) -> Tables {
    let mut tables = Tables::new();
    for column in columns {
        if column.table_name.starts_with("__") {
            continue;
        }
        let (kind, null) = column.kind.split_once('|').unwrap();
        let spelled = spell(kind, &column);
        let spelled = if null == "YES" { format!("Nullable<{spelled}>") } else { spelled };
        tables.entry(column.table_name.clone()).or_default().insert(column.column_name.clone(), spelled);
    }
    tables
}

/// The macro calls, read from the source.
pub fn schema_rs() -> Tables {
    let domains = Path::new(env!("CARGO_MANIFEST_DIR")).join("base/src/domains");
    let files = walk(domains).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let source: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut tables = Tables::new();
    for part in source.split("diesel::table! {").skip(1) {
        let mut table: Option<String> = None;
        let mut sql_name = None;
        for word in part.replace('{', "{\n").replace(',', ",\n").lines() {
            let word = word.trim().trim_end_matches(',');
            if let Some(name) = word.strip_prefix("#[sql_name = \"") {
                sql_name = name.strip_suffix("\"]").map(str::to_owned);
            } else if let Some((column, kind)) = word.split_once(" -> ") {
                let column = sql_name.take().unwrap_or_else(|| column.to_owned());
                tables
                    .entry(table.clone().unwrap())
                    .or_default()
                    .insert(column, kind.trim_end_matches(" }").to_owned());
            } else if let Some((name, rest)) = word.split_once(" (")
                && table.is_none()
                && !rest.is_empty()
            {
                table = Some(name.to_owned());
            } else if word == "}" && table.is_some() {
                break;
            }
        }
    }
    tables
}

#[tokio::test]
async fn the_schema_is_what_sqlite_has() {
    let world = World::sqlite().await;
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("sqlite") };
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    let columns = sql_query(
        "SELECT m.name AS table_name, c.name AS column_name, c.type || '|' || iif(c.\"notnull\", 'NO', 'YES') AS kind \
         FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' \
         AND m.name NOT LIKE 'message_search%'",
    )
    .load(&mut conn)
    .unwrap();
    // SQLite has fewer types than we distinguish.
    let rough = |tables: Tables| -> Tables {
        let mut rough = tables;
        for kind in rough.values_mut().flat_map(BTreeMap::values_mut) {
            *kind = kind
                .replace("Uid", "BLOB")
                .replace("Binary", "BLOB")
                .replace("Seal", "BLOB")
                .replace("BigInt", "INTEGER")
                .replace("SmallInt", "INTEGER")
                .replace("Integer", "INTEGER")
                .replace("Bool", "INTEGER")
                .replace("Ts", "INTEGER")
                .replace("Text", "TEXT");
        }
        rough
    };
    assert_eq!(collect(columns, |kind, _| kind.to_owned()), rough(schema_rs()));
}

#[derive(QueryableByName)]
struct PartialIndex {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    first_column: String,
    #[diesel(sql_type = Text)]
    condition: String,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// Without statistics, SQLite would read all messages of a chat to find those that a small index has
/// (`lite/src/statistics.rs`).
#[tokio::test]
async fn sqlite_prefers_a_partial_index_to_half_of_a_primary_key() {
    let world = World::sqlite().await;
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("sqlite") };
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).unwrap();
    // Those that begin like the primary key of their table.
    let indexes: Vec<PartialIndex> = sql_query(
        "SELECT m.name, m.tbl_name AS table_name, i.name AS first_column, \
         substr(m.sql, instr(m.sql, 'WHERE') + 5) AS condition \
         FROM sqlite_schema m JOIN pragma_index_info(m.name) i ON i.seqno = 0 \
         WHERE m.type = 'index' AND m.sql LIKE '%WHERE%' \
         AND (SELECT max(c.pk) > 1 AND max(iif(c.name = i.name, c.pk, 0)) = 1 FROM pragma_table_info(m.tbl_name) c)",
    )
    .load(&mut conn)
    .unwrap();
    assert!(indexes.len() >= 6, "{}", indexes.len());
    for PartialIndex { name, table_name, first_column, condition } in indexes {
        let plan = format!("EXPLAIN QUERY PLAN SELECT * FROM {table_name} WHERE {first_column} = ? AND ({condition})");
        let steps: Vec<Step> = sql_query(plan).load(&mut conn).unwrap();
        let reads_all = steps.iter().any(|step| step.detail.contains("PRIMARY KEY"));
        assert!(!reads_all, "{name} is not used: add it to lite/src/statistics.rs");
    }
}

#[tokio::test]
async fn the_schema_is_what_postgres_has() {
    let world = World::postgres().await;
    let DatabaseUrl::Postgres(url) = &world.options.url else { panic!("postgres") };
    let mut conn = PgConnection::establish(url).unwrap();
    let columns = sql_query(
        "SELECT table_name::text, column_name::text, data_type || '|' || is_nullable AS kind \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'message_search' \
         AND NOT (SELECT relispartition FROM pg_class WHERE oid = format('%I', table_name)::regclass)",
    )
    .load(&mut conn)
    .unwrap();
    let spell = |kind: &str, column: &Column| match kind {
        "uuid" => "Uid".to_owned(),
        "bytea" => "Binary".to_owned(),
        "bigint" => "BigInt".to_owned(),
        "smallint" => "SmallInt".to_owned(),
        "integer" => "Integer".to_owned(),
        "boolean" => "Bool".to_owned(),
        "timestamp with time zone" => "Ts".to_owned(),
        "text" => "Text".to_owned(),
        other => panic!("{}.{} is {other}", column.table_name, column.column_name),
    };
    // Encrypted columns have a type of their own in our schema, and none in the database.
    let mut ours = schema_rs();
    for kind in ours.values_mut().flat_map(BTreeMap::values_mut) {
        *kind = kind.replace("Seal", "Binary");
    }
    // Which partitions there are is PostgreSQL's own.
    for (table, columns) in [
        ("journal_segments", &[("segment", "Integer"), ("opened", "Nullable<BigInt>")][..]),
        ("journal_heads", &[("stream", "SmallInt"), ("segment", "Integer"), ("head", "BigInt")]),
    ] {
        let columns = columns.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()));
        ours.insert(table.to_owned(), columns.collect());
    }
    assert_eq!(collect(columns, spell), ours);
}

/// A partition has the columns of the table, and is all but a copy of every other.
#[tokio::test]
async fn partitions_are_alike() {
    let world = World::postgres().await;
    // The next one is made by a sweep.
    world.store.journal.sweep(&world.nobody(), std::time::Duration::MAX).await.unwrap();
    let DatabaseUrl::Postgres(url) = &world.options.url else { panic!("postgres") };
    let mut conn = PgConnection::establish(url).unwrap();
    let columns: Vec<Column> = sql_query(
        "SELECT c.relname::text AS table_name, \
         coalesce(replace(pg_get_indexdef(i.indexrelid), c.relname, 'journal'), '') AS column_name, '' AS kind \
         FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid JOIN pg_index i ON i.indrelid = c.oid \
         WHERE h.inhparent = 'journal'::regclass",
    )
    .load(&mut conn)
    .unwrap();
    let mut indexes = BTreeMap::<String, Vec<String>>::new();
    for column in columns {
        // What an index is called says nothing.
        let what = column.column_name.split_once(" ON ").unwrap().1.to_owned();
        indexes.entry(column.table_name).or_default().push(what);
    }
    indexes.values_mut().for_each(|of| of.sort());
    assert!(indexes.len() >= 2, "one in use and one ahead: {indexes:?}");
    let first = indexes.values().next().unwrap();
    assert_eq!(first.len(), 5, "{first:?}");
    assert!(indexes.values().all(|of| of == first), "{indexes:?}");
}

#[tokio::test]
async fn migrating_at_once_and_again_is_fine() {
    for world in [World::sqlite().await, World::postgres().await] {
        let url = world.options.url.clone();
        assert!(Store::pending(&url).unwrap().is_empty());
        let again: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::task::spawn_blocking(move || Store::migrate(&url))
            })
            .collect();
        for migrated in again {
            assert!(migrated.await.unwrap().unwrap().is_empty());
        }
        for check in world.store.upkeep.check(right).await {
            assert!(check.ok, "{}: {}", check.name, check.detail);
        }
    }
}

/// The store's clock is wrong on purpose; the database's clock is this one.
#[expect(clippy::disallowed_methods, reason = "held against the clock of the database")]
fn right() -> Timestamp {
    jiff::Timestamp::now().into()
}
