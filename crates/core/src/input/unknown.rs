//! Members that nobody has looked for.

use super::Fields;
use crate::{
    error::MOST_ERRORS,
    text::{self, Flaw},
};

/// How many characters of an unknown member's name are repeated.
const LONGEST_NAME: usize = 64;

impl Fields {
    /// Refuses unknown members. There may be many, of any length: no more are named than will be reported.
    pub fn nothing_else(&mut self) {
        for (name, _) in std::mem::take(&mut self.members).into_iter().take(MOST_ERRORS + 1) {
            let name = text::cut(&name, LONGEST_NAME);
            // The documentation writes `privacy.bio` for a member of a member.
            let says = match name.split_once('.') {
                Some((outer, inner)) => {
                    format!("is not a known member; a member of a member is written {{{outer:?}: {{{inner:?}: …}}}}")
                }
                None => "is not a known member".to_owned(),
            };
            self.flaw(&token(&name), Flaw::new("unknown", says));
        }
    }

    /// Refuses members that are not known, but are almost named like one that is absent: they would do nothing, and nobody
    /// would notice. Who sends more unknown members than that has not slipped.
    pub(super) fn expect_no_slips(&mut self) {
        for name in std::mem::take(&mut self.members).keys().take(MOST_ERRORS) {
            if let Some(meant) = meant(name, &self.absent) {
                self.flaw(&token(name), Flaw::new("unknown", format!("is not a known member; did you mean {meant}?")));
            }
        }
    }
}

/// A name in a JSON pointer (RFC 6901).
fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Shorter names are too often one letter apart.
const SHORTEST: usize = 4;
/// No member has a longer name.
const LONGEST: usize = 64;

/// Of these names, the one that is meant by another: it differs by upper and lower case, by what stands between its words, by
/// an `id` at its end, or by one letter.
fn meant<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let written = plain(name);
    names.iter().copied().find(|other| {
        let other = plain(other);
        let is_long = written.len().min(other.len()) > SHORTEST && written.len().abs_diff(other.len()) <= 1;
        other == written || (is_long && strsim::osa_distance(&written, &other) <= 1)
    })
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    let mut letters = letters.collect::<String>();
    let ends = ["ids", "id"].into_iter().find(|end| letters.len() > end.len() && letters.ends_with(end));
    letters.truncate(letters.len() - ends.map_or(0, str::len));
    letters
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Error, Input};

    struct Listed;

    impl Input for Listed {
        fn read(fields: &mut Fields) -> Option<Self> {
            fields.optional_list::<String>("items", 3).map(|_| Self)
        }
    }

    #[test]
    fn a_slip_in_a_name_is_told_and_other_members_are_ignored() {
        let said = |body: Value| match Listed::from_json(body) {
            Ok(_) => "fine".to_owned(),
            Err(Error::Invalid(errors)) => {
                errors.iter().map(|error| format!("{} {}", error.pointer, error.message)).collect()
            }
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(said(json!({"Items": []})), "/Items is not a known member; did you mean items?");
        assert_eq!(said(json!({"it/ems": []})), "/it~1ems is not a known member; did you mean items?");
        for fine in [json!({"items": [], "Items": []}), json!({"colour": 1}), json!({})] {
            assert_eq!(said(fine.clone()), "fine", "{fine}");
        }
    }

    #[test]
    fn slips_are_told_from_other_members() {
        const NAMES: &[&str] =
            &["client_id", "user_ids", "reply_to", "title", "muted_until", "role", "name", "until", "order"];
        for (written, expected) in [
            ("clientId", Some("client_id")),
            ("client-id", Some("client_id")),
            ("CLIENT_ID", Some("client_id")),
            ("user_id", Some("user_ids")),
            ("userIds", Some("user_ids")),
            ("reply_to_id", Some("reply_to")),
            ("titel", Some("title")),
            ("mute_until", Some("muted_until")),
            ("titles", Some("title")),
            // Too short, or something else.
            ("rule", None),
            ("names", None),
            ("shoe_size", None),
            ("id", None),
            ("ids", None),
            ("border_color", None),
            ("", None),
            ("ключ", None),
        ] {
            assert_eq!(meant(written, NAMES), expected, "{written:?}");
        }
        assert_eq!(meant(&"x".repeat(100_000), NAMES), None);
    }
}
