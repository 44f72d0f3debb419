//! What a person wants to be told, and how: channels for each type, quiet hours, a digest, and what a push may show.

use std::collections::BTreeMap;

use clowder_core::{Field, Fields, Input, Nested, Nullable, TimeZone, Timestamp, Word, input::string, text::Flaw};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::NotificationType;

/// By which channels somebody is told about one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = NotificationChannels)]
pub struct Channels {
    pub inbox: bool,
    pub push: bool,
    pub mail: bool,
}

/// What the person's general settings say about messages, as far as they have chosen nothing for a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    pub push: bool,
    pub mail: bool,
}

impl NotificationType {
    /// Who has chosen nothing. Every message in the inbox would bury the rest, so plain messages are only pushed. Mails are
    /// for what waits for an answer, or changes plans; those about the account are not sent where the account itself sends one.
    pub const fn default_channels(self, defaults: Defaults) -> Channels {
        let Defaults { push, mail } = defaults;
        match self {
            Self::MessageMention | Self::MessageReply => Channels { inbox: true, push, mail },
            Self::MessageDirect | Self::MessageChat => Channels { inbox: false, push, mail: false },
            Self::MessageReaction => Channels { inbox: true, push, mail: false },
            Self::FriendAccepted
            | Self::ChatRequest
            | Self::GroupRequest
            | Self::EventReminder
            | Self::ReportDecided => Channels { inbox: true, push: true, mail: false },
            Self::FriendRequest
            | Self::ChatInvited
            | Self::GroupInvited
            | Self::EventInvited
            | Self::EventChanged
            | Self::EventCancelled
            | Self::EventWaitlist
            | Self::AccountSecurity => Channels { inbox: true, push: true, mail: true },
            Self::System => Channels { inbox: true, push: false, mail: false },
        }
    }
}

/// A time of the day, in whole minutes: `22:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    pub const fn minute(self) -> u16 {
        self.0
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let number = |digits: &str, most: u16| {
            let right = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
            digits.parse::<u16>().ok().filter(|number| right && *number <= most)
        };
        Some(Self(number(hours, 23)? * 60 + number(minutes, 59)?))
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a time of the day"))
    }
}

impl Field for TimeOfDay {
    fn parse(value: Value) -> Result<Self, Flaw> {
        Self::parse(&string(value)?).ok_or_else(|| Flaw::new("time_of_day", "must be a time of the day, such as 22:00"))
    }
}

/// When neither push nor mail disturbs. `to` may be before `from`: then it is on the next day. If both are the same, it is
/// always quiet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QuietHours {
    #[schema(value_type = String, example = "22:00", max_length = 5, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: TimeOfDay,
    #[schema(value_type = String, example = "07:00", max_length = 5, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub to: TimeOfDay,
    /// A name of the IANA time zone database.
    #[schema(example = "Europe/Berlin", max_length = 64)]
    pub time_zone: String,
}

impl QuietHours {
    /// The end of the quiet hours, if this moment is in them. By the clocks of the time zone, whatever they jump.
    pub fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::stored(&self.time_zone);
        let (minute, from, to) = (zone.minute_of_day(at), self.from.minute(), self.to.minute());
        let is_quiet = if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to };
        is_quiet.then(|| zone.next_minute(to, at))
    }
}

impl Input for QuietHours {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (from, to) = (fields.required("from"), fields.required("to"));
        let time_zone: Option<TimeZone> = fields.required("time_zone");
        fields.nothing_else();
        Some(Self { from: from?, to: to?, time_zone: time_zone?.into_string() })
    }
}

/// Whether mails are gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationDigest)]
pub enum Digest {
    /// Each is a mail of its own.
    #[default]
    Off,
    Daily,
    Weekly,
}

impl Word for Digest {
    const WHAT: &'static str = "digest";
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("daily", Self::Daily), ("weekly", Self::Weekly)];
}

/// How much a push shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushPrivacy {
    /// Who it is from, and what it says.
    #[default]
    Full,
    /// Only who it is from.
    Sender,
    /// Only that there is something new.
    Nothing,
}

impl Word for PushPrivacy {
    const WHAT: &'static str = "privacy of pushes";
    const WORDS: &'static [(&'static str, Self)] =
        &[("full", Self::Full), ("sender", Self::Sender), ("nothing", Self::Nothing)];
}

/// What a person has chosen, and where they have not, what that means.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotificationPreferences {
    /// For each type of notification.
    #[schema(value_type = BTreeMap<String, Channels>)]
    pub channels: BTreeMap<NotificationType, Channels>,
    #[schema(required = true)]
    pub quiet_hours: Option<QuietHours>,
    pub digest: Digest,
    pub push_privacy: PushPrivacy,
    /// Starts at 1 and grows by one with each change.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl NotificationPreferences {
    pub fn channels(&self, kind: NotificationType, defaults: Defaults) -> Channels {
        self.channels.get(&kind).copied().unwrap_or_else(|| kind.default_channels(defaults))
    }
}

/// What is chosen for one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = NotificationChannelsPatch)]
pub struct ChannelsPatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<bool>,
}

impl ChannelsPatch {
    fn over(self, Channels { inbox, push, mail }: Channels) -> Channels {
        Channels {
            inbox: self.inbox.unwrap_or(inbox),
            push: self.push.unwrap_or(push),
            mail: self.mail.unwrap_or(mail),
        }
    }

    /// What of it is not so already.
    fn beside(self, Channels { inbox, push, mail }: Channels) -> Self {
        let other = |wanted: Option<bool>, is: bool| wanted.filter(|wanted| *wanted != is);
        Self { inbox: other(self.inbox, inbox), push: other(self.push, push), mail: other(self.mail, mail) }
    }

    fn after(self, later: Self) -> Self {
        Self { inbox: later.inbox.or(self.inbox), push: later.push.or(self.push), mail: later.mail.or(self.mail) }
    }
}

impl Input for ChannelsPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (inbox, push, mail) = (fields.optional("inbox"), fields.optional("push"), fields.optional("mail"));
        fields.nothing_else();
        Some(Self { inbox: inbox?, push: push?, mail: mail? })
    }
}

/// What is stored: only what the person has chosen, so that the rest follows their general settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub channels: BTreeMap<NotificationType, ChannelsPatch>,
    pub quiet_hours: Option<QuietHours>,
    pub digest: Digest,
    pub push_privacy: PushPrivacy,
    pub version: i64,
}

impl Default for Chosen {
    fn default() -> Self {
        Self {
            channels: BTreeMap::new(),
            quiet_hours: None,
            digest: Digest::default(),
            push_privacy: PushPrivacy::default(),
            version: 1,
        }
    }
}

impl Chosen {
    pub fn channels(&self, kind: NotificationType, defaults: Defaults) -> Channels {
        self.channels.get(&kind).copied().unwrap_or_default().over(kind.default_channels(defaults))
    }

    /// As it is shown and used.
    pub fn shown(&self, defaults: Defaults) -> NotificationPreferences {
        NotificationPreferences {
            channels: NotificationType::all().map(|kind| (kind, self.channels(kind, defaults))).collect(),
            quiet_hours: self.quiet_hours.clone(),
            digest: self.digest,
            push_privacy: self.push_privacy,
            version: self.version,
        }
    }
}

/// What is changed; absent fields and types stay.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = NotificationPreferencesPatch)]
#[schema(example = json!({"channels": {"message.mention": {"mail": true}},
    "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "Europe/Berlin"}}))]
pub struct PreferencesPatch {
    /// Ignored, so that the whole object can be sent back; `If-Match` is what is compared.
    pub version: Option<i64>,
    /// For types of notifications.
    #[schema(value_type = Option<BTreeMap<String, ChannelsPatch>>)]
    pub channels: Option<BTreeMap<NotificationType, ChannelsPatch>>,
    /// `null` ends them.
    #[schema(value_type = Option<QuietHours>)]
    pub quiet_hours: Option<Nullable<QuietHours>>,
    pub digest: Option<Digest>,
    pub push_privacy: Option<PushPrivacy>,
}

struct PerType(BTreeMap<NotificationType, ChannelsPatch>);

impl Input for PerType {
    fn read(fields: &mut Fields) -> Option<Self> {
        let read = NotificationType::WORDS.iter().map(|(word, kind)| {
            let patch: Option<Option<Nested<ChannelsPatch>>> = fields.optional(word);
            patch.map(|patch| patch.map(|Nested(patch)| (*kind, patch)))
        });
        // All of them are read, so that all errors are told.
        let read: Vec<_> = read.collect();
        fields.nothing_else();
        let read: Option<Vec<_>> = read.into_iter().collect();
        Some(Self(read?.into_iter().flatten().collect()))
    }
}

impl Input for PreferencesPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let version = fields.optional("version");
        let channels = fields.optional::<Nested<PerType>>("channels");
        let quiet_hours = fields.patch::<Nullable<Nested<QuietHours>>>("quiet_hours");
        let (digest, push_privacy) = (fields.optional("digest"), fields.optional("push_privacy"));
        fields.nothing_else();
        Some(Self {
            version: version?,
            channels: channels?.map(|Nested(PerType(channels))| channels),
            quiet_hours: quiet_hours?.map(|Nullable(hours)| Nullable(hours.map(|Nested(hours)| hours))),
            digest: digest?,
            push_privacy: push_privacy?,
        })
    }
}

impl PreferencesPatch {
    /// What is chosen after this change, or `None` if it changes nothing that is shown.
    pub fn applied_to(self, old: &Chosen, defaults: Defaults) -> Option<Chosen> {
        let mut channels = old.channels.clone();
        for (kind, patch) in self.channels.into_iter().flatten() {
            let patch = patch.beside(old.channels(kind, defaults));
            if patch != ChannelsPatch::default() {
                let chosen = channels.entry(kind).or_default();
                *chosen = chosen.after(patch);
            }
        }
        let new = Chosen {
            channels,
            quiet_hours: self.quiet_hours.map_or_else(|| old.quiet_hours.clone(), |Nullable(hours)| hours),
            digest: self.digest.unwrap_or(old.digest),
            push_privacy: self.push_privacy.unwrap_or(old.push_privacy),
            version: old.version,
        };
        (new != *old).then(|| Chosen { version: old.version + 1, ..new })
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;
    use serde_json::json;

    use super::*;

    const DEFAULTS: Defaults = Defaults { push: true, mail: false };

    #[test]
    fn what_is_absent_stays() {
        let patch = json!({"channels": {"message.mention": {"mail": true}}, "digest": "daily",
            "quiet_hours": {"from": "22:00", "to": "07:00", "time_zone": "europe/berlin"}});
        let after = PreferencesPatch::from_json(patch).unwrap().applied_to(&Chosen::default(), DEFAULTS).unwrap();
        let shown = after.shown(DEFAULTS);
        assert_eq!(shown.channels[&NotificationType::MessageMention], Channels { inbox: true, push: true, mail: true });
        assert_eq!(shown.channels[&NotificationType::MessageReply], Channels { inbox: true, push: true, mail: false });
        assert_eq!((shown.version, shown.digest), (2, Digest::Daily));
        assert_eq!(shown.quiet_hours.as_ref().map(|hours| hours.time_zone.as_str()), Some("Europe/Berlin"));
        for same in [json!({}), json!({"channels": {}}), json!({"channels": {"system": {}}, "version": 9})] {
            assert_eq!(PreferencesPatch::from_json(same.clone()).unwrap().applied_to(&after, DEFAULTS), None, "{same}");
        }
        let ended =
            PreferencesPatch::from_json(json!({"quiet_hours": null})).unwrap().applied_to(&after, DEFAULTS).unwrap();
        assert_eq!((ended.quiet_hours, ended.version), (None, 3));
        // Whoever sends everything back changes nothing.
        let whole = PreferencesPatch::from_json(serde_json::to_value(&shown).unwrap()).unwrap();
        assert_eq!(whole.applied_to(&after, DEFAULTS), None);
    }

    #[test]
    fn every_fault_is_told() {
        let patch = json!({"channels": {"message.mention": {"mail": 1, "fax": true}, "message.smell": {}, "system": true},
            "quiet_hours": {"from": "24:00", "to": "7:00", "time_zone": "Mars/Olympus"}, "digest": "hourly",
            "push_privacy": 1});
        let Err(Error::Invalid(errors)) = PreferencesPatch::from_json(patch) else { panic!("must be invalid") };
        let mut seen: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_ref())).collect();
        seen.sort_unstable();
        assert_eq!(
            seen,
            [
                ("/channels/message.mention/fax", "unknown"),
                ("/channels/message.mention/mail", "type"),
                ("/channels/message.smell", "unknown"),
                ("/channels/system", "type"),
                ("/digest", "choice"),
                ("/push_privacy", "type"),
                ("/quiet_hours/from", "time_of_day"),
                ("/quiet_hours/time_zone", "time_zone"),
                ("/quiet_hours/to", "time_of_day"),
            ]
        );
    }

    #[test]
    fn quiet_hours_end_by_the_clocks_of_the_person() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let hours = |from: &str, to: &str| QuietHours {
            from: TimeOfDay::parse(from).unwrap(),
            to: TimeOfDay::parse(to).unwrap(),
            time_zone: "Europe/Berlin".to_owned(),
        };
        for (from, to, now, end) in [
            ("22:00", "07:00", "2026-12-01T20:59:59Z", None),
            ("22:00", "07:00", "2026-12-01T21:00:00Z", Some("2026-12-02T06:00:00Z")),
            ("22:00", "07:00", "2026-12-02T05:59:59Z", Some("2026-12-02T06:00:00Z")),
            ("22:00", "07:00", "2026-12-02T06:00:00Z", None),
            ("12:00", "13:00", "2026-12-02T11:30:00Z", Some("2026-12-02T12:00:00Z")),
            ("12:00", "13:00", "2026-12-02T12:00:00Z", None),
            // Always.
            ("08:00", "08:00", "2026-12-02T12:00:00Z", Some("2026-12-03T07:00:00Z")),
            // The nights in which the clocks change are an hour shorter and longer.
            ("22:00", "07:00", "2026-03-28T21:00:00Z", Some("2026-03-29T05:00:00Z")),
            ("22:00", "07:00", "2026-10-24T20:00:00Z", Some("2026-10-25T06:00:00Z")),
            // Until a time that the clocks skip, or show twice.
            ("22:00", "02:30", "2026-03-28T22:00:00Z", Some("2026-03-29T01:30:00Z")),
            ("22:00", "02:30", "2026-10-24T22:00:00Z", Some("2026-10-25T00:30:00Z")),
            ("22:00", "02:30", "2026-10-25T01:10:00Z", Some("2026-10-25T01:30:00Z")),
        ] {
            assert_eq!(hours(from, to).end(at(now)), end.map(at), "{from} to {to} at {now}");
        }
    }

    #[test]
    fn times_of_the_day_have_one_spelling() {
        for (text, read) in [
            ("00:00", Some(0)),
            ("23:59", Some(1439)),
            ("24:00", None),
            ("7:00", None),
            ("07:60", None),
            ("+7:00", None),
            ("0700", None),
            ("07:00:00", None),
        ] {
            assert_eq!(TimeOfDay::parse(text).map(TimeOfDay::minute), read, "{text}");
            assert!(read.is_none() || TimeOfDay::parse(text).unwrap().to_string() == text);
        }
    }
}
