//! What the tests of all domains need to know about jobs.

use std::{sync::atomic::Ordering, time::Duration};

use clowder_core::{
    Actor, Ctx, Mail, NewJob,
    job::{Cron, Verdict, Work},
};
use serde_json::json;

use crate::{
    clock::{CRON, MONTH, Nothing},
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, kinds},
    world::World,
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Jobs::order",
        "Jobs::take",
        "Jobs::renew",
        "Jobs::settle",
        "Jobs::give_back",
        "Jobs::tick",
        "Jobs::retry",
        "Jobs::retry_dead",
        "Jobs::drop_dead",
    ],
    reads: &["Jobs::lease", "Jobs::list", "Jobs::ordered"],
    perform,
    ids: &["jobs.id", "jobs.lease_id"],
    ahead,
    lasts: &[("crons.next_at", |_| Duration::from_secs(600)), ("jobs.lease_until", |options| options.jobs.lease)],
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let jobs = &world.store.jobs;
        let again = Verdict::Again { at: world.now().plus(MONTH), error: "y".into() };
        // Of the last, nothing more is heard.
        for verdict in [Some(Verdict::Dead { error: "x".into() }), Some(again), None] {
            jobs.order(&world.nobody(), NewJob::new(&Nothing, world.now())?).await?;
            let taken = jobs.take(&world.nobody(), vec![Nothing::KIND], 1).await?;
            assert_eq!(taken.len(), 1);
            if let Some(verdict) = verdict {
                jobs.settle(&world.nobody(), &taken[0], verdict).await?;
            }
        }
        jobs.tick(&world.nobody(), &[CRON]).await?;
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, world, store, member, .. } = scene;
        match write {
            "Jobs::order" => {
                let mail = json!({"name": "x", "address": "x@example.org", "subject": "x", "text": "x", "html": "x"});
                let mail: Mail = serde_json::from_value(mail).unwrap();
                store
                    .jobs
                    .order(&stage.system(), NewJob::new(&mail, world.now())?.keyed("stress").about(member.id))
                    .await?;
            }
            "Jobs::take" | "Jobs::settle" => {
                let kinds = [kinds(store), vec![Mail::KIND]].concat();
                stage.do_jobs(store, kinds).await?;
            }
            "Jobs::renew" | "Jobs::give_back" => {
                let job = stage.take_mail(store).await?;
                store.jobs.renew(&stage.system(), &job).await?;
                store.jobs.give_back(&stage.system(), &job).await?;
            }
            "Jobs::tick" => {
                let cron = Cron { name: "stress", schedule: "* * * * * UTC", kind: clowder_infra::store::SWEEP };
                let later = Ctx::new(
                    Actor::System,
                    world.now().plus(Duration::from_secs(stage.count.fetch_add(1, Ordering::Relaxed) * 60)),
                    "job",
                );
                store.jobs.tick(&later, &[cron]).await?;
            }
            "Jobs::retry" | "Jobs::drop_dead" => {
                let job = stage.take_mail(store).await?;
                stage.give_up(store, &job).await?;
                if write == "Jobs::retry" {
                    store.jobs.retry(&stage.system(), job.id).await?;
                } else {
                    store.jobs.drop_dead(&stage.system(), job.id).await?;
                }
            }
            "Jobs::retry_dead" => {
                let job = stage.take_mail(store).await?;
                stage.give_up(store, &job).await?;
                if store.jobs.retry_dead(&stage.system()).await? == 0 {
                    return Err(NOTHING_TO_DO.into());
                }
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
