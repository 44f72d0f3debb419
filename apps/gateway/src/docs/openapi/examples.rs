//! An example of everything that is answered, by the name of its schema. A test holds each against it.

use serde_json::{Value, json};

const ADA: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
const BOB: &str = "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3";
const CHAT: &str = "01993c52-0c3e-7a19-b6d0-1f6a2e9c4b85";
const THING: &str = "01993c53-5f70-7d44-a2b8-90e1c3d7f562";
const AT: &str = "2026-11-26T18:04:05.678901Z";
const LATER: &str = "2026-12-26T18:04:05.678901Z";
const ACCESS: &str = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.9v3Jc0mJ1m2pQ0rV6uXy8Zb4c7d1e5f9g2h3i6j0k4l";
const REFRESH: &str = "q0Jm3vXk2cYwzN1sT5bq7gA9d4Lr8uEo";

/// The example of the schema with this name, unless it is an input, which has its own.
pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Card" => card(ADA, "ada", "Ada Lovelace"),
        "Own" => own(),
        "SignedIn" => json!({
            "access": ACCESS, "refresh": REFRESH, "token_type": "Bearer", "expires_in": 600, "user": own()
        }),
        "Waiting" => json!({ "next": "confirm_email" }),
        "Session" => json!({
            "id": THING, "name": "kitchen tablet", "agent": "Mozilla/5.0", "address": "192.0.2.7", "created_at": AT,
            "last_used_at": AT, "expires_at": LATER, "current": true
        }),
        "Settings" => json!({
            "language": "en", "time_zone": "Europe/Berlin", "theme": "system",
            "privacy": { "last_seen": "everyone", "messages_from": "everyone", "read_receipts": true },
            "notifications": { "about": "all", "push": true, "mail": true }, "version": 1
        }),
        "TokenPair" => json!({ "access": ACCESS, "refresh": REFRESH }),
        "Verified" => json!({}),
        "Registered" => json!({
            "id": ADA, "username": "ada", "email": "ada@example.org", "access": ACCESS, "refresh": REFRESH
        }),
        "Ticket" => json!({ "ticket": "Zm9yZ2V0LW1lLW5vdA", "expires_in": 30 }),
        "Enrolment" => json!({
            "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "otpauth_url": "otpauth://totp/Clowder:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Clowder",
            "qr_svg": "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 45 45\"/>"
        }),
        "RecoveryCodes" => json!({ "recovery_codes": ["k3v9d-2m7qx", "8w4tn-z6hpb"] }),
        "SignUp" => json!({
            "id": THING, "username": "ada", "display_name": "Ada Lovelace", "email": "ada@example.org",
            "created_at": AT, "expires_at": LATER
        }),
        "Invite" => invite(),
        "NewInvited" => with(invite(), "code", json!("q0Jm3vXk2cYwzN1sT5bq7g")),
        "SecurityEvent" => json!({
            "id": THING, "at": AT, "action": "session.opened", "by": "you", "address": "192.0.2.7",
            "agent": "Mozilla/5.0", "session_id": THING, "target": { "type": "session", "id": THING },
            "before": null, "after": null
        }),
        "AuditRecord" => json!({
            "position": 17, "id": THING, "at": AT, "actor": { "type": "user", "id": ADA, "owner_id": null },
            "action": "user.suspended", "target": { "type": "user", "id": BOB }, "subject_id": BOB,
            "address": "192.0.2.7", "agent": "Mozilla/5.0", "request_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10",
            "session_id": THING, "before": null, "after": { "reason": "advertising in strangers' chats" },
            "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        }),
        "AuditChain" => json!({
            "position": 17, "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "begins_after": 0, "checkpoint_at": null, "pending": 0, "pending_since": null
        }),
        "Opened" => json!({
            "scope": "chats:write", "summary": "Create chats", "least_role": "user",
            "routes": [{ "method": "POST", "path": "/api/chats", "summary": "Create a chat" }], "commands": []
        }),
        "ApiKey" => api_key(),
        "IssuedKey" => with(
            api_key(),
            "key",
            json!("clw_09rXvyQRvHpJFBbvX1tkKT_2u3tPZbF5tYqWc8xkK0mJr7dVnQhLgXsEyAoCiBpUfT0Zw9Rj"),
        ),
        "Account" => json!({
            "id": ADA, "username": "ada", "display_name": "Ada Lovelace", "email": "ada@example.org",
            "email_verified": true, "role": "user", "suspension": null, "created_at": AT
        }),
        "Export" => json!({
            "id": THING, "status": "waiting", "progress": 0, "size": null, "url": null, "created_at": AT,
            "expires_at": null
        }),
        "Erasing" => json!({ "erase_at": LATER }),
        "Chat" => json!({
            "id": CHAT, "type": "group", "title": "Lunch", "description": null, "peer": null, "participant_count": 3,
            "my_role": "owner", "last_message": message(), "last_seq": 17, "read_seq": 16, "unread_count": 1,
            "created_at": AT, "active_at": AT, "version": 1
        }),
        "Message" => message(),
        "Read" => json!({ "chat_id": CHAT, "user_id": ADA, "seq": 17, "at": AT }),
        "Edit" => json!({ "version": 1, "content": "Shall we have lunch?", "written_at": AT }),
        "Health" => json!({
            "status": "ok", "version": env!("CARGO_PKG_VERSION"),
            "checks": [{ "name": "database", "ok": true, "detail": "answers" }]
        }),
        "Problems" => json!({
            "items": [{ "code": "chat.unknown", "status": 404, "title": "There is no such chat, or not for you" }]
        }),
        _ => return None,
    })
}

fn with(mut thing: Value, member: &str, value: Value) -> Value {
    thing[member] = value;
    thing
}

fn card(id: &str, username: &str, display_name: &str) -> Value {
    json!({ "id": id, "username": username, "display_name": display_name })
}

fn own() -> Value {
    json!({
        "id": ADA, "username": "ada", "display_name": "Ada Lovelace", "email": "ada@example.org", "email_verified": true,
        "bio": null, "status_text": "counting", "role": "user", "visibility": "public", "two_factor": false,
        "suspension": null, "erase_at": null, "created_at": AT, "version": 2
    })
}

fn invite() -> Value {
    json!({
        "id": THING, "note": "the altos", "created_by": ADA, "max_uses": 12, "uses": 0, "created_at": AT,
        "expires_at": LATER, "revoked_at": null
    })
}

fn api_key() -> Value {
    json!({
        "id": THING, "name": "nightly report", "prefix": "clw_09rXvyQRvHpJFBbvX1tkKT",
        "scopes": ["chats:read", "messages:read"], "created_at": AT, "expires_at": LATER, "last_used_at": null
    })
}

fn message() -> Value {
    json!({
        "id": THING, "chat_id": CHAT, "seq": 17, "type": "text", "sender": card(BOB, "bob", "Bob"),
        "content": "Shall we have lunch?", "client_id": "phone-42", "status": "sent", "created_at": AT,
        "edited_at": null, "deleted_at": null, "version": 1
    })
}
