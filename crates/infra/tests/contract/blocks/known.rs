//! Whoever can reach somebody can be blocked, muted and reported by them, also if nobody sees their profile.

use std::{pin::Pin, time::Duration};

use clowder_accounts::ProfilePatch;
use clowder_core::{PageRequest, UserId};
use clowder_messaging::invitations::NewInvite;
use clowder_social::{
    Decision, NewBlock, NewFriendRequest, NewMute, NewNote, RequestDirection,
    groups::{NewGroup, NewGroupBan, NewGroupInvite},
    reports::NewReport,
};
use serde_json::{Value, json};

use crate::{
    friends::befriend,
    pets,
    stress::of,
    world::{Person, World, code, on_both},
};

/// Connects Ada with somebody; Bob is there to help.
type Way = for<'w> fn(&'w World, [&'w Person; 3]) -> Pin<Box<dyn Future<Output = ()> + 'w>>;

/// Each way to be known, whether it is left when there was a block, and whether it ends after a month.
const WAYS: &[(&str, bool, bool, Way)] = &[
    ("asks to be a friend", false, true, |world, [ada, _, who]| Box::pin(asks(world, who, ada))),
    ("was asked to be a friend", false, true, |world, [ada, _, who]| Box::pin(asks(world, ada, who))),
    ("is a friend", false, false, |world, [ada, _, who]| Box::pin(befriend(world, ada, who))),
    ("invites to a group", false, true, |world, [ada, _, who]| Box::pin(invites_to_group(world, who, ada))),
    ("is invited to a group", false, true, |world, [ada, _, who]| Box::pin(invites_to_group(world, ada, who))),
    ("wants into a group", false, true, |world, [ada, _, who]| {
        Box::pin(async move {
            let group = group(world, ada, "closed").await;
            world.store.groups.join(&world.ctx(who), group).await.unwrap();
        })
    }),
    ("is banned from a group", true, false, |world, [ada, _, who]| {
        Box::pin(async move {
            let group = group(world, ada, "public").await;
            world.store.groups.ban(&world.ctx(ada), group, who.id, of::<NewGroupBan>(json!({}))).await.unwrap();
        })
    }),
    ("invites to a chat", false, true, |world, [ada, _, who]| Box::pin(invites_to_chat(world, who, ada))),
    ("is invited to a chat", false, true, |world, [ada, _, who]| Box::pin(invites_to_chat(world, ada, who))),
    ("invites to keep a pet", false, true, |world, [ada, _, who]| {
        Box::pin(async move {
            let pet = pets::make(world, who, json!({})).await;
            pets::invite(world, who, pet.id, ada, "caretaker").await;
        })
    }),
    ("keeps one's pet", false, false, |world, [ada, _, who]| {
        Box::pin(async move {
            let pet = pets::make(world, ada, json!({})).await;
            pets::keep(world, ada, pet.id, who, "caretaker").await;
        })
    }),
    ("keeps the same pet", true, false, |world, [ada, bob, who]| {
        Box::pin(async move {
            let pet = pets::make(world, bob, json!({})).await;
            for keeper in [ada, who] {
                pets::keep(world, bob, pet.id, keeper, "caretaker").await;
            }
        })
    }),
    ("is invited to keep the same pet", true, true, |world, [ada, bob, who]| {
        Box::pin(async move {
            let pet = pets::make(world, bob, json!({})).await;
            pets::keep(world, bob, pet.id, ada, "caretaker").await;
            pets::invite(world, bob, pet.id, who, "caretaker").await;
        })
    }),
];

async fn asks(world: &World, from: &Person, to: &Person) {
    let new = of::<NewFriendRequest>(json!({"user_id": to.id}));
    world.store.friends.request(&world.ctx(from), new).await.unwrap();
}

async fn group(world: &World, owner: &Person, visibility: &str) -> clowder_social::groups::GroupId {
    let new = of::<NewGroup>(json!({"name": "Garden Friends", "visibility": visibility}));
    world.store.groups.create(&world.ctx(owner), new).await.unwrap().id
}

async fn invites_to_group(world: &World, host: &Person, guest: &Person) {
    let group = group(world, host, "secret").await;
    let new = of::<NewGroupInvite>(json!({"user_ids": [guest.id]}));
    world.store.groups.invite(&world.ctx(host), group, new).await.unwrap();
}

async fn invites_to_chat(world: &World, host: &Person, guest: &Person) {
    let chat = world.group(host, &[]).await.id;
    let new = of::<NewInvite>(json!({"user_ids": [guest.id]}));
    world.store.invitations.invite(&world.ctx(host), chat, new).await.unwrap();
}

async fn hide(world: &World, who: &Person) {
    let patch = of::<ProfilePatch>(json!({"visibility": "private"}));
    world.store.accounts.edit_me(&world.ctx(who), None, patch).await.unwrap();
}

/// What Ada is told when she mutes, notes something about, and reports somebody; the same for all.
async fn decides(world: &World, ada: &Person, user: UserId) -> &'static str {
    let blocks = &world.store.blocks;
    let muted = code_or_ok(blocks.mute(&world.ctx(ada), user, NewMute::default()).await);
    let noted = code_or_ok(blocks.write_note(&world.ctx(ada), user, of::<NewNote>(json!({"text": "x"}))).await);
    let target: Value = json!({"type": "user", "id": user});
    let new = of::<NewReport>(json!({"target": target, "category": "spam"}));
    let reported = code_or_ok(world.store.reports.report(&world.ctx(ada), new).await);
    world.meddle("DELETE FROM reports").unwrap();
    assert_eq!((noted, reported), (muted, muted));
    muted
}

fn code_or_ok<T: std::fmt::Debug>(result: clowder_core::Result<T>) -> &'static str {
    if result.is_ok() { "ok" } else { code(result) }
}

on_both! {
    async fn whoever_reaches_somebody_can_be_blocked_and_reported(world: World) {
        for (number, (way, stays, ends, connect)) in WAYS.iter().enumerate() {
            let names = ["ada", "bob", "who", "blocking", "late"].map(|name| format!("{name}{number}"));
            let [ada, bob, who, blocking, late] = world.people(names.each_ref().map(|name| &**name)).await;
            for person in [&who, &blocking, &late] {
                // A private person reaches others as before; whom others invite becomes private afterwards.
                connect(&world, [&ada, &bob, person]).await;
                hide(&world, person).await;
            }
            let after = if *stays { "ok" } else { "user.unknown" };
            assert_eq!(decides(&world, &ada, who.id).await, "ok", "{way}");
            let block = world.store.blocks.block(&world.ctx(&ada), who.id, NewBlock::default()).await;
            assert_eq!(block.unwrap().user.id, who.id, "{way}");
            assert_eq!(decides(&world, &ada, who.id).await, "ok", "{way}: whom one has blocked");
            world.store.blocks.unblock(&world.ctx(&ada), who.id).await.unwrap();
            assert_eq!(decides(&world, &ada, who.id).await, after, "{way}: after the block");
            // The other way round, this tells nobody of a block: what is left is left without one, too.
            let blocked = world.store.blocks.block(&world.ctx(&blocking), ada.id, NewBlock::default()).await;
            blocked.unwrap();
            assert_eq!(decides(&world, &ada, blocking.id).await, after, "{way}: blocked by them");
            world.wait(Duration::from_secs(31 * 24 * 3600));
            let over = if *ends { "user.unknown" } else { "ok" };
            assert_eq!(decides(&world, &ada, late.id).await, over, "{way}: after a month");
        }
    }

    /// A private person begins, so that nothing depends on what was seen before.
    async fn a_private_stranger_is_known_as_soon_as_they_ask(world: World) {
        let [ada, who] = world.people(["ada", "who"]).await;
        hide(&world, &who).await;
        assert_eq!(decides(&world, &ada, who.id).await, "user.unknown");
        asks(&world, &who, &ada).await;
        assert_eq!(decides(&world, &ada, who.id).await, "ok");
        let (ctx, friends) = (world.ctx(&ada), &world.store.friends);
        let request = friends.requests(&ctx, RequestDirection::In, PageRequest::default()).await.unwrap().items[0].id;
        friends.decide(&ctx, request, of::<Decision>(json!({"action": "reject"}))).await.unwrap();
        assert_eq!(decides(&world, &ada, who.id).await, "user.unknown", "it is over");
    }
}
