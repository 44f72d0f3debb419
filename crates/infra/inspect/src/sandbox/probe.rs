//! Tries from within what the sandbox should prevent.

use std::{
    fs::{self, File},
    io,
    net::{TcpListener, UdpSocket},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    thread,
};

use rustix::process::{getppid, test_kill_process};
use serde::{Deserialize, Serialize};

use super::{Contained, Reach};
use crate::this_program;

/// What a process of its own has found out about its sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    pub contained: Contained,
    /// What it could do although no decoder needs it.
    pub reached: Vec<String>,
    /// What it could not do although decoders need it.
    pub lost: Vec<String>,
}

/// Tries everything; `contained` is what the kernel has said.
pub fn probe(reach: &Reach<'_>, contained: Contained) -> SelfTest {
    let beside = reach.folder.with_extension("probe");
    let forbidden: [(&str, &dyn Fn() -> bool); 10] = [
        ("read a file", &|| File::open("/etc/passwd").is_ok()),
        ("list a folder", &|| fs::read_dir("/").is_ok()),
        ("write a file", &|| {
            let is_made = File::create(&beside).is_ok();
            let _ = fs::remove_file(&beside);
            is_made
        }),
        ("send over the network", &|| UdpSocket::bind(("127.0.0.1", 0)).is_ok()),
        ("listen at the network", &|| TcpListener::bind(("127.0.0.1", 0)).is_ok()),
        ("open a local socket", &|| UnixStream::pair().is_ok()),
        ("start a program", &|| {
            this_program().and_then(|program| started(Command::new(program).arg("--version"))).is_ok()
        }),
        ("signal another process", &|| getppid().is_some_and(|parent| test_kill_process(parent).is_ok())),
        ("hold another process", &holds_parent),
        ("read the memory of a process", &|| File::open("/proc/self/mem").is_ok()),
    ];
    let made = reach.folder.join("made");
    let needed: [(&str, &dyn Fn() -> bool); 4] = [
        ("read the file", &|| File::open(reach.file).is_ok()),
        ("write into the folder", &|| fs::write(&made, "made").is_ok()),
        ("start a thread", &|| thread::Builder::new().spawn(|| ()).is_ok_and(|thread| thread.join().is_ok())),
        ("start ffmpeg", &|| {
            reach.ffmpeg.is_none_or(|ffmpeg| started(Command::new(ffmpeg).arg("-version").env_clear()).is_ok())
        }),
    ];
    let those = |attempts: &[(&str, &dyn Fn() -> bool)], succeed: bool| -> Vec<String> {
        let told = attempts.iter().filter(|(_, attempt)| attempt() == succeed);
        told.map(|(name, _)| (*name).to_owned()).collect()
    };
    SelfTest { contained, reached: those(&forbidden, true), lost: those(&needed, false) }
}

#[cfg(target_os = "linux")]
fn holds_parent() -> bool {
    use rustix::process::{PidfdFlags, pidfd_open};

    getppid().is_some_and(|parent| pidfd_open(parent, PidfdFlags::empty()).is_ok())
}

#[cfg(not(target_os = "linux"))]
fn holds_parent() -> bool {
    false
}

/// Without opening anything besides: that would fail before the program could.
fn started(command: &mut Command) -> io::Result<()> {
    command.stdin(Stdio::inherit()).stdout(Stdio::from(io::stderr())).stderr(Stdio::inherit());
    match command.status()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("it failed")),
    }
}
