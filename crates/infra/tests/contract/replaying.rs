//! What a resume asks of the database, counted: it grows with the chats and with what is told, not with their product.

use std::{collections::BTreeMap, sync::Mutex};

use clowder_core::journal::Chunk;
use clowder_infra::{DatabaseUrl, Store};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use crate::{
    following::{heads, missed},
    world::{Person, World},
};

/// What the connections to one database were asked.
#[derive(Default, Clone, Copy, Debug)]
struct Asked {
    statements: usize,
    /// Of the statements and of the values that are bound to them.
    characters: usize,
    /// How often it was asked what somebody entered and left.
    steps: usize,
}

static ASKED: Mutex<BTreeMap<String, Asked>> = Mutex::new(BTreeMap::new());

/// Counts what one connection is asked, under the URL of its database.
#[derive(Default)]
struct Counter(String);

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.0),
            InstrumentationEvent::StartQuery { query, .. } => {
                let text = query.to_string();
                let mut asked = ASKED.lock().unwrap();
                let asked = asked.entry(self.0.clone()).or_default();
                asked.statements += 1;
                asked.characters += text.len();
                let asks_steps = text.contains("\"follower_id\" = ") || text.contains("`follower_id` = ");
                asked.steps += usize::from(asks_steps);
            }
            _ => {}
        }
    }
}

/// What resuming asks for somebody with so many chats, in each of which something was said.
async fn resume(world: &World, node: &Store, ada: &Person, chats: usize) -> Asked {
    let from = heads(world).await;
    let mut ids = Vec::new();
    for _ in 0..chats {
        let chat = world.group(ada, &[]).await.id;
        world.say(ada, chat, "hello").await;
        ids.push(chat);
    }
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    let name = path.to_string_lossy().into_owned();
    let asked = || {
        let asked = ASKED.lock().unwrap();
        let of_this = asked.iter().filter(|(url, _)| url.contains(&name)).map(|(_, asked)| *asked);
        of_this.fold(Asked::default(), |sum, one| Asked {
            statements: sum.statements + one.statements,
            characters: sum.characters + one.characters,
            steps: sum.steps + one.steps,
        })
    };
    let before = asked();
    let told = missed(node, ada.id, &ids, &from, Chunk::rows(10)).await;
    assert_eq!(told.len(), 2 * chats);
    let after = asked();
    Asked {
        statements: after.statements - before.statements,
        characters: after.characters - before.characters,
        steps: after.steps - before.steps,
    }
}

/// On SQLite, where diesel counts: connections to PostgreSQL watch their statements themselves. What is read of each topic
/// is the same code for both, and counted in `merge.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_resume_asks_grows_with_the_chats_and_not_with_their_square() {
    let world = World::sqlite().await;
    set_default_instrumentation(|| Some(Box::<Counter>::default())).unwrap();
    let node = world.another_node().await;
    let [few, many] = world.people(["few", "many"]).await;
    let few = resume(&world, &node, &few, 40).await;
    let many = resume(&world, &node, &many, 240).await;
    assert!(few.steps == 1 && many.steps == 1, "what they entered and left is read once: {few:?}, {many:?}");
    assert!(many.characters < 9 * few.characters, "six times the chats: {few:?}, {many:?}");
    assert!(many.statements < 9 * few.statements, "six times the chats: {few:?}, {many:?}");
}
