//! Presence: what people say they are doing, whether they are connected, and when they last were.
//!
//! A person is online while one of their sockets is open, and for a moment after that, so that a page that reloads is not
//! heard of. What they chose then says whether others see `online`, `away` or `busy`; who is `invisible` looks like
//! somebody who is not connected, in everything. Who sees any of this is a setting of the person
//! ([`crate::model::Privacy::last_seen`]).

use std::time::Duration;

use clowder_core::{Error, Fields, Input, Presence, Result, Timestamp, UserId, Word, input::past};
use serde::{Deserialize, Serialize};

use crate::model::{Note, ProfilePatch, Until};

/// How long people whose last socket has closed still count as online.
pub const LINGER: Duration = Duration::from_secs(10);

/// In microseconds.
const MINUTE: i64 = 60_000_000;

/// What a person chose to be seen as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresenceStatus {
    #[default]
    Online,
    Away,
    Busy,
    /// As if not connected.
    Invisible,
}

impl Word for PresenceStatus {
    const WHAT: &'static str = "status";
    const WORDS: &'static [(&'static str, Self)] =
        &[("online", Self::Online), ("away", Self::Away), ("busy", Self::Busy), ("invisible", Self::Invisible)];
}

/// What is known of somebody's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PresenceFacts {
    /// What they chose, until when if it ends by itself.
    pub status: PresenceStatus,
    pub until: Option<Timestamp>,
    /// They are connected.
    pub connected: bool,
    /// When they were last connected and visible; `None` if that is unknown.
    pub last_seen_at: Option<Timestamp>,
}

impl PresenceFacts {
    /// What they have chosen at this time.
    pub fn status_at(&self, now: Timestamp) -> PresenceStatus {
        if self.until.is_some_and(|until| until <= now) { PresenceStatus::default() } else { self.status }
    }

    pub fn presence(&self, now: Timestamp) -> Presence {
        match self.status_at(now) {
            _ if !self.connected => Presence::Offline,
            PresenceStatus::Online => Presence::Online,
            PresenceStatus::Away => Presence::Away,
            PresenceStatus::Busy => Presence::Busy,
            PresenceStatus::Invisible => Presence::Offline,
        }
    }

    /// When others last saw them online: while they are, the present minute, so that it is not another one at every look.
    pub fn last_seen_at(&self, now: Timestamp) -> Option<Timestamp> {
        let known = self.last_seen_at.map(|at| at.min(now));
        let minute = Timestamp::from_micros(now.as_micros() - now.as_micros().rem_euclid(MINUTE));
        if self.presence(now) == Presence::Offline { known } else { known.max(Some(minute)) }
    }
}

/// One's own presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OwnPresence {
    pub status: PresenceStatus,
    /// The status text of the profile.
    pub text: Option<String>,
    /// When status and text end by themselves.
    pub until: Option<Timestamp>,
    /// What those see who may see it.
    pub presence: Presence,
    /// When those who may see it last saw you online; to the minute while you are.
    pub last_seen_at: Option<Timestamp>,
}

/// The status and its text, both as a whole.
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"status": "busy", "text": "in a meeting", "until": "2099-12-31T18:04:05.678Z"}))]
pub struct NewPresence {
    pub status: PresenceStatus,
    /// Becomes the status text of the profile; without it, or with `null`, that is cleared.
    #[schema(value_type = Option<String>, max_length = 140)]
    pub text: Option<Note<140>>,
    /// When both end by themselves, in the future: the status is `online` then, and there is no text. Without it, never.
    #[schema(value_type = Option<Timestamp>)]
    pub until: Option<Until>,
}

impl Input for NewPresence {
    fn read(fields: &mut Fields) -> Option<Self> {
        let status = fields.required("status");
        let (text, until): (_, Option<Option<Until>>) = (fields.patch("text"), fields.patch("until"));
        fields.expect_future("until", until.flatten().and_then(|until| until.0));
        Some(Self { status: status?, text: text?, until: until? })
    }
}

impl NewPresence {
    /// Both end in the future.
    pub fn may_end(&self, now: Timestamp) -> Result<()> {
        match self.until() {
            Some(until) if until <= now => Err(Error::Invalid(vec![past().at("/until")])),
            _ => Ok(()),
        }
    }

    pub fn until(&self) -> Option<Timestamp> {
        self.until.and_then(|until| until.0)
    }

    /// What this changes in the profile.
    pub fn profile(self) -> ProfilePatch {
        let until = Until(self.until().filter(|_| self.text.as_ref().is_some_and(|text| !text.is_empty())));
        let text = self.text.unwrap_or_default();
        ProfilePatch { status_text: Some(text), status_until: Some(until), ..ProfilePatch::default() }
    }
}

/// What others hear about somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PresenceNews {
    pub user_id: UserId,
    pub status: Presence,
    /// The status text, for those who may see it.
    pub text: Option<String>,
    /// When status and text end by themselves.
    pub until: Option<Timestamp>,
    pub last_seen_at: Option<Timestamp>,
}

/// Somebody came online or went offline, at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub user: UserId,
    pub came: bool,
    pub at: Timestamp,
}

impl Turn {
    /// What others hear of it.
    pub const fn event(&self) -> &'static str {
        if self.came { USER_ONLINE } else { USER_OFFLINE }
    }
}

/// The event for a change of what others see; `None` if they see the same as before.
pub fn news(before: Presence, after: Presence, other_text: bool) -> Option<&'static str> {
    use Presence::Offline;
    match (before, after) {
        // Nobody hears of who looks offline, whatever they write.
        (Offline, Offline) => None,
        (Offline, _) => Some(USER_ONLINE),
        (_, Offline) => Some(USER_OFFLINE),
        _ => (before != after || other_text).then_some(USER_STATUS),
    }
}

pub const USER_ONLINE: &str = "user.online";
pub const USER_OFFLINE: &str = "user.offline";
pub const USER_STATUS: &str = "user.status";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn facts(status: PresenceStatus, connected: bool) -> PresenceFacts {
        PresenceFacts { status, connected, ..PresenceFacts::default() }
    }

    #[test]
    fn presence_table() {
        for (status, connected, expected) in [
            (PresenceStatus::Online, true, Presence::Online),
            (PresenceStatus::Away, true, Presence::Away),
            (PresenceStatus::Busy, true, Presence::Busy),
            (PresenceStatus::Invisible, true, Presence::Offline),
            (PresenceStatus::Online, false, Presence::Offline),
            (PresenceStatus::Away, false, Presence::Offline),
            (PresenceStatus::Busy, false, Presence::Offline),
            (PresenceStatus::Invisible, false, Presence::Offline),
        ] {
            assert_eq!(facts(status, connected).presence(NOW), expected, "{status:?} {connected}");
        }
    }

    #[test]
    fn a_status_ends_at_its_time() {
        for (until, expected) in [
            (None, Presence::Offline),
            (Some(NOW.plus(Duration::from_secs(1))), Presence::Offline),
            (Some(NOW), Presence::Online),
        ] {
            let facts = PresenceFacts { until, ..facts(PresenceStatus::Invisible, true) };
            assert_eq!(facts.presence(NOW), expected, "{until:?}");
        }
    }

    #[test]
    fn who_is_invisible_was_last_seen_when_somebody_could_see_it() {
        let earlier = NOW.minus(Duration::from_secs(120));
        let seen = |status, connected| {
            PresenceFacts { last_seen_at: Some(earlier), ..facts(status, connected) }.last_seen_at(NOW)
        };
        assert_eq!(seen(PresenceStatus::Busy, true), Some(NOW.minus(Duration::from_secs(20))), "the present minute");
        assert_eq!(seen(PresenceStatus::Busy, false), Some(earlier));
        assert_eq!(seen(PresenceStatus::Invisible, true), Some(earlier));
        let ahead = PresenceFacts { last_seen_at: Some(NOW.plus(LINGER)), ..PresenceFacts::default() };
        assert_eq!(ahead.last_seen_at(NOW), Some(NOW), "a clock was ahead");
    }

    #[test]
    fn news_table() {
        use Presence::{Away, Busy, Offline, Online};
        for (before, after, other_text, expected) in [
            (Offline, Offline, false, None),
            (Offline, Offline, true, None),
            (Offline, Away, false, Some("user.online")),
            (Offline, Online, true, Some("user.online")),
            (Busy, Offline, true, Some("user.offline")),
            (Online, Offline, false, Some("user.offline")),
            (Online, Online, false, None),
            (Online, Online, true, Some("user.status")),
            (Away, Busy, false, Some("user.status")),
        ] {
            assert_eq!(news(before, after, other_text), expected, "{before:?} {after:?} {other_text}");
        }
    }
}
