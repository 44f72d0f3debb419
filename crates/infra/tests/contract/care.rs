//! The guarantees of `FileCare`: nothing that a row asks for is ever removed, whatever else is.

pub mod domain;
mod moving;
mod property;
mod wrapped;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use clowder_accounts::AuditFilter;
use clowder_core::{PageRequest, Timestamp};
use clowder_infra::{Store, blobs};
use clowder_media::{
    Blobs, File, FileStatus, Key, Purpose,
    care::{Amount, Cleaned, Fault, Stray, Walk, Wrong},
};
use clowder_tests::recorded::png;
use serde_json::Value;

use crate::{
    media::{
        examining::{examiner, put, run, scanning},
        new, upload_to,
    },
    privacy::{system, work},
    world::{Person, World, code, on_both},
};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A store of bytes that no other test has.
pub struct Shelf {
    pub blobs: Arc<dyn Blobs>,
    _folder: tempfile::TempDir,
}

pub fn shelf() -> Shelf {
    let folder = tempfile::tempdir().unwrap();
    let place = blobs::Place::Folder(folder.path().join("media"));
    Shelf { blobs: blobs::open(&place, None, folder.path()).unwrap(), _folder: folder }
}

/// A node with it.
pub async fn node(world: &World, shelf: &Shelf) -> Store {
    let blobs = Arc::clone(&shelf.blobs);
    world.node_with(|options| options.media.blobs = Some(blobs)).await
}

pub async fn write(blobs: &dyn Blobs, name: &str, content: &[u8]) {
    let mut writing = blobs.begin(&Key::new(name).unwrap()).await.unwrap();
    writing.write(Bytes::copy_from_slice(content)).await.unwrap();
    writing.finish().await.unwrap();
}

pub async fn names(blobs: &dyn Blobs, prefix: &str) -> Vec<String> {
    let listed = blobs.list(prefix, None, 10_000).await.unwrap();
    listed.into_iter().map(|one| one.key.to_string()).collect()
}

/// Lets the clock of the test be so much after the last time at which anything was stored.
async fn wait_after_all(world: &World, blobs: &dyn Blobs, duration: Duration) {
    let last = blobs.list("", None, 10_000).await.unwrap().into_iter().map(|one| one.head.modified).max();
    let until = last.unwrap_or(Timestamp::from_micros(0)).plus(duration).plus(Duration::from_secs(2));
    let now = world.now();
    if until > now {
        world.wait(until.since(now));
    }
}

/// Walks through the whole store.
async fn strays(world: &World, node: &Store, trash: bool) -> (Amount, Vec<Stray>) {
    let (mut looked_at, mut strays, mut walk) = (Amount::default(), Vec::new(), Some(Walk::default()));
    while let Some(here) = walk {
        let some = node.care.find_strays(&system(world), here, trash).await.unwrap();
        looked_at += some.looked_at;
        strays.extend(some.strays);
        walk = some.next;
    }
    (looked_at, strays)
}

/// Walks through all rows.
pub async fn faults(world: &World, node: &Store, hashes: bool) -> Vec<Fault> {
    let (mut faults, mut after) = (Vec::new(), None);
    loop {
        let some = node.care.check_some(&system(world), after, hashes).await.unwrap();
        faults.extend(some.faults);
        after = some.next;
        if after.is_none() {
            return faults;
        }
    }
}

pub async fn key(world: &World, node: &Store, who: &Person, file: &File) -> Key {
    node.media.content(&world.ctx(who), file.id).await.unwrap().key
}

fn wrong(faults: &[Fault]) -> Vec<(String, Wrong)> {
    faults.iter().map(|fault| (fault.wanted.key.to_string(), fault.wrong)).collect()
}

/// What the audit log says of the last clean-up.
async fn told(world: &World, node: &Store) -> Vec<Value> {
    let all = PageRequest { limit: 200, cursor: None };
    let records = node.audit.records(&system(world), AuditFilter::default(), all).await.unwrap().items;
    records.into_iter().filter(|record| record.action == "files.cleaned").filter_map(|record| record.after).collect()
}

on_both! {
    async fn a_check_names_what_is_missing_wrong_or_unknown(world: World) {
        let [ada] = world.people(["ada"]).await;
        let shelf = shelf();
        let node = node(&world, &shelf).await;
        let mut files = Vec::new();
        for content in ["gone", "short", "other", "good"] {
            files.push(upload_to(&node, &world.ctx(&ada), new("a"), content.as_bytes()).await.unwrap());
        }
        let mut keys = Vec::new();
        for file in &files {
            keys.push(key(&world, &node, &ada, file).await);
        }
        assert_eq!(node.care.stored_amount(&system(&world)).await.unwrap(), Amount { count: 4, octets: 18 });
        assert_eq!(faults(&world, &node, true).await, []);
        shelf.blobs.delete(&keys[0]).await.unwrap();
        write(&*shelf.blobs, keys[1].as_str(), b"sho").await;
        write(&*shelf.blobs, keys[2].as_str(), b"OTHER").await;
        let (missing, size) = ((keys[0].to_string(), Wrong::Missing), (keys[1].to_string(), Wrong::Size));
        assert_eq!(wrong(&faults(&world, &node, false).await), [missing.clone(), size.clone()]);
        let found = faults(&world, &node, true).await;
        assert_eq!(wrong(&found), [missing, size, (keys[2].to_string(), Wrong::Content)]);
        assert_eq!((found[0].owner, found[0].files, found[0].wanted.size), (Some(ada.id), 1, 4));
        // What is deleted need not be there.
        for file in &files[..3] {
            node.media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
        }
        assert_eq!(faults(&world, &node, true).await, []);

        // Objects that nobody knows, once they are old; and things that are not ours.
        let unknown = keys[0].as_str().replace("files/", "made/") + "-64.webp";
        write(&*shelf.blobs, "files/00/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d00", b"unknown").await;
        write(&*shelf.blobs, "files/00/readme.txt", b"not ours").await;
        write(&*shelf.blobs, "parts/00/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d00", b"not ours").await;
        write(&*shelf.blobs, &unknown, b"of one that goes").await;
        assert_eq!(strays(&world, &node, false).await.1, []);
        wait_after_all(&world, &*shelf.blobs, DAY).await;
        let (looked_at, found) = strays(&world, &node, false).await;
        let found: Vec<_> = found.iter().map(|stray| (stray.key.as_str(), stray.octets)).collect();
        assert_eq!(found, [("files/00/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d00", 7)]);
        assert_eq!(looked_at.count, 5, "what waits to be purged goes with its row");
    }

    async fn strays_go_to_the_trash_and_come_back_if_a_row_asks_for_them(world: World) {
        let [ada] = world.people(["ada"]).await;
        let shelf = shelf();
        let node = node(&world, &shelf).await;
        let blobs = &*shelf.blobs;
        let kept = upload_to(&node, &world.ctx(&ada), new("a"), b"kept").await.unwrap();
        let kept = key(&world, &node, &ada, &kept).await;
        let lost = "files/00/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d00";
        write(blobs, lost, b"unknown").await;
        wait_after_all(&world, blobs, DAY).await;
        assert_eq!(strays(&world, &node, true).await.1.len(), 1);
        assert_eq!(names(blobs, "").await, [kept.to_string(), format!("trash/{lost}")]);
        // As after the restore of a database that knows an object which was taken for a stray.
        blobs.rename(&kept, &Key::new(format!("trash/{kept}")).unwrap()).await.unwrap();
        assert_eq!(wrong(&faults(&world, &node, false).await), [(kept.to_string(), Wrong::Missing)]);
        let empty = async |dry: bool| node.care.empty_trash(&system(&world), None, dry).await.unwrap();
        for dry in [true, false] {
            let found = empty(dry).await;
            assert_eq!((found.removed, found.waiting, found.restored), (Amount::default(), Amount::of(7), Amount::of(4)));
        }
        assert_eq!(faults(&world, &node, true).await, []);
        wait_after_all(&world, blobs, 7 * DAY).await;
        assert_eq!(empty(true).await.removed, Amount::of(7));
        assert_eq!(names(blobs, "trash/").await.len(), 1, "nothing was done");
        assert_eq!(empty(false).await.removed, Amount::of(7));
        assert_eq!(names(blobs, "").await, [kept.to_string()]);
    }

    async fn what_a_picture_does_not_need_any_more_is_a_stray(world: World) {
        let [ada] = world.people(["ada"]).await;
        let shelf = shelf();
        let blobs = Arc::clone(&shelf.blobs);
        let looking = world.node_with(|options| {
            options.media.blobs = Some(blobs);
            options.media.examiner = Some(examiner());
        }).await;
        let picture = put(&world, &looking, &ada, Purpose::Attachment, &png(300, 200, "zqplace")).await;
        work(&world, &looking).await;
        let clean = key(&world, &looking, &ada, &picture).await;
        assert!(clean.as_str().ends_with("-clean"), "{clean}");
        assert_eq!(faults(&world, &looking, true).await, []);
        let uploaded = clean.as_str().replace("made/", "files/").replace("-clean", "");
        let larger = clean.as_str().replace("-clean", "-1024.webp");
        for (left, is_stray) in [(&uploaded, false), (&larger, true), (&uploaded, true)] {
            write(&*shelf.blobs, left, b"left behind by a process that was killed").await;
            wait_after_all(&world, &*shelf.blobs, DAY).await;
            // What was uploaded is of use until it is purged, which happens a day after the examination.
            let found = strays(&world, &looking, true).await.1;
            let found: Vec<_> = found.iter().map(|stray| stray.key.to_string()).collect();
            assert_eq!(found.contains(left), is_stray, "{left}: {found:?}");
            assert_eq!(found.len(), usize::from(is_stray), "{found:?}");
            run(&world, &looking, "file.purge").await;
        }
        assert_eq!(faults(&world, &looking, true).await, []);
    }

    async fn a_clean_up_says_what_it_does_and_does_what_it_says(world: World) {
        let [ada] = world.people(["ada"]).await;
        let shelf = shelf();
        let node = node(&world, &shelf).await;
        let upload = async |content: &str| upload_to(&node, &world.ctx(&ada), new("a"), content.as_bytes()).await.unwrap();
        let deleted = upload("deleted").await;
        node.media.delete_file(&world.ctx(&ada), deleted.id).await.unwrap();
        std::mem::forget(node.media.begin_upload(&world.ctx(&ada), new("dies")).await.unwrap());
        world.wait(6 * DAY);
        upload("loose").await;
        world.wait(DAY + Duration::from_secs(60));
        let waits = upload("waits").await;
        node.media.delete_file(&world.ctx(&ada), waits.id).await.unwrap();
        upload("new").await;
        let clean = async |dry: bool| node.care.clean(&system(&world), dry).await.unwrap();
        let planned = clean(true).await;
        let uploads = Amount { count: 1, octets: 0 };
        let expected = Cleaned {
            unattached: Amount::of(5), unfinished: uploads, deleted: Amount::of(7), waiting: Amount::of(5), ..Cleaned::default()
        };
        assert_eq!(planned, expected);
        assert_eq!(clean(true).await, planned, "nothing was done");
        let done = clean(false).await;
        // What was attached to nothing waits now; the upload that was forgotten has left nothing.
        assert_eq!((done.unattached, done.unfinished), (planned.unattached, planned.unfinished));
        assert_eq!((done.deleted.octets, done.waiting), (7, Amount { count: 2, octets: 10 }));
        let after = clean(false).await;
        assert!(after.is_nothing(), "{after:?}");
        assert_eq!(names(&*shelf.blobs, "files/").await.len(), 3);
        assert_eq!(faults(&world, &node, true).await, []);

        // The audit log is told once.
        assert!(told(&world, &node).await.is_empty());
        run(&world, &node, "file.report").await;
        let [said] = told(&world, &node).await.try_into().unwrap();
        assert_eq!((&said["unattached"]["count"], &said["unfinished"]), (&1.into(), &1.into()), "{said}");
        assert_eq!(said["deleted"]["octets"], 7, "{said}");
        run(&world, &node, "file.report").await;
        assert_eq!(told(&world, &node).await.len(), 1);
        let of_store = Cleaned { strays: Amount::of(3), ..Cleaned::default() };
        node.care.note_cleaned(&system(&world), of_store).await.unwrap();
        assert!(told(&world, &node).await.iter().any(|said| said["strays"]["octets"] == 3));
        node.care.note_cleaned(&system(&world), Cleaned::default()).await.unwrap();
        assert_eq!(told(&world, &node).await.len(), 2);
    }

    async fn moderators_see_what_is_in_quarantine(world: World) {
        let [ada, root] = world.people(["ada", "rita"]).await;
        let (node, guard) = scanning(&world, true).await;
        let mut bad = Vec::new();
        for content in ["malice one", "malice two", "malice three"] {
            bad.push(put(&world, &node, &ada, Purpose::Attachment, content.as_bytes()).await);
            work(&world, &node).await;
        }
        let good = put(&world, &node, &ada, Purpose::Attachment, b"something").await;
        work(&world, &node).await;
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = node.care.quarantined(&world.ctx(&root), PageRequest { limit: 2, cursor }).await.unwrap();
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let ids: Vec<_> = seen.iter().map(|file| file.id).collect();
        assert_eq!(ids, bad.iter().rev().map(|file| file.id).collect::<Vec<_>>());
        let first = &seen[0];
        assert_eq!((first.status, first.virus.as_deref(), first.size), (FileStatus::Quarantined, Some("Test.malice"), 12));
        assert_eq!((first.uploaded_by.id, first.sha256.as_ref()), (ada.id, bad[2].sha256.as_ref()));
        for file in [&good.id, &clowder_media::FileId::new(world.now())] {
            assert_eq!(code(node.care.delete_quarantined(&world.ctx(&root), *file).await), "file.not_quarantined");
        }
        world.changes().await;
        node.care.delete_quarantined(&world.ctx(&root), bad[0].id).await.unwrap();
        let told: Vec<_> = world.changes().await.iter().map(|change| (change.name.to_string(), change.topic.as_user())).collect();
        assert_eq!(told, [("file.deleted".to_owned(), Some(ada.id))]);
        assert_eq!(code(node.media.file(&world.ctx(&ada), bad[0].id).await), "file.unknown");
        let records = node.audit.records(&system(&world), AuditFilter::default(), PageRequest::default()).await.unwrap().items;
        let removed = records.iter().find(|record| record.action == "file.removed").unwrap();
        assert_eq!(removed.before.as_ref().unwrap()["virus"], "Test.malice");
        // One that was taken for infected by mistake is given back, and is on the list no more.
        guard.looks_for("nothing of this");
        run(&world, &node, "file.rescan").await;
        work(&world, &node).await;
        let page = node.care.quarantined(&world.ctx(&root), PageRequest::default()).await.unwrap();
        assert!(page.items.is_empty(), "{:?}", page.items);
    }
}
