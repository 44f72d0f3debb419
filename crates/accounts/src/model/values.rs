//! Values that are valid by construction: a `Username` that exists is a valid one.

use std::{collections::BTreeSet, fmt};

use clowder_core::{
    Field,
    input::{Opaque, string},
    name::{is_digit, is_invisible, is_letter, is_mark},
    text::{self, Flaw},
};
use icu_properties::{CodePointSetData, props::XidContinue};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use super::look_alikes::{key_of, plain_of, skeletons_of};

/// 3 to 30 letters of any script with their marks, digits, `_`, `.` or `-` (Unicode UAX 31, XID_Continue), beginning
/// with a letter or digit and ending with one or its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The case-insensitive key: people sign in with it, and it must be unique.
    pub fn key(&self) -> String {
        key_of(&self.0)
    }

    /// The name itself, whatever its case: look-alikes are other names.
    pub fn plain(&self) -> String {
        plain_of(&self.0)
    }

    /// All names that this name could be mistaken for: two names that share one of these look alike.
    pub fn skeletons(&self) -> BTreeSet<String> {
        skeletons_of(&self.0)
    }
}

/// UTS 39 §5.4: more marks on one letter are only used to deceive.
const MOST_MARKS: usize = 4;

impl Field for Username {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let name = text::line(&string(value)?, 3, 30)?;
        let part_of_a_name = |c: char| CodePointSetData::new::<XidContinue>().contains(c) && !is_invisible(c);
        if !name.chars().all(|c| part_of_a_name(c) || matches!(c, '.' | '-')) {
            return Err(Flaw::new("characters", "may contain only letters, digits, '_', '.' and '-'"));
        }
        let plain = |c: char| is_letter(c) || is_digit(c);
        if !name.starts_with(plain) || !name.ends_with(|c| plain(c) || is_mark(c)) {
            return Err(Flaw::new("characters", "must begin and end with a letter or a digit"));
        }
        if name.chars().collect::<Vec<_>>().windows(MOST_MARKS + 1).any(|run| run.iter().copied().all(is_mark)) {
            return Err(Flaw::new("characters", "must not have more than 4 marks on one letter"));
        }
        Ok(Self(name))
    }
}

/// An RFC 5321 address in its everyday form: at most 254 octets, the local part at most 64. Domains may be of any
/// script (IDNA, UTS 46); whether mail arrives is proved by verification, not by a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The unique key: case is folded, and a domain has one spelling. Plus-addresses stay distinct.
    pub fn key(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        format!("{}@{}", local.to_lowercase(), idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned()))
    }

    /// The mailbox that many providers deliver to: the key without the part between `+` and `@`.
    pub fn mailbox(&self) -> String {
        let key = self.key();
        match key.split_once('+').zip(key.rsplit_once('@')) {
            Some(((name, _), (_, domain))) => format!("{name}@{domain}"),
            None => key,
        }
    }
}

impl Field for Email {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let address = text::line(&string(value)?, 3, 254)?;
        let wrong = || Flaw::new("email", "must be an email address");
        let (local, domain) = address.rsplit_once('@').ok_or_else(wrong)?;
        let local_is_right = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
        let ascii = idna::domain_to_ascii(domain).map_err(|_| wrong())?;
        let domain_is_right = ascii.contains('.')
            && ascii.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            });
        if !local_is_right || !domain_is_right || address.len().max(local.len() + 1 + ascii.len()) > 254 {
            return Err(wrong());
        }
        // As people read it; domains typed in other widths or cases are the same.
        let (domain, _) = idna::domain_to_unicode(&ascii);
        Ok(Self(format!("{local}@{domain}")))
    }
}

/// A password as typed. Never shown, never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// An attempt has only a maximum length, so that nobody can make us hash a whole book.
    pub const MAX: usize = 256;

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Field for Password {
    fn parse(value: Value) -> Result<Self, Flaw> {
        // A byte order mark comes from a pasted or piped file; nobody types one.
        let typed: String = string(value)?.trim_start_matches('\u{feff}').nfc().collect();
        if typed.contains('\0') {
            return Err(Flaw::new("characters", "must not contain NUL"));
        }
        match typed.chars().count() {
            0 => Err(Flaw::new("required", "must not be empty")),
            n if n > Self::MAX => Err(Flaw::new("too_long", "must have at most 256 characters")),
            _ => Ok(Self(typed)),
        }
    }
}

/// A refresh token as a client presents it.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

impl RefreshToken {
    pub fn new(token: String) -> Self {
        Self(token)
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

impl Field for RefreshToken {
    fn parse(value: Value) -> Result<Self, Flaw> {
        Opaque::parse(value).map(|token| Self(token.0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usernames() {
        for good in [
            "ada",
            "a.d-a_1",
            "Ådä",
            "яна",
            "हिन्दी",
            "সুব্রত",
            "தமிழ்மொழி",
            "น้ำใส",
            "محمد",
            "שלומית",
            "山田太郎",
            "김철수",
            "٣ق٣",
            "x".repeat(30).as_str(),
        ] {
            assert!(Username::parse(json!(good)).is_ok(), "{good}");
        }
        for bad in [
            "ab",
            "x".repeat(31).as_str(),
            "a b c",
            ".ada",
            "ada-",
            "ada@home",
            "ad\0a",
            "a/b",
            "<b>",
            "   ",
            "\u{3164}\u{3164}\u{3164}",
            "ad\u{200b}a",
            "ad\u{200d}a",
            "a\u{202e}da",
            "ad\u{fe0f}a",
            "ad\u{34f}a",
            "\u{93f}ada",
            "\u{ffff}\u{ffff}\u{ffff}",
            "\u{e000}\u{e000}\u{e000}",
            "\u{10ffff}\u{10ffff}\u{10ffff}",
            "ada\u{e000}",
            "a½a",
            "ada²",
            "ⓐⓓⓐ",
            "👍👍👍",
            "x\u{300}\u{301}\u{302}\u{303}\u{304}xx",
        ] {
            assert!(Username::parse(json!(bad)).is_err(), "{bad}");
        }
        assert!(Username::parse(json!(17)).is_err());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_password() {
        let read = |typed: &str| Password::parse(json!(typed)).map(|password| password.0).map_err(|flaw| flaw.code);
        assert_eq!(read("\u{feff}correct horse"), read("correct horse"));
        assert_eq!(read("cafe\u{301}"), Ok("caf\u{e9}".to_owned()), "one form, however it is typed");
        assert_eq!(read("\u{feff}"), Err("required"));
    }

    #[test]
    fn addresses() {
        for good in ["a@b.co", "Ada+chat@Example.ORG", "jörg@bücher.example", "o'neil@x-y.org"] {
            assert!(Email::parse(json!(good)).is_ok(), "{good}");
        }
        for bad in ["", "a", "@b.co", "a@", "a@b", "a b@c.de", "a@b..c", "a@-b.de", ".a@b.de", "a..b@c.de", "<a@b.de>"]
        {
            assert!(Email::parse(json!(bad)).is_err(), "{bad}");
        }
        for (typed, shown, key, mailbox) in [
            ("Ada@Example.ORG", "Ada@example.org", "ada@example.org", "ada@example.org"),
            ("ada+1+2@example.org", "ada+1+2@example.org", "ada+1+2@example.org", "ada@example.org"),
            ("ada@\u{ff45}xample.org", "ada@example.org", "ada@example.org", "ada@example.org"),
            ("ada@BÜCHER.example", "ada@bücher.example", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
            (
                "ada@xn--bcher-kva.example",
                "ada@bücher.example",
                "ada@xn--bcher-kva.example",
                "ada@xn--bcher-kva.example",
            ),
        ] {
            let email = Email::parse(json!(typed)).unwrap();
            assert_eq!((email.as_str(), email.key().as_str(), email.mailbox().as_str()), (shown, key, mailbox));
        }
    }
}
