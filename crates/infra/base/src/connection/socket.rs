//! Finds the socket of a connection, which neither diesel nor libpq exposes.
//!
//! libpq sets `TCP_USER_TIMEOUT` as the connection string says. Each connection gets a distinct value, a few
//! milliseconds apart, so that the one socket of this process with that value is the one that was just opened.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use socket2::Socket;

/// The base of the user timeouts in milliseconds; each connection adds its number.
const USER_TIMEOUT: u64 = 10_000;
/// The numbers. None results in a whole second, which the sockets of clients use.
const NUMBERS: std::ops::RangeInclusive<u64> = 1..=999;

static TAKEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// A number that no other connection of this process has; released on drop.
pub struct Mark(u64);

impl Mark {
    /// `None` if there are more connections than numbers.
    pub fn take() -> Option<Self> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NUMBERS.into_iter().find(|number| !taken.contains(number))?;
        taken.insert(number);
        Some(Self(number))
    }

    /// The URL with the mark. If a parameter occurs twice, libpq uses the later one.
    pub fn onto(&self, url: &str) -> String {
        let link = if url.contains('?') { "&" } else { "?" };
        format!("{url}{link}tcp_user_timeout={}", USER_TIMEOUT + self.0)
    }

    /// A duplicate handle of the socket with this mark; `None` over a Unix socket, or if `/proc` cannot be read.
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "a number must become a descriptor before it can be queried")]
    pub fn find(&self) -> Option<Socket> {
        use std::{os::fd::BorrowedFd, time::Duration};

        use socket2::SockRef;

        let right = Some(Duration::from_millis(USER_TIMEOUT + self.0));
        let is_marked = |socket: &SockRef<'_>| socket.tcp_user_timeout().is_ok_and(|timeout| timeout == right);
        let numbers = std::fs::read_dir("/proc/self/fd").ok()?.flatten();
        let mut found = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter_map(|fd| {
            // SAFETY: the descriptor was open when it was listed. If it has been closed or reused since, querying it
            // fails or finds no mark, which does no harm.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            if !is_marked(&SockRef::from(&fd)) {
                return None;
            }
            // Our own duplicate cannot change any more, so this second check is the decisive one.
            fd.try_clone_to_owned().ok().map(Socket::from).filter(|socket| is_marked(&SockRef::from(socket)))
        });
        let socket = found.next()?;
        found.next().is_none().then_some(socket)
    }

    #[cfg(not(target_os = "linux"))]
    pub fn find(&self) -> Option<Socket> {
        None
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::Read,
        net::{Shutdown, TcpListener, TcpStream},
        time::Duration,
    };

    use socket2::SockRef;

    use super::*;

    #[test]
    fn a_marked_socket_is_found_and_can_be_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut ours, _other) = (connect(), connect());
        let mark = Mark::take().unwrap();
        assert!(mark.find().is_none(), "no socket has this mark yet");
        let address = mark.onto("postgres://h/x?a=b");
        let millis: u64 = address.rsplit_once("&tcp_user_timeout=").unwrap().1.parse().unwrap();
        SockRef::from(&ours).set_tcp_user_timeout(Some(Duration::from_millis(millis))).unwrap();
        mark.find().expect("found").shutdown(Shutdown::Both).unwrap();
        assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0, "cut");
    }

    #[test]
    fn no_two_marks_are_alike() {
        let (one, two) = (Mark::take().unwrap(), Mark::take().unwrap());
        assert_ne!(one.onto(""), two.onto(""));
    }
}
