//! The commands of the binary except `serve`, run against the database of a world.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::{Database, World, server::binary};

/// The result of a command: exit code and output.
#[derive(Debug)]
pub struct Said {
    pub well: bool,
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Both, the output first.
    pub text: String,
}

impl Said {
    /// The one document that `--json` prints.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}{}", self.out, self.err))
    }
}

impl World {
    /// Runs `clowder` with these arguments and settings, while the server runs.
    pub fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Said {
        self.command_with(arguments, settings, "")
    }

    /// The same with something on its standard input.
    pub fn command_with(&self, arguments: &[&str], settings: &[(&str, &str)], input: impl AsRef<[u8]>) -> Said {
        run(clowder(&self.database, arguments, settings), input.as_ref())
    }
}

/// `clowder` over this database, ready to run.
pub fn clowder(database: &Database, arguments: &[&str], settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(database.folder.path())
        .env_clear()
        .envs(crate::server::SETTINGS.iter().copied())
        .env("DATABASE_URL", &database.url)
        .env("DATA_DIR", database.folder.path())
        .envs(settings.iter().copied());
    command
}

/// Runs a command until it ends.
pub fn run(mut command: Command, input: &[u8]) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let out = child.wait_with_output().unwrap();
    let [said, complained] = [out.stdout, out.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Said {
        well: out.status.success(),
        code: out.status.code(),
        text: format!("{said}{complained}"),
        out: said,
        err: complained,
    }
}
