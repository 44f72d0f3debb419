//! Writes into a chat and its journal behind the server's back, as a node of another version would.

use clowder_tests::{Database, User};
use serde_json::{Value, json};

pub struct Scribe<'d> {
    database: &'d Database,
    statements: Vec<String>,
}

impl<'d> Scribe<'d> {
    pub fn new(database: &'d Database) -> Self {
        Self { database, statements: Vec::new() }
    }

    fn id(&self, id: &str) -> String {
        if self.database.is_sqlite() { format!("X'{}'", id.replace('-', "")) } else { format!("'{id}'") }
    }

    fn now(&self) -> &'static str {
        if self.database.is_sqlite() { "CAST(strftime('%s', 'now') AS INTEGER) * 1000000" } else { "now()" }
    }

    fn stream_of(&self, chat: &str) -> u8 {
        let last = u8::from_str_radix(&chat[34..], 16).unwrap();
        if self.database.is_sqlite() { 0 } else { last % 16 }
    }

    /// A change in the order of a chat. `follow` is who enters or leaves it by it.
    fn change(&mut self, chat: &str, topic: (&str, &str), name: &str, follow: Option<(&str, &str)>, data: &str) {
        let (stream, (kind, id), at, now) = (self.stream_of(chat), topic, self.id(chat), self.now());
        let follow = follow.map_or("NULL, NULL, NULL, NULL".to_owned(), |(step, user)| {
            format!("'{step}', {}, 'chat', {at}", self.id(user))
        });
        self.statements.push(format!(
            "UPDATE streams SET head = head + 1 WHERE stream = {stream}; \
             INSERT INTO journal (stream, position, topic_kind, topic_id, name, follow, follower_id, followed_kind, \
             followed_id, at, data) \
             SELECT {stream}, head, '{kind}', {}, '{name}', {follow}, {now}, '{}' FROM streams WHERE stream = {stream}",
            self.id(id),
            data.replace('\'', "''"),
        ));
    }

    /// Changes that the server cannot read, and one of a kind that it does not know.
    pub fn unreadable(mut self, chat: &str, times: usize) -> Self {
        let (stream, at, now) = (self.stream_of(chat), self.id(chat), self.now());
        self.statements.push(format!(
            "UPDATE streams SET head = head + {times} WHERE stream = {stream}; \
             WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {times}) \
             INSERT INTO journal (stream, position, topic_kind, topic_id, name, at, data) \
             SELECT {stream}, head - {times} + n, CASE n % 2 WHEN 0 THEN 'chat' ELSE 'a kind in words' END, {at}, \
             'test.unreadable', {now}, CASE n % 2 WHEN 0 THEN 'no JSON' ELSE '{{}}' END \
             FROM streams, counted WHERE stream = {stream}"
        ));
        self.change(chat, ("a_new_kind", chat), "test.unknown", None, "{}");
        self
    }

    /// Somebody takes part in a chat from now on. What they are told is the chat as another of its people sees it, with
    /// nothing read.
    pub fn joins(mut self, user: &User, seen: &Value) -> Self {
        let chat = seen["id"].as_str().unwrap();
        let (at, who, now) = (self.id(chat), self.id(&user.id), self.now());
        self.statements.push(format!(
            "INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read) \
             SELECT {at}, {who}, 'member', {now}, 0, count(*) FROM messages \
             WHERE chat_id = {at} AND sender_id = {who}; \
             UPDATE chats SET participant_count = participant_count + 1 WHERE id = {at}"
        ));
        let mut data = seen.clone();
        data["read_seq"] = json!(0);
        self.change(chat, ("user", &user.id), "chat.created", Some(("enter", &user.id)), &data.to_string());
        self
    }

    pub fn leaves(mut self, user: &User, chat: &str) -> Self {
        let (at, who) = (self.id(chat), self.id(&user.id));
        self.statements.push(format!(
            "DELETE FROM participants WHERE chat_id = {at} AND user_id = {who}; \
             UPDATE chats SET participant_count = participant_count - 1 WHERE id = {at}"
        ));
        let data = json!({"chat_id": chat, "user_id": user.id, "removed_by": user.id});
        self.change(chat, ("chat", chat), "participant.removed", Some(("leave", &user.id)), &data.to_string());
        self
    }

    /// All of it in one transaction.
    pub fn commit(self) {
        self.database.run(&self.statements.join("; "));
    }
}
