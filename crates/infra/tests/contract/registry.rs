//! Compares the registry of personal data with the live schemas: a table that refers to users and has no part fails
//! here.

use std::collections::{BTreeMap, BTreeSet};

use clowder_infra::{
    DatabaseUrl,
    privacy::{registered, texts_left_alone},
    seal,
};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Text};

use crate::{domains::DOMAINS, schema::schema_rs, world::World};

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Columns of ids that are not of users, of all domains.
fn not_of_users() -> BTreeSet<&'static str> {
    DOMAINS.iter().flat_map(|domain| domain.ids).copied().collect()
}

fn covered(url: &DatabaseUrl) -> BTreeMap<String, &'static str> {
    let mut covered = BTreeMap::new();
    for part in registered(url) {
        for reference in part.references {
            let twice = covered.insert(format!("{}.{}", reference.table, reference.column), part.name);
            assert_eq!(twice, None, "{} is in two parts", reference.column);
        }
    }
    covered
}

/// `table.column` of all references to users.
async fn references(world: &World) -> BTreeSet<String> {
    let lines: Vec<Line> = match &world.options.url {
        DatabaseUrl::Sqlite(path) => sql_query(
            "SELECT m.name || '.' || f.\"from\" AS line FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f \
             WHERE m.type = 'table' AND f.\"table\" = 'users'",
        )
        .load(&mut SqliteConnection::establish(&path.to_string_lossy()).unwrap()),
        DatabaseUrl::Postgres(url) => sql_query(
            "SELECT c.conrelid::regclass::text || '.' || a.attname AS line FROM pg_constraint c \
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) \
             WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass",
        )
        .load(&mut PgConnection::establish(url).unwrap()),
    }
    .unwrap();
    lines.into_iter().map(|line| line.line).collect()
}

#[tokio::test]
async fn every_reference_to_a_user_has_a_part() {
    for world in [World::sqlite().await, World::postgres().await] {
        let covered = covered(&world.options.url);
        let references = references(&world).await;
        assert!(references.len() > 5, "{references:?}");
        let forgotten: Vec<_> = references.iter().filter(|column| !covered.contains_key(*column)).collect();
        assert!(forgotten.is_empty(), "no part of any domain answers for {forgotten:?}");
    }
}

/// Ids without a foreign key: for every UUID column it is known whether it identifies a user.
#[tokio::test]
async fn every_id_is_known_for_what_it_is() {
    let world = World::postgres().await;
    let DatabaseUrl::Postgres(url) = &world.options.url else { panic!("postgres") };
    let ids: Vec<Line> = sql_query(
        "SELECT c.table_name || '.' || c.column_name AS line FROM information_schema.columns c \
         WHERE c.table_schema = 'public' AND c.data_type = 'uuid' \
         AND NOT (SELECT relispartition FROM pg_class WHERE oid = format('%I', c.table_name)::regclass) AND NOT EXISTS (SELECT 1 FROM pg_constraint k \
         JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) WHERE k.contype = 'f' \
         AND k.confrelid <> 'users'::regclass AND k.conrelid::regclass::text = c.table_name AND a.attname = c.column_name)",
    )
    .load(&mut PgConnection::establish(url).unwrap())
    .unwrap();
    let ids: BTreeSet<_> = ids.into_iter().map(|line| line.line).collect();
    let (covered, others) = (covered(&world.options.url), not_of_users());
    let unknown: Vec<_> = ids.iter().filter(|id| !covered.contains_key(*id) && !others.contains(id.as_str())).collect();
    assert!(unknown.is_empty(), "of users (then a part answers for them) or not? {unknown:?}");
    let gone = covered.keys().map(String::as_str).chain(others);
    let gone: Vec<_> = gone.filter(|column| !ids.contains(*column)).collect();
    assert!(gone.is_empty(), "these are not in the schema: {gone:?}");
}

#[tokio::test]
async fn both_databases_have_the_same_parts() {
    let (lite, pg) = (World::sqlite().await, World::postgres().await);
    let names =
        |world: &World| registered(&world.options.url).into_iter().map(|p| (p.name, p.files)).collect::<Vec<_>>();
    assert_eq!(names(&lite), names(&pg));
    let files: Vec<_> = names(&lite).into_iter().flat_map(|(_, files)| files).collect();
    assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), files.len(), "a file of a copy belongs to one part");
}

/// Steps of one phase have no order, so no two may cover the same table.
#[test]
fn no_table_belongs_to_two_parts_of_one_phase() {
    let url = DatabaseUrl::parse("sqlite:none.db").unwrap();
    let parts = registered(&url);
    assert!(parts.is_sorted_by_key(|part| part.phase), "phases follow one another");
    let mut owners = BTreeMap::new();
    for part in &parts {
        for reference in part.references {
            let earlier = owners.insert((part.phase, reference.table), part.name);
            assert!(
                earlier.is_none_or(|name| name == part.name),
                "{} is of {earlier:?} and {}",
                reference.table,
                part.name
            );
        }
    }
    let first_and_last = (parts.first().map(|part| part.name), parts.last().map(|part| part.name));
    assert_eq!(first_and_last, (Some("account"), Some("key")), "what must come first, and what must come last");
}

/// What a domain says of its text columns is about columns that there are.
#[test]
fn columns_without_texts_are_columns() {
    let schema = schema_rs();
    for column in texts_left_alone() {
        let (table, name) = column.split_once('.').unwrap();
        let kind = schema.get(table).and_then(|columns| columns.get(name));
        assert!(kind.is_some_and(|kind| kind.contains("Text")), "{column} is {kind:?}");
    }
}

#[test]
fn every_sealed_column_is_registered() {
    let registered: Vec<_> =
        seal::columns().into_iter().map(|column| format!("{}.{}", column.table, column.column)).collect();
    let sealed = schema_rs().into_iter().flat_map(|(table, columns)| {
        let sealed = columns.into_iter().filter(|(_, kind)| kind.contains("Seal"));
        sealed.map(|(column, _)| format!("{table}.{column}")).collect::<Vec<_>>()
    });
    let sealed: BTreeSet<_> = sealed.collect();
    assert_eq!(registered.iter().cloned().collect::<BTreeSet<_>>(), sealed);
    assert_eq!(registered.len(), sealed.len(), "one line per column");
}
