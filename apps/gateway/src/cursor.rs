//! Cursors of lists as clients see them: opaque, and valid only for the list that issued them. They are encrypted, because
//! a page may end at something that its reader does not see.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_infra::keys::{Keys, SyntheticSeal};

/// The maximum length of a cursor that is parsed; ours are far shorter.
pub const LONGEST: usize = 1_024;

/// Writes and reads cursors: base64url of the encrypted key in the list. The same key gives the same cursor.
pub struct Cursors(SyntheticSeal);

impl Cursors {
    pub fn new(keys: &Keys) -> Self {
        Self(keys.synthetic("cursors of lists"))
    }

    /// `list` is what all pages of a list have in common: viewer, path and filters.
    pub fn seal(&self, list: &str, place: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.seal(list.as_bytes(), place.as_bytes()))
    }

    /// The key in the list; `None` for a cursor of another list.
    pub fn open(&self, list: &str, cursor: &str) -> Option<String> {
        let octets = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        String::from_utf8(self.0.open(list.as_bytes(), &octets)?).ok()
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
        assert_eq!(cursors.seal("/api/chats", "7.abc"), sealed, "the same each time");
        assert_eq!(cursors.open("/api/api-keys", &sealed), None, "another list");
        assert_eq!(Cursors::new(&Keys::new("other")).open("/api/chats", &sealed), None, "another server");
        let mut octets = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        assert!(!octets.windows(3).any(|part| part == b"abc"), "nobody reads it");
        *octets.last_mut().unwrap() ^= 1;
        let forged = URL_SAFE_NO_PAD.encode(octets);
        for wrong in ["", "nonsense", "AAAA", "7.abc", forged.as_str(), "🦀"] {
            assert_eq!(cursors.open("/api/chats", wrong), None, "{wrong}");
        }
    }
}
