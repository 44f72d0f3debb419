//! New subscriptions, as devices send them. What cannot be encrypted to, or is no address, is refused here.

use clowder_core::{
    Field, Fields, Input, Nested,
    input::string,
    text::{self, Flaw},
};
use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use p256::PublicKey;
use serde_json::Value;

use super::model::{PushKind, Target, WebTarget};

const LONGEST_ENDPOINT: usize = 2_000;
const LONGEST_TOKEN: usize = 2_000;
const LONGEST_APP: usize = 255;
/// A point on P-256, uncompressed: 4, x and y.
const POINT: usize = 65;
const AUTH: usize = 16;

/// `{kind: web, endpoint, keys: {p256dh, auth}}`, as a browser gives it, or `{kind: fcm | apns, token, app}`.
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({
    "kind": "web", "endpoint": "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABn",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg"
    }
}))]
pub struct NewPushSubscription {
    pub kind: PushKind,
    /// Where the push service takes messages for this browser.
    #[schema(value_type = Option<String>, max_length = 2000)]
    endpoint: Option<Endpoint>,
    /// With which these are encrypted.
    #[schema(value_type = Option<PushKeys>)]
    keys: Option<PushKeys>,
    /// Of the app on this device.
    #[schema(value_type = Option<String>, max_length = 2000)]
    token: Option<Token>,
    /// The bundle id of the app for `apns`; for `fcm` a name that is only shown.
    #[schema(value_type = Option<String>, max_length = 255)]
    app: Option<App>,
}

/// The keys of a browser's subscription, in base64url.
#[derive(Clone, utoipa::ToSchema)]
pub struct PushKeys {
    /// A point on the curve P-256, uncompressed.
    #[schema(value_type = String, min_length = 87, max_length = 88)]
    p256dh: Point,
    /// 16 octets.
    #[schema(value_type = String, min_length = 22, max_length = 24)]
    auth: Auth,
}

impl std::fmt::Debug for PushKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushKeys(…)")
    }
}

impl Input for NewPushSubscription {
    fn read(fields: &mut Fields) -> Option<Self> {
        let kind: Option<PushKind> = fields.required("kind");
        let endpoint: Option<Option<Endpoint>> = fields.optional("endpoint");
        let keys: Option<Option<Nested<PushKeys>>> = fields.optional("keys");
        let token: Option<Option<Token>> = fields.optional("token");
        let app: Option<Option<App>> = fields.optional("app");
        let kind = kind?;
        // What is given and wrong has its error already.
        let given = [
            ("endpoint", !matches!(endpoint, Some(None))),
            ("keys", !matches!(keys, Some(None))),
            ("token", !matches!(token, Some(None))),
        ];
        let belongs = |name: &str| (kind == PushKind::Web) != (name == "token");
        for (name, is_given) in given {
            match (belongs(name), is_given) {
                (true, false) => fields.flaw(name, Flaw::new("required", "is required")),
                (false, true) => fields.flaw(name, Flaw::new("unwanted", "belongs to another kind of subscription")),
                _ => {}
            }
        }
        match kind {
            PushKind::Web if !matches!(app, Some(None)) => {
                fields.flaw("app", Flaw::new("unwanted", "belongs to another kind of subscription"));
            }
            PushKind::Apns if matches!(app, Some(None)) => fields.flaw("app", Flaw::new("required", "is required")),
            _ => {}
        }
        if let Some(Some(Token(token))) = &token
            && kind == PushKind::Apns
            && !is_apns_token(token)
        {
            fields.flaw("token", Flaw::new("characters", "must be the device token in hexadecimal digits"));
        }
        Some(Self { kind, endpoint: endpoint?, keys: keys?.map(|keys| keys.0), token: token?, app: app? })
    }
}

impl NewPushSubscription {
    /// Where the device is reached; `None` if parts of it are missing, which the reading of it refuses.
    pub fn target(self) -> Option<Target> {
        let app = self.app.map(|app| app.0);
        Some(match self.kind {
            PushKind::Web => {
                let (endpoint, keys) = (self.endpoint?.0, self.keys?);
                Target::Web(WebTarget { endpoint, p256dh: keys.p256dh.0, auth: keys.auth.0 })
            }
            PushKind::Fcm => Target::Fcm { token: self.token?.0, app },
            // Apple gives tokens as octets; as digits, each has one spelling.
            PushKind::Apns => Target::Apns { token: self.token?.0.to_ascii_lowercase(), topic: app? },
        })
    }
}

impl Input for PushKeys {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (p256dh, auth) = (fields.required("p256dh"), fields.required("auth"));
        Some(Self { p256dh: p256dh?, auth: auth? })
    }
}

#[derive(Debug, Clone)]
struct Endpoint(String);

impl Field for Endpoint {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let endpoint = string(value)?;
        text::at_most(&endpoint, LONGEST_ENDPOINT)?;
        let wrong = || Flaw::new("url", "must be the https address of a push service");
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://")).ok_or_else(wrong)?;
        let has_host = rest.split(['/', '?', '#']).next().is_some_and(|host| !host.is_empty());
        let plain = rest.bytes().all(|octet| matches!(octet, b'!'..=b'~') && octet != b'#' && octet != b'\\');
        if has_host && plain { Ok(Self(endpoint)) } else { Err(wrong()) }
    }
}

/// Octets in base64url, with or without padding.
fn octets<const N: usize>(value: Value) -> Result<[u8; N], Flaw> {
    let text = string(value)?;
    text::at_most(&text, 2 * N)?;
    let decoded = BASE64URL_NOPAD.decode(text.as_bytes()).or_else(|_| BASE64URL.decode(text.as_bytes()));
    let decoded = decoded.map_err(|_| Flaw::new("characters", "must be base64url"))?;
    decoded.try_into().map_err(|_| Flaw::new("length", format!("must be {N} octets in base64url")))
}

#[derive(Clone)]
struct Point([u8; POINT]);

impl Field for Point {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let octets: [u8; POINT] = octets(value)?;
        // It also refuses the point at infinity, and coordinates that no element of the field has.
        match PublicKey::from_sec1_bytes(&octets) {
            Ok(_) => Ok(Self(octets)),
            Err(_) => Err(Flaw::new("point", "must be an uncompressed point on the curve P-256")),
        }
    }
}

#[derive(Clone)]
struct Auth([u8; AUTH]);

impl Field for Auth {
    fn parse(value: Value) -> Result<Self, Flaw> {
        octets(value).map(Self)
    }
}

#[derive(Clone)]
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Field for Token {
    fn parse(value: Value) -> Result<Self, Flaw> {
        word(value, LONGEST_TOKEN, |octet| matches!(octet, b'!'..=b'~')).map(Self)
    }
}

/// Octets in hexadecimal digits: 32 at present; Apple reserves the right to more.
fn is_apns_token(token: &str) -> bool {
    let is_long = (64..=200).contains(&token.len()) && token.len().is_multiple_of(2);
    is_long && token.bytes().all(|octet| octet.is_ascii_hexdigit())
}

#[derive(Debug, Clone)]
struct App(String);

impl Field for App {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
        word(value, LONGEST_APP, allowed).map(Self)
    }
}

fn word(value: Value, most: usize, allowed: impl Fn(u8) -> bool) -> Result<String, Flaw> {
    let text = string(value)?;
    text::at_most(&text, most)?;
    if text.is_empty() {
        return Err(Flaw::new("required", "must not be empty"));
    }
    match text.bytes().all(allowed) {
        true => Ok(text),
        false => Err(Flaw::new("characters", "contains characters that are not allowed here")),
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;
    use serde_json::json;

    use super::*;

    /// Of RFC 8291 §5.
    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn read(value: Value) -> Result<Target, Vec<(String, String)>> {
        match NewPushSubscription::from_json(value) {
            Ok(new) => Ok(new.target().unwrap()),
            Err(Error::Invalid(errors)) => {
                Err(errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect())
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn wrong(value: Value) -> Vec<(String, String)> {
        read(value).unwrap_err()
    }

    fn said(errors: &[(&str, &str)]) -> Vec<(String, String)> {
        errors.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
    }

    #[test]
    fn subscriptions_of_all_kinds_are_read() {
        let web = json!({
            "kind": "web", "endpoint": "https://push.example/x", "expirationTime": null,
            "keys": {"p256dh": P256DH, "auth": AUTH}
        });
        let Ok(Target::Web(web)) = read(web) else { panic!("a browser's subscription") };
        assert_eq!((web.p256dh[0], web.auth.len(), web.endpoint.as_str()), (4, 16, "https://push.example/x"));
        let padded = json!({
            "kind": "web", "endpoint": "https://push.example/x",
            "keys": {"p256dh": format!("{P256DH}="), "auth": format!("{AUTH}==")}
        });
        assert!(read(padded).is_ok());
        let fcm = read(json!({"kind": "fcm", "token": "c8:APA91-x_Y"})).unwrap();
        assert_eq!((fcm.device(), fcm.app()), ("c8:APA91-x_Y", None));
        let apns = json!({"kind": "apns", "token": "AB".repeat(32), "app": "org.example.chat"});
        let apns = read(apns).unwrap();
        assert_eq!((apns.device(), apns.app()), (&*"ab".repeat(32), Some("org.example.chat")));
    }

    #[test]
    fn a_key_must_be_a_point_on_the_curve() {
        let with = |p256dh: &str| {
            wrong(json!({
                "kind": "web", "endpoint": "https://push.example/x", "keys": {"p256dh": p256dh, "auth": AUTH}
            }))
        };
        let encode = |octets: &[u8]| BASE64URL_NOPAD.encode(octets);
        let good = BASE64URL_NOPAD.decode(P256DH.as_bytes()).unwrap();
        let mut off = good.clone();
        off[64] ^= 1;
        let mut beyond = vec![0xff; POINT];
        beyond[0] = 4;
        let mut zero = vec![0; POINT];
        zero[0] = 4;
        let mut hybrid = good.clone();
        hybrid[0] = 6;
        for octets in [&off, &beyond, &zero, &hybrid, &vec![0; POINT]] {
            assert_eq!(with(&encode(octets)), said(&[("/keys/p256dh", "point")]), "{octets:?}");
        }
        // A compressed one has another length.
        let compressed = [&[2], &good[1..33]].concat();
        assert_eq!(with(&encode(&compressed)), said(&[("/keys/p256dh", "length")]));
        assert_eq!(with("ä"), said(&[("/keys/p256dh", "characters")]));
        assert_eq!(with(&"A".repeat(1000)), said(&[("/keys/p256dh", "too_long")]));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let all = json!({"kind": "web", "endpoint": "ftp://push.example", "keys": {"p256dh": 1, "auth": "AA"}});
        assert_eq!(wrong(all), said(&[("/endpoint", "url"), ("/keys/p256dh", "type"), ("/keys/auth", "length")]));
        assert_eq!(wrong(json!({"kind": "web"})), said(&[("/endpoint", "required"), ("/keys", "required")]));
        assert_eq!(
            wrong(json!({"kind": "fcm", "app": "a b"})),
            said(&[("/app", "characters"), ("/token", "required")])
        );
        assert_eq!(
            wrong(json!({"kind": "apns", "token": "xyz", "endpoint": "https://push.example/"})),
            said(&[("/endpoint", "unwanted"), ("/app", "required"), ("/token", "characters")])
        );
        assert_eq!(wrong(json!({"kind": "mqtt"})), said(&[("/kind", "choice")]));
        for endpoint in ["https://", "https:///x", "https://a b/", "https://x/#y", "https://ä.example/", "//x", ""] {
            let keys = json!({"p256dh": P256DH, "auth": AUTH});
            let new = json!({"kind": "web", "endpoint": endpoint, "keys": keys});
            assert_eq!(wrong(new), said(&[("/endpoint", "url")]), "{endpoint}");
        }
    }
}
