//! File permissions. Everything that the server creates is for its own user alone; older files that are open to
//! everybody are closed at the start. Files open to a group are left alone, because somebody may have allowed backups
//! or log readers.

use std::path::{Path, PathBuf};

use clowder_gateway::{clock::note, config::Config};
use clowder_infra::{
    DatabaseUrl,
    private::{self, Access},
};

/// What Clowder stores in its data folder, by name prefix.
const OURS: &[&str] = &["clowder.db", note::FILE, "mail", "media", "secret.key", "serving-"];

/// A file or folder that others can access.
#[derive(Debug, PartialEq, Eq)]
pub struct Open {
    pub path: PathBuf,
    pub access: Access,
    /// Whether closing it affects nobody else's files.
    pub is_ours: bool,
}

impl Open {
    /// A description and the remedy, for people.
    pub fn sentence(&self) -> String {
        let path = self.path.display();
        match self.access {
            Access::OwnerOnly => format!("{path} is restricted to its owner"),
            Access::Group(mode) => {
                format!("{path} ({mode:04o}) is accessible to its group; if that is not intended: chmod g= {path}")
            }
            Access::Everybody(mode) => {
                format!("{path} ({mode:04o}) is accessible to everybody on this machine; run: chmod go= {path}")
            }
        }
    }
}

/// Closes what can be closed, and logs what was open and what still is.
pub fn close(config: &Config) {
    for open in look(config) {
        match open.access {
            Access::Everybody(mode) if open.is_ours => match private::close(&open.path) {
                Ok(_) => {
                    tracing::warn!(
                        "{} ({mode:04o}) was accessible to everybody; it is now restricted to its owner",
                        open.path.display()
                    );
                }
                Err(error) => tracing::warn!("{}: {error}", open.sentence()),
            },
            _ => tracing::warn!("{}", open.sentence()),
        }
    }
}

/// Everything of this server that others can access.
pub fn look(config: &Config) -> Vec<Open> {
    let mut found = Vec::new();
    let mut see = |path: PathBuf, is_ours: bool| {
        if let Ok(access @ (Access::Group(_) | Access::Everybody(_))) = Access::of(&path) {
            found.push(Open { path, access, is_ours });
        }
    };
    let data = &config.data_dir;
    see(data.clone(), holds_only_ours(data));
    see(data.join("secret.key"), true);
    if let Ok(DatabaseUrl::Sqlite(path)) = DatabaseUrl::parse(&config.database_url()) {
        for end in ["", "-wal", "-shm"] {
            let mut path = path.clone().into_os_string();
            path.push(end);
            see(path.into(), true);
        }
    }
    let mail = data.join("mail");
    for email in entries(&mail).filter(|path| path.extension().is_some_and(|end| end == "eml" || end == "draft")) {
        see(email, true);
    }
    see(mail, true);
    // Another program may serve these files, and nothing else of ours is in this folder.
    see(config.media_root(), false);
    if let Some(log) = &config.log.file {
        let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = log.file_name().unwrap_or_default().to_string_lossy();
        for file in entries(folder).filter(|path| is_log(path, &name)) {
            see(file, true);
        }
    }
    found
}

/// `clowder.log` and `clowder.log.2026-11-26`.
fn is_log(path: &Path, name: &str) -> bool {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// A shared folder such as `/tmp` or somebody's home is not ours to close.
fn holds_only_ours(folder: &Path) -> bool {
    entries(folder).all(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        OURS.iter().any(|ours| name.starts_with(ours))
    })
}
