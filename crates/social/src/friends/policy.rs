//! Pure rules: who may ask whom, what becomes of a request, and how much of each there can be.

use std::time::Duration;

use clowder_core::attempt::again_at;
pub use clowder_core::attempt::{
    A_DAY, AGAIN_AFTER, MOST_A_DAY_EACH, MOST_OPEN, MOST_REQUESTS_A_DAY as MOST_A_DAY, OPEN_FOR, is_over,
};
use clowder_core::{Error, Refusal, Result, Timestamp, UserId};

use super::{Action, FriendRequestId, RequestStatus, refusals::*};

/// How many friends one person can have.
pub const MOST_FRIENDS: i64 = 5_000;
/// How many suggestions one person can have dismissed.
pub const MOST_DISMISSED: i64 = 1_000;
/// How long a decided request is kept.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is known when somebody asks somebody else. Both are locked, so that it stays true.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// Whether the caller may see the other person.
    pub visible: bool,
    pub friends: bool,
    /// Whether the caller has asked, and there is no answer yet.
    pub asked: bool,
    /// The open request of the other person to the caller.
    pub theirs: Option<FriendRequestId>,
    /// When the other person last rejected a request of the caller.
    pub rejected_at: Option<Timestamp>,
    /// How many friends the caller has, and the other person.
    pub counts: [i64; 2],
    /// How many open requests the caller has sent.
    pub open: i64,
    /// How many requests the caller has sent within a day.
    pub today: i64,
    /// How many of these to the other person.
    pub today_each: i64,
}

/// What becomes of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A new request.
    Request,
    /// The other person has asked, too: they become friends.
    Befriend(FriendRequestId),
}

pub fn may_ask(now: Timestamp, caller: UserId, user: UserId, facts: RequestFacts, unknown: Refusal) -> Result<Asked> {
    if caller == user {
        return Err(Error::field("/user_id", "self", "must be somebody other than yourself"));
    }
    // Of whom the caller's own lists show, the caller knows: they may have become private since.
    let listed = facts.friends || facts.asked || facts.theirs.is_some();
    if !facts.visible && !listed {
        return Err(unknown.into());
    }
    let refusal = if facts.friends {
        FRIEND_ALREADY
    } else if facts.asked {
        FRIEND_PENDING
    } else if !has_room(facts.counts) {
        FRIEND_LIMIT
    } else if let Some(theirs) = facts.theirs {
        return Ok(Asked::Befriend(theirs));
    } else if let Some(until) = facts.rejected_at.and_then(|at| again_at(now, at)) {
        return Err(Error::TooEarly { refusal: FRIEND_TOO_SOON, until });
    } else if facts.open >= MOST_OPEN {
        FRIEND_REQUESTS
    } else if facts.today >= MOST_A_DAY || facts.today_each >= MOST_A_DAY_EACH {
        FRIEND_REQUESTS_TODAY
    } else {
        return Ok(Asked::Request);
    };
    Err(refusal.into())
}

/// Nobody is suggested to themselves.
pub fn may_dismiss(caller: UserId, user: UserId) -> Result<()> {
    if caller == user {
        return Err(Error::field("{user_id}", "self", "must be somebody other than yourself"));
    }
    Ok(())
}

/// What is known of a request that somebody decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionFacts {
    pub from: UserId,
    pub to: UserId,
    pub status: RequestStatus,
    pub created_at: Timestamp,
    /// How many friends the two have.
    pub counts: [i64; 2],
}

/// The status that the request gets.
pub fn decide(now: Timestamp, caller: UserId, action: Action, facts: DecisionFacts) -> Result<RequestStatus, Refusal> {
    let (by, after) = match action {
        Action::Accept => (facts.to, RequestStatus::Accepted),
        Action::Reject => (facts.to, RequestStatus::Rejected),
        Action::Cancel => (facts.from, RequestStatus::Cancelled),
    };
    if caller != facts.from && caller != facts.to {
        return Err(FRIEND_REQUEST_UNKNOWN);
    }
    if caller != by {
        return Err(FRIEND_REQUEST_FORBIDDEN);
    }
    if facts.status != RequestStatus::Pending || is_over(now, facts.created_at) {
        return Err(FRIEND_REQUEST_DECIDED);
    }
    if action == Action::Accept && !has_room(facts.counts) {
        return Err(FRIEND_LIMIT);
    }
    Ok(after)
}

fn has_room(counts: [i64; 2]) -> bool {
    counts.into_iter().all(|count| count < MOST_FRIENDS)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, error::Kind};

    use super::*;

    const DAY: i64 = 24 * 3600 * 1_000_000;

    #[test]
    fn may_ask_table() {
        let now = Timestamp::from_micros(100 * DAY);
        let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| Id::new(now));
        let unknown = Refusal::new(Kind::Unknown, "user.unknown", "");
        let theirs: FriendRequestId = Id::new(now);
        let free = RequestFacts { visible: true, ..RequestFacts::default() };
        let days_ago = |days: i64| Some(Timestamp::from_micros((100 - days) * DAY));
        for (user, facts, expected) in [
            (bob, free, "Request"),
            (ada, free, "self"),
            (bob, RequestFacts { visible: false, ..free }, "user.unknown"),
            (bob, RequestFacts { visible: false, rejected_at: days_ago(1), open: 50, ..free }, "user.unknown"),
            // Whoever has become private is still in the lists of the caller.
            (bob, RequestFacts { visible: false, friends: true, ..free }, "friend.already"),
            (bob, RequestFacts { visible: false, asked: true, ..free }, "friend.pending"),
            (bob, RequestFacts { visible: false, theirs: Some(theirs), ..free }, "Befriend"),
            (bob, RequestFacts { visible: false, theirs: Some(theirs), counts: [0, 5_000], ..free }, "friend.limit"),
            (bob, RequestFacts { friends: true, asked: true, ..free }, "friend.already"),
            (bob, RequestFacts { asked: true, ..free }, "friend.pending"),
            (
                bob,
                RequestFacts { theirs: Some(theirs), rejected_at: days_ago(1), open: 50, today: 100, ..free },
                "Befriend",
            ),
            (bob, RequestFacts { theirs: Some(theirs), counts: [4_999, 5_000], ..free }, "friend.limit"),
            (bob, RequestFacts { theirs: Some(theirs), counts: [4_999, 4_999], ..free }, "Befriend"),
            (bob, RequestFacts { counts: [5_000, 0], ..free }, "friend.limit"),
            (bob, RequestFacts { rejected_at: days_ago(6), ..free }, "friend.too_soon for 1 days"),
            (bob, RequestFacts { rejected_at: days_ago(7), ..free }, "Request"),
            // A clock that was ahead.
            (bob, RequestFacts { rejected_at: days_ago(-3), ..free }, "friend.too_soon for 7 days"),
            (bob, RequestFacts { open: 49, today: 99, ..free }, "Request"),
            (bob, RequestFacts { open: 50, ..free }, "friend.requests"),
            (bob, RequestFacts { today: 100, ..free }, "friend.requests_today"),
            (bob, RequestFacts { today_each: 4, ..free }, "Request"),
            (bob, RequestFacts { today_each: 5, ..free }, "friend.requests_today"),
            (bob, RequestFacts { theirs: Some(theirs), today_each: 5, ..free }, "Befriend"),
        ] {
            let decided = match may_ask(now, ada, user, facts, unknown) {
                Ok(Asked::Request) => "Request".to_owned(),
                Ok(Asked::Befriend(id)) => {
                    assert_eq!(id, theirs);
                    "Befriend".to_owned()
                }
                Err(Error::Refused(refusal)) => refusal.code.to_owned(),
                Err(Error::TooEarly { refusal, until }) => {
                    format!("{} for {} days", refusal.code, until.since(now).as_secs() / 86_400)
                }
                Err(Error::Invalid(errors)) => errors[0].code.to_string(),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(decided, expected, "{facts:?}");
        }
    }

    #[test]
    fn decide_table() {
        let now = Timestamp::from_micros(100 * DAY);
        let [from, to, eve]: [UserId; 3] = std::array::from_fn(|_| Id::new(now));
        use {Action::*, RequestStatus::*};
        let facts = |status, days: i64, counts| DecisionFacts {
            from,
            to,
            status,
            created_at: Timestamp::from_micros((100 - days) * DAY),
            counts,
        };
        for (caller, action, status, days, counts, expected) in [
            (to, Accept, Pending, 0, [0, 0], Ok(Accepted)),
            (to, Reject, Pending, 0, [5_000, 5_000], Ok(Rejected)),
            (from, Cancel, Pending, 0, [5_000, 0], Ok(Cancelled)),
            (from, Accept, Pending, 0, [0, 0], Err(FRIEND_REQUEST_FORBIDDEN)),
            (from, Reject, Pending, 0, [0, 0], Err(FRIEND_REQUEST_FORBIDDEN)),
            (to, Cancel, Pending, 0, [0, 0], Err(FRIEND_REQUEST_FORBIDDEN)),
            (eve, Accept, Pending, 0, [0, 0], Err(FRIEND_REQUEST_UNKNOWN)),
            (eve, Cancel, Accepted, 0, [0, 0], Err(FRIEND_REQUEST_UNKNOWN)),
            (to, Accept, Accepted, 0, [0, 0], Err(FRIEND_REQUEST_DECIDED)),
            (to, Accept, Rejected, 0, [0, 0], Err(FRIEND_REQUEST_DECIDED)),
            (from, Cancel, Cancelled, 0, [0, 0], Err(FRIEND_REQUEST_DECIDED)),
            (to, Accept, Pending, 29, [0, 0], Ok(Accepted)),
            (to, Accept, Pending, 30, [0, 0], Err(FRIEND_REQUEST_DECIDED)),
            (to, Accept, Pending, 0, [5_000, 0], Err(FRIEND_LIMIT)),
            (to, Accept, Pending, 0, [0, 5_000], Err(FRIEND_LIMIT)),
        ] {
            let decided = decide(now, caller, action, facts(status, days, counts));
            assert_eq!(decided, expected, "{action:?} {status:?} {days} {counts:?}");
        }
    }
}
