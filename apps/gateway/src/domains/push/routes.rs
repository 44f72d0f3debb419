//! The routes of push.

use clowder_core::idempotency;
use clowder_notifications::push::{NewPushSubscription, PushKey, PushSubscription, refusals::*};

use super::handlers;
use crate::routes::{Endpoint, delete, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/push/key", handlers::key)
            .says("Read the key that devices need to subscribe")
            .called("getPushKey")
            .notes("`key` is what a browser takes as `applicationServerKey` (VAPID, RFC 8292). It is the same on every node, and never changes.")
            .gives::<PushKey>(200, "The key, and the kinds of subscriptions that this server takes"),
        get("/api/push/subscriptions", handlers::list)
            .says("List your devices that get push, the newest first")
            .called("listPushSubscriptions")
            .notes("Devices whose sessions have ended get nothing and are not listed.")
            .lists::<PushSubscription>(),
        post("/api/push/subscriptions", handlers::subscribe)
            .says("Subscribe this device to push")
            .called("subscribeToPush")
            .notes("Belongs to the session of the call, and ends with it. Call it whenever the app starts: the same endpoint or token again replaces its subscription, also that of somebody else who was signed in on this device. A browser's `endpoint` and `keys` are those of its `PushSubscription`; an address that this server does not call, such as one inside its network, is refused. `app` of `apns` is the bundle id. You can have 20 subscriptions.")
            .creates()
            .takes::<NewPushSubscription>()
            .gives::<PushSubscription>(201, "The subscription, without its address and keys")
            .refuses(&[PUSH_LIMIT, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[PUSH_UNKNOWN]),
        delete("/api/push/subscriptions/{push_subscription_id}", handlers::unsubscribe)
            .says("End a subscription to push")
            .called("unsubscribeFromPush")
            .gives_nothing(204, "Nothing is sent to the device any more")
            .refuses(&[PUSH_UNKNOWN]),
    ]
}
