//! What moderators can take away, who does not see a report, and by which indexes reports are listed.

use std::time::Duration;

use clowder_core::{Error, PageRequest};
use clowder_infra::DatabaseUrl;
use clowder_social::{
    groups::NewGroup,
    pets::NewPet,
    reports::{
        Assigned, ModerationAction, ReportCategory, ReportFilter, ReportSort, ReportStatus, ReportTargetType, TargetId,
    },
};
use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use serde_json::json;

use super::{act, audited, domain::moderator, handle, report, told};
use crate::{
    asked,
    privacy::{emails, system, work},
    stress::of,
    world::{Person, World, beside, code, on_both},
};

fn sorted<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.into_iter().collect();
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

on_both! {
    async fn what_is_removed_of_a_group_a_pet_and_a_profile(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let judge = moderator(&world, "judge").await;
        let new = json!({"name": "Rude people", "description": "zqbad", "rules": "zqworse", "visibility": "public"});
        let group = world.store.groups.create(&world.ctx(&bob), of::<NewGroup>(new)).await.unwrap();
        world.store.groups.join(&world.ctx(&ada), group.id).await.unwrap();
        let link = world.store.groups.invite(&world.ctx(&bob), group.id, of(json!({}))).await.unwrap();
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
            ("group", json!(group.id), vec!["group.updated"]),
            ("pet", json!(pet.id), vec!["pet.updated"]),
            ("user", json!(bob.id), vec!["presence.updated", "user.updated"]),
        ] {
            let made = report(&world, &ada, kind, id).await.unwrap();
            world.changes().await;
            handle(&world, &judge, made.id, act("remove_content")).await.unwrap();
            let names: Vec<_> = told(&world).await.into_iter().map(|(name, _)| name).collect();
            let expected = told_of.into_iter().chain(["report.decided", "statement.issued"]);
            assert_eq!(names, sorted(expected), "{kind}");
            emails(&world).await;
            world.wait(Duration::from_secs(3600));
        }
        let seen = world.store.groups.group(&world.ctx(&ada), group.id).await.unwrap();
        assert_eq!((seen.name.as_str(), seen.description, seen.rules), ("Group", None, None));
        let eve = world.person("eve").await;
        assert_eq!(code(world.store.groups.group(&world.ctx(&eve), group.id).await), "group.unknown", "it is hidden");
        let link = clowder_social::groups::model::Code::new(link.code.unwrap());
        assert_eq!(code(world.store.groups.join_by_code(&world.ctx(&eve), link).await), "group.invite_gone");
        let seen = world.store.pets.pet(&world.ctx(&bob), pet.id).await.unwrap();
        assert_eq!((seen.name.as_str(), seen.breed, seen.bio, seen.lost), ("Pet", None, None, None));
        assert_eq!(code(world.store.pets.pet(&world.ctx(&eve), pet.id).await), "pet.unknown");
        let seen = world.store.profiles.user(&world.ctx(&eve), bob.id, None).await.unwrap().user;
        assert_eq!((seen.username.as_str(), seen.display_name.as_str()), ("bob", "bob"));
        assert_eq!((seen.bio, seen.status_text, seen.pronouns, seen.location, seen.links), (None, None, None, None, Some(vec![])));
        assert_eq!(audited(&world, "profile.edited").await, 1);
        for text in
            ["zqbad", "zqworse", "Zqname", "zqbreed", "zqbites", "zqlost", "zqhere", "Zqdisplay", "zqbio", "zqstatus", "zqplace"]
        {
            world.gone(text.as_bytes()).await;
        }
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
        // Whoever leaves is involved as before, and an invitation involves nobody.
        world.store.pets.remove(&world.ctx(&sitter), pet, sitter.id).await.unwrap();
        assert_eq!(sees(&sitter).await, [false]);
        assert_eq!(code(reports.examine(&world.ctx(&sitter), made.id).await), "report.unknown");
        let guest = moderator(&world, "guest").await;
        crate::pets::invite(&world, &owner, pet, &guest, "caretaker").await;
        assert_eq!(sees(&guest).await, [true]);
        reports.examine(&world.ctx(&guest), made.id).await.unwrap();
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
                    ..ReportFilter::default()
                };
                for sort in [ReportSort::Newest, ReportSort::Oldest] {
                    plan(&world, &judge, ReportFilter { sort, ..filter }, &wanted).await;
                }
                // There are few about one thing or one person, whatever else is asked for.
                let target_id = Some(TargetId::new(world.now()));
                plan(&world, &judge, ReportFilter { target_id, ..filter }, &["target_id"]).await;
                let reported = Some(judge.id);
                plan(&world, &judge, ReportFilter { reported, ..filter }, &["reported_id"]).await;
            }
        }
    }
}
