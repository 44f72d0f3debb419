//! Classification of errors, provoked on both real databases.

use std::{fs, thread};

use clowder_accounts::ProfilePatch;
use clowder_core::{Cause, Error, Input};
use clowder_tests::Database;
use diesel::{Connection, PgConnection, QueryResult, SqliteConnection, connection::SimpleConnection};
use serde_json::json;

use crate::world::World;

#[track_caller]
fn cause(result: QueryResult<()>) -> Option<Cause> {
    Error::from(result.expect_err("it went well")).cause()
}

#[test]
fn postgres_is_judged_by_its_sqlstate() {
    let database = Database::postgres();
    let connect = || PgConnection::establish(&database.url).unwrap();
    let (mut one, mut two) = (connect(), connect());
    for (statement, right) in [
        ("SET statement_timeout = 20; SELECT pg_sleep(10)", Some(Cause::Overdue)),
        ("SET transaction_read_only = on; CREATE TABLE t ()", Some(Cause::ReadOnly)),
        ("SELECT no_such_column", None),
        ("SELECT 1 / 0", None),
    ] {
        assert_eq!(cause(one.batch_execute(statement)), right, "{statement}");
    }
    // In any language of the server, and for errors that no test can provoke.
    for (state, right) in [
        ("53100", Some(Cause::Full)),
        ("53200", Some(Cause::Busy)),
        ("53300", Some(Cause::Lost)),
        ("40001", Some(Cause::Contended)),
        ("55P03", Some(Cause::Contended)),
        ("57P03", Some(Cause::Lost)),
        ("58030", Some(Cause::Storage)),
        ("XX000", Some(Cause::Aborted)),
        ("XX001", None),
    ] {
        let raise = format!("DO $$ BEGIN RAISE 'Die Datenbank ist gesperrt' USING ERRCODE = '{state}'; END $$");
        assert_eq!(cause(two.batch_execute(&raise)), right, "{state}");
    }
    one.batch_execute("RESET statement_timeout; CREATE TABLE t (i int); INSERT INTO t VALUES (1), (2)").unwrap();

    one.batch_execute("BEGIN; UPDATE t SET i = i WHERE i = 1").unwrap();
    let waits = "SET lock_timeout = 20; UPDATE t SET i = i WHERE i = 1";
    assert_eq!(cause(two.batch_execute(waits)), Some(Cause::Contended), "a lock");

    two.batch_execute("SET lock_timeout = 0; SET deadlock_timeout = '20ms'; BEGIN; UPDATE t SET i = i WHERE i = 2")
        .unwrap();
    let deadlock = thread::scope(|scope| {
        let other = scope.spawn(|| two.batch_execute("UPDATE t SET i = i WHERE i = 1"));
        let this = one.batch_execute("SET LOCAL deadlock_timeout = '20ms'; UPDATE t SET i = i WHERE i = 2");
        if this.is_err() {
            one.batch_execute("ROLLBACK").unwrap();
        } else {
            one.batch_execute("COMMIT").unwrap();
        }
        let other = other.join().unwrap();
        assert!(this.is_err() != other.is_err(), "one of the two goes on");
        this.and(other)
    });
    assert_eq!(cause(deadlock), Some(Cause::Contended), "a deadlock");

    assert_eq!(cause(one.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())")), Some(Cause::Lost));
    assert_eq!(cause(one.batch_execute("SELECT 1")), Some(Cause::Lost));
}

/// Makes the server fail by itself, as often as requested, whenever a row of a table is written.
fn fail_inside(world: &World, table: &str, times: u32) {
    for statement in [
        "DROP SEQUENCE IF EXISTS errors".to_owned(),
        // Values of a sequence are not rolled back.
        "CREATE SEQUENCE errors".to_owned(),
        format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('errors') <= {times} THEN RAISE 'innen' USING ERRCODE = 'XX000'; END IF; RETURN NEW; END $$"
        ),
        format!(
            "CREATE OR REPLACE TRIGGER fail BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fail()"
        ),
    ] {
        world.meddle(&statement).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_undid_by_an_internal_error_is_begun_once_more() {
    let world = World::postgres().await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let chat = world.group(&ada, &[&bob]).await.id;
    let edit = async |bio: &str| {
        let patch = ProfilePatch::from_json(json!({"bio": bio})).unwrap();
        world.store.accounts.edit_me(&world.ctx(&ada), None, patch).await
    };
    fail_inside(&world, "users", 1);
    assert_eq!(edit("again").await.unwrap().bio.as_deref(), Some("again"));
    fail_inside(&world, "users", 1000);
    assert_eq!(edit("never").await.unwrap_err().cause(), Some(Cause::Aborted), "it persists");
    assert_eq!(world.store.accounts.me(&world.ctx(&ada)).await.unwrap().bio.as_deref(), Some("again"));

    fail_inside(&world, "messages", 1);
    assert_eq!(world.say(&ada, chat, "hello").await.seq, 1);
    fail_inside(&world, "messages", 1000);
    assert_eq!(world.try_say(&ada, chat, "never", None).await.unwrap_err().cause(), Some(Cause::Aborted));
}

#[test]
fn sqlite_is_judged_by_its_result_code() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let connect = || SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let (mut one, mut two) = (connect(), connect());
    one.batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE t (i BLOB)").unwrap();

    one.batch_execute("BEGIN IMMEDIATE").unwrap();
    assert_eq!(cause(two.batch_execute("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE")), Some(Cause::Contended));
    one.batch_execute("COMMIT").unwrap();

    let full = "PRAGMA max_page_count = 3; INSERT INTO t VALUES (zeroblob(100000))";
    assert_eq!(cause(one.batch_execute(full)), Some(Cause::Full));
    let read_only = "PRAGMA query_only = on; INSERT INTO t VALUES (1)";
    assert_eq!(cause(two.batch_execute(read_only)), Some(Cause::ReadOnly));
    assert_eq!(cause(two.batch_execute("SELECT * FROM nothing")), None);

    let broken = folder.path().join("broken.db");
    fs::write(&broken, "this is no database, however long it may be".repeat(100)).unwrap();
    let mut broken = SqliteConnection::establish(broken.to_str().unwrap()).unwrap();
    assert_eq!(cause(broken.batch_execute("SELECT * FROM t")), None, "nobody needs to come back for that");
    let nowhere = format!("ATTACH '{}' AS x", folder.path().join("no/such/folder/x.db").display());
    assert_eq!(cause(two.batch_execute(&nowhere)), Some(Cause::Storage));
}
