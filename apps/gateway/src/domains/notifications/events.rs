//! Events of notifications.

use clowder_notifications::{
    Notification,
    change::{NotificationsRead, NotificationsRemoved},
    scopes::NOTIFICATIONS_READ,
};
use serde_json::{Value, json};

use super::examples::notification;
use crate::{
    docs::examples::THING,
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    event(
        "notification",
        "You are told something, or something more of the same",
        Shape::of::<Notification>,
        notification,
    ),
    event(
        "notification.read",
        "Notifications were read, on any device, or with the chat that they are about",
        Shape::of::<NotificationsRead>,
        || json!({"ids": [THING], "before": null, "unread_count": 2}),
    ),
    event(
        "notification.removed",
        "Notifications were deleted, or you may not see any more what they are about",
        Shape::of::<NotificationsRemoved>,
        || json!({"ids": [THING], "unread_count": 2}),
    ),
];

const fn event(name: &'static str, about: &'static str, shape: fn() -> Shape, example: fn() -> Value) -> Event {
    Event { name, about, scope: Some(NOTIFICATIONS_READ), kind: Kind::Durable, shape, example }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn who_hears_them() {
        let names = ["notification", "notification.read", "notification.removed"];
        are_heard_by(EVENTS, &names.map(|name| (name, Some(NOTIFICATIONS_READ))));
    }
}
