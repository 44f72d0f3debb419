//! `[push]`: which push services this server reaches, and with which keys.

use std::sync::Arc;

use clowder_core::{Error, Result};
use clowder_infra::{
    Options,
    egress::Url,
    push::{ApnsKey, ApnsSetup, FcmSetup, ServiceAccount, Services, Setup, new_key},
};

use super::{
    Secret,
    checks::{Checked, authority, expect_scheme},
    settings::{Setting, checked, secret, setting},
};

#[derive(Debug, Clone, PartialEq)]
pub struct Push {
    /// Whom push services can ask about what this server sends.
    pub contact: String,
    /// The JSON file of a service account of Firebase; without it, there is no FCM.
    pub fcm_credentials: Option<Secret>,
    pub fcm_url: String,
    /// The key of Apple's developer account; without it, there is no APNs.
    pub apns_key: Option<Secret>,
    pub apns_key_id: String,
    pub apns_team_id: String,
    /// The bundle ids of the apps, separated by commas.
    pub apns_topics: String,
    pub apns_url: String,
}

impl Default for Push {
    fn default() -> Self {
        Self {
            contact: String::new(),
            fcm_credentials: None,
            fcm_url: "https://fcm.googleapis.com".to_owned(),
            apns_key: None,
            apns_key_id: String::new(),
            apns_team_id: String::new(),
            apns_topics: String::new(),
            apns_url: "https://api.push.apple.com".to_owned(),
        }
    }
}

impl Push {
    /// What the store is told, once it has been told what calls others. `server` is the address of this server, and `at_once`
    /// how many jobs of push run at a time.
    pub fn apply_to(&self, server: &str, at_once: usize, options: &mut Options) -> Result<()> {
        let wrong = |name: &str, error: String| Error::internal(format!("{name}: {error}"));
        let contact = match self.contact.as_str() {
            "" => Some(server.to_owned()).filter(|server| server.starts_with("https://")),
            contact => Some(contact.to_owned()),
        };
        let setup = Setup {
            egress: options.egress.clone(),
            contact,
            fcm: self.fcm().map_err(|error| wrong("FCM_CREDENTIALS", error))?,
            apns: self.apns()?,
            at_once: at_once.div_ceil(2),
        };
        let services = Services::new(setup).map_err(|error| wrong("FCM_URL", error))?;
        options.push.offers = services.offers().clone();
        options.push.sender = Some(Arc::new(services));
        options.push.new_key = Some(new_key);
        Ok(())
    }

    fn fcm(&self) -> Result<Option<FcmSetup>, String> {
        let Some(credentials) = given(&self.fcm_credentials) else { return Ok(None) };
        Ok(Some(FcmSetup { account: ServiceAccount::parse(credentials)?, url: url(&self.fcm_url)? }))
    }

    fn apns(&self) -> Result<Option<ApnsSetup>> {
        let Some(key) = given(&self.apns_key) else { return Ok(None) };
        let missing = |name: &str| Error::internal(format!("{name}: must be set together with APNS_KEY"));
        for (name, value) in [
            ("APNS_KEY_ID", &self.apns_key_id),
            ("APNS_TEAM_ID", &self.apns_team_id),
            ("APNS_TOPICS", &self.apns_topics),
        ] {
            if value.is_empty() {
                return Err(missing(name));
            }
        }
        let wrong = |name: &str, error: String| Error::internal(format!("{name}: {error}"));
        let key = ApnsKey::parse(key, &self.apns_key_id, &self.apns_team_id);
        Ok(Some(ApnsSetup {
            key: key.map_err(|error| wrong("APNS_KEY", error))?,
            url: url(&self.apns_url).map_err(|error| wrong("APNS_URL", error))?,
            topics: self.apns_topics.split(',').map(|topic| topic.trim().to_owned()).collect(),
        }))
    }
}

fn given(secret: &Option<Secret>) -> Option<&str> {
    secret.as_ref().map(Secret::expose).filter(|text| !text.is_empty())
}

fn url(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|_| "must be an address such as https://push.example".to_owned())
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(contact, setting("push", "contact", "PUSH_CONTACT", |c| &mut c.push.contact,
        "Whom push services of browsers can ask about what this server sends: `mailto:…` or `https://…`. Empty: the address of this server, if it has https.")),
    checked(credentials, secret(setting("push", "fcm_credentials", "FCM_CREDENTIALS", |c| &mut c.push.fcm_credentials,
        "The JSON file of a service account of Firebase, with which apps for Android are reached; usually by FCM_CREDENTIALS_FILE. Empty: they are not."))),
    checked(base, setting("push", "fcm_url", "FCM_URL", |c| &mut c.push.fcm_url,
        "The address of FCM, or of a relay.")),
    checked(apns_key, secret(setting("push", "apns_key", "APNS_KEY", |c| &mut c.push.apns_key,
        "The key `AuthKey_….p8` of Apple's developer account, with which apps for iPhones are reached; usually by APNS_KEY_FILE. Empty: they are not."))),
    checked(word, setting("push", "apns_key_id", "APNS_KEY_ID", |c| &mut c.push.apns_key_id,
        "The id of that key.")),
    checked(word, setting("push", "apns_team_id", "APNS_TEAM_ID", |c| &mut c.push.apns_team_id,
        "The id of the team to which it belongs.")),
    checked(topics, setting("push", "apns_topics", "APNS_TOPICS", |c| &mut c.push.apns_topics,
        "The bundle ids of the apps, separated by commas: `org.example.chat`.")),
    checked(base, setting("push", "apns_url", "APNS_URL", |c| &mut c.push.apns_url,
        "The address of APNs, or of a relay; for apps under development `https://api.sandbox.push.apple.com`.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("push.contact", &["ops@chat.example", "http://chat.example", "mailto:"]),
    ("push.fcm_credentials", &["{}", "secret", "/run/secrets/fcm.json"]),
    ("push.fcm_url", &["", "fcm.googleapis.com", "ftp://fcm.googleapis.com"]),
    ("push.apns_key", &["secret", "AuthKey_ABC.p8"]),
    ("push.apns_key_id", &["a b", "ä"]),
    ("push.apns_team_id", &["a b", "ä"]),
    ("push.apns_topics", &["org example", "org.example,,org.other", "ä"]),
    ("push.apns_url", &["", "api.push.apple.com", "ftp://api.push.apple.com"]),
];

fn contact(text: &str) -> Checked {
    let right = "must begin with `mailto:` or `https://`, such as mailto:ops@chat.example";
    match text.strip_prefix("mailto:") {
        Some(address) if address.contains('@') && address.bytes().all(|octet| octet.is_ascii_graphic()) => Ok(()),
        Some(_) => Err(right.to_owned()),
        None if text.is_empty() => Ok(()),
        None => {
            expect_scheme(text, &["https://"], right)?;
            authority(text.split_once("://").map_or("", |(_, rest)| rest), false)
        }
    }
}

fn credentials(text: &str) -> Checked {
    if text.is_empty() { Ok(()) } else { ServiceAccount::parse(text).map(drop) }
}

fn apns_key(text: &str) -> Checked {
    if text.is_empty() { Ok(()) } else { ApnsKey::parse(text, "", "").map(drop) }
}

fn base(text: &str) -> Checked {
    let right = "must begin with `https://` or `http://`, such as https://push.example";
    let text = expect_scheme(text, &["https://", "http://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), true)?;
    url(text).map(drop)
}

fn word(text: &str) -> Checked {
    match text.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err("must be letters and digits".to_owned()),
    }
}

fn topics(text: &str) -> Checked {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
    let is_topic = |topic: &str| !topic.is_empty() && topic.bytes().all(plain);
    match text.is_empty() || text.split(',').map(str::trim).all(is_topic) {
        true => Ok(()),
        false => Err("must be bundle ids, separated by commas, such as org.example.chat".to_owned()),
    }
}
