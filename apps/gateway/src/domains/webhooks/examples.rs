//! What webhooks and deliveries look like.

use serde_json::{Value, json};

use super::catalogue;
use crate::docs::examples::{AT, CHAT, LATER, THING, with};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAECAwQFBgc=";

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Webhook" => webhook(),
        "IssuedWebhook" => with(webhook(), "secret", json!(SECRET)),
        "RotatedSecret" => json!({"secret": SECRET, "public_key": null, "former_keys_until": LATER}),
        "WebhookDelivery" => json!({
            "id": CHAT, "event_type": "message.sent", "status": "pending",
            "attempts": [attempt()], "next_at": AT, "created_at": AT
        }),
        "WebhookAttempt" => attempt(),
        "WebhookRecovery" => json!({"webhook_id": THING, "since": AT}),
        "WebhookEventType" => {
            let first = catalogue::all().first()?;
            json!({
                "name": first.name, "description": first.description, "audience": first.audience,
                "schema": {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
                "example": first.example
            })
        }
        _ => return None,
    })
}

fn webhook() -> Value {
    json!({
        "id": THING, "url": "https://bot.example/hook", "event_types": ["message.sent", "chat.*"],
        "description": "The bot of our team", "status": "active", "disabled_reason": null, "failing_since": null,
        "public_key": null, "former_keys_until": null, "created_at": AT, "version": 1
    })
}

fn attempt() -> Value {
    json!({"at": AT, "status": 503, "duration_ms": 86, "error": "status"})
}
