//! What both stores promise, and the two as one.

use bytes::Bytes;
use clowder_core::{Error, Timestamp};
use clowder_media::blobs::Grown;

use super::stores::{FOREVER, NEVER, OF_A_FILE, Store, all, both, folder, key, names, noise, read, s3, write};

/// A module per store, with each of these tests.
macro_rules! on_both {
    ($($(#[$about:meta])* $name:ident;)*) => {
        mod in_a_folder {
            $($(#[$about])* #[tokio::test] async fn $name() { super::$name(&super::folder()).await; })*
        }
        mod in_both {
            $($(#[$about])* #[tokio::test] async fn $name() { super::$name(&super::both()).await; })*
        }
        mod in_s3 {
            $($(#[$about])* #[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(&super::s3()).await; })*
        }
    };
}

on_both! {
    an_object_appears_when_it_is_finished;
    objects_of_all_sizes_come_back;
    pieces_of_all_sizes_are_put_together;
    ranges;
    an_object_is_replaced_as_a_whole;
    what_is_aborted_or_dropped_leaves_nothing;
    what_grows_is_whole_in_the_end;
    what_has_not_settled_is_forgotten;
    what_grows_in_small_steps_leaves_no_rests;
    what_is_abandoned_leaves_nothing;
    deleting_is_repeatable;
    lists_are_in_order_and_in_pages;
    copies_and_renames;
    many_at_once;
    the_store_is_ready;
}

async fn an_object_appears_when_it_is_finished(store: &Store) {
    let blobs = &*store.blobs;
    let mut writing = blobs.begin(&key("a/b")).await.unwrap();
    writing.write(noise(1, 10 << 20)).await.unwrap();
    assert_eq!(blobs.head(&key("a/b")).await.unwrap(), None);
    assert!(blobs.read(&key("a/b"), None).await.unwrap().is_none());
    assert!(names(blobs, "").await.is_empty());
    writing.finish().await.unwrap();

    let head = blobs.head(&key("a/b")).await.unwrap().unwrap();
    assert_eq!(head.size, 10 << 20);
    // A time of this century, in case somebody counts in milliseconds.
    assert!(
        head.modified > Timestamp::from_micros(1_700_000_000_000_000)
            && head.modified < Timestamp::from_micros(4_000_000_000_000_000)
    );
    let listed = blobs.list("", None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|one| (one.key.as_str(), one.head.size)).collect::<Vec<_>>(), [("a/b", 10 << 20)]);
    assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 0, "nothing is unfinished");
    // The folder above it is no object.
    assert_eq!(blobs.head(&key("a")).await.unwrap(), None);
    assert!(blobs.read(&key("a"), None).await.unwrap().is_none());
}

async fn objects_of_all_sizes_come_back(store: &Store) {
    // Around the sizes at which something is passed on: a buffer, a part, two parts.
    let (chunk, part) = (256 << 10, 8 << 20);
    for size in [0, 1, chunk - 1, chunk, chunk + 1, part - 1, part, part + 1, part + chunk, 2 * part, 2 * part + 1] {
        let bytes = noise(size as u64, size);
        write(&*store.blobs, "object", bytes.clone()).await;
        assert!(read(&*store.blobs, "object").await.unwrap() == bytes, "{size}");
    }
    assert_eq!(store.blobs.sweep(FOREVER).await.unwrap(), 0);
}

async fn pieces_of_all_sizes_are_put_together(store: &Store) {
    let bytes = noise(2, 9_000_000);
    let mut writing = store.blobs.begin(&key("pieces")).await.unwrap();
    let (mut rest, mut size) = (bytes.clone(), 1);
    while !rest.is_empty() {
        writing.write(rest.split_to(size.min(rest.len()))).await.unwrap();
        writing.write(Bytes::new()).await.unwrap();
        size = (size * 3) % 700_001;
    }
    writing.finish().await.unwrap();
    assert!(read(&*store.blobs, "pieces").await.unwrap() == bytes);
}

async fn ranges(store: &Store) {
    let bytes = noise(3, 1_000_000);
    write(&*store.blobs, "ranges", bytes.clone()).await;
    for range in [0..1, 0..1_000_000, 999_999..1_000_000, 262_143..262_145, 262_144..524_288, 5..900_000] {
        let reading = store.blobs.read(&key("ranges"), Some(range.clone())).await.unwrap().unwrap();
        assert_eq!((reading.head.size, &reading.range), (1_000_000, &range));
        let expected = bytes.slice(range.start as usize..range.end as usize);
        assert!(all(reading.bytes).await == expected, "{range:?}");
    }
    #[allow(clippy::reversed_empty_ranges, reason = "that is what must be refused")]
    for range in [0..0, 5..5, 6..5, 0..1_000_001, 999_999..2_000_000, 1_000_000..1_000_001, 5_000_000..5_000_001] {
        let read = store.blobs.read(&key("ranges"), Some(range.clone())).await;
        assert!(matches!(read, Err(Error::Internal(_))), "{range:?}");
    }
    assert!(store.blobs.read(&key("nothing"), Some(0..1)).await.unwrap().is_none());
}

async fn an_object_is_replaced_as_a_whole(store: &Store) {
    let blobs = &*store.blobs;
    let (old, new) = (noise(4, 3_000_000), noise(5, 20));
    write(blobs, "same", old.clone()).await;
    let mut writing = blobs.begin(&key("same")).await.unwrap();
    writing.write(new.clone()).await.unwrap();
    assert!(read(blobs, "same").await.unwrap() == old, "until it is finished");
    writing.finish().await.unwrap();
    assert_eq!(read(blobs, "same").await.unwrap(), new);
    assert_eq!(names(blobs, "").await, ["same"]);
}

async fn what_is_aborted_or_dropped_leaves_nothing(store: &Store) {
    let blobs = &*store.blobs;
    write(blobs, "kept", noise(6, 10)).await;
    for size in [0, 10, 20_000_000] {
        let mut writing = blobs.begin(&key("kept")).await.unwrap();
        writing.write(noise(7, size)).await.unwrap();
        writing.abort().await;
        let mut writing = blobs.begin(&key(OF_A_FILE)).await.unwrap();
        writing.write(noise(7, size)).await.unwrap();
        drop(writing);
    }
    assert_eq!(read(blobs, "kept").await.unwrap(), noise(6, 10));
    assert_eq!(names(blobs, "").await, ["kept"]);
    // Those that were dropped are removed in the background. Each sweep may find some that are not yet.
    super::stores::until("all is removed", async || (blobs.sweep(FOREVER).await.unwrap() == 0).then_some(())).await;
}

/// Another key of a file.
const UNSETTLED: &str = "files/ac/01939d3c-0000-7000-8000-0000000000ac";

/// Adds bytes to an object that grows.
async fn grow(store: &Store, grown: &Grown, bytes: Bytes) -> Grown {
    let mut growing = store.blobs.grow(&key(OF_A_FILE), grown).await.unwrap();
    growing.write(bytes).await.unwrap();
    let grown = growing.settle(true).await.unwrap();
    assert_eq!(growing.settle(false).await.unwrap(), grown, "all has settled");
    grown
}

async fn what_grows_is_whole_in_the_end(store: &Store) {
    let (blobs, part) = (&*store.blobs, 8 << 20);
    for sizes in [&[1][..], &[5, 300_000, 9_000_000, 1], &[part], &[part, 1], &[part - 1, 1, part], &[20_000_000, 0, 7]]
    {
        let all = noise(sizes.len() as u64, sizes.iter().sum());
        let (mut rest, mut grown) = (all.clone(), Grown::default());
        for size in sizes {
            grown = grow(store, &grown, rest.split_to(*size)).await;
            assert_eq!(grown.size, (all.len() - rest.len()) as u64);
            assert!(grown.state.len() <= 8 << 10);
            assert_eq!(blobs.head(&key(OF_A_FILE)).await.unwrap(), None, "nobody sees it yet");
        }
        // An attempt of which nobody has heard the end.
        for _ in 0..2 {
            blobs.complete(&key(OF_A_FILE), &grown).await.unwrap();
        }
        assert!(read(blobs, OF_A_FILE).await.unwrap() == all, "{sizes:?}");
        assert_eq!(names(blobs, "").await, [OF_A_FILE]);
        blobs.abandon(&key(OF_A_FILE), &grown).await.unwrap();
        assert!(read(blobs, OF_A_FILE).await.unwrap() == all, "it was completed before it was abandoned");
        assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 0);
        blobs.delete(&key(OF_A_FILE)).await.unwrap();
    }
}

async fn what_has_not_settled_is_forgotten(store: &Store) {
    let blobs = &*store.blobs;
    let (kept, lost, other) = (noise(20, 9_000_000), noise(21, 10_000_000), noise(22, 9_500_000));
    let grown = grow(store, &Grown::default(), kept.clone()).await;
    let mut growing = blobs.grow(&key(OF_A_FILE), &grown).await.unwrap();
    growing.write(lost).await.unwrap();
    drop(growing);
    let grown = grow(store, &grown, other.clone()).await;
    blobs.complete(&key(OF_A_FILE), &grown).await.unwrap();
    assert!(read(blobs, OF_A_FILE).await.unwrap() == [kept, other].concat());

    // An object of which nothing has ever settled.
    let mut growing = blobs.grow(&key(UNSETTLED), &Grown::default()).await.unwrap();
    growing.write(noise(23, 9_000_000)).await.unwrap();
    drop(growing);
    blobs.abandon(&key(UNSETTLED), &Grown::default()).await.unwrap();
    super::stores::until("all is removed", async || (blobs.sweep(FOREVER).await.unwrap() == 0).then_some(())).await;
    assert_eq!(names(blobs, "").await, [OF_A_FILE]);
}

async fn what_grows_in_small_steps_leaves_no_rests(store: &Store) {
    let blobs = &*store.blobs;
    let all = noise(24, 50_000);
    let (mut rest, mut grown) = (all.clone(), Grown::default());
    while !rest.is_empty() {
        grown = grow(store, &grown, rest.split_to(5_000)).await;
        assert!(names(blobs, "rest/").await.len() <= 2, "the last one, and the one before");
    }
    blobs.complete(&key(OF_A_FILE), &grown).await.unwrap();
    assert!(read(blobs, OF_A_FILE).await.unwrap() == all);
    assert_eq!(names(blobs, "").await, [OF_A_FILE]);
}

async fn what_is_abandoned_leaves_nothing(store: &Store) {
    let blobs = &*store.blobs;
    for size in [0, 10, 9_000_000] {
        let grown = grow(store, &Grown::default(), noise(25, size)).await;
        for _ in 0..2 {
            blobs.abandon(&key(OF_A_FILE), &grown).await.unwrap();
        }
        assert!(names(blobs, "").await.is_empty());
        assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 0);
    }
}

async fn deleting_is_repeatable(store: &Store) {
    let blobs = &*store.blobs;
    for name in ["x/y/one", "x/y/two", "x/z"] {
        write(blobs, name, noise(8, 100)).await;
    }
    blobs.delete(&key("x/y/one")).await.unwrap();
    blobs.delete(&key("x/y/one")).await.unwrap();
    blobs.delete(&key("never/was")).await.unwrap();
    // Not what is below it.
    blobs.delete(&key("x/y")).await.unwrap();
    assert_eq!(names(blobs, "").await, ["x/y/two", "x/z"]);
    blobs.delete(&key("x/y/two")).await.unwrap();
    blobs.delete(&key("x/z")).await.unwrap();
    assert!(names(blobs, "").await.is_empty());
    // Folders that became empty do not get in the way.
    write(blobs, "x", noise(8, 100)).await;
    assert_eq!(names(blobs, "").await, ["x"]);
}

async fn lists_are_in_order_and_in_pages(store: &Store) {
    let blobs = &*store.blobs;
    let mut all =
        ["a1/b", "a2/x/2", "a2/x/1", "a2/y", "b", "c-0", "c.0", "d/e/f", "d/g", "z"].map(str::to_owned).to_vec();
    if blobs.name() == "folder" {
        // `-` and `.` come before `/`, and digits after it.
        all.extend(["d-", "d.x", "d0", "d/e-f", "d/e0"].map(str::to_owned));
    }
    for name in &all {
        write(blobs, name, Bytes::from_static(b"x")).await;
    }
    all.sort_unstable();
    assert_eq!(names(blobs, "").await, all);
    for limit in [1, 2, 3, all.len() - 1, all.len(), all.len() + 1] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = blobs.list("", after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let last = page.len() < limit;
            found.extend(page.iter().map(|one| one.key.to_string()));
            after = page.into_iter().last().map(|one| one.key).or(after);
            if last {
                break;
            }
        }
        assert_eq!(found, all, "pages of {limit}");
    }
    for prefix in ["a", "a1", "a2/", "a2/x", "a2/x/1", "c", "d/e", "d/", "e", "zz"] {
        let below: Vec<_> = all.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
        assert_eq!(names(blobs, prefix).await, below, "{prefix}");
    }
    // After a key that does not exist, or no longer.
    let first = async |name: &str| {
        let page = blobs.list("", Some(&key(name)), 1).await.unwrap();
        page.into_iter().next().map(|one| one.key.to_string())
    };
    assert_eq!(first("a2/x/10").await.as_deref(), Some("a2/x/2"));
    assert_eq!(first("a2/x/2").await.as_deref(), Some("a2/y"));
    assert_eq!(first("a2/z").await.as_deref(), Some("b"));
    assert_eq!(first("z").await, None);
}

async fn copies_and_renames(store: &Store) {
    let blobs = &*store.blobs;
    let (one, two) = (noise(9, 300_000), noise(10, 10));
    write(blobs, "one", one.clone()).await;
    write(blobs, "two", two.clone()).await;

    assert!(blobs.copy(&key("one"), &key("far/away/copy")).await.unwrap());
    assert!(blobs.copy(&key("one"), &key("two")).await.unwrap(), "replaces");
    assert!(!blobs.copy(&key("nothing"), &key("two")).await.unwrap());
    assert!(!blobs.copy(&key("far"), &key("two")).await.unwrap(), "no object");
    blobs.delete(&key("one")).await.unwrap();
    assert!(read(blobs, "two").await.unwrap() == one && read(blobs, "far/away/copy").await.unwrap() == one);

    assert!(blobs.rename(&key("far/away/copy"), &key("near")).await.unwrap());
    assert!(!blobs.rename(&key("far/away/copy"), &key("near")).await.unwrap(), "it has been moved");
    assert!(read(blobs, "near").await.unwrap() == one);
    // Onto a copy of itself, and onto itself.
    assert!(blobs.rename(&key("near"), &key("two")).await.unwrap());
    assert!(blobs.rename(&key("two"), &key("two")).await.unwrap());
    assert!(!blobs.rename(&key("nothing"), &key("nothing")).await.unwrap());
    assert!(read(blobs, "two").await.unwrap() == one);
    assert_eq!(names(blobs, "").await, ["two"]);

    // A copy and its original are independent.
    assert!(blobs.copy(&key("two"), &key("three")).await.unwrap());
    write(blobs, "two", two.clone()).await;
    assert!(read(blobs, "two").await.unwrap() == two && read(blobs, "three").await.unwrap() == one);
    assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 0, "a copy leaves nothing behind");
}

async fn many_at_once(store: &Store) {
    let blobs = &*store.blobs;
    // Into folders that others empty at the same time, so that they come and go.
    let one = async |number: u64| {
        let name = format!("d/{}/{number}", number % 3);
        let bytes = noise(number, 1000 * number as usize);
        write(blobs, &name, bytes.clone()).await;
        assert!(read(blobs, &name).await.unwrap() == bytes);
        blobs.delete(&key(&name)).await.unwrap();
        write(blobs, &name, bytes.clone()).await;
        assert!(blobs.rename(&key(&name), &key(&format!("e/{}/{number}", number % 2))).await.unwrap());
    };
    futures_util::future::join_all((0..40).map(one)).await;
    assert!(names(blobs, "d").await.is_empty());
    assert_eq!(names(blobs, "e/").await.len(), 40);
}

async fn the_store_is_ready(store: &Store) {
    store.blobs.check().await.unwrap();
    assert_eq!(store.blobs.sweep(NEVER).await.unwrap(), 0);
    assert!(names(&*store.blobs, "").await.is_empty(), "a check leaves nothing behind");
}
