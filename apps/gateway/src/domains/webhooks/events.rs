//! Events of webhooks, for the devices of their owners. Webhooks do not get them.

use clowder_notifications::webhooks::{
    change::{WEBHOOK_CREATED, WEBHOOK_DELETED, WEBHOOK_UPDATED, WebhookDeleted, WebhookTold},
    scopes::WEBHOOKS_READ,
};
use serde_json::json;

use crate::{
    docs::examples::THING,
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    Event {
        name: WEBHOOK_CREATED,
        about: "You created a webhook on one of your devices",
        scope: Some(WEBHOOKS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<WebhookTold>,
        example: || json!({"webhook_id": THING, "status": "active", "disabled_reason": null}),
    },
    Event {
        name: WEBHOOK_UPDATED,
        about: "You changed a webhook on one of your devices, or it was disabled because its calls failed",
        scope: Some(WEBHOOKS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<WebhookTold>,
        example: || json!({"webhook_id": THING, "status": "disabled", "disabled_reason": "failing"}),
    },
    Event {
        name: WEBHOOK_DELETED,
        about: "You deleted a webhook on one of your devices",
        scope: Some(WEBHOOKS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<WebhookDeleted>,
        example: || json!({"webhook_id": THING}),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn api_keys_hear_within_their_scopes() {
        let expected = [WEBHOOK_CREATED, WEBHOOK_UPDATED, WEBHOOK_DELETED].map(|name| (name, Some(WEBHOOKS_READ)));
        are_heard_by(EVENTS, &expected);
    }
}
