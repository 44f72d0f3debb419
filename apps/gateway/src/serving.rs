//! How `clowder doctor` recognises a server running on the same data folder: the server holds a lock on a file there
//! until it ends, however it ends.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clowder_infra::private;

/// A running server; the file is removed on drop.
pub struct Serving {
    path: PathBuf,
    _lock: File,
}

fn path(folder: &Path, address: SocketAddr) -> PathBuf {
    folder.join(format!("serving-{address}"))
}

/// Records that this process listens on the address.
pub fn announce(folder: &Path, address: SocketAddr) -> io::Result<Serving> {
    private::create_folder(folder)?;
    let path = path(folder, address);
    // Nothing is written before the lock is ours: its holder may have recorded itself.
    let mut file = private::writing().truncate(false).open(&path)?;
    file.try_lock()?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Serving { path, _lock: file })
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The id of the process that serves this folder on this address, if any.
pub fn process(folder: &Path, address: SocketAddr) -> Option<u32> {
    let path = path(folder, address);
    match File::open(&path).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => fs::read_to_string(&path).ok()?.trim().parse().ok(),
        // A leftover of a killed process.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_for_as_long_as_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let [address, other] = ["127.0.0.1:8080", "[::1]:8080"].map(|text| text.parse().unwrap());
        assert_eq!(process(folder.path(), address), None);
        let serving = announce(&folder.path().join("data"), address).unwrap();
        let data = folder.path().join("data");
        assert_eq!(process(&data, address), Some(std::process::id()));
        assert_eq!(process(&data, other), None);
        drop(serving);
        assert_eq!(process(&data, address), None);
        fs::write(path(&data, address), "1\n").unwrap();
        assert_eq!(process(&data, address), None, "what was left behind says nothing");
    }
}
