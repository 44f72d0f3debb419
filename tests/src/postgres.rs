//! A PostgreSQL of a test's own, which others do not miss when it crashes, refuses or takes no writes.

use std::process::Command;

use tempfile::TempDir;

use crate::root;

pub struct Postgres(TempDir);

impl Postgres {
    /// Its folder; nothing runs yet.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The folder must be passable for the user that PostgreSQL runs as.
        assert!(Command::new("chmod").arg("711").arg(folder.path()).status().unwrap().success());
        Self(folder)
    }

    /// `start`, which answers the URL of the superuser, `stop` or `crash`.
    pub fn run(&self, action: &str) -> String {
        // Only what was written to disk counts here.
        let mut command = Command::new(root().join("scripts/postgres"));
        let out = command.arg(action).arg(self.0.path().join("postgres")).env("FSYNC", "on").output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new(root().join("scripts/postgres")).arg("stop").arg(self.0.path().join("postgres")).output();
    }
}
