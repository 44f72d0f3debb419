//! The number of queries of a resume: it grows with the chats and with the replayed changes, not with their product.

use clowder_core::journal::Chunk;
use clowder_infra::{DatabaseUrl, Store};

use crate::{
    asked,
    following::{heads, missed},
    world::{Person, World},
};

/// The statements of the connections to one database.
#[derive(Clone, Copy, Debug)]
struct Asked {
    statements: usize,
    /// Counts in the statements and their bound values.
    characters: usize,
    /// How often it was queried who entered and left.
    steps: usize,
}

impl Asked {
    /// Only reads of the journal count: the cleaning of files, for example, may run at the same time.
    fn of(statements: &[String]) -> Self {
        let statements: Vec<_> = statements.iter().filter(|text| text.contains("FROM journal")).collect();
        let asks_steps = |text: &&&String| text.contains("WHERE follower_id = ");
        Self {
            statements: statements.len(),
            characters: statements.iter().map(|text| text.len()).sum(),
            steps: statements.iter().filter(asks_steps).count(),
        }
    }
}

/// The statements when somebody with this many chats resumes, with a message in each.
async fn resume(world: &World, node: &Store, ada: &Person, chats: usize) -> Asked {
    let from = heads(world).await;
    let mut ids = Vec::new();
    for _ in 0..chats {
        let chat = world.group(ada, &[]).await.id;
        world.say(ada, chat, "hello").await;
        ids.push(chat);
    }
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    asked::take(path);
    let told = missed(node, ada.id, &ids, &from, Chunk::rows(10)).await;
    assert_eq!(told.len(), 2 * chats);
    Asked::of(&asked::take(path))
}

/// On SQLite, where diesel can record statements; connections to PostgreSQL watch theirs themselves. Reading each topic
/// is the same code for both, and counted in `merge.rs`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_resume_asks_grows_with_the_chats_and_not_with_their_square() {
    let world = World::sqlite().await;
    asked::record();
    let node = world.another_node().await;
    let [few, many] = world.people(["few", "many"]).await;
    let few = resume(&world, &node, &few, 40).await;
    let many = resume(&world, &node, &many, 240).await;
    assert!(few.steps == 1 && many.steps == 1, "what they entered and left is read once: {few:?}, {many:?}");
    assert!(many.characters < 9 * few.characters, "six times the chats: {few:?}, {many:?}");
    assert!(many.statements < 9 * few.statements, "six times the chats: {few:?}, {many:?}");
}
