//! What the audit log and the security timeline show.

use serde_json::{Value, json};

use crate::docs::examples::{ADA, AT, BOB, THING};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
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
        _ => return None,
    })
}

/// A header line and one entry.
pub const CSV: &str = "position,id,at,actor_type,actor_id,owner_id,session_id,subject_id,action,target_type,target_id,address,agent,request_id,before,after,hash\r\n17,01993c53-5f70-7d44-a2b8-90e1c3d7f562,2026-11-26T18:04:05.678Z,user,01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10,,,,user.suspended,,,192.0.2.7,Mozilla/5.0,,,,9f86d081884c7d65\r\n";
