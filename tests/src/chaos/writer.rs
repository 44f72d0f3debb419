//! People who write until they are told to stop, and repeat what was not answered.

mod pair;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

pub use self::pair::Pair;
use super::{
    Dice,
    cluster::{Addresses, Cluster, any},
    follower::{Ws, open},
    record::{Deed, Record},
};
use crate::{client::http, world::PASSWORD};

/// Of this, long messages are.
const LONG: &str = "猫";

/// Pauses between two calls of one person are below this, in milliseconds.
const PAUSE: u64 = 400;

#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub access: String,
    /// The chats they are in, with the last `seq` before anybody wrote.
    pub chats: HashMap<String, i64>,
    /// Chats of which they are the owner.
    own: Vec<String>,
    /// Public chats, which they join and leave.
    inns: Vec<String>,
}

/// How many public chats there are. People may join each of them only a few times a day.
const INNS: usize = 6;

/// Registers people and puts them into chats.
pub async fn found(cluster: &Cluster, people: usize, in_a_chat: usize) -> Vec<Person> {
    let address = any(&cluster.addresses(), &mut Dice::new(0)).await;
    let http = http().build().unwrap();
    let post = async |access: &str, path: &str, body: Value| made(&http, &address, access, path, &body).await;
    let mut all = Vec::new();
    for number in 0..people {
        let name = format!("person{number}");
        let new = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = post("", "/api/auth/register", new).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.push(Person {
            id: text(&made["user"]["id"]),
            access: text(&made["access"]),
            chats: HashMap::new(),
            own: Vec::new(),
            inns: Vec::new(),
        });
    }
    for number in 0..people * 3 / in_a_chat {
        // Neighbouring chats have some people in common.
        let members: Vec<_> = (0..in_a_chat).map(|at| (number * in_a_chat / 2 + at) % people).collect();
        let others: Vec<_> = members[1..].iter().map(|at| &all[*at].id).collect();
        let new = json!({"type": "group", "title": format!("Chat {number}"), "participant_ids": others});
        let chat = post(&all[members[0]].access, "/api/chats", new).await;
        let owner = members[0];
        for at in members {
            let id = chat["id"].as_str().unwrap().to_owned();
            if at == owner {
                all[at].own.push(id.clone());
            }
            all[at].chats.insert(id, chat["last_seq"].as_i64().unwrap());
        }
    }
    for number in 0..INNS {
        let new = json!({"type": "group", "title": format!("Inn {number}"), "visibility": "public"});
        let chat = post(&all[0].access, "/api/chats", new).await;
        all[1..].iter_mut().for_each(|person| person.inns.push(chat["id"].as_str().unwrap().to_owned()));
    }
    all
}

/// The node may be of an earlier version, so its answer is not compared with the present documents.
async fn made(http: &reqwest::Client, address: &str, access: &str, path: &str, body: &Value) -> Value {
    let mut request = http.post(format!("http://{address}{path}")).json(body);
    if !access.is_empty() {
        request = request.bearer_auth(access);
    }
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert_eq!(status, 201, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

pub struct Writer {
    person: Person,
    addresses: Addresses,
    record: Arc<Record>,
    dice: Dice,
    http: reqwest::Client,
    /// Their own messages that nothing else has happened to: chat and id.
    fresh: Vec<(String, String)>,
    /// A message that they have pinned: its chat and id.
    pinned: Option<(String, String)>,
    /// The public chat in which they are.
    inn: Option<String>,
    /// What they do with somebody with whom they are in no chat, if they do anything with anybody.
    pair: Option<Pair>,
    /// Over which half of the messages go.
    socket: Option<Ws>,
    /// While it is true, messages are long.
    flood: watch::Receiver<bool>,
    sent: u64,
    calls: u64,
}

impl Writer {
    pub fn new(
        person: &Person,
        pair: Option<Pair>,
        addresses: Addresses,
        record: Arc<Record>,
        flood: watch::Receiver<bool>,
        dice: Dice,
    ) -> Self {
        // Who does not answer for so long is asked again, another one perhaps.
        let http = http().timeout(Duration::from_secs(5)).build().unwrap();
        Self {
            person: person.clone(),
            addresses,
            record,
            dice,
            http,
            fresh: Vec::new(),
            pinned: None,
            inn: None,
            pair,
            socket: None,
            flood,
            sent: 0,
            calls: 0,
        }
    }

    pub async fn run(mut self, stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            match self.dice.below(20) {
                0 | 1 => self.edit().await,
                2 | 3 => self.delete().await,
                4 | 5 => self.react().await,
                6 | 7 => self.read().await,
                8 => self.come_or_go().await,
                9 => self.go_on_with_pair().await,
                10 => self.pin().await,
                _ => self.send().await,
            }
            sleep(Duration::from_millis(self.dice.below(PAUSE))).await;
        }
    }

    fn chat(&mut self) -> String {
        let chats: Vec<_> = self.person.chats.keys().collect();
        chats[self.dice.below(chats.len() as u64) as usize].clone()
    }

    /// Calls until there is an answer that a repetition would not change. Says whether it was repeated: then an earlier
    /// attempt may still be on its way, and take effect later.
    async fn call(&mut self, method: &str, path: &str, body: Value) -> (u16, Value, bool) {
        let access = self.person.access.clone();
        self.call_as(&access, method, path, body).await
    }

    async fn call_as(&mut self, access: &str, method: &str, path: &str, body: Value) -> (u16, Value, bool) {
        self.calls += 1;
        let key = format!("call-{}", self.calls);
        for attempt in 0.. {
            let address = any(&self.addresses, &mut self.dice).await;
            let url = format!("http://{address}{path}");
            let request = self.http.request(method.parse().unwrap(), url).bearer_auth(access);
            let answer = request.header("idempotency-key", &key).json(&body).send().await;
            if let Ok(answer) = answer
                && let status = answer.status().as_u16()
                && !matches!(status, 429 | 500..)
                && let Ok(text) = answer.text().await
                && let answer = serde_json::from_str(&text).unwrap_or(Value::Null)
                && answer["code"] != "idempotency.running"
            {
                return (status, answer, attempt > 0);
            }
            sleep(Duration::from_millis(50 + self.dice.below(300))).await;
        }
        unreachable!("there are enough attempts")
    }

    async fn send(&mut self) {
        let began = Instant::now();
        let inn = self.inn.clone().filter(|_| self.dice.below(4) == 0);
        let is_fresh = inn.is_none();
        let chat = inn.unwrap_or_else(|| self.chat());
        self.sent += 1;
        let mut content = format!("number {}", self.sent);
        if *self.flood.borrow() {
            content.push_str(&LONG.repeat(7_900));
        }
        let body = json!({"content": content, "client_id": self.sent.to_string()});
        let (status, message) = if self.dice.below(2) == 0 {
            self.send_by_socket(&chat, body).await
        } else {
            let (status, message, _) = self.call("POST", &format!("/api/chats/{chat}/messages"), body).await;
            (status, message)
        };
        match (status, message["seq"].as_i64(), message["id"].as_str()) {
            (200 | 201, Some(seq), Some(id)) => {
                self.record.sent(&chat, seq, id, began);
                if is_fresh {
                    self.fresh.push((chat, id.to_owned()));
                }
            }
            _ => self.record.fault(format!("a message was answered with {status}: {message}")),
        }
    }

    /// Sends over a socket until there is an answer that a repetition would not change.
    async fn send_by_socket(&mut self, chat: &str, mut data: Value) -> (u16, Value) {
        data["chat_id"] = json!(chat);
        let command = json!({"id": self.sent, "type": "message.send", "data": data}).to_string();
        loop {
            match self.ask(&command).await {
                Some(answer) if answer["type"] == "ack" => return (201, answer["data"].clone()),
                Some(answer) => {
                    let status = answer["data"]["status"].as_u64().unwrap_or_default() as u16;
                    if !matches!(status, 429 | 500..) {
                        return (status, answer["data"].clone());
                    }
                }
                // Whoever does not answer is asked again, another one perhaps.
                None => self.socket = None,
            }
            sleep(Duration::from_millis(50 + self.dice.below(300))).await;
        }
    }

    /// Says something over the socket, a new one if need be, and waits for the answer. Everything else is skipped.
    async fn ask(&mut self, command: &str) -> Option<Value> {
        if self.socket.is_none() {
            let address = any(&self.addresses, &mut self.dice).await;
            self.socket = Some(open(&address, "", &self.person.access, false).await?);
        }
        let (socket, id) = (self.socket.as_mut()?, json!(self.sent));
        let answered = async {
            socket.send(Message::text(command)).await.ok()?;
            loop {
                let Message::Text(text) = socket.next().await?.ok()? else { continue };
                let frame: Value = serde_json::from_str(&text).ok()?;
                if frame["id"] == id && matches!(frame["type"].as_str(), Some("ack" | "error")) {
                    return Some(frame);
                }
            }
        };
        timeout(Duration::from_secs(5), answered).await.ok()?
    }

    fn any_fresh(&mut self) -> Option<(String, String)> {
        let at = self.dice.below(self.fresh.len().max(1) as u64) as usize;
        (at < self.fresh.len()).then(|| self.fresh.swap_remove(at))
    }

    async fn edit(&mut self) {
        let Some((chat, id)) = self.any_fresh() else { return };
        let (status, answer, _) =
            self.call("PATCH", &format!("/api/messages/{id}"), json!({"content": "edited"})).await;
        self.note(&chat, "message.updated", &id, String::new(), status == 200, (status, answer));
    }

    async fn delete(&mut self) {
        let Some((chat, id)) = self.any_fresh() else { return };
        let (status, answer, again) = self.call("DELETE", &format!("/api/messages/{id}"), json!({})).await;
        let done = status == 204 || again && status == 404;
        self.note(&chat, "message.deleted", &id, String::new(), done, (status, answer));
    }

    async fn react(&mut self) {
        let Some((chat, id)) = self.any_fresh() else { return };
        let (status, answer, _) = self.call("PUT", &format!("/api/messages/{id}/reactions/🐈"), json!({})).await;
        let done = matches!(status, 200 | 201 | 204);
        let user = self.person.id.clone();
        self.note(&chat, "reaction.added", &id, user, done, (status, answer));
    }

    /// Pins a message in a chat of their own, or takes a pin away: some pins stay.
    async fn pin(&mut self) {
        if let Some((chat, id)) = self.pinned.take() {
            if self.dice.below(2) == 0 {
                let (status, answer, _) = self.call("DELETE", &format!("/api/messages/{id}/pin"), json!({})).await;
                let done = matches!(status, 200 | 204);
                self.note(&chat, "message.unpinned", &id, String::new(), done, (status, answer));
            }
            return;
        }
        let Some(at) = self.fresh.iter().position(|(chat, _)| self.person.own.contains(chat)) else { return };
        let (chat, id) = self.fresh.swap_remove(at);
        let (status, answer, again) = self.call("PUT", &format!("/api/messages/{id}/pin"), json!({})).await;
        // Enough are pinned.
        if status == 409 && answer["code"] == "message.pins" {
            return;
        }
        let done = matches!(status, 200 | 201 | 204);
        self.note(&chat, "message.pinned", &id, String::new(), done, (status, answer));
        // An attempt that comes late would pin it again.
        self.pinned = Some((chat, id)).filter(|_| done && !again);
    }

    /// Marks what was said last as read.
    async fn read(&mut self) {
        let chat = self.chat();
        let Some(seq) = self.record.last(&chat) else { return };
        let (status, answer, _) = self.call("POST", &format!("/api/chats/{chat}/read"), json!({"seq": seq})).await;
        match status {
            200 | 204 => self.record.read(&chat, &self.person.id, seq),
            _ => self.record.fault(format!("a mark was answered with {status}: {answer}")),
        }
    }

    /// Leaves a public chat, or joins another.
    async fn come_or_go(&mut self) {
        let id = self.person.id.clone();
        if let Some(chat) = self.inn.take() {
            self.record.leaves(&id, &chat);
            let (status, answer, again) =
                self.call("DELETE", &format!("/api/chats/{chat}/participants/{id}"), json!({})).await;
            match status {
                200 | 204 => self.record.left(&id, &chat),
                404 if again => self.record.left(&id, &chat),
                _ => self.record.fault(format!("leaving was answered with {status}: {answer}")),
            }
            if again {
                // An attempt that comes late would end the next stay.
                self.person.inns.retain(|inn| *inn != chat);
            }
        } else if !self.person.inns.is_empty() {
            let at = self.dice.below(self.person.inns.len() as u64) as usize;
            let chat = self.person.inns[at].clone();
            self.record.comes(&id, &chat);
            let (status, answer, _) = self.call("POST", &format!("/api/chats/{chat}/join"), json!({})).await;
            match (status, answer["last_seq"].as_i64()) {
                (200 | 201, Some(last)) => {
                    self.record.came(&id, &chat, last);
                    self.inn = Some(chat);
                }
                // They have joined it often enough for today.
                (409, _) => drop(self.person.inns.swap_remove(at)),
                _ => self.record.fault(format!("joining was answered with {status}: {answer}")),
            }
        }
    }

    fn note(&self, chat: &str, kind: &'static str, id: &str, more: String, done: bool, (status, answer): (u16, Value)) {
        if done {
            self.record.done(chat, Deed { kind, message: id.to_owned(), more });
        } else {
            self.record.fault(format!("{kind} was answered with {status}: {answer}"));
        }
    }
}
