//! Files and folders that only the server's own user may read: 0600 and 0700, from their creation on. Existing ones
//! that are open to everybody are closed, but not those shared with a group.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{ErrorKind, Result},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;

/// Creates the folder and its missing parents. An existing one stays as it is.
pub fn create_folder(folder: &Path) -> Result<()> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(FOLDER).create(folder)
}

/// The same for the folder of a file.
pub fn create_folder_of(file: &Path) -> Result<()> {
    file.parent().map_or(Ok(()), create_folder)
}

/// Creates an empty file. An existing one stays as it is.
pub fn create_file(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(FILE).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens a file to overwrite it.
pub fn writing() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE);
    options
}

/// Who, besides its owner, can access a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    OwnerOnly,
    /// Nobody does this by accident: a program for backups or logs has been given access.
    Group(u32),
    /// The result of a careless umask.
    Everybody(u32),
}

impl Access {
    /// The access to a file or folder; symbolic links are followed.
    pub fn of(path: &Path) -> Result<Self> {
        let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
        Ok(match mode {
            _ if mode & 0o007 != 0 => Self::Everybody(mode),
            _ if mode & 0o070 != 0 => Self::Group(mode),
            _ => Self::OwnerOnly,
        })
    }
}

/// Removes the access of all others, if everybody has access; group access alone is deliberate. Returns the previous
/// access.
pub fn close(path: &Path) -> Result<Access> {
    let access = Access::of(path)?;
    if let Access::Everybody(_) = access {
        let mode = if fs::metadata(path)?.is_dir() { FOLDER } else { FILE };
        // Through a link, this would close somebody else's file.
        if fs::symlink_metadata(path)?.is_symlink() {
            return Err(ErrorKind::PermissionDenied.into());
        }
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(access)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn what_is_created_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        create_folder(&below).unwrap();
        create_folder(&below).unwrap();
        let file = below.join("file");
        create_file(&file).unwrap();
        fs::write(&file, "kept").unwrap();
        create_file(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        writing().open(below.join("new")).unwrap();
        for (path, expected) in
            [(folder.path().join("a"), 0o700), (below.clone(), 0o700), (file, 0o600), (below.join("new"), 0o600)]
        {
            assert_eq!(mode(&path), expected, "{}", path.display());
        }
        create_folder_of(Path::new("file")).unwrap();
    }

    #[test]
    fn what_is_open_to_everybody_is_closed_and_a_group_is_left() {
        let folder = tempfile::tempdir().unwrap();
        for (number, (before, access, after)) in [
            (0o600, Access::OwnerOnly, 0o600),
            (0o400, Access::OwnerOnly, 0o400),
            (0o640, Access::Group(0o640), 0o640),
            (0o660, Access::Group(0o660), 0o660),
            (0o644, Access::Everybody(0o644), 0o600),
            (0o666, Access::Everybody(0o666), 0o600),
            (0o604, Access::Everybody(0o604), 0o600),
        ]
        .into_iter()
        .enumerate()
        {
            let path = folder.path().join(number.to_string());
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            assert_eq!(close(&path).unwrap(), access, "{before:o}");
            assert_eq!(mode(&path), after, "{before:o}");
        }
        let (link, below) = (folder.path().join("link"), folder.path().join("below"));
        fs::create_dir(&below).unwrap();
        fs::set_permissions(&below, Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&below, &link).unwrap();
        assert!(close(&link).is_err());
        assert_eq!(mode(&below), 0o755);
        assert_eq!(close(&below).unwrap(), Access::Everybody(0o755));
        assert_eq!(mode(&below), 0o700);
        assert!(close(&folder.path().join("nothing")).is_err());
    }
}
