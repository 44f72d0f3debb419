//! What a link in an email ends, and how it is written into the link. Only this server can make or read one, so it says
//! nothing about the account to anybody else; it does not expire, because emails are read late.

use clowder_core::{UserId, Word};
use uuid::Uuid;

use crate::{NotificationType, wording::Language};

/// What one link ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsubscribe {
    /// Emails of these types, at least one.
    Types(Vec<NotificationType>),
    Digest,
}

/// What a link contains. The language is that of the email, so that its page is in it without looking at the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub user: UserId,
    pub what: Unsubscribe,
    pub language: Language,
}

/// What a link ends or has ended, for its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribed {
    pub what: Unsubscribe,
    pub language: Language,
}

/// The first octet: another way of writing a link has another one.
const FORM: u8 = 1;
/// Stands in place of types.
const DIGEST: &str = "digest";

impl Unsubscribe {
    /// What ends emails about these; none if there are no types that may be ended by a link: whoever reads somebody's mail
    /// must not silence the warnings about their account.
    pub fn of(kinds: impl IntoIterator<Item = NotificationType>) -> Option<Self> {
        let mut types: Vec<_> = kinds.into_iter().filter(|kind| !kind.is_urgent()).collect();
        types.sort_unstable();
        types.dedup();
        (!types.is_empty()).then_some(Self::Types(types))
    }
}

impl Link {
    /// To be sealed.
    pub fn write(&self) -> Vec<u8> {
        let mut text = self.language.around().tag.to_owned();
        let words = match &self.what {
            Unsubscribe::Types(types) => types.iter().map(|kind| kind.as_str()).collect(),
            Unsubscribe::Digest => vec![DIGEST],
        };
        for word in words {
            text.push(' ');
            text.push_str(word);
        }
        [&[FORM][..], self.user.uuid().as_bytes(), text.as_bytes()].concat()
    }

    /// The reverse, of what was unsealed. Types that this version does not know are left out.
    pub fn read(octets: &[u8]) -> Option<Self> {
        let (form, rest) = octets.split_first()?;
        let (user, text) = rest.split_first_chunk::<16>().filter(|_| *form == FORM)?;
        let mut words = std::str::from_utf8(text).ok()?.split(' ');
        let language = Language::of(words.next()?);
        let words: Vec<_> = words.collect();
        let what = match words.as_slice() {
            [DIGEST] => Unsubscribe::Digest,
            words => Unsubscribe::of(words.iter().filter_map(|word| NotificationType::find(word)))?,
        };
        Some(Self { user: UserId::from_uuid(Uuid::from_bytes(*user)), what, language })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_as_it_was_written() {
        let user = UserId::from_uuid(Uuid::from_u128(7));
        let mixed = [NotificationType::MessageReply, NotificationType::MessageMention, NotificationType::MessageReply];
        for what in [
            Unsubscribe::Digest,
            Unsubscribe::of([NotificationType::FriendRequest]).unwrap(),
            Unsubscribe::of(mixed).unwrap(),
            Unsubscribe::of(NotificationType::all()).unwrap(),
        ] {
            let link = Link { user, what, language: Language::De };
            assert_eq!(Link::read(&link.write()), Some(link.clone()));
            // The path of a URL has room for it.
            assert!(link.write().len() < 400);
        }
        let written = Link { user, what: Unsubscribe::Digest, language: Language::En }.write();
        let other_form = [&[2][..], &written[1..]].concat();
        let nothing = [&written[..17], b"en"].concat();
        for wrong in [&written[..0], &written[..10], &written[..17], &other_form, &nothing] {
            assert_eq!(Link::read(wrong), None, "{wrong:?}");
        }
        let newer = [&written[..17], b"en message.poked friend.request"].concat();
        assert_eq!(Link::read(&newer).unwrap().what, Unsubscribe::Types(vec![NotificationType::FriendRequest]));
    }

    #[test]
    fn warnings_are_not_ended_by_a_link() {
        assert_eq!(Unsubscribe::of([NotificationType::AccountSecurity]), None);
        let both = Unsubscribe::of([NotificationType::AccountSecurity, NotificationType::FriendRequest]);
        assert_eq!(both, Some(Unsubscribe::Types(vec![NotificationType::FriendRequest])));
    }
}
