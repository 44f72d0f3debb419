//! What a rejected email says about the address that it was for.

/// After so many rejected emails in a row, nothing more is sent to the address.
pub const MOST: i16 = 3;

/// Whether a final rejection (a reply of 5yz) is about the recipient. One that is about us, about the text of the email or
/// about rules of the other side says nothing about the address: a server that others distrust for an hour must not lose the
/// addresses of everybody.
pub fn is_about_recipient(reply: &str) -> bool {
    match enhanced(reply) {
        // Addressing, and the mailbox (RFC 3463 §3.2, §3.3).
        Some((1 | 2, _)) => true,
        Some(_) => false,
        // No mailbox there, or no space in it; the server accepts no mail at all (RFC 5321 §4.2.3, RFC 7504).
        None => ["550", "551", "552", "553", "556"].iter().any(|code| words(reply).any(|word| word == *code)),
    }
}

/// The subject and the detail of an enhanced status code of a final rejection: `5.1.1` (RFC 3463 §2).
fn enhanced(reply: &str) -> Option<(u16, u16)> {
    words(reply).find_map(|word| {
        let mut parts = word.strip_prefix("5.")?.split('.');
        let (subject, detail) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some((subject, detail))
    })
}

fn words(reply: &str) -> impl Iterator<Item = &str> {
    reply.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).map(|word| word.trim_end_matches('.'))
}

/// How many emails in a row were rejected by now, and whether that is the one too many. Each email counts once, however often
/// its rejection is noted.
pub fn decide(before: i16, is_counted: bool) -> (i16, bool) {
    let now = if is_counted { before } else { before.saturating_add(1) };
    (now, now >= MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_recipient() {
        for (reply, about) in [
            ("permanent error (550): 5.1.1 There is nobody of this name", true),
            ("permanent error (550): 5.2.1 Mailbox disabled.", true),
            ("permanent error (552): 5.2.2 Mailbox full", true),
            ("permanent error (550): no such user here", true),
            ("permanent error (553): sorry", true),
            ("permanent error (556): Domain does not accept mail", true),
            ("permanent error (550): 5.7.1 Blocked, see https://example.org/5.1.1-help", false),
            ("permanent error (554): 5.7.26 unauthenticated", false),
            ("permanent error (554): transaction failed", false),
            ("permanent error (550): 5.6.0 bad message", false),
            ("", false),
        ] {
            assert_eq!(is_about_recipient(reply), about, "{reply}");
        }
    }

    #[test]
    fn three_in_a_row_are_too_many() {
        for (before, is_counted, after) in [
            (0, false, (1, false)),
            (1, false, (2, false)),
            (2, false, (3, true)),
            (2, true, (2, false)),
            (3, true, (3, true)),
        ] {
            assert_eq!(decide(before, is_counted), after, "{before} {is_counted}");
        }
    }
}
