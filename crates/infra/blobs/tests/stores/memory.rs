//! However much is written and read at once, little of it is in memory.

use std::{fs, path::Path, process::Command};

use futures_util::{TryStreamExt, future::join_all};

use super::stores::{Store, folder, key, noise, opened, s3, setting};

/// Names the store in a process of its own, whose memory is measured.
const URL: &str = "TEST_BLOBS_MEMORY_URL";

const UPLOADS: usize = 20;
const MIB: usize = 1 << 20;
const SIZE: usize = 20 * MIB;

#[tokio::test]
async fn in_a_folder() {
    measured("memory::in_a_folder", folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_s3() {
    measured("memory::in_s3", s3).await;
}

async fn measured(test: &str, store: fn() -> Store) {
    if let Some(url) = setting(URL) {
        return write_and_read(&url).await;
    }
    let store = store();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(URL, &store.url)
        .env("TMPDIR", store.folder.path())
        .status();
    assert!(status.unwrap().success());
}

/// 400 MiB in both directions. Parts of S3 would need 160 MiB.
async fn write_and_read(url: &str) {
    let work = tempfile::tempdir().unwrap();
    let blobs = opened(url, work.path());
    let piece = noise(1, 64 << 10);
    let name = |number: usize| key(&format!("large/{number}"));
    // The connections, threads and buffers that stay.
    super::stores::write(&*blobs, "small", piece.clone()).await;
    let before = peak();
    let writes = (0..UPLOADS).map(async |number| {
        let mut writing = blobs.begin(&name(number)).await.unwrap();
        for _ in 0..SIZE / piece.len() {
            writing.write(piece.clone()).await.unwrap();
        }
        writing.finish().await.unwrap();
    });
    join_all(writes).await;
    let written = peak();
    let reads = (0..UPLOADS).map(async |number| {
        let reading = blobs.read(&name(number), None).await.unwrap().unwrap();
        let size: usize = reading.bytes.try_fold(0, async |size, piece| Ok(size + piece.len())).await.unwrap();
        assert_eq!(size, SIZE);
    });
    join_all(reads).await;
    println!("peaks: {} MiB, {} MiB, {} MiB", before / MIB, written / MIB, peak() / MIB);
    assert!(written - before < 2 * UPLOADS * MIB && peak() - before < 3 * UPLOADS * MIB);
}

/// The most memory that this process has had, in octets.
fn peak() -> usize {
    let status = fs::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}
