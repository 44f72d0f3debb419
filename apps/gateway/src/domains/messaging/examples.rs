//! What chats and messages look like.

use clowder_messaging::refusals::CHAT_CLOSED;
use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, CHAT, LATER, THING, card, picture, with};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Chat" => with(group(), "avatar", picture()),
        "createChat 201" => new_group(),
        "createChat 200" => private(),
        "setChatLifetime 200" => for_a_day(),
        "editChat 200" => with(with(group(), "title", json!("Late lunch")), "last_message", retitled()),
        "Message" => message(),
        "listMentions 200" | "listAllMentions 200" => json!({ "items": [mentioning()], "next_cursor": null }),
        "Read" => json!({ "chat_id": CHAT, "user_id": ADA, "seq": 17, "at": AT }),
        "Delivered" => json!({ "chat_id": CHAT, "user_id": ADA, "seq": 17, "at": AT }),
        "Receipt" => json!({ "user": card(ADA, "ada", "Ada"), "delivered_at": AT, "read_at": null }),
        "Reaction" => json!({
            "chat_id": CHAT, "message_id": THING, "seq": 17, "user_id": ADA, "emoji": "👍", "count": 3
        }),
        "Reactor" => json!({ "user": card(ADA, "ada", "Ada"), "emoji": "👍", "at": AT }),
        "PollVoted" => json!({
            "chat_id": CHAT, "message_id": THING, "seq": 17, "votes": [3, 1], "voters": 4, "user_id": ADA, "options": [0]
        }),
        "PollClosed" => json!({ "chat_id": CHAT, "message_id": THING, "seq": 17, "closed_at": AT }),
        "PollVoter" => json!({ "user": card(ADA, "ada", "Ada"), "options": [0], "at": AT }),
        "Deleted" => {
            json!({
                "chat_id": CHAT, "message_id": THING, "seq": 17, "version": 2, "deleted_by": BOB, "deleted_at": AT
            })
        }
        "ChatEntry" => json!({
            "id": CHAT, "type": "channel", "title": "Lunch menus", "description": "What there is today", "avatar": null,
            "participant_count": 1200, "joined": false, "created_at": AT
        }),
        "ChatPreferences" => preferences(),
        "ChatInvites" => json!({ "user_ids": [], "link": link(), "code": "q0Jm3vXk2cYwzN1sT5bq7g" }),
        "ChatLink" => link(),
        "ChatWatched" => json!({ "until": LATER }),
        "ChatGuest" => json!({
            "user": card(BOB, "bob", "Bob"), "role": "member", "invited_by": ADA, "since": AT, "expires_at": AT
        }),
        "ChatInvitation" => json!({
            "chat_id": CHAT, "type": "group", "status": "invited", "title": "Lunch", "participant_count": 3,
            "invited_by": card(BOB, "bob", "Bob"), "role": "member", "since": AT, "expires_at": AT
        }),
        "ChatDeletion" => json!({ "chat_id": CHAT, "status": "running", "progress": 0.25 }),
        "ChatTemplate" => json!({
            "id": THING, "scope": "own", "name": "Project", "type": "group", "title": null, "description": null,
            "visibility": "private", "history": "since_join", "rights": rights(), "lifetime": null, "slow_seconds": 0,
            "created_at": AT, "version": 1
        }),
        "createChatFromTemplate 201" => new_group(),
        "ChatAnalytics" => analytics(),
        "ChatExport" => json!({
            "id": THING, "chat_id": CHAT, "format": "html", "status": "queued", "progress": 0.0, "messages": 0,
            "size": null, "url": null, "problem": null, "created_at": AT, "expires_at": null
        }),
        "ChatImport" => json!({
            "id": THING, "status": "done", "progress": 1.0, "chat_id": CHAT, "messages": 1200, "skipped": 31, "refused": 2,
            "left_out": 0, "problem": null, "created_at": AT, "finished_at": LATER
        }),
        "importChat 202" => json!({
            "id": THING, "status": "queued", "progress": 0.0, "chat_id": null, "messages": 0, "skipped": 0, "refused": 0,
            "left_out": 0, "problem": null, "created_at": AT, "finished_at": null
        }),
        "RefusedImport" => json!({
            "number": 17, "error": { "pointer": "/created_at", "code": "required", "message": "is missing" }
        }),
        "ChatPreview" => json!({
            "chat_id": CHAT, "type": "group", "title": "Lunch", "description": "Where we eat", "participant_count": 3,
            "joined": false, "role": "member", "approval": false, "expires_at": null
        }),
        "ChatSanction" => json!({
            "id": THING, "chat_id": CHAT, "type": "mute", "user": card(BOB, "bob", "Bob"), "reason": "Advertising",
            "message_count": null, "by": ADA, "since": AT, "until": null, "lifted_at": null, "lift_reason": null
        }),
        "ChatModerationEntry" => json!({
            "id": THING, "at": AT, "type": "mute", "by": card(ADA, "ada", "Ada"), "user": card(BOB, "bob", "Bob"),
            "reason": "Advertising", "until": null, "role": null, "message_count": null
        }),
        "ChatModeration" => json!({
            "chat_id": CHAT, "slow_seconds": 30, "filter": filter(), "reviews": 2,
            "brake": { "joins": 20, "seconds": 60, "hold_seconds": 3600, "held_until": null }
        }),
        "WordFilter" => filter(),
        "MessageReview" => json!({
            "id": THING, "chat_id": CHAT, "type": "held", "sender": card(BOB, "bob", "Bob"), "content": "Buy cheap lunch!",
            "message_id": null, "seq": null, "mentions": [], "attachments": [], "created_at": AT, "version": 1
        }),
        "ChatPurge" => json!({
            "id": THING, "chat_id": CHAT, "user_id": BOB, "status": "running", "progress": 0.25, "deleted": 150
        }),
        "ChatAsked" => json!({ "chat_id": CHAT }),
        "Participant" => json!({ "user": card(BOB, "bob", "Bob"), "role": "member", "joined_at": AT }),
        "ScheduledMessage" => json!({
            "id": THING, "chat_id": CHAT, "type": "text", "content": "Good morning!", "attachments": [], "client_id": null,
            "lifetime": null, "mentions": [],
            "reply_to": null, "thread_of": null, "send_at": LATER,
            "repeat": "FREQ=WEEKLY;BYDAY=MO", "time_zone": "Europe/Berlin", "status": "waiting", "message_id": null,
            "problem": null, "created_at": AT, "version": 1
        }),
        "MessagePin" => json!({ "message": with(message(), "pinned", json!(true)), "pinned_by": ADA, "pinned_at": AT }),
        "SavedMessage" => json!({ "message": with_file(), "note": "For the trip", "saved_at": AT }),
        "ChatCleared" => json!({ "chat_id": CHAT, "up_to": 17 }),
        "MessageDeletion" => json!({ "id": THING, "deleted_at": AT, "problem": null }),
        "FollowedThread" => json!({ "root": message(), "read_seq": 18, "unread_count": 1 }),
        "ThreadState" => json!({
            "chat_id": CHAT, "message_id": THING, "following": true, "read_seq": 18, "unread_count": 1
        }),
        "Forwards" => json!({
            "items": [
                { "chat_id": CHAT, "message": forwarded(), "problem": null },
                { "chat_id": THING, "message": null, "problem": { "code": "chat.closed", "title": CHAT_CLOSED.title } }
            ]
        }),
        "sendMessage 201" => reply(),
        "FoundMessage" => json!({
            "message": message(), "highlight": "Shall we have <mark>lunch</mark>?", "score": 0.7312
        }),
        "FoundChat" => json!({
            "chat": {
                "id": CHAT, "type": "group", "title": "Lunch", "description": null, "avatar": null, "participant_count": 3, "joined": true,
                "created_at": AT
            },
            "peer": null, "own_title": null, "highlight": "<mark>Lunch</mark>", "score": 0.9
        }),
        "Edit" => json!({ "version": 1, "content": "Shall we have lunch?", "written_at": AT }),
        _ => return None,
    })
}

fn group() -> Value {
    json!({
        "id": CHAT, "type": "group", "title": "Lunch", "description": null, "avatar": null, "peer": null, "group_id": null,
        "participant_count": 3, "my_role": "owner", "last_message": message(), "last_seq": 17, "read_seq": 16, "unread_count": 1, "mention_count": 0,
        "visibility": "private", "history": "all", "rights": rights(), "slow_seconds": 0, "silent_until": null,
        "lifetime": null, "writable": true, "preferences": preferences(), "created_at": AT, "active_at": AT, "version": 1
    })
}

/// What the server says of a new title.
fn retitled() -> Value {
    let note = json!({ "action": "retitled", "user_ids": [], "title": "Late lunch", "role": null });
    said_by_the_system("changed the title", &note)
}

fn said_by_the_system(content: &str, note: &Value) -> Value {
    json!({
        "id": THING, "chat_id": CHAT, "seq": 17, "type": "system", "sender": card(BOB, "bob", "Bob"),
        "content": content, "client_id": null, "status": "sent", "attachments": [],
        "reactions": [], "entities": [], "mentions": [],
        "reply_to": null, "thread": null, "forwarded_from": null, "created_at": AT, "edited_at": null,
        "deleted_at": null, "version": 1, "system": note
    })
}

/// Its messages stay for a day from now on.
fn for_a_day() -> Value {
    let note = json!({ "action": "lifetime_changed", "user_ids": [], "title": null, "role": null });
    let said = said_by_the_system("changed how long messages stay", &note);
    with(with(group(), "lifetime", json!({ "seconds": 86400, "from": "sent" })), "last_message", said)
}

fn analytics() -> Value {
    let hours: Vec<_> =
        (0..24).map(|hour| json!({ "hour": hour, "messages": if hour == 12 { 3 } else { 0 } })).collect();
    let steps = [10, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400];
    let steps: Vec<_> =
        steps.map(|step| json!({ "within_seconds": step, "answers": i32::from(step == 60) })).into_iter().collect();
    json!({
        "chat_id": CHAT, "from": "2026-09-20", "to": "2026-09-20", "utc_offset": "+02:00", "counted_seq": 17,
        "messages": 3, "people": 2, "days": [{ "day": "2026-09-20", "messages": 3, "people": 2 }], "hours": hours,
        "busiest_hours": [12], "top_reactions": [{ "emoji": "👍", "count": 3 }],
        "response_time": {
            "answers": 1, "mean_seconds": 42.0, "median_within_seconds": 60, "distribution": steps
        }
    })
}

fn link() -> Value {
    json!({
        "id": THING, "chat_id": CHAT, "created_by": ADA, "role": "member", "approval": false, "max_uses": 20, "uses": 3,
        "created_at": AT, "expires_at": null, "revoked_at": null
    })
}

fn filter() -> Value {
    json!({ "words": ["cheap lunch", "casino*"], "action": "hold" })
}

fn rights() -> Value {
    json!({ "post": true, "mention_all": false, "pin": false, "edit": false, "add": true, "invite": false })
}

fn preferences() -> Value {
    json!({
        "archived": false, "pinned": false, "muted_until": null, "notify": "all", "title": null, "draft": null,
        "drafted_at": null
    })
}

/// Nobody has written in it yet.
fn new_group() -> Value {
    let mut chat = with(group(), "last_message", Value::Null);
    for count in ["last_seq", "read_seq", "unread_count", "mention_count"] {
        chat = with(chat, count, json!(0));
    }
    chat
}

/// Both people own a private chat equally.
fn private() -> Value {
    let mut chat = group();
    for (member, value) in [
        ("type", json!("private")),
        ("title", Value::Null),
        ("peer", card(BOB, "bob", "Bob")),
        ("participant_count", json!(2)),
        ("my_role", json!("member")),
        ("rights", with(with(rights(), "add", json!(false)), "pin", json!(true))),
    ] {
        chat = with(chat, member, value);
    }
    chat
}

fn message() -> Value {
    json!({
        "id": THING, "chat_id": CHAT, "seq": 17, "type": "text", "sender": card(BOB, "bob", "Bob"),
        "content": "Shall we have lunch?", "client_id": "phone-42", "status": "sent",
        "reactions": [{ "emoji": "👍", "count": 3, "mine": true }], "attachments": [], "entities": [], "mentions": [],
        "reply_to": null,
        "thread": { "count": 2, "last_reply_at": AT, "following": true }, "forwarded_from": null, "created_at": AT, "edited_at": null, "deleted_at": null, "version": 1
    })
}

/// A message with a picture.
fn with_file() -> Value {
    let file = json!({
        "id": THING, "name": "beach.jpg", "type": "image/jpeg", "size": 48_213, "status": "ready", "width": 4032,
        "height": 3024, "duration_ms": null, "waveform": null, "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "thumbnails": [
            { "size": 256, "width": 256, "height": 192, "url": format!("/api/files/{THING}/thumbnail?size=256") }
        ]
    });
    with(with(message(), "attachments", json!([file])), "type", json!("image"))
}

fn mentioning() -> Value {
    let entities = json!([
        { "type": "mention", "offset": 0, "length": 4, "user_id": ADA },
        { "type": "link", "offset": 11, "length": 24, "url": "https://example.org/menu" },
        { "type": "hashtag", "offset": 36, "length": 6, "tag": "lunch" },
        { "type": "email", "offset": 48, "length": 16 },
    ]);
    let content = "@ada, see: https://example.org/menu #lunch or ask cook@example.org";
    with(with(with(message(), "content", json!(content)), "entities", entities), "mentions", json!([ADA]))
}

/// A reply to another message.
fn reply() -> Value {
    let quoted = json!({
        "id": THING, "seq": 12, "sender": card(BOB, "bob", "Bob"), "excerpt": "Where do we meet?", "deleted": false
    });
    with(with(with(message(), "thread", Value::Null), "reply_to", quoted), "reactions", json!([]))
}

/// A message that comes from a chat that the viewer does not see.
fn forwarded() -> Value {
    let from = json!({ "chat_id": null, "sender": null });
    with(with(with(message(), "thread", Value::Null), "forwarded_from", from), "reactions", json!([]))
}
