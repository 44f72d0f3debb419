//! What else than words a message is found by: that it has a link.

/// Beside a token of a text, which never has this sign.
pub const LINK: &str = "¶link";

/// Whether a text has an address of the web.
pub fn has_link(text: &str) -> bool {
    let is_after = |at: usize, length: usize| {
        text.get(at + length..).and_then(|rest| rest.chars().next()).is_some_and(char::is_alphanumeric)
    };
    let begins = |at: usize| !text.get(..at).is_some_and(|before| before.ends_with(char::is_alphanumeric));
    let schemes = text.match_indices("://").any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let scheme = ["https", "http"].into_iter().find(|scheme| {
            before
                .len()
                .checked_sub(scheme.len())
                .and_then(|from| before.get(from..))
                .is_some_and(|end| end.eq_ignore_ascii_case(scheme))
        });
        scheme.is_some_and(|scheme| begins(at - scheme.len())) && is_after(at, "://".len())
    });
    let is_host = |at: usize| {
        let rest = text.get(at + "www.".len()..).unwrap_or_default();
        let host = rest.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
        host.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && rest.starts_with(char::is_alphanumeric))
    };
    let www = |prefix: &str| text.match_indices(prefix).any(|(at, _)| begins(at) && is_host(at));
    schemes || www("www.") || www("WWW.") || www("Www.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_table() {
        for (text, has) in [
            ("https://example.com", true),
            ("see HTTP://example.com/a?b#c.", true),
            ("(https://example.com)", true),
            ("www.example.com", true),
            ("Www.example.com/x", true),
            ("读 https://例子.中国", true),
            ("https://", false),
            ("xhttps://example.com", false),
            ("ftp://example.com", false),
            ("www.", false),
            ("www.example", false),
            ("awww.example.com", false),
            ("example.com", false),
            ("ada@example.com", false),
            ("é://x", false),
        ] {
            assert_eq!(has_link(text), has, "{text}");
        }
    }
}
