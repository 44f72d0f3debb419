//! Stores that are away, full, or not what they were.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use clowder_core::{Cause, Error};
use clowder_infra_blobs::{Credentials, Place, open};
use clowder_media::blobs::Grown;
use futures_util::TryStreamExt;

use super::stores::{FOREVER, credentials, folder, key, names, needed, noise, opened, read, s3, setting, until, write};

#[tokio::test]
async fn a_folder_that_is_gone_has_no_answer() {
    let store = folder();
    write(&*store.blobs, "a/b", noise(1, 10)).await;
    // As if its disk had been unmounted: the folder is there, and empty.
    let root = store.folder.path().join("media");
    fs::rename(&root, store.folder.path().join("away")).unwrap();
    for mounted in [false, true] {
        let blobs = &*store.blobs;
        if mounted {
            fs::create_dir(&root).unwrap();
        }
        let faults = [
            blobs.read(&key("a/b"), None).await.map(drop).unwrap_err(),
            blobs.head(&key("a/b")).await.map(drop).unwrap_err(),
            blobs.delete(&key("a/b")).await.unwrap_err(),
            blobs.list("", None, 10).await.map(drop).unwrap_err(),
            blobs.copy(&key("a/b"), &key("c")).await.map(drop).unwrap_err(),
            blobs.rename(&key("a/b"), &key("c")).await.map(drop).unwrap_err(),
            blobs.begin(&key("c")).await.map(drop).unwrap_err(),
            blobs.grow(&key("c"), &Grown::default()).await.map(drop).unwrap_err(),
            blobs.complete(&key("c"), &Grown::default()).await.unwrap_err(),
            blobs.abandon(&key("c"), &Grown::default()).await.unwrap_err(),
            blobs.sweep(FOREVER).await.map(drop).unwrap_err(),
            blobs.check().await.unwrap_err(),
        ];
        for fault in faults {
            assert_eq!(fault.cause(), Some(Cause::Storage), "{fault}");
        }
    }
    fs::remove_dir(&root).unwrap();
    fs::rename(store.folder.path().join("away"), &root).unwrap();
    assert_eq!(read(&*store.blobs, "a/b").await.unwrap(), noise(1, 10));
}

#[tokio::test]
async fn one_at_a_time_writes_to_what_grows_in_a_folder() {
    let store = folder();
    let mut growing = store.blobs.grow(&key("a/b"), &Grown::default()).await.unwrap();
    let contended = |fault: Option<Error>| assert_eq!(fault.and_then(|fault| fault.cause()), Some(Cause::Contended));
    // As another process does it.
    let other = opened(&store.url, store.folder.path());
    contended(other.grow(&key("a/b"), &Grown::default()).await.err());
    growing.write(noise(1, 300_000)).await.unwrap();
    let grown = growing.settle(true).await.unwrap();
    contended(other.complete(&key("a/b"), &grown).await.err());
    drop(growing);
    other.complete(&key("a/b"), &grown).await.unwrap();
    assert_eq!(read(&*store.blobs, "a/b").await.unwrap(), noise(1, 300_000));
    // What is shorter than it was is a fault, and not gone on with.
    let longer = Grown { size: 5, ..Grown::default() };
    assert!(store.blobs.grow(&key("a/c"), &longer).await.is_err());
    assert!(matches!(store.blobs.complete(&key("a/c"), &longer).await, Err(Error::Internal(_))));
}

#[tokio::test]
async fn only_the_server_can_read_a_folder() {
    let store = folder();
    write(&*store.blobs, "a/b", noise(1, 10)).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = store.blobs.path(&key("a/b")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), noise(1, 10));
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
}

#[tokio::test]
async fn what_others_put_into_a_folder_is_no_object() {
    let store = folder();
    write(&*store.blobs, "a/b", noise(1, 10)).await;
    let root = store.folder.path().join("media");
    fs::write(root.join("README.TXT"), "x").unwrap();
    fs::write(root.join("a/.hidden"), "x").unwrap();
    fs::create_dir(root.join("lost+found")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
    std::os::unix::fs::symlink("/", root.join("root")).unwrap();
    assert_eq!(names(&*store.blobs, "").await, ["a/b"]);
    assert_eq!(store.blobs.head(&key("link")).await.unwrap(), None);
    assert!(!store.blobs.copy(&key("link"), &key("c")).await.unwrap());
    store.blobs.delete(&key("link")).await.unwrap();
    assert!(root.join("link").exists());
}

#[tokio::test]
async fn a_file_that_was_cut_is_a_fault_and_no_short_answer() {
    let store = folder();
    write(&*store.blobs, "cut", noise(1, 2_000_000)).await;
    let reading = store.blobs.read(&key("cut"), None).await.unwrap().unwrap();
    let path = store.blobs.path(&key("cut")).unwrap();
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1_000_000).unwrap();
    let read: Result<Vec<_>, _> = reading.bytes.try_collect().await;
    assert!(matches!(read, Err(Error::Internal(_))));
}

/// Runs in a process of its own, which sees a disk of 4 MiB instead of this folder.
const SMALL_DISK: &str = "TEST_BLOBS_SMALL_DISK";

#[tokio::test]
async fn a_full_disk_says_so_and_leaves_nothing() {
    if let Some(disk) = setting(SMALL_DISK) {
        return on_a_small_disk(&disk).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = format!(r#"mount -t tmpfs -o size=4m,mode=700 tmpfs "${SMALL_DISK}" && exec "$0" "$@""#);
    // Without the right to mount, a user namespace allows it, if the system supports that.
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let status = Command::new("unshare")
        .args([if is_root { "-m" } else { "-Urm" }, "sh", "-c", &mount])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::a_full_disk_says_so_and_leaves_nothing"])
        .env(SMALL_DISK, folder.path())
        .status();
    assert!(status.unwrap().success());
}

async fn on_a_small_disk(disk: &str) {
    let disk = Path::new(disk);
    let blobs = open(&Place::Folder(disk.join("media")), None, disk).unwrap();
    blobs.check().await.unwrap();
    write(&*blobs, "small", noise(1, 1 << 20)).await;
    let mut writing = blobs.begin(&key("large")).await.unwrap();
    let written = async {
        for _ in 0..100 {
            writing.write(noise(2, 100_000)).await?;
        }
        writing.finish().await
    };
    assert_eq!(written.await.unwrap_err().cause(), Some(Cause::Full));
    assert_eq!(blobs.head(&key("large")).await.unwrap(), None);
    until("the rest is removed", async || (blobs.sweep(FOREVER).await.unwrap() == 0).then_some(())).await;

    // So much that the store is no longer ready, though there is room for a little.
    write(&*blobs, "middle", noise(3, 2_300_000)).await;
    assert_eq!(blobs.check().await.unwrap_err().cause(), Some(Cause::Full));
    blobs.delete(&key("middle")).await.unwrap();
    blobs.check().await.unwrap();
    assert_eq!(names(&*blobs, "").await, ["small"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_that_is_away_is_an_outage() {
    let folder = tempfile::tempdir().unwrap();
    // A port at which nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = Place::parse(&format!("s3://tests?endpoint=http://127.0.0.1:{port}"), folder.path()).unwrap();
    let blobs = open(&place, Some(credentials()), folder.path()).unwrap();
    let write = async |size: usize| {
        let mut writing = blobs.begin(&key("a")).await.unwrap();
        writing.write(noise(1, size)).await?;
        writing.finish().await
    };
    let faults = [
        blobs.check().await.unwrap_err(),
        blobs.read(&key("a"), None).await.map(drop).unwrap_err(),
        blobs.head(&key("a")).await.map(drop).unwrap_err(),
        blobs.delete(&key("a")).await.unwrap_err(),
        blobs.copy(&key("a"), &key("b")).await.map(drop).unwrap_err(),
        blobs.sweep(FOREVER).await.map(drop).unwrap_err(),
        write(10).await.unwrap_err(),
        write(10 << 20).await.unwrap_err(),
    ];
    for fault in faults {
        assert_eq!(fault.cause(), Some(Cause::Lost), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_of_s3_are_faults_and_no_outages() {
    let folder = tempfile::tempdir().unwrap();
    let url = needed("TEST_S3_URL");
    let wrong = Credentials { secret: "wrong".into(), ..credentials() };
    let elsewhere = url.replacen("s3://tests", "s3://no-such-bucket", 1);
    for (url, credentials) in [(&url, wrong), (&elsewhere, credentials())] {
        let place = Place::parse(url, folder.path()).unwrap();
        let blobs = open(&place, Some(credentials), folder.path()).unwrap();
        let check = blobs.check().await;
        assert!(matches!(check, Err(Error::Internal(_))), "{url}: {check:?}");
        let read = blobs.read(&key("a"), None).await.map(drop);
        assert!(matches!(read, Err(Error::Internal(_))), "{url}: {read:?}");
        // The server of the tests creates a bucket that is missing.
        if *url != elsewhere {
            let mut writing = blobs.begin(&key("a")).await.unwrap();
            writing.write(noise(1, 10)).await.unwrap();
            let written = writing.finish().await;
            assert!(matches!(written, Err(Error::Internal(_))), "{url}: {written:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_upload_to_s3_keeps_its_part_in_a_file_without_a_name() {
    let store = s3();
    let mut writing = store.blobs.begin(&key("a")).await.unwrap();
    writing.write(noise(1, 1 << 20)).await.unwrap();
    assert_eq!(fs::read_dir(store.folder.path().join("work")).unwrap().count(), 0);
    writing.finish().await.unwrap();
}
