//! Pure rules: data in, verdict out.

pub mod sight;

use std::time::Duration;

use clowder_core::{Error, Limit, Refusal, Result, Timestamp, text::Flaw};

use zxcvbn::feedback::Feedback;

use crate::{
    model::{FirstWriters, Password, Username},
    refusals::{EMAIL_TAKEN, EMAIL_UNVERIFIED, EMAIL_VERIFIED},
};

/// How long a ticket for a socket is valid.
pub const TICKET_FOR: Duration = Duration::from_secs(30);

/// The maximum number of open sessions of a user: signing in once more ends the least recently used one.
pub const MOST_SESSIONS: i64 = 100;

/// How long an email that confirms an address is valid.
pub const VERIFY_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long an email to choose a new password is valid.
pub const RESET_FOR: Duration = Duration::from_secs(30 * 60);

/// Passwords of ten or more characters that attackers try first, in addition to those that zxcvbn knows.
const COMMON: &str = include_str!("common_passwords.txt");

/// How much of a password is checked for strength: longer ones are not common, and the cost of checking grows steeply
/// with the length.
const LOOKED_AT: usize = 16;

/// Whether somebody may write first to a user, or add them to a chat, other than themselves.
pub fn may_write_first(chosen: FirstWriters, friends: bool, friends_in_common: bool) -> bool {
    match chosen {
        FirstWriters::Everyone => true,
        FirstWriters::FriendsOfFriends => friends || friends_in_common,
        FirstWriters::Friends => friends,
        FirstWriters::Nobody => false,
    }
}

/// Who gets an email when somebody requests another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Its new owner: does the address belong to them?
    Caller,
    /// The owner of an existing account with that address; nobody else learns of it.
    Holder,
}

/// The result of requesting another address: `confirmed` if it is the current one and confirmed, `taken` if somebody
/// else has it.
pub fn decide_change(confirmed: bool, taken: bool, reveal_taken: bool) -> Result<Ask, Refusal> {
    match (confirmed, taken) {
        (true, _) => Err(EMAIL_VERIFIED),
        (false, true) if reveal_taken => Err(EMAIL_TAKEN),
        (false, true) => Ok(Ask::Holder),
        (false, false) => Ok(Ask::Caller),
    }
}

/// If the server requires it, only users with a confirmed address can reach others (write to them, use API keys).
pub fn may_reach_others(demanded: bool, email_verified: bool) -> Result<(), Refusal> {
    if !demanded || email_verified { Ok(()) } else { Err(EMAIL_UNVERIFIED) }
}

/// A password must have at least ten characters, and must not be a common one or the username. There are no rules about
/// its composition (NIST SP 800-63B §3.1.1.2).
pub fn may_use_password(password: &Password, username: Option<&Username>) -> Result<(), Flaw> {
    let typed = password.expose();
    let folded = typed.to_lowercase();
    if typed.chars().count() < 10 {
        return Err(flaw("too_short", "must have at least 10 characters", typed));
    }
    if username.is_some_and(|name| name.as_str().to_lowercase() == folded) {
        return Err(flaw("username", "must not be the username", typed));
    }
    let first = folded.chars().next();
    let common = || {
        use zxcvbn::feedback::Warning::{ThisIsACommonPassword, ThisIsATop10Password, ThisIsATop100Password};
        if folded.chars().count() > LOOKED_AT {
            return false;
        }
        let looked = zxcvbn::zxcvbn(&folded, &[]);
        let warning = looked.feedback().and_then(Feedback::warning);
        matches!(warning, Some(ThisIsATop10Password | ThisIsATop100Password | ThisIsACommonPassword))
    };
    if COMMON.lines().any(|common| common == folded) || folded.chars().all(|c| Some(c) == first) || common() {
        return Err(flaw("common", "is too common", typed));
    }
    Ok(())
}

/// Also says how strong the password is (zxcvbn, 0 to 4), and what would make it stronger.
fn flaw(code: &'static str, message: &str, typed: &str) -> Flaw {
    let looked = zxcvbn::zxcvbn(&head(typed), &[]);
    let mut message = format!("{message}. Its strength is {} out of 4.", u8::from(looked.score()));
    for advice in looked.feedback().into_iter().flat_map(Feedback::suggestions) {
        message += &format!(" {}.", advice.to_string().trim_end_matches('.'));
    }
    Flaw::new(code, message)
}

fn head(typed: &str) -> String {
    typed.chars().take(LOOKED_AT).collect()
}

/// Whether another email may be sent to an address, given the times of earlier ones: one a minute, five an hour, so
/// that nobody can make us flood a stranger.
pub fn may_mail(now: Timestamp, sent: &[Timestamp]) -> Result<()> {
    let within = |seconds| sent.iter().filter(move |at| now.since(**at) < Duration::from_secs(seconds));
    let wait = |seconds, free| match within(seconds).min() {
        Some(first) if within(seconds).count() >= free => first.left(Duration::from_secs(seconds), now),
        _ => Duration::ZERO,
    };
    let wait = wait(60, 1).max(wait(3600, 5));
    if wait.is_zero() { Ok(()) } else { Err(Error::TooMany { limit: Limit::Emails, retry_after: wait }) }
}

/// How many emails to other people's addresses one person, or one place with unauthenticated clients, may cause in an
/// hour.
pub const EMAILS_CAUSED: u32 = 10;
/// How long an email counts against that limit.
pub const CAUSED_FOR: Duration = Duration::from_secs(3600);

/// Whether somebody may cause another email, given the times of earlier ones.
pub fn may_cause_mail(now: Timestamp, caused: &[Timestamp], most: u32) -> Result<()> {
    let mut lately: Vec<_> = caused.iter().filter(|at| now.since(**at) < CAUSED_FOR).collect();
    lately.sort_unstable_by(|a, b| b.cmp(a));
    // The one that expires first.
    match (most as usize).checked_sub(1).and_then(|last| lately.get(last)) {
        Some(at) => Err(Error::TooMany { limit: Limit::Emails, retry_after: at.left(CAUSED_FOR, now) }),
        None if most == 0 => Err(Error::TooMany { limit: Limit::Emails, retry_after: CAUSED_FOR }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Field;
    use serde_json::json;

    use super::*;

    #[test]
    fn may_write_first_table() {
        for (chosen, friends, in_common, expected) in [
            (FirstWriters::Everyone, false, false, true),
            (FirstWriters::FriendsOfFriends, false, false, false),
            (FirstWriters::FriendsOfFriends, false, true, true),
            (FirstWriters::FriendsOfFriends, true, false, true),
            (FirstWriters::Friends, false, true, false),
            (FirstWriters::Friends, true, true, true),
            (FirstWriters::Nobody, true, true, false),
        ] {
            assert_eq!(may_write_first(chosen, friends, in_common), expected, "{chosen:?} {friends} {in_common}");
        }
    }

    #[test]
    fn decide_change_table() {
        for (confirmed, taken, reveal_taken, verdict) in [
            (true, false, true, Err(EMAIL_VERIFIED)),
            (true, false, false, Err(EMAIL_VERIFIED)),
            (false, true, true, Err(EMAIL_TAKEN)),
            (false, true, false, Ok(Ask::Holder)),
            (false, false, true, Ok(Ask::Caller)),
            (false, false, false, Ok(Ask::Caller)),
        ] {
            assert_eq!(decide_change(confirmed, taken, reveal_taken), verdict, "{confirmed} {taken} {reveal_taken}");
        }
    }

    #[test]
    fn may_reach_others_table() {
        for (demanded, verified, may) in
            [(false, false, true), (false, true, true), (true, false, false), (true, true, true)]
        {
            assert_eq!(may_reach_others(demanded, verified).is_ok(), may, "{demanded} {verified}");
        }
    }

    #[test]
    fn may_use_password_table() {
        let name = Username::parse(json!("Adalovelace")).unwrap();
        for (typed, verdict) in [
            ("correct horse battery", Ok(())),
            ("ninechars", Err("too_short")),
            ("ÄÖÜäöüßéèà", Ok(())),
            ("password123", Err("common")),
            ("PassWord123", Err("common")),
            ("aaaaaaaaaaaa", Err("common")),
            ("1234567890", Err("common")),
            ("qwertyuiop", Err("common")),
            ("adaLovelace", Err("username")),
        ] {
            let password = Password::parse(json!(typed)).unwrap();
            assert_eq!(may_use_password(&password, Some(&name)).map_err(|flaw| flaw.code), verdict, "{typed}");
        }
    }

    #[test]
    fn a_refused_password_is_told_its_strength() {
        let short = Password::parse(json!("qwerty")).unwrap();
        let flaw = may_use_password(&short, None).unwrap_err();
        assert!(
            flaw.message.starts_with("must have at least 10 characters. Its strength is 0 out of 4. "),
            "{}",
            flaw.message
        );
        let longest = Password::parse(json!("Tr0ub4dor&3 ".repeat(21))).unwrap();
        assert!(may_use_password(&longest, None).is_ok());
    }

    #[test]
    fn may_cause_mail_table() {
        let now = Timestamp::from_micros(100_000_000_000);
        for (caused, most, wait) in [
            (vec![], 2, 0),
            (vec![0], 2, 0),
            (vec![0, 3000], 2, 600),
            (vec![3000, 0, 3599], 2, 600),
            (vec![3600, 0], 2, 0),
            (vec![-9_999_999, -1], 2, 3600),
            (vec![], 0, 3600),
        ] {
            let at = |ago: &i64| Timestamp::from_micros(now.as_micros() - ago * 1_000_000);
            let times: Vec<_> = caused.iter().map(at).collect();
            let waits = match may_cause_mail(now, &times, most) {
                Err(Error::TooMany { retry_after, .. }) => retry_after.as_secs(),
                _ => 0,
            };
            assert_eq!(waits, wait, "{caused:?}");
        }
    }

    #[test]
    fn may_mail_table() {
        let now = Timestamp::from_micros(100_000_000_000);
        for (sent, wait) in [
            (vec![], 0),
            (vec![0], 60),
            (vec![59], 1),
            (vec![60], 0),
            (vec![60, 120, 180, 240], 0),
            (vec![60, 120, 180, 240, 3000], 600),
            (vec![60, 120, 180, 240, 3600], 0),
            // With a clock that was ahead: no longer than after an email sent now.
            (vec![-9_999_999], 60),
            (vec![-9_999_999; 5], 3600),
        ] {
            let at = |ago: &i64| Timestamp::from_micros(now.as_micros() - ago * 1_000_000);
            let times: Vec<_> = sent.iter().map(at).collect();
            let waits = match may_mail(now, &times) {
                Err(Error::TooMany { retry_after, .. }) => retry_after.as_secs(),
                _ => 0,
            };
            assert_eq!(waits, wait, "{sent:?}");
        }
    }
}
