//! The guarantees of `Reports`: what is kept, who decides, and what follows from it.

pub mod domain;
mod ends;
mod files;
mod removing;

use std::time::Duration;

use clowder_accounts::audit::ActorFilter;
use clowder_core::{Ctx, Error, IdempotencyKey, MessageId, PageRequest, Timestamp, UserId};
use clowder_messaging::MessagePatch;
use clowder_social::{
    groups::NewGroup,
    pets::NewPet,
    reports::{
        AppealStatus, Assigned, Evidence, ModeratedReport, ModerationAction, NewAppeal, NewReport, Report,
        ReportCounts, ReportFilter, ReportId, ReportPatch, ReportSort, ReportStatus,
    },
};
use serde_json::{Value, json};

use crate::{
    privacy::{DAY, emails, system, work},
    reports::domain::{about, moderator},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn report(world: &World, who: &Person, kind: &str, id: Value) -> clowder_core::Result<Report> {
    let new = of::<NewReport>(json!({"target": {"type": kind, "id": id}, "category": "abuse"}));
    world.store.reports.report(&world.ctx(who), new).await
}

async fn handle(world: &World, who: &Person, report: ReportId, patch: Value) -> clowder_core::Result<ModeratedReport> {
    world.store.reports.handle(&world.ctx(who), report, None, of::<ReportPatch>(patch)).await
}

fn act(action: &str) -> Value {
    json!({"status": "resolved", "action": action, "reason": "against the rules"})
}

/// What the changes since the last call were, and to whom.
async fn told(world: &World) -> Vec<(String, UserId)> {
    let changes = world.changes().await.into_iter();
    let mut told: Vec<_> =
        changes.map(|change| (change.name.to_string(), UserId::from_uuid(change.topic.id))).collect();
    told.sort();
    told
}

fn said(evidence: &Evidence) -> Vec<Option<&str>> {
    evidence.messages.iter().map(|message| message.content.as_deref()).collect()
}

async fn evidence(world: &World, who: &Person, report: ReportId) -> Evidence {
    world.store.reports.examine(&world.ctx(who), report).await.unwrap().evidence.unwrap()
}

async fn audited(world: &World, action: &str) -> usize {
    let filter = clowder_accounts::AuditFilter { action: Some(action.to_owned()), ..Default::default() };
    world.store.audit.records(&system(world), filter, Default::default()).await.unwrap().items.len()
}

on_both! {
    async fn what_is_reported_stays_as_it_was_seen(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let judge = moderator(&world, "judge").await;
        let chat = world.group(&ada, &[&bob]).await;
        for number in 0..7 {
            world.say(&ada, chat.id, &format!("before {number}")).await;
        }
        let rude = world.say(&bob, chat.id, "something zqrude").await;
        world.say(&bob, chat.id, "after").await;
        world.changes().await;
        let made = report(&world, &ada, "message", json!(rude.id)).await.unwrap();
        assert_eq!((made.status, made.resolution, made.comment), (ReportStatus::Open, None, None));
        assert_eq!(told(&world).await, [("report.made".to_owned(), ada.id)]);
        assert_eq!(audited(&world, "report.made").await, 1);

        // Neither an edit nor a deletion nor the erasure of its author takes it away.
        let patch = of::<MessagePatch>(json!({"content": "something nice"}));
        world.store.messaging.edit(&world.ctx(&bob), rude.id, None, patch).await.unwrap();
        world.store.messaging.delete(&world.ctx(&bob), rude.id, None).await.unwrap();
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        let kept = evidence(&world, &judge, made.id).await;
        let expected: Vec<_> = (2..7).map(|number| format!("before {number}")).chain(["something zqrude".to_owned()]).collect();
        assert_eq!(said(&kept), expected.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>());
        assert_eq!(kept.messages.last().unwrap().sender.username, "bob");
        world.gone(b"zqrude").await;
        assert_eq!(audited(&world, "report.read").await, 1);
    }

    /// What somebody wrote to the reporter with a request is part of what is reported, for as long as it was not answered.
    async fn what_was_written_with_a_request_is_kept(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let judge = moderator(&world, "judge").await;
        let friends = &world.store.friends;
        let new = of(json!({"user_id": ada.id, "message": "something zqrude"}));
        let asked = friends.request(&world.ctx(&bob), new).await.unwrap().into_inner();
        let first = report(&world, &ada, "user", json!(bob.id)).await.unwrap();
        let others = report(&world, &cem, "user", json!(bob.id)).await.unwrap();
        friends.decide(&world.ctx(&ada), asked.id, of(json!({"action": "reject"}))).await.unwrap();
        let kept = async |report: ReportId| evidence(&world, &judge, report).await.user.unwrap().friend_request;
        assert_eq!(kept(first.id).await.as_deref(), Some("something zqrude"));
        assert_eq!(kept(others.id).await, None, "it was not written to them");
        world.gone(b"zqrude").await;
        handle(&world, &judge, first.id, json!({"status": "dismissed", "reason": "x"})).await.unwrap();
        let later = report(&world, &ada, "user", json!(bob.id)).await.unwrap();
        assert_eq!(kept(later.id).await, None);
    }

    /// By the thing and by the person who answers for it.
    async fn moderators_find_what_was_reported_before(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let judge = moderator(&world, "judge").await;
        let chat = world.group(&ada, &[&bob]).await;
        let rude = world.say(&bob, chat.id, "rude").await;
        let about_message = report(&world, &ada, "message", json!(rude.id)).await.unwrap();
        let about_bob = report(&world, &ada, "user", json!(bob.id)).await.unwrap();
        let by_cem = report(&world, &cem, "user", json!(bob.id)).await.unwrap();
        report(&world, &ada, "user", json!(cem.id)).await.unwrap();
        let about_judge = report(&world, &ada, "user", json!(judge.id)).await.unwrap();
        let found = async |filter: ReportFilter| -> Vec<ReportId> {
            let page = world.store.reports.moderated(&world.ctx(&judge), filter, PageRequest::default()).await.unwrap();
            page.items.into_iter().map(|report| report.id).collect()
        };
        let target = |report: &Report| ReportFilter { target_id: Some(report.target.id), ..ReportFilter::default() };
        assert_eq!(found(target(&about_bob)).await, [by_cem.id, about_bob.id]);
        assert_eq!(found(target(&about_message)).await, [about_message.id]);
        let reported = ReportFilter { reported: Some(bob.id), ..ReportFilter::default() };
        assert_eq!(found(reported).await, [by_cem.id, about_bob.id, about_message.id]);
        assert_eq!(found(ReportFilter { target_type: Some(about_bob.target.kind), ..reported }).await, [by_cem.id, about_bob.id]);
        assert!(found(target(&about_judge)).await.is_empty(), "about themselves");
        assert!(found(ReportFilter { reported: Some(judge.id), ..ReportFilter::default() }).await.is_empty());
    }

    async fn only_what_is_seen_can_be_reported(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&bob, &[]).await;
        let message = world.say(&bob, chat.id, "between us").await;
        let mine = world.say(&bob, chat.id, "mine").await;
        let new = of::<NewGroup>(json!({"name": "Gardeners", "visibility": "secret"}));
        let secret = world.store.groups.create(&world.ctx(&bob), new).await.unwrap();
        let new = json!({"name": "Biscuit", "species": "dog", "bio": "zqbites", "visibility": "private"});
        let pet = world.store.pets.create(&world.ctx(&bob), of::<NewPet>(new)).await.unwrap();
        let nothing = MessageId::new(world.now());
        world.changes().await;
        for (kind, id, unknown) in [
            ("message", json!(message.id), "message.unknown"),
            ("message", json!(nothing), "message.unknown"),
            ("group", json!(secret.id), "group.unknown"),
            ("group", json!(nothing), "group.unknown"),
            ("pet", json!(pet.id), "pet.unknown"),
            ("pet", json!(nothing), "pet.unknown"),
            ("user", json!(nothing), "user.unknown"),
        ] {
            assert_eq!(code(report(&world, &ada, kind, id).await), unknown);
        }
        world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'bob'").unwrap();
        assert_eq!(code(report(&world, &ada, "user", json!(bob.id)).await), "user.unknown");
        for (kind, id) in [("message", json!(mine.id)), ("user", json!(bob.id)), ("group", json!(secret.id)), ("pet", json!(pet.id))] {
            let Err(Error::Invalid(errors)) = report(&world, &bob, kind, id).await else { panic!("their own") };
            assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_ref()), ("/target/id", "self"));
        }
        assert!(world.changes().await.is_empty(), "a refusal changes nothing");
        // Who shares a chat with a private person knows of them; they see the card.
        world.group(&bob, &[&eve]).await;
        let judge = moderator(&world, "judge").await;
        let made = report(&world, &eve, "user", json!(bob.id)).await.unwrap();
        let seen = evidence(&world, &judge, made.id).await.user.unwrap();
        assert_eq!((seen.username.as_str(), seen.bio, seen.links), ("bob", None, None));
    }

    /// Whoever reads the audit log may be who was reported.
    async fn the_audit_log_does_not_say_who_reports(world: World) {
        let [ada] = world.people(["ada"]).await;
        let root = moderator(&world, "rita").await;
        report(&world, &ada, "user", json!(root.id)).await.unwrap();
        let by = |actor, action: &str| {
            let action = Some(action.to_owned());
            clowder_accounts::AuditFilter { actor, action, ..Default::default() }
        };
        let ctx = system(&world);
        let page = world.store.audit.records(&ctx, by(None, "report.made"), Default::default()).await.unwrap().items;
        let export = world.store.audit.export(&by(None, "report.made"), 0, i64::MAX, 100).await.unwrap();
        for found in [page, export] {
            let shown = serde_json::to_string(&found).unwrap();
            assert!(found.len() == 1 && !shown.contains(&ada.id.to_string()), "{shown}");
            let record = &found[0];
            assert!(record.after.is_some() && record.address.is_none() && record.session_id.is_none(), "{shown}");
        }
        let of_ada = Some(ActorFilter::Id(ada.id.uuid()));
        for action in ["report.*", "report.made", "*"] {
            let found = world.store.audit.records(&ctx, by(of_ada, action), Default::default()).await.unwrap().items;
            assert!(found.iter().all(|record| record.action != "report.made"), "{action}");
        }
    }

    async fn a_pet_is_reported_with_its_texts(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let judge = moderator(&world, "judge").await;
        let new = of::<NewPet>(json!({"name": "Biscuit", "species": "dog", "bio": "zqbites", "visibility": "public"}));
        let pet = world.store.pets.create(&world.ctx(&bob), new).await.unwrap();
        let made = report(&world, &ada, "pet", json!(pet.id)).await.unwrap();
        world.store.pets.delete(&world.ctx(&bob), pet.id, None).await.unwrap();
        let kept = evidence(&world, &judge, made.id).await.pet.unwrap();
        assert_eq!((kept.name.as_str(), kept.bio.as_deref(), kept.owner.id), ("Biscuit", Some("zqbites"), bob.id));
    }

    async fn reports_are_bounded(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let judge = moderator(&world, "judge").await;
        let first = world.store.reports.report(&world.ctx(&ada), about(&bob, "spam")).await.unwrap();
        assert_eq!(first.comment.as_deref(), Some("spam"));
        assert_eq!(code(world.store.reports.report(&world.ctx(&ada), about(&bob, "spam")).await), "report.open");
        handle(&world, &judge, first.id, json!({"status": "dismissed", "reason": "no"})).await.unwrap();
        let chat = world.group(&ada, &[&bob]).await;
        let mut made = Vec::new();
        for number in 0..50 {
            let message = world.say(&bob, chat.id, &format!("rude {number}")).await;
            made.push(report(&world, &ada, "message", json!(message.id)).await.unwrap().id);
        }
        assert_eq!(code(report(&world, &ada, "user", json!(bob.id)).await), "report.limit");
        for id in made {
            handle(&world, &judge, id, act("none")).await.unwrap();
        }
        for number in 0..49 {
            let message = world.say(&bob, chat.id, &format!("ruder {number}")).await;
            report(&world, &ada, "message", json!(message.id)).await.unwrap();
        }
        assert_eq!(code(report(&world, &ada, "user", json!(bob.id)).await), "report.today");
        world.wait(DAY);
        report(&world, &ada, "user", json!(bob.id)).await.unwrap();
    }

    async fn moderators_take_reports_and_decide(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let [judge, other] = [moderator(&world, "judge").await, moderator(&world, "other").await];
        let chat = world.group(&ada, &[&bob]).await;
        let rude = world.say(&bob, chat.id, "something zqrude").await;
        let made = report(&world, &ada, "message", json!(rude.id)).await.unwrap();
        let ours = report(&world, &judge, "user", json!(bob.id)).await.unwrap();
        let about_them = report(&world, &ada, "user", json!(other.id)).await.unwrap();
        emails(&world).await;
        world.changes().await;

        // Who is involved does not decide, and who is reported does not learn of it.
        assert_eq!(code(handle(&world, &judge, ours.id, act("warn")).await), "report.involved");
        assert_eq!(code(handle(&world, &other, about_them.id, act("none")).await), "report.unknown");
        assert_eq!(code(world.store.reports.examine(&world.ctx(&other), about_them.id).await), "report.unknown");
        let list = async |who: &Person, filter: ReportFilter| -> Vec<ReportId> {
            let page = world.store.reports.moderated(&world.ctx(who), filter, Default::default()).await.unwrap();
            assert!(page.items.iter().all(|report| report.evidence.is_none()));
            page.items.into_iter().map(|report| report.id).collect()
        };
        assert_eq!(list(&other, ReportFilter::default()).await, [ours.id, made.id]);
        assert_eq!(list(&judge, ReportFilter::default()).await, [about_them.id, ours.id, made.id]);
        let oldest = ReportFilter { sort: ReportSort::Oldest, ..ReportFilter::default() };
        assert_eq!(list(&judge, oldest).await, [made.id, ours.id, about_them.id]);
        let paged = async |cursor| {
            let page = world.store.reports.moderated(&world.ctx(&judge), oldest, PageRequest { limit: 2, cursor }).await.unwrap();
            (page.items.iter().map(|report| report.id).collect::<Vec<_>>(), page.next_cursor)
        };
        let (first, next) = paged(None).await;
        assert_eq!((first, paged(next).await), (vec![made.id, ours.id], (vec![about_them.id], None)));
        let counts = async |who: &Person| {
            let ReportCounts { open, reviewing } = world.store.reports.report_counts(&world.ctx(who)).await.unwrap();
            (open, reviewing)
        };
        assert_eq!((counts(&judge).await, counts(&other).await), ((3, 0), (2, 0)), "not those about themselves");
        assert_eq!(code(handle(&world, &judge, about_them.id, act("warn")).await), "user.outranked");

        let taken = handle(&world, &other, made.id, json!({"status": "reviewing"})).await.unwrap();
        assert_eq!((taken.status, taken.assigned.unwrap().username.as_str()), (ReportStatus::Reviewing, "other"));
        assert_eq!(told(&world).await, [("report.updated".to_owned(), ada.id)]);
        assert_eq!((counts(&judge).await, counts(&other).await), ((2, 1), (1, 1)));
        let again = handle(&world, &other, made.id, json!({"status": "reviewing"})).await.unwrap();
        assert_eq!(again.version, taken.version, "nothing changes");
        assert_eq!(code(handle(&world, &judge, made.id, act("warn")).await), "report.taken");
        let stale = of::<ReportPatch>(json!({"status": "reviewing"}));
        let stale = world.store.reports.handle(&world.ctx(&judge), made.id, Some(1.into()), stale).await;
        assert_eq!(code(stale), "report.stale");
        handle(&world, &judge, made.id, json!({"status": "reviewing"})).await.unwrap();
        assert!(world.changes().await.is_empty(), "the reporter hears nothing of it");
        let mine = ReportFilter { assigned: Some(Assigned::Me), ..ReportFilter::default() };
        assert_eq!((list(&judge, mine).await, list(&other, mine).await), (vec![made.id], vec![]));

        let decided = handle(&world, &judge, made.id, act("remove_content")).await.unwrap();
        assert_eq!((decided.status, decided.decision.unwrap().action), (ReportStatus::Resolved, ModerationAction::RemoveContent));
        let mut expected = vec![
            ("message.deleted".to_owned(), UserId::from_uuid(chat.id.uuid())),
            ("report.decided".to_owned(), ada.id),
            ("statement.issued".to_owned(), bob.id),
        ];
        expected.sort();
        assert_eq!(told(&world).await, expected);
        let everything = world.everything().await;
        let deleted = everything.iter().find(|change| &*change.name == "message.deleted").unwrap().data.get();
        assert_eq!(serde_json::from_str::<Value>(deleted).unwrap()["deleted_by"], json!(bob.id), "as if he had done so");
        let of_chat = everything.iter().filter(|change| change.topic.id == chat.id.uuid());
        assert!(of_chat.into_iter().all(|change| !change.data.get().contains(&judge.id.to_string())), "nobody learns who decided");
        let again = world.store.messaging.delete(&world.ctx(&bob), rude.id, None).await.unwrap();
        assert_eq!(again.deleted_by, bob.id);
        let gone = world.store.messaging.message(&world.ctx(&ada), rude.id).await.unwrap();
        assert_eq!((gone.content, gone.deleted_at.is_some()), (None, true));
        assert!(world.everything().await.iter().all(|change| !change.data.get().contains("zqrude")));
        assert_eq!(code(handle(&world, &judge, made.id, act("none")).await), "report.decided");
        let seen = world.store.reports.one_report(&world.ctx(&ada), made.id).await.unwrap();
        assert_eq!(seen.resolution.unwrap().action, ModerationAction::RemoveContent);
        assert_eq!(code(world.store.reports.one_report(&world.ctx(&bob), made.id).await), "report.unknown");
        assert_eq!((audited(&world, "report.taken").await, audited(&world, "report.decided").await), (2, 1));
        let statements = world.store.reports.statements(&world.ctx(&bob), Default::default()).await.unwrap().items;
        assert_eq!(statements.len(), 1);
        assert_eq!((statements[0].action, statements[0].reason.as_deref()), (ModerationAction::RemoveContent, Some("against the rules")));
        let mail = emails(&world).await;
        assert_eq!(mail.len(), 1);
        assert_eq!(mail[0].address, "bob@example.org");
        assert!(mail[0].text.contains("against the rules") && !mail[0].text.contains("zqrude"), "{}", mail[0].text);
    }

    async fn a_decision_suspends_and_an_appeal_lifts(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let [judge, other] = [moderator(&world, "judge").await, moderator(&world, "other").await];
        let made = report(&world, &ada, "user", json!(bob.id)).await.unwrap();
        world.changes().await;
        let past = json!({"status": "resolved", "action": "suspend", "reason": "x", "until": "2001-01-01T00:00:00Z"});
        assert!(matches!(handle(&world, &judge, made.id, past).await, Err(Error::Invalid(_))));
        assert!(world.changes().await.is_empty(), "nothing of it has happened");
        handle(&world, &judge, made.id, act("suspend")).await.unwrap();
        let mut expected = vec![
            ("report.decided".to_owned(), ada.id),
            ("statement.issued".to_owned(), bob.id),
            ("user.suspended".to_owned(), bob.id),
            ("user.updated".to_owned(), bob.id),
        ];
        expected.sort();
        assert_eq!(told(&world).await, expected);
        let suspended = |now: Timestamp| world.store.staff.standing(bob.id, now).suspension.is_some();
        assert!(suspended(world.now()), "on this node at once");
        assert_eq!(audited(&world, "user.suspended").await, 1);

        let reports = &world.store.reports;
        let statement = reports.statements(&world.ctx(&bob), Default::default()).await.unwrap().items.remove(0);
        let appeal = || of::<NewAppeal>(json!({"text": "that was zqsomebodyelse"}));
        assert_eq!(code(reports.appeal(&world.ctx(&ada), statement.id, appeal()).await), "statement.unknown");
        let key = IdempotencyKey::new("k", [1; 32]);
        let once = Ctx { idempotency_key: Some(key), ..world.ctx(&bob) };
        let appealed = reports.appeal(&once, statement.id, appeal()).await.unwrap();
        assert_eq!(appealed.appeal.as_ref().unwrap().status, AppealStatus::Pending);
        assert_eq!(reports.appeal(&once, statement.id, appeal()).await.unwrap(), appealed, "a repeated call");
        assert_eq!(code(reports.appeal(&world.ctx(&bob), statement.id, appeal()).await), "statement.appealed");
        let mut expected = vec![("report.updated".to_owned(), ada.id), ("statement.updated".to_owned(), bob.id)];
        expected.sort();
        assert_eq!(told(&world).await, expected);
        assert!(!world.holds(b"zqsomebodyelse"), "it is encrypted");

        // Another moderator decides.
        assert_eq!(code(handle(&world, &judge, made.id, act("none")).await), "report.involved");
        let open = reports.examine(&world.ctx(&other), made.id).await.unwrap();
        assert_eq!(open.appeal.unwrap().text.as_deref(), Some("that was zqsomebodyelse"));
        assert_eq!((open.status, open.decision.unwrap().action), (ReportStatus::Open, ModerationAction::Suspend));
        emails(&world).await;
        // An address that is not confirmed gets few emails in an hour.
        world.wait(Duration::from_secs(3600));
        handle(&world, &other, made.id, json!({"status": "dismissed", "reason": "a mistake"})).await.unwrap();
        assert!(!suspended(world.now()));
        let mut expected = vec![
            ("report.decided".to_owned(), ada.id),
            ("statement.updated".to_owned(), bob.id),
            ("user.updated".to_owned(), bob.id),
        ];
        expected.sort();
        assert_eq!(told(&world).await, expected);
        let answered = reports.statements(&world.ctx(&bob), Default::default()).await.unwrap().items.remove(0);
        let appeal = answered.appeal.unwrap();
        assert_eq!((appeal.status, appeal.answer.as_deref()), (AppealStatus::Reversed, Some("a mistake")));
        assert_eq!((answered.action, answered.reason.as_deref()), (ModerationAction::Suspend, Some("against the rules")));
        assert_eq!(emails(&world).await[0].subject, "Your appeal has been decided");
        let again = of::<NewAppeal>(json!({"text": "once more"}));
        assert_eq!(code(reports.appeal(&world.ctx(&bob), statement.id, again).await), "statement.appealed");
    }

    async fn an_appeal_lifts_no_other_suspension(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let [judge, other] = [moderator(&world, "judge").await, moderator(&world, "other").await];
        let made = report(&world, &ada, "user", json!(bob.id)).await.unwrap();
        handle(&world, &judge, made.id, act("suspend")).await.unwrap();
        let elsewhere = of(json!({"reason": "something else"}));
        world.store.staff.suspend(&system(&world), bob.id, elsewhere).await.unwrap();
        let statement = world.store.reports.statements(&world.ctx(&bob), Default::default()).await.unwrap().items.remove(0);
        world.store.reports.appeal(&world.ctx(&bob), statement.id, of(json!({"text": "no"}))).await.unwrap();
        handle(&world, &other, made.id, act("none")).await.unwrap();
        assert!(world.store.staff.standing(bob.id, world.now()).suspension.is_some());
    }

    async fn reports_are_forgotten_long_after_their_decision(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let judge = moderator(&world, "judge").await;
        let [decided, open] = [
            report(&world, &ada, "user", json!(bob.id)).await.unwrap(),
            report(&world, &bob, "user", json!(ada.id)).await.unwrap(),
        ];
        handle(&world, &judge, decided.id, act("warn")).await.unwrap();
        let sweep = async || {
            while world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap() > 0 {}
            let ctx = world.ctx(&judge);
            let all = world.store.reports.moderated(&ctx, ReportFilter::default(), Default::default()).await;
            all.unwrap().items.into_iter().map(|report| report.id).collect::<Vec<_>>()
        };
        world.wait(180 * DAY - Duration::from_secs(60));
        assert_eq!(sweep().await, [open.id, decided.id]);
        world.wait(Duration::from_secs(60));
        assert_eq!(sweep().await, [open.id]);
        let judged = Person { id: bob.id, actor: bob.actor };
        assert!(world.store.reports.statements(&world.ctx(&judged), Default::default()).await.unwrap().items.is_empty());
    }

    async fn a_reporter_who_is_erased_leaves_the_report(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let judge = moderator(&world, "judge").await;
        let made = world.store.reports.report(&world.ctx(&ada), about(&bob, "zqcomment")).await.unwrap();
        let theirs = report(&world, &bob, "user", json!(ada.id)).await.unwrap();
        handle(&world, &judge, theirs.id, act("warn")).await.unwrap();
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let left = world.store.reports.examine(&world.ctx(&judge), made.id).await.unwrap();
        assert_eq!((left.reporter, left.comment), (None, None));
        assert_eq!(left.evidence.unwrap().user.unwrap().username, "bob");
        // The moderators can still decide, and nobody is told but the person whom it concerns.
        world.changes().await;
        handle(&world, &judge, left.id, act("warn")).await.unwrap();
        assert_eq!(told(&world).await, [("statement.issued".to_owned(), bob.id)]);
        // Who is gone cannot be reported; a decision about them can do nothing.
        assert_eq!(code(report(&world, &bob, "user", json!(ada.id)).await), "user.unknown");
    }
}
