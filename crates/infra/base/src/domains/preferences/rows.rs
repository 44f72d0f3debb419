//! The row of settings.

use clowder_accounts::model::{About, Audience, FirstWriters, Notifications, Privacy, Settings, Theme};
use clowder_core::{Result, Timestamp, UserId, Word};
use diesel::prelude::*;

use super::schema::preferences;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = preferences)]
#[diesel(treat_none_as_default_value = false)]
pub struct PreferencesRow {
    pub user_id: UserId,
    pub language: String,
    pub time_zone: String,
    pub theme: String,
    pub last_seen: String,
    pub messages_from: String,
    pub read_receipts: bool,
    pub notify_about: String,
    pub notify_by_push: bool,
    pub notify_by_mail: bool,
    pub updated_at: Timestamp,
    pub version: i64,
    pub see_bio: String,
    pub see_details: String,
    pub see_friends: String,
    pub see_email: String,
    pub see_pets: String,
}

impl PreferencesRow {
    pub fn new(user: UserId, settings: &Settings, now: Timestamp) -> Self {
        let Settings { language, time_zone, theme, privacy, notifications, version } = settings;
        Self {
            user_id: user,
            language: language.clone(),
            time_zone: time_zone.clone(),
            theme: theme.as_str().to_owned(),
            last_seen: privacy.last_seen.as_str().to_owned(),
            messages_from: privacy.messages_from.as_str().to_owned(),
            read_receipts: privacy.read_receipts,
            notify_about: notifications.about.as_str().to_owned(),
            notify_by_push: notifications.push,
            notify_by_mail: notifications.mail,
            updated_at: now,
            version: *version,
            see_bio: privacy.bio.as_str().to_owned(),
            see_details: privacy.details.as_str().to_owned(),
            see_friends: privacy.friends_list.as_str().to_owned(),
            see_email: privacy.email.as_str().to_owned(),
            see_pets: privacy.pets.as_str().to_owned(),
        }
    }

    pub fn settings(self) -> Result<Settings> {
        Ok(Settings {
            language: self.language,
            time_zone: self.time_zone,
            theme: Theme::parse_word(&self.theme)?,
            privacy: Privacy {
                last_seen: Audience::parse_word(&self.last_seen)?,
                messages_from: FirstWriters::parse_word(&self.messages_from)?,
                read_receipts: self.read_receipts,
                bio: Audience::parse_word(&self.see_bio)?,
                details: Audience::parse_word(&self.see_details)?,
                friends_list: Audience::parse_word(&self.see_friends)?,
                pets: Audience::parse_word(&self.see_pets)?,
                email: Audience::parse_word(&self.see_email)?,
            },
            notifications: Notifications {
                about: About::parse_word(&self.notify_about)?,
                push: self.notify_by_push,
                mail: self.notify_by_mail,
            },
            version: self.version,
        })
    }
}
