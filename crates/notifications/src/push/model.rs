//! Subscriptions: where a device is reached, and what is shown of that.

use std::fmt;

use clowder_core::{Error, Id, Result, Timestamp, Word};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

pub enum Subscription {}
pub type PushSubscriptionId = Id<Subscription>;

/// The kind of service that reaches a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushKind {
    /// A browser, or an app with UnifiedPush.
    Web,
    /// Firebase Cloud Messaging.
    Fcm,
    /// The Apple Push Notification service.
    Apns,
}

impl Word for PushKind {
    const WHAT: &'static str = "kind of push";
    const WORDS: &'static [(&'static str, Self)] = &[("web", Self::Web), ("fcm", Self::Fcm), ("apns", Self::Apns)];
}

/// Where a device of yours gets notifications while it is not connected. Its address and keys are not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PushSubscription {
    pub id: PushSubscriptionId,
    pub kind: PushKind,
    /// The host of the push service of a browser; `null` for apps.
    #[schema(max_length = 255, example = "updates.push.services.mozilla.com")]
    pub service: Option<String>,
    /// The app, as it was given; of an iPhone, its bundle id.
    #[schema(max_length = 255, example = "org.example.chat")]
    pub app: Option<String>,
    /// Whether it was made in the session of this call.
    pub current: bool,
    pub created_at: Timestamp,
    /// When the service last took something; `null` if it never did.
    pub last_used_at: Option<Timestamp>,
}

/// What a device needs to subscribe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PushKey {
    /// The public key of this server (RFC 8292 §3.2): the `applicationServerKey` of a browser. It never changes.
    #[schema(min_length = 87, max_length = 87, pattern = "^[A-Za-z0-9_-]{87}$")]
    pub key: String,
    /// The kinds of subscriptions that this server takes.
    #[schema(max_items = 3)]
    pub kinds: Vec<PushKind>,
}

/// Which services this server can reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    pub web: bool,
    pub fcm: bool,
    /// The apps that have a topic at APNs: their bundle ids.
    pub apns_topics: Vec<String>,
}

impl Offers {
    pub fn kinds(&self) -> Vec<PushKind> {
        let has = |kind: &PushKind| match kind {
            PushKind::Web => self.web,
            PushKind::Fcm => self.fcm,
            PushKind::Apns => !self.apns_topics.is_empty(),
        };
        [PushKind::Web, PushKind::Fcm, PushKind::Apns].into_iter().filter(has).collect()
    }
}

/// Where a device is reached. Whoever knows it can annoy the device, so it is never shown and stored encrypted.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    Web(WebTarget),
    Fcm { token: String, app: Option<String> },
    Apns { token: String, topic: String },
}

/// A subscription of a browser (RFC 8291 §3).
#[derive(Clone, PartialEq, Eq)]
pub struct WebTarget {
    pub endpoint: String,
    /// A point on P-256, uncompressed.
    pub p256dh: [u8; 65],
    pub auth: [u8; 16],
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}, …)", self.kind().as_str())
    }
}

impl Target {
    pub const fn kind(&self) -> PushKind {
        match self {
            Self::Web(_) => PushKind::Web,
            Self::Fcm { .. } => PushKind::Fcm,
            Self::Apns { .. } => PushKind::Apns,
        }
    }

    /// What tells one device from another: the same endpoint or token is the same device, whoever is signed in there.
    pub fn device(&self) -> &str {
        match self {
            Self::Web(web) => &web.endpoint,
            Self::Fcm { token, .. } | Self::Apns { token, .. } => token,
        }
    }

    /// The host of the service of a browser.
    pub fn service(&self) -> Option<&str> {
        let Self::Web(web) = self else { return None };
        let (_, rest) = web.endpoint.split_once("://")?;
        rest.split(['/', '?']).next()
    }

    pub fn app(&self) -> Option<&str> {
        match self {
            Self::Web(_) => None,
            Self::Fcm { app, .. } => app.as_deref(),
            Self::Apns { topic, .. } => Some(topic),
        }
    }

    /// As it is encrypted: lines, because none of its parts has more than one.
    pub fn store(&self) -> String {
        match self {
            Self::Web(WebTarget { endpoint, p256dh, auth }) => {
                format!("{endpoint}\n{}\n{}", BASE64URL_NOPAD.encode(p256dh), BASE64URL_NOPAD.encode(auth))
            }
            Self::Fcm { token, app } => format!("{token}\n{}", app.as_deref().unwrap_or_default()),
            Self::Apns { token, topic } => format!("{token}\n{topic}"),
        }
    }

    /// What [`Target::store`] has made of one of this kind.
    pub fn restore(kind: PushKind, stored: &str) -> Result<Self> {
        let damaged = || Error::internal("a stored subscription to push cannot be read");
        let lines: Vec<&str> = stored.split('\n').collect();
        Ok(match (kind, lines.as_slice()) {
            (PushKind::Web, [endpoint, p256dh, auth]) => {
                let octets = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| damaged());
                Self::Web(WebTarget {
                    endpoint: (*endpoint).to_owned(),
                    p256dh: octets(p256dh)?.try_into().map_err(|_| damaged())?,
                    auth: octets(auth)?.try_into().map_err(|_| damaged())?,
                })
            }
            (PushKind::Fcm, [token, app]) => {
                let app = (!app.is_empty()).then(|| (*app).to_owned());
                Self::Fcm { token: (*token).to_owned(), app }
            }
            (PushKind::Apns, [token, topic]) => Self::Apns { token: (*token).to_owned(), topic: (*topic).to_owned() },
            _ => return Err(damaged()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_restored_as_it_was_stored() {
        let endpoint = "https://push.example:8443/send/abc?x=1".to_owned();
        let web = Target::Web(WebTarget { endpoint, p256dh: [4; 65], auth: [7; 16] });
        let fcm = |app: Option<&str>| Target::Fcm { token: "a:b-c_d".into(), app: app.map(str::to_owned) };
        let apns = Target::Apns { token: "00ff".into(), topic: "org.example.chat".into() };
        for target in [web.clone(), fcm(None), fcm(Some("org.example")), apns.clone()] {
            assert!(Target::restore(target.kind(), &target.store()).unwrap() == target, "{target:?}");
        }
        assert_eq!((web.service(), web.app()), (Some("push.example:8443"), None));
        assert_eq!((apns.service(), apns.app(), apns.device()), (None, Some("org.example.chat"), "00ff"));
        assert_eq!(format!("{web:?}"), "Target(web, …)", "secrets are in no log");
        for (kind, stored) in [
            (PushKind::Web, "https://push.example\nAA\nAA"),
            (PushKind::Web, "https://push.example"),
            (PushKind::Fcm, "token"),
            (PushKind::Apns, ""),
        ] {
            assert!(Target::restore(kind, stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn only_what_is_configured_is_offered() {
        let offers = Offers { web: true, fcm: false, apns_topics: vec!["org.example.chat".into()] };
        assert_eq!(offers.kinds(), [PushKind::Web, PushKind::Apns]);
        assert!(Offers::default().kinds().is_empty());
    }
}
