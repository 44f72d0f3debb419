//! What the process that looks at a file can reach, tried from within it. These tests need a kernel with Landlock and
//! seccomp (Linux 5.13 or newer), as that of every current distribution is.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use clowder_infra_inspect::{Contained, Inspector, Limits, SelfTest};
use image::ImageFormat;

use crate::{made::*, processes::stand_in};

/// What the probe tries, in its order.
const FORBIDDEN: [&str; 10] = [
    "read a file",
    "list a folder",
    "write a file",
    "send over the network",
    "listen at the network",
    "open a local socket",
    "start a program",
    "signal another process",
    "hold another process",
    "read the memory of a process",
];
const WHOLE: Contained = Contained { files: true, calls: true };

/// What a process finds out that does this.
fn found(what: &str) -> SelfTest {
    let folder = tempfile::tempdir().unwrap();
    let (into, file) = (folder.path().join("into"), folder.path().join("file"));
    fs::create_dir(&into).unwrap();
    fs::write(&file, "file").unwrap();
    let mut command = Command::new(stand_in());
    command.args(["inspect-file", "--type", what, "--into"]).arg(&into).arg("--").arg(&file);
    let output = command.env_clear().output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{what}: {error}: {output:?}"))
}

/// Otherwise the tests below would prove nothing.
#[test]
fn without_a_sandbox_everything_is_within_reach() {
    let found = found("test/free");
    assert_eq!(found.reached, FORBIDDEN, "{found:?}");
    assert_eq!((found.contained, found.lost.len()), (Contained::default(), 0), "{found:?}");
}

#[tokio::test]
async fn a_process_reaches_nothing_but_its_file_and_folder() {
    let found = Inspector::new(stand_in(), None, Limits::default(), 1).self_test().await.unwrap();
    assert_eq!(found, SelfTest { contained: WHOLE, ..SelfTest::default() });
}

/// It goes on with its limits, and says so.
#[test]
fn a_kernel_that_refuses_a_sandbox_is_found_out() {
    let found = found("test/refused");
    assert_eq!(found.contained, Contained::default(), "{found:?}");
    assert!(found.lost.is_empty(), "{found:?}");
}

/// A program with an interpreter that has a loader, as an `ffmpeg` may be.
fn script(folder: &Path, what: &str) -> PathBuf {
    let program = folder.join("ffmpeg");
    fs::write(&program, format!("#!/bin/sh\n{what}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    program
}

#[tokio::test]
async fn with_an_ffmpeg_nothing_else_can_be_started() {
    let folder = tempfile::tempdir().unwrap();
    let ffmpeg = script(folder.path(), "exit 0");
    let found = Inspector::new(stand_in(), Some(ffmpeg), Limits::default(), 1).self_test().await.unwrap();
    assert_eq!(found, SelfTest { contained: WHOLE, ..SelfTest::default() });
    // One that is not there, or cannot run, is told.
    for ffmpeg in [folder.path().join("none"), script(folder.path(), "exit 1")] {
        let found = Inspector::new(stand_in(), Some(ffmpeg), Limits::default(), 1).self_test().await.unwrap();
        assert_eq!(found.lost, ["start ffmpeg"], "{found:?}");
    }
}

/// An `ffmpeg` that has been taken over writes what it should not into the only place that it can: its answer.
#[tokio::test]
async fn an_ffmpeg_is_in_the_sandbox_too() {
    let folder = tempfile::tempdir().unwrap();
    let (file, into) = (folder.path().join("file"), folder.path().join("into"));
    let (picture, secret) = (folder.path().join("picture"), folder.path().join("secret"));
    fs::write(&file, crate::videos::mp4(5000, 0)).unwrap();
    fs::write(&picture, encoded(&photo(640, 480), ImageFormat::Png)).unwrap();
    fs::create_dir(&into).unwrap();
    // `printf` and redirections are part of the shell: this starts no program.
    let tries = format!(
        "printf x > {secret}\nif read -r line < /etc/passwd; then printf read > {into}/read; fi\n\
         if /bin/cat /dev/null; then printf ran > {into}/ran; fi\nprintf seen > {into}/seen",
        secret = secret.display(),
        into = into.display(),
    );
    let program = script(folder.path(), &tries);
    let inspector = Inspector::new(stand_in(), Some(program), Limits::default(), 1);
    let found = inspector.inspect(&file, "video/mp4", &into).await.unwrap();
    assert_eq!((found.duration_ms, found.thumbnails.len()), (Some(5000), 0));
    let written: Vec<_> = fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(written, ["seen"]);
    assert!(!secret.exists());
    // What was taken for a recording has no poster, so nothing can be started.
    fs::remove_file(into.join("seen")).unwrap();
    inspector.inspect(&file, "audio/mp4", &into).await.unwrap();
    assert!(!into.join("seen").exists());
}
