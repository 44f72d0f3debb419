//! The routes of messages that are sent later, and of how long messages stay.

use clowder_core::ChatId;
use clowder_messaging::{
    Chat, Scheduled,
    lifetimes::NewLifetime,
    refusals::*,
    scheduled::{ScheduledPatch, ScheduledStatus},
    scopes::{CHATS_WRITE, MESSAGES_READ, MESSAGES_WRITE},
};

use super::super::scheduled;
use crate::routes::{Endpoint, delete, get, patch, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/scheduled-messages", scheduled::list)
            .says("List your scheduled messages, the next to be sent first")
            .called("listScheduledMessages")
            .notes("Without `status`, those that wait. What was sent, refused or cancelled is known for 30 days, and at most the last 500.")
            .scope(MESSAGES_READ)
            .asks::<ChatId>("chat_id", "Only messages for this chat")
            .asks::<ScheduledStatus>("status", "Only messages with this status; `waiting` if absent")
            .lists::<Scheduled>(),
        get("/api/scheduled-messages/{scheduled_message_id}", scheduled::show)
            .says("Read a scheduled message")
            .called("getScheduledMessage")
            .notes("Only its author sees it.")
            .scope(MESSAGES_READ)
            .tagged()
            .gives::<Scheduled>(200, "The scheduled message")
            .refuses(&[SCHEDULED_UNKNOWN]),
        patch("/api/scheduled-messages/{scheduled_message_id}", scheduled::edit)
            .or_put()
            .says("Change a scheduled message")
            .called("editScheduledMessage")
            .notes("Only while it waits. `null` ends that it is repeated, and takes away what it replies to and its thread. Another rule or another time zone counts from `send_at`, or from the time at which it would have been sent next. Your own devices receive `message.scheduled`.")
            .scope(MESSAGES_WRITE)
            .edits()
            .takes::<ScheduledPatch>()
            .gives::<Scheduled>(200, "As it is now")
            .refuses(&[SCHEDULED_UNKNOWN, SCHEDULED_OVER, SCHEDULED_CROWDED, SCHEDULED_STALE]),
        delete("/api/scheduled-messages/{scheduled_message_id}", scheduled::cancel)
            .says("Cancel a scheduled message")
            .called("cancelScheduledMessage")
            .notes("It is not sent any more, and its text is gone; what was sent of a repeated one stays. Your own devices receive `message.scheduled`.")
            .scope(MESSAGES_WRITE)
            .edits()
            .gives_nothing(204, "It is cancelled")
            .refuses(&[SCHEDULED_UNKNOWN, SCHEDULED_OVER, SCHEDULED_STALE]),
        put("/api/chats/{chat_id}/lifetime", scheduled::set_lifetime)
            .says("Say how long messages of a chat stay")
            .called("setChatLifetime")
            .notes("For both people of a private chat, and for owners and admins. It is about messages that are sent from now on: each disappears some time after it was sent, or after all others have read it, as if its author had deleted it. `null` lets them stay. All participants receive `chat.updated`, and a message of the system.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .edits()
            .takes::<NewLifetime>()
            .gives::<Chat>(200, "As it is now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_STALE]),
    ]
}
