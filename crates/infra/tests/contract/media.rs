//! The guarantees of `Files`, over a folder.

mod crashes;
mod direct;
pub mod domain;
pub mod examining;
pub mod having;
mod mending;
pub mod over;
mod pictures;
pub mod reached;
mod resumable;
mod room;
mod sight;

use std::time::Duration;

use bytes::Bytes;
use clowder_core::{Ctx, NewJob, PageRequest, Result, Timestamp};
use clowder_infra::{Store, blobs};
use clowder_media::{Content, File, FileFilter, FileId, FileStatus, Key, NewFile, Purpose, policy::Limits};
use futures_util::TryStreamExt;

use crate::{
    privacy::work,
    stress::of,
    world::{Person, World, code, on_both},
};

pub fn new(name: &str) -> NewFile {
    NewFile { name: name.to_owned(), named: None, purpose: Purpose::Attachment }
}

/// How a picture begins.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

/// A picture for this purpose.
pub fn picture(purpose: Purpose) -> NewFile {
    NewFile { purpose, ..new("face.png") }
}

/// Uploads a file in two pieces.
pub async fn upload(world: &World, ctx: &Ctx, new: NewFile, content: &[u8]) -> Result<File> {
    upload_to(&world.store, ctx, new, content).await
}

pub async fn upload_to(store: &Store, ctx: &Ctx, new: NewFile, content: &[u8]) -> Result<File> {
    let mut arriving = store.media.begin_upload(ctx, new).await?;
    let (first, rest) = content.split_at(content.len() / 2);
    for piece in [first, rest] {
        arriving.write(Bytes::copy_from_slice(piece)).await?;
    }
    arriving.finish().await
}

async fn put(world: &World, who: &Person, name: &str, content: &str) -> File {
    let file = upload(world, &world.ctx(who), new(name), content.as_bytes()).await.unwrap();
    world.changes().await;
    file
}

pub async fn read(world: &World, content: &Content) -> Vec<u8> {
    let bytes = world.store.media.read_content(content, None).await.unwrap();
    let pieces: Vec<Bytes> = bytes.try_collect().await.unwrap();
    pieces.concat()
}

/// Does what is done every few minutes.
async fn purge(world: &World) {
    purge_with(world, &world.store).await;
}

async fn purge_with(world: &World, node: &Store) {
    let (kind, payload, run_at) = ("file.purge", b"{}".to_vec(), world.now());
    let job = NewJob { kind, payload, run_at, key: None, subject: None, recipient: None };
    node.jobs.order(&world.nobody(), job).await.unwrap();
    work(world, node).await;
}

/// How many octets count, and in how many files.
async fn used(world: &World, who: &Person) -> (i64, i64) {
    let quota = world.store.media.file_quota(&world.ctx(who)).await.unwrap();
    (quota.bytes_used, quota.count)
}

/// The keys of all objects whose rows are there.
fn objects(world: &World) -> usize {
    // Counted by changing nothing.
    world.meddle("UPDATE file_objects SET refs = refs").unwrap()
}

on_both! {
    async fn what_is_uploaded_can_be_read_by_its_owner_alone(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let media = &world.store.media;
        let file = upload(&world, &world.ctx(&ada), new("../no\0te.txt"), b"what it says").await.unwrap();
        assert_eq!((file.name.as_str(), file.size, file.kind.as_str()), ("note.txt", 12, "text/plain"));
        assert_eq!((file.status, file.uploaded_by), (FileStatus::Ready, Some(ada.id)));
        let told = world.changes().await;
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&*told.name, told.topic.as_user()), ("file.updated", Some(ada.id)));
        assert!(!told.data.get().contains("note"), "no name in the journal: {}", told.data.get());
        assert_eq!(media.file(&world.ctx(&ada), file.id).await.unwrap(), file);
        let content = media.content(&world.ctx(&ada), file.id).await.unwrap();
        assert_eq!(read(&world, &content).await, b"what it says");
        let part: Vec<Bytes> = media.read_content(&content, Some(5..7)).await.unwrap().try_collect().await.unwrap();
        assert_eq!(part.concat(), b"it");
        let other = world.ctx(&bob);
        assert_eq!(code(media.file(&other, file.id).await), "file.unknown");
        assert_eq!(code(media.content(&other, file.id).await), "file.unknown");
        assert_eq!(code(media.delete_file(&other, file.id).await), "file.unknown");
        let listed = media.files(&other, FileFilter::default(), PageRequest::default()).await.unwrap();
        assert!(listed.items.is_empty());
    }

    async fn lists_go_through_all_files_newest_first(world: World) {
        let [ada] = world.people(["ada"]).await;
        let mut files = Vec::new();
        for n in 0..5 {
            files.insert(0, put(&world, &ada, "a", &format!("{n}")).await.id);
        }
        let media = &world.store.media;
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit: 2, cursor };
            let page = media.files(&world.ctx(&ada), FileFilter::default(), request).await.unwrap();
            seen.extend(page.items.into_iter().map(|file| file.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, files);
        let voices = FileFilter { purpose: Some(Purpose::Voice) };
        assert!(media.files(&world.ctx(&ada), voices, PageRequest::default()).await.unwrap().items.is_empty());
    }

    async fn the_same_content_is_stored_and_counted_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (one, two) = (put(&world, &ada, "one", "same").await, put(&world, &ada, "two", "same").await);
        let other = put(&world, &bob, "one", "same").await;
        assert_ne!(one.id, two.id);
        assert_eq!(used(&world, &ada).await, (4, 2));
        work(&world, &world.store).await;
        assert_eq!(objects(&world), 2, "one of each owner: nobody learns what others have");
        let media = &world.store.media;
        let key = async |who: &Person, file: &File| media.content(&world.ctx(who), file.id).await.unwrap().key;
        assert_eq!(key(&ada, &one).await, key(&ada, &two).await);
        assert_ne!(key(&ada, &one).await, key(&bob, &other).await);
        media.delete_file(&world.ctx(&ada), one.id).await.unwrap();
        assert_eq!(used(&world, &ada).await, (4, 1));
        world.wait(Duration::from_secs(30 * 24 * 3600));
        work(&world, &world.store).await;
        let content = media.content(&world.ctx(&ada), two.id).await.unwrap();
        assert_eq!(read(&world, &content).await, b"same", "another file still has it");
        media.delete_file(&world.ctx(&ada), two.id).await.unwrap();
        assert_eq!(used(&world, &ada).await, (0, 0));
        assert_eq!(world.names().await, ["file.deleted", "file.deleted"]);
    }

    async fn bytes_go_a_week_after_the_last_file_with_them(world: World) {
        let [ada] = world.people(["ada"]).await;
        let file = put(&world, &ada, "zqsecretname", "content").await;
        let media = &world.store.media;
        let content = media.content(&world.ctx(&ada), file.id).await.unwrap();
        let blobs = world.options.media.blobs.clone().unwrap();
        media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
        assert_eq!(code(media.content(&world.ctx(&ada), file.id).await), "file.unknown");
        world.gone(b"zqsecretname").await;
        world.wait(Duration::from_secs(7 * 24 * 3600 - 600));
        purge(&world).await;
        assert!(blobs.head(&content.key).await.unwrap().is_some(), "not yet");
        // What is uploaded again meanwhile does not take the bytes that are about to go.
        let again = put(&world, &ada, "again", "content").await;
        world.wait(Duration::from_secs(1200));
        purge(&world).await;
        assert!(blobs.head(&content.key).await.unwrap().is_none());
        assert_eq!(objects(&world), 1);
        let content = media.content(&world.ctx(&ada), again.id).await.unwrap();
        assert_eq!(read(&world, &content).await, b"content");
    }

    async fn what_is_refused_or_cut_off_leaves_nothing(world: World) {
        let [ada] = world.people(["ada"]).await;
        let media = &world.store.media;
        let avatar = NewFile { purpose: Purpose::Avatar, ..new("a.png") };
        assert_eq!(code(upload(&world, &world.ctx(&ada), avatar.clone(), b"no picture").await), "file.type");
        let named = NewFile { named: Some("image/png".into()), ..new("a.png") };
        assert_eq!(code(upload(&world, &world.ctx(&ada), named, b"MZ\x90\0 a program").await), "file.mismatch");
        assert!(upload(&world, &world.ctx(&ada), new("empty"), b"").await.is_err());
        let mut large = media.begin_upload(&world.ctx(&ada), avatar).await.unwrap();
        let piece = Bytes::from(vec![0; 1 << 20]);
        for _ in 0..10 {
            large.write(piece.clone()).await.unwrap();
        }
        assert_eq!(code(large.write(piece).await), "file.too_large");
        large.abort().await.unwrap();
        // The client goes away, and is found to have gone.
        let mut cut = media.begin_upload(&world.ctx(&ada), new("cut")).await.unwrap();
        cut.write(Bytes::from_static(b"begun")).await.unwrap();
        drop(cut);
        while used(&world, &ada).await != (0, 0) {
            tokio::task::yield_now().await;
        }
        work(&world, &world.store).await;
        assert_eq!((objects(&world), world.names().await.len()), (0, 0), "no row, and nobody is told");
    }

    async fn an_upload_whose_process_dies_is_forgotten_within_minutes(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = world.node_with(|options| options.media.limits.at_once = 1).await;
        let arriving = node.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        // As a process that is killed: nothing is dropped.
        std::mem::forget(arriving);
        let listed = node.media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap().items;
        assert_eq!(listed[0].status, FileStatus::Uploading);
        assert_eq!(code(node.media.content(&world.ctx(&ada), listed[0].id).await), "file.not_ready");
        assert_eq!(code(node.media.begin_upload(&world.ctx(&ada), new("b")).await.map(drop)), "file.uploads");
        purge(&world).await;
        assert_eq!(used(&world, &ada).await, (0, 1), "it may still go on");
        world.wait(Duration::from_secs(121));
        let next = node.media.begin_upload(&world.ctx(&ada), new("b")).await.expect("there is room at once");
        assert_eq!(used(&world, &ada).await, (0, 2));
        purge(&world).await;
        assert_eq!((used(&world, &ada).await, objects(&world)), ((0, 1), 1), "and the rest is forgotten by the next job");
        next.abort().await.unwrap();
    }

    async fn an_upload_that_goes_on_is_not_forgotten(world: World) {
        let [ada] = world.people(["ada"]).await;
        let lease = Duration::from_secs(2);
        let node = world.node_with(|options| options.media.lease = lease).await;
        let mut arriving = node.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        for _ in 0..2 {
            // Longer than the lease that was seen last.
            tokio::time::sleep(lease * 3 / 2).await;
            purge(&world).await;
            arriving.write(Bytes::from_static(b"x")).await.unwrap();
        }
        assert_eq!(arriving.finish().await.unwrap().size, 2);

        // One that was forgotten, for example because its machine had slept, learns of it.
        let mut arriving = node.media.begin_upload(&world.ctx(&ada), new("b")).await.unwrap();
        world.wait(Duration::from_secs(3600));
        purge(&world).await;
        let refused = async {
            loop {
                match arriving.write(Bytes::from_static(b"x")).await {
                    Ok(()) => tokio::time::sleep(Duration::from_millis(20)).await,
                    error => break error,
                }
            }
        };
        assert_eq!(code(tokio::time::timeout(Duration::from_secs(30), refused).await.unwrap()), "file.unknown");
        arriving.abort().await.unwrap();
        assert_eq!(used(&world, &ada).await, (2, 1));
    }

    async fn an_upload_ends_even_if_nobody_waits_for_it(world: World) {
        let [ada] = world.people(["ada"]).await;
        let mut arriving = world.store.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        arriving.write(Bytes::from_static(b"content")).await.unwrap();
        {
            let mut finishing = std::pin::pin!(arriving.finish());
            assert!(futures_util::poll!(&mut finishing).is_pending());
        }
        while used(&world, &ada).await != (7, 1) {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.names().await, ["file.updated"]);
    }

    async fn what_is_deleted_takes_no_more_room_than_files(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let node = world.node_with(|options| {
            options.media.limits = Limits { octets: 10, files: 3, ..Limits::default() };
        }).await;
        let blobs = world.options.media.blobs.clone().unwrap();
        let come_and_go = async |who: &Person, content: String| {
            let mut arriving = node.media.begin_upload(&world.ctx(who), new("a")).await?;
            arriving.write(Bytes::from(content)).await?;
            let file = arriving.finish().await?;
            let key = node.media.content(&world.ctx(who), file.id).await?.key;
            node.media.delete_file(&world.ctx(who), file.id).await.map(|()| key)
        };
        let first = come_and_go(&ada, "first_".into()).await.unwrap();
        work(&world, &node).await;
        assert!(blobs.head(&first).await.unwrap().is_some());
        let second = come_and_go(&ada, "second".into()).await.unwrap();
        work(&world, &node).await;
        assert!(blobs.head(&first).await.unwrap().is_none(), "the oldest makes room");
        assert!(blobs.head(&second).await.unwrap().is_some());
        // If nothing is removed meanwhile, there is an end.
        for n in 0..3 {
            come_and_go(&ada, format!("{n:06}")).await.unwrap();
        }
        assert_eq!(code(come_and_go(&ada, "more".into()).await), "file.trash");
        work(&world, &node).await;
        come_and_go(&ada, "more".into()).await.unwrap();
        // Neither is there room for any number of small ones.
        let mut keys = Vec::new();
        for n in 0..5 {
            keys.push(come_and_go(&bob, format!("{n}")).await.unwrap());
            work(&world, &node).await;
        }
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(blobs.head(key).await.unwrap().is_some(), n >= 2, "{n}");
        }
        // The same content again is in the store until it is purged, too.
        for _ in 0..2 {
            upload(&world, &world.ctx(&bob), new("a"), b"twice").await.unwrap();
        }
        let counted = "UPDATE file_totals SET objects = objects WHERE objects = (SELECT count(*) FROM file_objects) \
                       AND octets = (SELECT sum(size) FROM file_objects)";
        assert_eq!(world.meddle(counted).unwrap(), 1);
        let twice = "UPDATE file_objects SET refs = 0 WHERE refs = 0 AND size = 5";
        assert_eq!(world.meddle(twice).unwrap(), 1);
    }

    async fn what_cannot_be_removed_holds_up_nothing_else(world: World) {
        let [ada] = world.people(["ada"]).await;
        // A folder of its own, because some of it is taken away.
        let place = tempfile::tempdir().unwrap();
        let blobs = blobs::open(&blobs::Place::Folder(place.path().to_owned()), None, place.path()).unwrap();
        let node = world.node_with(|options| options.media.blobs = Some(blobs.clone())).await;
        let media = &node.media;
        let mut keys = Vec::new();
        for n in 0..4 {
            let mut arriving = media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
            arriving.write(Bytes::from(n.to_string())).await.unwrap();
            let file = arriving.finish().await.unwrap();
            keys.push(media.content(&world.ctx(&ada), file.id).await.unwrap().key);
            if n < 3 {
                media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
            }
        }
        // The folder of the first cannot be read, and whether the second goes is a mistake of this program.
        let folder = blobs.path(&keys[0]).unwrap().parent().unwrap().to_owned();
        let away = folder.with_extension("away");
        std::fs::rename(&folder, &away).unwrap();
        std::os::unix::fs::symlink(&folder, &folder).unwrap();
        let id = |key: &Key| key.as_str().rsplit('/').next().unwrap().to_owned();
        let quoted = if world.is_postgres() { format!("'{}'", id(&keys[3])) } else { format!("x'{}'", id(&keys[3]).replace('-', "")) };
        let gone = format!("UPDATE file_objects SET refs = 0, purge_at = (SELECT min(purge_at) FROM file_objects) WHERE id = {quoted}");
        assert_eq!(world.meddle(&gone).unwrap(), 1);

        world.wait(Duration::from_secs(7 * 24 * 3600 + 60));
        purge_with(&world, &node).await;
        let there = async |key: &Key| blobs.head(key).await.is_ok_and(|head| head.is_some());
        let same = |n: usize| blobs.path(&keys[n]).unwrap().starts_with(&folder);
        for (n, key) in keys.iter().enumerate().take(3).skip(1) {
            assert!(same(n) || !there(key).await, "{n}");
        }
        assert!(same(3) || there(&keys[3]).await, "a file still has it");
        let stuck = 2 + (1..3).filter(|n| same(*n)).count();
        let check = async || {
            let checks = node.upkeep.check(|| Timestamp::from_micros(0)).await;
            checks.into_iter().find(|check| check.name == "files").unwrap().detail
        };
        assert_eq!(check().await, format!("folder: can be read and written; cannot remove {stuck} of the deleted files"));
        // They wait before they are tried again, and longer each time.
        for (pause, failures) in [(0, 1), (6, 2), (6, 2), (6, 3)] {
            world.wait(Duration::from_secs(pause));
            purge_with(&world, &node).await;
            let tried = format!("UPDATE file_objects SET refs = 0 WHERE purge_failures = {failures}");
            assert_eq!(world.meddle(&tried).unwrap(), stuck, "after {pause} s");
        }
        let mended = format!("UPDATE file_objects SET refs = 1, purge_at = NULL, purge_failures = 0 WHERE id = {quoted}");
        world.meddle(&mended).unwrap();
        std::fs::remove_file(&folder).unwrap();
        std::fs::rename(&away, &folder).unwrap();
        world.wait(Duration::from_secs(3600));
        purge_with(&world, &node).await;
        assert!(!there(&keys[0]).await && there(&keys[3]).await);
        assert_eq!(objects(&world), 1);
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(check().await, "folder: can be read and written");
    }

    async fn what_is_gone_while_somebody_asks_for_it_is_unknown(world: World) {
        let [ada] = world.people(["ada"]).await;
        let media = &world.store.media;
        let file = put(&world, &ada, "a", "content").await;
        let content = media.content(&world.ctx(&ada), file.id).await.unwrap();
        let reading = media.read_content(&content, None).await.unwrap();
        media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
        world.wait(Duration::from_secs(8 * 24 * 3600));
        purge(&world).await;
        assert_eq!(code(media.read_content(&content, None).await.map(drop)), "file.unknown");
        let pieces: Vec<Bytes> = reading.try_collect().await.unwrap();
        assert_eq!(pieces.concat(), b"content", "whoever has begun reads on");
        // What is missing although a file has it is a fault.
        let file = put(&world, &ada, "b", "other").await;
        let content = media.content(&world.ctx(&ada), file.id).await.unwrap();
        world.options.media.blobs.clone().unwrap().delete(&content.key).await.unwrap();
        let missing = media.read_content(&content, None).await.map(drop);
        assert!(matches!(missing, Err(clowder_core::Error::Internal(_))), "{missing:?}");
    }

    async fn nobody_has_more_than_the_quota(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = world.node_with(|options| {
            options.media.limits = Limits { octets: 10, files: 3, at_once: 2, ..Limits::default() };
        }).await;
        let upload = async |content: &'static [u8]| {
            let mut arriving = node.media.begin_upload(&world.ctx(&ada), new("a")).await?;
            match arriving.write(Bytes::from_static(content)).await {
                Ok(()) => arriving.finish().await,
                Err(error) => arriving.abort().await.and(Err(error)),
            }
        };
        // Both fit by themselves.
        let mut first = node.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        let mut second = node.media.begin_upload(&world.ctx(&ada), new("b")).await.unwrap();
        assert_eq!(code(node.media.begin_upload(&world.ctx(&ada), new("c")).await.map(drop)), "file.uploads");
        first.write(Bytes::from_static(b"123456")).await.unwrap();
        assert_eq!(code(second.write(Bytes::from_static(b"abcdef")).await), "file.quota");
        second.abort().await.unwrap();
        first.finish().await.unwrap();
        assert_eq!(used(&world, &ada).await, (6, 1));
        assert_eq!(code(upload(b"12345").await), "file.quota");
        upload(b"1234").await.unwrap();
        assert_eq!(code(upload(b"1").await), "file.quota");
        assert_eq!(used(&world, &ada).await, (10, 2));
    }

    async fn the_server_has_no_more_than_its_quota(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let node = world.node_with(|options| {
            options.media.limits = Limits { server_octets: 10, server_objects: 3, ..Limits::default() };
        }).await;
        let upload = async |who: &Person, content: &'static [u8]| {
            let mut arriving = node.media.begin_upload(&world.ctx(who), new("a")).await?;
            match arriving.write(Bytes::from_static(content)).await {
                Ok(()) => arriving.finish().await,
                Err(error) => arriving.abort().await.and(Err(error)),
            }
        };
        let first = upload(&ada, b"123456").await.unwrap();
        assert_eq!(code(upload(&bob, b"12345").await), "file.server_full");
        // Both fit by themselves, and only one beside the other.
        let mut one = node.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        let arriving = node.media.begin_upload(&world.ctx(&bob), new("b")).await;
        assert_eq!(code(arriving.map(drop)), "file.server_full", "there are as many objects");
        work(&world, &node).await;
        let mut two = node.media.begin_upload(&world.ctx(&bob), new("b")).await.unwrap();
        one.write(Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(code(two.write(Bytes::from_static(b"xyz")).await), "file.server_full");
        two.abort().await.unwrap();
        one.finish().await.unwrap();
        // What is deleted counts until it is gone.
        work(&world, &node).await;
        node.media.delete_file(&world.ctx(&ada), first.id).await.unwrap();
        assert_eq!(code(upload(&bob, b"12345").await), "file.server_full");
        world.wait(Duration::from_secs(8 * 24 * 3600));
        work(&world, &node).await;
        upload(&bob, b"12345").await.unwrap();

        // With little room left, what was deleted does not stay for a week, or else anybody could use it all up.
        let files = node.media.files(&world.ctx(&bob), FileFilter::default(), PageRequest::default()).await.unwrap().items;
        for file in files {
            node.media.delete_file(&world.ctx(&bob), file.id).await.unwrap();
        }
        upload(&ada, b"12").await.unwrap();
        assert_eq!(code(upload(&ada, b"6789").await), "file.server_full");
        work(&world, &node).await;
        upload(&ada, b"6789").await.unwrap();
    }

    async fn addresses_are_good_as_long_as_their_maker_sees_the_file(world: World) {
        let [ada] = world.people(["ada"]).await;
        let file = put(&world, &ada, "a", "content").await;
        let other = put(&world, &ada, "b", "other").await;
        let media = &world.store.media;
        let link = async |seconds: i64| {
            let new = of(serde_json::json!({"expires_in": seconds}));
            let made = media.link_file(&world.ctx(&ada), file.id, new).await.unwrap();
            made.url.split_once("token=").unwrap().1.to_owned()
        };
        let open = async |file: FileId, token: &str| media.linked_content(&world.nobody(), file, token).await;
        let token = link(60).await;
        assert_eq!(read(&world, &open(file.id, &token).await.unwrap()).await, b"content");
        assert_eq!(code(open(other.id, &token).await), "file.link_invalid", "it is for one file");
        for wrong in ["", "x", &token[1..], &token.to_uppercase(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(code(open(file.id, wrong).await), "file.link_invalid", "{wrong}");
        }
        let lasting = link(86_400).await;
        world.wait(Duration::from_secs(62));
        assert_eq!(code(open(file.id, &token).await), "file.link_invalid", "it has expired");
        open(file.id, &lasting).await.unwrap();
        media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
        assert_eq!(code(open(file.id, &lasting).await), "file.link_invalid");
    }
}
