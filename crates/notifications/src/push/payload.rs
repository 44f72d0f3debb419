//! What a device is told, by how much somebody wants it to say, and made to fit into what a service takes.

use clowder_core::{ChatId, MessageId, Word};
use serde::Serialize;

use super::wording::something_new;
use crate::{NotificationId, NotificationType, PushPrivacy, wording::Language};

/// The most octets of a payload of Web Push: 4,096 less the header, the padding delimiter and the tag (RFC 8291 §4).
pub const MOST_WEB: usize = 3_993;
/// The most octets of a whole message to FCM or APNs.
pub const MOST_APP: usize = 4_096;
/// The most characters of a title.
const LONGEST_TITLE: usize = 200;

/// `{type, title, body, chat_id?, message_id?, notification_id?, badge}`, as far as somebody wants it to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Payload {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub title: String,
    pub body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<ChatId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_id: Option<NotificationId>,
    /// How many notifications are unread.
    pub badge: i64,
}

/// A notification as it would be shown in the inbox.
#[derive(Debug, Clone)]
pub struct Shown {
    pub kind: NotificationType,
    pub title: String,
    pub body: String,
    /// The name of whoever caused it.
    pub actor: Option<String>,
    pub chat: Option<ChatId>,
    pub message: Option<MessageId>,
    pub notification: Option<NotificationId>,
    /// Whether it is about a message that the server cannot read: then nothing of it is told.
    pub is_encrypted: bool,
}

/// What is told of a notification.
pub fn make(shown: Shown, privacy: PushPrivacy, language: Language, badge: i64) -> Payload {
    let something_new = || something_new(language).to_owned();
    let nothing = Payload {
        kind: None,
        title: something_new(),
        body: String::new(),
        chat_id: None,
        message_id: None,
        notification_id: None,
        badge,
    };
    let privacy = match privacy {
        PushPrivacy::Full if shown.is_encrypted => PushPrivacy::Sender,
        privacy => privacy,
    };
    let ids = Payload {
        kind: Some(shown.kind.as_str()),
        chat_id: shown.chat,
        message_id: shown.message,
        notification_id: shown.notification,
        ..nothing.clone()
    };
    match privacy {
        PushPrivacy::Full => Payload { title: cut(&shown.title), body: shown.body, ..ids },
        PushPrivacy::Sender => match shown.actor {
            Some(actor) => Payload { title: cut(&actor), body: something_new(), ..ids },
            None => ids,
        },
        PushPrivacy::Nothing => nothing,
    }
}

fn cut(title: &str) -> String {
    clowder_core::text::cut(title, LONGEST_TITLE)
}

impl Payload {
    /// As the octets that `written` makes of it, with the body cut at a character until these are no more than `most`.
    pub fn fitted(&self, most: usize, written: impl Fn(&Self) -> Vec<u8>) -> Vec<u8> {
        let mut octets = written(self);
        let mut fitting = self.clone();
        while octets.len() > most && !fitting.body.is_empty() {
            shorten(&mut fitting.body, octets.len() - most);
            octets = written(&fitting);
        }
        octets
    }

    /// As JSON, for a browser.
    pub fn json(&self) -> Vec<u8> {
        // There is nothing in it that JSON could not say.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Cuts off at least so many octets, as JSON writes them, and ends with `…`; if that cannot be, everything.
fn shorten(body: &mut String, octets: usize) {
    let whole = body.trim_end_matches('…');
    let (mut gained, mut end) = (0, whole.len());
    for (place, c) in whole.char_indices().rev() {
        if gained >= octets + '…'.len_utf8() {
            break;
        }
        (gained, end) = (gained + written_length(c), place);
    }
    body.truncate(end);
    if end > 0 {
        body.push('…');
    }
}

/// How many octets a character has in a JSON text.
fn written_length(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn shown() -> Shown {
        let now = Timestamp::from_micros(1_000_000_000);
        Shown {
            kind: NotificationType::MessageMention,
            title: "Ada in Lunch".into(),
            body: "@bob come!".into(),
            actor: Some("Ada".into()),
            chat: Some(Id::new(now)),
            message: Some(Id::new(now)),
            notification: Some(Id::new(now)),
            is_encrypted: false,
        }
    }

    fn told(shown: &Shown, privacy: PushPrivacy) -> Value {
        serde_json::from_slice(&make(shown.clone(), privacy, Language::En, 3).json()).unwrap()
    }

    #[test]
    fn privacy_table() {
        let shown = shown();
        let ids = |title: &str, body: &str| {
            json!({
                "type": "message.mention", "title": title, "body": body, "badge": 3, "chat_id": shown.chat,
                "message_id": shown.message, "notification_id": shown.notification
            })
        };
        let encrypted = Shown { is_encrypted: true, body: "AAECAw".into(), ..shown.clone() };
        let of_nobody = Shown { actor: None, ..shown.clone() };
        let nothing = json!({"title": "Something new", "body": "", "badge": 3});
        for (shown, privacy, expected) in [
            (&shown, PushPrivacy::Full, ids("Ada in Lunch", "@bob come!")),
            (&shown, PushPrivacy::Sender, ids("Ada", "Something new")),
            (&shown, PushPrivacy::Nothing, nothing.clone()),
            (&encrypted, PushPrivacy::Full, ids("Ada", "Something new")),
            (&encrypted, PushPrivacy::Sender, ids("Ada", "Something new")),
            (&encrypted, PushPrivacy::Nothing, nothing.clone()),
            (&of_nobody, PushPrivacy::Sender, ids("Something new", "")),
        ] {
            assert_eq!(told(shown, privacy), expected);
        }
    }

    #[test]
    fn nothing_of_an_encrypted_message_is_told() {
        let secret = Shown { is_encrypted: true, title: "zqtitle".into(), body: "zqbody".into(), ..shown() };
        for privacy in [PushPrivacy::Full, PushPrivacy::Sender, PushPrivacy::Nothing] {
            let told = told(&secret, privacy).to_string();
            assert!(!told.contains("zq"), "{told}");
        }
    }

    #[test]
    fn a_long_body_is_cut_at_a_character() {
        for body in ["x".repeat(9_000), "ä".repeat(5_000), "😀\n\"".repeat(2_000), "\u{1}".repeat(4_000)] {
            let payload = make(Shown { body: body.clone(), ..shown() }, PushPrivacy::Full, Language::En, 0);
            for most in [MOST_WEB, MOST_WEB - 1, MOST_WEB - 2, MOST_WEB - 3] {
                let octets = payload.fitted(most, Payload::json);
                assert!(octets.len() <= most && octets.len() > most - 12, "{}", octets.len());
                let read: Value = serde_json::from_slice(&octets).unwrap();
                let kept = read["body"].as_str().unwrap().strip_suffix('…').unwrap();
                assert!(body.starts_with(kept));
            }
        }
        let short = make(shown(), PushPrivacy::Full, Language::En, 0);
        assert_eq!(short.fitted(MOST_WEB, Payload::json), short.json());
        // There may be room for nothing but the rest.
        assert!(short.fitted(10, Payload::json).len() < short.json().len());
        // A name is not cut to nothing.
        let long = make(Shown { title: "y".repeat(9_000), ..shown() }, PushPrivacy::Full, Language::En, 0);
        assert!(long.fitted(MOST_WEB, Payload::json).len() < 1_000);
    }
}
