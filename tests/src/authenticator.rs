//! An authenticator app: one-time passwords by RFC 6238, without any of the server's code.

use std::time::UNIX_EPOCH;

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

pub struct Authenticator {
    secret: Vec<u8>,
    /// The step of the last code.
    last: u64,
}

impl Authenticator {
    /// From the secret as typed in: base32.
    pub fn new(secret: &str) -> Self {
        Self { secret: BASE32_NOPAD.decode(secret.as_bytes()).unwrap(), last: 0 }
    }

    /// A code that was not returned before: of this step, or, within the drift that servers allow, of the next. For a
    /// third one within half a minute the caller would have to wait.
    pub fn code(&mut self) -> String {
        #[expect(clippy::disallowed_methods, reason = "an authenticator has a clock of its own")]
        let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30;
        self.last = now.max(self.last + 1);
        assert!(self.last <= now + 1, "too many codes in too short a time");
        self.at(self.last)
    }

    /// The last code.
    pub fn same(&self) -> String {
        self.at(self.last)
    }

    fn at(&self, step: u64) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.secret).unwrap();
        mac.update(&step.to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let from = usize::from(hash[19] & 15);
        let number = u32::from_be_bytes(hash[from..from + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}
