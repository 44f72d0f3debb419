//! What whoever runs a chat does in the property test.

use clowder_tests::{User, until};
use proptest::prelude::*;
use serde_json::json;

/// What whoever runs a chat can do.
#[derive(Debug, Clone, Copy)]
pub enum Moderation {
    Silence(bool),
    Slow(bool),
    Filter(usize),
    Purge,
}

pub fn moderation() -> impl Strategy<Value = Moderation> {
    prop_oneof![
        any::<bool>().prop_map(Moderation::Silence),
        any::<bool>().prop_map(Moderation::Slow),
        (0..4_usize).prop_map(Moderation::Filter),
        Just(Moderation::Purge),
    ]
}

/// Refusals are expected, as with every step.
pub async fn moderate(user: &User, whom: &User, chat: &str, how: Moderation) {
    let path = format!("/api/chats/{chat}/moderation");
    let about = json!({"user_id": whom.id, "reason": "a test"});
    match how {
        Moderation::Silence(on) => {
            user.post(&format!("{path}/{}", if on { "mute" } else { "unmute" }), about).await;
        }
        Moderation::Slow(on) => {
            let new = json!({"seconds": if on { 3600 } else { 0 }, "reason": "a test"});
            user.post(&format!("{path}/slow-mode"), new).await;
        }
        Moderation::Filter(how) => {
            let words: &[&str] = if how == 0 { &[] } else { &["sock"] };
            let action = ["block", "block", "hold", "flag"][how];
            user.put(&format!("{path}/filter"), json!({"words": words, "action": action, "reason": "a test"})).await;
        }
        Moderation::Purge => {
            let begun = user.post(&format!("{path}/purge"), about).await;
            if begun.status == 202 {
                let at = begun.header("location").to_owned();
                until("everything is purged", async || user.get(&at).await.expect(200)["status"] == "done").await;
            }
        }
    }
}
