//! The sandbox of the process that looks at a file: what the kernel keeps it from, on top of the limits of resources.
//!
//! On Linux, Landlock closes all files but the one that is looked at and the folder for what is written, and seccomp
//! lets through only the system calls that decoders need: none for the network, for other programs, for other processes.
//! A kernel that offers neither leaves the process with its limits; [`SelfTest`] finds that out.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod calls;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod closed;
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod closed {
    //! Other systems have no sandbox.

    use super::{Contained, Reach};

    pub(super) fn close(_: &Reach<'_>) -> Contained {
        Contained::default()
    }
}
mod probe;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod programs;

use std::path::Path;

pub use probe::{SelfTest, probe};
use serde::{Deserialize, Serialize};

/// What stays within reach of the process.
#[derive(Debug, Clone, Copy)]
pub struct Reach<'a> {
    /// Is read.
    pub file: &'a Path,
    /// New files are written here.
    pub folder: &'a Path,
    /// May be started. Without one, no program can be.
    pub ffmpeg: Option<&'a Path>,
}

/// What the kernel keeps the process from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contained {
    /// All files but those within its reach are closed (Landlock).
    pub files: bool,
    /// System calls that no decoder needs fail (seccomp).
    pub calls: bool,
}

impl Contained {
    pub fn is_whole(self) -> bool {
        self.files && self.calls
    }
}

/// Closes everything but this to the calling thread, and to the threads and programs that it starts. There is no way back.
///
/// What the kernel does not offer is left out; the answer says what it has taken.
pub fn contain(reach: &Reach<'_>) -> Contained {
    closed::close(reach)
}
