//! What a listening client knows of its chats: the state it fetched, updated by events.

use std::collections::{BTreeMap, BTreeSet};

use clowder_tests::User;
use serde_json::{Value, json};

/// A chat in the replica.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatState {
    title: Value,
    lifetime: Value,
    role: Value,
    slow_seconds: Value,
    /// What the user has chosen in it, and whether they have written a title of their own and a draft.
    preferences: Value,
    read_seq: i64,
    /// Up to here the chat continued without the user, so that there are no events, or the user has cleared it.
    before: i64,
    /// By `seq`, so that gaps and swaps are noticed.
    messages: BTreeMap<i64, Value>,
}

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
    /// The last message of each chat that its history hides from the user.
    hidden: BTreeMap<String, i64>,
    /// Whom the user has blocked and muted.
    pub unwanted: [BTreeSet<String>; 2],
    /// Somebody has blocked somebody, so that the read marks of the two are not told.
    pub somebody_blocks: bool,
}

/// The read marks of users, according to events; `status` follows from them.
#[derive(Debug, Clone, Default)]
struct Readers {
    people: usize,
    marks: BTreeMap<String, i64>,
    /// Somebody has entered or left, or the user was not there from the beginning: read marks must be fetched.
    unclear: bool,
}

/// The parts of a message that must be equal in both.
fn message(message: &Value) -> (i64, Value) {
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

/// Counts a message in the thread that it is in, or one less, as clients do.
fn count(chat: &mut ChatState, message: &Value, more: i64) {
    let root = chat.messages.values_mut().find(|root| root["id"] == message["thread_of"]);
    let Some(root) = root else { return };
    let before = root["thread"]["count"].as_i64().unwrap_or(0);
    let at = if more > 0 { &message["created_at"] } else { &root["thread"]["last_reply_at"] };
    root["thread"] = json!({"count": before + more, "last_reply_at": at});
}

/// Applies a vote to the poll of a message.
fn vote(poll: &mut Value, data: &Value, me: bool) {
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
fn react(reactions: &mut Value, data: &Value, me: bool, added: bool) {
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

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Replica {
    /// Everything over REST. If `somebody_blocks`, somebody may be muted whom `GET /api/mutes` does not list, and mentions
    /// are not counted.
    pub async fn fetch(user: &User, somebody_blocks: bool) -> Self {
        let mut chats = BTreeMap::new();
        let mut unwanted: [BTreeSet<String>; 2] = Default::default();
        for (list, people) in ["/api/blocks", "/api/mutes"].iter().zip(&mut unwanted) {
            let page = user.get(list).await.expect(200);
            people.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["user"]["id"])));
        }
        let list = user.get("/api/chats?limit=200").await.expect(200);
        for chat in list["items"].as_array().unwrap() {
            let mut messages = user.messages(chat["id"].as_str().unwrap()).await;
            for message in &mut messages {
                // Pages mark what people say whom the user has muted; with events, a client knows it from its list.
                let is_marked = message.as_object_mut().unwrap().remove("muted").is_some();
                let is_muted = unwanted[1].contains(message["sender"]["id"].as_str().unwrap());
                assert!(!is_marked || is_muted || somebody_blocks, "{message}");
            }
            let mut state = ChatState::of(chat);
            state.messages = messages.iter().map(message).collect();
            assert_eq!(state.unread(&user.id), chat["unread_count"], "the count is the count of what is unread");
            if !somebody_blocks {
                assert_eq!(state.mentions(&user.id, &unwanted[1]), chat["mention_count"], "and so is that of mentions");
            }
            assert_eq!(
                state.last_seq(),
                chat["last_message"]["seq"].as_i64().unwrap_or(0),
                "the last one that is seen"
            );
            chats.insert(text(&chat["id"]), state);
        }
        let (readers, left, removed) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let hidden = BTreeMap::new();
        Self { me: user.id.clone(), chats, readers, left, removed, hidden, unwanted, somebody_blocks }
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
        self.must_be_seen(event);
        if self.is_about_what_is_removed(event) {
            return;
        }
        // What the user did on another device in a chat that they have left since is replayed, and how they came to it is not.
        let is_own = data["user_id"] == *self.me || data["participant"]["user"]["id"] == *self.me;
        let of_oneself = ["chat.preferences", "participant.added", "participant.updated", "participant.removed"];
        let is_own = is_own || of_oneself.contains(&event["type"].as_str().unwrap());
        if is_own && data["chat_id"].as_str().is_some_and(|chat| !self.chats.contains_key(chat)) {
            return;
        }
        match event["type"].as_str().unwrap() {
            "chat.created" => {
                let mut chat = ChatState::of(data);
                chat.before = data["last_seq"].as_i64().unwrap();
                let id = text(&data["id"]);
                let people = usize::try_from(data["participant_count"].as_u64().unwrap()).unwrap();
                // In channels only the sender hears who has read what.
                let unclear = chat.before > 0 || self.left.contains(&id) || data["type"] == "channel";
                let is_hidden = data["history"] == "since_join";
                self.hidden.insert(id.clone(), if is_hidden { chat.before } else { 0 });
                self.readers.insert(id.clone(), Readers { people, unclear, ..Readers::default() });
                self.chats.insert(id, chat);
            }
            "chat.updated" => {
                let chat = self.chats.get_mut(data["id"].as_str().unwrap()).expect("an update of an unknown chat");
                chat.title = data["title"].clone();
                chat.lifetime = data["lifetime"].clone();
                chat.slow_seconds = data["slow_seconds"].clone();
            }
            "chat.preferences" => {
                let mut preferences = data.clone();
                preferences.as_object_mut().unwrap().remove("chat_id");
                self.chat(&data["chat_id"]).preferences = preferences;
            }
            "block.added" => drop(self.unwanted[0].insert(text(&data["user"]["id"]))),
            "block.removed" => drop(self.unwanted[0].remove(data["user_id"].as_str().unwrap())),
            "mute.added" => drop(self.unwanted[1].insert(text(&data["user"]["id"]))),
            "mute.removed" => drop(self.unwanted[1].remove(data["user_id"].as_str().unwrap())),
            "message.sent" => {
                let (seq, message) = message(data);
                let chat = self.chat(&data["chat_id"]);
                count(chat, &message, 1);
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
                for list in ["reactions", "entities", "mentions", "attachments"] {
                    message[list] = Value::Array(Vec::new());
                }
                (message["reply_to"], message["forwarded_from"]) = (Value::Null, Value::Null);
                message["deleted_at"] = data["deleted_at"].clone();
                for member in ["version", "system", "poll", "pinned"] {
                    message.as_object_mut().unwrap().remove(member);
                }
                let deleted = message.clone();
                count(chat, &deleted, -1);
            }
            // Of a chat that the user has left since, nothing else was told.
            "message.removed" => {
                let Some(chat) = self.chats.get_mut(data["chat_id"].as_str().unwrap()) else { return };
                for id in data["ids"].as_array().unwrap() {
                    let seq = chat.messages.iter().find(|(_, known)| known["id"] == *id).map(|(seq, _)| *seq);
                    let message = seq.and_then(|seq| chat.messages.remove(&seq));
                    self.removed.insert(text(id), message.unwrap_or_default());
                }
            }
            "chat.cleared" => {
                let Some(chat) = self.chats.get_mut(data["chat_id"].as_str().unwrap()) else { return };
                let up_to = data["up_to"].as_i64().unwrap();
                (chat.before, chat.read_seq) = (chat.before.max(up_to), chat.read_seq.max(up_to));
                chat.messages.retain(|seq, _| *seq > up_to);
            }
            "attachment.removed" => {
                let (seq, chat) = (data["seq"].as_i64().unwrap(), self.chat(&data["chat_id"]));
                let message = chat.messages.get_mut(&seq);
                let files = message.into_iter().flat_map(|message| message["attachments"].as_array_mut().unwrap());
                for file in files.filter(|file| file["id"] == data["file_id"]) {
                    *file = json!({"id": file["id"], "name": null, "type": null, "size": null, "status": "deleted"});
                }
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
                    // One's own reaction in a channel is told once more, whatever one sees of the message.
                    match chat.messages.get_mut(&seq) {
                        Some(message) => react(&mut message["reactions"], data, me, added),
                        None => assert!(me, "a reaction before its message: {event}"),
                    }
                }
            }
            "poll.voted" | "poll.closed" => {
                let me = data["user_id"] == *self.me;
                let (seq, chat) = (data["seq"].as_i64().unwrap(), self.chat(&data["chat_id"]));
                if seq > chat.before {
                    let Some(message) = chat.messages.get_mut(&seq) else {
                        assert!(me, "a vote before its poll: {event}");
                        return;
                    };
                    let poll = &mut message["poll"];
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

    /// Nothing is told of what the history of a chat hides, except what the user did.
    fn must_be_seen(&self, event: &Value) {
        let (kind, data) = (event["type"].as_str().unwrap(), &event["data"]);
        let of_message = ["message.", "reaction.", "poll."].iter().any(|of| kind.starts_with(of));
        let of_mark = ["message.read", "message.delivered"].contains(&kind);
        let (Some(seq), Some(chat)) = (data["seq"].as_i64(), data["chat_id"].as_str()) else { return };
        if of_message && !of_mark && data["user_id"] != *self.me {
            let hidden = self.hidden.get(chat).copied().unwrap_or(0);
            assert!(seq > hidden, "up to {hidden} the chat is hidden: {event}");
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
            if readers.unclear || self.somebody_blocks {
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
            if other.somebody_blocks || other.readers.get(id).is_none_or(|readers| readers.unclear) {
                chat.messages.values_mut().for_each(|message| drop(message.as_object_mut().unwrap().remove("status")));
            } else {
                compared += chat.messages.len();
            }
        }
        compared
    }

    /// Reactions of people whom the user has blocked are not shown, but events tell everybody of them.
    pub fn forget_reactions(&mut self) {
        for message in self.chats.values_mut().flat_map(|chat| chat.messages.values_mut()) {
            message.as_object_mut().unwrap().remove("reactions");
        }
    }

    /// Whether everything that the user has chosen has been told: it comes after all that happened in its chat before.
    pub fn knows_choices_of(&self, after: &Self) -> bool {
        let chosen = |(id, chat): (&String, &ChatState)| {
            self.chats.get(id).is_some_and(|known| known.preferences == chat.preferences)
        };
        // Whoever is muted is not listed if they have blocked the user and nothing else connects the two.
        let [blocked, muted] = [0, 1].map(|list| self.unwanted[list] == after.unwanted[list]);
        blocked && (muted || self.somebody_blocks) && after.chats.iter().all(chosen)
    }

    fn chat(&mut self, id: &Value) -> &mut ChatState {
        self.chats.get_mut(id.as_str().unwrap()).expect("an event of a chat that nobody told of")
    }
}

impl ChatState {
    fn of(chat: &Value) -> Self {
        let read_seq = chat["read_seq"].as_i64().unwrap();
        let (title, lifetime) = (chat["title"].clone(), chat["lifetime"].clone());
        let (role, slow_seconds) = (chat["my_role"].clone(), chat["slow_seconds"].clone());
        let mut preferences = chat["preferences"].clone();
        let chosen = preferences.as_object_mut().unwrap();
        chosen.remove("draft");
        let has_title = chosen.remove("title").is_some_and(|title| !title.is_null());
        chosen.insert("has_title".to_owned(), has_title.into());
        Self { title, lifetime, role, slow_seconds, preferences, read_seq, ..Self::default() }
    }

    fn last_seq(&self) -> i64 {
        self.messages.keys().next_back().copied().unwrap_or(0)
    }

    /// Those that mention the user, by people whom they have not muted.
    fn mentions(&self, me: &str, muted: &BTreeSet<String>) -> usize {
        let after = self.messages.range(self.read_seq + 1..).map(|(_, message)| message);
        let after = after.filter(|message| message["deleted_at"].is_null() && message["sender"]["id"] != *me);
        let after = after.filter(|message| !muted.contains(message["sender"]["id"].as_str().unwrap()));
        let mentions = |message: &&Value| {
            let everybody =
                message["entities"].as_array().unwrap().iter().any(|entity| entity["type"] == "mention_all");
            everybody || message["mentions"].as_array().unwrap().contains(&json!(me))
        };
        after.filter(mentions).count()
    }

    /// Undeleted messages of others after the mark.
    fn unread(&self, me: &str) -> usize {
        let after = self.messages.range(self.read_seq + 1..);
        after
            .filter(|(_, message)| {
                message["sender"]["id"] != *me && message["deleted_at"].is_null() && message["type"] != "system"
            })
            .count()
    }
}
