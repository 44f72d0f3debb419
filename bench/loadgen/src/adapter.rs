//! What the load generator knows of a target: an adapter (how to call a server) and a world (its contents).
use serde::Deserialize;
use std::collections::HashMap;

/// One HTTP call. `{user} {password} {token} {uid} {chat} {text} {txn} {other} {ids} {sought}` are replaced.
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct Op {
    #[serde(default = "get")]
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub body: String,
    /// Extra headers, "Name: value".
    #[serde(default)]
    pub headers: Vec<String>,
    /// JSON pointer of the token in a login's answer.
    #[serde(default)]
    pub token: String,
    /// Text that a successful answer contains (a 2xx with an error body is a failure).
    #[serde(default)]
    pub expect: String,
}
fn get() -> String {
    "GET".into()
}

#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub struct Realtime {
    /// ws | matrix | xmpp | pbsse
    pub kind: String,
    /// host:port; that of HTTP if empty
    #[serde(default)]
    pub addr: String,
    pub path: String,
    /// The path with which a client comes back: `{cursor}` is the last one it got.
    #[serde(default)]
    pub resume: String,
    #[serde(default)]
    pub headers: Vec<String>,
    /// Frames sent right after the upgrade.
    #[serde(default)]
    pub hello: Vec<String>,
    /// The text of the frame that confirms the subscription. Empty: ready at once.
    #[serde(default)]
    pub ready: String,
    /// A received frame equal to the key is answered with the value (engine.io pings).
    #[serde(default)]
    pub reply: HashMap<String, String>,
    /// Durable send over the same connection; empty if the protocol has none.
    #[serde(default)]
    pub send: String,
    /// The acknowledgement is the frame with this text and the message's marker.
    #[serde(default)]
    pub ack: String,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    pub name: String,
    pub http: String,
    #[serde(default = "auth")]
    pub auth: String,
    pub login: Option<Op>,
    /// The smallest authenticated read.
    pub me: Option<Op>,
    pub list: Option<Op>,
    pub page: Option<Op>,
    pub send: Option<Op>,
    /// A page of one's own friends.
    pub friends: Option<Op>,
    /// What connects one with `{ids}`.
    pub relationships: Option<Op>,
    /// Somebody else, `{other}`.
    pub profile: Option<Op>,
    /// People by name, `{sought}`.
    pub search: Option<Op>,
    pub realtime: Option<Realtime>,
}
fn auth() -> String {
    "Bearer {token}".into()
}

#[derive(Deserialize, Clone)]
pub struct User {
    pub id: String,
    pub name: String,
    pub password: String,
    #[serde(default)]
    pub token: String,
}

/// `members` are indexes into `World::users`.
#[derive(Deserialize, Clone)]
pub struct Chat {
    pub id: String,
    pub members: Vec<usize>,
}

#[derive(Deserialize, Clone)]
pub struct World {
    pub users: Vec<User>,
    #[serde(default)]
    pub send: Vec<Chat>,
    pub big: Option<Chat>,
    #[serde(default)]
    pub fanout: HashMap<String, Chat>,
    /// Chats that a workload can be limited to.
    #[serde(default)]
    pub only: HashMap<String, Chat>,
    /// Parts of people's names.
    #[serde(default)]
    pub sought: Vec<String>,
}

pub fn fill(template: &str, vars: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    'outer: while let Some(i) = rest.find('{') {
        out.push_str(&rest[..i]);
        rest = &rest[i..];
        for (k, v) in vars {
            if rest.len() > k.len() + 1 && rest[1..].starts_with(k) && rest.as_bytes()[k.len() + 1] == b'}' {
                out.push_str(v);
                rest = &rest[k.len() + 2..];
                continue 'outer;
            }
        }
        out.push('{');
        rest = &rest[1..];
    }
    out.push_str(rest);
    out
}

pub fn user_vars(u: &User) -> [(&str, &str); 4] {
    [("user", &u.name), ("password", &u.password), ("token", &u.token), ("uid", &u.id)]
}
