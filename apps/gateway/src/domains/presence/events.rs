//! What friends hear of each other's presence.

use clowder_accounts::presence::{PresenceNews, USER_OFFLINE, USER_ONLINE, USER_STATUS};
use clowder_social::friends::scopes::FRIENDS_READ;
use serde_json::{Value, json};

use crate::{
    docs::examples::{AT, BOB},
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    Event {
        name: USER_ONLINE,
        about: "A friend has come online, or is no longer invisible",
        scope: Some(FRIENDS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<PresenceNews>,
        example: || news("online", None),
    },
    Event {
        name: USER_OFFLINE,
        about: "A friend has been offline for 10 seconds, or has become invisible",
        scope: Some(FRIENDS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<PresenceNews>,
        example: || news("offline", None),
    },
    Event {
        name: USER_STATUS,
        about: "A friend has set another status or status text. At the time in `until` both end without another event",
        scope: Some(FRIENDS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<PresenceNews>,
        example: || news("busy", Some("in a meeting")),
    },
];

fn news(status: &str, text: Option<&str>) -> Value {
    json!({"user_id": BOB, "status": status, "text": text, "until": null, "last_seen_at": AT})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn who_hears_them() {
        let scope = Some(FRIENDS_READ);
        are_heard_by(EVENTS, &[("user.online", scope), ("user.offline", scope), ("user.status", scope)]);
    }
}
