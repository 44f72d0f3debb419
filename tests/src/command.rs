//! The commands of the binary beside `serve`, run against the database of a world.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::{World, server::binary};

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub well: bool,
    pub code: Option<i32>,
    /// Standard output and then standard error.
    pub text: String,
}

impl World {
    /// Runs `clowder` with these arguments and settings, while the server goes on.
    pub fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Said {
        self.command_with(arguments, settings, "")
    }

    /// The same with something to read on its standard input.
    pub fn command_with(&self, arguments: &[&str], settings: &[(&str, &str)], input: &str) -> Said {
        let mut child = Command::new(binary())
            .args(arguments)
            .current_dir(self.database.folder.path())
            .env_clear()
            .envs(crate::server::SETTINGS.iter().copied())
            .env("DATABASE_URL", &self.database.url)
            .env("DATA_DIR", self.database.folder.path())
            .envs(settings.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read may have ended by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let out = child.wait_with_output().unwrap();
        let text = [out.stdout, out.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Said { well: out.status.success(), code: out.status.code(), text }
    }
}
