//! A PostgreSQL server for one test, which may crash, refuse connections or reject writes.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{database::postgres_program, root};

pub struct Postgres(TempDir);

impl Postgres {
    /// Its folder; nothing runs yet.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The folder must be accessible to the user that PostgreSQL runs as.
        assert!(Command::new("chmod").arg("711").arg(folder.path()).status().unwrap().success());
        Self(folder)
    }

    /// A standby that has what this server, at `url`, has now. Once it is started, it listens on this port, and gets what
    /// follows for as long as this server runs.
    pub fn standby(&self, url: &str, port: u16) -> Self {
        let standby = Self::new();
        let (from, to) = (self.0.path().join("postgres"), standby.0.path().join("postgres"));
        let mut backup = postgres_program("pg_basebackup");
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", url, "--pgdata"]);
        let out = backup.arg(to.join("data")).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        // The folders and the password belong to the user that PostgreSQL runs as.
        const SAME_OWNER: &str = r#"cp -p "$0/password" "$1" && chmod 711 "$1" &&
            if [ "$(id -u)" = 0 ]; then chown -R --reference="$0/data" "$1/data"; fi && chmod 700 "$1/data""#;
        assert!(Command::new("sh").args(["-c", SAME_OWNER]).args([&from, &to]).status().unwrap().success());
        std::fs::write(to.join("port"), port.to_string()).unwrap();
        standby
    }

    /// `start`, which returns the URL of the superuser, `stop`, `crash` or `promote`.
    pub fn run(&self, action: &str) -> String {
        // Only data that was written to disk counts here.
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

/// A PostgreSQL server on a small file system of its own, removed when the test ends.
pub struct SmallPostgres {
    pub url: String,
    folder: TempDir,
    holder: Child,
}

/// Mounts it, then continues as the calling user: PostgreSQL does not run as root.
const MOUNT: &str = r#"mount -t tmpfs -o size=112m,mode=711 tmpfs "$SMALL_DISK" && exec "$@""#;
/// Until its input is closed.
const HOLD: &str = r#""$POSTGRES" start "$SMALL_DISK/postgres" && cat; "$POSTGRES" stop "$SMALL_DISK/postgres""#;

impl SmallPostgres {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        assert!(Command::new("chmod").arg("711").arg(folder.path()).status().unwrap().success());
        let id = |of: &str| String::from_utf8(Command::new("id").arg(of).output().unwrap().stdout).unwrap();
        let (user, group) = (id("-u"), id("-g"));
        let mut command = Command::new("unshare");
        if user == "0\n" {
            command.args(["-m", "sh", "-c", MOUNT, "sh"]);
        } else {
            // Without the right to mount, a user namespace allows it, if the system supports that.
            command.args(["-Urm", "sh", "-c", MOUNT, "sh", "unshare", "-U"]);
            command.args([format!("--map-user={}", user.trim()), format!("--map-group={}", group.trim())]);
        }
        let mut holder = command
            .args(["sh", "-c", HOLD])
            .env("SMALL_DISK", folder.path())
            .env("POSTGRES", root().join("scripts/postgres"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("postgres:"), "PostgreSQL does not start on a small disk");
        Self { url: url.trim().to_owned(), folder, holder }
    }

    /// The path of its file system for other processes.
    pub fn disk(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), self.folder.path().display()))
    }
}

impl Drop for SmallPostgres {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
