//! What a client knows of its chats from events alone, and whether that is what the server says in the end.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher},
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    Dice,
    cluster::{Addresses, any},
    record::Heard,
    writer::Person,
};
use crate::client::http;

/// How long a call that comes late may still change something.
const LATE: Duration = Duration::from_secs(30);

/// What a client knows of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    id: String,
    sender: String,
    /// Of its text only that much.
    hash: u64,
    is_edited: bool,
    is_deleted: bool,
    is_system: bool,
    is_pinned: bool,
    /// How many people have reacted with which emoji.
    reactions: BTreeMap<String, i64>,
}

/// What a client knows of a chat in which it was from the beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Chat {
    messages: BTreeMap<i64, Known>,
    /// How far its person has read, if they have.
    read: Option<i64>,
}

/// Everything that one client knows.
#[derive(Debug, Default)]
pub struct State {
    chats: HashMap<String, Chat>,
    /// How many events it got that are not replayed.
    passing: BTreeMap<&'static str, usize>,
    /// Events that it should not have got, or not so.
    strange: Vec<String>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn hash(content: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.as_str().hash(&mut hasher);
    hasher.finish()
}

impl Known {
    fn of(message: &Value) -> Self {
        let reactions = message["reactions"].as_array().into_iter().flatten();
        let is_deleted = !message["deleted_at"].is_null();
        Self {
            id: text(&message["id"]),
            sender: text(&message["sender"]["id"]),
            hash: hash(&message["content"]),
            // Whether it had been edited before, nobody is told.
            is_edited: !is_deleted && !message["edited_at"].is_null(),
            is_deleted,
            is_system: message["type"] == "system",
            is_pinned: message["pinned"] == true,
            reactions: reactions
                .map(|reaction| (text(&reaction["emoji"]), reaction["count"].as_i64().unwrap_or_default()))
                .collect(),
        }
    }

    fn delete(&mut self) {
        *self = Self {
            hash: hash(&Value::Null),
            is_edited: false,
            is_deleted: true,
            is_pinned: false,
            reactions: BTreeMap::new(),
            ..self.clone()
        };
    }
}

impl State {
    /// A person who is in these chats from the beginning.
    pub fn of<'c>(chats: impl IntoIterator<Item = &'c String>) -> Self {
        Self { chats: chats.into_iter().map(|chat| (chat.clone(), Chat::default())).collect(), ..Self::default() }
    }

    /// An event arrives at the client of this person.
    pub fn apply(&mut self, person: &str, frame: &Value) {
        let (kind, data) = (frame["type"].as_str().unwrap_or_default(), &frame["data"]);
        let chat = data["chat_id"].as_str().unwrap_or_default();
        match kind {
            "typing.start" | "typing.stop" => {
                let is_right = self.chats.contains_key(chat) && data["user_id"] != person && data["kind"] == "typing";
                self.pass("typing", is_right, frame);
            }
            "user.online" | "user.offline" | "user.status" => {
                let words = ["online", "away", "busy", "offline"];
                let status = &data["status"];
                let is_known = status.is_null() || words.iter().any(|word| status == word);
                self.pass("presence", is_known && data["user_id"].is_string(), frame);
            }
            _ => {
                let Some(known) = self.chats.get_mut(chat) else { return };
                known.change(person, kind, data);
            }
        }
    }

    fn pass(&mut self, kind: &'static str, is_right: bool, frame: &Value) {
        *self.passing.entry(kind).or_default() += 1;
        if !is_right || !frame["cursor"].is_null() {
            self.strange.push(format!("a strange event: {frame}"));
        }
    }
}

impl Chat {
    fn change(&mut self, person: &str, kind: &str, data: &Value) {
        let Some(seq) = data["seq"].as_i64() else { return };
        if kind == "message.sent" {
            self.messages.insert(seq, Known::of(data));
            return;
        }
        if kind == "message.read" {
            if data["user_id"] == person {
                self.read = self.read.max(Some(seq));
            }
            return;
        }
        let Some(known) = self.messages.get_mut(&seq) else { return };
        match kind {
            "message.updated" => {
                let Known { hash, is_edited, is_deleted, .. } = Known::of(data);
                (known.hash, known.is_edited) = (hash, is_edited);
                if is_deleted {
                    known.delete();
                }
            }
            "message.deleted" => known.delete(),
            "message.pinned" | "message.unpinned" => known.is_pinned = kind == "message.pinned",
            "reaction.added" | "reaction.removed" => {
                let emoji = text(&data["emoji"]);
                match data["count"].as_i64().filter(|count| *count > 0) {
                    Some(count) => known.reactions.insert(emoji, count),
                    None => known.reactions.remove(&emoji),
                };
            }
            _ => {}
        }
    }

    /// How many messages of others its person has not read.
    fn unread(&self, person: &str, read: i64) -> usize {
        let after = self.messages.range(read + 1..).map(|(_, known)| known);
        after.filter(|known| known.sender != person && !known.is_deleted && !known.is_system).count()
    }
}

/// What was compared, and what differs.
#[derive(Debug, Default)]
pub struct Compared {
    chats: usize,
    messages: usize,
    reactions: usize,
    pins: usize,
    marks: usize,
    passing: BTreeMap<&'static str, usize>,
    different: Vec<String>,
}

impl Compared {
    pub fn is_clean(&self) -> bool {
        self.different.is_empty() && self.messages > 0
    }

    /// Compares the messages of a chat as somebody knows them, and which of them are pinned, with those of the server.
    fn messages(&mut self, whose: &str, known: &Chat, said: &BTreeMap<i64, Known>, pins: &BTreeSet<String>) {
        self.messages += said.len();
        for seq in known.messages.keys().chain(said.keys()).collect::<BTreeSet<_>>() {
            let (known, said) = (known.messages.get(seq), said.get(seq));
            self.reactions += said.map_or(0, |said| said.reactions.len());
            if known != said {
                self.different.push(format!("message {seq} of {whose} is {known:?}, and the server says {said:?}"));
            }
        }
        self.pins += pins.len();
        let pinned = known.messages.values().filter(|known| known.is_pinned);
        let pinned: BTreeSet<_> = pinned.map(|known| known.id.clone()).collect();
        if pinned != *pins {
            self.different.push(format!("the pins of {whose} are {pinned:?}, and the server says {pins:?}"));
        }
    }

    /// Compares a chat in somebody's list with what they know.
    fn chat(&mut self, person: &str, known: &Chat, listed: &Value) {
        self.chats += 1;
        let chat = &listed["id"];
        let mut same = |what: &str, known: Option<i64>, said: &Value| {
            if known.is_some_and(|known| *said != known) {
                self.different
                    .push(format!("the {what} of {person} in {chat} is {known:?}, and the server says {said}"));
            }
        };
        same("last message", known.messages.keys().next_back().copied(), &listed["last_message"]["seq"]);
        same("read mark", known.read, &listed["read_seq"]);
        // What was there before nobody was told of.
        let read = known.read.filter(|read| known.messages.keys().next().is_some_and(|first| first - 1 <= *read));
        let unread = read.map(|read| known.unread(person, read) as i64);
        same("number of unread messages", unread, &listed["unread_count"]);
        self.marks += usize::from(known.read.is_some());
    }

    fn and(&mut self, other: Self) {
        self.chats += other.chats;
        self.messages += other.messages;
        self.reactions += other.reactions;
        self.pins += other.pins;
        self.marks += other.marks;
        self.different.extend(other.different);
    }
}

/// Compares what clients know with what the server says, when nobody writes any more: of every person their list of chats,
/// and of every chat all that one of its people knows of each way to listen.
pub async fn compare(addresses: &Addresses, people: &[Person], heard: &[Arc<Mutex<Heard>>]) -> Compared {
    let asks = Asks { addresses: Arc::clone(addresses), http: http().timeout(LATE).build().unwrap() };
    let until = Instant::now() + LATE;
    let (mut compared, mut who) = (Compared::default(), HashMap::<&String, BTreeSet<usize>>::new());
    for (number, (person, heard)) in people.iter().zip(heard).enumerate() {
        // Two of four listen over sockets.
        let way = [0, 0, 1, 2][number % 4];
        let of_whom: Vec<_> = person.chats.keys().filter(|chat| who.entry(chat).or_default().insert(way)).collect();
        let of_person = loop {
            let known = heard.lock().unwrap().state.chats.clone();
            let of_person = asks.compare(person, &known, &of_whom).await;
            if of_person.different.is_empty() || Instant::now() > until {
                break of_person;
            }
            sleep(Duration::from_millis(500)).await;
        };
        compared.and(of_person);
        let heard = heard.lock().unwrap();
        compared.different.extend(heard.state.strange.iter().cloned());
        for (kind, times) in &heard.state.passing {
            *compared.passing.entry(kind).or_default() += times;
        }
    }
    compared
}

struct Asks {
    addresses: Addresses,
    http: reqwest::Client,
}

impl Asks {
    async fn compare(&self, person: &Person, known: &HashMap<String, Chat>, of_whom: &[&String]) -> Compared {
        let mut compared = Compared::default();
        let list = self.get(person, "/api/chats?limit=200").await;
        for said in list["items"].as_array().unwrap() {
            if let Some(known) = said["id"].as_str().and_then(|id| known.get(id)) {
                compared.chat(&person.id, known, said);
            }
        }
        for chat in of_whom {
            let mut after = person.chats[*chat];
            let mut messages = BTreeMap::new();
            loop {
                let page = self.get(person, &format!("/api/chats/{chat}/messages?after={after}&limit=100")).await;
                let items = page["items"].as_array().unwrap();
                messages.extend(items.iter().map(|item| (item["seq"].as_i64().unwrap(), Known::of(item))));
                match messages.keys().next_back() {
                    Some(last) if !items.is_empty() => after = *last,
                    _ => break,
                }
            }
            let pins = self.get(person, &format!("/api/chats/{chat}/pins?limit=200")).await;
            let pins = pins["items"].as_array().unwrap().iter().map(|pin| text(&pin["message"]["id"])).collect();
            compared.messages(&format!("{chat} as {} knows it", person.id), &known[*chat], &messages, &pins);
        }
        compared
    }

    /// Nothing fails any more, but a node may have to connect to its database first.
    async fn get(&self, person: &Person, path: &str) -> Value {
        let until = Instant::now() + LATE;
        loop {
            let address = any(&self.addresses, &mut Dice::new(0)).await;
            let asked = self.http.get(format!("http://{address}{path}")).bearer_auth(&person.access).send().await;
            let failed = match asked.and_then(reqwest::Response::error_for_status) {
                Ok(answer) => match answer.json().await {
                    Ok(answer) => return answer,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            assert!(Instant::now() < until, "{path}: {failed}");
            sleep(Duration::from_millis(500)).await;
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chats, messages, reactions, pins, marks, passing, different } = self;
        writeln!(
            f,
            "compared with what clients know from events: {messages} messages with {reactions} kinds of reactions and {pins} \
             pins, {chats} chats in lists with {marks} read marks; passing events: {passing:?}"
        )?;
        writeln!(f, "different: {}", different.len())?;
        for more in different.iter().take(20) {
            writeln!(f, "  {more}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(seq: i64, content: &str) -> Value {
        let id = format!("m{seq}");
        let data = json!({"id": id, "chat_id": "home", "seq": seq, "content": content, "sender": {"id": "ada"}, "reactions": []});
        json!({"type": "message.sent", "data": data, "cursor": "c"})
    }

    fn about(kind: &str, seq: i64, more: Value) -> Value {
        let mut data = json!({"chat_id": "home", "message_id": format!("m{seq}"), "seq": seq});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": kind, "data": data, "cursor": "c"})
    }

    /// Three messages: one that was edited and pinned, one with a reaction, one that was deleted.
    fn events() -> Vec<Value> {
        let mut edited = sent(1, "new");
        edited["type"] = json!("message.updated");
        edited["data"]["edited_at"] = json!("now");
        vec![
            sent(1, "old"),
            sent(2, "two"),
            sent(3, "three"),
            edited,
            about("message.pinned", 1, json!({})),
            about("reaction.added", 2, json!({"emoji": "x", "count": 2})),
            about("reaction.added", 3, json!({"emoji": "x", "count": 1})),
            about("message.deleted", 3, json!({})),
            about("message.read", 2, json!({"user_id": "bob"})),
            about("message.read", 3, json!({"user_id": "ada"})),
        ]
    }

    fn known(events: &[Value]) -> State {
        let mut state = State::of([&"home".to_owned()]);
        events.iter().for_each(|event| state.apply("bob", event));
        state
    }

    fn compared(events: &[Value]) -> Compared {
        let of = |seq: i64, more: Value| {
            let mut message = sent(seq, "two")["data"].clone();
            message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            (seq, Known::of(&message))
        };
        let said = [
            of(1, json!({"content": "new", "edited_at": "now", "pinned": true})),
            of(2, json!({"reactions": [{"emoji": "x", "count": 2, "mine": false}]})),
            of(3, json!({"content": null, "deleted_at": "now"})),
        ];
        let (mut compared, state) = (Compared::default(), known(events));
        compared.messages("bob", &state.chats["home"], &said.into(), &BTreeSet::from(["m1".to_owned()]));
        let listed = json!({"id": "home", "last_message": {"seq": 3}, "read_seq": 2, "unread_count": 0});
        compared.chat("bob", &state.chats["home"], &listed);
        compared
    }

    #[test]
    fn what_events_say_is_what_the_server_says_and_no_less() {
        let all = compared(&events());
        assert!(all.is_clean(), "{all}");
        assert_eq!((all.messages, all.reactions, all.pins, all.marks), (3, 1, 1, 1));
        // Without any of them something differs, except the mark of somebody else and the reaction that went with its
        // message.
        for without in [0, 1, 2, 3, 4, 5, 7, 8] {
            let mut events = events();
            let left_out = events.remove(without);
            let some = compared(&events);
            // Who has not heard of a mark does not know it.
            assert!(!some.is_clean() || some.marks == 0, "without {left_out}");
        }
        let read_less = [events(), vec![about("message.read", 9, json!({"user_id": "bob"}))]].concat();
        assert!(!compared(&read_less).is_clean());
    }

    #[test]
    fn events_that_are_not_replayed_make_sense() {
        let typing = |chat: &str, user: &str| json!({"type": "typing.start", "data": {"chat_id": chat, "user_id": user, "kind": "typing"}});
        let online = |status: Value| json!({"type": "user.status", "data": {"user_id": "ada", "status": status}});
        let mut with_cursor = typing("home", "ada");
        with_cursor["cursor"] = json!("c");
        for (event, is_right) in [
            (typing("home", "ada"), true),
            (typing("home", "bob"), false),
            (typing("elsewhere", "ada"), false),
            (with_cursor, false),
            (online(json!("busy")), true),
            (online(json!(null)), true),
            (online(json!("lost")), false),
        ] {
            assert_eq!(known(std::slice::from_ref(&event)).strange.is_empty(), is_right, "{event}");
        }
    }
}
