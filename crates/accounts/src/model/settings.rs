//! Settings of users: language, time zone, privacy and notifications.

use clowder_core::{
    Field, Fields, Input, Nested, TimeZone, Word,
    input::string,
    text::{self, Flaw},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All settings of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Settings {
    /// A language tag (BCP 47).
    #[schema(example = "en")]
    pub language: String,
    /// A name of the IANA time zone database.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    pub theme: Theme,
    pub privacy: Privacy,
    pub notifications: Notifications,
    /// Starts at 1 and grows by one with each change; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Privacy {
    /// Who may see whether the user is online, and when they last were, among those who may see the profile.
    pub last_seen: Audience,
    /// Who may start a chat with the user, or add them to one. Existing chats are not affected.
    pub messages_from: FirstWriters,
    /// Whether read marks are shared: if not, others do not learn what the user has read, nor the user what others have.
    pub read_receipts: bool,
    /// Who may see the bio and the status text, among those who may see the profile.
    #[serde(default = "Audience::everyone")]
    #[schema(required = true)]
    pub bio: Audience,
    /// Who may see pronouns, location and links, among those who may see the profile.
    #[serde(default = "Audience::everyone")]
    #[schema(required = true)]
    pub details: Audience,
    /// Who may see the user's friends and how many they are, among those who may see the profile.
    #[serde(default = "Audience::everyone")]
    #[schema(required = true)]
    pub friends_list: Audience,
    /// Who may see the list of the user's pets and how many they are, among those who may see the profile.
    #[serde(default = "Audience::everyone")]
    #[schema(required = true)]
    pub pets: Audience,
    /// Who may see the email address, among those who may see the profile.
    #[serde(default = "Audience::nobody")]
    #[schema(required = true)]
    pub email: Audience,
}

/// The default for chats without a setting of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Notifications {
    pub about: About,
    pub push: bool,
    pub mail: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            time_zone: "UTC".to_owned(),
            theme: Theme::System,
            privacy: Privacy {
                last_seen: Audience::Everyone,
                messages_from: FirstWriters::Everyone,
                read_receipts: true,
                bio: Audience::Everyone,
                details: Audience::Everyone,
                friends_list: Audience::Everyone,
                pets: Audience::Everyone,
                email: Audience::Nobody,
            },
            notifications: Notifications { about: About::All, push: true, mail: false },
            version: 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    System,
    Light,
    Dark,
}

impl Word for Theme {
    const WHAT: &'static str = "theme";
    const WORDS: &'static [(&'static str, Self)] =
        &[("system", Self::System), ("light", Self::Light), ("dark", Self::Dark)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    Everyone,
    Friends,
    Nobody,
}

impl Audience {
    const fn everyone() -> Self {
        Self::Everyone
    }

    const fn nobody() -> Self {
        Self::Nobody
    }
}

impl Word for Audience {
    const WHAT: &'static str = "audience";
    const WORDS: &'static [(&'static str, Self)] =
        &[("everyone", Self::Everyone), ("friends", Self::Friends), ("nobody", Self::Nobody)];
}

/// Who may write first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstWriters {
    Everyone,
    /// Friends, and people with whom the user has a friend in common.
    FriendsOfFriends,
    Friends,
    Nobody,
}

impl Word for FirstWriters {
    const WHAT: &'static str = "audience";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("everyone", Self::Everyone),
        ("friends_of_friends", Self::FriendsOfFriends),
        ("friends", Self::Friends),
        ("nobody", Self::Nobody),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    All,
    Mentions,
    None,
}

impl Word for About {
    const WHAT: &'static str = "kind of notification";
    const WORDS: &'static [(&'static str, Self)] =
        &[("all", Self::All), ("mentions", Self::Mentions), ("none", Self::None)];
}

/// What a user changes; absent fields stay unchanged, unknown ones are refused, so that typos don't go unnoticed.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"language": "de", "privacy": {"last_seen": "friends"}}))]
pub struct SettingsPatch {
    /// Ignored, so that the whole object can be sent back; `If-Match` is what is compared.
    pub version: Option<i64>,
    #[schema(value_type = Option<String>, max_length = 35)]
    pub language: Option<Language>,
    #[schema(value_type = Option<String>, max_length = 64)]
    pub time_zone: Option<TimeZone>,
    pub theme: Option<Theme>,
    pub privacy: Option<PrivacyPatch>,
    pub notifications: Option<NotificationsPatch>,
}

#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema)]
pub struct PrivacyPatch {
    /// Who may see whether the user is online, and when they last were, among those who may see the profile.
    pub last_seen: Option<Audience>,
    /// Who may start a chat with the user, or add them to one. Existing chats are not affected.
    pub messages_from: Option<FirstWriters>,
    /// Whether read marks are shared: if not, others do not learn what the user has read, nor the user what others have.
    pub read_receipts: Option<bool>,
    /// Who may see the bio and the status text, among those who may see the profile.
    pub bio: Option<Audience>,
    /// Who may see pronouns, location and links, among those who may see the profile.
    pub details: Option<Audience>,
    /// Who may see the user's friends and how many they are, among those who may see the profile.
    pub friends_list: Option<Audience>,
    /// Who may see the list of the user's pets and how many they are, among those who may see the profile.
    pub pets: Option<Audience>,
    /// Who may see the email address, among those who may see the profile.
    pub email: Option<Audience>,
}

#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema)]
pub struct NotificationsPatch {
    pub about: Option<About>,
    pub push: Option<bool>,
    pub mail: Option<bool>,
}

impl Input for SettingsPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let version = fields.optional("version");
        let (language, time_zone) = (fields.optional("language"), fields.optional("time_zone"));
        let theme = fields.optional("theme");
        let privacy = fields.optional::<Nested<_>>("privacy");
        let notifications = fields.optional::<Nested<_>>("notifications");
        fields.nothing_else();
        Some(Self {
            version: version?,
            language: language?,
            time_zone: time_zone?,
            theme: theme?,
            privacy: privacy?.map(|Nested(privacy)| privacy),
            notifications: notifications?.map(|Nested(notifications)| notifications),
        })
    }
}

impl Input for PrivacyPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (last_seen, messages_from) = (fields.optional("last_seen"), fields.optional("messages_from"));
        let read_receipts = fields.optional("read_receipts");
        let (bio, details) = (fields.optional("bio"), fields.optional("details"));
        let (friends_list, pets) = (fields.optional("friends_list"), fields.optional("pets"));
        let email = fields.optional("email");
        fields.nothing_else();
        Some(Self {
            last_seen: last_seen?,
            messages_from: messages_from?,
            read_receipts: read_receipts?,
            bio: bio?,
            details: details?,
            friends_list: friends_list?,
            pets: pets?,
            email: email?,
        })
    }
}

impl Input for NotificationsPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (about, push, mail) = (fields.optional("about"), fields.optional("push"), fields.optional("mail"));
        fields.nothing_else();
        Some(Self { about: about?, push: push?, mail: mail? })
    }
}

impl SettingsPatch {
    /// The settings after this change, or `None` if it changes nothing.
    pub fn applied_to(self, old: &Settings) -> Option<Settings> {
        let (privacy, notifications) = (self.privacy.unwrap_or_default(), self.notifications.unwrap_or_default());
        let new = Settings {
            language: self.language.map_or_else(|| old.language.clone(), |language| language.0),
            time_zone: self.time_zone.map_or_else(|| old.time_zone.clone(), TimeZone::into_string),
            theme: self.theme.unwrap_or(old.theme),
            privacy: Privacy {
                last_seen: privacy.last_seen.unwrap_or(old.privacy.last_seen),
                messages_from: privacy.messages_from.unwrap_or(old.privacy.messages_from),
                read_receipts: privacy.read_receipts.unwrap_or(old.privacy.read_receipts),
                bio: privacy.bio.unwrap_or(old.privacy.bio),
                details: privacy.details.unwrap_or(old.privacy.details),
                friends_list: privacy.friends_list.unwrap_or(old.privacy.friends_list),
                pets: privacy.pets.unwrap_or(old.privacy.pets),
                email: privacy.email.unwrap_or(old.privacy.email),
            },
            notifications: Notifications {
                about: notifications.about.unwrap_or(old.notifications.about),
                push: notifications.push.unwrap_or(old.notifications.push),
                mail: notifications.mail.unwrap_or(old.notifications.mail),
            },
            version: old.version,
        };
        (new != *old).then(|| Settings { version: old.version + 1, ..new })
    }
}

/// A well-formed language tag: 2 to 8 letters, then subtags of 1 to 8 letters and digits (RFC 5646 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language(String);

impl Field for Language {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let tag = text::line(&string(value)?, 2, 35)?;
        let mut subtags = tag.split('-');
        let first = subtags.next().unwrap_or_default();
        let sized = |subtag: &str, least| (least..=8).contains(&subtag.len());
        let right = sized(first, 2)
            && first.chars().all(|c| c.is_ascii_alphabetic())
            && subtags.all(|subtag| sized(subtag, 1) && subtag.chars().all(|c| c.is_ascii_alphanumeric()));
        if right { Ok(Self(tag)) } else { Err(Flaw::new("language", "must be a language tag, such as de or pt-BR")) }
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_stays() {
        let patch = json!({"language": "pt-BR", "time_zone": "europe/berlin", "privacy": {"last_seen": "nobody"}});
        let after = SettingsPatch::from_json(patch.clone()).unwrap().applied_to(&Settings::default()).unwrap();
        assert_eq!((after.language.as_str(), after.time_zone.as_str(), after.version), ("pt-BR", "Europe/Berlin", 2));
        assert_eq!((after.privacy.last_seen, after.privacy.messages_from), (Audience::Nobody, FirstWriters::Everyone));
        let whole = serde_json::to_value(&after).unwrap();
        for same in [json!({}), json!({"privacy": {}, "notifications": {}}), json!({"theme": "system"}), patch, whole] {
            let patch = SettingsPatch::from_json(same.clone()).unwrap();
            assert_eq!(patch.applied_to(&after), None, "{same} changes nothing");
        }
    }

    #[test]
    fn every_fault_is_told() {
        let patch = json!({
            "language": "d", "time_zone": "Mars/Olympus", "theme": 1, "colour": "red",
            "privacy": {"last_seen": "cats", "lastseen": "nobody"}, "notifications": [],
        });
        let Err(Error::Invalid(errors)) = SettingsPatch::from_json(patch) else { panic!("must be invalid") };
        let seen: Vec<_> = errors.iter().map(|error| (error.pointer.as_str(), error.code.as_ref())).collect();
        assert_eq!(
            seen,
            [
                ("/language", "too_short"),
                ("/time_zone", "time_zone"),
                ("/theme", "type"),
                ("/privacy/last_seen", "choice"),
                ("/privacy/lastseen", "unknown"),
                ("/notifications", "type"),
                ("/colour", "unknown"),
            ]
        );
    }
}
