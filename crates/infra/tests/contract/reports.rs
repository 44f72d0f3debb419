//! The guarantees of `Reports`: what is kept, who decides, and what follows from it.

pub mod domain;

use std::time::Duration;

use clowder_core::{Error, MessageId, PageRequest, Timestamp, UserId};
use clowder_infra::DatabaseUrl;
use clowder_messaging::MessagePatch;
use clowder_social::{
    groups::NewGroup,
    pets::NewPet,
    reports::{
        AppealStatus, Assigned, Evidence, ModeratedReport, ModerationAction, NewAppeal, NewReport, Report,
        ReportCategory, ReportFilter, ReportId, ReportPatch, ReportStatus, ReportTargetType,
    },
};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use serde_json::{Value, json};

use crate::{
    asked,
    privacy::{DAY, emails, system, work},
    reports::domain::{about, moderator},
    stress::of,
    world::{Person, World, beside, code, on_both},
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

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

/// The indexes of reports, as they are defined.
fn indexes(world: &World) -> Vec<String> {
    let lines: Vec<Line> = match &world.options.url {
        DatabaseUrl::Postgres(url) => {
            let query = "SELECT indexdef AS detail FROM pg_indexes WHERE tablename = 'reports'";
            sql_query(query).load(&mut PgConnection::establish(url).unwrap()).unwrap()
        }
        DatabaseUrl::Sqlite(path) => {
            let query = "SELECT sql AS detail FROM sqlite_schema WHERE tbl_name = 'reports' AND type = 'index' AND sql IS NOT NULL";
            sql_query(query).load(&mut beside(path)).unwrap()
        }
    };
    lines.into_iter().map(|line| line.detail).collect()
}

/// On SQLite, how a page is read: by all of these columns, and in the order of the index.
async fn plan(world: &World, judge: &Person, filter: ReportFilter, wanted: &[&str]) {
    let DatabaseUrl::Sqlite(path) = &world.options.url else { return };
    asked::record();
    let node = world.another_node().await;
    asked::take(path);
    node.reports.moderated(&world.ctx(judge), filter, PageRequest::default()).await.unwrap();
    let asked = asked::take(path);
    let listing = |text: &&String| text.contains("FROM `reports`") || text.contains("FROM (`reports`");
    let listing: Vec<_> = asked.iter().filter(listing).collect();
    let [listing] = listing[..] else { panic!("one statement lists: {asked:#?}") };
    let (statement, _) = listing.split_once(" -- binds").unwrap();
    let lines: Vec<Line> = sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(&mut beside(path)).unwrap();
    let plan: Vec<_> = lines.into_iter().map(|line| line.detail).collect();
    assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{filter:?}: {plan:?}");
    let read = plan.iter().find(|line| line.contains("reports ") || line.ends_with("reports")).unwrap();
    for column in wanted.iter().filter(|column| **column != "id") {
        assert!(read.contains(&format!("{column}=?")), "{filter:?}: {plan:?}");
    }
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

    async fn what_is_removed_of_a_group_a_pet_and_a_profile(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let judge = moderator(&world, "judge").await;
        let new = json!({"name": "Zqrude people", "description": "zqbad", "rules": "zqworse", "visibility": "public"});
        let group = world.store.groups.create(&world.ctx(&bob), of::<NewGroup>(new)).await.unwrap();
        world.store.groups.join(&world.ctx(&ada), group.id).await.unwrap();
        let new = json!({"name": "Zqname", "species": "dog", "breed": "zqbreed", "bio": "zqbites"});
        let pet = world.store.pets.create(&world.ctx(&bob), of::<NewPet>(new)).await.unwrap();
        let lost = of(json!({"text": "zqlost", "place": {"text": "zqhere"}}));
        world.store.pets.lose(&world.ctx(&bob), pet.id, None, lost).await.unwrap();
        let patch = of(json!({
            "display_name": "Zqdisplay", "bio": "zqbio", "status_text": "zqstatus", "pronouns": "zqpro",
            "location": "zqplace", "links": [{"label": "zqlink", "url": "https://example.org/zqurl"}]
        }));
        world.store.accounts.edit_me(&world.ctx(&bob), None, patch).await.unwrap();
        world.changes().await;
        for (kind, id, told_of) in [
            ("group", json!(group.id), "group.updated"),
            ("pet", json!(pet.id), "pet.updated"),
            ("user", json!(bob.id), "user.updated"),
        ] {
            let made = report(&world, &ada, kind, id).await.unwrap();
            world.changes().await;
            handle(&world, &judge, made.id, act("remove_content")).await.unwrap();
            let names: Vec<_> = told(&world).await.into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, sorted([told_of, "report.decided", "statement.issued"]), "{kind}");
            emails(&world).await;
            world.wait(Duration::from_secs(3600));
        }
        let seen = world.store.groups.group(&world.ctx(&ada), group.id).await.unwrap();
        assert_eq!((seen.name.as_str(), seen.description, seen.rules), ("Group", None, None));
        let eve = world.person("eve").await;
        assert_eq!(code(world.store.groups.group(&world.ctx(&eve), group.id).await), "group.unknown", "it is hidden");
        let seen = world.store.pets.pet(&world.ctx(&bob), pet.id).await.unwrap();
        assert_eq!((seen.name.as_str(), seen.breed, seen.bio, seen.lost), ("Pet", None, None, None));
        assert_eq!(code(world.store.pets.pet(&world.ctx(&eve), pet.id).await), "pet.unknown");
        let seen = world.store.profiles.user(&world.ctx(&eve), bob.id, None).await.unwrap().user;
        assert_eq!((seen.username.as_str(), seen.display_name.as_str()), ("bob", "bob"));
        assert_eq!((seen.bio, seen.status_text, seen.pronouns, seen.location, seen.links), (None, None, None, None, Some(vec![])));
        assert_eq!(audited(&world, "profile.edited").await, 1);
        world.gone(b"zq").await;
        world.gone(b"Zq").await;
        // Of what is gone, nothing is removed.
        let made = report(&world, &ada, "group", json!(group.id)).await.unwrap();
        world.store.groups.delete(&world.ctx(&bob), group.id, None).await.unwrap();
        handle(&world, &judge, made.id, act("remove_content")).await.unwrap();
    }

    async fn who_owns_a_reported_pet_sees_no_report_and_who_wrote_it_answers(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let [owner, partner] = [moderator(&world, "owner").await, moderator(&world, "partner").await];
        let [late, sitter, judge] =
            [moderator(&world, "late").await, moderator(&world, "sitter").await, moderator(&world, "judge").await];
        let pet = crate::pets::make(&world, &owner, json!({"name": "Biscuit"})).await.id;
        for (keeper, role) in [(&partner, "co_owner"), (&bob, "co_owner"), (&sitter, "caretaker")] {
            crate::pets::keep(&world, &owner, pet, keeper, role).await;
        }
        world.store.pets.edit(&world.ctx(&bob), pet, None, of(json!({"bio": "an insult"}))).await.unwrap();
        world.store.pets.edit(&world.ctx(&owner), pet, None, of(json!({"sex": "male"}))).await.unwrap();
        let made = report(&world, &ada, "pet", json!(pet)).await.unwrap();
        crate::pets::keep(&world, &owner, pet, &late, "co_owner").await;
        let own = report(&world, &partner, "pet", json!(pet)).await;
        assert!(matches!(own, Err(Error::Invalid(_))), "something of their own");
        let reports = &world.store.reports;
        let sees = async |who: &Person| {
            let page = reports.moderated(&world.ctx(who), ReportFilter::default(), Default::default()).await.unwrap();
            page.items.into_iter().map(|report| report.reporter.is_some()).collect::<Vec<_>>()
        };
        let take = || json!({"status": "reviewing"});
        let check = async || {
            for who in [&owner, &partner, &late] {
                assert!(sees(who).await.is_empty());
                assert_eq!(code(reports.examine(&world.ctx(who), made.id).await), "report.unknown");
                assert_eq!(code(handle(&world, who, made.id, take()).await), "report.unknown");
            }
        };
        check().await;
        // A caretaker knows of it, and does not learn who made it.
        assert_eq!(sees(&sitter).await, [false]);
        assert_eq!(code(handle(&world, &sitter, made.id, take()).await), "report.involved");
        assert_eq!(sees(&judge).await, [true]);
        // Who leaves was an owner then.
        world.store.pets.remove(&world.ctx(&partner), pet, partner.id).await.unwrap();
        check().await;
        world.changes().await;
        let decided = handle(&world, &judge, made.id, act("remove_content")).await.unwrap();
        assert_eq!(decided.reported.unwrap().id, bob.id, "who wrote it");
        let statements = reports.statements(&world.ctx(&bob), Default::default()).await.unwrap().items;
        assert_eq!((statements.len(), statements[0].action), (1, ModerationAction::RemoveContent));
        assert!(reports.statements(&world.ctx(&owner), Default::default()).await.unwrap().items.is_empty());
        // After that, the owner answers; and so they do for what the erased wrote.
        let again = report(&world, &ada, "pet", json!(pet)).await;
        assert_eq!(code(again), "pet.unknown", "it is hidden");
        let other = crate::pets::make(&world, &owner, json!({})).await.id;
        crate::pets::keep(&world, &owner, other, &bob, "co_owner").await;
        world.store.pets.edit(&world.ctx(&bob), other, None, of(json!({"bio": "another"}))).await.unwrap();
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        let made = report(&world, &ada, "pet", json!(other)).await.unwrap();
        let kept = reports.moderated(&world.ctx(&judge), ReportFilter::default(), Default::default()).await.unwrap();
        let kept = kept.items.into_iter().find(|report| report.id == made.id).unwrap();
        assert_eq!(kept.reported.unwrap().id, owner.id);
    }

    /// Each combination of filters reads its own range of an index, in the order of the list.
    async fn every_filter_has_an_index(world: World) {
        let judge = moderator(&world, "judge").await;
        let columns = |index: &str| {
            let (_, columns) = index.split_once('(').unwrap();
            columns.split(')').next().unwrap().split(", ").map(str::to_owned).collect::<Vec<_>>()
        };
        let kept: Vec<Vec<String>> = indexes(&world).iter().map(|index| columns(index)).collect();
        for number in 0..16_usize {
            let has = |bit: usize| number & (1 << bit) != 0;
            let wanted = ["status", "category", "target_type", "assigned_id"];
            let wanted: Vec<_> = (0..4).filter(|bit| has(*bit)).map(|bit| wanted[bit]).chain(["id"]).collect();
            assert!(number == 0 || kept.iter().any(|columns| columns == &wanted), "{wanted:?}");
            for assigned in [Assigned::Me, Assigned::None] {
                let filter = ReportFilter {
                    status: has(0).then_some(ReportStatus::Open),
                    category: has(1).then_some(ReportCategory::Spam),
                    target_type: has(2).then_some(ReportTargetType::User),
                    assigned: has(3).then_some(assigned),
                };
                plan(&world, &judge, filter, &wanted).await;
            }
        }
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
        assert_eq!(code(handle(&world, &judge, about_them.id, act("warn")).await), "user.outranked");

        let taken = handle(&world, &other, made.id, json!({"status": "reviewing"})).await.unwrap();
        assert_eq!((taken.status, taken.assigned.unwrap().username.as_str()), (ReportStatus::Reviewing, "other"));
        assert_eq!(told(&world).await, [("report.updated".to_owned(), ada.id)]);
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
        let appealed = reports.appeal(&world.ctx(&bob), statement.id, appeal()).await.unwrap();
        assert_eq!(appealed.appeal.unwrap().status, AppealStatus::Pending);
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
