//! Files are examined after their upload, by decoders in this process and by a scanner that knows one word.

mod lookers;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use clowder_accounts::AuditFilter;
use clowder_core::{
    ChatId, Error, Id, JobId, NewJob, PageRequest, Recorded, Result,
    job::{JobState, Taken, decide},
};
use clowder_infra::Store;
use clowder_media::{Content, Examiner, File, FileStatus, Format, NewFile, Purpose, Size};
use clowder_messaging::{AttachmentStatus, Message, NewMessage};
use clowder_tests::recorded::{png, wav};
use serde_json::json;

use super::{new, read, used};
use crate::{
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

pub use lookers::{Guard, Here};

/// What looks into files in this process.
pub fn examiner() -> Arc<dyn Examiner> {
    Arc::new(Here)
}

/// A node that looks into files.
pub async fn looking(world: &World) -> Store {
    world.node_with(|options| options.media.examiner = Some(Arc::new(Here))).await
}

/// A node that looks into files and has a scanner.
pub async fn scanning(world: &World, required: bool) -> (Store, Arc<Guard>) {
    let guard = Arc::new(Guard::default());
    guard.looks_for("malice");
    let scanner = Arc::clone(&guard);
    let node = world.node_with(|options| {
        options.media.examiner = Some(Arc::new(Here));
        options.media.scanner = Some(scanner);
        options.media.scan_required = required;
    });
    (node.await, guard)
}

/// Uploads a file by way of this node.
pub async fn put(world: &World, node: &Store, who: &Person, purpose: Purpose, content: &[u8]) -> File {
    let new = NewFile { purpose, ..new("a file") };
    let mut arriving = node.media.begin_upload(&world.ctx(who), new).await.unwrap();
    for piece in content.chunks(1 << 18) {
        arriving.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    arriving.finish().await.unwrap()
}

pub async fn now(world: &World, who: &Person, file: &File) -> File {
    world.store.media.file(&world.ctx(who), file.id).await.unwrap()
}

/// Whether the store has what can be read of a file.
pub async fn is_stored(world: &World, content: &Content) -> bool {
    world.options.media.blobs.as_ref().unwrap().head(&content.key).await.unwrap().is_some()
}

/// Runs this job, as its hour comes.
pub async fn run(world: &World, node: &Store, kind: &'static str) {
    let job = NewJob { kind, payload: b"{}".to_vec(), run_at: world.now(), key: None, subject: None, recipient: None };
    node.jobs.order(&system(world), job).await.unwrap();
    work(world, node).await;
}

/// Takes the jobs of this kind that are due, without doing them.
pub async fn taken(world: &World, node: &Store, kind: &'static str) -> Vec<Taken> {
    world.catch_up();
    node.jobs.take(&system(world), vec![kind], 100).await.unwrap()
}

pub async fn do_once(world: &World, node: &Store, job: &Taken) -> Result<()> {
    let worker = node.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
    worker.work(&system(world), job).await
}

async fn send(world: &World, who: &Person, chat: ChatId, file: &File) -> Message {
    let new = of::<NewMessage>(json!({"attachments": [file.id]}));
    world.store.messaging.send(&world.ctx(who), chat, new).await.unwrap().into_inner()
}

/// What the events with this name show of the file of a message.
async fn shown(world: &World, name: &str) -> Vec<(AttachmentStatus, Option<i64>)> {
    let changes = world.changes().await;
    states(changes.iter().filter(|change| *change.name == *name))
}

/// The names of what has happened, in the order of the alphabet: topics have streams of their own.
async fn named(world: &World) -> Vec<String> {
    let mut names = world.names().await;
    names.sort();
    names
}

fn states<'r>(changes: impl Iterator<Item = &'r Recorded>) -> Vec<(AttachmentStatus, Option<i64>)> {
    let messages = changes.map(|change| serde_json::from_str::<Message>(change.data.get()).unwrap());
    messages.map(|message| (message.attachments[0].status, message.attachments[0].width)).collect()
}

on_both! {
    async fn a_picture_gets_dimensions_and_thumbnails_and_loses_its_metadata(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let node = looking(&world).await;
        let content = png(300, 200, "zqplace");
        let file = put(&world, &node, &ada, Purpose::Attachment, &content).await;
        assert_eq!((file.status, file.width, file.size), (FileStatus::Scanning, None, content.len() as i64));
        assert_eq!(code(node.media.content(&world.ctx(&ada), file.id).await), "file.not_ready");
        let small = async |who: &Person| node.media.thumbnail(&world.ctx(who), file.id, Size::Icon, Format::WebP).await;
        assert_eq!(code(small(&ada).await), "file.not_ready");
        work(&world, &node).await;
        let ready = now(&world, &ada, &file).await;
        assert_eq!((ready.status, ready.width, ready.height), (FileStatus::Ready, Some(300), Some(200)));
        assert!(ready.blurhash.is_some() && !ready.scanned);
        let sizes: Vec<_> = ready.thumbnails.iter().map(|it| (it.size, it.width, it.height)).collect();
        assert_eq!(sizes, [(64, 64, 43), (128, 128, 85), (256, 256, 171), (512, 300, 200)]);
        assert_eq!(ready.thumbnails[0].url, format!("/api/files/{}/thumbnail?size=64", file.id));
        let shown = node.media.content(&world.ctx(&ada), file.id).await.unwrap();
        let clean = read(&world, &shown).await;
        assert_eq!((clean.len() as i64, Some(&shown.tag)), (ready.size, ready.sha256.as_ref()));
        assert!(clean.starts_with(&content[..33]) && !clean.windows(7).any(|part| part == b"zqplace"));
        assert_ne!(ready.sha256, file.sha256);
        // What was uploaded stays for a day, for nodes of an earlier version.
        let uploaded = shown.key.as_str().replacen("made/", "files/", 1).replace("-clean", "");
        let uploaded = clowder_media::Key::new(uploaded).unwrap();
        let blobs = world.options.media.blobs.clone().unwrap();
        let is_there = async || blobs.head(&uploaded).await.unwrap().is_some();
        run(&world, &node, "file.purge").await;
        assert!(is_there().await);
        world.wait(Duration::from_secs(24 * 3600 + 1));
        run(&world, &node, "file.purge").await;
        assert!(!is_there().await && is_stored(&world, &shown).await);
        let told = world.changes().await;
        let told = told.iter().map(|change| (change.name.to_string(), change.data.get().contains("ready")));
        let told: Vec<_> = told.collect();
        assert_eq!(told, [("file.updated".to_owned(), false), ("file.updated".to_owned(), true)]);

        for (size, format, begins) in [
            (Size::Icon, Format::WebP, b"RIFF".as_slice()),
            (Size::Screen, Format::Jpeg, b"\xFF\xD8\xFF".as_slice()),
        ] {
            let thumbnail = node.media.thumbnail(&world.ctx(&ada), file.id, size, format).await.unwrap();
            let octets = read(&world, &thumbnail).await;
            assert!(octets.starts_with(begins) && octets.len() as u64 == thumbnail.size, "{size:?} {format:?}");
        }
        assert_eq!(code(small(&bob).await), "file.unknown");
        // The same content again has been examined already.
        let again = put(&world, &node, &ada, Purpose::Avatar, &content).await;
        assert_eq!((again.status, again.width, used(&world, &ada).await.1), (FileStatus::Ready, Some(300), 2));

        let thumbnail = small(&ada).await.unwrap();
        assert!(is_stored(&world, &shown).await && is_stored(&world, &thumbnail).await);
        for file in [&file, &again] {
            node.media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
        }
        world.wait(Duration::from_secs(8 * 24 * 3600));
        run(&world, &node, "file.purge").await;
        assert!(!is_stored(&world, &shown).await && !is_stored(&world, &thumbnail).await, "all of it goes");
    }

    async fn what_cannot_be_read_fails_if_that_matters(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = looking(&world).await;
        let (mut broken, mut noise) = (png(8, 8, ""), wav(1, 8000));
        broken.truncate(40);
        noise.truncate(30);
        let (long, short) = (wav(901, 100), wav(2, 8000));
        let note = b"\x1A\x45\xDF\xA3\x88\x42\x82\x84webm".as_slice();
        for (purpose, content, expected) in [
            (Purpose::Attachment, broken.as_slice(), FileStatus::Failed),
            (Purpose::Attachment, noise.as_slice(), FileStatus::Ready),
            (Purpose::Voice, note, FileStatus::Failed),
            (Purpose::Voice, short.as_slice(), FileStatus::Ready),
            (Purpose::Attachment, long.as_slice(), FileStatus::Ready),
            (Purpose::Voice, long.as_slice(), FileStatus::Failed),
        ] {
            let file = put(&world, &node, &ada, purpose, content).await;
            work(&world, &node).await;
            let file = now(&world, &ada, &file).await;
            assert_eq!(file.status, expected, "{purpose:?} {}", file.kind);
            let got = node.media.content(&world.ctx(&ada), file.id).await;
            match expected {
                FileStatus::Ready => drop(got.unwrap()),
                _ => assert_eq!(code(got), "file.failed"),
            }
        }
        let voice = put(&world, &node, &ada, Purpose::Voice, &short).await;
        assert_eq!((voice.duration_ms, voice.codecs), (Some(2000), vec!["pcm".to_owned()]));
        assert_eq!(voice.waveform.map(|peaks| peaks.len()), Some(100));
        let none = node.media.thumbnail(&world.ctx(&ada), voice.id, Size::Icon, Format::Jpeg).await;
        assert_eq!(code(none), "file.no_thumbnail");
    }

    async fn what_is_infected_is_quarantined(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (node, guard) = scanning(&world, true).await;
        let bad = put(&world, &node, &ada, Purpose::Attachment, b"some malice").await;
        let good = put(&world, &node, &ada, Purpose::Attachment, b"something").await;
        assert_eq!((bad.status, good.status), (FileStatus::Scanning, FileStatus::Scanning));
        let (one, two) = (send(&world, &ada, chat, &bad).await, send(&world, &ada, chat, &bad).await);
        assert_eq!(shown(&world, "message.sent").await, [(AttachmentStatus::Scanning, None); 2]);
        work(&world, &node).await;
        let changes = world.changes().await;
        let told: Vec<_> = changes.iter().filter(|change| &*change.name == "message.updated").collect();
        assert_eq!(states(told.iter().copied()), [(AttachmentStatus::Quarantined, None); 2]);
        assert!(told.iter().all(|change| change.actor == Some(ada.id)), "people who hide her are told so");
        for message in [&one, &two] {
            let seen = world.store.messaging.message(&world.ctx(&bob), message.id).await.unwrap();
            assert_eq!((seen.attachments[0].status, seen.version), (AttachmentStatus::Quarantined, message.version));
        }
        let (bad, good) = (now(&world, &ada, &bad).await, now(&world, &ada, &good).await);
        assert_eq!((bad.status, good.status), (FileStatus::Quarantined, FileStatus::Ready));
        assert_eq!((bad.scanned, good.scanned), (false, true));
        for who in [&ada, &bob] {
            assert_eq!(code(node.media.content(&world.ctx(who), bad.id).await), "file.infected");
        }
        world.store.audit.chain().await.unwrap();
        let all = PageRequest::default();
        let audited = world.store.audit.records(&system(&world), AuditFilter::default(), all).await.unwrap();
        assert!(audited.items.iter().any(|entry| entry.action == "file.quarantined"));
        // What is known of a content is not asked again.
        let asked = guard.asked.load(Ordering::SeqCst);
        let his = put(&world, &node, &bob, Purpose::Attachment, b"some malice").await;
        work(&world, &node).await;
        assert_eq!(now(&world, &bob, &his).await.status, FileStatus::Quarantined);
        assert_eq!(guard.asked.load(Ordering::SeqCst), asked);
        let large = put(&world, &node, &bob, Purpose::Attachment, b"too large for it").await;
        work(&world, &node).await;
        assert_eq!(now(&world, &bob, &large).await.status, FileStatus::Failed);
    }

    async fn files_wait_for_a_scanner_that_is_away(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, guard) = scanning(&world, true).await;
        guard.is_away.store(true, Ordering::SeqCst);
        let file = put(&world, &node, &ada, Purpose::Attachment, b"something").await;
        let [mut job] = taken(&world, &node, "file.examine").await.try_into().unwrap();
        assert!(do_once(&world, &node, &job).await.unwrap_err().is_ours(), "it is tried again");
        // After some hours, the job makes room, and another one comes.
        job.attempts = 12;
        let given_up = do_once(&world, &node, &job).await;
        node.jobs.settle(&system(&world), &job, decide(world.now(), 12, 0.5, &given_up)).await.unwrap();
        assert_eq!((given_up.is_ok(), now(&world, &ada, &file).await.status), (true, FileStatus::Scanning));
        guard.is_away.store(false, Ordering::SeqCst);
        work(&world, &node).await;
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Scanning, "nobody is there to do it");
        world.wait(Duration::from_secs(3600));
        run(&world, &node, "file.requeue").await;
        assert_eq!(now(&world, &ada, &file).await.status, FileStatus::Ready);
    }

    async fn files_are_let_through_if_no_scan_is_required(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (node, guard) = scanning(&world, false).await;
        guard.is_away.store(true, Ordering::SeqCst);
        let bad = put(&world, &node, &ada, Purpose::Attachment, b"some malice").await;
        let good = put(&world, &node, &ada, Purpose::Attachment, &png(9, 9, "")).await;
        let large = put(&world, &node, &ada, Purpose::Attachment, b"too large for it").await;
        work(&world, &node).await;
        for file in [&bad, &good, &large] {
            let file = now(&world, &ada, file).await;
            assert_eq!((file.status, file.scanned), (FileStatus::Ready, false));
        }
        // As soon as it is there again, it scans them.
        guard.is_away.store(false, Ordering::SeqCst);
        run(&world, &node, "file.rescan").await;
        let states = [now(&world, &ada, &bad).await, now(&world, &ada, &good).await, now(&world, &ada, &large).await];
        let states = states.map(|file| (file.status, file.scanned));
        assert_eq!(states, [(FileStatus::Quarantined, false), (FileStatus::Ready, true), (FileStatus::Ready, false)]);
    }

    async fn new_signatures_find_what_old_ones_have_not(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (node, guard) = scanning(&world, true).await;
        let text = put(&world, &node, &ada, Purpose::Attachment, b"a new trick").await;
        let picture = put(&world, &node, &ada, Purpose::Attachment, &png(20, 10, "a comment")).await;
        work(&world, &node).await;
        send(&world, &ada, chat, &text).await;
        world.changes().await;
        let asked = || guard.asked.load(Ordering::SeqCst);
        let before = asked();
        run(&world, &node, "file.rescan").await;
        assert_eq!(asked(), before, "nothing is new");
        guard.looks_for("trick");
        run(&world, &node, "file.rescan").await;
        assert_eq!(asked(), before + 2);
        assert_eq!(now(&world, &ada, &text).await.status, FileStatus::Quarantined);
        assert_eq!(shown(&world, "message.updated").await, [(AttachmentStatus::Quarantined, None)]);
        guard.looks_for("IDAT");
        run(&world, &node, "file.rescan").await;
        assert_eq!(now(&world, &ada, &picture).await.status, FileStatus::Quarantined);
        // It was a mistake of the signatures.
        guard.looks_for("malice");
        run(&world, &node, "file.rescan").await;
        for file in [&text, &picture] {
            let file = now(&world, &ada, file).await;
            assert_eq!((file.status, file.scanned), (FileStatus::Ready, true));
            let content = node.media.content(&world.ctx(&ada), file.id).await.unwrap();
            assert_eq!(read(&world, &content).await.len() as i64, file.size);
        }
        assert_eq!(now(&world, &ada, &picture).await.width, Some(20));
    }

    async fn a_run_that_was_cut_off_is_done_again(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = looking(&world).await;
        let file = put(&world, &node, &ada, Purpose::Attachment, &png(70, 70, "a comment")).await;
        let [job] = taken(&world, &node, "file.examine").await.try_into().unwrap();
        // Two workers, of which one has lost its lease.
        let other = Taken { lease: Id::new(world.now()), ..job.clone() };
        let (one, two) = tokio::join!(do_once(&world, &node, &job), do_once(&world, &node, &other));
        one.and(two).unwrap();
        do_once(&world, &node, &job).await.unwrap();
        let ready = now(&world, &ada, &file).await;
        assert_eq!((ready.status, ready.thumbnails.len()), (FileStatus::Ready, 2));
        assert_eq!(world.names().await, ["file.updated", "file.updated"], "told once");
        // Deleted while it is examined, and purged before the end.
        let gone = put(&world, &node, &ada, Purpose::Attachment, &png(80, 80, "a comment")).await;
        let [job] = taken(&world, &node, "file.examine").await.try_into().unwrap();
        node.media.delete_file(&world.ctx(&ada), gone.id).await.unwrap();
        do_once(&world, &node, &job).await.unwrap();
        world.wait(Duration::from_secs(8 * 24 * 3600));
        run(&world, &node, "file.purge").await;
        do_once(&world, &node, &job).await.unwrap();
        assert_eq!(used(&world, &ada).await.1, 1);
    }

    async fn those_who_see_a_picture_are_told_when_it_is_ready(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let node = looking(&world).await;
        let face = put(&world, &node, &ada, Purpose::Avatar, &png(70, 70, "")).await;
        assert_eq!(face.status, FileStatus::Scanning);
        let ctx = world.ctx(&ada);
        let me = node.accounts.edit_me(&ctx, None, of(json!({"avatar": face.id}))).await.unwrap();
        let group = node.groups.create(&ctx, of(json!({"name": "Cooks", "avatar": face.id, "cover": null}))).await.unwrap();
        let chat = world.group(&ada, &[&bob]).await.id;
        node.chats.edit_chat(&ctx, chat, None, of(json!({"avatar": face.id}))).await.unwrap();
        let pet = json!({"name": "Minka", "species": "cat", "avatar": face.id, "photos": [face.id]});
        let pet = node.pets.create(&ctx, of(pet)).await.unwrap();
        world.changes().await;
        work(&world, &node).await;
        assert_eq!(now(&world, &ada, &face).await.status, FileStatus::Ready);
        assert_eq!(named(&world).await, ["chat.updated", "file.updated", "group.updated", "pet.updated", "user.updated"]);
        // Only what is shown of the picture is new.
        let version = node.accounts.me(&ctx).await.unwrap().version;
        assert_eq!(version, me.version);
        assert_eq!(node.groups.group(&ctx, group.id).await.unwrap().version, group.version);
        assert_eq!(node.pets.pet(&ctx, pet.id).await.unwrap().version, pet.version);
    }

    async fn a_video_has_the_thumbnails_of_its_poster(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let node = looking(&world).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        // One that nobody can look into.
        let video = put(&world, &node, &ada, Purpose::Attachment, b"\0\0\0\x14ftypisom\0\0\x02\0isom").await;
        let poster = put(&world, &node, &ada, Purpose::Attachment, &png(300, 200, "")).await;
        let early = node.media.edit_file(&world.ctx(&ada), video.id, of(json!({"poster_id": poster.id}))).await;
        assert!(matches!(early, Err(Error::Invalid(errors)) if &*errors[0].code == "not_ready"));
        work(&world, &node).await;
        let said = send(&world, &ada, chat, &video).await;
        assert!(said.attachments[0].thumbnails.is_empty());
        world.changes().await;
        let edit = async |poster: Option<clowder_core::FileId>| {
            let edited = node.media.edit_file(&world.ctx(&ada), video.id, of(json!({"poster_id": poster}))).await.unwrap();
            work(&world, &node).await;
            edited
        };
        let edited = edit(Some(poster.id)).await;
        assert_eq!((edited.poster_id, edited.thumbnails.len()), (Some(poster.id), 4));
        assert_eq!(edited.thumbnails[0].url, format!("/api/files/{}/thumbnail?size=64", video.id));
        assert_eq!(now(&world, &ada, &video).await, edited);
        assert_eq!(named(&world).await, ["file.updated", "message.updated"]);
        edit(Some(poster.id)).await;
        assert!(world.names().await.is_empty(), "the same again");
        // Whoever sees the video sees its thumbnails, and not the picture itself.
        let seen = node.media.file(&world.ctx(&bob), video.id).await.unwrap();
        assert_eq!((seen.poster_id, seen.uploaded_by, &seen.thumbnails), (None, None, &edited.thumbnails));
        let shown = node.messaging.message(&world.ctx(&bob), said.id).await.unwrap().attachments[0].clone();
        assert_eq!((&shown.thumbnails, &shown.blurhash), (&edited.thumbnails, &edited.blurhash));
        let small = node.media.thumbnail(&world.ctx(&bob), video.id, Size::Icon, Format::Jpeg).await.unwrap();
        assert!(read(&world, &small).await.starts_with(b"\xFF\xD8\xFF"));
        assert_eq!(code(node.media.file(&world.ctx(&bob), poster.id).await), "file.unknown");
        // The video has it, and it goes with the video.
        world.wait(Duration::from_secs(3 * 24 * 3600));
        run(&world, &node, "file.tidy").await;
        assert_eq!(used(&world, &ada).await.1, 2);
        edit(None).await;
        assert!(now(&world, &ada, &video).await.thumbnails.is_empty());
        run(&world, &node, "file.tidy").await;
        assert_eq!(used(&world, &ada).await.1, 1);
        let other = put(&world, &node, &ada, Purpose::Attachment, &png(90, 90, "")).await;
        work(&world, &node).await;
        edit(Some(other.id)).await;
        world.changes().await;
        node.media.delete_file(&world.ctx(&ada), other.id).await.unwrap();
        work(&world, &node).await;
        assert_eq!(named(&world).await, ["file.deleted", "file.updated", "message.updated"]);
        assert_eq!(now(&world, &ada, &video).await.poster_id, None);
        let last = put(&world, &node, &ada, Purpose::Attachment, &png(91, 90, "")).await;
        work(&world, &node).await;
        edit(Some(last.id)).await;
        node.media.delete_file(&world.ctx(&ada), video.id).await.unwrap();
        work(&world, &node).await;
        run(&world, &node, "file.tidy").await;
        assert_eq!(used(&world, &ada).await.1, 0);
    }

    async fn whoever_uploads_much_does_not_hold_up_others(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (node, _) = scanning(&world, true).await;
        for n in 0..13 {
            put(&world, &node, &ada, Purpose::Attachment, format!("{n}").as_bytes()).await;
        }
        put(&world, &node, &bob, Purpose::Attachment, b"his").await;
        let due = taken(&world, &node, "file.examine").await;
        assert_eq!(due.len(), 11, "ten of hers and his");
        let waiting = node.jobs.list(&system(&world), Some(JobState::Waiting), PageRequest::default()).await.unwrap();
        let later: Vec<JobId> = waiting.items.iter().filter(|job| job.kind == "file.examine").map(|job| job.id).collect();
        assert_eq!(later.len(), 3);
        world.wait(Duration::from_secs(4));
        assert_eq!(taken(&world, &node, "file.examine").await.len(), 3);
    }
}
