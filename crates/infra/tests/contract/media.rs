//! The guarantees of `Files`, over a folder.

pub mod domain;

use std::time::Duration;

use bytes::Bytes;
use clowder_core::{Ctx, PageRequest, Result};
use clowder_media::{Content, File, FileFilter, FileId, FileStatus, NewFile, Purpose, policy::Limits};
use futures_util::TryStreamExt;

use crate::{
    privacy::work,
    stress::of,
    world::{Person, World, code, on_both},
};

pub fn new(name: &str) -> NewFile {
    NewFile { name: name.to_owned(), named: None, purpose: Purpose::Attachment }
}

/// Uploads a file in two pieces.
pub async fn upload(world: &World, ctx: &Ctx, new: NewFile, content: &[u8]) -> Result<File> {
    let mut arriving = world.store.media.begin_upload(ctx, new).await?;
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

async fn read(world: &World, content: &Content) -> Vec<u8> {
    let bytes = world.store.media.read_content(content, None).await.unwrap();
    let pieces: Vec<Bytes> = bytes.try_collect().await.unwrap();
    pieces.concat()
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
        assert_eq!((file.status, file.uploaded_by), (FileStatus::Ready, ada.id));
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
        let purge = async || {
            let job = clowder_core::NewJob { kind: "file.purge", payload: b"{}".to_vec(), run_at: world.now(), key: None, subject: None, recipient: None };
            world.store.jobs.order(&world.ctx(&ada), job).await.unwrap();
            work(&world, &world.store).await;
        };
        world.wait(Duration::from_secs(7 * 24 * 3600 - 600));
        purge().await;
        assert!(blobs.head(&content.key).await.unwrap().is_some(), "not yet");
        // What is uploaded again meanwhile does not take the bytes that are about to go.
        let again = put(&world, &ada, "again", "content").await;
        world.wait(Duration::from_secs(1200));
        purge().await;
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

    async fn an_upload_whose_process_dies_is_forgotten_after_a_day(world: World) {
        let [ada] = world.people(["ada"]).await;
        let media = &world.store.media;
        let arriving = media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        // As a process that is killed: nothing is dropped.
        std::mem::forget(arriving);
        let listed = media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap().items;
        assert_eq!(listed[0].status, FileStatus::Uploading);
        assert_eq!(code(media.content(&world.ctx(&ada), listed[0].id).await), "file.not_ready");
        put(&world, &ada, "one", "same").await;
        put(&world, &ada, "two", "same").await;
        world.wait(Duration::from_secs(25 * 3600));
        work(&world, &world.store).await;
        assert_eq!((used(&world, &ada).await, objects(&world)), ((4, 2), 1));
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
        second.write(Bytes::from_static(b"abcdef")).await.unwrap();
        first.finish().await.unwrap();
        assert_eq!(code(second.finish().await), "file.quota");
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
        two.write(Bytes::from_static(b"xyz")).await.unwrap();
        one.finish().await.unwrap();
        assert_eq!(code(two.finish().await), "file.server_full");
        // What is deleted counts until it is gone.
        work(&world, &node).await;
        node.media.delete_file(&world.ctx(&ada), first.id).await.unwrap();
        assert_eq!(code(upload(&bob, b"12345").await), "file.server_full");
        world.wait(Duration::from_secs(8 * 24 * 3600));
        work(&world, &node).await;
        upload(&bob, b"12345").await.unwrap();
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
