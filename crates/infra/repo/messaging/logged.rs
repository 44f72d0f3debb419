//! What of chats appears in the log of what somebody did.

use clowder_accounts::activity::{Rule, Target, Whose};
use clowder_core::follow::Step;

pub const RULES: &[Rule] = &[
    Rule::new("chat.created", "chat.created", Whose::Actor, Target::Subject("chat")).only(is_own_chat),
    Rule::new("chat.created", "chat.joined", Whose::Follower(Step::Enter), Target::Subject("chat")).only(is_joined),
    Rule::new("message.deleted", "message.deleted", Whose::Actor, Target::Topic),
    // A message is told again when one of its files has another state, which is no edit.
    Rule::new("message.updated", "message.edited", Whose::Actor, Target::Topic).at("/edited_at"),
    Rule::new("message.sent", "message.sent", Whose::Actor, Target::Topic).only(is_of_a_person),
    Rule::new("participant.removed", "chat.left", Whose::Follower(Step::Leave), Target::Subject("chat")),
];

/// Whoever joins a group is also told of its chat as a new one; they did not create it.
fn is_own_chat(chat: &serde_json::Value) -> bool {
    chat["type"] == "private" || chat["my_role"] == "owner"
}

/// Where somebody is now whom others have added, or who has joined. That they are in a group is told of the group, and a
/// private chat is no place that one joins.
fn is_joined(chat: &serde_json::Value) -> bool {
    !is_own_chat(chat) && chat["group_id"].is_null()
}

/// What the server writes is not what somebody wrote.
fn is_of_a_person(message: &serde_json::Value) -> bool {
    message["type"] != "system"
}
