//! While objects move from one store to the other, each is read wherever it is, and nothing that is gone comes back.

use clowder_infra_blobs::Both;
use clowder_media::Blobs;

use super::stores::{FOREVER, Store, folder, key, names, noise, read, write};

fn two() -> (Store, Store, Both) {
    let (main, other) = (folder(), folder());
    let both = Both::new(main.blobs.clone(), other.blobs.clone());
    (main, other, both)
}

#[tokio::test]
async fn what_is_in_either_is_read() {
    let (main, other, both) = two();
    write(&*other.blobs, "a/old", noise(1, 300_000)).await;
    write(&*main.blobs, "a/new", noise(2, 10)).await;
    write(&both, "a/newest", noise(3, 10)).await;
    for (name, seed, size) in [("a/old", 1, 300_000), ("a/new", 2, 10), ("a/newest", 3, 10)] {
        assert!(read(&both, name).await.unwrap() == noise(seed, size), "{name}");
        assert_eq!(both.head(&key(name)).await.unwrap().unwrap().size, size as u64);
    }
    let part = both.read(&key("a/old"), Some(5..9)).await.unwrap().unwrap();
    assert_eq!((part.range, part.head.size), (5..9, 300_000));
    assert_eq!(names(&*main.blobs, "").await, ["a/new", "a/newest"], "new ones go to the first");
    assert_eq!(both.path(&key("a/new")), None);
    // Once it has been copied, the first one counts.
    write(&*main.blobs, "a/old", noise(4, 20)).await;
    assert_eq!(read(&both, "a/old").await.unwrap(), noise(4, 20));
    assert_eq!(
        both.list("", None, 10).await.unwrap().iter().map(|one| one.head.size).collect::<Vec<_>>(),
        [10, 10, 20]
    );
    for limit in 1..=3 {
        let page = both.list("a/", None, limit).await.unwrap();
        assert_eq!(page.len(), limit, "a short page is the last");
    }
}

#[tokio::test]
async fn what_is_deleted_or_renamed_is_gone_from_both() {
    let (main, other, both) = two();
    for store in [&main, &other] {
        write(&*store.blobs, "twice", noise(1, 10)).await;
    }
    both.delete(&key("twice")).await.unwrap();
    assert!(read(&both, "twice").await.is_none());
    for name in ["one", "two"] {
        write(&*other.blobs, name, noise(2, 300_000)).await;
    }
    assert!(both.rename(&key("one"), &key("trash/one")).await.unwrap());
    assert!(both.copy(&key("two"), &key("copy")).await.unwrap());
    assert!(both.rename(&key("two"), &key("two")).await.unwrap(), "onto itself");
    assert!(!both.rename(&key("none"), &key("none")).await.unwrap());
    assert_eq!(names(&both, "").await, ["copy", "trash/one", "two"]);
    assert_eq!(names(&*other.blobs, "").await, ["two"]);
    assert!(read(&both, "trash/one").await.unwrap() == noise(2, 300_000));
    // In both: then it goes from both.
    write(&*main.blobs, "two", noise(2, 300_000)).await;
    assert!(both.rename(&key("two"), &key("gone")).await.unwrap());
    assert!(read(&both, "two").await.is_none());
}

#[tokio::test]
async fn unfinished_writes_of_both_are_swept() {
    let (main, other, both) = two();
    for store in [&main, &other] {
        std::mem::forget(store.blobs.begin(&key("begun")).await.unwrap());
    }
    assert_eq!(both.sweep(FOREVER).await.unwrap(), 2);
    both.check().await.unwrap();
    std::fs::remove_dir_all(other.folder.path().join("media")).unwrap();
    both.check().await.unwrap_err();
    both.head(&key("begun")).await.expect_err("an outage is not an answer");
}
