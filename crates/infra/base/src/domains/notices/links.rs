//! The links that end emails: sealed, so that only this server makes and reads them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_notifications::mail::unsubscribe::Link;

use crate::keys::{Keys, SyntheticSeal};

/// Longer tokens are of nobody.
const LONGEST: usize = 1_000;
/// Where a link belongs; there are no others of this seal.
const PLACE: &[u8] = b"link";

/// Makes and reads them. The same link is the same each time, so that an email that is sent a second time is the same email.
pub struct Links(SyntheticSeal);

impl Links {
    pub fn new(keys: &Keys) -> Self {
        Self(keys.synthetic("unsubscribe"))
    }

    pub fn token(&self, link: &Link) -> String {
        URL_SAFE_NO_PAD.encode(self.0.seal(PLACE, &link.write()))
    }

    /// None for what this server has not made.
    pub fn read(&self, token: &str) -> Option<Link> {
        if token.len() > LONGEST {
            return None;
        }
        Link::read(&self.0.open(PLACE, &URL_SAFE_NO_PAD.decode(token).ok()?)?)
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};
    use clowder_notifications::{mail::Unsubscribe, wording::Language};

    use super::*;

    #[test]
    fn only_what_was_made_here_is_read() {
        let (links, others) = (Links::new(&Keys::new("a secret")), Links::new(&Keys::new("another")));
        let user = Id::new(Timestamp::from_micros(1_790_000_000_000_000));
        let link = Link { user, what: Unsubscribe::Digest, language: Language::De };
        let token = links.token(&link);
        assert_eq!((links.read(&token), links.token(&link)), (Some(link.clone()), token.clone()));
        assert!(token.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet)), "{token}");
        assert!(!token.contains(&URL_SAFE_NO_PAD.encode(user.uuid().as_bytes())));
        let mut changed = token.clone();
        changed.replace_range(40..41, if &token[40..41] == "A" { "B" } else { "A" });
        for wrong in [&others.token(&link), &changed, &token[..token.len() - 1], "", "x", &"A".repeat(2_000)] {
            assert_eq!(links.read(wrong), None, "{wrong}");
        }
    }
}
