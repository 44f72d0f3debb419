//! Every write against every other, and against the workers of all jobs: many tasks, the same few people, the same chats.
//! No write may deadlock or fail for a fault of ours, and all counts must be true afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clowder_core::{Actor, Ctx, Error};
use clowder_infra::{
    DatabaseUrl,
    privacy::{Then, registered},
};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query, sql_types::BigInt};
use tokio::sync::watch;

use crate::{
    domains::DOMAINS,
    world::{World, beside, on_both},
};

mod ports;
mod stage;

pub use stage::{Dice, NOTHING_TO_DO, PASSWORD, Performed, Scene, Stage, kinds, of};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

pub fn count(world: &World, what: &str) -> i64 {
    let query = sql_query(format!("SELECT count(*) AS count FROM {what}"));
    let found: Count = match &world.options.url {
        DatabaseUrl::Postgres(url) => query.get_result(&mut PgConnection::establish(url).unwrap()),
        DatabaseUrl::Sqlite(path) => query.get_result(&mut beside(path)),
    }
    .unwrap();
    found.count
}

/// Whatever was written while they were erased.
fn nothing_is_left_of_the_erased(world: &World) {
    for reference in registered(&world.options.url).iter().flat_map(|part| part.references) {
        if reference.then == Then::Erased {
            let of_them = format!("{} t JOIN erasures e ON e.user_id = t.{}", reference.table, reference.column);
            let left = count(world, &format!("{of_them} WHERE e.erased_at IS NOT NULL"));
            assert_eq!(left, 0, "{reference:?}");
        }
    }
}

/// What some writes do only when chance has it, with the rows that show it.
fn chances() -> impl Iterator<Item = (&'static str, &'static str)> {
    let erased = ("erasure", "erasures WHERE erased_at IS NOT NULL");
    DOMAINS.iter().flat_map(|domain| domain.met).copied().chain([erased])
}

/// Notes what of this has happened by now, and whether that is all. One task at a time looks.
fn everything_happened(world: &World, happened: &Mutex<BTreeSet<&'static str>>) -> bool {
    let Ok(mut happened) = happened.try_lock() else { return false };
    let missing: Vec<_> = chances().filter(|(what, _)| !happened.contains(what)).collect();
    happened.extend(missing.into_iter().filter(|(_, rows)| count(world, rows) > 0).map(|(what, _)| what));
    happened.len() == chances().count()
}

/// Every write of every port.
fn writes() -> Vec<&'static str> {
    DOMAINS.iter().flat_map(|domain| domain.writes).copied().collect()
}

const TASKS: u64 = 12;
const FOR: Duration = Duration::from_secs(4);
/// How long it may take until each write has come through, and everything has happened that depends on chance.
const AT_MOST: Duration = Duration::from_secs(120);
/// How many rows the sweeps must delete, however slow everything is, so that they meet writers.
const ENOUGH: usize = 20;

on_both! {
    async fn no_write_waits_for_another_for_ever(world: World) {
        let (writes, stage) = (writes(), Arc::new(Stage::new(&world).await));
        let came = Arc::new(Mutex::new(BTreeMap::<&'static str, (u32, u32)>::new()));
        let faults = Arc::new(Mutex::new(Vec::<String>::new()));
        let happened = Arc::new(Mutex::new(BTreeSet::new()));
        let began = Instant::now();
        let tasks = (0..TASKS).map(|task| {
            let (writes, stage, world) = (writes.clone(), Arc::clone(&stage), Arc::clone(&world));
            let (came, faults, happened) = (Arc::clone(&came), Arc::clone(&faults), Arc::clone(&happened));
            tokio::spawn(async move {
                let mut dice = Dice(task);
                // Each task starts elsewhere and gets through all of them, even if everything is slow.
                let mut next = task as usize * writes.len() / TASKS as usize;
                let mut done = 0;
                let jobs = kinds(&stage.stores[0]);
                let everything_came = || {
                    let (came, worked) = (came.lock().unwrap(), stage.worked.lock().unwrap());
                    writes.iter().all(|write| came.get(write).is_some_and(|(_, succeeded)| *succeeded > 0))
                        && jobs.iter().all(|kind| worked.contains_key(kind))
                };
                while began.elapsed() < FOR
                    || done < writes.len() * 2
                    || (began.elapsed() < AT_MOST && !(everything_came() && everything_happened(&world, &happened)))
                {
                    // Its traces may be deleted later.
                    if done.is_multiple_of(16) {
                        everything_happened(&world, &happened);
                    }
                    let write = writes[next % writes.len()];
                    next += 1 + dice.below(3) * usize::from(done >= writes.len());
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
        let tasks = tasks.collect::<Vec<_>>();
        // Each process has its workers, which run the jobs of all domains until nobody writes any more.
        let (finish, finished) = watch::channel(false);
        let workers = (0..stage.stores.len()).map(|store| {
            let (stage, faults, mut finished) = (Arc::clone(&stage), Arc::clone(&faults), finished.clone());
            tokio::spawn(async move {
                let store = &stage.stores[store];
                loop {
                    let is_last = *finished.borrow_and_update();
                    match stage.do_jobs(store, kinds(store)).await {
                        Err(Error::Refused(refused)) if refused.code == NOTHING_TO_DO.code => {
                            if is_last {
                                return;
                            }
                            tokio::select! {
                                () = store.jobs.ordered() => {}
                                changed = finished.changed() => changed.unwrap(),
                            }
                        }
                        Err(error) if error.is_ours() => faults.lock().unwrap().push(format!("a worker: {error}")),
                        Ok(()) | Err(_) => {}
                    }
                }
            })
        });
        let workers = workers.collect::<Vec<_>>();
        for task in tasks {
            task.await.unwrap();
        }
        finish.send_replace(true);
        for worker in workers {
            worker.await.unwrap();
        }
        let faults = std::mem::take(&mut *faults.lock().unwrap());
        assert!(faults.is_empty(), "{} faults, the first of them: {:#?}", faults.len(), &faults[..faults.len().min(12)]);
        let came = std::mem::take(&mut *came.lock().unwrap());
        let never: Vec<_> = writes.iter().filter(|write| came.get(*write).is_none_or(|(_, succeeded)| *succeeded == 0)).collect();
        assert!(never.is_empty(), "these never came through: {never:?} of {came:?}");
        let worked = std::mem::take(&mut *stage.worked.lock().unwrap());
        let idle: Vec<_> = kinds(&stage.stores[0]).into_iter().filter(|kind| !worked.contains_key(kind)).collect();
        assert!(idle.is_empty(), "no write enqueues jobs of {idle:?}: {worked:?}");
        let chain = stage.stores[0].audit.chain().await.unwrap();
        assert_eq!(chain.pending, 0);
        everything_happened(&world, &happened);
        let happened = std::mem::take(&mut *happened.lock().unwrap());
        let never: Vec<_> = chances().map(|(what, _)| what).filter(|what| !happened.contains(what)).collect();
        assert!(never.is_empty(), "there was none of these: {never:?}, but of {happened:?}, by {came:?}");
        for (wrong, what) in DOMAINS.iter().flat_map(|domain| domain.never) {
            assert_eq!(count(&world, what), 0, "{wrong}");
        }
        nothing_is_left_of_the_erased(&world);
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
            let writes = writes();
            let (stage, world, faults, swept) =
                (Arc::clone(&stage), Arc::clone(&world), Arc::clone(&faults), Arc::clone(&swept));
            tasks.push(tokio::spawn(async move {
                let mut dice = Dice(task);
                let sweeps = task < 3;
                let enough = || swept.load(Ordering::Relaxed) > ENOUGH;
                while began.elapsed() < FOR || (began.elapsed() < AT_MOST && !enough()) {
                    let done = if sweeps {
                        // Some hours later: what is written now has expired by then. Sessions go on.
                        let hours = [2, 26, 50][dice.below(3)];
                        let later = world.now().plus(Duration::from_secs(hours * 3600));
                        let ctx = Ctx::new(Actor::System, later, "sweep");
                        let gone = stage.stores[task as usize].upkeep.sweep(&ctx, Duration::MAX).await;
                        gone.map(|gone| {
                            swept.fetch_add(gone, Ordering::Relaxed);
                        })
                    } else {
                        stage.perform(writes[dice.below(writes.len())], &mut dice).await
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
        assert!(swept.load(Ordering::Relaxed) > ENOUGH, "{swept:?} rows were swept");
        crate::audit::whole(&stage.stores[0]).await;
    }
}
