//! The guarantees of `Jobs`, and of the job runner.

pub mod domain;
mod queues;
mod schedules;
mod steadiness;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Kind, Mail, NewJob, PageRequest, Refusal, Result, Timestamp,
    job::{JobState, Queue, TRIES, Taken, Verdict, Work, Worker, decide},
};
use clowder_infra::{DatabaseUrl, JobRunner};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types::Binary};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use crate::world::{World, code, on_both};

/// A job for these tests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Errand(String);

impl Work for Errand {
    const KIND: &'static str = "test.errand";
    const QUEUE: Queue = Queue::Default;
}

const KINDS: [&str; 1] = [Errand::KIND];
const LEASE: Duration = Duration::from_secs(60);

fn errand(what: &str, run_at: Timestamp) -> NewJob {
    NewJob::new(&Errand(what.to_owned()), run_at).unwrap()
}

async fn order(world: &World, what: &str) {
    let ctx = world.nobody();
    world.store.jobs.order(&ctx, errand(what, ctx.now)).await.unwrap();
}

async fn take(world: &World, limit: usize) -> Vec<Taken> {
    world.store.jobs.take(&world.nobody(), KINDS.to_vec(), limit).await.unwrap()
}

async fn take_one(world: &World) -> Taken {
    let mut taken = take(world, 10).await;
    assert_eq!(taken.len(), 1, "{taken:?}");
    taken.remove(0)
}

fn what(jobs: &[Taken]) -> Vec<String> {
    jobs.iter().map(|job| job.read::<Errand>().unwrap().0).collect()
}

/// The table as an operator sees it: state and number of tries of each job.
async fn listed(world: &World, state: Option<JobState>) -> Vec<(JobState, i16, Option<String>)> {
    let page = world.store.jobs.list(&world.nobody(), state, PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|job| (job.state, job.attempts, job.last_error)).collect()
}

#[derive(QueryableByName)]
struct Payload {
    #[diesel(sql_type = Binary)]
    payload: Vec<u8>,
}

fn payloads(world: &World) -> Vec<Vec<u8>> {
    let query = sql_query("SELECT payload FROM jobs");
    let rows: Vec<Payload> = match &world.options.url {
        DatabaseUrl::Postgres(url) => query.load(&mut PgConnection::establish(url).unwrap()).unwrap(),
        DatabaseUrl::Sqlite(path) => {
            query.load(&mut SqliteConnection::establish(&path.to_string_lossy()).unwrap()).unwrap()
        }
    };
    rows.into_iter().map(|row| row.payload).collect()
}

on_both! {
    async fn what_a_job_carries_comes_back_and_cannot_be_read_in_the_table(world: World) {
        order(&world, "fetch the secret milk").await;
        let stored = payloads(&world);
        assert_eq!(stored.len(), 1);
        assert!(!stored[0].windows(6).any(|octets| octets == b"secret"), "readable");
        let job = take_one(&world).await;
        assert_eq!(job.read::<Errand>().unwrap(), Errand("fetch the secret milk".into()));
        assert_eq!((job.kind.as_str(), job.attempts), ("test.errand", 1));
        world.store.jobs.settle(&world.nobody(), &job, Verdict::Done).await.unwrap();
        assert!(payloads(&world).is_empty(), "what is done leaves nothing");
    }

    async fn what_is_ordered_in_a_transaction_is_ordered_with_it_or_not_at_all(world: World) {
        let mail = vec!["mail.send"];
        world.register("ada").await;
        let emails = world.store.jobs.take(&world.nobody(), mail.clone(), 10).await.unwrap();
        assert_eq!(emails.len(), 1, "the email was ordered with the account");
        world.store.jobs.settle(&world.nobody(), &emails[0], Verdict::Done).await.unwrap();
        let again = world.store.accounts.register(&world.nobody(), crate::world::account("ada")).await;
        assert_eq!(code(again), "username.taken");
        assert!(world.store.jobs.take(&world.nobody(), mail, 10).await.unwrap().is_empty());
    }

    async fn the_longest_due_come_first_and_none_before_its_time(world: World) {
        let ctx = world.nobody();
        let later = |seconds| ctx.now.plus(Duration::from_secs(seconds));
        for (name, at) in [("third", later(3)), ("first", later(1)), ("tomorrow", later(24 * 3600)), ("second", later(2))] {
            world.store.jobs.order(&ctx, errand(name, at)).await.unwrap();
        }
        assert!(take(&world, 10).await.is_empty(), "nothing is due");
        world.wait(Duration::from_secs(10));
        assert_eq!(what(&take(&world, 2).await), ["first", "second"]);
        assert_eq!(what(&take(&world, 2).await), ["third"]);
        assert!(take(&world, 2).await.is_empty());
    }

    async fn two_takers_at_once_never_get_the_same_job(world: World) {
        for i in 0..60 {
            order(&world, &format!("{i}")).await;
        }
        let other = Arc::new(world.another_node().await);
        let takers: Vec<_> = (0..8)
            .map(|taker| {
                let (world, other) = (world.clone(), other.clone());
                tokio::spawn(async move {
                    let jobs = if taker % 2 == 0 { &world.store.jobs } else { &other.jobs };
                    let mut all = Vec::new();
                    loop {
                        let taken = jobs.take(&world.nobody(), KINDS.to_vec(), 3).await.unwrap();
                        if taken.is_empty() {
                            return what(&all);
                        }
                        all.extend(taken);
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for taker in takers {
            all.extend(taker.await.unwrap());
        }
        assert_eq!(all.len(), 60);
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 60);
    }

    async fn a_worker_that_is_not_heard_of_loses_its_job(world: World) {
        order(&world, "milk").await;
        let first = take_one(&world).await;
        assert_eq!(listed(&world, Some(JobState::Running)).await.len(), 1);
        world.wait(LEASE - Duration::from_secs(1));
        assert!(take(&world, 10).await.is_empty(), "held for all of its lease");
        let ctx = world.nobody();
        assert!(world.store.jobs.renew(&ctx, &first).await.unwrap());
        world.wait(LEASE - Duration::from_secs(1));
        assert!(take(&world, 10).await.is_empty(), "and longer when it is renewed");
        world.wait(Duration::from_secs(2));
        let second = take_one(&world).await;
        assert_eq!((second.id, second.attempts), (first.id, 2));
        assert_ne!(second.lease, first.lease);
        // The first worker comes back: its results no longer count.
        assert!(!world.store.jobs.renew(&ctx, &first).await.unwrap());
        world.store.jobs.give_back(&ctx, &first).await.unwrap();
        for verdict in [Verdict::Done, Verdict::Dead { error: "late".into() }] {
            world.store.jobs.settle(&ctx, &first, verdict).await.unwrap();
        }
        assert_eq!(listed(&world, None).await, [(JobState::Running, 2, None)]);
        world.store.jobs.settle(&ctx, &second, Verdict::Done).await.unwrap();
        assert!(listed(&world, None).await.is_empty());
        assert!(!world.store.jobs.renew(&ctx, &second).await.unwrap(), "there is nothing left to hold");
    }

    async fn what_fails_comes_back_later_each_time_until_it_is_given_up(world: World) {
        order(&world, "milk").await;
        for attempt in 1..=TRIES {
            let job = take_one(&world).await;
            assert_eq!(job.attempts, attempt);
            let ctx = world.nobody();
            let verdict = decide(ctx.now, job.attempts, 0.5, &Err(Error::unavailable("no cow")));
            let pause = match &verdict {
                Verdict::Again { at, .. } => at.since(ctx.now),
                _ => Duration::ZERO,
            };
            world.store.jobs.settle(&ctx, &job, verdict).await.unwrap();
            assert!(take(&world, 10).await.is_empty());
            if attempt < TRIES {
                let error = Some("unavailable: no cow".to_owned());
                assert_eq!(listed(&world, Some(JobState::Waiting)).await, [(JobState::Waiting, attempt, error)]);
                world.wait(pause);
            }
        }
        assert_eq!(listed(&world, Some(JobState::Dead)).await.len(), 1);
        world.wait(Duration::from_secs(365 * 24 * 3600));
        assert!(take(&world, 10).await.is_empty(), "dead is dead");
    }

    async fn an_operator_lets_jobs_run_again(world: World) {
        for name in ["dead one", "dead two", "waits"] {
            order(&world, name).await;
        }
        let jobs = take(&world, 10).await;
        let (ctx, dead) = (world.nobody(), || Verdict::Dead { error: "x".repeat(5_000) });
        let later = Verdict::Again { at: ctx.now.plus(Duration::from_secs(3600)), error: "later".into() };
        world.store.jobs.settle(&ctx, &jobs[0], dead()).await.unwrap();
        world.store.jobs.settle(&ctx, &jobs[1], dead()).await.unwrap();
        let held = world.store.jobs.retry(&world.nobody(), jobs[2].id).await;
        assert_eq!(code(held), "job.unknown", "somebody works on it");
        world.store.jobs.settle(&ctx, &jobs[2], later).await.unwrap();
        assert!(take(&world, 10).await.is_empty());

        world.store.jobs.retry(&world.nobody(), jobs[0].id).await.unwrap();
        let again = take_one(&world).await;
        assert_eq!((again.id, again.attempts), (jobs[0].id, 1), "with all its tries before it");
        world.store.jobs.settle(&world.nobody(), &again, Verdict::Done).await.unwrap();
        assert_eq!(code(world.store.jobs.retry(&world.nobody(), again.id).await), "job.unknown");
        world.store.jobs.retry(&world.nobody(), jobs[2].id).await.unwrap();
        assert_eq!(what(&take(&world, 10).await), ["waits"], "also what only waits");
        let error = listed(&world, Some(JobState::Dead)).await[0].2.clone().unwrap();
        assert_eq!(error.len(), 2_000, "errors are cut");
        assert_eq!(world.store.jobs.retry_dead(&world.nobody()).await.unwrap(), 1);
        assert_eq!(what(&take(&world, 10).await), ["dead two"]);
        assert_eq!(world.store.jobs.retry_dead(&world.nobody()).await.unwrap(), 0);
    }

    async fn emails_that_could_not_be_sent_are_forgotten_after_a_month(world: World) {
        world.register("ada").await;
        let sweep = async || while world.store.upkeep.sweep(&world.nobody(), Duration::MAX).await.unwrap() > 0 {};
        let job = world.store.jobs.take(&world.nobody(), vec![Mail::KIND], 10).await.unwrap().remove(0);
        world.store.jobs.settle(&world.nobody(), &job, Verdict::Dead { error: "550".into() }).await.unwrap();
        world.wait(Duration::from_secs(29 * 24 * 3600));
        sweep().await;
        assert_eq!(listed(&world, Some(JobState::Dead)).await.len(), 1);
        world.wait(Duration::from_secs(2 * 24 * 3600));
        sweep().await;
        assert!(listed(&world, Some(JobState::Dead)).await.is_empty());
    }

    async fn an_operator_forgets_a_dead_job(world: World) {
        order(&world, "dead").await;
        let ctx = world.nobody();
        let id = world.store.jobs.list(&ctx, None, Default::default()).await.unwrap().items[0].id;
        assert_eq!(code(world.store.jobs.drop_dead(&ctx, id).await), "job.unknown", "it waits");
        let job = take_one(&world).await;
        assert_eq!(code(world.store.jobs.drop_dead(&ctx, id).await), "job.unknown", "it runs");
        world.store.jobs.settle(&ctx, &job, Verdict::Dead { error: "no".into() }).await.unwrap();
        world.store.jobs.drop_dead(&ctx, id).await.unwrap();
        assert!(listed(&world, None).await.is_empty());
        assert_eq!(code(world.store.jobs.drop_dead(&ctx, id).await), "job.unknown");
    }

    async fn a_worker_that_is_gone_can_be_given_up_on_once_its_lease_is_over(world: World) {
        order(&world, "milk").await;
        let lost = take_one(&world).await;
        world.wait(LEASE);
        world.store.jobs.retry(&world.nobody(), lost.id).await.unwrap();
        assert_eq!(take_one(&world).await.attempts, 1);
        world.store.jobs.settle(&world.nobody(), &lost, Verdict::Done).await.unwrap();
        assert_eq!(listed(&world, None).await.len(), 1, "the old lease is worth nothing");
    }

    async fn of_jobs_with_one_key_one_is_there_at_a_time(world: World) {
        let keyed = async |what: &str| {
            let ctx = world.nobody();
            world.store.jobs.order(&ctx, errand(what, ctx.now).keyed("daily")).await.unwrap();
        };
        keyed("one").await;
        keyed("two").await;
        order(&world, "no key").await;
        let jobs = take(&world, 10).await;
        assert_eq!(what(&jobs), ["one", "no key"]);
        keyed("three").await;
        assert!(take(&world, 10).await.is_empty(), "the first is still being worked on");
        world.store.jobs.settle(&world.nobody(), &jobs[0], Verdict::Done).await.unwrap();
        keyed("four").await;
        let four = take_one(&world).await;
        assert_eq!(what(std::slice::from_ref(&four)), ["four"], "done: the key is free");
        world.store.jobs.settle(&world.nobody(), &four, Verdict::Dead { error: "x".into() }).await.unwrap();
        keyed("five").await;
        assert_eq!(listed(&world, None).await.len(), 3, "dead: the key is free");
        // The dead job has been replaced: retrying it would do its work twice.
        assert_eq!(code(world.store.jobs.retry(&world.nobody(), four.id).await), "job.unknown");
        assert_eq!(what(&take(&world, 10).await), ["five"]);
        assert_eq!(listed(&world, Some(JobState::Dead)).await.len(), 0);
    }

    async fn what_is_given_back_was_never_taken(world: World) {
        order(&world, "milk").await;
        let job = take_one(&world).await;
        world.store.jobs.give_back(&world.nobody(), &job).await.unwrap();
        assert_eq!(listed(&world, None).await, [(JobState::Waiting, 0, None)]);
        assert_eq!(take_one(&world).await.attempts, 1);
    }

    async fn kinds_that_nobody_here_knows_are_left_alone(world: World) {
        order(&world, "milk").await;
        let others = world.store.jobs.take(&world.nobody(), vec!["test.other"], 10).await.unwrap();
        assert!(others.is_empty());
        assert!(world.store.jobs.take(&world.nobody(), Vec::new(), 10).await.unwrap().is_empty());
        assert_eq!(listed(&world, None).await, [(JobState::Waiting, 0, None)]);
    }

    async fn lists_go_on_where_they_ended(world: World) {
        for i in 0..5 {
            order(&world, &format!("{i}")).await;
        }
        let mut page = PageRequest { limit: 2, cursor: None };
        let mut ids = Vec::new();
        loop {
            let got = world.store.jobs.list(&world.nobody(), None, page.clone()).await.unwrap();
            ids.extend(got.items.iter().map(|job| job.id));
            let Some(next) = got.next_cursor else { break };
            page.cursor = Some(next);
        }
        assert_eq!(ids.len(), 5);
        assert!(ids.is_sorted_by(|a, b| a > b), "the latest first, none twice");
        page.cursor = Some("nonsense".into());
        assert!(matches!(world.store.jobs.list(&world.nobody(), None, page).await, Err(Error::Invalid(_))));
    }
}

// The job runner. The test has its own clock; the runtime's is paused, so that pauses pass at once.

static CLOCK: AtomicI64 = AtomicI64::new(1_790_000_000_000_000);

/// An hour later each time, so that retries are due.
fn clock() -> Timestamp {
    Timestamp::from_micros(CLOCK.fetch_add(3_600_000_000, Ordering::SeqCst))
}

const REFUSED: Refusal = Refusal::new(Kind::Gone, "test.gone", "Gone");

/// Behaves as the job's payload says.
struct Errands {
    tries: AtomicUsize,
    said: mpsc::UnboundedSender<String>,
    never: Notify,
}

#[async_trait]
impl Worker for Errands {
    fn kind(&self) -> &'static str {
        Errand::KIND
    }

    fn queue(&self) -> Queue {
        Errand::QUEUE
    }

    fn needs_a_steady_clock(&self, _ctx: &Ctx, job: &Taken) -> bool {
        job.read::<Errand>().unwrap().0 == "for good"
    }

    async fn work(&self, _ctx: &Ctx, job: &Taken) -> Result<()> {
        let Errand(what) = job.read()?;
        let first = self.tries.fetch_add(1, Ordering::SeqCst) == 0;
        self.said.send(what.clone()).unwrap();
        match what.as_str() {
            "fail once" if first => Err(Error::unavailable("not yet")),
            "panic once" if first => panic!("on purpose"),
            "refuse" => Err(REFUSED.into()),
            "hang" => {
                self.never.notified().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

struct Rig {
    world: Arc<World>,
    runner: JobRunner,
    said: mpsc::UnboundedReceiver<String>,
}

impl Rig {
    async fn new(what: &str) -> Self {
        Self::by(clock, what).await
    }

    async fn by(clock: fn() -> Timestamp, what: &str) -> Self {
        let world = World::sqlite().await;
        order(&world, what).await;
        let (sender, said) = mpsc::unbounded_channel();
        let errands = Errands { tries: AtomicUsize::new(0), said: sender, never: Notify::new() };
        let runner = JobRunner::new(world.store.jobs.clone(), HashMap::from([(Queue::Default, 1)]), clock)
            .with(vec![Arc::new(errands)], Vec::new());
        Self { world, runner, said }
    }

    /// Runs until this many tries were made, and then stops gracefully.
    async fn until_tried(&mut self, tries: usize) {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let runner = tokio::spawn(self.runner.clone().run(async move {
            let _ = stopped.await;
        }));
        for _ in 0..tries {
            self.said.recv().await.unwrap();
        }
        stop.send(()).unwrap();
        runner.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_or_panics_is_tried_again() {
    for what in ["fail once", "panic once"] {
        let mut rig = Rig::new(what).await;
        rig.until_tried(2).await;
        assert!(listed(&rig.world, None).await.is_empty(), "{what}: done at the second try");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_tried_again() {
    let mut rig = Rig::new("refuse").await;
    rig.until_tried(1).await;
    assert_eq!(listed(&rig.world, None).await, [(JobState::Dead, 1, Some("test.gone".into()))]);
}

#[tokio::test(start_paused = true)]
async fn who_stops_gives_back_what_is_not_finished() {
    let mut rig = Rig::new("hang").await;
    rig.until_tried(1).await;
    assert_eq!(listed(&rig.world, None).await, [(JobState::Waiting, 0, None)]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_takes_its_workers_with_it_is_given_up() {
    let mut rig = Rig::new("fine").await;
    for _ in 0..TRIES {
        assert_eq!(take(&rig.world, 1).await.len(), 1);
        rig.world.wait(LEASE);
    }
    CLOCK.fetch_max(rig.world.now().as_micros(), Ordering::SeqCst);
    let ended = Arc::new(Notify::new());
    let runner = tokio::spawn(rig.runner.clone().run({
        let ended = Arc::clone(&ended);
        async move { ended.notified().await }
    }));
    while listed(&rig.world, Some(JobState::Dead)).await.is_empty() {
        tokio::task::yield_now().await;
    }
    ended.notify_one();
    runner.await.unwrap();
    assert!(rig.said.try_recv().is_err(), "nobody worked on it");
}
