//! Events of chats and messages.

use clowder_core::{Recorded, UserId};
use clowder_messaging::scopes::{CHATS_READ, MESSAGES_READ};
use clowder_messaging::{
    Chat, ChatFace, Deleted, Delivered, Message, Reaction, Read, Typing,
    attachments::Removed as AttachmentRemoved,
    change::{
        Braked, CHAT_CREATED, ChatDeleted, Decision, Expiring, Invited, ParticipantChanged, ParticipantRemoved,
        PreferencesChanged, Requested, ReviewWaiting, Sanctioned, ScheduledChanged, Uninvited,
    },
    keeping::{Cleared, Pinned, PinsOrdered, Removed, SavedChanged, Unpinned},
    polls::{Closed, Voted},
    relations::ThreadState,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    routes::Shape,
    ws::{Event, Kind},
};

/// The other person of a private chat that begins for the owner of the topic.
pub fn meets(recorded: &Recorded) -> Option<UserId> {
    #[derive(Deserialize)]
    struct Begun {
        peer: Option<Peer>,
    }
    #[derive(Deserialize)]
    struct Peer {
        id: UserId,
    }
    if &*recorded.name != CHAT_CREATED {
        return None;
    }
    let begun: Begun = serde_json::from_str(recorded.data.get()).ok()?;
    begun.peer.map(|peer| peer.id)
}

pub const EVENTS: &[Event] = &[
    Event {
        name: "chat.created",
        about: "You are now in a new chat",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Chat>,
        example: || {
            json!({
                "id": CHAT, "type": "group", "title": "Lunch", "description": null, "avatar": null, "peer": null, "group_id": null,
                "my_role": "member",
                "participant_count": 3, "last_message": null, "last_seq": 0, "read_seq": 0, "unread_count": 0, "mention_count": 0,
                "visibility": "private", "history": "all", "rights": rights(), "slow_seconds": 0,
                "silent_until": null, "lifetime": null, "writable": true,
                "preferences": {
                    "archived": false, "pinned": false, "muted_until": null, "notify": "all", "title": null, "draft": null,
                    "drafted_at": null
                },
                "created_at": AT, "active_at": AT, "version": 1
            })
        },
    },
    Event {
        name: "chat.updated",
        about: "Something about a chat of yours changed for everybody in it: its title, its picture, its rights, or whether messages can be sent",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ChatFace>,
        example: || {
            json!({
                "id": CHAT, "type": "group", "title": "Late lunch", "description": null, "avatar": null, "visibility": "private",
                "history": "all", "rights": rights(), "slow_seconds": 30, "lifetime": null, "closed": false,
                "participant_count": 3, "version": 2
            })
        },
    },
    Event {
        name: "chat.preferences",
        about: "You arranged a chat for yourself on one of your devices, or a draft changed. Texts are not in it: load the chat",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<PreferencesChanged>,
        example: || {
            json!({
                "chat_id": CHAT, "archived": false, "pinned": true, "muted_until": null, "notify": "mentions",
                "has_title": false, "drafted_at": AT
            })
        },
    },
    Event {
        name: "chat.invited",
        about: "You are invited to a chat; or somebody who asked to join a chat of which you are an owner or admin was invited instead",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Invited>,
        example: || json!({"chat_id": CHAT, "user_id": BOB, "invited_by": ADA, "expires_at": AT}),
    },
    Event {
        name: "chat.uninvited",
        about: "An invitation is no longer open: yours, or one to a chat of which you are an owner or admin",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Uninvited>,
        example: || json!({"chat_id": CHAT, "user_id": BOB, "reason": "declined"}),
    },
    Event {
        name: "chat.requested",
        about: "Somebody asks to join a chat of which you are an owner or admin",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Requested>,
        example: || json!({"chat_id": CHAT, "user_id": ADA}),
    },
    Event {
        name: "chat.decided",
        about: "A request to join a chat is no longer open: yours, or one to a chat of which you are an owner or admin",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Decision>,
        example: || json!({"chat_id": CHAT, "user_id": ADA, "action": "approve"}),
    },
    Event {
        name: "chat.sanctioned",
        about: "A moderator of a chat muted or banned you, lifted that, or deleted what you wrote. `GET /api/chat-sanctions` says why",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Sanctioned>,
        example: || json!({"id": MESSAGE, "chat_id": CHAT, "user_id": ADA, "type": "mute", "until": AT, "lifted": false}),
    },
    Event {
        name: "chat.braked",
        about: "Too many people joined a chat of which you are an owner or admin: for a while, you have to approve new people",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Braked>,
        example: || json!({"chat_id": CHAT, "until": AT}),
    },
    Event {
        name: "chat.review",
        about: "The word filter of a chat of which you are an owner or admin caught a message, about which you decide",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ReviewWaiting>,
        example: || json!({"chat_id": CHAT, "review_id": MESSAGE, "type": "held"}),
    },
    Event {
        name: "chat.deleted",
        about: "A chat that you were in has been deleted",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ChatDeleted>,
        example: || json!({"chat_id": CHAT}),
    },
    Event {
        name: "participant.added",
        about: "Somebody is now in a chat; in channels and in chats of more than 256 people only its owners and admins receive this",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ParticipantChanged>,
        example: participant,
    },
    Event {
        name: "participant.updated",
        about: "Somebody in a chat has another role; in channels and in chats of more than 256 people only they and the owners and admins receive this",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ParticipantChanged>,
        example: participant,
    },
    Event {
        name: "participant.removed",
        about: "Somebody is no longer in a chat, perhaps you; in channels and in chats of more than 256 people only they and the owners and admins receive this",
        scope: Some(CHATS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ParticipantRemoved>,
        example: || json!({"chat_id": CHAT, "user_id": ADA, "removed_by": ADA}),
    },
    Event {
        name: "message.sent",
        about: "Somebody sent a message",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Message>,
        example: || message("Shall we have lunch?", Value::Null, 1),
    },
    Event {
        name: "message.updated",
        about: "A message was edited",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Message>,
        example: || message("Shall we have dinner?", json!("2026-11-26T12:01:00.000Z"), 2),
    },
    Event {
        name: "message.deleted",
        about: "A message was deleted",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Deleted>,
        example: || {
            json!({
                "chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "version": 2, "deleted_by": ADA, "deleted_at": AT
            })
        },
    },
    Event {
        name: "message.pinned",
        about: "A message was pinned; it comes first among the pinned ones",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Pinned>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "pinned_by": ADA, "pinned_at": AT}),
    },
    Event {
        name: "message.unpinned",
        about: "A message was unpinned. Deleting a message unpins it without this event",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Unpinned>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "unpinned_by": ADA}),
    },
    Event {
        name: "chat.pins",
        about: "The pinned messages of a chat have another order",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<PinsOrdered>,
        example: || json!({"chat_id": CHAT, "message_ids": [MESSAGE]}),
    },
    Event {
        name: "message.saved",
        about: "You saved a message on one of your devices, or changed your note of it. The note is not in it",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<SavedChanged>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE}),
    },
    Event {
        name: "message.unsaved",
        about: "You removed a message from those that you have saved",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<SavedChanged>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE}),
    },
    Event {
        name: "message.removed",
        about: "You removed messages for yourself on one of your devices: for you they no longer exist; ignore later events about them",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Removed>,
        example: || json!({"chat_id": CHAT, "ids": [MESSAGE]}),
    },
    Event {
        name: "chat.cleared",
        about: "You cleared a chat on one of your devices: its messages up to this one do not exist for you any more, and nothing in it is unread",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Cleared>,
        example: || json!({"chat_id": CHAT, "up_to": 17}),
    },
    Event {
        name: "message.expiring",
        about: "All have read a message that stays for some time after it was read: now it is known when it disappears. Then it is deleted",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Expiring>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "expires_at": AT}),
    },
    Event {
        name: "attachment.removed",
        about: "A file of a message was deleted by its owner: the message shows its place without a name, and with the status `deleted`",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<AttachmentRemoved>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "file_id": FILE}),
    },
    Event {
        name: "message.scheduled",
        about: "A message that you scheduled was written, changed or cancelled on one of your devices, or it was sent or refused. Its text is not in it: load the scheduled message",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ScheduledChanged>,
        example: || {
            json!({
                "id": SCHEDULED, "chat_id": CHAT, "status": "waiting", "send_at": AT, "message_id": null, "problem": null,
                "version": 1
            })
        },
    },
    Event {
        name: "message.read",
        about: "Somebody has read a chat up to this message. In chats of more than 256 people only the reader receives this",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Read>,
        example: || json!({"chat_id": CHAT, "user_id": ADA, "seq": 7, "at": AT}),
    },
    Event {
        name: "message.delivered",
        about: "All your messages up to this one have been delivered to one of the user's devices. Sent only to those who wrote them, in channels only if they are owners or admins, and not in chats of more than 256 people. What somebody has read has also been delivered",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Delivered>,
        example: || json!({"chat_id": CHAT, "user_id": ADA, "seq": 7, "at": AT}),
    },
    Event {
        name: "thread.updated",
        about: "On one of your devices you followed a thread, stopped following it, or read on in it. That you follow a thread because you have written in it, or somebody has answered you, is not told: `message.sent` with `thread_of` says so",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ThreadState>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE, "following": true, "read_seq": 17, "unread_count": 0}),
    },
    Event {
        name: "reaction.added",
        about: "Somebody has reacted to a message. In channels `user_id` is `null`; whoever reacts receives the event once more on their own devices, with it",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Reaction>,
        example: || reaction(3),
    },
    Event {
        name: "reaction.removed",
        about: "Somebody has removed a reaction; `user_id` as in `reaction.added`. Deleting a message removes its reactions without this event",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Reaction>,
        example: || reaction(2),
    },
    Event {
        name: "poll.voted",
        about: "Somebody has voted in a poll, or taken a vote back. In anonymous polls and in channels `user_id` and `options` are `null`; whoever votes in a channel receives the event once more on their own devices, with them",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Voted>,
        example: || {
            json!({
                "chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "votes": [3, 1], "voters": 4, "user_id": ADA,
                "options": [0]
            })
        },
    },
    Event {
        name: "poll.closed",
        about: "A poll was closed before its time. One whose time is over closes without this event",
        scope: Some(MESSAGES_READ),
        kind: Kind::Durable,
        shape: Shape::of::<Closed>,
        example: || json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "closed_at": AT}),
    },
    Event {
        name: "typing.start",
        about: "Somebody is typing, or does what `kind` says. If no other `typing.start` follows within 6 seconds, the server sends `typing.stop`. At most one typing event per person and chat every 2 seconds",
        scope: Some(CHATS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<Typing>,
        example: typing,
    },
    Event {
        name: "typing.stop",
        about: "Somebody has stopped what `kind` says; may be up to 2 seconds late",
        scope: Some(CHATS_READ),
        kind: Kind::Passing,
        shape: Shape::of::<Typing>,
        example: typing,
    },
];

const CHAT: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
const MESSAGE: &str = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d3";
const FILE: &str = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d5";
const SCHEDULED: &str = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d4";
const BOB: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d13";
const ADA: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d12";
const AT: &str = "2026-11-26T12:00:00.000Z";

fn message(content: &str, edited_at: Value, version: i64) -> Value {
    json!({
        "id": MESSAGE, "chat_id": CHAT, "seq": 7, "type": "text",
        "sender": {"id": ADA, "username": "ada", "display_name": "Ada Lovelace", "avatar": null}, "content": content, "status": "sent",
        "client_id": "phone-42", "attachments": [], "reactions": [], "entities": [], "mentions": [], "reply_to": null, "thread": null, "forwarded_from": null, "created_at": AT, "edited_at": edited_at, "deleted_at": null, "version": version
    })
}

fn reaction(count: u32) -> Value {
    json!({"chat_id": CHAT, "message_id": MESSAGE, "seq": 7, "user_id": ADA, "emoji": "👍", "count": count})
}

fn rights() -> Value {
    json!({ "post": true, "mention_all": false, "pin": false, "edit": false, "add": true, "invite": false })
}

fn participant() -> Value {
    let user = json!({"id": ADA, "username": "ada", "display_name": "Ada Lovelace", "avatar": null});
    json!({"chat_id": CHAT, "participant": {"user": user, "role": "admin", "joined_at": AT}})
}

fn typing() -> Value {
    json!({"chat_id": CHAT, "user_id": ADA, "kind": "recording"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::events::are_heard_by;

    #[test]
    fn who_hears_them() {
        let expected = [
            ("chat.created", Some(CHATS_READ)),
            ("chat.updated", Some(CHATS_READ)),
            ("chat.preferences", Some(CHATS_READ)),
            ("chat.invited", Some(CHATS_READ)),
            ("chat.uninvited", Some(CHATS_READ)),
            ("chat.requested", Some(CHATS_READ)),
            ("chat.decided", Some(CHATS_READ)),
            ("chat.sanctioned", Some(CHATS_READ)),
            ("chat.braked", Some(CHATS_READ)),
            ("chat.review", Some(CHATS_READ)),
            ("chat.deleted", Some(CHATS_READ)),
            ("participant.added", Some(CHATS_READ)),
            ("participant.updated", Some(CHATS_READ)),
            ("participant.removed", Some(CHATS_READ)),
            ("message.sent", Some(MESSAGES_READ)),
            ("message.updated", Some(MESSAGES_READ)),
            ("message.deleted", Some(MESSAGES_READ)),
            ("message.pinned", Some(MESSAGES_READ)),
            ("message.unpinned", Some(MESSAGES_READ)),
            ("chat.pins", Some(MESSAGES_READ)),
            ("message.saved", Some(MESSAGES_READ)),
            ("message.unsaved", Some(MESSAGES_READ)),
            ("message.removed", Some(MESSAGES_READ)),
            ("chat.cleared", Some(MESSAGES_READ)),
            ("message.expiring", Some(MESSAGES_READ)),
            ("attachment.removed", Some(MESSAGES_READ)),
            ("message.scheduled", Some(MESSAGES_READ)),
            ("message.read", Some(MESSAGES_READ)),
            ("message.delivered", Some(MESSAGES_READ)),
            ("thread.updated", Some(MESSAGES_READ)),
            ("reaction.added", Some(MESSAGES_READ)),
            ("reaction.removed", Some(MESSAGES_READ)),
            ("poll.voted", Some(MESSAGES_READ)),
            ("poll.closed", Some(MESSAGES_READ)),
            ("typing.start", Some(CHATS_READ)),
            ("typing.stop", Some(CHATS_READ)),
        ];
        are_heard_by(EVENTS, &expected);
    }
}
