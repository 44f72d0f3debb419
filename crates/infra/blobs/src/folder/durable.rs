//! Changes of a folder that are on the disk when they return. The caller has fsynced the contents of the files.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use super::write;

/// How often a file is placed again after its folder was removed, because it had just become empty.
const ATTEMPTS: usize = 100;

/// Creates a folder and its missing parents, which only their owner can read, and fsyncs all that are new.
pub fn create_folders(folder: &Path) -> io::Result<()> {
    let first = folder.ancestors().find(|above| above.as_os_str().is_empty() || above.exists());
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    sync_up(folder, first.unwrap_or(folder))
}

/// Gives a file this name below the root, in place of a file that has it.
pub fn place(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(root);
    let mut attempt = 1;
    loop {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        match fs::rename(from, to) {
            Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS && from.exists() => attempt += 1,
            placed => break placed?,
        }
    }
    // All of them, because another write may have created a folder and not fsynced it yet.
    sync_up(folder, root)
}

/// Moves a file below the root.
pub fn rename(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    file(from)?;
    touch(from)?;
    if from == to {
        return Ok(());
    }
    place(root, from, to)?;
    // If both were the same file under two names, nothing has happened.
    let same = |from: fs::Metadata, to: fs::Metadata| (from.dev(), from.ino()) == (to.dev(), to.ino());
    if let (Ok(left), Ok(placed)) = (fs::symlink_metadata(from), fs::symlink_metadata(to))
        && same(left, placed)
    {
        fs::remove_file(from)?;
    }
    settle(root, from)
}

/// Gives a file a second name. Files never change, so nobody notices that both are one.
pub fn link(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    file(from)?;
    let new = write::begun(root)?;
    match fs::hard_link(from, &new) {
        Ok(()) => {}
        // Some file systems have no links, and others only so many.
        Err(error) if error.kind() != ErrorKind::NotFound => {
            fs::copy(from, &new)
                .and_then(|_| File::open(&new)?.sync_all())
                .inspect_err(|_| _ = fs::remove_file(&new))?;
        }
        Err(error) => return Err(error),
    }
    let placed = touch(&new).and_then(|()| place(root, &new, to));
    // It is still there after an error, and if both were the same file.
    let _ = fs::remove_file(&new);
    placed
}

/// Removes a file, and the folders above it that are empty.
pub fn remove(root: &Path, path: &Path) -> io::Result<()> {
    file(path)?;
    fs::remove_file(path)?;
    settle(root, path)
}

/// Makes it durable that there is no such file, and removes the folders above it that are empty.
fn settle(root: &Path, path: &Path) -> io::Result<()> {
    // Its folder may be gone already.
    let mut synced = path.ancestors().skip(1).map(sync);
    synced.find(|synced| !matches!(synced, Err(error) if error.kind() == ErrorKind::NotFound)).unwrap_or(Ok(()))?;
    let folders = path.ancestors().skip(1).take_while(|folder| *folder != root);
    // It fails at the first that is not empty. That is no error.
    let _ = folders.map(fs::remove_dir).find(io::Result::is_err);
    Ok(())
}

/// A folder is no object.
fn file(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(ErrorKind::NotFound.into()),
    }
}

/// The time of an object is that of its last write or copy, so that nothing takes it for an old one.
fn touch(path: &Path) -> io::Result<()> {
    let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
    Ok(rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty())?)
}

/// Fsyncs the folders from this one up to `last`.
fn sync_up(folder: &Path, last: &Path) -> io::Result<()> {
    for folder in folder.ancestors() {
        sync(folder)?;
        if folder == last {
            break;
        }
    }
    Ok(())
}

pub fn sync(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
