//! How many statements lists take: as many for many chats, people and messages as for few.

mod pages;
mod people;

use clowder_core::{ChatId, MessageId, PageRequest, Result, UserId};
use clowder_infra::{DatabaseUrl, Store};
use clowder_messaging::{ChatFilter, Emoji, Message, NewChat, NewMessage, keeping::NewRemoval};
use clowder_tests::Relay;
use serde_json::{Value, json};

use crate::{
    asked,
    stress::of,
    world::{Person, World, on_both},
};

/// The kinds of chats below: each makes the list look up something else.
const KINDS: usize = 5;

/// A node whose statements are counted.
pub struct Counted<'w> {
    world: &'w World,
    pub node: Store,
    relay: Option<Relay>,
}

impl<'w> Counted<'w> {
    pub async fn new(world: &'w World) -> Self {
        let DatabaseUrl::Postgres(url) = &world.options.url else {
            asked::record();
            return Self { world, node: world.another_node().await, relay: None };
        };
        let relay = Relay::to(url).await;
        let through = DatabaseUrl::Postgres(relay.through(url));
        // With one connection, so that a second one is not opened, which asks for its settings, while the first is busy.
        let node = world.node_with(|options| {
            options.url = through;
            options.database.read_connections = 1;
        });
        Self { world, node: node.await, relay: Some(relay) }
    }

    fn count(&self) -> usize {
        match (&self.relay, &self.world.options.url) {
            (Some(relay), _) => relay.statements(),
            (None, DatabaseUrl::Sqlite(path)) => asked::take(path).len(),
            (None, DatabaseUrl::Postgres(_)) => 0,
        }
    }

    /// What a call answers, and the number of statements that it takes.
    pub async fn taken<T>(&self, call: impl Future<Output = Result<T>>) -> (T, usize) {
        let before = self.count();
        let answer = call.await.unwrap();
        let after = self.count();
        // On SQLite the count begins anew with each look.
        (answer, if self.relay.is_some() { after - before } else { after })
    }

    /// The number of statements that somebody's list takes, with so many chats in it.
    async fn list(&self, who: &Person, chats: usize) -> usize {
        let (ctx, page) = (self.world.ctx(who), PageRequest { limit: 200, ..PageRequest::default() });
        let (page, taken) = self.taken(self.node.messaging.chats(&ctx, ChatFilter::default(), page)).await;
        assert_eq!(page.items.len(), chats);
        assert!(page.items.iter().all(|chat| chat.last_message.is_some()));
        taken
    }
}

async fn send(world: &World, who: &Person, chat: ChatId, body: Value) -> Message {
    world.store.messaging.send(&world.ctx(who), chat, of::<NewMessage>(body)).await.unwrap().into_inner()
}

async fn pair(world: &World, who: &Person, other: &Person) -> ChatId {
    let new = of::<NewChat>(json!({"type": "private", "participant_ids": [other.id]}));
    world.store.messaging.create_chat(&world.ctx(who), new).await.unwrap().into_inner().id
}

/// Puts somebody into as many chats with these people, each with so many messages.
async fn fill(world: &World, who: &Person, others: &[Person], chats: usize, messages: usize) {
    let ids: Vec<UserId> = others.iter().map(|person| person.id).collect();
    for number in 0..chats {
        let (kind, other) = (number % KINDS, &others[number / KINDS % others.len()]);
        let chat = if kind == 0 {
            pair(world, who, other).await
        } else {
            let new = of::<NewChat>(json!({"type": "group", "title": "Lunch", "participant_ids": ids}));
            world.store.messaging.create_chat(&world.ctx(who), new).await.unwrap().into_inner().id
        };
        let mut said: Vec<MessageId> = Vec::new();
        for _ in 0..messages {
            said.push(send(world, other, chat, json!({"content": "hello", "mentions": [who.id]})).await.id);
        }
        let store = &world.store;
        store.messaging.delete(&world.ctx(other), said[0], None).await.unwrap();
        match kind {
            0 => drop(send(world, other, chat, json!({"content": "yes", "reply_to": said[1]})).await),
            1 => {
                let thumb = Emoji::from_text("👍").unwrap();
                store.messaging.react(&world.ctx(other), *said.last().unwrap(), thumb).await.unwrap();
            }
            2 => {
                let poll = json!({"content": "Which?", "type": "poll", "poll": {"options": ["Soup", "Rice"]}});
                send(world, other, chat, poll).await;
            }
            3 => {
                let removal = of::<NewRemoval>(json!({"message_ids": [said.last().unwrap()]}));
                store.keeping.remove_messages(&world.ctx(who), chat, removal).await.unwrap();
            }
            _ => drop(send(world, who, chat, json!({"content": "mine"})).await),
        }
    }
}

on_both! {
    async fn a_list_of_many_chats_takes_as_many_statements_as_one_of_few(world: World) {
        let [first, few, many] = world.people(["first", "few", "many"]).await;
        let small = world.people(["ann", "ben"]).await;
        let names: [String; 20] = std::array::from_fn(|number| format!("other{number}"));
        let large = world.people(names.each_ref().map(String::as_str)).await;
        fill(&world, &first, &small, KINDS, 3).await;
        fill(&world, &few, &small, KINDS, 3).await;
        fill(&world, &many, &large, 10 * KINDS, 12).await;
        let counted = Counted::new(&world).await;
        // What a connection asks only once, it has asked before.
        counted.list(&first, KINDS).await;
        counted.list(&first, KINDS).await;
        let cold = (counted.list(&few, KINDS).await, counted.list(&many, 10 * KINDS).await);
        let warm = (counted.list(&few, KINDS).await, counted.list(&many, 10 * KINDS).await);
        assert!(warm.0 > 3, "{cold:?}, {warm:?}");
        assert_eq!(cold.0, cold.1, "with nothing in the caches");
        assert_eq!(warm.0, warm.1, "with summaries and cards in the caches");
    }
}

/// On SQLite, where diesel can record statements; both databases have the same ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reacts_is_looked_up_with_the_message() {
    let world = World::sqlite().await;
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    asked::record();
    let node = world.another_node().await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let chat = world.group(&ada, &[&bob]).await.id;
    let said = world.say(&ada, chat, "hello").await.id;
    asked::take(path);
    node.messaging.react(&world.ctx(&bob), said, Emoji::from_text("👍").unwrap()).await.unwrap();
    let asked = asked::take(path);
    let about_people = asked.iter().filter(|text| text.starts_with("SELECT") && text.contains("participants"));
    assert_eq!(about_people.count(), 2, "once for the plan, and once under the lock: {asked:#?}");
}
