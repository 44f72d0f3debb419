//! Slips in the names of members.

/// Shorter names are too often one letter apart.
const SHORTEST: usize = 4;
/// No member has a longer name.
const LONGEST: usize = 64;

/// Of these names, the one that is meant by another: it differs by upper and lower case, by what stands between its words, by
/// an `id` at its end, or by one letter.
pub fn meant<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let written = plain(name);
    names.iter().copied().find(|other| {
        let other = plain(other);
        let is_long = written.len().min(other.len()) > SHORTEST;
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
    use super::meant;

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
