//! The commands of the binary beside `serve`, run against the database of a world.

use std::process::Command;

use crate::{World, server::binary};

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub well: bool,
    /// Standard output and then standard error.
    pub text: String,
}

impl World {
    /// Runs `clowder` with these arguments and settings, while the server goes on.
    pub fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Said {
        let out = Command::new(binary())
            .args(arguments)
            .current_dir(self.database.folder.path())
            .env_clear()
            .envs(crate::server::SETTINGS.iter().copied())
            .env("DATABASE_URL", &self.database.url)
            .env("DATA_DIR", self.database.folder.path())
            .envs(settings.iter().copied())
            .output()
            .unwrap();
        let text = [out.stdout, out.stderr].concat();
        Said { well: out.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }
}
