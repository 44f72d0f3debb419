//! How `clowder doctor` knows a server that runs on the same data folder: it holds the lock on a file there for as long as
//! it lives, however it ends.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clowder_infra::private;

/// A server at work; the file goes with it.
pub struct Serving {
    path: PathBuf,
    _lock: File,
}

fn path(folder: &Path, address: SocketAddr) -> PathBuf {
    folder.join(format!("serving-{address}"))
}

/// Says that this process listens there.
pub fn announce(folder: &Path, address: SocketAddr) -> io::Result<Serving> {
    private::create_folder(folder)?;
    let path = path(folder, address);
    // Nothing is written before it is ours: the one who holds it may have said who it is.
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

/// The id of the process that serves this folder on this address, if there is one.
pub fn process(folder: &Path, address: SocketAddr) -> Option<u32> {
    let path = path(folder, address);
    match File::open(&path).ok()?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => fs::read_to_string(&path).ok()?.trim().parse().ok(),
        // Left behind by a process that was killed.
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
