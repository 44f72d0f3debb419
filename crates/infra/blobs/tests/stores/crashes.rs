//! A process that is killed while it writes leaves whole objects, or none.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use super::stores::{FOREVER, NEVER, OF_A_FILE, Store, folder, key, names, noise, opened, read, s3, setting, write};

/// Names the store in the process that will be killed.
const URL: &str = "TEST_BLOBS_CRASH_URL";

/// What that process writes: objects of these sizes, one after the other, then half of one more.
const SIZES: [usize; 3] = [10, 300_000, 9_000_000];

#[tokio::test]
async fn in_a_folder() {
    killed("crashes::in_a_folder", folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_s3() {
    killed("crashes::in_s3", s3).await;
}

async fn killed(test: &str, store: fn() -> Store) {
    if let Some(url) = setting(URL) {
        return write_until_killed(&url).await;
    }
    let store = store();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(URL, &store.url)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = lines.find(|line| line.as_ref().unwrap().contains("half of the last"));
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    begun.expect("the process wrote everything").unwrap();

    let blobs = &*store.blobs;
    assert_eq!(names(blobs, "").await, ["whole/0", "whole/1", "whole/2"]);
    for (number, size) in SIZES.into_iter().enumerate() {
        assert!(read(blobs, &format!("whole/{number}")).await.unwrap() == noise(size as u64, size));
    }
    assert_eq!(blobs.head(&key(OF_A_FILE)).await.unwrap(), None);
    assert_eq!(blobs.sweep(NEVER).await.unwrap(), 0, "it is not that old");
    assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 1);
    assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 0);
    // The key is free, and the rest has stayed.
    write(blobs, OF_A_FILE, noise(1, 10)).await;
    assert_eq!(names(blobs, "").await.len(), 4);
}

async fn write_until_killed(url: &str) {
    let blobs = opened(url, Path::new(url.trim_start_matches("file:")).parent().unwrap_or(Path::new("/tmp")));
    for (number, size) in SIZES.into_iter().enumerate() {
        write(&*blobs, &format!("whole/{number}"), noise(size as u64, size)).await;
    }
    let mut writing = blobs.begin(&key(OF_A_FILE)).await.unwrap();
    writing.write(noise(1, 9_000_000)).await.unwrap();
    println!("half of the last");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_not_finished_in_the_bucket_stays() {
    let store = s3();
    let blobs = &*store.blobs;
    for name in ["backups/half", "files/half", OF_A_FILE] {
        let mut writing = blobs.begin(&key(name)).await.unwrap();
        writing.write(noise(1, 9_000_000)).await.unwrap();
        // As if its process had been killed.
        std::mem::forget(writing);
    }
    assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 1);
    assert_eq!(blobs.sweep(FOREVER).await.unwrap(), 0);
}
