//! Every write against every other: many tasks, the same few people, the same chats. No write may wait for another for
//! ever, none may fail for a fault of ours, and what is counted must be true afterwards.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_core::{Actor, Ctx};
use clowder_infra::DatabaseUrl;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};

use crate::world::{World, beside, on_both};

#[path = "stress/ports.rs"]
mod ports;
#[path = "stress/stage.rs"]
mod stage;

use ports::WRITES;
use stage::{Dice, Stage};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count(world: &World, what: &str) -> i64 {
    let query = sql_query(format!("SELECT count(*) AS count FROM {what}"));
    let found: Count = match &world.options.url {
        DatabaseUrl::Postgres(url) => query.get_result(&mut PgConnection::establish(url).unwrap()),
        DatabaseUrl::Sqlite(path) => query.get_result(&mut beside(path)),
    }
    .unwrap();
    found.count
}

/// What must be true whoever wrote beside whom; each says what would be wrong.
const NEVER: &[(&str, &str)] = &[
    (
        "gaps in the numbers of a chat",
        "chats c WHERE c.last_seq <> (SELECT count(*) FROM messages m WHERE m.chat_id = c.id) \
         OR c.last_seq <> (SELECT coalesce(max(m.seq), 0) FROM messages m WHERE m.chat_id = c.id)",
    ),
    (
        "a wrong count of deleted messages",
        "chats c WHERE c.deleted_count <> (SELECT count(*) FROM messages m WHERE m.chat_id = c.id AND m.deleted_at IS NOT NULL)",
    ),
    (
        "a wrong count of participants",
        "chats c WHERE c.participant_count <> (SELECT count(*) FROM participants p WHERE p.chat_id = c.id)",
    ),
    (
        "a wrong count of own messages after the mark",
        "participants p WHERE p.own_after_read <> (SELECT count(*) FROM messages m \
         WHERE m.chat_id = p.chat_id AND m.sender_id = p.user_id AND m.seq > p.read_seq)",
    ),
    (
        "a wrong lowest mark",
        "chats c WHERE c.lowest_read_seq <> (SELECT min(p.read_seq) FROM participants p WHERE p.chat_id = c.id)",
    ),
    (
        "a wrong second lowest mark",
        "chats c WHERE c.second_lowest_read_seq <> (SELECT p.read_seq FROM participants p WHERE p.chat_id = c.id \
         ORDER BY p.read_seq LIMIT 1 OFFSET 1)",
    ),
    (
        "gaps in the journal",
        "streams s WHERE s.head - s.floor <> (SELECT count(*) FROM journal j WHERE j.stream = s.stream AND j.position > s.floor)",
    ),
    (
        "times against the order of a chat",
        "messages a JOIN messages b ON b.chat_id = a.chat_id AND b.seq = a.seq + 1 AND b.created_at < a.created_at",
    ),
    ("a deleted message with its text", "messages m WHERE m.deleted_at IS NOT NULL AND m.content IS NOT NULL"),
    (
        "edits of a deleted message",
        "message_edits e JOIN messages m ON m.chat_id = e.chat_id AND m.seq = e.seq AND m.deleted_at IS NOT NULL",
    ),
    (
        "a client id without its message",
        "message_client_ids c LEFT JOIN messages m ON m.id = c.message_id AND m.sender_id = c.sender_id \
         AND m.client_id = c.client_id WHERE m.id IS NULL",
    ),
    (
        "a message whose client id is free",
        "messages m LEFT JOIN message_client_ids c ON c.sender_id = m.sender_id AND c.client_id = m.client_id \
         WHERE m.client_id IS NOT NULL AND c.message_id IS NULL",
    ),
    ("two keys of one person", "(SELECT user_id FROM user_keys GROUP BY user_id HAVING count(*) > 1) twice"),
    ("gaps in the audit log", "audit_head h WHERE h.position <> (SELECT count(*) FROM audit)"),
];

/// What some writes do now and then only, and must have done.
const MET: &[(&str, &str)] = &[
    ("refresh token that was used twice", "audit WHERE action = 'token.reused'"),
    ("sign-up that comes to nothing, for its address is taken", "sign_ups WHERE pretended = TRUE"),
    ("account that was made when its address was confirmed", "users WHERE email_verified_at = created_at"),
    ("email that somebody at a place caused", "caused_emails"),
    ("email that tells somebody that their address is wanted", "mailed_tokens WHERE purpose = 'notice'"),
    ("recovery code that was used", "audit WHERE action = 'recovery_code.used'"),
    ("second factor that was turned off by its owner", "audit WHERE action = 'two_factor.disabled'"),
];

const TASKS: u64 = 12;
const FOR: Duration = Duration::from_secs(4);

on_both! {
    async fn no_write_waits_for_another_for_ever(world: World) {
        let stage = Arc::new(Stage::new(&world).await);
        let came = Arc::new(Mutex::new(BTreeMap::<&'static str, (u32, u32)>::new()));
        let faults = Arc::new(Mutex::new(Vec::<String>::new()));
        let began = Instant::now();
        let tasks = (0..TASKS).map(|task| {
            let (stage, came, faults) = (Arc::clone(&stage), Arc::clone(&came), Arc::clone(&faults));
            tokio::spawn(async move {
                let mut dice = Dice(task);
                // Each begins elsewhere and comes through all of them, also where all is slow.
                let mut next = task as usize * WRITES.len() / TASKS as usize;
                let mut done = 0;
                while began.elapsed() < FOR || done < WRITES.len() * 2 {
                    let write = WRITES[next % WRITES.len()];
                    next += 1 + dice.below(3) * usize::from(done >= WRITES.len());
                    done += 1;
                    let result = stage.perform(write, &mut dice).await;
                    let mut came = came.lock().unwrap();
                    let (tried, succeeded) = came.entry(write).or_default();
                    *tried += 1;
                    *succeeded += u32::from(result.is_ok());
                    if let Err(error) = result && error.is_ours() {
                        faults.lock().unwrap().push(format!("{write}: {error}"));
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let faults = std::mem::take(&mut *faults.lock().unwrap());
        assert!(faults.is_empty(), "{} faults, the first of them: {:#?}", faults.len(), &faults[..faults.len().min(12)]);
        let came = std::mem::take(&mut *came.lock().unwrap());
        let never: Vec<_> = WRITES.iter().filter(|write| came.get(*write).is_none_or(|(_, succeeded)| *succeeded == 0)).collect();
        assert!(never.is_empty(), "these never came through: {never:?} of {came:?}");
        let chain = stage.stores[0].audit.chain().await.unwrap();
        assert_eq!(chain.pending, 0);
        for (met, what) in MET {
            assert_ne!(count(&world, what), 0, "there was no {met}");
        }
        for (wrong, what) in NEVER {
            assert_eq!(count(&world, what), 0, "{wrong}");
        }
        crate::audit::whole(&stage.stores[0]).await;
        world.changes().await;
    }

    async fn sweeps_and_writers_do_not_wait_for_each_other(world: World) {
        let stage = Arc::new(Stage::new(&world).await);
        let faults = Arc::new(Mutex::new(Vec::<String>::new()));
        let swept = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut tasks = Vec::new();
        for task in 0..TASKS {
            let (stage, world, faults, swept) =
                (Arc::clone(&stage), Arc::clone(&world), Arc::clone(&faults), Arc::clone(&swept));
            tasks.push(tokio::spawn(async move {
                let mut dice = Dice(task);
                let sweeps = task < 3;
                while began.elapsed() < FOR {
                    let done = if sweeps {
                        // As it will be in some hours: what is written now has had its time then. Sessions live on.
                        let hours = [2, 26, 50][dice.below(3)];
                        let later = world.now().plus(Duration::from_secs(hours * 3600));
                        let ctx = Ctx::new(Actor::System, later, "sweep");
                        let gone = stage.stores[task as usize].upkeep.sweep(&ctx, Duration::MAX).await;
                        gone.map(|gone| {
                            swept.fetch_add(gone, Ordering::Relaxed);
                        })
                    } else {
                        stage.perform(WRITES[dice.below(WRITES.len())], &mut dice).await
                    };
                    if let Err(error) = done && error.is_ours() {
                        faults.lock().unwrap().push(format!("{}: {error}", if sweeps { "a sweep" } else { "a write" }));
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let faults = std::mem::take(&mut *faults.lock().unwrap());
        assert!(faults.is_empty(), "{} faults, the first of them: {:#?}", faults.len(), &faults[..faults.len().min(12)]);
        assert!(swept.load(Ordering::Relaxed) > 20, "{swept:?} rows were swept");
        crate::audit::whole(&stage.stores[0]).await;
    }
}
