//! Writes about people who are hidden ask as much of the database as those about people who do not exist.

use std::{pin::Pin, sync::Arc};

use clowder_core::{Id, Input, Result, UserId};
use clowder_infra::{DatabaseUrl, Store};
use clowder_social::{NewBlock, NewMute, NewNote};
use serde_json::json;

use crate::{
    asked,
    friends::befriend,
    world::{Person, World, code},
};

type Write = for<'w> fn(&'w Store, &'w World, &'w Person, UserId) -> Pin<Box<dyn Future<Output = Result<()>> + 'w>>;

/// The writes about somebody, by name.
const WRITES: &[(&str, Write)] = &[
    ("request", |store, world, who, user| {
        Box::pin(async move {
            let new = Input::from_json(json!({"user_id": user})).unwrap();
            store.friends.request(&world.ctx(who), new).await.map(drop)
        })
    }),
    ("dismiss", |store, world, who, user| Box::pin(async move { store.friends.dismiss(&world.ctx(who), user).await })),
    ("block", |store, world, who, user| {
        Box::pin(async move { store.blocks.block(&world.ctx(who), user, NewBlock::default()).await.map(drop) })
    }),
    ("mute", |store, world, who, user| {
        Box::pin(async move { store.blocks.mute(&world.ctx(who), user, NewMute::default()).await.map(drop) })
    }),
    ("note", |store, world, who, user| {
        Box::pin(async move {
            let new = NewNote::from_json(json!({"text": "x"})).unwrap();
            store.blocks.write_note(&world.ctx(who), user, new).await.map(drop)
        })
    }),
];

/// The statements of a refused write, without their values.
async fn statements(world: &World, store: &Store, write: Write, who: &Person, user: UserId) -> Vec<String> {
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    asked::take(path);
    assert_eq!(code(write(store, world, who, user).await), "user.unknown");
    let asked = asked::take(path).into_iter();
    asked.map(|text| text.split(" -- binds").next().unwrap_or_default().to_owned()).collect()
}

/// On SQLite, where diesel can record statements; the queries are the same for both databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_about_hidden_people_ask_as_much_as_about_nobody() {
    let world: Arc<World> = World::sqlite().await;
    asked::record();
    let node = world.another_node().await;
    let [ada, friend] = world.people(["ada", "friend"]).await;
    let [private, suspended, blocking] = world.people(["private", "suspended", "blocking"]).await;
    befriend(&world, &ada, &friend).await;
    world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'private'").unwrap();
    world.meddle("UPDATE users SET suspension_reason = 'spam' WHERE username = 'suspended'").unwrap();
    world.store.blocks.block(&world.ctx(&blocking), ada.id, NewBlock::default()).await.unwrap();
    let nobody: UserId = Id::new(world.now());
    for (name, write) in WRITES {
        // What is asked only once, such as the structure of a table, is asked before.
        statements(&world, &node, *write, &ada, nobody).await;
        let expected = statements(&world, &node, *write, &ada, nobody).await;
        assert!(expected.len() > 3, "{name}: {expected:?}");
        for hidden in [&private, &suspended, &blocking] {
            assert_eq!(statements(&world, &node, *write, &ada, hidden.id).await, expected, "{name}");
        }
    }
}
