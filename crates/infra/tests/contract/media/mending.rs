//! Objects of files that something went wrong with are put right, and cost others nothing.

use std::{
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_accounts::ProfilePatch;
use clowder_core::{Error, Id, Result, job::Taken};
use clowder_infra::{Store, blobs};
use clowder_media::{Examined, Examiner, File, FileStatus, Format, Key, Purpose, Size, Variant, policy::Limits};
use clowder_messaging::NewMessage;
use clowder_tests::recorded::png;
use serde_json::{Value, json};

use super::{
    examining::{Here, do_once, is_stored, looking, now, put, run, scanning, taken},
    new, objects, purge_with, read, used,
};
use crate::{
    privacy::work,
    stress::of,
    world::{Person, World, on_both},
};

/// What becomes of those who look into a file.
#[derive(Debug, Clone, Copy, Default)]
enum Mood {
    #[default]
    Looks,
    CannotRead,
    Dies,
    /// The copy without metadata is longer by so many octets.
    Lengthens(usize),
}

#[derive(Default)]
struct Moody(Mutex<Mood>);

impl Moody {
    fn is(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }
}

#[async_trait]
impl Examiner for Moody {
    async fn examine(&self, file: &Path, kind: &str, folder: &Path) -> Result<std::result::Result<Examined, String>> {
        let mood = *self.0.lock().unwrap();
        match mood {
            Mood::CannotRead => return Ok(Err("it is broken".to_owned())),
            Mood::Dies => return Err(Error::internal("it was killed")),
            Mood::Looks | Mood::Lengthens(_) => {}
        }
        let examined = Here.examine(file, kind, folder).await?;
        if let (Mood::Lengthens(by), Ok(examined)) = (mood, &examined) {
            let (_, clean) = examined.written.iter().find(|(variant, _)| *variant == Variant::Clean).unwrap();
            let longer = [std::fs::read(clean).unwrap(), vec![0; by]].concat();
            std::fs::write(clean, longer).unwrap();
        }
        Ok(examined)
    }
}

async fn moody(world: &World) -> (Store, Arc<Moody>) {
    let moody = Arc::new(Moody::default());
    let examiner = Arc::clone(&moody);
    (world.node_with(|options| options.media.examiner = Some(examiner)).await, moody)
}

/// The same job, taken once more.
fn again(world: &World, job: &Taken) -> Taken {
    Taken { lease: Id::new(world.now()), ..job.clone() }
}

/// The only job that examines a file.
async fn the_job(world: &World, node: &Store) -> Taken {
    let [job] = taken(world, node, "file.examine").await.try_into().unwrap();
    job
}

/// The key of the object that was uploaded last.
async fn last_key(world: &World) -> Key {
    let listed = world.options.media.blobs.as_ref().unwrap().list("files/", None, 100).await.unwrap();
    let id = |key: &Key| key.as_str().rsplit('/').next().unwrap().to_owned();
    listed.into_iter().map(|listed| listed.key).max_by_key(id).unwrap()
}

async fn content(world: &World, node: &Store, who: &Person, file: &File) -> Vec<u8> {
    let content = node.media.content(&world.ctx(who), file.id).await.unwrap();
    read(world, &content).await
}

/// How many notes there are that files may be attached to nothing.
fn notes(world: &World) -> usize {
    world.meddle("UPDATE loose_files SET due_at = due_at").unwrap()
}

on_both! {
    async fn uploading_a_file_again_puts_it_right(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, examiner) = moody(&world).await;
        let picture = png(20, 10, "a comment");
        examiner.is(Mood::CannotRead);
        let first = put(&world, &node, &ada, Purpose::Attachment, &picture).await;
        work(&world, &node).await;
        assert_eq!(now(&world, &ada, &first).await.status, FileStatus::Failed);
        examiner.is(Mood::Looks);
        let second = put(&world, &node, &ada, Purpose::Attachment, &picture).await;
        work(&world, &node).await;
        assert_eq!(now(&world, &ada, &second).await.status, FileStatus::Ready);
        // What the store has lost is stored anew, a copy as well as what was uploaded.
        let text = put(&world, &node, &ada, Purpose::Attachment, b"some text").await;
        let blobs = world.options.media.blobs.clone().unwrap();
        for (file, uploaded) in [(&second, picture.as_slice()), (&text, b"some text".as_slice())] {
            let lost = node.media.content(&world.ctx(&ada), file.id).await.unwrap();
            let shared = put(&world, &node, &ada, Purpose::Attachment, uploaded).await;
            assert_eq!(node.media.content(&world.ctx(&ada), shared.id).await.unwrap().key, lost.key);
            blobs.delete(&lost.key).await.unwrap();
            let third = put(&world, &node, &ada, Purpose::Attachment, uploaded).await;
            work(&world, &node).await;
            assert!(!content(&world, &node, &ada, &third).await.is_empty());
        }
    }

    async fn what_is_in_quarantine_stays_there_when_it_is_uploaded_again(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, _) = scanning(&world, true).await;
        put(&world, &node, &ada, Purpose::Attachment, b"some malice").await;
        work(&world, &node).await;
        world.options.media.blobs.clone().unwrap().delete(&last_key(&world).await).await.unwrap();
        let again = put(&world, &node, &ada, Purpose::Attachment, b"some malice").await;
        assert_eq!(again.status, FileStatus::Quarantined);
    }

    async fn whoever_dies_of_a_file_is_asked_a_few_times(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, examiner) = moody(&world).await;
        let one = put(&world, &node, &ada, Purpose::Attachment, &png(20, 10, "one")).await;
        let job = the_job(&world, &node).await;
        examiner.is(Mood::Dies);
        for _ in 0..5 {
            assert!(do_once(&world, &node, &again(&world, &job)).await.unwrap_err().is_ours());
        }
        examiner.is(Mood::Looks);
        do_once(&world, &node, &again(&world, &job)).await.unwrap();
        assert_eq!(now(&world, &ada, &one).await.status, FileStatus::Ready, "it was not the file");
        let two = put(&world, &node, &ada, Purpose::Attachment, &png(20, 10, "two")).await;
        let job = the_job(&world, &node).await;
        examiner.is(Mood::Dies);
        for _ in 0..9 {
            assert!(do_once(&world, &node, &again(&world, &job)).await.unwrap_err().is_ours());
            assert_eq!(now(&world, &ada, &two).await.status, FileStatus::Scanning);
        }
        do_once(&world, &node, &again(&world, &job)).await.unwrap();
        assert_eq!(now(&world, &ada, &two).await.status, FileStatus::Failed);
    }

    async fn a_file_waits_for_bytes_that_are_missing(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = looking(&world).await;
        let blobs = world.options.media.blobs.clone().unwrap();
        let file = put(&world, &node, &ada, Purpose::Attachment, &png(20, 10, "a comment")).await;
        let (key, away) = (last_key(&world).await, Key::new("away/a").unwrap());
        let job = the_job(&world, &node).await;
        assert!(blobs.rename(&key, &away).await.unwrap());
        assert!(do_once(&world, &node, &again(&world, &job)).await.unwrap_err().is_ours());
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Scanning);
        assert!(blobs.rename(&away, &key).await.unwrap());
        do_once(&world, &node, &again(&world, &job)).await.unwrap();
        let ready = now(&world, &ada, &file).await;
        assert_eq!((ready.status, ready.width), (FileStatus::Ready, Some(20)));
        // A database from a backup does not know that only the copy is left.
        let older = "UPDATE file_objects SET status = 'scanning', scanning_since = created_at, clean_size = NULL, \
                     clean_sha256 = NULL, seen = NULL, made_at = NULL, original_until = NULL";
        assert_eq!(world.meddle(older).unwrap(), 1);
        blobs.delete(&key).await.unwrap();
        do_once(&world, &node, &again(&world, &job)).await.unwrap();
        let restored = now(&world, &ada, &file).await;
        assert_eq!((restored.status, restored.width, restored.sha256), (FileStatus::Ready, Some(20), ready.sha256));
        assert_eq!(content(&world, &node, &ada, &file).await.len() as i64, restored.size);
    }

    async fn what_is_held_is_not_noted_as_attached_to_nothing(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let edit = async |patch: Value| world.store.accounts.edit_me(&world.ctx(&ada), None, of::<ProfilePatch>(patch)).await;
        let face = put(&world, &world.store, &ada, Purpose::Avatar, super::PNG).await;
        assert_eq!(notes(&world), 1);
        edit(json!({"avatar": face.id})).await.unwrap();
        assert_eq!(notes(&world), 0, "an older node finds nothing to delete");
        edit(json!({"avatar": null})).await.unwrap();
        assert_eq!(notes(&world), 1);
        let text = put(&world, &world.store, &ada, Purpose::Attachment, b"some text").await;
        assert_eq!(notes(&world), 2);
        let message = of::<NewMessage>(json!({"attachments": [text.id]}));
        let sent = world.store.messaging.send(&world.ctx(&ada), chat, message).await.unwrap().into_inner();
        assert_eq!(notes(&world), 1);
        let report = json!({"target": {"type": "user", "id": bob.id}, "category": "abuse", "attachments": [face.id]});
        world.store.reports.report(&world.ctx(&ada), of(report)).await.unwrap();
        assert_eq!(notes(&world), 0);
        world.store.messaging.delete(&world.ctx(&ada), sent.id, None).await.unwrap();
        assert_eq!(notes(&world), 1);
    }

    async fn what_an_older_version_took_as_it_is_is_looked_into(world: World) {
        let [ada] = world.people(["ada"]).await;
        let picture = png(20, 10, "zqplace");
        let file = put(&world, &world.store, &ada, Purpose::Attachment, &picture).await;
        let text = put(&world, &world.store, &ada, Purpose::Attachment, b"some text").await;
        assert_eq!((file.status, text.status), (FileStatus::Ready, FileStatus::Ready));
        assert_eq!(content(&world, &world.store, &ada, &file).await, picture);
        let node = looking(&world).await;
        run(&world, &node, "file.requeue").await;
        let seen = now(&world, &ada, &file).await;
        assert_eq!((seen.status, seen.width), (FileStatus::Ready, Some(20)));
        assert!(!content(&world, &node, &ada, &file).await.windows(7).any(|part| part == b"zqplace"));
        assert_eq!(now(&world, &ada, &text).await, text);
        let unseen = "UPDATE file_objects SET refs = refs WHERE looked_by = 0";
        assert_eq!(world.meddle(unseen).unwrap(), 0, "nor is it looked for again");
        // Whoever looks finds nothing in this one, and does not look again and again.
        let broken = put(&world, &node, &ada, Purpose::Attachment, b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0").await;
        work(&world, &node).await;
        world.changes().await;
        run(&world, &node, "file.requeue").await;
        assert_eq!(now(&world, &ada, &broken).await.status, FileStatus::Ready);
        assert!(world.names().await.is_empty());
    }

    async fn a_copy_counts_as_long_as_it_is(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, examiner) = moody(&world).await;
        let picture = png(20, 10, "a comment");
        examiner.is(Mood::Lengthens(1_000));
        let file = put(&world, &node, &ada, Purpose::Attachment, &picture).await;
        assert_eq!(used(&world, &ada).await, (picture.len() as i64, 1));
        work(&world, &node).await;
        let longer = now(&world, &ada, &file).await.size;
        assert!(longer > picture.len() as i64 && used(&world, &ada).await == (longer, 1));
        let counts = |octets: i64| {
            world.meddle(&format!("UPDATE file_totals SET objects = objects WHERE octets = {octets}")).unwrap() == 1
        };
        assert!(counts(longer));
        node.media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
        assert_eq!(used(&world, &ada).await, (0, 0));
        assert!(counts(longer), "it is still in the store");
        world.wait(Duration::from_secs(8 * 24 * 3600));
        purge_with(&world, &node).await;
        assert!(counts(0) && objects(&world) == 0);
        // One that is out of all proportion is not shown.
        examiner.is(Mood::Lengthens(100_000));
        let file = put(&world, &node, &ada, Purpose::Attachment, &picture).await;
        work(&world, &node).await;
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Failed);
        assert_eq!(used(&world, &ada).await, (picture.len() as i64, 1));
    }

    async fn what_is_made_of_a_file_is_as_old_as_it_is(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = looking(&world).await;
        let file = put(&world, &node, &ada, Purpose::Attachment, &png(100, 50, "a comment")).await;
        world.wait(Duration::from_secs(3600));
        work(&world, &node).await;
        let shown = node.media.content(&world.ctx(&ada), file.id).await.unwrap();
        let small = node.media.thumbnail(&world.ctx(&ada), file.id, Size::Icon, Format::WebP).await.unwrap();
        let later = file.created_at.plus(Duration::from_secs(3599));
        assert!(shown.created_at > later && small.created_at == shown.created_at);
        // Nobody learns the hash of what was uploaded.
        let uploaded = file.sha256.unwrap();
        assert!(!small.tag.contains(&uploaded[..16]) && small.tag.len() <= 70, "{}", small.tag);
        assert!(is_stored(&world, &small).await);
    }

    async fn an_upload_that_takes_long_counts_from_its_end(world: World) {
        let [ada] = world.people(["ada"]).await;
        let ctx = world.ctx(&ada);
        let mut arriving = world.store.media.begin_upload(&ctx, new("a")).await.unwrap();
        arriving.write(Bytes::from_static(b"content")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let file = arriving.finish().await.unwrap();
        assert!(file.created_at >= ctx.now.plus(Duration::from_secs(1)));
        assert_eq!(now(&world, &ada, &file).await, file);
        let changes = world.changes().await;
        assert!(changes[0].at >= ctx.now.plus(Duration::from_secs(1)));
    }

    async fn bytes_that_may_come_late_are_waited_for(world: World) {
        let [ada] = world.people(["ada"]).await;
        let place = tempfile::tempdir().unwrap();
        let blobs = blobs::open(&blobs::Place::Folder(place.path().to_owned()), None, place.path()).unwrap();
        let node = world.node_with(|options| {
            options.media.blobs = Some(blobs.clone());
            options.media.limits = Limits { octets: 10, server_octets: 10, ..Limits::default() };
        });
        let node = node.await;
        let mut arriving = node.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        arriving.write(Bytes::from_static(b"0123456789")).await.unwrap();
        // The store cannot say whether it has it.
        std::fs::write(place.path().join("files"), "in the way").unwrap();
        arriving.finish().await.unwrap_err();
        std::fs::remove_file(place.path().join("files")).unwrap();
        purge_with(&world, &node).await;
        assert_eq!(objects(&world), 1, "although there is little room");
        world.wait(Duration::from_secs(16 * 60));
        purge_with(&world, &node).await;
        assert_eq!(objects(&world), 0);
    }

    async fn all_of_an_upload_is_hashed(world: World) {
        let [ada] = world.people(["ada"]).await;
        let mut arriving = world.store.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        let (mut left, mut size) = (1_000_000, 1);
        while left > 0 {
            size = (size * 3 % 70_001).min(left);
            arriving.write(Bytes::from(vec![b'a'; size])).await.unwrap();
            left -= size;
        }
        let file = arriving.finish().await.unwrap();
        let known = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
        assert_eq!((file.size, file.sha256.as_deref()), (1_000_000, Some(known)));
    }

    async fn a_file_at_which_the_scanner_fails_does_not_wait_for_ever(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, guard) = scanning(&world, true).await;
        guard.fails.store(true, Ordering::SeqCst);
        let file = put(&world, &node, &ada, Purpose::Attachment, b"odd").await;
        let job = the_job(&world, &node).await;
        for _ in 0..9 {
            assert!(do_once(&world, &node, &again(&world, &job)).await.unwrap_err().is_ours());
        }
        // While it is away, that is no fault of the file.
        guard.is_away.store(true, Ordering::SeqCst);
        assert!(do_once(&world, &node, &again(&world, &job)).await.unwrap_err().is_ours());
        guard.is_away.store(false, Ordering::SeqCst);
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Scanning);
        do_once(&world, &node, &again(&world, &job)).await.unwrap();
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Failed, "as if it were too large");
    }

    async fn a_file_at_which_the_scanner_fails_holds_up_no_other(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, guard) = scanning(&world, true).await;
        let odd = put(&world, &node, &ada, Purpose::Attachment, b"odd").await;
        work(&world, &node).await;
        world.wait(Duration::from_secs(60));
        let other = put(&world, &node, &ada, Purpose::Attachment, b"a new trick").await;
        work(&world, &node).await;
        guard.fails.store(true, Ordering::SeqCst);
        guard.looks_for("trick");
        run(&world, &node, "file.rescan").await;
        assert_eq!(now(&world, &ada, &other).await.status, FileStatus::Quarantined);
        for _ in 0..9 {
            let scanned = now(&world, &ada, &odd).await;
            assert_eq!((scanned.status, scanned.scanned), (FileStatus::Ready, true));
            run(&world, &node, "file.rescan").await;
        }
        let asked = guard.asked.load(Ordering::SeqCst);
        assert!(!now(&world, &ada, &odd).await.scanned, "as if it were too large");
        run(&world, &node, "file.rescan").await;
        assert_eq!(guard.asked.load(Ordering::SeqCst), asked, "until the next signatures");
    }

    async fn signatures_that_are_behind_change_nothing(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, guard) = scanning(&world, true).await;
        guard.number.store(10, Ordering::SeqCst);
        let file = put(&world, &node, &ada, Purpose::Attachment, b"some malice").await;
        work(&world, &node).await;
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Quarantined);
        let asked = guard.asked.load(Ordering::SeqCst);
        // Another node has not fetched them yet.
        let (behind, old) = scanning(&world, true).await;
        old.number.store(9, Ordering::SeqCst);
        old.looks_for("nothing");
        run(&world, &behind, "file.rescan").await;
        assert_eq!((old.asked.load(Ordering::SeqCst), now(&world, &ada, &file).await.status), (0, FileStatus::Quarantined));
        guard.number.store(11, Ordering::SeqCst);
        guard.looks_for("nothing");
        run(&world, &node, "file.rescan").await;
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Ready);
        assert!(guard.asked.load(Ordering::SeqCst) > asked);
    }

    async fn new_files_come_before_those_that_are_scanned_again(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, guard) = scanning(&world, true).await;
        for n in 0..30 {
            put(&world, &node, &ada, Purpose::Attachment, format!("{n}").as_bytes()).await;
            work(&world, &node).await;
        }
        guard.looks_for("trick");
        put(&world, &node, &ada, Purpose::Attachment, b"new").await;
        let asked = || guard.asked.load(Ordering::SeqCst);
        let before = asked();
        let job = Taken { kind: "file.rescan".into(), payload: b"{}".to_vec(), ..the_job(&world, &node).await };
        do_once(&world, &node, &job).await.unwrap();
        assert_eq!(asked() - before, 20, "one piece, and then it makes room");
        world.wait(Duration::from_secs(3600));
        work(&world, &node).await;
        assert!(asked() - before >= 30, "and goes on later");
    }
}
