//! The files that people attach to reports: whose they are, who sees them, and when they go.

use clowder_core::{Actor, FileId, PageRequest, Role};
use clowder_media::FileFilter;
use clowder_social::reports::{NewReport, ReportFilter};
use serde_json::json;

use super::act;
use crate::{
    exports::fetch,
    media::{new, upload},
    privacy::{export, system, work},
    reports::domain::moderator,
    stress::of,
    world::{Person, World, code, on_both},
};

async fn put(world: &World, who: &Person, text: &str) -> FileId {
    upload(world, &world.ctx(who), new("seen.txt"), text.as_bytes()).await.unwrap().id
}

/// A moderator who has signed in as one.
async fn staff(world: &World, name: &str) -> Person {
    let mut person = moderator(world, name).await;
    if let Actor::User { role, .. } = &mut person.actor {
        *role = Role::Moderator;
    }
    person
}

async fn gets(world: &World, who: &Person, file: FileId) -> bool {
    match world.store.media.content(&world.ctx(who), file).await {
        Ok(_) => true,
        refused => {
            assert_eq!(code(refused), "file.unknown");
            false
        }
    }
}

fn about(target: &Person, files: &[FileId]) -> NewReport {
    of(json!({"target": {"type": "user", "id": target.id}, "category": "abuse", "attachments": files}))
}

on_both! {
    async fn whoever_may_decide_sees_the_files_of_a_report(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (judge, other) = (staff(&world, "judge").await, staff(&world, "other").await);
        let (one, two) = (put(&world, &ada, "one").await, put(&world, &ada, "two").await);
        let his = put(&world, &bob, "his").await;
        let reports = &world.store.reports;
        let refused = reports.report(&world.ctx(&ada), about(&other, &[one, his])).await;
        let Err(clowder_core::Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
        assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/attachments/1", "no_file"));
        assert!(!gets(&world, &judge, one).await);
        let made = reports.report(&world.ctx(&ada), about(&other, &[two, one])).await.unwrap();
        assert_eq!(made.attachments, [two, one]);
        assert_eq!(reports.one_report(&world.ctx(&ada), made.id).await.unwrap(), made);
        let list = reports.moderated(&world.ctx(&judge), ReportFilter::default(), PageRequest::default()).await.unwrap();
        assert_eq!(list.items[0].attachments, [two, one]);
        assert_eq!(reports.examine(&world.ctx(&judge), made.id).await.unwrap().attachments, [two, one]);
        // Not the one whom it is about, and nobody else.
        assert!(gets(&world, &judge, one).await && gets(&world, &ada, one).await);
        assert!(!gets(&world, &other, one).await && !gets(&world, &bob, one).await);
        // A deleted file is left out.
        world.store.media.delete_file(&world.ctx(&ada), two).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(reports.one_report(&world.ctx(&ada), made.id).await.unwrap().attachments, [one]);
        let exported = fetch(&world, &export(&world, &ada).await).await;
        assert!(exported["reports.json"].contains(&one.to_string()));
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(reports.examine(&world.ctx(&judge), made.id).await.unwrap().attachments, []);
    }

    async fn a_file_of_a_report_stays_while_there_is_the_report(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let file = put(&world, &ada, "seen").await;
        let made = world.store.reports.report(&world.ctx(&ada), about(&bob, &[file])).await.unwrap();
        let tidy = async || {
            world.wait(std::time::Duration::from_secs(2 * 24 * 3600));
            let (kind, payload, run_at) = ("file.tidy", b"{}".to_vec(), world.now());
            let job = clowder_core::NewJob { kind, payload, run_at, key: None, subject: None, recipient: None };
            world.store.jobs.order(&system(&world), job).await.unwrap();
            work(&world, &world.store).await;
            let mine = world.ctx(&ada);
            world.store.media.files(&mine, FileFilter::default(), PageRequest::default()).await.unwrap().items.len()
        };
        assert_eq!((tidy().await, tidy().await), (1, 1));
        let judge = staff(&world, "judge").await;
        world.store.reports.handle(&world.ctx(&judge), made.id, None, of(act("none"))).await.unwrap();
        world.wait(std::time::Duration::from_secs(181 * 24 * 3600));
        assert!(gets(&world, &judge, file).await, "decided or not");
        while world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(tidy().await, 0, "nothing has it any more");
        assert_eq!(code(world.store.reports.one_report(&world.ctx(&ada), made.id).await), "report.unknown");
    }
}
