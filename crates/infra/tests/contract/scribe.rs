//! Writes into the journal behind the back of the store, as a node of another version would: changes that this one does
//! not make, and changes that it cannot read.

use clowder_core::{ChatId, Id, Topic, UserId, Word, follow::Step};
use clowder_messaging::CHAT;

use crate::world::World;

pub struct Scribe<'w> {
    world: &'w World,
    statements: Vec<String>,
}

impl<'w> Scribe<'w> {
    pub fn new(world: &'w World) -> Self {
        Self { world, statements: Vec::new() }
    }

    fn id<T>(&self, id: Id<T>) -> String {
        if self.world.is_postgres() { format!("'{id}'") } else { format!("X'{}'", id.uuid().simple()) }
    }

    fn now(&self) -> String {
        let now = self.world.now();
        if self.world.is_postgres() { format!("'{now}'") } else { now.as_micros().to_string() }
    }

    /// The stream of what is anchored at a chat.
    pub fn stream_of(world: &World, chat: ChatId) -> usize {
        let [.., last] = chat.uuid().into_bytes();
        if world.is_postgres() { usize::from(last) % 16 } else { 0 }
    }

    /// One change in the order of a chat.
    pub fn change(mut self, at: ChatId, kind: &str, topic: Topic, follow: Option<(Step, UserId)>, data: &str) -> Self {
        let stream = Self::stream_of(self.world, at);
        let (topic, now) = (self.id(Id::<()>::from_uuid(topic.id)), self.now());
        let follow = follow.map_or("NULL, NULL, NULL, NULL".to_owned(), |(step, user)| {
            format!("'{}', {}, 'chat', {}", step.as_str(), self.id(user), self.id(at))
        });
        self.statements.push(format!(
            "UPDATE streams SET head = head + 1 WHERE stream = {stream}; \
             INSERT INTO journal (stream, position, topic_kind, topic_id, name, follow, follower_id, followed_kind, \
             followed_id, at, data) \
             SELECT {stream}, head, '{kind}', {topic}, 'test.written', {follow}, {now}, '{data}' \
             FROM streams WHERE stream = {stream}"
        ));
        self
    }

    /// Changes that this version cannot read.
    pub fn unreadable(mut self, at: ChatId, times: usize) -> Self {
        for n in 0..times {
            // A payload that is no JSON, or a kind that can be none.
            let (kind, data) = if n % 2 == 0 { ("chat", "no JSON") } else { ("a kind in words", "{}") };
            self = self.change(at, kind, Topic::new(CHAT, at), None, data);
        }
        self
    }

    /// Somebody takes part in a chat from now on, or no longer.
    pub fn step(mut self, step: Step, user: UserId, chat: ChatId) -> Self {
        let (who, at, now) = (self.id(user), self.id(chat), self.now());
        self.statements.push(match step {
            Step::Enter => format!("INSERT INTO participants VALUES ({at}, {who}, 'member', {now}, 0, 0)"),
            Step::Leave => format!("DELETE FROM participants WHERE chat_id = {at} AND user_id = {who}"),
        });
        let topic = if step == Step::Enter { Topic::user(user) } else { Topic::new(CHAT, chat) };
        let kind = topic.kind;
        self.change(chat, kind.as_str(), topic, Some((step, user)), r#"{"step":true}"#)
    }

    /// All of it in one transaction.
    pub fn commit(self) {
        self.world.batch(&format!("BEGIN; {}; COMMIT;", self.statements.join("; ")));
    }
}
