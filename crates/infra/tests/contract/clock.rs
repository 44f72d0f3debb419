//! A clock that was ahead for seconds, and is right again: nothing waits or lives for as long as it was ahead.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use clowder_accounts::{Login, RefreshToken, model::Forgot};
use clowder_core::{
    Ctx, Input, NewJob, Result, Timestamp,
    job::{Cron, Queue, Verdict, Work},
};
use clowder_infra::{
    DatabaseUrl,
    clock::{Evidence, Fate, times},
};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::BigInt};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    credentials::{OLD, emails, login, wait_of},
    domains::DOMAINS,
    schema::schema_rs,
    world::{World, code, on_both},
};

pub const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);
pub const CRON: Cron = Cron { name: "test.clock", schedule: "*/10 * * * * UTC", kind: "test.clock" };

#[derive(Serialize, Deserialize)]
pub struct Nothing;

impl Work for Nothing {
    const KIND: &'static str = "test.nothing";
    const QUEUE: Queue = Queue::Default;
}

/// The latest time in a column, in microseconds.
pub fn latest(world: &World, column: &str) -> Option<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Nullable<BigInt>)]
        at: Option<i64>,
    }
    let (table, name) = column.split_once('.').unwrap();
    let row: Row = match &world.options.url {
        DatabaseUrl::Postgres(url) => {
            let query = format!("SELECT (extract(epoch FROM max({name})) * 1000000)::bigint AS at FROM {table}");
            sql_query(query).get_result(&mut PgConnection::establish(url).unwrap()).unwrap()
        }
        DatabaseUrl::Sqlite(path) => sql_query(format!("SELECT max({name}) AS at FROM {table}"))
            .get_result(&mut SqliteConnection::establish(&path.to_string_lossy()).unwrap())
            .unwrap(),
    };
    row.at
}

/// A call a month from now.
fn ahead(ctx: Ctx) -> Ctx {
    Ctx { now: ctx.now.plus(MONTH), ..ctx }
}

pub async fn refresh(world: &World, ctx: &Ctx, token: &str) -> Result<String> {
    let token = RefreshToken::new(token.to_owned());
    world.store.accounts.refresh(ctx, token).await.map(|signed_in| signed_in.refresh)
}

on_both! {
    async fn what_lies_after_now_counts_as_now(world: World) {
        let store = &world.store;
        let ada = world.register("ada").await;
        emails(&world).await;
        store.jobs.tick(&world.nobody(), &[CRON]).await.unwrap();
        let guess = |ctx: Ctx| {
            let login = Login::from_json(json!({"username": "ada", "password": "wrong horse"})).unwrap();
            async move { store.accounts.login(&ctx, login).await }
        };
        let forgot = async |ctx: Ctx| {
            let forgot = Forgot::from_json(json!({"email": "ada@example.org"})).unwrap();
            store.credentials.forgot(&ctx, forgot).await.unwrap();
        };

        // For a moment the clock is a month ahead, while normal use continues.
        for _ in 0..5 {
            assert_eq!(code(guess(ahead(world.nobody())).await), "credentials.invalid");
        }
        let second = refresh(&world, &ahead(world.nobody()), &ada.refresh).await;
        assert_eq!(code(second), "token.expired", "signed in a month ago, as that clock has it");
        let other = world.register("bob").await;
        let new = Login::from_json(json!({"username": "bob", "password": OLD})).unwrap();
        let bob = store.accounts.login(&ahead(world.nobody()), new).await.unwrap();
        let next = refresh(&world, &ahead(world.nobody()), &bob.refresh).await.unwrap();
        forgot(ahead(world.nobody())).await;
        store.jobs.tick(&ahead(world.nobody()), &[CRON]).await.unwrap();
        store.jobs.order(&ahead(world.nobody()), NewJob::new(&Nothing, world.now().plus(MONTH)).unwrap()).await.unwrap();
        let taken = store.jobs.take(&ahead(world.nobody()), vec![Nothing::KIND], 1).await.unwrap();
        assert_eq!(taken.len(), 1, "a worker holds it, and is not heard of again");

        // The clock is right again. Before any correction:
        assert!(wait_of(guess(world.nobody()).await) <= 60);
        world.wait(Duration::from_secs(60));
        login(&world, "ada", OLD).await.expect("a minute is the longest pause");
        assert_eq!(code(store.accounts.identify(&bob.access, world.now())), "token.expired", "it would live for a month");
        assert_eq!(refresh(&world, &world.nobody(), &bob.refresh).await.unwrap(), next, "counts as used now");
        world.wait(Duration::from_secs(21));
        for _ in 0..2 {
            refresh(&world, &world.nobody(), &bob.refresh).await.expect("after the grace it is counted");
        }
        assert_eq!(code(refresh(&world, &world.nobody(), &bob.refresh).await), "token.reused");

        // The next check of the schedules finds theirs too far ahead; the rest is corrected by the process that saw the
        // clock return.
        store.jobs.tick(&world.nobody(), &[CRON]).await.unwrap();
        store.upkeep.put_clock_right(world.now(), Evidence::Returned).await.unwrap();
        let now = world.now();
        let crons = latest(&world, "crons.next_at").unwrap();
        assert!(crons <= now.plus(Duration::from_secs(600)).as_micros(), "schedules are computed anew");
        world.wait(Duration::from_secs(60));
        emails(&world).await;
        world.wait(Duration::from_secs(60));
        forgot(world.nobody()).await;
        assert!(emails(&world).await.iter().any(|mail| mail.subject == "Choose a new password"), "email goes out again");
        world.wait(world.options.jobs.lease);
        assert_eq!(store.jobs.take(&world.nobody(), vec![Nothing::KIND], 1).await.unwrap().len(), 1, "the lease is over");
        assert!(refresh(&world, &world.nobody(), &other.refresh).await.is_ok(), "sessions of before go on");

        // A job postponed by that clock is due now; one postponed by the right clock keeps its pause.
        store.jobs.order(&world.nobody(), NewJob::new(&Nothing, world.now()).unwrap()).await.unwrap();
        let mut taken = store.jobs.take(&world.nobody(), vec![Nothing::KIND], 1).await.unwrap();
        let job = taken[0].id;
        for (at, due) in [(world.now().plus(MONTH), 1), (world.now().plus(Duration::from_secs(5)), 0)] {
            let verdict = Verdict::Again { at, error: "later".into() };
            store.jobs.settle(&world.nobody(), &taken[0], verdict).await.unwrap();
            store.upkeep.put_clock_right(world.now(), Evidence::Returned).await.unwrap();
            taken = store.jobs.take(&world.nobody(), vec![Nothing::KIND], 1).await.unwrap();
            assert_eq!(taken.len(), due, "{at}");
            assert!(taken.iter().all(|again| again.id == job));
        }
    }

    async fn every_time_that_a_rule_depends_on_is_put_right(world: World) {
        let store = &world.store;
        let person = world.person("ada").await;
        store.jobs.tick(&world.nobody(), &[CRON]).await.unwrap();
        // A month ahead, everything that writes a time is done once.
        world.wait(MONTH);
        for domain in DOMAINS {
            (domain.ahead)(&world).await.unwrap();
        }

        // How long each may last at most from now on.
        let lasts = DOMAINS.iter().flat_map(|domain| domain.lasts);
        let lasts: BTreeMap<_, _> = lasts.map(|(column, longest)| (*column, longest(&world.options))).collect();
        let right = Ctx { now: Timestamp::from_micros(world.now().as_micros() - i64::try_from(MONTH.as_micros()).unwrap()), ..world.nobody() };
        let beyond = |column: &str| {
            let most = right.now.plus(lasts.get(column).copied().unwrap_or_default()).as_micros();
            latest(&world, column).map(|at| at > most)
        };
        let put_right = || times().into_iter().filter(|(_, fate)| !matches!(fate, Fate::Never(_)));
        for (column, _) in put_right() {
            assert_eq!(beyond(column), Some(true), "the test writes no {column} ahead");
        }
        // As long as this clock may be behind, nothing ends or is erased early.
        assert!(store.upkeep.put_clock_right(right.now, Evidence::Unclear).await.unwrap() > 0);
        for (column, fate) in put_right() {
            assert_eq!(beyond(column) == Some(true), fate != Fate::AtOnce, "{column}");
        }
        store.jobs.tick(&right, &[CRON]).await.unwrap();
        assert!(store.upkeep.put_clock_right(right.now, Evidence::Returned).await.unwrap() > 0);
        for (column, _) in put_right() {
            assert_ne!(beyond(column), Some(true), "{column}");
        }
        // Repeating it changes nothing, and the erasure can still be cancelled.
        assert_eq!(store.upkeep.put_clock_right(right.now, Evidence::Returned).await.unwrap(), 0);
        let undo = Ctx { now: right.now, ..world.ctx(&person) };
        store.privacy.undo_erasure(&undo).await.unwrap();
    }
}

#[test]
fn every_time_is_known_for_what_it_is() {
    let of_table = |(table, columns): (String, BTreeMap<String, String>)| {
        let times = columns.into_iter().filter(|(_, kind)| matches!(kind.as_str(), "Ts" | "Nullable<Ts>"));
        times.map(|(column, _)| format!("{table}.{column}")).collect::<Vec<_>>()
    };
    let in_schema: BTreeSet<_> = schema_rs().into_iter().flat_map(of_table).collect();
    assert!(in_schema.len() > 40, "{in_schema:?}");
    let said: Vec<_> = times().into_iter().map(|(column, _)| column.to_owned()).collect();
    let known: BTreeSet<_> = said.iter().cloned().collect();
    assert_eq!(known.len(), said.len(), "a time is said twice");
    assert_eq!(known, in_schema, "a time is in the schema and in the `times` of no domain, or the other way round");
}
