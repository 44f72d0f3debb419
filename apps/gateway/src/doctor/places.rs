//! Folders: whether the server can write to them, and how much disk space is left.

use std::path::{Path, PathBuf};

use clowder_gateway::config::Config;
use clowder_infra::{DatabaseUrl, private};

use super::{Told, failed, ok, warning};

/// Less than this will soon be used up.
const SPACE_WARNS: u64 = 1 << 30;
/// Less than this does not last for a day.
const SPACE_FAILS: u64 = 100 << 20;

/// Everything that the server writes to, each folder once.
pub fn folders(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let mut folders = vec![("data folder", config.data_dir.clone()), ("media folder", config.media_root())];
    if let Ok(DatabaseUrl::Sqlite(path)) = DatabaseUrl::parse(&config.database_url()) {
        folders.push(("database folder", folder_of(&path)));
    }
    if let Some(log) = &config.log.file {
        folders.push(("log folder", folder_of(log)));
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    folders.retain(|(_, folder)| {
        let is_new = !seen.contains(folder);
        seen.push(folder.clone());
        is_new
    });
    folders
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The folder itself, or its nearest existing parent.
fn nearest(folder: &Path) -> &Path {
    let there = folder.ancestors().find(|folder| folder.is_dir());
    there.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Tested with a file that is removed at once.
pub fn writable(folder: &Path) -> Told {
    let nearest = nearest(folder);
    let probe = nearest.join(format!(".probe-{}", std::process::id()));
    let tried = private::create_file(&probe).and_then(|()| std::fs::remove_file(&probe));
    match tried {
        Ok(()) if nearest == folder => ok(format!("{} is writable", folder.display())),
        Ok(()) => ok(format!("{} will be created when needed", folder.display())),
        Err(error) => failed(format!("{}: {error}", nearest.display())),
    }
}

/// Reports only scarce space, and nothing if the system does not say.
pub fn space(folder: &Path) -> Option<Told> {
    let system = rustix::fs::statvfs(nearest(folder)).ok()?;
    judge(folder, system.f_bavail.saturating_mul(system.f_frsize))
}

fn judge(folder: &Path, free: u64) -> Option<Told> {
    let text = format!("{} MiB are free in {}", free >> 20, folder.display());
    match free {
        free if free < SPACE_FAILS => Some(failed(text)),
        free if free < SPACE_WARNS => Some(warning(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Status, *};

    #[test]
    fn scarce_room_is_told() {
        for (free, status) in [
            (0, Some(Status::Failed)),
            (99 << 20, Some(Status::Failed)),
            (500 << 20, Some(Status::Warning)),
            (2 << 30, None),
        ] {
            assert_eq!(judge(Path::new("data"), free).map(|(status, _)| status), status, "{free}");
        }
    }

    #[test]
    fn folders_that_are_not_there_are_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        let (status, detail) = writable(&below);
        assert!(status == Status::Ok && detail.contains("will be created"), "{detail}");
        assert!(!folder.path().join("a").exists());
        assert!(space(&below).is_none_or(|(_, detail)| detail.contains("free in")));
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(writable(folder.path()).0, Status::Ok);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
