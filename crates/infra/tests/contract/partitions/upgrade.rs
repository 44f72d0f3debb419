//! The partitions of a database that was converted, with a node of the version before beside, and the role that they need.

use std::time::Duration;

use clowder_core::Input;
use clowder_infra::{DatabaseUrl, Store};
use clowder_messaging::NewMessage;
use serde_json::json;

use super::{KEEP, TURN, heads, nothing_is_wrong, segment, sweep, through_segments, world};

/// Nodes of before there were segments write beside those that know of them, and what they write is in the right place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_before_writes_into_the_segment_of_its_stream() {
    let world = world().await;
    let [ada] = world.people(["ada"]).await;
    let chats = [world.group(&ada, &[]).await.id];
    through_segments(&world, &ada, &chats, 3).await;
    let (before, heads_before) = (world.everything().await.len(), heads(&world).await);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/postgres/2026-11-26-099900_journal_segments");
    let undo = std::fs::read_to_string(format!("{folder}/down.sql")).unwrap();
    world.batch(&format!(
        "BEGIN; {undo}; DELETE FROM __diesel_schema_migrations WHERE version = '20261126099900'; COMMIT"
    ));
    assert_eq!(world.number("SELECT count(*) FROM journal"), before as i64);
    Store::migrate(&world.options.url).unwrap();
    assert_eq!(segment(&world), 0);
    assert_eq!(world.number("SELECT count(*) FROM journal_0"), before as i64);
    nothing_is_wrong(&world);

    let node = world.another_node().await;
    assert_eq!(node.journal.extent().await.unwrap().heads, heads_before);
    let stream = world.scribe().stream_of(chats[0]);
    let as_before = format!(
        "WITH s AS (UPDATE streams SET head = head + 1 WHERE stream = {stream} RETURNING *) \
         INSERT INTO journal (stream, position, topic_kind, topic_id, name, at, data) \
         SELECT stream, head, 'test', '{}', 'test.unknown', now(), '{{}}' FROM s",
        chats[0],
    );
    world.meddle(&as_before).unwrap();
    nothing_is_wrong(&world);
    // No segment is cut in the first measured day, whatever sweeps measured before.
    let week = Duration::from_secs(7 * 24 * 3600);
    for _ in 0..3 {
        world.wait(TURN);
        sweep(&world, &node, week).await;
    }
    assert_eq!(segment(&world), 0);
    world.meddle(&as_before).unwrap();
    assert_eq!(world.number("SELECT count(*) FROM journal_0 WHERE name = 'test.unknown'"), 2);
    for _ in 0..3 {
        world.wait(TURN);
        sweep(&world, &node, KEEP).await;
    }
    assert_eq!(segment(&world), 1);
    for _ in 0..3 {
        world.meddle(&as_before).unwrap();
    }
    assert_eq!(world.number("SELECT count(*) FROM journal WHERE name = 'test.unknown' AND segment = 1"), 3);
    // One stream is held, and stays where it is while the others go on.
    let mut holder = world.transaction();
    holder.run(&format!("SELECT 1 FROM streams WHERE stream = {stream} FOR UPDATE"));
    for _ in 0..3 {
        world.wait(TURN);
        sweep(&world, &node, 3 * KEEP).await;
    }
    assert_eq!(world.number("SELECT count(*) FROM streams WHERE segment = 2"), 15);
    holder.commit();
    world.meddle(&as_before).unwrap();
    assert_eq!(world.number("SELECT count(*) FROM journal WHERE name = 'test.unknown' AND segment = 1"), 4);
    sweep(&world, &node, 3 * KEEP).await;
    world.meddle(&as_before).unwrap();
    assert_eq!(world.number("SELECT count(*) FROM journal WHERE name = 'test.unknown' AND segment = 2"), 1);
    nothing_is_wrong(&world);
    let new = NewMessage::from_json(json!({"content": "goes on"})).unwrap();
    node.messaging.send(&world.ctx(&ada), chats[0], new).await.unwrap();
    nothing_is_wrong(&world);
    world.changes().await;
    // What was converted goes row by row, or as a whole.
    for _ in 0..9 {
        world.wait(TURN);
        sweep(&world, &node, KEEP).await;
    }
    assert_eq!(world.number("SELECT count(*) FROM pg_class WHERE relname = 'journal_0'"), 0);
    nothing_is_wrong(&world);
}

/// The role of the server has to own the tables, or nothing old ever goes. Writes go on without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_owns_nothing_is_found_out() {
    let world = world().await;
    let DatabaseUrl::Postgres(url) = &world.options.url else { panic!("postgres") };
    assert!(Store::owns_tables(&world.options.url).unwrap());
    let (place, database) = url.split_once('@').unwrap().1.rsplit_once('/').unwrap();
    let role = format!("guest_{}", database.split('?').next().unwrap());
    world.batch(&format!(
        "CREATE ROLE \"{role}\" LOGIN PASSWORD 'guest'; GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{role}\""
    ));
    let guest = DatabaseUrl::Postgres(format!("postgres://{role}:guest@{place}/{database}"));
    assert!(!Store::owns_tables(&guest).unwrap());
    world.batch(&format!("GRANT CREATE ON SCHEMA public TO \"{role}\""));
    assert!(!Store::owns_tables(&guest).unwrap());
    world.batch(&format!("ALTER TABLE journal OWNER TO \"{role}\""));
    assert!(Store::owns_tables(&guest).unwrap());
    world.batch(&format!(
        "REASSIGN OWNED BY \"{role}\" TO CURRENT_USER; DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""
    ));
}
