//! Cursors of lists as clients see them: opaque, and valid only for the list that issued them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_infra::keys::{Keys, mac};
use subtle::ConstantTimeEq;

/// Octets of the signature.
const SEAL: usize = 12;
/// The maximum length of a cursor that is parsed; ours are far shorter.
pub const LONGEST: usize = 512;

/// Writes and reads cursors: base64url of the key in the list, then 12 octets of HMAC-SHA-256 over list and key.
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    pub fn new(keys: &Keys) -> Self {
        Self { key: keys.derive("cursors of lists") }
    }

    /// `list` is what all pages of a list have in common: viewer, path and filters.
    pub fn seal(&self, list: &str, place: &str) -> String {
        let sealed = [place.as_bytes(), &self.mark(list, place.as_bytes())].concat();
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The key in the list; `None` for a cursor of another list.
    pub fn open(&self, list: &str, cursor: &str) -> Option<String> {
        let octets = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (place, seal) = octets.split_at_checked(octets.len().checked_sub(SEAL)?)?;
        let is_ours = bool::from(self.mark(list, place).ct_eq(seal));
        is_ours.then(|| String::from_utf8(place.to_vec()).ok())?
    }

    fn mark(&self, list: &str, place: &[u8]) -> [u8; SEAL] {
        let full = mac(&self.key, &[list.as_bytes(), place]);
        std::array::from_fn(|index| full[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_list_alone() {
        let cursors = Cursors::new(&Keys::new("secret"));
        let sealed = cursors.seal("/api/chats", "7.abc");
        assert_eq!(cursors.open("/api/chats", &sealed).as_deref(), Some("7.abc"));
        assert_eq!(cursors.open("/api/api-keys", &sealed), None, "another list");
        assert_eq!(Cursors::new(&Keys::new("other")).open("/api/chats", &sealed), None, "another server");
        let forged = URL_SAFE_NO_PAD.encode([b"8.abc".as_slice(), &cursors.mark("/api/chats", b"7.abc")].concat());
        for wrong in ["", "nonsense", "AAAA", "7.abc", forged.as_str(), "🦀"] {
            assert_eq!(cursors.open("/api/chats", wrong), None, "{wrong}");
        }
    }
}
