//! People who write until they are told to stop, and repeat what was not answered.

use std::{collections::HashMap, sync::Arc, time::Duration};

use clowder_tests::{Client, world::PASSWORD};
use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use super::{
    Dice,
    cluster::{Addresses, Cluster, any},
    record::{Deed, Record},
};

/// Pauses between two calls of one person are below this, in milliseconds.
const PAUSE: u64 = 400;

#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub access: String,
    /// The chats they are in, with the last `seq` before anybody wrote.
    pub chats: HashMap<String, i64>,
}

/// Registers people and puts them into chats.
pub async fn found(cluster: &Cluster, people: usize, chats: usize, in_a_chat: usize) -> Vec<Person> {
    let address = any(&cluster.addresses(), &mut Dice::new(0)).await;
    let nobody = Client::new(&address);
    let mut all = Vec::new();
    for number in 0..people {
        let name = format!("person{number}");
        let new = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = nobody.post("/api/auth/register", new).await.expect(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        all.push(Person { id: text(&made["user"]["id"]), access: text(&made["access"]), chats: HashMap::new() });
    }
    for number in 0..chats {
        // Neighbouring chats have some people in common.
        let members: Vec<_> = (0..in_a_chat).map(|at| (number * in_a_chat / 2 + at) % people).collect();
        let others: Vec<_> = members[1..].iter().map(|at| &all[*at].id).collect();
        let new = json!({"type": "group", "title": format!("Chat {number}"), "participant_ids": others});
        let owner = nobody.with(&all[members[0]].access);
        let chat = owner.post("/api/chats", new).await.expect(201);
        for at in members {
            let id = chat["id"].as_str().unwrap().to_owned();
            all[at].chats.insert(id, chat["last_seq"].as_i64().unwrap());
        }
    }
    all
}

pub struct Writer {
    person: Person,
    addresses: Addresses,
    record: Arc<Record>,
    dice: Dice,
    http: reqwest::Client,
    /// Their own messages that nothing else has happened to: chat and id.
    fresh: Vec<(String, String)>,
    sent: u64,
}

impl Writer {
    pub fn new(person: &Person, addresses: Addresses, record: Arc<Record>, dice: Dice) -> Self {
        // Who does not answer for so long is asked again, another one perhaps.
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        Self { person: person.clone(), addresses, record, dice, http, fresh: Vec::new(), sent: 0 }
    }

    pub async fn run(mut self, stopped: watch::Receiver<bool>) {
        while !*stopped.borrow() {
            match self.dice.below(10) {
                0 => self.edit().await,
                1 => self.delete().await,
                2 => self.react().await,
                3 => self.read().await,
                _ => self.send().await,
            }
            sleep(Duration::from_millis(self.dice.below(PAUSE))).await;
        }
    }

    fn chat(&mut self) -> String {
        let chats: Vec<_> = self.person.chats.keys().collect();
        chats[self.dice.below(chats.len() as u64) as usize].clone()
    }

    /// Calls until there is an answer that a repetition would not change. Says whether it was repeated.
    async fn call(&mut self, method: &str, path: &str, body: Value) -> (u16, Value, bool) {
        for attempt in 0.. {
            let address = any(&self.addresses, &mut self.dice).await;
            let url = format!("http://{address}{path}");
            let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.person.access);
            let answer = request.json(&body).send().await;
            if let Ok(answer) = answer
                && let status = answer.status().as_u16()
                && !matches!(status, 429 | 500..)
                && let Ok(text) = answer.text().await
            {
                return (status, serde_json::from_str(&text).unwrap_or(Value::Null), attempt > 0);
            }
            sleep(Duration::from_millis(50 + self.dice.below(300))).await;
        }
        unreachable!("there are enough attempts")
    }

    async fn send(&mut self) {
        let chat = self.chat();
        self.sent += 1;
        let body = json!({"content": format!("number {}", self.sent), "client_id": self.sent.to_string()});
        let (status, message, _) = self.call("POST", &format!("/api/chats/{chat}/messages"), body).await;
        match (status, message["seq"].as_i64(), message["id"].as_str()) {
            (200 | 201, Some(seq), Some(id)) => {
                self.record.sent(&chat, seq, id);
                self.fresh.push((chat, id.to_owned()));
            }
            _ => self.record.fault(format!("a message was answered with {status}: {message}")),
        }
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

    async fn read(&mut self) {
        let chat = self.chat();
        let seq = self.person.chats[&chat].max(1);
        let (status, answer, _) = self.call("POST", &format!("/api/chats/{chat}/read"), json!({"seq": seq})).await;
        if !matches!(status, 200 | 204) {
            self.record.fault(format!("a mark was answered with {status}: {answer}"));
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
