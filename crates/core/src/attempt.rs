//! Requests to come in somewhere, and invitations: how long one is open, how many somebody makes, when somebody may try
//! again, and how they end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, text::Flaw};

pub const A_DAY: Duration = Duration::from_secs(24 * 3600);
/// How many requests one person can have open, and make within [`A_DAY`], and how many people they can invite.
pub const MOST_OPEN: i64 = 50;
pub const MOST_REQUESTS_A_DAY: i64 = 100;
pub const MOST_INVITES_A_DAY: i64 = 500;
/// How often within [`A_DAY`] one person can ask at the same place, or invite the same person.
pub const MOST_A_DAY_EACH: i64 = 5;
/// How long a request or an invitation is open.
pub const OPEN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long after a rejection the same person may not ask again, and how long whoever declined is not invited again.
pub const AGAIN_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long after somebody has left a place strangers may not bring them there again without asking.
pub const ALONE_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it is known that somebody asked or was invited, and how it ended: longer than it can take until nothing depends
/// on it.
pub const KEPT_FOR: Duration = Duration::from_secs(40 * 24 * 3600);

/// Whether a request or an invitation has expired.
pub fn is_over(now: Timestamp, since: Timestamp) -> bool {
    now.since(since) >= OPEN_FOR
}

/// From when on somebody may ask or be invited again, if that is not yet so. A refusal after `now` counts as one of now.
pub fn again_at(now: Timestamp, refused_at: Timestamp) -> Option<Timestamp> {
    Some(refused_at.min(now).plus(AGAIN_AFTER)).filter(|until| *until > now)
}

/// Whether somebody can be invited now, who last declined then, and whom the inviter has invited so often within a day.
pub fn may_be_invited(now: Timestamp, declined_at: Option<Timestamp>, today: i64) -> Result<(), Flaw> {
    if declined_at.is_some_and(|at| again_at(now, at).is_some()) {
        return Err(Flaw::new("too_soon", "has declined an invitation to it less than 7 days ago"));
    }
    if today >= MOST_A_DAY_EACH {
        return Err(Flaw::new("too_soon", "was invited by you 5 times within a day"));
    }
    Ok(())
}

/// How much of the room that somebody has for what others bring them into strangers can take: half of it, so that they keep
/// nobody out whom the person knows.
pub const fn room_for(friend: bool, most: i64) -> i64 {
    if friend { most } else { most - most / 2 }
}

/// Whether somebody who has left a place then is still left alone there. A time after `now` counts as one of now.
pub fn is_left_alone(now: Timestamp, left_at: Timestamp) -> bool {
    left_at.min(now).plus(ALONE_FOR) > now
}

/// What is known of whoever asks to come in somewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AskFacts {
    /// How many wait for a decision there.
    pub waiting: i64,
    /// How many requests of this person are open, everywhere.
    pub open: i64,
    /// How many requests they have made within a day, and how many of them there.
    pub today: i64,
    pub here_today: i64,
    /// When they were last rejected there.
    pub rejected_at: Option<Timestamp>,
}

/// Why somebody cannot ask now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// They were rejected, and may ask again then.
    Until(Timestamp),
    /// They have too many open requests.
    Open,
    /// They have asked too often today.
    Today,
    /// Too many others wait there.
    Waiting,
}

/// `most_waiting`: how many can wait in one place.
pub fn may_ask(now: Timestamp, facts: AskFacts, most_waiting: i64) -> Result<(), NotNow> {
    if let Some(until) = facts.rejected_at.and_then(|at| again_at(now, at)) {
        Err(NotNow::Until(until))
    } else if facts.open >= MOST_OPEN {
        Err(NotNow::Open)
    } else if is_often(facts.today, facts.here_today) {
        Err(NotNow::Today)
    } else if facts.waiting >= most_waiting {
        Err(NotNow::Waiting)
    } else {
        Ok(())
    }
}

/// Whether somebody has asked to come in, or come in where nobody has to decide, as often within a day as one person can:
/// everywhere, or in one place.
pub const fn is_often(today: i64, here_today: i64) -> bool {
    today >= MOST_REQUESTS_A_DAY || here_today >= MOST_A_DAY_EACH
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequestEnd)]
pub enum Decided {
    Approve,
    Reject,
    /// Whoever asked took it back.
    Cancel,
    /// Nobody decided.
    Expire,
}

/// How an invitation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InvitationEnd)]
pub enum Unwanted {
    /// Whoever was invited does not want to come.
    Declined,
    /// Those who run the place took it back.
    Withdrawn,
    Expired,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn may_ask_table() {
        let now = Timestamp::from_micros(0).plus(AGAIN_AFTER);
        let free = AskFacts::default();
        let (early, until) = (Timestamp::from_micros(1), Timestamp::from_micros(1).plus(AGAIN_AFTER));
        for (facts, expected) in [
            (free, Ok(())),
            (AskFacts { rejected_at: Some(early), ..free }, Err(NotNow::Until(until))),
            (AskFacts { rejected_at: Some(Timestamp::from_micros(0)), ..free }, Ok(())),
            (AskFacts { rejected_at: Some(until), ..free }, Err(NotNow::Until(now.plus(AGAIN_AFTER)))),
            (AskFacts { open: MOST_OPEN, ..free }, Err(NotNow::Open)),
            (AskFacts { today: MOST_REQUESTS_A_DAY, ..free }, Err(NotNow::Today)),
            (AskFacts { here_today: MOST_A_DAY_EACH, ..free }, Err(NotNow::Today)),
            (AskFacts { waiting: 10, ..free }, Err(NotNow::Waiting)),
            (AskFacts { waiting: 9, ..free }, Ok(())),
        ] {
            assert_eq!(may_ask(now, facts, 10), expected, "{facts:?}");
        }
    }

    #[test]
    fn may_be_invited_and_is_over_tables() {
        let now = Timestamp::from_micros(0).plus(AGAIN_AFTER);
        for (declined_at, today, fine) in [
            (None, 0, true),
            (Some(Timestamp::from_micros(0)), 0, true),
            (Some(Timestamp::from_micros(1)), 0, false),
            (None, MOST_A_DAY_EACH - 1, true),
            (None, MOST_A_DAY_EACH, false),
        ] {
            assert_eq!(may_be_invited(now, declined_at, today).is_ok(), fine, "{declined_at:?} {today}");
        }
        let left = Timestamp::from_micros(7);
        let early = |micros| is_left_alone(left.plus(ALONE_FOR).minus(Duration::from_micros(micros)), left);
        assert!(early(1) && !early(0) && is_left_alone(Timestamp::from_micros(0), left));
        assert_eq!((room_for(true, 5), room_for(false, 5), room_for(false, 1)), (5, 3, 1));
        let since = Timestamp::from_micros(7);
        assert!(!is_over(since.plus(OPEN_FOR).minus(Duration::from_micros(1)), since));
        assert!(is_over(since.plus(OPEN_FOR), since) && !is_over(Timestamp::from_micros(0), since));
    }
}
