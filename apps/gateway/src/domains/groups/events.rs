//! Events of groups.

use clowder_social::groups::{
    change::{Added, Asked, Decision, Deleted, Face, Invitation, Removed, Uninvited},
    scopes::GROUPS_READ,
};
use serde_json::{Value, json};

use crate::{
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    event("group.created", "You have created a group", Shape::of::<Face>, face),
    event("group.updated", "A group that you are in was edited, or has another owner", Shape::of::<Face>, face),
    event(
        "group.deleted",
        "A group that you were in has been deleted",
        Shape::of::<Deleted>,
        || json!({"group_id": GROUP}),
    ),
    event(
        "group.member_added",
        "Somebody is now in a group. In groups of more than 256 members only the member and the staff receive this",
        Shape::of::<Added>,
        added,
    ),
    event(
        "group.member_updated",
        "A member of a group has another role. In groups of more than 256 members only the member and the staff receive this",
        Shape::of::<Added>,
        added,
    ),
    event(
        "group.member_removed",
        "Somebody is no longer in a group. In groups of more than 256 members only the member and the staff receive this",
        Shape::of::<Removed>,
        || json!({"group_id": GROUP, "user_id": ADA, "removed_by": ADA}),
    ),
    event(
        "group.requested",
        "Somebody asks to join a group of whose staff you are",
        Shape::of::<Asked>,
        || json!({"group_id": GROUP, "user_id": ADA}),
    ),
    event(
        "group.decided",
        "A request to join a group is no longer open: yours, or one to a group of whose staff you are",
        Shape::of::<Decision>,
        || json!({"group_id": GROUP, "user_id": ADA, "action": "approve"}),
    ),
    event(
        "group.invited",
        "You are invited to a group; or somebody who asked to join a group of whose staff you are was invited instead",
        Shape::of::<Invitation>,
        || json!({"group_id": GROUP, "user_id": BOB, "invited_by": ADA}),
    ),
    event(
        "group.uninvited",
        "An invitation is no longer open: yours, or one to a group of whose staff you are",
        Shape::of::<Uninvited>,
        || json!({"group_id": GROUP, "user_id": BOB, "reason": "declined"}),
    ),
];

const fn event(name: &'static str, about: &'static str, shape: fn() -> Shape, example: fn() -> Value) -> Event {
    Event { name, about, scope: Some(GROUPS_READ), kind: Kind::Durable, shape, example }
}

const GROUP: &str = "01993c53-5f70-7d44-a2b8-90e1c3d7f562";
const CHAT: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
const ADA: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d12";
const BOB: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d13";

fn face() -> Value {
    json!({
        "id": GROUP, "name": "Gardeners", "description": null, "rules": "Be kind.", "visibility": "closed",
        "avatar": null, "cover": null, "owner_id": ADA, "chat_id": CHAT, "created_at": "2026-11-26T12:00:00.000Z",
        "version": 1
    })
}

fn added() -> Value {
    json!({
        "group_id": GROUP, "user": {"id": ADA, "username": "ada", "display_name": "Ada Lovelace", "avatar": null}, "role": "member",
        "since": "2026-11-26T12:00:00.000Z"
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn who_hears_them() {
        let names = [
            "group.created",
            "group.updated",
            "group.deleted",
            "group.member_added",
            "group.member_updated",
            "group.member_removed",
            "group.requested",
            "group.decided",
            "group.invited",
            "group.uninvited",
        ];
        are_heard_by(EVENTS, &names.map(|name| (name, Some(GROUPS_READ))));
    }
}
