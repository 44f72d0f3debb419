//! Appeals that only one person can answer, and reports that nobody decides.

use std::time::Duration;

use clowder_core::Role;
use clowder_social::reports::{AppealStatus, NewAppeal, ReportFilter, ReportId, ReportStatus};
use serde_json::json;

use super::{act, audited, evidence, handle, report, told};
use crate::{
    privacy::{DAY, emails, system, work},
    reports::domain::{about, moderator},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn appeal(world: &World, person: &Person) {
    let statements = world.store.reports.statements(&world.ctx(person), Default::default()).await.unwrap().items;
    let new = of::<NewAppeal>(json!({"text": "that was not me"}));
    world.store.reports.appeal(&world.ctx(person), statements[0].id, new).await.unwrap();
}

async fn with_appeal(world: &World, who: &Person, appeal: Option<bool>) -> Vec<ReportId> {
    let filter = ReportFilter { appeal, ..ReportFilter::default() };
    let page = world.store.reports.moderated(&world.ctx(who), filter, Default::default()).await.unwrap();
    page.items.into_iter().map(|report| report.id).collect()
}

on_both! {
    async fn a_lone_administrator_answers_an_appeal(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let rita = world.with_role("rita", Role::Admin).await;
        let made = report(&world, &ada, "user", json!(bob.id)).await.unwrap();
        let other = report(&world, &bob, "user", json!(ada.id)).await.unwrap();
        handle(&world, &rita, made.id, act("warn")).await.unwrap();
        assert_eq!(with_appeal(&world, &rita, Some(true)).await, []);
        appeal(&world, &bob).await;
        assert_eq!(with_appeal(&world, &rita, Some(true)).await, [made.id]);
        assert_eq!(with_appeal(&world, &rita, Some(false)).await, [other.id]);
        assert_eq!(with_appeal(&world, &rita, None).await, [other.id, made.id]);
        // As long as somebody else could, they do.
        let judge = moderator(&world, "judge").await;
        assert_eq!(code(handle(&world, &rita, made.id, act("none")).await), "report.involved");
        world.meddle("UPDATE users SET suspension_reason = 'away' WHERE username = 'judge'").unwrap();
        emails(&world).await;
        world.wait(Duration::from_secs(3600));
        let answered = handle(&world, &rita, made.id, act("none")).await.unwrap().appeal.unwrap();
        assert_eq!((answered.status, answered.same_moderator), (AppealStatus::Reversed, true));
        let statement = world.store.reports.statements(&world.ctx(&bob), Default::default()).await.unwrap().items.remove(0);
        assert!(statement.appeal.unwrap().same_moderator);
        assert!(emails(&world).await[0].text.contains("The administrator who decided first"));
        assert_eq!(with_appeal(&world, &rita, Some(true)).await, []);
        // A moderator who is alone with their own decision does not.
        world.meddle("UPDATE users SET suspension_reason = NULL WHERE username = 'judge'").unwrap();
        handle(&world, &judge, other.id, act("warn")).await.unwrap();
        world.meddle("UPDATE users SET role = 'user' WHERE username = 'rita'").unwrap();
        appeal(&world, &ada).await;
        assert_eq!(code(handle(&world, &judge, other.id, act("none")).await), "report.involved");
    }

    async fn nobody_waits_for_a_decision_for_ever(world: World) {
        let [ada, bob, cem, dia] = world.people(["ada", "bob", "cem", "dia"]).await;
        let judge = moderator(&world, "judge").await;
        let [old, appealed, decided] = [
            world.store.reports.report(&world.ctx(&ada), about(&bob, "rude")).await.unwrap(),
            report(&world, &ada, "user", json!(cem.id)).await.unwrap(),
            report(&world, &bob, "user", json!(cem.id)).await.unwrap(),
        ];
        handle(&world, &judge, old.id, json!({"status": "reviewing"})).await.unwrap();
        handle(&world, &judge, appealed.id, act("warn")).await.unwrap();
        appeal(&world, &cem).await;
        world.wait(DAY);
        handle(&world, &judge, decided.id, act("none")).await.unwrap();
        // Of what is gone, as is who reported it, nobody has to decide; of one of the two, somebody may.
        let rude = world.say(&cem, world.group(&cem, &[&dia]).await.id, "rude").await;
        let [gone, known] = [
            report(&world, &dia, "message", json!(rude.id)).await.unwrap(),
            report(&world, &dia, "user", json!(cem.id)).await.unwrap(),
        ];
        world.store.privacy.erase_user(&system(&world), dia.id, None).await.unwrap();
        work(&world, &world.store).await;
        let status = async |report: ReportId| world.store.reports.examine(&world.ctx(&judge), report).await.unwrap().status;
        let sweep = async || while world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap() > 0 {};
        sweep().await;
        assert_eq!([status(gone.id).await, status(known.id).await], [ReportStatus::Open; 2]);
        world.store.messaging.delete(&world.ctx(&cem), rude.id, None).await.unwrap();
        sweep().await;
        assert_eq!([status(gone.id).await, status(known.id).await], [ReportStatus::Expired, ReportStatus::Open]);

        world.wait(179 * DAY - Duration::from_secs(60));
        sweep().await;
        assert_eq!(status(old.id).await, ReportStatus::Reviewing);
        assert!(evidence(&world, &judge, old.id).await.user.is_some());
        world.changes().await;
        world.wait(Duration::from_secs(60));
        sweep().await;
        assert_eq!(told(&world).await, [("report.decided".to_owned(), ada.id)]);
        assert_eq!(status(old.id).await, ReportStatus::Expired);
        assert!(evidence(&world, &judge, old.id).await.user.is_none());
        assert_eq!(status(appealed.id).await, ReportStatus::Open, "somebody waits for the answer");
        assert_eq!(audited(&world, "report.expired").await, 2);
        assert_eq!(code(handle(&world, &judge, old.id, act("warn")).await), "report.decided");
        let own = world.store.reports.one_report(&world.ctx(&ada), old.id).await.unwrap();
        assert_eq!((own.status, own.comment.as_deref(), own.resolution.is_some()), (ReportStatus::Expired, Some("rude"), true));
        // The same can be reported again, and the closed report is forgotten in time.
        world.store.reports.report(&world.ctx(&ada), about(&bob, "still rude")).await.unwrap();
        world.wait(180 * DAY);
        sweep().await;
        assert_eq!(code(world.store.reports.examine(&world.ctx(&judge), old.id).await), "report.unknown");
    }
}
