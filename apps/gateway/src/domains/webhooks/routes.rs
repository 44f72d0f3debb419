//! The routes of webhooks.

use clowder_accounts::refusals::AUTHENTICATION_STALE;
use clowder_core::idempotency;
use clowder_notifications::webhooks::{
    DeliveryStatus, IssuedWebhook, NewRecovery, NewWebhook, RotatedSecret, Webhook, WebhookDelivery, WebhookEventType,
    WebhookPatch, WebhookRecovery,
    permissions::HEAR_SERVER,
    refusals::*,
    scopes::{WEBHOOKS_READ, WEBHOOKS_WRITE},
};

use super::handlers;
use crate::routes::{Endpoint, delete, get, patch, post};

pub fn all() -> Vec<Endpoint> {
    let mut all = endpoints();
    all.extend(deliveries());
    all
}

fn endpoints() -> Vec<Endpoint> {
    vec![
        get("/api/webhooks/event-types", handlers::event_types)
            .says("List the types of events that webhooks can get")
            .called("listWebhookEventTypes")
            .notes("Each with the JSON Schema of its `data` and an example of a whole body. Types that begin with `server.` are for administrators.")
            .public()
            .lists::<WebhookEventType>(),
        get("/api/webhooks", handlers::list)
            .says("List your webhooks, the newest first")
            .called("listWebhooks")
            .notes("Secrets are never shown again.")
            .scope(WEBHOOKS_READ)
            .shows_secret()
            .lists::<Webhook>(),
        post("/api/webhooks", handlers::create)
            .says("Create a webhook")
            .called("createWebhook")
            .notes("Needs a recent authentication. The webhook gets each event that a socket of yours would receive, from now on, if it is of one of these types; a call contains what you may see when it is made. The address must be `https:` and public. An account has at most 20 webhooks. Event types that begin with `server.` need the permission `webhooks.server`.")
            .others_need(HEAR_SERVER)
            .reaches_others()
            .creates()
            .shows_secret()
            .takes::<NewWebhook>()
            .gives::<IssuedWebhook>(201, "The webhook, with its secret, shown only this once")
            .refuses(&[WEBHOOK_LIMIT, AUTHENTICATION_STALE, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[WEBHOOK_UNKNOWN]),
        get("/api/webhooks/{webhook_id}", handlers::one)
            .says("Read a webhook")
            .called("getWebhook")
            .scope(WEBHOOKS_READ)
            .tagged()
            .shows_secret()
            .gives::<Webhook>(200, "Without its secret")
            .refuses(&[WEBHOOK_UNKNOWN]),
        patch("/api/webhooks/{webhook_id}", handlers::edit)
            .or_put()
            .says("Change a webhook")
            .called("editWebhook")
            .notes("Another address and other event types need a recent authentication. `active` lets a webhook start anew that was disabled: what waits for it is delivered, and what it has missed can be recovered.")
            .reaches_others()
            .edits()
            .takes::<WebhookPatch>()
            .gives::<Webhook>(200, "As it is now")
            .refuses(&[WEBHOOK_UNKNOWN, WEBHOOK_STALE, AUTHENTICATION_STALE]),
        delete("/api/webhooks/{webhook_id}", handlers::delete)
            .says("Delete a webhook")
            .called("deleteWebhook")
            .notes("It gets no call that has not begun, and nothing of its deliveries is shown any more.")
            .gives_nothing(204, "It is deleted")
            .refuses(&[WEBHOOK_UNKNOWN]),
        post("/api/webhooks/{webhook_id}/rotate", handlers::rotate)
            .says("Give a webhook another secret")
            .called("rotateWebhookSecret")
            .notes("Needs a recent authentication. For 24 hours, each call is signed with the secret before, too.")
            .shows_secret()
            .gives::<RotatedSecret>(200, "The secret, shown only this once")
            .refuses(&[WEBHOOK_UNKNOWN, AUTHENTICATION_STALE]),
    ]
}

fn deliveries() -> Vec<Endpoint> {
    vec![
        post("/api/webhooks/{webhook_id}/test", handlers::test)
            .says("Send a test to a webhook")
            .called("testWebhook")
            .notes("An event of the type `webhook.ping`, called once. Read the delivery to see what came of it; that takes 15 seconds at most, if nothing else waits.")
            .scope(WEBHOOKS_WRITE)
            .gives::<WebhookDelivery>(202, "The delivery")
            .refuses(&[WEBHOOK_UNKNOWN, WEBHOOK_DISABLED, WEBHOOK_BACKLOG]),
        post("/api/webhooks/{webhook_id}/recover", handlers::recover)
            .says("Deliver again what a webhook has missed")
            .called("recoverWebhook")
            .notes("Everything since this time that failed, and what was never noted because the webhook was disabled or too much waited for it; of the last 7 days, and since the webhook was created. What waits already is not delivered twice.")
            .scope(WEBHOOKS_WRITE)
            .takes::<NewRecovery>()
            .gives::<WebhookRecovery>(202, "It begins soon")
            .refuses(&[WEBHOOK_UNKNOWN, WEBHOOK_DISABLED, WEBHOOK_BACKLOG]),
        get("/api/webhooks/{webhook_id}/deliveries", handlers::deliveries)
            .says("List what was and is to be delivered to a webhook, the newest first")
            .called("listWebhookDeliveries")
            .notes("Of the last 7 days, at most about 10,000 that do not wait.")
            .scope(WEBHOOKS_READ)
            .asks::<DeliveryStatus>("status", "Only deliveries with this status")
            .lists::<WebhookDelivery>()
            .refuses(&[WEBHOOK_UNKNOWN]),
        get("/api/webhooks/{webhook_id}/deliveries/{delivery_id}", handlers::delivery)
            .says("Read a delivery")
            .called("getWebhookDelivery")
            .scope(WEBHOOKS_READ)
            .gives::<WebhookDelivery>(200, "The delivery with its last attempts")
            .refuses(&[WEBHOOK_UNKNOWN, DELIVERY_UNKNOWN]),
        post("/api/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", handlers::resend)
            .says("Deliver something again")
            .called("resendWebhookDelivery")
            .notes("With the same `webhook-id`, now, and by the whole schedule if that fails.")
            .scope(WEBHOOKS_WRITE)
            .gives::<WebhookDelivery>(202, "The delivery, which waits again")
            .refuses(&[WEBHOOK_UNKNOWN, DELIVERY_UNKNOWN, WEBHOOK_DISABLED, WEBHOOK_BACKLOG]),
    ]
}
