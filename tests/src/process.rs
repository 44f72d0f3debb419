//! Processes that print a line when they are running, and end with the test.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::PATIENCE;

/// Starts one; returns its first line, which is empty if it ended silently.
pub async fn start(command: &mut Command) -> (Child, Option<String>) {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = quiet.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = timeout(PATIENCE, lines.next_line()).await.expect("it says nothing").unwrap();
    (child, said)
}
