//! Uploads that go on after an interruption, over a folder.

use std::time::Duration;

use bytes::Bytes;
use clowder_core::{Ctx, Error, FileId, PageRequest, Result};
use clowder_infra::Store;
use clowder_media::{
    Content, FileFilter, FileStatus, NewFile, NewResumable, Purpose, Resumable,
    policy::Limits,
    resumable::{Appended, Next},
};

use super::{new, objects, purge, purge_with, read, upload, used};
use crate::{
    privacy::{system, work},
    world::{Person, World, code, on_both},
};

/// One of so many octets.
pub fn long(name: &str, length: u64) -> NewResumable {
    NewResumable { file: new(name), length }
}

const fn from(offset: u64) -> Next {
    Next { offset, whole: false }
}

async fn begin(world: &World, who: &Person, new: NewResumable) -> Result<Resumable> {
    world.store.media.begin_resumable(&world.ctx(who), new).await
}

async fn append(store: &Store, ctx: &Ctx, id: FileId, offset: u64, content: &[u8]) -> Result<Appended> {
    let mut part = store.media.continue_resumable(ctx, id, from(offset)).await?;
    part.write(Bytes::copy_from_slice(content)).await?;
    part.finish().await
}

async fn offset(world: &World, who: &Person, id: FileId) -> i64 {
    world.store.media.resumable(&world.ctx(who), id).await.unwrap().offset
}

async fn content(world: &World, who: &Person, id: FileId) -> Content {
    world.store.media.content(&world.ctx(who), id).await.unwrap()
}

/// How many files there are in this folder of the store.
fn growing(world: &World) -> usize {
    let blobs = world.options.media.blobs.clone().unwrap();
    let root = blobs.path(&clowder_media::Key::new("a").unwrap()).unwrap();
    std::fs::read_dir(root.with_file_name(".growing")).unwrap().count()
}

on_both! {
    async fn an_upload_goes_on_where_it_was(world: World) {
        let [ada] = world.people(["ada"]).await;
        let upload = begin(&world, &ada, long("../no\0te.txt", 10)).await.unwrap();
        assert_eq!((upload.name.as_str(), upload.offset, upload.length), ("note.txt", 0, 10));
        assert!(upload.expires_at.is_some());
        let files = world.store.media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap();
        assert_eq!((files.items[0].id, files.items[0].status), (upload.id, FileStatus::Uploading));
        let begun = append(&world.store, &world.ctx(&ada), upload.id, 0, b"one ").await.unwrap();
        assert_eq!((begun.upload.offset, begun.file), (4, None));
        assert!(world.changes().await.is_empty(), "nobody is told before it is there");
        // Another process goes on.
        let node = world.another_node().await;
        let whole = append(&node, &world.ctx(&ada), upload.id, 4, b"by one").await.unwrap();
        let file = whole.file.unwrap();
        assert_eq!((file.id, file.size, file.kind.as_str(), file.status), (upload.id, 10, "text/plain", FileStatus::Ready));
        assert_eq!(read(&world, &content(&world, &ada, file.id).await).await, b"one by one");
        assert_eq!(world.names().await, ["file.updated"]);
        assert_eq!((used(&world, &ada).await, growing(&world)), ((10, 1), 0));
        let done = world.store.media.resumable(&world.ctx(&ada), upload.id).await.unwrap();
        assert_eq!((done.offset, done.length, done.expires_at), (10, 10, None));
        assert_eq!(code(append(&world.store, &world.ctx(&ada), upload.id, 10, b"").await), "file.offset");
    }

    async fn only_its_owner_knows_of_it(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let upload = begin(&world, &ada, long("a", 10)).await.unwrap();
        let (media, other) = (&world.store.media, world.ctx(&bob));
        assert_eq!(code(media.resumable(&other, upload.id).await), "file.unknown");
        assert_eq!(code(append(&world.store, &other, upload.id, 0, b"x").await), "file.unknown");
        assert_eq!(code(media.end_resumable(&other, upload.id).await), "file.unknown");
        // Nor is an upload by a form one that can be continued.
        let arriving = media.begin_upload(&world.ctx(&ada), new("form")).await.unwrap();
        let files = media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap().items;
        assert_eq!(code(media.resumable(&world.ctx(&ada), files[0].id).await), "file.unknown");
        assert_eq!(code(append(&world.store, &world.ctx(&ada), files[0].id, 0, b"x").await), "file.unknown");
        assert_eq!(code(media.end_resumable(&world.ctx(&ada), files[0].id).await), "file.unknown");
        arriving.abort().await.unwrap();
    }

    async fn a_wrong_part_changes_nothing(world: World) {
        let [ada] = world.people(["ada"]).await;
        let upload = begin(&world, &ada, long("a", 10)).await.unwrap();
        let ctx = world.ctx(&ada);
        append(&world.store, &ctx, upload.id, 0, b"four").await.unwrap();
        for wrong in [0, 3, 5, 10, 11, u64::MAX] {
            assert_eq!(code(append(&world.store, &ctx, upload.id, wrong, b"x").await), "file.offset", "{wrong}");
        }
        let mut part = world.store.media.continue_resumable(&ctx, upload.id, from(4)).await.unwrap();
        part.write(Bytes::from_static(b"five ")).await.unwrap();
        assert_eq!(code(part.write(Bytes::from_static(b"too long")).await), "file.beyond");
        part.undo().await.unwrap();
        assert_eq!(offset(&world, &ada, upload.id).await, 4);
        // A part that counts as a whole, and does not arrive.
        let mut part = world.store.media.continue_resumable(&ctx, upload.id, Next { offset: 4, whole: true }).await.unwrap();
        part.write(Bytes::from_static(b"lost")).await.unwrap();
        drop(part);
        let node = &world.store;
        let next = async {
            loop {
                match append(node, &ctx, upload.id, 4, b"").await {
                    Err(Error::Refused(refusal)) if refusal.code == "file.busy" => tokio::task::yield_now().await,
                    done => break done,
                }
            }
        };
        assert_eq!(next.await.unwrap().upload.offset, 4, "an empty part is one, too");
        let whole = append(&world.store, &ctx, upload.id, 4, b" to do").await.unwrap();
        assert_eq!(read(&world, &content(&world, &ada, whole.file.unwrap().id).await).await, b"four to do");
    }

    async fn what_arrives_is_kept_although_the_client_goes_away(world: World) {
        let [ada] = world.people(["ada"]).await;
        let upload = begin(&world, &ada, long("a", 5)).await.unwrap();
        let mut part = world.store.media.continue_resumable(&world.ctx(&ada), upload.id, from(0)).await.unwrap();
        part.write(Bytes::from_static(b"kep")).await.unwrap();
        drop(part);
        while offset(&world, &ada, upload.id).await != 3 {
            tokio::task::yield_now().await;
        }
        // All of it, and nobody waits for the answer.
        let mut part = loop {
            match world.store.media.continue_resumable(&world.ctx(&ada), upload.id, from(3)).await {
                Err(Error::Refused(refusal)) if refusal.code == "file.busy" => tokio::task::yield_now().await,
                part => break part.unwrap(),
            }
        };
        part.write(Bytes::from_static(b"t.")).await.unwrap();
        drop(part);
        while world.store.media.file(&world.ctx(&ada), upload.id).await.unwrap().status != FileStatus::Ready {
            tokio::task::yield_now().await;
        }
        assert_eq!(read(&world, &content(&world, &ada, upload.id).await).await, b"kept.");
    }

    async fn one_call_writes_at_a_time(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (upload, other) = (begin(&world, &ada, long("a", 4)).await.unwrap(), begin(&world, &ada, long("b", 4)).await.unwrap());
        let node = world.node_with(|options| options.media.limits.at_once = 1).await;
        let ctx = world.ctx(&ada);
        let mut first = world.store.media.continue_resumable(&ctx, upload.id, from(0)).await.unwrap();
        assert_eq!(code(append(&node, &ctx, upload.id, 0, b"both").await), "file.busy");
        assert_eq!(code(append(&node, &ctx, other.id, 0, b"both").await), "file.uploads");
        first.write(Bytes::from_static(b"one.")).await.unwrap();
        let file = first.finish().await.unwrap().file.unwrap();
        assert_eq!(read(&world, &content(&world, &ada, file.id).await).await, b"one.");

        // A process that dies holds it for no longer than its lease.
        let mut dead = world.store.media.continue_resumable(&ctx, other.id, from(0)).await.unwrap();
        dead.write(Bytes::from_static(b"de")).await.unwrap();
        std::mem::forget(dead);
        assert_eq!(code(append(&node, &ctx, other.id, 0, b"live").await), "file.busy");
        purge(&world).await;
        world.wait(Duration::from_secs(121));
        purge(&world).await;
        assert_eq!(offset(&world, &ada, other.id).await, 0, "and it is not forgotten");
    }

    async fn whoever_was_silent_for_too_long_writes_no_more(world: World) {
        let [ada] = world.people(["ada"]).await;
        let upload = begin(&world, &ada, long("a", 4)).await.unwrap();
        let slow = world.store.media.continue_resumable(&world.ctx(&ada), upload.id, from(0)).await.unwrap();
        // Its lease is over, by the clock of the others.
        world.wait(Duration::from_secs(3600));
        let fast = append(&world.store, &world.ctx(&ada), upload.id, 0, b"fast").await.unwrap();
        assert_eq!(code(slow.finish().await), "file.unknown");
        assert_eq!(read(&world, &content(&world, &ada, fast.file.unwrap().id).await).await, b"fast");
    }

    async fn a_part_of_which_nothing_comes_ends(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = world.node_with(|options| options.media.silence = Duration::from_millis(600)).await;
        let ctx = world.ctx(&ada);
        let freed = async |id, at, content: &'static [u8]| {
            loop {
                match append(&world.store, &ctx, id, at, content).await {
                    Err(Error::Refused(refusal)) if refusal.code == "file.busy" => tokio::task::yield_now().await,
                    done => break done,
                }
            }
        };
        // What has arrived is kept, and whoever comes back learns of it.
        let upload = begin(&world, &ada, long("a", 6)).await.unwrap();
        let mut silent = node.media.continue_resumable(&ctx, upload.id, from(0)).await.unwrap();
        silent.write(Bytes::from_static(b"sil")).await.unwrap();
        let elsewhere = freed(upload.id, 3, b"ent").await.unwrap();
        assert_eq!(read(&world, &content(&world, &ada, elsewhere.file.unwrap().id).await).await, b"silent");
        assert_eq!(code(silent.write(Bytes::from_static(b"ent")).await), "file.offset");
        // A part that counts only as a whole is not, and comes to nothing.
        let upload = begin(&world, &ada, long("b", 6)).await.unwrap();
        let whole = Next { offset: 0, whole: true };
        let mut silent = node.media.continue_resumable(&ctx, upload.id, whole).await.unwrap();
        silent.write(Bytes::from_static(b"sil")).await.unwrap();
        assert_eq!(freed(upload.id, 0, b"").await.unwrap().upload.offset, 0);
        assert_eq!(code(silent.finish().await), "file.offset");
        // Whoever sends a little now and then goes on for as long as they like.
        let mut slow = node.media.continue_resumable(&ctx, upload.id, from(0)).await.unwrap();
        for octet in [b"s", b"i", b"l", b"e", b"n", b"t"] {
            tokio::time::sleep(Duration::from_millis(150)).await;
            slow.write(Bytes::from_static(octet)).await.unwrap();
        }
        assert_eq!(slow.finish().await.unwrap().upload.offset, 6);
    }

    async fn room_is_reserved_from_the_beginning(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let limits = Limits { octets: 10, files: 3, resumables: 2, server_octets: 14, ..Limits::default() };
        let node = world.node_with(|options| options.media.limits = limits).await;
        let begin = async |who: &Person, length| node.media.begin_resumable(&world.ctx(who), long("a", length)).await;
        let first = begin(&ada, 6).await.unwrap();
        assert_eq!(used(&world, &ada).await, (6, 1));
        assert_eq!(code(begin(&ada, 5).await), "file.quota");
        assert_eq!(code(begin(&bob, 9).await), "file.server_full");
        let second = begin(&ada, 4).await.unwrap();
        assert_eq!(code(begin(&ada, 1).await), "file.quota");
        // One that is complete counts as it did, and what is ended counts no more.
        append(&node, &world.ctx(&ada), first.id, 0, b"filled").await.unwrap();
        node.media.end_resumable(&world.ctx(&ada), second.id).await.unwrap();
        assert_eq!(used(&world, &ada).await, (6, 1));
        purge_with(&world, &node).await;
        let third = begin(&ada, 2).await.unwrap();
        begin(&ada, 1).await.unwrap();
        assert_eq!(code(begin(&ada, 1).await), "file.quota", "as many files as one can have");
        node.media.delete_file(&world.ctx(&ada), first.id).await.unwrap();
        assert_eq!(code(begin(&ada, 1).await), "file.resumables");
        let avatar = NewFile { purpose: Purpose::Avatar, ..new("a.png") };
        let large = NewResumable { file: avatar, length: (10 << 20) + 1 };
        assert_eq!(code(world.store.media.begin_resumable(&world.ctx(&bob), large).await), "file.too_large");

        // The same content again takes no room of its own.
        node.media.end_resumable(&world.ctx(&ada), third.id).await.unwrap();
        let files = node.media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap().items;
        append(&node, &world.ctx(&ada), files[0].id, 0, b"x").await.unwrap();
        let again = begin(&ada, 1).await.unwrap();
        assert_eq!(used(&world, &ada).await, (2, 2));
        append(&node, &world.ctx(&ada), again.id, 0, b"x").await.unwrap();
        assert_eq!(used(&world, &ada).await, (1, 2));
        purge_with(&world, &node).await;
        assert_eq!(read(&world, &content(&world, &ada, again.id).await).await, b"x");
    }

    async fn what_is_refused_at_the_end_is_gone(world: World) {
        let [ada] = world.people(["ada"]).await;
        let ctx = world.ctx(&ada);
        let picture = |named: Option<&str>, purpose| NewResumable {
            file: NewFile { named: named.map(str::to_owned), purpose, ..new("a.png") },
            length: 6,
        };
        for (new, refusal) in [
            (picture(None, Purpose::Avatar), "file.type"),
            (picture(Some("image/png"), Purpose::Attachment), "file.mismatch"),
        ] {
            let upload = begin(&world, &ada, new).await.unwrap();
            append(&world.store, &ctx, upload.id, 0, b"no ").await.unwrap();
            let content = if refusal == "file.type" { b"pic".as_slice() } else { b"\x7f\0\0" };
            assert_eq!(code(append(&world.store, &ctx, upload.id, 3, content).await), refusal);
            assert_eq!(code(world.store.media.resumable(&ctx, upload.id).await), "file.unknown");
        }
        work(&world, &world.store).await;
        assert_eq!((used(&world, &ada).await, objects(&world), growing(&world)), ((0, 0), 0, 0));
        assert!(world.changes().await.is_empty());
    }

    async fn an_upload_that_is_ended_or_expires_leaves_nothing(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (ctx, media) = (world.ctx(&ada), &world.store.media);
        let ends: [&str; 3] = ["ended", "deleted", "expires"];
        for end in ends {
            let upload = begin(&world, &ada, long(end, 10)).await.unwrap();
            append(&world.store, &ctx, upload.id, 0, b"some").await.unwrap();
            assert_eq!(growing(&world), 1);
            match end {
                "ended" => media.end_resumable(&ctx, upload.id).await.unwrap(),
                "deleted" => media.delete_file(&ctx, upload.id).await.unwrap(),
                _ => {
                    world.wait(Duration::from_secs(24 * 3600 + 1));
                    let later = world.ctx(&ada);
                    assert_eq!(code(media.resumable(&later, upload.id).await), "file.expired");
                    assert_eq!(code(append(&world.store, &later, upload.id, 4, b"x").await), "file.expired");
                    purge(&world).await;
                }
            }
            work(&world, &world.store).await;
            assert_eq!(code(media.resumable(&world.ctx(&ada), upload.id).await), "file.unknown", "{end}");
            assert_eq!((used(&world, &ada).await, objects(&world), growing(&world)), ((0, 0), 0, 0), "{end}");
        }
        // One that has become a file is deleted as such.
        let upload = begin(&world, &ada, long("whole", 5)).await.unwrap();
        append(&world.store, &world.ctx(&ada), upload.id, 0, b"whole").await.unwrap();
        media.end_resumable(&world.ctx(&ada), upload.id).await.unwrap();
        assert_eq!(code(media.file(&world.ctx(&ada), upload.id).await), "file.unknown");
        assert_eq!(world.names().await, ["file.deleted", "file.updated", "file.deleted"]);
    }

    async fn one_that_arrived_whole_is_finished_by_a_job(world: World) {
        let [ada] = world.people(["ada"]).await;
        let bad = NewResumable { file: NewFile { purpose: Purpose::Avatar, ..new("a.png") }, length: 4 };
        for (new, told) in [(long("whole", 4), "file.updated"), (bad, "file.deleted")] {
            let upload = begin(&world, &ada, new).await.unwrap();
            append(&world.store, &world.ctx(&ada), upload.id, 0, b"all").await.unwrap();
            // The process dies after the last octet is durable, and before the upload is a file.
            let blobs = world.options.media.blobs.clone().unwrap();
            let path = blobs.path(&clowder_media::Key::new("a").unwrap()).unwrap().with_file_name(".growing");
            let grows = std::fs::read_dir(path).unwrap().next().unwrap().unwrap().path();
            std::fs::write(&grows, b"all.").unwrap();
            world.meddle("UPDATE resumable_uploads SET arrived = 4").unwrap();
            assert_eq!(offset(&world, &ada, upload.id).await, 4);
            purge(&world).await;
            work(&world, &world.store).await;
            assert_eq!(world.names().await, [told]);
            assert_eq!(growing(&world), 0);
            if told == "file.updated" {
                assert_eq!(read(&world, &content(&world, &ada, upload.id).await).await, b"all.");
            }
        }
        assert_eq!(used(&world, &ada).await, (4, 1));
    }

    async fn nothing_is_left_of_it_after_an_erasure(world: World) {
        let [ada] = world.people(["ada"]).await;
        let upload = begin(&world, &ada, long("zqresumablename", 10)).await.unwrap();
        append(&world.store, &world.ctx(&ada), upload.id, 0, b"some").await.unwrap();
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        world.gone(b"zqresumablename").await;
        world.wait(Duration::from_secs(24 * 3600 + 1));
        purge(&world).await;
        work(&world, &world.store).await;
        assert_eq!((objects(&world), growing(&world)), (0, 0));
    }

    async fn the_same_content_as_a_form(world: World) {
        let [ada] = world.people(["ada"]).await;
        let first = upload(&world, &world.ctx(&ada), new("one"), b"same").await.unwrap();
        let second = begin(&world, &ada, long("two", 4)).await.unwrap();
        append(&world.store, &world.ctx(&ada), second.id, 0, b"same").await.unwrap();
        assert_eq!(content(&world, &ada, first.id).await.key, content(&world, &ada, second.id).await.key);
        assert_eq!(used(&world, &ada).await, (4, 2));
    }
}
