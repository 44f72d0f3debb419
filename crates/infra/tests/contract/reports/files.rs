//! The files that people attach to reports: whose they are, who sees them, and when they go.

use clowder_core::{Actor, FileId, PageRequest, Role};
use clowder_media::{FileFilter, Purpose};
use clowder_messaging::NewMessage;
use clowder_social::reports::{NewReport, ReportFilter};
use futures_util::TryStreamExt;
use serde_json::json;

use super::act;
use crate::{
    exports::fetch,
    media::{
        PNG,
        having::{gets, tidy},
        new, picture, upload,
    },
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
        let left = async || {
            world.wait(std::time::Duration::from_secs(2 * 24 * 3600));
            tidy(&world).await;
            let mine = world.ctx(&ada);
            world.store.media.files(&mine, FileFilter::default(), PageRequest::default()).await.unwrap().items.len()
        };
        assert_eq!((left().await, left().await), (1, 1));
        let judge = staff(&world, "judge").await;
        world.store.reports.handle(&world.ctx(&judge), made.id, None, of(act("none"))).await.unwrap();
        world.wait(std::time::Duration::from_secs(181 * 24 * 3600));
        assert!(gets(&world, &judge, file).await, "decided or not");
        while world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(left().await, 0, "nothing has it any more");
        assert_eq!(code(world.store.reports.one_report(&world.ctx(&ada), made.id).await), "report.unknown");
    }

    /// The bytes stay with the evidence, whatever becomes of the message, the file and its owner.
    async fn evidence_keeps_its_files_as_long_as_it_stays(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (judge, other) = (staff(&world, "judge").await, staff(&world, "other").await);
        let chat = world.group(&ada, &[&bob, &other]).await.id;
        let file = put(&world, &bob, "rude").await;
        let message = of::<NewMessage>(json!({"attachments": [file]}));
        let said = world.store.messaging.send(&world.ctx(&bob), chat, message).await.unwrap().into_inner();
        assert!(!gets(&world, &judge, file).await);
        let new = of::<NewReport>(json!({"target": {"type": "message", "id": said.id}, "category": "abuse"}));
        let made = world.store.reports.report(&world.ctx(&ada), new).await.unwrap();
        let evidence = world.store.reports.examine(&world.ctx(&judge), made.id).await.unwrap().evidence.unwrap();
        let kept = evidence.messages.last().unwrap().attachments.clone();
        assert_eq!((kept.len(), kept[0].id, kept[0].name.as_deref(), &*kept[0].kind), (1, file, Some("seen.txt"), "text/plain"));
        let reads = async || {
            let content = world.store.media.content(&world.ctx(&judge), file).await.unwrap();
            let bytes = world.store.media.read_content(&content, None).await.unwrap();
            bytes.try_collect::<Vec<_>>().await.unwrap().concat()
        };
        assert_eq!(reads().await, b"rude");
        assert_eq!(super::audited(&world, "report.file_read").await, 1);
        assert!(world.store.media.file(&world.ctx(&judge), file).await.unwrap().uploaded_by.is_none());
        world.store.messaging.delete(&world.ctx(&bob), said.id, None).await.unwrap();
        world.store.media.delete_file(&world.ctx(&bob), file).await.unwrap();
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        let purge = async || {
            work(&world, &world.store).await;
            world.wait(std::time::Duration::from_secs(8 * 24 * 3600));
            let (kind, payload, run_at) = ("file.purge", b"{}".to_vec(), world.now());
            let job = clowder_core::NewJob { kind, payload, run_at, key: None, subject: None, recipient: None };
            world.store.jobs.order(&system(&world), job).await.unwrap();
            work(&world, &world.store).await;
        };
        purge().await;
        assert_eq!(reads().await, b"rude");
        let seen = world.store.media.file(&world.ctx(&judge), file).await.unwrap();
        assert_eq!((&*seen.name, seen.status), ("attachment", clowder_media::FileStatus::Ready));
        assert!(gets(&world, &other, file).await && !gets(&world, &ada, file).await, "only for moderators");
        world.store.reports.handle(&world.ctx(&judge), made.id, None, of(json!({"status": "dismissed", "reason": "nothing to do"}))).await.unwrap();
        world.wait(std::time::Duration::from_secs(181 * 24 * 3600));
        while world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap() > 0 {}
        purge().await;
        assert!(!gets(&world, &judge, file).await);
        assert_eq!(world.number("SELECT count(*) FROM file_objects"), 0, "nothing holds it any more");
    }

    async fn whoever_is_reported_does_not_see_the_evidence(world: World) {
        let ada = world.person("ada").await;
        let (judge, accused) = (staff(&world, "judge").await, staff(&world, "accused").await);
        let face = upload(&world, &world.ctx(&accused), picture(Purpose::Avatar), PNG).await.unwrap().id;
        let me = of(json!({"avatar": face}));
        world.store.accounts.edit_me(&world.ctx(&accused), None, me).await.unwrap();
        let made = world.store.reports.report(&world.ctx(&ada), about(&accused, &[])).await.unwrap();
        let evidence = world.store.reports.examine(&world.ctx(&judge), made.id).await.unwrap().evidence.unwrap();
        let pictures = evidence.user.unwrap().pictures;
        assert_eq!((pictures.len(), pictures[0].id, &pictures[0].name, &*pictures[0].kind), (1, face, &None, "image/png"));
        world.store.media.delete_file(&world.ctx(&accused), face).await.unwrap();
        work(&world, &world.store).await;
        assert!(gets(&world, &judge, face).await && !gets(&world, &accused, face).await && !gets(&world, &ada, face).await);
    }
}
