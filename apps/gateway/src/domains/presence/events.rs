//! What somebody's devices hear of their own presence, and friends of each other's.

use clowder_accounts::{
    change::PRESENCE_UPDATED,
    presence::{PresenceNews, PresenceUpdated, USER_OFFLINE, USER_ONLINE, USER_STATUS},
    scopes::PROFILE_READ,
};
use clowder_core::Scope;
use clowder_social::friends::scopes::FRIENDS_READ;
use serde_json::{Value, json};

use crate::{
    docs::examples::{AT, BOB},
    routes::Shape,
    ws::{Event, Kind},
};

/// What opens the events about others, and so the commands that ask for them.
pub const HEARD_WITH: Scope = FRIENDS_READ;

pub const EVENTS: &[Event] = &[
    Event {
        name: PRESENCE_UPDATED,
        about: "You chose another status or status text, or who sees them, on whichever device",
        scope: Some(PROFILE_READ),
        kind: Kind::Durable,
        shape: Shape::of::<PresenceUpdated>,
        example: || {
            json!({
                "status": "busy", "text": "in a meeting", "until": null, "seen_by": "friends", "text_seen_by": "friends"
            })
        },
    },
    Event {
        name: USER_ONLINE,
        about: "A friend, the other person of a private chat, or somebody whom you watch has come online, is no longer invisible, or shows you their presence again",
        scope: Some(FRIENDS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<PresenceNews>,
        example: || news("online", None),
    },
    Event {
        name: USER_OFFLINE,
        about: "A friend, the other person of a private chat, or somebody whom you watch has been offline for 5 seconds, or looks like that. With `status: null`: you see their presence no longer",
        scope: Some(FRIENDS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<PresenceNews>,
        example: || news("offline", None),
    },
    Event {
        name: USER_STATUS,
        about: "A friend, the other person of a private chat, or somebody whom you watch is online and has another status or status text, also because it has ended",
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
        let own = ("presence.updated", Some(PROFILE_READ));
        are_heard_by(EVENTS, &[own, ("user.online", scope), ("user.offline", scope), ("user.status", scope)]);
    }
}
