//! Schedules: recurring jobs.

use clowder_core::job::Cron;

use super::*;

on_both! {
    async fn a_schedule_fires_once_however_many_look(world: World) {
        const CRON: Cron = Cron { name: "test", schedule: "*/10 * * * * UTC", kind: Errand::KIND };
        let nodes = [Arc::new(world.another_node().await), Arc::new(world.another_node().await)];
        let tick = async || {
            let ctx = world.nobody();
            let ticks = (0..8).map(|i| {
                let (node, ctx) = (nodes[i % 2].clone(), ctx.clone());
                tokio::spawn(async move { node.jobs.tick(&ctx, &[CRON]).await.unwrap() })
            });
            for tick in ticks.collect::<Vec<_>>() {
                tick.await.unwrap();
            }
        };
        let due = async || {
            let jobs = take(&world, 10).await;
            for job in &jobs {
                world.store.jobs.settle(&world.nobody(), job, Verdict::Done).await.unwrap();
            }
            jobs.len()
        };
        tick().await;
        assert_eq!(due().await, 0, "it begins with its next moment");
        world.wait(Duration::from_secs(600));
        tick().await;
        tick().await;
        assert_eq!(due().await, 1);
        world.wait(Duration::from_secs(7 * 24 * 3600));
        tick().await;
        tick().await;
        assert_eq!(due().await, 1, "what was missed is made up for once");
        for _ in 0..3 {
            world.wait(Duration::from_secs(600));
            tick().await;
        }
        assert_eq!(due().await, 1, "while one waits there is no second");
    }

    async fn a_changed_schedule_begins_anew(world: World) {
        let cron = |schedule| Cron { name: "test", schedule, kind: Errand::KIND };
        let tick = async |schedule| world.store.jobs.tick(&world.nobody(), &[cron(schedule)]).await;
        tick("0 3 * * * UTC").await.unwrap();
        world.wait(Duration::from_secs(2 * 24 * 3600));
        tick("*/10 * * * * UTC").await.unwrap();
        assert!(take(&world, 10).await.is_empty(), "the old moment is no longer due");
        world.wait(Duration::from_secs(600));
        tick("*/10 * * * * UTC").await.unwrap();
        assert_eq!(take(&world, 10).await.len(), 1);
        assert!(tick("every day").await.is_err(), "a wrong schedule is said to be wrong");
    }
}
