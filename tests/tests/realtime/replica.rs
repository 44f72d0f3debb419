//! What a client that listens knows of its chats: the state it fetched, and what the events made of it.

use std::collections::BTreeMap;

use clowder_tests::User;
use serde_json::Value;

/// One chat as a client keeps it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatState {
    title: Value,
    read_seq: i64,
    /// Up to here the chat went on without the user, and events tell nothing.
    before: i64,
    /// By `seq`, so that a gap or a swap shows.
    messages: BTreeMap<i64, Value>,
}

/// All chats of one user. Two replicas are equal when the user would see the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    me: String,
    pub chats: BTreeMap<String, ChatState>,
}

/// What of a message both ways must tell alike. `status` follows from the read marks of others, which a client
/// that was not there for them learns by asking.
fn message(message: &Value) -> (i64, Value) {
    let mut message = message.clone();
    let fields = message.as_object_mut().unwrap();
    fields.remove("status");
    if !fields["deleted_at"].is_null() {
        // An event says what was taken back, not how often it had been edited.
        fields.remove("version");
    }
    (message["seq"].as_i64().unwrap(), message)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Replica {
    /// Everything by REST.
    pub async fn fetch(user: &User) -> Self {
        let mut chats = BTreeMap::new();
        let list = user.get("/api/chats?limit=200").await.expect(200);
        for chat in list["items"].as_array().unwrap() {
            let messages = user.messages(chat["id"].as_str().unwrap()).await;
            let mut state = ChatState::of(chat);
            state.messages = messages.iter().map(message).collect();
            assert_eq!(state.unread(&user.id), chat["unread_count"], "the count is the count of what is unread");
            assert_eq!(state.last_seq(), chat["last_seq"]);
            chats.insert(text(&chat["id"]), state);
        }
        Self { me: user.id.clone(), chats }
    }

    /// What a durable event makes of it.
    pub fn apply(&mut self, event: &Value) {
        let data = &event["data"];
        match event["type"].as_str().unwrap() {
            "chat.created" => {
                let mut chat = ChatState::of(data);
                chat.before = data["last_seq"].as_i64().unwrap();
                self.chats.insert(text(&data["id"]), chat);
            }
            "message.sent" => {
                let (seq, message) = message(data);
                let before = self.chat(&data["chat_id"]).messages.insert(seq, message);
                assert!(before.is_none(), "sent twice: {event}");
            }
            "message.updated" => {
                let (seq, message) = message(data);
                let chat = self.chat(&data["chat_id"]);
                if seq > chat.before {
                    chat.messages.insert(seq, message);
                }
            }
            "message.deleted" => {
                let chat = self.chat(&data["chat_id"]);
                if data["seq"].as_i64().unwrap() <= chat.before {
                    return;
                }
                let message =
                    chat.messages.get_mut(&data["seq"].as_i64().unwrap()).expect("deleted before it was sent");
                message["content"] = Value::Null;
                message["deleted_at"] = data["deleted_at"].clone();
                message.as_object_mut().unwrap().remove("version");
            }
            "participant.removed" if data["user_id"] == *self.me => {
                self.chats.remove(data["chat_id"].as_str().unwrap());
            }
            "message.read" if data["user_id"] == *self.me => {
                let seq = data["seq"].as_i64().unwrap();
                let chat = self.chat(&data["chat_id"]);
                assert!(seq > chat.read_seq, "a read mark went back: {event}");
                chat.read_seq = seq;
            }
            _ => {}
        }
    }

    /// What was said before the user came to a chat is not what events tell of.
    pub fn forget_what_was_before(&mut self, other: &Self) {
        for (id, chat) in &mut self.chats {
            chat.before = other.chats.get(id).map_or(0, |other| other.before);
            chat.messages.retain(|seq, _| *seq > chat.before);
        }
    }

    fn chat(&mut self, id: &Value) -> &mut ChatState {
        self.chats.get_mut(id.as_str().unwrap()).expect("an event of a chat that nobody told of")
    }
}

impl ChatState {
    fn of(chat: &Value) -> Self {
        let read_seq = chat["read_seq"].as_i64().unwrap();
        Self { title: chat["title"].clone(), read_seq, before: 0, messages: BTreeMap::new() }
    }

    fn last_seq(&self) -> i64 {
        self.messages.keys().next_back().copied().unwrap_or(0)
    }

    /// What others said after the mark and did not take back.
    fn unread(&self, me: &str) -> usize {
        let after = self.messages.range(self.read_seq + 1..);
        after.filter(|(_, message)| message["sender"]["id"] != *me && message["deleted_at"].is_null()).count()
    }
}
