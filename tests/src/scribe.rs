//! Writes into a chat and its journal, bypassing the server, as a node of another version would: changes that this
//! version does not make, and changes that it cannot read. The contract tests of the store include this file.

use std::fmt::Display;

use serde_json::{Value, json};

pub struct Scribe<'d> {
    /// Whether it is SQLite.
    embedded: bool,
    run: Box<dyn Fn(&str) + 'd>,
    statements: Vec<String>,
}

impl<'d> Scribe<'d> {
    /// `run` executes statements in one transaction.
    pub fn new(embedded: bool, run: impl Fn(&str) + 'd) -> Self {
        Self { embedded, run: Box::new(run), statements: Vec::new() }
    }

    fn id(&self, id: impl Display) -> String {
        let id = id.to_string();
        if self.embedded { format!("X'{}'", id.replace('-', "")) } else { format!("'{id}'") }
    }

    fn now(&self) -> &'static str {
        if self.embedded { "CAST(strftime('%s', 'now') AS INTEGER) * 1000000" } else { "now()" }
    }

    /// The stream of changes anchored at a chat.
    pub fn stream_of(&self, chat: impl Display) -> usize {
        let last = usize::from_str_radix(&chat.to_string()[34..], 16).unwrap();
        if self.embedded { 0 } else { last % 16 }
    }

    /// A change in the order of a chat. `follow` is the user whom it makes enter or leave it.
    fn change(&mut self, chat: &str, topic: (&str, &str), name: &str, follow: Option<(&str, &str)>, data: &str) {
        self.change_of(("chat", chat), topic, name, follow, data);
    }

    /// A change in the order of a topic of any kind. Its subject is that topic.
    fn change_of(
        &mut self,
        anchor: (&str, &str),
        topic: (&str, &str),
        name: &str,
        follow: Option<(&str, &str)>,
        data: &str,
    ) {
        let (stream, (kind, id), at, now) = (self.stream_of(anchor.1), topic, self.id(anchor.1), self.now());
        let follow = follow.map_or("NULL, NULL, NULL, NULL".to_owned(), |(step, user)| {
            format!("'{step}', {}, '{}', {at}", self.id(user), anchor.0)
        });
        self.statements.push(format!(
            "UPDATE streams SET head = head + 1 WHERE stream = {stream}; \
             INSERT INTO journal (stream, position, segment, topic_kind, topic_id, name, subject_id, follow, \
             follower_id, followed_kind, followed_id, at, data) \
             SELECT {stream}, head, segment, '{kind}', {}, '{name}', {at}, {follow}, {now}, '{}' FROM streams \
             WHERE stream = {stream}",
            self.id(id),
            data.replace('\'', "''"),
        ));
    }

    /// A change about a topic that all of its followers receive.
    pub fn tells(mut self, (kind, id): (&str, impl Display), data: &Value) -> Self {
        let (id, name) = (id.to_string(), format!("{kind}.changed"));
        self.change_of((kind, &id), (kind, &id), &name, None, &data.to_string());
        self
    }

    /// A change about a topic that only one person receives.
    pub fn tells_in_person(mut self, (kind, id): (&str, impl Display), user: impl Display, data: &Value) -> Self {
        let (id, user, name) = (id.to_string(), user.to_string(), format!("{kind}.told"));
        self.change_of((kind, &id), ("user", &user), &name, None, &data.to_string());
        self
    }

    /// Somebody begins to follow a topic, or stops. All followers receive that.
    pub fn follows(mut self, user: impl Display, (kind, id): (&str, impl Display), enters: bool, data: &Value) -> Self {
        let (user, id) = (user.to_string(), id.to_string());
        let (name, step) = if enters { ("entered", "enter") } else { ("left", "leave") };
        let name = format!("{kind}.{name}");
        self.change_of((kind, &id), (kind, &id), &name, Some((step, &user)), &data.to_string());
        self
    }

    /// Changes that the server cannot read, and one of an unknown kind.
    pub fn unreadable(mut self, chat: impl Display, times: usize) -> Self {
        let chat = chat.to_string();
        let (stream, at, now) = (self.stream_of(&chat), self.id(&chat), self.now());
        self.statements.push(format!(
            "UPDATE streams SET head = head + {times} WHERE stream = {stream}; \
             WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {times}) \
             INSERT INTO journal (stream, position, segment, topic_kind, topic_id, name, at, data) \
             SELECT {stream}, head - {times} + n, segment, CASE n % 2 WHEN 0 THEN 'chat' ELSE 'a kind in words' END, {at}, \
             'test.unreadable', {now}, CASE n % 2 WHEN 0 THEN 'no JSON' ELSE '{{}}' END \
             FROM streams, counted WHERE stream = {stream}"
        ));
        self.change(&chat, ("a_new_kind", &chat), "test.unknown", None, "{}");
        self
    }

    /// Adds somebody to a chat. They receive the chat as another participant sees it, with nothing read.
    pub fn joins(mut self, user: impl Display, seen: &Value) -> Self {
        let (user, chat) = (user.to_string(), seen["id"].as_str().unwrap());
        let (at, who, now) = (self.id(chat), self.id(&user), self.now());
        self.statements.push(format!(
            "INSERT INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read) \
             SELECT {at}, {who}, 'member', {now}, 0, count(*) FROM messages \
             WHERE chat_id = {at} AND sender_id = {who}; \
             UPDATE chats SET participant_count = participant_count + 1 WHERE id = {at}"
        ));
        let mut data = seen.clone();
        data["read_seq"] = json!(0);
        self.change(chat, ("user", &user), "chat.created", Some(("enter", &user)), &data.to_string());
        self
    }

    pub fn leaves(mut self, user: impl Display, chat: impl Display) -> Self {
        let (user, chat) = (user.to_string(), chat.to_string());
        let (at, who) = (self.id(&chat), self.id(&user));
        self.statements.push(format!(
            "DELETE FROM participants WHERE chat_id = {at} AND user_id = {who}; \
             UPDATE chats SET participant_count = participant_count - 1 WHERE id = {at}"
        ));
        let data = json!({"chat_id": chat, "user_id": user, "removed_by": user});
        self.change(&chat, ("chat", &chat), "participant.removed", Some(("leave", &user)), &data.to_string());
        self
    }

    /// All in one transaction.
    pub fn commit(self) {
        (self.run)(&self.statements.join("; "));
    }
}
