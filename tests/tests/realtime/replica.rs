//! What a listening client knows of its chats: the state it fetched, updated by events.

mod state;

use std::collections::{BTreeMap, BTreeSet};

use clowder_tests::User;
use serde_json::Value;

use self::state::{ChatState, arranged, count, following, forget_edit, message, react, vote};

/// All chats of one user.
#[derive(Debug, Clone)]
pub struct Replica {
    me: String,
    pub chats: BTreeMap<String, ChatState>,
    readers: BTreeMap<String, Readers>,
    /// Chats that the user was removed from.
    left: BTreeSet<String>,
    /// Messages that the user has removed for themselves, of which there may still be events.
    removed: BTreeMap<String, Value>,
    /// Messages that the user has saved, with their chats.
    saved: BTreeMap<String, String>,
    /// People whose messages the user hides.
    hides: BTreeSet<String>,
}

/// The read marks of users, according to events; `status` follows from them.
#[derive(Debug, Clone, Default)]
struct Readers {
    people: usize,
    marks: BTreeMap<String, i64>,
    /// Somebody has entered or left, or the user was not there from the beginning: read marks must be fetched.
    unclear: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Replica {
    /// Everything over REST.
    pub async fn fetch(user: &User) -> Self {
        let mut chats = BTreeMap::new();
        let list = user.get("/api/chats?limit=200").await.expect(200);
        for chat in list["items"].as_array().unwrap() {
            let messages = user.messages(chat["id"].as_str().unwrap()).await;
            let mut state = ChatState::of(chat);
            state.messages = messages.iter().map(message).collect();
            state.following = messages.iter().filter_map(following).collect();
            assert_eq!(state.unread(&user.id), chat["unread_count"], "the count is the count of what is unread");
            assert_eq!(state.mentions(&user.id), chat["mention_count"], "and so is that of mentions");
            assert_eq!(
                state.last_seq(),
                chat["last_message"]["seq"].as_i64().unwrap_or(0),
                "the last one that is seen"
            );
            chats.insert(text(&chat["id"]), state);
        }
        let (readers, left, removed) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let list = user.get("/api/saved-messages?limit=200").await.expect(200);
        let saved = list["items"].as_array().unwrap().iter().map(|saved| &saved["message"]);
        let saved = saved.map(|message| (text(&message["id"]), text(&message["chat_id"]))).collect();
        let list = user.get("/api/blocks?limit=200").await.expect(200);
        let hides = list["items"].as_array().unwrap().iter().filter(|block| block["hide_messages"] == true);
        let hides = hides.map(|block| text(&block["user"]["id"])).collect();
        Self { me: user.id.clone(), chats, readers, left, removed, saved, hides }
    }

    /// Applies a durable event.
    pub fn apply(&mut self, event: &Value) {
        self.change(event);
        let data = &event["data"];
        let chat = if ["chat.created", "chat.updated"].contains(&event["type"].as_str().unwrap()) {
            &data["id"]
        } else {
            &data["chat_id"]
        };
        if let Some(chat) = chat.as_str() {
            self.tell_status(chat);
        }
    }

    fn change(&mut self, event: &Value) {
        let data = &event["data"];
        if self.is_about_what_is_removed(event) {
            return;
        }
        match event["type"].as_str().unwrap() {
            "chat.created" => {
                let mut chat = ChatState::of(data);
                chat.before = data["last_seq"].as_i64().unwrap();
                let id = text(&data["id"]);
                let people = usize::try_from(data["participant_count"].as_u64().unwrap()).unwrap();
                // In channels only those learn of read marks whom they concern.
                let unclear = chat.before > 0 || self.left.contains(&id) || data["type"] == "channel";
                self.readers.insert(id.clone(), Readers { people, unclear, ..Readers::default() });
                self.chats.insert(id, chat);
            }
            "chat.updated" => {
                let chat = self.chats.get_mut(data["id"].as_str().unwrap()).expect("an update of an unknown chat");
                chat.title = data["title"].clone();
                chat.lifetime = data["lifetime"].clone();
                chat.slow_seconds = data["slow_seconds"].clone();
                chat.closed = data["closed"] == true;
                if chat.closed {
                    // Neither is told what the other reads.
                    self.readers.entry(text(&data["id"])).or_default().unclear = true;
                }
            }
            "chat.preferences" => self.chat(&data["chat_id"]).preferences = arranged(data),
            // Also of a chat that the user is not in.
            "chat.sanctioned" if data["type"] == "mute" => {
                let Some(chat) = self.chats.get_mut(data["chat_id"].as_str().unwrap()) else { return };
                chat.silent_until = match (&data["lifted"], &data["until"]) {
                    (Value::Bool(true), _) => Value::Null,
                    (_, Value::Null) => "9999-12-31T23:59:59.000Z".into(),
                    (_, until) => until.clone(),
                };
            }
            "block.added" => self.hide(&data["user"]["id"], data["hide_messages"] == true),
            "block.removed" => self.hide(&data["user_id"], false),
            "message.saved" => {
                self.saved.insert(text(&data["message_id"]), text(&data["chat_id"]));
            }
            "message.unsaved" => {
                self.saved.remove(data["message_id"].as_str().unwrap());
            }
            "thread.updated" => {
                let Some(chat) = self.chats.get_mut(data["chat_id"].as_str().unwrap()) else { return };
                let root = chat.messages.iter().find(|(_, root)| root["id"] == data["message_id"]);
                if let Some(seq) = root.map(|(seq, _)| *seq) {
                    chat.following.insert(seq, data["following"] == true);
                }
            }
            "message.sent" => {
                let (seq, message) = message(data);
                let me = self.me.clone();
                let chat = self.chat(&data["chat_id"]);
                count(chat, &message, 1);
                chat.follow(&message, &me);
                let before = chat.messages.insert(seq, message);
                assert!(before.is_none(), "sent twice: {event}");
            }
            "message.updated" => {
                let (seq, mut message) = message(data);
                let chat = self.chat(&data["chat_id"]);
                if seq > chat.before {
                    // The event is the same for everybody, so it does not say which reactions are one's own.
                    let before = chat.messages.get(&seq).map(|before| before["reactions"].clone());
                    for reacted in message["reactions"].as_array_mut().unwrap() {
                        let mut known = before.iter().flat_map(|before| before.as_array().unwrap());
                        let known = known.find(|known| known["emoji"] == reacted["emoji"]);
                        reacted["mine"] = known.expect("a reaction that nobody told of")["mine"].clone();
                    }
                    message["thread"] = chat.messages.get(&seq).map_or(Value::Null, |before| before["thread"].clone());
                    chat.messages.insert(seq, message);
                    chat.edited.remove(&seq);
                }
            }
            "message.edited" => {
                let chat = self.chat(&data["chat_id"]);
                let seq = data["seq"].as_i64().unwrap();
                if seq > chat.before {
                    forget_edit(chat.messages.get_mut(&seq).expect("edited before it was sent"));
                    chat.edited.insert(seq);
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
                for list in ["reactions", "entities", "mentions"] {
                    message[list] = Value::Array(Vec::new());
                }
                (message["reply_to"], message["forwarded_from"]) = (Value::Null, Value::Null);
                message["deleted_at"] = data["deleted_at"].clone();
                for member in ["version", "system", "poll", "pinned"] {
                    message.as_object_mut().unwrap().remove(member);
                }
                let deleted = message.clone();
                if chat.edited.contains(&data["seq"].as_i64().unwrap()) {
                    forget_edit(message);
                }
                count(chat, &deleted, -1);
            }
            // Of a chat that the user has left since, nothing else was told.
            "message.removed" => {
                let Some(chat) = self.chats.get_mut(data["chat_id"].as_str().unwrap()) else { return };
                for id in data["ids"].as_array().unwrap() {
                    let seq = chat.messages.iter().find(|(_, known)| known["id"] == *id).map(|(seq, _)| *seq);
                    let message = seq.and_then(|seq| {
                        chat.edited.remove(&seq);
                        chat.messages.remove(&seq)
                    });
                    self.removed.insert(text(id), message.unwrap_or_default());
                }
            }
            "chat.cleared" => {
                let Some(chat) = self.chats.get_mut(data["chat_id"].as_str().unwrap()) else { return };
                let up_to = data["up_to"].as_i64().unwrap();
                (chat.before, chat.read_seq) = (chat.before.max(up_to), chat.read_seq.max(up_to));
                chat.messages.retain(|seq, _| *seq > up_to);
                chat.edited.retain(|seq| *seq > up_to);
            }
            "message.expiring" => {
                let chat = self.chat(&data["chat_id"]);
                let seq = data["seq"].as_i64().unwrap();
                let known = chat.messages.get(&seq).is_some_and(|message| message["lifetime"]["from"] == "read");
                assert!(known || seq <= chat.before, "the time of an unknown message begins: {event}");
            }
            "participant.updated" if data["participant"]["user"]["id"] == *self.me => {
                self.chat(&data["chat_id"]).role = data["participant"]["role"].clone();
            }
            "message.pinned" | "message.unpinned" => {
                let (seq, chat) = (data["seq"].as_i64().unwrap(), self.chat(&data["chat_id"]));
                if seq > chat.before {
                    let message = chat.messages.get_mut(&seq).expect("pinned before it was sent");
                    match event["type"] == "message.pinned" {
                        true => message["pinned"] = true.into(),
                        false => drop(message.as_object_mut().unwrap().remove("pinned")),
                    }
                }
            }
            "participant.added" if data["participant"]["user"]["id"] != *self.me => {
                self.readers.get_mut(data["chat_id"].as_str().unwrap()).unwrap().unclear = true;
            }
            "reaction.added" | "reaction.removed" => {
                let me = data["user_id"] == *self.me;
                let added = event["type"] == "reaction.added";
                let (seq, chat) = (data["seq"].as_i64().unwrap(), self.chat(&data["chat_id"]));
                if seq > chat.before {
                    react(
                        &mut chat.messages.get_mut(&seq).expect("a reaction before its message")["reactions"],
                        data,
                        me,
                        added,
                    );
                }
            }
            "poll.voted" | "poll.closed" => {
                let me = data["user_id"] == *self.me;
                let (seq, chat) = (data["seq"].as_i64().unwrap(), self.chat(&data["chat_id"]));
                if seq > chat.before {
                    let poll = &mut chat.messages.get_mut(&seq).expect("a vote before its poll")["poll"];
                    match event["type"] == "poll.voted" {
                        true => vote(poll, data, me),
                        false => poll["closed_at"] = data["closed_at"].clone(),
                    }
                }
            }
            "participant.removed" if data["user_id"] == *self.me => {
                self.chats.remove(data["chat_id"].as_str().unwrap());
                self.left.insert(text(&data["chat_id"]));
            }
            "participant.removed" => {
                self.readers.get_mut(data["chat_id"].as_str().unwrap()).unwrap().unclear = true;
            }
            "message.read" => {
                let seq = data["seq"].as_i64().unwrap();
                if data["user_id"] == *self.me {
                    let chat = self.chat(&data["chat_id"]);
                    assert!(seq > chat.read_seq, "a read mark went back: {event}");
                    chat.read_seq = seq;
                }
                let readers = self.readers.get_mut(data["chat_id"].as_str().unwrap()).unwrap();
                let before = readers.marks.insert(text(&data["user_id"]), seq);
                assert!(readers.unclear || before.is_none_or(|before| before < seq), "a read mark went back: {event}");
            }
            _ => {}
        }
    }

    /// What else is told of a message that the user has removed does not matter, except to the thread that it was in.
    fn is_about_what_is_removed(&mut self, event: &Value) -> bool {
        let data = &event["data"];
        let id = if event["type"] == "message.updated" { &data["id"] } else { &data["message_id"] };
        let Some(message) = id.as_str().and_then(|id| self.removed.get(id)) else { return false };
        if event["type"] == "message.deleted"
            && let Some(chat) = self.chats.get_mut(data["chat_id"].as_str().unwrap())
        {
            count(chat, message, -1);
        }
        true
    }

    /// A message of a chat is `read` when everybody except its sender has read it.
    fn tell_status(&mut self, id: &str) {
        let (Some(chat), Some(readers)) = (self.chats.get_mut(id), self.readers.get(id)) else { return };
        for (seq, message) in &mut chat.messages {
            let marks = readers.marks.iter().filter(|(user, mark)| message["sender"]["id"] != **user && *mark >= seq);
            let all = readers.people > 1 && marks.count() + 1 >= readers.people;
            if readers.unclear {
                message.as_object_mut().unwrap().remove("status");
            } else {
                message["status"] = if all { "read" } else { "sent" }.into();
            }
        }
    }

    /// Events don't tell what was said before the user entered a chat, nor the read marks in a chat that others entered
    /// or left. Returns how many messages are compared by status.
    pub fn forget_what_events_cannot_tell(&mut self, other: &Self) -> usize {
        let mut compared = 0;
        for (id, chat) in &mut self.chats {
            chat.before = other.chats.get(id).map_or(0, |other| other.before);
            chat.messages.retain(|seq, _| *seq > chat.before);
            chat.following.retain(|seq, _| *seq > chat.before);
            chat.edited = other.chats.get(id).map(|other| other.edited.clone()).unwrap_or_default();
            for seq in &chat.edited {
                chat.messages.get_mut(seq).into_iter().for_each(forget_edit);
            }
            if other.readers.get(id).is_none_or(|readers| readers.unclear) {
                chat.messages.values_mut().for_each(|message| drop(message.as_object_mut().unwrap().remove("status")));
            } else {
                compared += chat.messages.len();
            }
        }
        compared
    }

    fn hide(&mut self, user: &Value, hidden: bool) {
        match hidden {
            true => self.hides.insert(text(user)),
            false => self.hides.remove(user.as_str().unwrap()),
        };
        for message in self.chats.values_mut().flat_map(|chat| chat.messages.values_mut()) {
            if message["sender"]["id"] == *user {
                match hidden {
                    true => message["hidden"] = true.into(),
                    false => drop(message.as_object_mut().unwrap().remove("hidden")),
                }
            }
        }
    }

    /// Of the messages that were compared, those that the user has saved, and whose text is there.
    pub fn saved(&self) -> BTreeSet<&str> {
        let there = |chat: &ChatState, id: &str| {
            chat.messages.values().any(|message| message["id"] == *id && message["deleted_at"].is_null())
        };
        let kept = self.saved.iter().filter(|(id, chat)| self.chats.get(*chat).is_some_and(|chat| there(chat, id)));
        kept.map(|(id, _)| id.as_str()).collect()
    }

    fn chat(&mut self, id: &Value) -> &mut ChatState {
        self.chats.get_mut(id.as_str().unwrap()).expect("an event of a chat that nobody told of")
    }
}
