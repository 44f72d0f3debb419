//! The bounds of mail, and what of people's texts an email shows.

use std::time::Duration;

use crate::{NotificationType, Reason};

const HOUR: Duration = Duration::from_secs(3600);

/// How many things wait for one person at most; of the others is only known how many there are.
pub const MOST_WAITING: i64 = 200;
/// How many things one email shows.
pub const LINES: usize = 20;
/// How old a thing can be that is told by mail: after a longer pause of the server, it is in the inbox only.
pub const TOO_OLD: Duration = HOUR.saturating_mul(24);
/// How long it is known beyond the journal which things were told, so that a reader that begins anew tells none twice.
pub const KNOWN_FOR: Duration = Duration::from_secs(2 * 24 * 3600);
/// How long it is known which emails were sent, and which digest was the last.
pub const EMAILS_KEPT_FOR: Duration = Duration::from_secs(40 * 24 * 3600);
/// How far ahead something can be due: the longest quiet hours of the longest day, and the delay. What is later was written
/// by a clock that was ahead.
pub const FARTHEST: Duration = HOUR.saturating_mul(50);

/// The longest subject, and the longest line about one thing, in characters.
pub const TITLE: usize = 120;
/// How much an email shows of a message, in characters.
pub const EXCERPT: usize = 300;

/// Whether the account itself sends an email about it: statements of moderators come with their reasons, and whose webhook was
/// disabled gets one. Notices about the security of the account are told apart by their actions, where they are made.
pub const fn is_sent_already(kind: NotificationType, reason: Reason) -> bool {
    matches!((kind, reason), (NotificationType::ReportDecided | NotificationType::System, Reason::Account))
}

/// A text of people in one line of at most so many characters. Characters that turn the direction of what follows are left
/// out: nobody's name makes the rest of a line read backwards.
pub fn one_line(text: &str, most: usize) -> String {
    let is_plain = |c: &char| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String = text.chars().filter(is_plain).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_people_stay_in_their_line() {
        for (text, line) in [
            ("Ada", "Ada"),
            ("Ada\r\nBcc: x@example.org", "Ada Bcc: x@example.org"),
            ("  a \u{0} b\t", "a b"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("\u{2067}שלום\u{2069} \u{202b}x", "שלום x"),
            ("<b>bold</b> & \"quoted\"", "<b>bold</b> & \"quoted\""),
            ("0123456789abc", "012345678…"),
            ("012345678 abc", "012345678…"),
            ("0123456789", "0123456789"),
        ] {
            assert_eq!(
                one_line(text, if text.len() > 12 && text.starts_with('0') { 10 } else { 100 }),
                line,
                "{text:?}"
            );
        }
        assert_eq!(one_line(&"🦀".repeat(500), 120).chars().count(), 120);
    }
}
