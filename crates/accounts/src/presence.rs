//! Presence: what people say they are doing, whether they are connected, and when they last were.
//!
//! A person is online while one of their sockets is open, and for a moment after that, so that a page that reloads is not
//! heard of. What they chose then says whether others see `online`, `away` or `busy`; who is `invisible` looks like
//! somebody who is not connected, in everything. Who sees any of this is a setting of the person
//! ([`crate::model::Privacy::last_seen`]).

use std::time::Duration;

use clowder_core::{
    Error, Fields, Input, Presence, Result, Timestamp, UserId, Visibility, Word, input::past, text::Flaw,
};
use serde::{Deserialize, Serialize};

use crate::model::{Audience, Note, ProfilePatch, Until};

/// How long people whose last socket has closed still count as online.
pub const LINGER: Duration = Duration::from_secs(5);

/// Friends hear of a person at most this often; in the end they have heard how it is.
pub const TELL_EVERY: Duration = Duration::from_secs(5);

/// People who have done nothing for this long are away, unless the server says otherwise.
pub const AWAY_AFTER: Duration = Duration::from_secs(600);

/// How long a socket hears of those whom it watches.
pub const WATCHED_FOR: Duration = Duration::from_secs(900);

/// How many people a socket can watch.
pub const MOST_WATCHED: usize = 200;

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

/// Somebody became invisible: when, and what they had chosen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vanished {
    pub at: Timestamp,
    pub was: PresenceStatus,
}

/// How somebody is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    pub since: Timestamp,
    /// On none of their devices have they done anything for long.
    pub idle: bool,
}

/// What is known of somebody's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PresenceFacts {
    /// What they chose, until when if it ends by itself.
    pub status: PresenceStatus,
    pub until: Option<Timestamp>,
    /// Since when they are connected; `None` if they are not.
    pub since: Option<Timestamp>,
    /// They are connected and have done nothing for long.
    pub idle: bool,
    /// When they were last connected and visible; `None` if that is unknown.
    pub last_seen_at: Option<Timestamp>,
    /// When they became invisible, if they are.
    pub vanished: Option<Vanished>,
}

impl PresenceFacts {
    /// The same of somebody who is connected like this.
    #[must_use]
    pub fn with(self, connected: Option<Connected>) -> Self {
        Self { since: connected.map(|it| it.since), idle: connected.is_some_and(|it| it.idle), ..self }
    }

    /// What they have chosen at this time.
    pub fn status_at(&self, now: Timestamp) -> PresenceStatus {
        if self.until.is_some_and(|until| until <= now) { PresenceStatus::default() } else { self.status }
    }

    /// How they became invisible while they were connected.
    fn vanished(&self, now: Timestamp) -> Option<Vanished> {
        let connected = |vanished: &Vanished| self.since.is_some_and(|since| since <= vanished.at);
        self.vanished.filter(|_| self.status_at(now) == PresenceStatus::Invisible).filter(connected)
    }

    /// Until when others see what they saw before: whoever becomes invisible goes like somebody who disconnects. After a
    /// clock was ahead, what lies far in the future is over.
    pub fn fades_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.vanished(now).filter(|vanished| vanished.at <= now.plus(LINGER))?.at.plus(LINGER);
        (until > now).then_some(until)
    }

    /// When they became invisible, once nobody sees them any more.
    pub fn vanished_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.vanished(now).filter(|_| self.fades_until(now).is_none()).map(|vanished| vanished.at.min(now))
    }

    pub fn presence(&self, now: Timestamp) -> Presence {
        let fading = self.vanished.filter(|_| self.fades_until(now).is_some());
        let status = fading.map_or_else(|| self.status_at(now), |vanished| vanished.was);
        match status {
            _ if self.since.is_none() => Presence::Offline,
            PresenceStatus::Online if !self.idle => Presence::Online,
            PresenceStatus::Online | PresenceStatus::Away => Presence::Away,
            PresenceStatus::Busy => Presence::Busy,
            PresenceStatus::Invisible => Presence::Offline,
        }
    }

    /// When others last saw them online: while they are, the present minute, so that it is not another one at every look.
    pub fn last_seen_at(&self, now: Timestamp) -> Option<Timestamp> {
        let known = self.last_seen_at.map(|at| at.min(now));
        let minute = Timestamp::from_micros(now.as_micros() - now.as_micros().rem_euclid(MINUTE));
        if self.presence(now) == Presence::Offline { known.max(self.vanished_at(now)) } else { known.max(Some(minute)) }
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

/// Whose presence a socket watches.
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = PresenceWatch, example = json!({"ids": ["01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"]}))]
pub struct Watch {
    #[schema(min_items = 1, max_items = 200)]
    pub ids: Vec<UserId>,
}

impl Input for Watch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let ids: Option<Vec<UserId>> = fields.required_list("ids", MOST_WATCHED);
        if ids.as_ref().is_some_and(Vec::is_empty) {
            fields.flaw("ids", Flaw::new("required", "must name at least one person"));
        }
        ids.map(|ids| Self { ids })
    }
}

/// Those of the named people whose presence you see, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = PresenceWatched)]
pub struct Watched {
    pub people: Vec<PresenceNews>,
    /// Until when you hear of them.
    pub until: Timestamp,
}

/// What a person shows of their presence, and to whom: the payload of `presence.updated`, for their own devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PresenceUpdated {
    #[serde(skip)]
    pub user: UserId,
    pub status: PresenceStatus,
    /// The status text of the profile.
    pub text: Option<String>,
    /// When status and text end by themselves.
    pub until: Option<Timestamp>,
    /// Who sees your presence: those who see the profile, as far as `privacy.last_seen` lets them.
    pub seen_by: Audience,
    /// Who sees the text: the same with `privacy.bio`.
    pub text_seen_by: Audience,
}

/// Who sees a part of a profile: those who see the profile, as far as the setting lets them.
pub const fn seen_by(visibility: Visibility, setting: Audience) -> Audience {
    match (visibility, setting) {
        (Visibility::Private, _) | (_, Audience::Nobody) => Audience::Nobody,
        (Visibility::Friends, _) | (_, Audience::Friends) => Audience::Friends,
        (Visibility::Public, Audience::Everyone) => Audience::Everyone,
    }
}

/// What friends hear about somebody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PresenceNews {
    pub user_id: UserId,
    /// `null` if you may no longer see it.
    pub status: Option<Presence>,
    /// The status text, for those who may see it, unless the person is offline.
    pub text: Option<String>,
    /// When status and text end by themselves.
    pub until: Option<Timestamp>,
    pub last_seen_at: Option<Timestamp>,
}

impl PresenceNews {
    /// Of somebody whose presence is hidden.
    pub const fn hidden(user_id: UserId) -> Self {
        Self { user_id, status: None, text: None, until: None, last_seen_at: None }
    }

    /// The presence of somebody who looks as if they were there.
    pub fn there(&self) -> Option<Presence> {
        self.status.filter(|status| *status != Presence::Offline)
    }
}

/// The event for a change of what friends see, who see nothing of people who are offline or hide; `None` if they see the
/// same as before.
pub fn news(before: Option<Presence>, after: Option<Presence>, other_text: bool) -> Option<&'static str> {
    match (before, after) {
        // Nobody hears of who looks offline, whatever they write.
        (None, None) => None,
        (None, Some(_)) => Some(USER_ONLINE),
        (Some(_), None) => Some(USER_OFFLINE),
        (Some(before), Some(after)) => (before != after || other_text).then_some(USER_STATUS),
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
        PresenceFacts { status, since: connected.then_some(NOW.minus(LINGER)), ..PresenceFacts::default() }
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
    fn who_does_nothing_for_long_is_away_unless_they_say_otherwise() {
        for (status, connected, expected) in [
            (PresenceStatus::Online, true, Presence::Away),
            (PresenceStatus::Busy, true, Presence::Busy),
            (PresenceStatus::Invisible, true, Presence::Offline),
            (PresenceStatus::Online, false, Presence::Offline),
        ] {
            let facts = PresenceFacts { idle: true, ..facts(status, connected) };
            assert_eq!(facts.presence(NOW), expected, "{status:?} {connected}");
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
    fn who_becomes_invisible_fades_like_somebody_who_disconnects() {
        let [earlier, at] = [60, 3].map(|seconds| NOW.minus(Duration::from_secs(seconds)));
        let vanished = Some(Vanished { at, was: PresenceStatus::Busy });
        let facts = PresenceFacts {
            since: Some(earlier),
            last_seen_at: Some(earlier),
            vanished,
            ..facts(PresenceStatus::Invisible, true)
        };
        let visible = PresenceFacts { status: PresenceStatus::Busy, vanished: None, ..facts };
        for now in [at, NOW, at.plus(LINGER).minus(Duration::from_micros(1))] {
            let seen = |facts: PresenceFacts| (facts.presence(now), facts.last_seen_at(now));
            assert_eq!(seen(facts), seen(visible), "as before");
        }
        assert_eq!(facts.fades_until(NOW), Some(at.plus(LINGER)));
        let over = at.plus(LINGER);
        assert_eq!((facts.presence(over), facts.fades_until(over)), (Presence::Offline, None));
        assert_eq!(facts.last_seen_at(over), Some(at), "as exactly as if they had left");
        for other in [
            PresenceFacts { since: None, ..facts },
            // Nobody could see them before.
            PresenceFacts { since: Some(NOW), ..facts },
            PresenceFacts { vanished: None, ..facts },
            PresenceFacts { vanished: Some(Vanished { at: NOW.plus(LINGER * 2), was: PresenceStatus::Busy }), ..facts },
        ] {
            assert_eq!((other.presence(NOW), other.fades_until(NOW)), (Presence::Offline, None), "{other:?}");
        }
    }

    #[test]
    fn seen_by_table() {
        use Audience::{Everyone, Friends, Nobody};
        for (visibility, expected) in [
            (Visibility::Public, [Everyone, Friends, Nobody]),
            (Visibility::Friends, [Friends, Friends, Nobody]),
            (Visibility::Private, [Nobody; 3]),
        ] {
            let seen = [Everyone, Friends, Nobody].map(|setting| seen_by(visibility, setting));
            assert_eq!(seen, expected, "{visibility:?}");
        }
    }

    #[test]
    fn news_table() {
        use Presence::{Away, Busy, Online};
        for (before, after, other_text, expected) in [
            (None, None, false, None),
            (None, None, true, None),
            (None, Some(Away), false, Some("user.online")),
            (None, Some(Online), true, Some("user.online")),
            (Some(Busy), None, true, Some("user.offline")),
            (Some(Online), None, false, Some("user.offline")),
            (Some(Online), Some(Online), false, None),
            (Some(Online), Some(Online), true, Some("user.status")),
            (Some(Away), Some(Busy), false, Some("user.status")),
        ] {
            assert_eq!(news(before, after, other_text), expected, "{before:?} {after:?} {other_text}");
        }
    }
}
