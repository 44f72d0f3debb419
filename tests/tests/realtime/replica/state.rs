//! One chat as a client knows it, and what each event does to its messages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// A chat in the replica.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatState {
    pub title: Value,
    pub lifetime: Value,
    pub slow_seconds: Value,
    /// Whether it is a private chat of two people of whom one has blocked the other.
    pub closed: bool,
    pub role: Value,
    /// Until when the user is muted.
    pub silent_until: Value,
    pub preferences: Value,
    pub read_seq: i64,
    /// Up to here the chat continued without the user, so that there are no events, or the user has cleared it.
    pub before: i64,
    /// By `seq`, so that gaps and swaps are noticed.
    pub messages: BTreeMap<i64, Value>,
    /// Messages of which events say only that they were edited: a client loads them.
    pub edited: BTreeSet<i64>,
    /// Whether the user follows the thread of a message, if that was told or can be known.
    pub following: BTreeMap<i64, bool>,
}

/// What an edit changes.
pub fn forget_edit(message: &mut Value) {
    for member in ["content", "edited_at", "version", "entities", "mentions"] {
        message.as_object_mut().unwrap().remove(member);
    }
}

/// What is arranged for a chat, without the texts, which events do not contain.
pub fn arranged(preferences: &Value) -> Value {
    let mut arranged = preferences.clone();
    let members = arranged.as_object_mut().unwrap();
    members.remove("chat_id");
    members.remove("draft");
    if let Some(title) = members.remove("title") {
        members.insert("has_title".to_owned(), (!title.is_null()).into());
    }
    arranged
}

/// The parts of a message that must be equal in both.
pub fn message(message: &Value) -> (i64, Value) {
    let mut message = message.clone();
    let fields = message.as_object_mut().unwrap();
    // The server notes in the background what has arrived, and only senders are told.
    if fields["status"] == "delivered" {
        fields["status"] = "sent".into();
    }
    if !fields["deleted_at"].is_null() {
        // An event says what was deleted, not how often it had been edited.
        fields.remove("version");
    }
    if fields.get("lifetime").is_some_and(|lifetime| lifetime["from"] == "read") {
        // It begins a moment after all have read the message, perhaps while one state is compared with the other.
        fields.remove("expires_at");
    }
    // Events say only that a message was forwarded: from where depends on who looks at it.
    if !fields["forwarded_from"].is_null() {
        fields["forwarded_from"] = true.into();
    }
    // Events say only which message is quoted.
    if !fields["reply_to"].is_null() {
        fields["reply_to"] = json!({"id": fields["reply_to"]["id"], "seq": fields["reply_to"]["seq"]});
    }
    if let Some(thread) = fields["thread"].as_object_mut() {
        thread.remove("following");
    }
    let options = fields.get_mut("poll").and_then(|poll| poll["options"].as_array_mut());
    for option in options.into_iter().flatten() {
        // The event is the same for everybody, and nobody has voted when it is sent.
        option.as_object_mut().unwrap().entry("mine").or_insert_with(|| false.into());
    }
    (message["seq"].as_i64().unwrap(), message)
}

/// Whether the user follows the thread of a message, if there is one.
pub fn following(message: &Value) -> Option<(i64, bool)> {
    let following = message["thread"]["following"].as_bool()?;
    Some((message["seq"].as_i64()?, following))
}

/// Counts a message in the thread that it is in, or one less, as clients do.
pub fn count(chat: &mut ChatState, message: &Value, more: i64) {
    let root = chat.messages.values_mut().find(|root| root["id"] == message["thread_of"]);
    let Some(root) = root else { return };
    let before = root["thread"]["count"].as_i64().unwrap_or(0);
    let at = if more > 0 { &message["created_at"] } else { &root["thread"]["last_reply_at"] };
    root["thread"] = json!({"count": before + more, "last_reply_at": at});
}

/// Applies a vote to the poll of a message.
pub fn vote(poll: &mut Value, data: &Value, me: bool) {
    // One that is gone by now is replayed without its options.
    if poll["options"].is_null() {
        return;
    }
    poll["voters"] = data["voters"].clone();
    for (index, option) in poll["options"].as_array_mut().unwrap().iter_mut().enumerate() {
        option["votes"] = data["votes"][index].clone();
        if me {
            option["mine"] = data["options"].as_array().unwrap().contains(&index.into()).into();
        }
    }
}

/// Applies a reaction to those of a message.
pub fn react(reactions: &mut Value, data: &Value, me: bool, added: bool) {
    let reactions = reactions.as_array_mut().unwrap();
    let known = reactions.iter().position(|reacted| reacted["emoji"] == data["emoji"]);
    match known {
        _ if data["count"] == 0 => reactions.retain(|reacted| reacted["emoji"] != data["emoji"]),
        Some(index) => {
            reactions[index]["count"] = data["count"].clone();
            if me {
                reactions[index]["mine"] = added.into();
            }
        }
        None => reactions.push(json!({"emoji": data["emoji"], "count": data["count"], "mine": me})),
    }
}

impl ChatState {
    pub fn of(chat: &Value) -> Self {
        let read_seq = chat["read_seq"].as_i64().unwrap();
        let (title, lifetime) = (chat["title"].clone(), chat["lifetime"].clone());
        let (role, slow_seconds) = (chat["my_role"].clone(), chat["slow_seconds"].clone());
        let closed = chat["type"] == "private" && chat["writable"] == false;
        let (silent_until, preferences) = (chat["silent_until"].clone(), arranged(&chat["preferences"]));
        Self { title, lifetime, slow_seconds, closed, role, silent_until, preferences, read_seq, ..Self::default() }
    }

    /// Whoever writes in a thread follows it, and whoever is answered, unless they have said that they do not want to.
    pub fn follow(&mut self, message: &Value, me: &str) {
        let root = self.messages.iter().find(|(_, root)| root["id"] == message["thread_of"]);
        let Some((seq, root)) = root.map(|(seq, root)| (*seq, root)) else { return };
        if message["sender"]["id"] == *me {
            self.following.insert(seq, true);
        } else if root["sender"]["id"] == *me {
            self.following.entry(seq).or_insert(true);
        }
    }

    pub fn last_seq(&self) -> i64 {
        self.messages.keys().next_back().copied().unwrap_or(0)
    }

    /// Those that mention the user.
    pub fn mentions(&self, me: &str) -> usize {
        let after = self.messages.range(self.read_seq + 1..).map(|(_, message)| message);
        let after = after.filter(|message| message["deleted_at"].is_null() && message["sender"]["id"] != *me);
        let mentions = |message: &&Value| {
            let everybody =
                message["entities"].as_array().unwrap().iter().any(|entity| entity["type"] == "mention_all");
            everybody || message["mentions"].as_array().unwrap().contains(&json!(me))
        };
        after.filter(mentions).count()
    }

    /// Undeleted messages of others after the mark.
    pub fn unread(&self, me: &str) -> usize {
        let after = self.messages.range(self.read_seq + 1..);
        after
            .filter(|(_, message)| {
                message["sender"]["id"] != *me && message["deleted_at"].is_null() && message["type"] != "system"
            })
            .count()
    }
}
