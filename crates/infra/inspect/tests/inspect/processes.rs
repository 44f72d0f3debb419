//! The process that looks at a file: what a decoder may do to itself, and that it does it to nobody else.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use clowder_infra_inspect::{Fault, Inspector, Limits};
use image::ImageFormat;
use tokio::time::{sleep, timeout};

use crate::made::*;

/// `examples/stand_in.rs`, which is built with the tests.
pub fn stand_in() -> PathBuf {
    let tests = env::current_exe().unwrap();
    tests.parent().and_then(|folder| folder.parent()).unwrap().join("examples/stand_in")
}

fn inspector(limits: Limits) -> Inspector {
    Inspector::new(stand_in(), None, limits, 1)
}

async fn fault(media_type: &str, limits: Limits) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    inspector(limits).inspect(&folder.path().join("file"), media_type, folder.path()).await.unwrap_err()
}

#[tokio::test]
async fn what_is_found_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a name with spaces");
    fs::write(&file, encoded(&photo(100, 50), ImageFormat::Jpeg)).unwrap();
    let found = inspector(Limits::default()).inspect(&file, "image/jpeg", folder.path()).await.unwrap();
    assert_eq!((found.width, found.height, found.thumbnails.len()), (Some(100), Some(50), 4));
    assert!(found.thumbnails.iter().all(|it| folder.path().join(&it.written.file).exists()));
    fs::write(&file, b"no picture").unwrap();
    let fault = inspector(Limits::default()).inspect(&file, "image/jpeg", folder.path()).await.unwrap_err();
    assert!(matches!(fault, Fault::Broken(_)), "{fault}");
}

/// Its pixels are in memory three times: as they are, turned, and with eight bits each.
#[tokio::test]
async fn a_large_picture_fits_into_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let side = 4096;
    let image = image::DynamicImage::new(side, side, image::ColorType::Rgba16);
    fs::write(&file, png_with(&image, &chunk(b"eXIf", &exif(6)))).unwrap();
    drop(image);
    let found = inspector(Limits::default()).inspect(&file, "image/png", folder.path()).await.unwrap();
    assert_eq!(found.width, Some(side));
}

#[tokio::test]
async fn a_decoder_that_misbehaves_ends_alone() {
    let limits = Limits::default();
    for media_type in ["test/eats", "test/spins", "test/crashes", "test/panics"] {
        let fault = fault(media_type, limits).await;
        assert!(matches!(fault, Fault::Gave(_)), "{media_type}: {fault}");
    }
    // Waits without using the processor, until its time is over.
    let fault = fault("test/waits", Limits { patience: 1, ..limits }).await;
    assert!(matches!(&fault, Fault::Gave(why) if why.contains("longer")), "{fault}");
}

#[tokio::test]
async fn a_process_that_somebody_ends_says_nothing_of_the_file() {
    // As by a system without memory, by a program that knows no such command, and by one that is no such program.
    for media_type in ["test/killed", "test/mistaken", "test/babbles"] {
        let fault = fault(media_type, Limits::default()).await;
        assert!(matches!(fault, Fault::Died(_)) && !fault.is_lasting(), "{media_type}: {fault}");
    }
}

#[test]
fn the_running_program_is_started_after_an_update() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    fs::copy(stand_in(), &program).unwrap();
    let output = Command::new(&program).arg("is-replaced").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "no JSON", "{output:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_no_fault_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let inspector = Inspector::new(folder.path().join("none"), None, Limits::default(), 1);
    let fault = inspector.inspect(&folder.path().join("file"), "image/png", folder.path()).await.unwrap_err();
    assert!(!fault.is_lasting(), "{fault}");
    // So is a file that cannot be read.
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let fault = self::inspector(Limits::default()).inspect(&missing, "image/png", folder.path()).await.unwrap_err();
    assert!(!fault.is_lasting(), "{fault}");
}

/// Waits until a process writes its id, or is gone.
async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn is_running(id: &str) -> bool {
    // A process that has ended but was not asked about is a zombie.
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|status| !status.contains(") Z "))
}

#[tokio::test]
async fn a_process_ends_with_whoever_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (file, id) = (folder.path().join("file"), folder.path().join("pid"));
    let inspector = inspector(Limits::default());
    let begun = || fs::read_to_string(&id).is_ok_and(|id| !id.is_empty());
    tokio::select! {
        answer = inspector.inspect(&file, "test/waits", folder.path()) => panic!("{answer:?}"),
        () = until("it begins", begun) => {}
    }
    let process = fs::read_to_string(&id).unwrap();
    until("it ends with the future", || !is_running(&process)).await;
    // Its turn is free again.
    timeout(Duration::from_secs(20), inspector.inspect(&file, "test/babbles", folder.path()))
        .await
        .unwrap()
        .unwrap_err();

    fs::remove_file(&id).unwrap();
    let mut command = Command::new(stand_in());
    command.args(["inspect-file", "--type", "test/waits", "--into"]).arg(folder.path()).arg("--").arg(&file);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    until("it begins", begun).await;
    // As if its parent had been killed.
    drop(child.stdin.take());
    until("it ends with its parent", || child.try_wait().unwrap().is_some()).await;
}
