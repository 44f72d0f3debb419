//! The rules of push: who may subscribe, how urgent something is, how long it is worth sending, and what follows from what
//! became of it.

use std::time::Duration;

use clowder_core::{Error, Result, Timestamp, job::pause};

use super::{
    model::{Offers, Target},
    refusals::PUSH_LIMIT,
    sender::{Outcome, Urgency},
};
use crate::NotificationType;

/// How many subscriptions one person can have.
pub const MOST_SUBSCRIPTIONS: i64 = 20;
/// After so many tries, the service has had its chance.
pub const MOST_TRIES: i16 = 15;
/// A subscription of which so much in a row was refused is of no use.
pub const MOST_REFUSALS: i16 = 20;
/// A service that has not answered for so long has gone for good, and does not say so.
pub const FAILING_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

/// Whether this server can reach such a device.
pub fn is_offered(offers: &Offers, target: &Target) -> Result<()> {
    if !offers.kinds().contains(&target.kind()) {
        return Err(Error::field("/kind", "unreachable", "this server sends nothing to such devices"));
    }
    match target {
        Target::Apns { topic, .. } if !offers.apns_topics.contains(topic) => {
            Err(Error::field("/app", "unreachable", "this server sends nothing to this app"))
        }
        _ => Ok(()),
    }
}

/// Whether somebody may have one more, of so many.
pub fn may_subscribe(others: i64) -> Result<()> {
    if others < MOST_SUBSCRIPTIONS { Ok(()) } else { Err(PUSH_LIMIT.into()) }
}

/// Whether a device wakes up for it, even to save its battery (RFC 8030 §5.3).
pub fn urgency(kind: NotificationType) -> Urgency {
    use NotificationType::*;
    match kind {
        MessageDirect | MessageMention | MessageReply | EventReminder | EventCancelled | EventWaitlist
        | AccountSecurity => Urgency::High,
        MessageReaction => Urgency::Low,
        _ => Urgency::Normal,
    }
}

/// How long something is worth telling to a device that was off.
pub fn lifetime(kind: NotificationType) -> Duration {
    use NotificationType::*;
    const HOUR: u64 = 3600;
    let hours = match kind {
        EventReminder => 1,
        MessageReaction => 12,
        MessageMention | MessageReply | MessageDirect | MessageChat => 24,
        AccountSecurity => 7 * 24,
        _ => 3 * 24,
    };
    Duration::from_secs(hours * HOUR)
}

/// What becomes of something that was tried to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There is nothing more to do.
    Done,
    /// It could not be told, and is not tried again.
    Dropped,
    /// The device is gone, and its subscription with it.
    Forget,
    Again(Timestamp),
}

/// What was tried, and what came before.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    pub now: Timestamp,
    /// How long it is worth sending.
    pub until: Timestamp,
    /// Those that have reached the service, this one not included.
    pub tries: i16,
    /// How much in a row was refused of what was sent to the device, this not included.
    pub refusals: i16,
    /// When the service was first found not to answer, if it has not answered since.
    pub failing_since: Option<Timestamp>,
}

/// What follows from what has become of a try. `jitter` is 0 to 1.
pub fn next(tries: &Tries, jitter: f64, outcome: &Outcome) -> Next {
    let Tries { now, until, tries, refusals, failing_since } = *tries;
    match outcome {
        Outcome::Delivered => Next::Done,
        Outcome::Gone => Next::Forget,
        Outcome::Refused(_) if refusals.saturating_add(1) >= MOST_REFUSALS => Next::Forget,
        Outcome::Refused(_) => Next::Dropped,
        Outcome::Waits(wait) => again(now, until, *wait + spread(jitter)),
        Outcome::Failed { .. } if failing_since.is_some_and(|since| now.since(since) >= FAILING_FOR) => Next::Forget,
        Outcome::Failed { .. } if tries.saturating_add(1) >= MOST_TRIES => Next::Dropped,
        Outcome::Failed { retry_after, .. } => {
            let own = pause(tries.saturating_add(1), jitter);
            // A service that asks for less gets more: it has failed.
            again(now, until, retry_after.map_or(own, |asked| own.max(asked + spread(jitter))))
        }
    }
}

/// So that all that waits for the same moment does not come in the same.
fn spread(jitter: f64) -> Duration {
    Duration::from_secs(2).mul_f64(jitter.clamp(0.0, 1.0))
}

fn again(now: Timestamp, until: Timestamp, wait: Duration) -> Next {
    let at = now.plus(wait);
    if at < until { Next::Again(at) } else { Next::Dropped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::model::WebTarget;

    #[test]
    fn only_what_the_server_reaches_is_taken() {
        let web = Target::Web(WebTarget { endpoint: "https://x/".into(), p256dh: [4; 65], auth: [0; 16] });
        let fcm = Target::Fcm { token: "t".into(), app: None };
        let apns = |topic: &str| Target::Apns { token: "00".into(), topic: topic.into() };
        let all = Offers { web: true, fcm: true, apns_topics: vec!["a.b".into()] };
        let none = Offers::default();
        for (offers, target, wrong) in [
            (&all, &web, None),
            (&all, &fcm, None),
            (&all, &apns("a.b"), None),
            (&all, &apns("a.c"), Some("/app")),
            (&none, &web, Some("/kind")),
            (&none, &fcm, Some("/kind")),
            (&none, &apns("a.b"), Some("/kind")),
        ] {
            let told = match is_offered(offers, target) {
                Err(Error::Invalid(errors)) => Some(errors[0].pointer.clone()),
                verdict => verdict.map(|()| None).unwrap(),
            };
            assert_eq!(told.as_deref(), wrong, "{target:?}");
        }
    }

    #[test]
    fn may_subscribe_table() {
        assert!(may_subscribe(MOST_SUBSCRIPTIONS - 1).is_ok());
        assert!(may_subscribe(MOST_SUBSCRIPTIONS).is_err());
    }

    #[test]
    fn next_table() {
        let now = Timestamp::from_micros(1_000_000_000);
        let at = |seconds| now.plus(Duration::from_secs(seconds));
        let (day, soon) = (at(86_400), at(4));
        let failed =
            |after: Option<u64>| Outcome::Failed { retry_after: after.map(Duration::from_secs), why: "503".into() };
        let waits = |seconds| Outcome::Waits(Duration::from_secs(seconds));
        let refused = || Outcome::Refused("413".into());
        let (fresh, old) = (Some(now.minus(FAILING_FOR / 2)), Some(now.minus(FAILING_FOR)));
        for (until, tries, refusals, failing_since, outcome, expected) in [
            (day, 0, 0, None, Outcome::Delivered, Next::Done),
            (day, 9, 9, old, Outcome::Gone, Next::Forget),
            (day, 0, 0, None, refused(), Next::Dropped),
            (day, 0, MOST_REFUSALS - 1, None, refused(), Next::Forget),
            (day, 0, 0, None, failed(None), Next::Again(at(5))),
            (day, 1, 1, fresh, failed(None), Next::Again(at(10))),
            (day, 0, 0, None, failed(Some(120)), Next::Again(at(121))),
            (day, 3, 3, None, failed(Some(1)), Next::Again(at(40))),
            (soon, 0, 0, None, failed(None), Next::Dropped),
            (day, 0, 0, None, failed(Some(90_000)), Next::Dropped),
            (day, MOST_TRIES - 1, 3, None, failed(None), Next::Dropped),
            (day, 0, 0, old, failed(None), Next::Forget),
            // Waiting costs no try, however often.
            (day, MOST_TRIES, MOST_REFUSALS, old, waits(30), Next::Again(at(31))),
            (soon, 0, 0, None, waits(30), Next::Dropped),
        ] {
            let facts = Tries { now, until, tries, refusals, failing_since };
            assert_eq!(next(&facts, 0.5, &outcome), expected, "{facts:?} {outcome:?}");
        }
    }
}
