//! The body of a call: `{type, timestamp, data}`.

use clowder_core::{Recorded, Result, Timestamp};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{WebhookId, server_events};

/// The type of the event that a test sends.
pub const PING: &str = "webhook.ping";

/// The `data` of a test.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct WebhookPing {
    pub webhook_id: WebhookId,
}

#[derive(Serialize)]
struct Body<'b> {
    #[serde(rename = "type")]
    kind: &'b str,
    timestamp: Timestamp,
    data: &'b RawValue,
}

/// What an endpoint gets of a change that its owner may see.
pub fn of_change(change: &Recorded) -> Result<Vec<u8>> {
    write(&change.name, change.at, &change.data)
}

/// What an endpoint gets of something that happened on the server.
pub fn of_server_event(name: &str, change: &Recorded) -> Result<Vec<u8>> {
    write(name, change.at, &to_raw_value(&server_events::told(change))?)
}

/// A test of the endpoint.
pub fn of_ping(webhook: WebhookId, at: Timestamp) -> Result<Vec<u8>> {
    write(PING, at, &to_raw_value(&WebhookPing { webhook_id: webhook })?)
}

fn write(kind: &str, timestamp: Timestamp, data: &RawValue) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(&Body { kind, timestamp, data })?)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Topic, UserId};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn bodies_have_three_members_in_this_order() {
        let at = Timestamp::from_micros(1_790_000_000_000_000);
        let ada: UserId = Id::new(at);
        let change = Recorded {
            stream: 0,
            position: 1,
            topic: Topic::user(ada),
            name: "user.registered".into(),
            actor: Some(ada),
            subject: None,
            follow: None,
            seq: None,
            at,
            data: RawValue::from_string(r#"{"b": 1, "a": "ü"}"#.to_owned()).unwrap().into(),
        };
        let body = String::from_utf8(of_change(&change).unwrap()).unwrap();
        assert_eq!(body, format!(r#"{{"type":"user.registered","timestamp":"{at}","data":{{"b": 1, "a": "ü"}}}}"#));
        let told: Value = serde_json::from_slice(&of_server_event("server.user.registered", &change).unwrap()).unwrap();
        let data = json!({"user_id": ada, "actor_id": ada, "target_id": null});
        assert_eq!(told, json!({"type": "server.user.registered", "timestamp": at, "data": data}));
        let webhook = Id::new(at);
        let ping: Value = serde_json::from_slice(&of_ping(webhook, at).unwrap()).unwrap();
        assert_eq!(ping, json!({"type": PING, "timestamp": at, "data": {"webhook_id": webhook}}));
    }
}
