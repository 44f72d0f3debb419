//! Irreversible jobs, and a clock that jumps.

use super::*;

const MOMENT: i64 = 1_790_000_000_000_000;

/// The clock is this many microseconds ahead.
static AHEAD: AtomicI64 = AtomicI64::new(0);

fn moved() -> Timestamp {
    Timestamp::from_micros(MOMENT + AHEAD.load(Ordering::SeqCst))
}

#[tokio::test]
async fn what_cannot_be_undone_waits_while_the_clock_has_jumped() {
    let mut rig = Rig::by(moved, "for good").await;
    rig.world.meddle(&format!("UPDATE jobs SET run_at = {MOMENT}")).unwrap();
    AHEAD.store(30 * 24 * 3_600_000_000, Ordering::SeqCst);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runner = tokio::spawn(rig.runner.clone().run(async move {
        let _ = stopped.await;
    }));
    loop {
        if let [(JobState::Waiting, 1, Some(error))] = listed(&rig.world, None).await.as_slice() {
            assert!(error.contains("clock"), "{error}");
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(rig.said.try_recv().is_err(), "it was not done");
    AHEAD.store(0, Ordering::SeqCst);
    rig.world.store.upkeep.put_clock_right(moved(), clowder_infra::clock::Evidence::Returned).await.unwrap();
    assert_eq!(rig.said.recv().await.as_deref(), Some("for good"), "by the right clock it is");
    stop.send(()).unwrap();
    runner.await.unwrap();
}
