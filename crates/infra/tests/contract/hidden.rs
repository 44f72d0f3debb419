//! What people do about others who are hidden from them asks as much of the database as the same about people who do not
//! exist, and has the same answer.

use std::{pin::Pin, sync::Arc};

use clowder_accounts::{Username, profiles::UserPatch};
use clowder_core::{ChatId, Ctx, Field, Id, Input, PageRequest, Result, UserId};
use clowder_infra::{DatabaseUrl, Store};
use clowder_messaging::{NewChat, invitations::NewInvite};
use clowder_social::{
    FriendsOf, NewBlock, NewFriendRequest, NewMute, NewNote,
    groups::{GroupId, NewGroup, NewGroupBan, NewGroupInvite},
    pets::{NewKeeper, NewPet, PetId},
    reports::NewReport,
};
use serde_json::json;

use crate::{
    asked,
    friends::befriend,
    world::{Person, World},
};

/// Whom a call is about.
struct About {
    id: UserId,
    name: String,
    group: GroupId,
    chat: ChatId,
    pet: PetId,
}

type Call = for<'w> fn(&'w Store, Ctx, &'w About) -> Pin<Box<dyn Future<Output = Result<String>> + 'w>>;

/// A call, with its answer in words.
macro_rules! call {
    (|$store:ident, $ctx:ident, $about:ident| $call:expr) => {
        |$store, $ctx, $about| {
            Box::pin(async move {
                let $ctx = &$ctx;
                $call.await.map(|answer| format!("{answer:?}"))
            })
        }
    };
}

fn new<T: Input>(body: serde_json::Value) -> T {
    T::from_json(body).unwrap()
}

/// What can be done about somebody, or asked about them by their id or their whole name.
const CALLS: &[(&str, Call)] = &[
    ("profile", call!(|store, ctx, about| store.profiles.user(ctx, about.id, None))),
    (
        "profile by name",
        call!(|store, ctx, about| async {
            let name = Username::parse(about.name.clone().into()).unwrap();
            store.profiles.user_named(ctx, &name).await
        }),
    ),
    (
        "edit",
        call!(|store, ctx, about| store.profiles.edit_user(ctx, about.id, None, new::<UserPatch>(json!({"bio": "x"})))),
    ),
    ("friends", call!(|store, ctx, about| store.friends.of(ctx, FriendsOf::user(about.id), PageRequest::default()))),
    (
        "friends in common",
        call!(|store, ctx, about| store.friends.of(
            ctx,
            FriendsOf { mutual: true, ..FriendsOf::user(about.id) },
            PageRequest::default()
        )),
    ),
    ("pets", call!(|store, ctx, about| store.pets.of(ctx, about.id, None, PageRequest::default()))),
    ("relationships", call!(|store, ctx, about| store.friends.relationships(ctx, vec![about.id]))),
    (
        "request",
        call!(|store, ctx, about| store.friends.request(ctx, new::<NewFriendRequest>(json!({"user_id": about.id})))),
    ),
    ("dismiss", call!(|store, ctx, about| store.friends.dismiss(ctx, about.id))),
    ("unfriend", call!(|store, ctx, about| store.friends.remove(ctx, about.id))),
    ("block", call!(|store, ctx, about| store.blocks.block(ctx, about.id, NewBlock::default()))),
    ("unblock", call!(|store, ctx, about| store.blocks.unblock(ctx, about.id))),
    ("mute", call!(|store, ctx, about| store.blocks.mute(ctx, about.id, NewMute::default()))),
    ("unmute", call!(|store, ctx, about| store.blocks.unmute(ctx, about.id))),
    ("note", call!(|store, ctx, about| store.blocks.note(ctx, about.id))),
    (
        "write a note",
        call!(|store, ctx, about| store.blocks.write_note(ctx, about.id, new::<NewNote>(json!({"text": "x"})))),
    ),
    ("remove a note", call!(|store, ctx, about| store.blocks.remove_note(ctx, about.id))),
    (
        "report",
        call!(|store, ctx, about| store
            .reports
            .report(ctx, new::<NewReport>(json!({"target": {"type": "user", "id": about.id}, "category": "spam"})))),
    ),
    (
        "private chat",
        call!(|store, ctx, about| store
            .messaging
            .create_chat(ctx, new::<NewChat>(json!({"type": "private", "participant_ids": [about.id]})))),
    ),
    (
        "chat",
        call!(|store, ctx, about| store
            .messaging
            .create_chat(ctx, new::<NewChat>(json!({"type": "group", "title": "x", "participant_ids": [about.id]})))),
    ),
    (
        "invite to a chat",
        call!(|store, ctx, about| store.invitations.invite(
            ctx,
            about.chat,
            new::<NewInvite>(json!({"user_ids": [about.id]}))
        )),
    ),
    (
        "invite to a group",
        call!(|store, ctx, about| store.groups.invite(
            ctx,
            about.group,
            new::<NewGroupInvite>(json!({"user_ids": [about.id]}))
        )),
    ),
    ("ban", call!(|store, ctx, about| store.groups.ban(ctx, about.group, about.id, new::<NewGroupBan>(json!({}))))),
    (
        "invite to keep",
        call!(|store, ctx, about| store.pets.invite(
            ctx,
            about.pet,
            new::<NewKeeper>(json!({"user_id": about.id, "role": "caretaker"}))
        )),
    ),
];

/// The answer of a call without whom it is about, and its statements without their values.
async fn outcome(world: &World, store: &Store, call: Call, who: &Person, about: &About) -> (String, Vec<String>) {
    let DatabaseUrl::Sqlite(path) = &world.options.url else { panic!("SQLite") };
    asked::take(path);
    let answer = format!("{:?}", call(store, world.ctx(who), about).await);
    let asked = asked::take(path).into_iter();
    let asked = asked.map(|text| text.split(" -- binds").next().unwrap_or_default().to_owned()).collect();
    (answer.replace(&about.id.to_string(), "ID").replace(&about.name, "NAME"), asked)
}

/// On SQLite, where diesel can record statements; the queries are the same for both databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_about_hidden_people_is_what_is_asked_about_nobody() {
    let world: Arc<World> = World::sqlite().await;
    asked::record();
    let node = world.another_node().await;
    let [ada, friend] = world.people(["ada", "friend"]).await;
    let [private, suspended, blocking] = world.people(["zqprivate", "zqsuspended", "zqblocking"]).await;
    befriend(&world, &ada, &friend).await;
    world.meddle("UPDATE users SET visibility = 'private' WHERE username = 'zqprivate'").unwrap();
    world.meddle("UPDATE users SET suspension_reason = 'spam' WHERE username = 'zqsuspended'").unwrap();
    world.store.blocks.block(&world.ctx(&blocking), ada.id, NewBlock::default()).await.unwrap();
    let own = json!({"name": "Garden Friends"});
    let group = world.store.groups.create(&world.ctx(&ada), new::<NewGroup>(own)).await.unwrap().id;
    let own = json!({"name": "Minka", "species": "cat"});
    let pet = world.store.pets.create(&world.ctx(&ada), new::<NewPet>(own)).await.unwrap().id;
    let chat = world.group(&ada, &[&friend]).await.id;
    let about = |id: UserId, name: &str| About { id, name: name.to_owned(), group, chat, pet };
    let nobody = about(Id::new(world.now()), "zqnobody");
    let hidden = [(&private, "zqprivate"), (&suspended, "zqsuspended"), (&blocking, "zqblocking")];
    let hidden = hidden.map(|(person, name)| about(person.id, name));
    for (name, call) in CALLS {
        // What is asked only once, such as the structure of a table, is asked before.
        outcome(&world, &node, *call, &ada, &nobody).await;
        let expected = outcome(&world, &node, *call, &ada, &nobody).await;
        assert!(!expected.1.is_empty(), "{name}: {expected:?}");
        for hidden in &hidden {
            assert_eq!(outcome(&world, &node, *call, &ada, hidden).await, expected, "{name} {}", hidden.name);
        }
    }
}
