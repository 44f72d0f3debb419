//! Who may read what this server keeps. Everything it creates is for its own user alone; what was there before and is open
//! to everybody is closed at the start. What is open to a group is left: somebody lets backups or logs be read.

use std::path::{Path, PathBuf};

use clowder_gateway::{clock::note, config::Config};
use clowder_infra::{
    DatabaseUrl,
    private::{self, Access},
};

/// What Clowder puts into its data folder, by the beginnings of the names.
const OURS: &[&str] = &["clowder.db", note::FILE, "mail", "media", "secret.key", "serving-"];

/// A file or folder that others can get at.
#[derive(Debug, PartialEq, Eq)]
pub struct Open {
    pub path: PathBuf,
    pub access: Access,
    /// Whether closing it touches nothing of anybody else.
    pub is_ours: bool,
}

impl Open {
    /// What it is and what helps, for people.
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

/// Closes what can be closed, and says in the log what was and what is still open.
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

/// Everything of this server that is open to others.
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
    // What lies in it may be served by another program, and nothing else of ours is there.
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

/// A folder that others use too, `/tmp` or somebody's home, is not for us to close.
fn holds_only_ours(folder: &Path) -> bool {
    entries(folder).all(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        OURS.iter().any(|ours| name.starts_with(ours))
    })
}
