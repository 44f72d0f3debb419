//! What the tests of all domains need to know about reports.

use clowder_core::{Ctx, IdempotencyKey, Result};
use clowder_infra::Store;
use clowder_social::reports::{NewAppeal, NewReport, ReportId, ReportPatch, StatementId};
use serde_json::json;

use crate::{
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, Stage, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Reports::report", "Reports::examine", "Reports::handle", "Reports::appeal"],
    reads: &[
        "Reports::reports",
        "Reports::one_report",
        "Reports::moderated",
        "Reports::report_counts",
        "Reports::statements",
    ],
    perform,
    keeps,
    repeats,
    ids: &["reports.id", "statements.id"],
    never: &[
        (
            "two undecided reports about one thing that no appeal has opened",
            "reports r JOIN reports s ON s.reporter_id = r.reporter_id AND s.target_id = r.target_id AND s.id > r.id
               WHERE r.status IN ('open', 'reviewing') AND s.status IN ('open', 'reviewing')
                 AND r.decided_at IS NULL AND s.decided_at IS NULL",
        ),
        (
            "a report that is decided without a decision",
            "reports r WHERE r.status IN ('resolved', 'dismissed', 'expired') AND (r.decided_at IS NULL OR r.action IS NULL)",
        ),
        (
            "an open appeal about a decided report",
            "statements s JOIN reports r ON r.id = s.report_id
               WHERE s.appeal_status = 'pending' AND r.status IN ('resolved', 'dismissed', 'expired')",
        ),
        ("a comment of nobody", "reports r WHERE r.reporter_id IS NULL AND r.comment IS NOT NULL"),
    ],
    ..Domain::NONE
};

/// A moderator.
pub async fn moderator(world: &World, name: &str) -> Person {
    let person = world.person(name).await;
    world.meddle(&format!("UPDATE users SET role = 'moderator' WHERE username = '{name}'")).unwrap();
    person
}

pub fn about(person: &Person, comment: &str) -> NewReport {
    of(json!({"target": {"type": "user", "id": person.id}, "category": "spam", "comment": comment}))
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let [rude, judge] = [world.person("ruder").await, moderator(world, "judge").await];
        let reports = &world.store.reports;
        reports.report(&world.ctx(ada), about(&rude, "a peculiar smell")).await?;
        let report = reports.report(&world.ctx(&rude), about(ada, "she started it")).await?;
        let warn = of::<ReportPatch>(json!({"status": "resolved", "action": "warn", "reason": "be kind"}));
        reports.handle(&world.ctx(&judge), report.id, None, warn).await?;
        let statement = reports.statements(&world.ctx(ada), Default::default()).await?.items.remove(0);
        let appeal = of::<NewAppeal>(json!({"text": "a peculiar reason"}));
        reports.appeal(&world.ctx(ada), statement.id, appeal).await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let [rude, judge] = [world.person("ruder").await, moderator(world, "judge").await];
        let reports = &world.store.reports;
        let report = reports.report(&once(world.ctx(ada), "report"), about(&rude, "spam")).await?;
        let dismiss = of::<ReportPatch>(json!({"status": "dismissed", "reason": "no"}));
        reports.handle(&world.ctx(&judge), report.id, None, dismiss).await?;
        let again = reports.report(&once(world.ctx(ada), "report"), about(&rude, "spam")).await?;
        assert_eq!((again.id, again.resolution.is_some()), (report.id, true));
        Ok(())
    })
}

/// A new report of the member about somebody else of the four, or about what they said.
async fn reported(scene: &mut Scene<'_>) -> Result<(usize, ReportId)> {
    let Scene { stage, store, who, ctx, dice, .. } = scene;
    let other = 2 + (*who - 2 + 1 + dice.below(3)) % 4;
    let said = stage.said.lock().unwrap().iter().rev().find(|(by, _)| *by == other).copied();
    let target = match said.filter(|_| dice.below(2) == 0) {
        Some((_, message)) => json!({"type": "message", "id": message}),
        None => json!({"type": "user", "id": stage.members[other].id}),
    };
    let new = json!({"target": target, "category": "abuse", "comment": stage.fresh("rude ")});
    let key = Some(IdempotencyKey::new(stage.fresh("k"), [1; 32]));
    let ctx = Ctx { idempotency_key: key, ..ctx.clone() };
    let made = store.reports.report(&ctx, of::<NewReport>(new)).await;
    match made {
        Ok(report) => Ok((other, report.id)),
        Err(error) if error.is_ours() => Err(error),
        // They have reported it already; so another one of theirs is decided.
        Err(_) => {
            let open = store.reports.reports(&ctx, Default::default()).await?.items;
            let open = open.into_iter().find(|report| !report.status.is_decided());
            Ok((other, open.ok_or(NOTHING_TO_DO)?.id))
        }
    }
}

/// A decision that leaves the participants able to act.
async fn decided(stage: &Stage, store: &Store, admin: &Ctx, report: ReportId, action: &str) -> Result<()> {
    let taken = of::<ReportPatch>(json!({"status": "reviewing"}));
    store.reports.handle(admin, report, None, taken).await?;
    let patch = json!({"status": "resolved", "action": action, "reason": stage.fresh("why ")});
    store.reports.handle(admin, report, None, of::<ReportPatch>(patch)).await.map(drop)
}

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let (_, report) = reported(&mut scene).await?;
        let Scene { stage, store, admin, dice, .. } = scene;
        match write {
            "Reports::report" => Ok(()),
            "Reports::examine" => store.reports.examine(&admin, report).await.map(drop),
            "Reports::handle" => {
                let action = ["none", "warn", "suspend", "remove_content"][dice.below(4)];
                decided(stage, store, &admin, report, action).await
            }
            "Reports::appeal" => {
                decided(stage, store, &admin, report, "warn").await?;
                for member in 2..6 {
                    let ctx = stage.ctx(member);
                    let statements = store.reports.statements(&ctx, Default::default()).await?.items;
                    let Some(open) = statements.into_iter().find(|statement| statement.appeal.is_none()) else {
                        continue;
                    };
                    let id: StatementId = open.id;
                    let appeal = of::<NewAppeal>(json!({"text": stage.fresh("no ")}));
                    return store.reports.appeal(&ctx, id, appeal).await.map(drop);
                }
                Err(NOTHING_TO_DO.into())
            }
            unknown => panic!("nobody performs {unknown}"),
        }
    })
}
