//! Finds the socket of a connection, which neither diesel nor libpq's connection string gives away.
//!
//! libpq sets `TCP_USER_TIMEOUT` as the connection string says. Each connection gets a value of its own, a few
//! milliseconds apart, so that the one socket of this process that has it is the one that was just opened.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use socket2::Socket;

/// The user timeout in milliseconds, of which each connection adds its number.
const USER_TIMEOUT: u64 = 10_000;
/// The numbers. None makes a whole second, as the sockets of clients have it.
const NUMBERS: std::ops::RangeInclusive<u64> = 1..=999;

static TAKEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// A number that no other connection of this process has; free again when it is dropped.
pub struct Mark(u64);

impl Mark {
    /// `None` when there are more connections than numbers.
    pub fn take() -> Option<Self> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NUMBERS.into_iter().find(|number| !taken.contains(number))?;
        taken.insert(number);
        Some(Self(number))
    }

    /// The address, with the mark. Of two values of one parameter libpq takes the later one.
    pub fn onto(&self, url: &str) -> String {
        let link = if url.contains('?') { "&" } else { "?" };
        format!("{url}{link}tcp_user_timeout={}", USER_TIMEOUT + self.0)
    }

    /// A second handle of the socket that has this mark; `None` over a Unix socket, or where `/proc` cannot be read.
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "a number has to become a descriptor before it can be asked what it is")]
    pub fn find(&self) -> Option<Socket> {
        use std::{os::fd::BorrowedFd, time::Duration};

        use socket2::SockRef;

        let right = Some(Duration::from_millis(USER_TIMEOUT + self.0));
        let is_marked = |socket: &SockRef<'_>| socket.tcp_user_timeout().is_ok_and(|timeout| timeout == right);
        let numbers = std::fs::read_dir("/proc/self/fd").ok()?.flatten();
        let mut found = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()).filter_map(|fd| {
            // SAFETY: the number was open when it was listed. If it has been closed or reused since, what is asked of it
            // here fails or finds no mark, and does no harm either way.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            if !is_marked(&SockRef::from(&fd)) {
                return None;
            }
            // The handle of our own keeps what it is; so this second look is the one that counts.
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
        assert!(mark.find().is_none(), "no socket has it yet");
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
