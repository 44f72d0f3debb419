//! The guarantees of the audit log: gap-free, append-only, chained, and visible to the right people.

pub mod domain;

use std::time::Duration;

use clowder_accounts::{
    AuditFilter, Login, NewSuspension, ProfilePatch, RefreshToken,
    audit::{ActorFilter, ActorType, AuditRecord, TargetFilter, Walked},
};
use clowder_core::{Actor, Ctx, Id, Input, Origin, PageRequest, Role, Timestamp, UserId, Via};
use clowder_infra::{DatabaseUrl, Store, seal};
use diesel::{Connection, PgConnection, connection::SimpleConnection};
use serde_json::json;

use crate::world::{World, code, on_both};

/// Verifies the chain; returns the first broken position.
pub async fn broken(store: &Store) -> Option<i64> {
    let chain = store.audit.chain().await.unwrap();
    assert_eq!((chain.pending, chain.pending_since), (0, None), "whoever asks has it chained first");
    if chain.checkpoint.as_ref().is_some_and(|checkpoint| !checkpoint.genuine) {
        return Some(chain.start().position);
    }
    let (mut from, until) = (chain.start(), chain.end);
    loop {
        match store.audit.verify(from, &until).await.unwrap() {
            Walked::Further(link) => from = link,
            Walked::Whole => return None,
            Walked::Broken { position } => return Some(position),
        }
    }
}

/// Copies the first entry to another position.
fn forged(world: &World, position: i64) -> String {
    let id = if world.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
    format!(
        "INSERT INTO audit (position, id, at, actor_type, action, request_id, previous, hash) \
         SELECT {position}, {id}, at, actor_type, 'test.forged', request_id, previous, hash FROM audit WHERE position = 1"
    )
}

pub async fn whole(store: &Store) {
    assert_eq!(broken(store).await, None);
}

async fn all(store: &Store, filter: AuditFilter) -> Vec<AuditRecord> {
    store.audit.chain().await.unwrap();
    store.audit.export(&filter, 0, i64::MAX, 100_000).await.unwrap()
}

async fn actions(store: &Store) -> Vec<String> {
    all(store, AuditFilter::default()).await.into_iter().map(|record| record.action).collect()
}

fn login(name: &str, password: &str) -> Login {
    Login::from_json(json!({"username": name, "password": password})).unwrap()
}

on_both! {
    async fn what_happens_to_accounts_is_written_down(world: World) {
        let accounts = &world.store.accounts;
        let ada = world.register("ada").await;
        assert_eq!(actions(&world.store).await, ["user.registered", "session.opened"]);
        assert_eq!(code(accounts.login(&world.nobody(), login("ada", "wrong horse")).await), "credentials.invalid");
        assert_eq!(code(accounts.login(&world.nobody(), login("eve", "wrong horse")).await), "credentials.invalid");
        let second = accounts.login(&world.nobody(), login("ada", "correct horse")).await.unwrap();
        let patch = ProfilePatch::from_json(json!({"bio": "counts"})).unwrap();
        accounts.edit_me(&world.by(&ada.access), None, patch).await.unwrap();
        let token = |refresh: &str| RefreshToken::new(refresh.to_owned());
        let third = accounts.refresh(&world.nobody(), token(&second.refresh)).await.unwrap();
        accounts.refresh(&world.nobody(), token(&third.refresh)).await.unwrap();
        world.wait(Duration::from_secs(60));
        assert_eq!(code(accounts.refresh(&world.nobody(), token(&second.refresh)).await), "token.reused");
        accounts.logout(&world.by(&ada.access)).await.unwrap();

        let log = all(&world.store, AuditFilter::default()).await;
        let told: Vec<_> = log.iter().map(|r| (r.position, r.action.as_str(), r.actor.kind, r.subject_id == Some(ada.user.id))).collect();
        use ActorType::*;
        assert_eq!(told, [
            (1, "user.registered", Nobody, true),
            (2, "session.opened", User, true),
            (3, "session.refused", Nobody, true),
            (4, "session.refused", Nobody, false),
            (5, "session.opened", User, true),
            (6, "profile.changed", User, true),
            (7, "token.reused", Nobody, true),
            (8, "session.ended", System, true),
            (9, "session.ended", User, true),
        ]);
        assert_eq!(log[2].target.as_ref().map(|target| target.kind.as_str()), Some("user"));
        assert_eq!(log[5].before, Some(json!({"bio": null, "version": 1})));
        assert_eq!(log[5].after, Some(json!({"bio": "counts", "version": 2})));
        assert_eq!(log[5].session_id, log[1].session_id);
        assert!(log.iter().all(|record| record.request_id.as_deref() == Some("test")));
        whole(&world.store).await;
    }

    async fn a_write_that_fails_leaves_no_trace(world: World) {
        let ada = world.register("ada").await;
        let patch = || ProfilePatch::from_json(json!({"bio": "counts"})).unwrap();
        assert_eq!(code(world.store.accounts.edit_me(&world.by(&ada.access), Some(7.into()), patch()).await), "user.stale");
        assert_eq!(actions(&world.store).await.len(), 2);
        let other = world.another_node().await;
        other.accounts.edit_me(&world.by(&ada.access), Some(1.into()), patch()).await.unwrap();
        assert_eq!(actions(&world.store).await.len(), 3, "and positions have no gap");
        whole(&world.store).await;
    }

    async fn writers_at_once_make_one_chain(world: World) {
        let other = world.another_node().await;
        // Two nodes chain while others write.
        let chaining: Vec<_> = [world.store.clone(), other.clone()]
            .into_iter()
            .map(|store| {
                tokio::spawn(async move {
                    let mut chained = 0;
                    while chained < 40 && store.audit.chain().await.unwrap().end.position < 40 {
                        chained += store.audit.append_pending().await.unwrap();
                    }
                })
            })
            .collect();
        let writers = (0..40).map(|number| {
            let store = if number % 2 == 0 { world.store.clone() } else { other.clone() };
            // Some share a user whose key all of them try to create.
            let user = UserId::from_uuid(uuid::Uuid::from_u128(number % 4 + 1));
            let by = Actor::User { id: user, via: Via::Session(Id::new(world.now())), role: Role::User };
            let ctx = Ctx::new(by, world.now(), format!("writer {number}"));
            tokio::spawn(async move { store.audit.begin_export(&ctx, &AuditFilter::default()).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap().unwrap();
        }
        for node in chaining {
            node.await.unwrap();
        }
        let log = all(&world.store, AuditFilter::default()).await;
        assert_eq!(log.iter().map(|record| record.position).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
        assert!(log.iter().all(|record| record.after.is_some()), "one key per user, whoever made it");
        whole(&world.store).await;
    }

    async fn the_database_refuses_to_change_the_log(world: World) {
        world.register("ada").await;
        assert_eq!(actions(&world.store).await.len(), 2);
        for statement in [
            "UPDATE audit SET action = 'nothing'",
            "DELETE FROM audit",
            "DELETE FROM audit WHERE position = 2",
        ] {
            let error = world.meddle(statement).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{statement}: {error}");
        }
        let (replace, refusal) = match world.options.url.is_embedded() {
            true => ("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE position = 1", "append-only"),
            false => ("TRUNCATE audit", "append-only"),
        };
        assert!(world.meddle(replace).unwrap_err().to_string().contains(refusal));
        for position in [-7, 0, 1, 2] {
            let error = world.meddle(&forged(&world, position)).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{position}: {error}");
        }
        assert_eq!(actions(&world.store).await.len(), 2);
        whole(&world.store).await;
    }

    async fn an_entry_that_somebody_puts_beyond_the_end_is_found(world: World) {
        world.register("ada").await;
        whole(&world.store).await;
        world.meddle(&forged(&world, 1_000)).unwrap();
        assert_eq!(broken(&world.store).await, Some(1_000));
    }

    async fn nothing_is_dropped_from_a_chain_that_is_broken(world: World) {
        for number in 0..4 {
            let filter = AuditFilter { action: Some(format!("number.{number}")), ..AuditFilter::default() };
            world.store.audit.begin_export(&world.nobody(), &filter).await.unwrap();
        }
        whole(&world.store).await;
        let (unguard, old) = match world.options.url.is_embedded() {
            true => ("DROP TRIGGER audit_no_update", "946684800000000"),
            false => ("ALTER TABLE audit DISABLE TRIGGER ALL", "'2000-01-01T00:00:00Z'"),
        };
        world.meddle(unguard).unwrap();
        world.meddle(&format!("UPDATE audit SET at = {old} WHERE position <= 3")).unwrap();
        let store = world.node_with(|options| options.audit.kept_for = Some(Duration::from_secs(24 * 3600))).await;
        store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap();
        assert_eq!(store.audit.chain().await.unwrap().checkpoint, None, "a signature would vouch for it");
        assert_eq!(broken(&store).await, Some(1));
    }

    async fn meddling_is_found_where_it_happened(world: World) {
        for number in 0..6 {
            let filter = AuditFilter { action: Some(format!("number.{number}")), ..AuditFilter::default() };
            world.store.audit.begin_export(&world.nobody(), &filter).await.unwrap();
        }
        // The database's owner can remove the triggers; the chain reveals it nevertheless.
        let unguard: &[&str] = match world.options.url.is_embedded() {
            true => &["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"],
            false => &["ALTER TABLE audit DISABLE TRIGGER ALL"],
        };
        for statement in unguard {
            world.meddle(statement).unwrap();
        }
        for (position, meddling, undoing) in [
            (3, "UPDATE audit SET action = 'test.faked' WHERE position = 3", "UPDATE audit SET action = 'audit.exported' WHERE position = 3"),
            (2, "UPDATE audit SET position = 20 WHERE position = 2", "UPDATE audit SET position = 2 WHERE position = 20"),
            (6, "UPDATE audit SET position = 20 WHERE position = 6", "UPDATE audit SET position = 6 WHERE position = 20"),
            (1, "UPDATE audit SET position = 20 WHERE position = 1", "UPDATE audit SET position = 1 WHERE position = 20"),
            (4, "UPDATE audit SET detail = (SELECT detail FROM audit WHERE position = 5) WHERE position = 4", ""),
        ] {
            world.meddle(meddling).unwrap();
            assert_eq!(broken(&world.store).await, Some(position), "{meddling}");
            if !undoing.is_empty() {
                world.meddle(undoing).unwrap();
                whole(&world.store).await;
            }
        }
    }

    async fn the_log_is_searched_and_paged(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let start = world.now();
        for number in 0..25 {
            let who = if number % 2 == 0 { &ada } else { &bob };
            let patch = ProfilePatch::from_json(json!({"bio": number.to_string()})).unwrap();
            world.store.accounts.edit_me(&world.ctx(who), None, patch).await.unwrap();
        }
        let page = async |filter: &AuditFilter, limit, cursor| {
            world.store.audit.records(&world.nobody(), filter.clone(), PageRequest { limit, cursor }).await
        };
        let count = async |filter: AuditFilter| {
            let (mut positions, mut cursor) = (Vec::new(), None);
            loop {
                let page = page(&filter, 7, cursor).await.unwrap();
                positions.extend(page.items.iter().map(|record| record.position));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert!(positions.windows(2).all(|pair| pair[0] > pair[1]), "newest first, nothing twice");
            assert_eq!(all(&world.store, filter).await.len(), positions.len());
            positions.len()
        };
        let by = |id: UserId| AuditFilter { actor: Some(ActorFilter::Id(id.uuid())), ..AuditFilter::default() };
        let doing = |action: &str| AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
        assert_eq!(count(AuditFilter::default()).await, 29);
        assert_eq!(count(by(ada.id)).await, 14);
        assert_eq!(count(by(Id::new(world.now()))).await, 0);
        assert_eq!(count(AuditFilter { actor: Some(ActorFilter::Type(ActorType::Nobody)), ..AuditFilter::default() }).await, 2);
        assert_eq!(count(doing("profile.changed")).await, 25);
        assert_eq!(count(doing("session.*")).await, 2);
        assert_eq!(count(doing("profile_changed.*")).await, 0, "an underscore is only itself");
        let target = |kind: Option<&str>| AuditFilter {
            target: Some(TargetFilter { kind: kind.map(str::to_owned), id: bob.id.uuid() }),
            ..AuditFilter::default()
        };
        assert_eq!((count(target(None)).await, count(target(Some("user"))).await, count(target(Some("chat"))).await), (13, 13, 0));
        assert_eq!(count(AuditFilter { from: Some(start), ..AuditFilter::default() }).await, 25);
        assert_eq!(count(AuditFilter { to: Some(start), ..by(ada.id) }).await, 1);
        for cursor in ["x", "1.5", "99999999999999999999"] {
            assert!(page(&AuditFilter::default(), 5, Some(cursor.to_owned())).await.unwrap_err().to_string().contains("cursor"));
        }
    }

    async fn everybody_sees_their_own_timeline(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        world.meddle("UPDATE users SET role = 'moderator' WHERE username = 'bob'").unwrap();
        // Through one of their sessions, and through an API key.
        let agent = Origin { agent: Some("PeculiarAgent/1.0".into()), ..Origin::default() };
        let program = Actor::User { id: bob.id, via: Via::Key(Id::new(world.now())), role: Role::Moderator };
        // The same reason a second time would change nothing.
        for (ctx, reason) in [(world.ctx(&bob), "spam"), (Ctx::new(program, world.now(), "test"), "threats")] {
            let spam = NewSuspension::from_json(json!({"reason": reason})).unwrap();
            world.store.staff.suspend(&Ctx { origin: agent.clone(), ..ctx }, ada.id, spam).await.unwrap();
        }
        let seen = async |person| {
            let page = world.store.audit.security(&world.ctx(person), PageRequest::default()).await.unwrap();
            page.items.into_iter().map(|event| (event.action, event.by, event.session_id.is_some() || event.agent.is_some())).collect::<Vec<_>>()
        };
        use clowder_accounts::audit::By;
        assert_eq!(seen(&ada).await, [
            ("user.suspended".to_owned(), By::Staff, false),
            ("user.suspended".to_owned(), By::Staff, false),
            ("session.opened".to_owned(), By::You, true),
            ("user.registered".to_owned(), By::Nobody, false),
        ]);
        assert_eq!(seen(&bob).await.len(), 2, "what one does to others is in their timeline");
        assert_eq!(code(world.store.audit.security(&world.nobody(), PageRequest::default()).await), "token.missing");
    }

    async fn an_export_is_written_down_and_ends_where_it_began(world: World) {
        world.register("ada").await;
        let until = world.store.audit.begin_export(&world.nobody(), &AuditFilter::default()).await.unwrap();
        assert_eq!(until, 3);
        world.register("bob").await;
        let pieces = async |after| world.store.audit.export(&AuditFilter::default(), after, until, 2).await.unwrap();
        assert_eq!(pieces(0).await.len(), 2);
        assert_eq!(pieces(2).await.iter().map(|record| record.action.as_str()).collect::<Vec<_>>(), ["audit.exported"]);
        assert!(pieces(3).await.is_empty());
    }

    async fn refused_attempts_are_counted_by_the_hour(world: World) {
        let ada = world.register("ada").await;
        let from = |host: u8| {
            let mut ctx = world.nobody();
            ctx.origin.address = Some(format!("192.0.2.{host}").parse().unwrap());
            ctx
        };
        let guess = async |ctx: Ctx, name: &str| code(world.store.accounts.login(&ctx, login(name, "wrong horse")).await);
        for host in 1..=4 {
            assert_eq!(guess(from(host), "ada").await, "credentials.invalid");
            world.wait(Duration::from_secs(60));
        }
        for name in ["eve", "mallory"] {
            assert_eq!(guess(from(9), name).await, "credentials.invalid");
        }
        let refused = AuditFilter { action: Some("session.refused".to_owned()), ..AuditFilter::default() };
        let told = all(&world.store, refused.clone()).await;
        assert_eq!(told.len(), 2, "the first at the account, and the first from the place");
        assert_eq!(told[0].address.as_deref(), Some("192.0.2.1"));
        assert_eq!(told[0].after, Some(json!({"code": "credentials.invalid"})));
        // A refusal slightly earlier, but processed last, counts as well.
        let mut earlier = from(4);
        earlier.now = told[0].at.minus(Duration::from_millis(1));
        assert_eq!(guess(earlier, "ada").await, "credentials.invalid");
        assert_eq!(all(&world.store, refused.clone()).await.len(), 2);
        // The hour is not over; then it is, and the next guess opens another window.
        world.store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap();
        assert_eq!(all(&world.store, refused.clone()).await.len(), 2);
        world.wait(Duration::from_secs(3600));
        assert_eq!(guess(from(5), "ada").await, "credentials.invalid");
        world.store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap();
        let told = all(&world.store, refused.clone()).await;
        let counts: Vec<_> = told
            .iter()
            .map(|record| (record.subject_id == Some(ada.user.id), record.after.as_ref().unwrap()["count"].as_i64()))
            .collect();
        assert_eq!(counts, [(true, None), (false, None), (true, Some(5)), (true, None), (false, Some(2))]);
        let after = told[2].after.as_ref().unwrap();
        assert_eq!(after["first"], json!(told[0].id));
        // Three minutes between the first and the last.
        let time = |name: &str| after[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert_eq!(time("until").since(time("from")).as_secs(), 180);
        // A single refusal in its hour needs no further entry.
        world.wait(Duration::from_secs(3600));
        world.store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap();
        assert_eq!(all(&world.store, refused).await.len(), 5);
        whole(&world.store).await;
    }

    async fn old_entries_go_and_a_signed_checkpoint_says_where_the_chain_begins(world: World) {
        let day = Duration::from_secs(24 * 3600);
        let kept_for = 5 * day + Duration::from_secs(3600);
        let store = world.node_with(|options| options.audit.kept_for = Some(kept_for)).await;
        let sweep = async || store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap();
        for number in 0..10 {
            let filter = AuditFilter { action: Some(format!("number.{number}")), ..AuditFilter::default() };
            world.store.audit.begin_export(&world.nobody(), &filter).await.unwrap();
            world.wait(day);
        }
        // A store without a retention setting drops nothing.
        while world.store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(all(&store, AuditFilter::default()).await.len(), 10);
        while sweep().await > 0 {}
        let left: Vec<_> = all(&store, AuditFilter::default()).await.iter().map(|record| record.position).collect();
        assert_eq!(left, [6, 7, 8, 9, 10], "those of the last five days");
        let checkpoint = store.audit.chain().await.unwrap().checkpoint.unwrap();
        assert!(checkpoint.genuine && checkpoint.last_dropped.position == 5, "{checkpoint:?}");
        whole(&store).await;
        // The chain continues on every node, and more is dropped later.
        world.store.audit.begin_export(&world.nobody(), &AuditFilter::default()).await.unwrap();
        world.wait(2 * day);
        while sweep().await > 0 {}
        assert_eq!(store.audit.chain().await.unwrap().start().position, 7);
        whole(&world.store).await;
        // Recent entries are still protected, and a forged checkpoint is detected.
        assert!(world.meddle("DELETE FROM audit WHERE position = 8").unwrap_err().to_string().contains("append-only"));
        world.meddle("UPDATE audit_checkpoint SET position = 8, hash = (SELECT hash FROM audit WHERE position = 8)").unwrap();
        world.meddle("DELETE FROM audit WHERE position = 8").unwrap();
        assert_eq!(broken(&store).await, Some(8));
        assert!(!store.audit.chain().await.unwrap().checkpoint.unwrap().genuine);
    }

    async fn nobody_removes_an_entry_before_it_is_chained(world: World) {
        world.register("ada").await;
        for statement in ["UPDATE audit_pending SET action = 'nothing'", "DELETE FROM audit_pending"] {
            let error = world.meddle(statement).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{statement}: {error}");
        }
        // Key rotation finds them readable.
        for column in seal::columns() {
            let held = world.store.sealing.held(column).await.unwrap();
            assert!(held.iter().all(|held| held.lost == 0), "{column:?}: {held:?}");
        }
        assert_eq!(world.store.audit.append_pending().await.unwrap(), 2);
        assert_eq!(world.store.audit.append_pending().await.unwrap(), 0);
        assert_eq!(actions(&world.store).await.len(), 2);
    }
}

/// A transaction of somebody else on PostgreSQL.
fn begun(world: &World, statement: &str) -> PgConnection {
    let DatabaseUrl::Postgres(url) = &world.options.url else { panic!("postgres") };
    let mut conn = PgConnection::establish(url).unwrap();
    conn.batch_execute(&format!("BEGIN; {statement}")).unwrap();
    conn
}

#[tokio::test]
async fn whoever_signs_in_does_not_wait_for_the_chain() {
    let world = World::postgres().await;
    let mut chaining = begun(&world, "SELECT * FROM audit_head FOR UPDATE");
    // Right and wrong passwords, known and unknown users: none of them waits for the head of the chain.
    let ada = world.register("ada").await;
    world.store.accounts.login(&world.nobody(), login("ada", "correct horse")).await.unwrap();
    let wrong = world.store.accounts.login(&world.nobody(), login("ada", "wrong horse")).await;
    assert_eq!(code(wrong), "credentials.invalid");
    world.store.accounts.refresh(&world.nobody(), RefreshToken::new(ada.refresh)).await.unwrap();
    assert_eq!(world.store.audit.append_pending().await.unwrap(), 0, "it is left to whoever holds the head");
    chaining.batch_execute("COMMIT").unwrap();
    assert_eq!(world.store.audit.append_pending().await.unwrap(), 4);
    whole(&world.store).await;
}

#[tokio::test]
async fn an_entry_that_commits_late_gets_its_place() {
    let world = World::postgres().await;
    let mut late = begun(
        &world,
        "INSERT INTO audit_pending (id, at, actor_type, action) \
         VALUES ('01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10', now(), 'system', 'test.late')",
    );
    world.register("ada").await;
    assert_eq!(actions(&world.store).await, ["user.registered", "session.opened"]);
    late.batch_execute("COMMIT").unwrap();
    let log = all(&world.store, AuditFilter::default()).await;
    let last = log.last().unwrap();
    assert_eq!((last.position, last.action.as_str()), (3, "test.late"), "its number was the first");
    whole(&world.store).await;
}

#[tokio::test]
async fn a_batch_that_dies_leaves_its_entries_pending() {
    let world = World::postgres().await;
    world.register("ada").await;
    // If one entry cannot be chained, none of its batch is.
    world.batch("ALTER TABLE audit ADD CONSTRAINT no_sessions CHECK (action <> 'session.opened')");
    assert!(world.store.audit.append_pending().await.is_err());
    let chain = world.store.audit.chain().await.unwrap();
    assert_eq!((chain.end.position, chain.pending), (0, 2));
    let since = chain.pending_since.unwrap();
    let after = |seconds| since.plus(Duration::from_secs(seconds));
    assert!(!chain.lags(after(60)) && chain.lags(after(61)));
    world.batch("ALTER TABLE audit DROP CONSTRAINT no_sessions");
    assert_eq!(actions(&world.store).await, ["user.registered", "session.opened"]);
    whole(&world.store).await;
}
