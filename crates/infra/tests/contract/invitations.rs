//! The guarantees of `Invitations`.

pub mod domain;

use std::{sync::Arc, time::Duration};

use clowder_accounts::model::SettingsPatch;
use clowder_core::{ChatId, Ctx, IdempotencyKey, PageRequest, Topic, UserId, link::Code};
use clowder_messaging::{
    ChatRole, NewChat,
    invitations::{MOST_LINKS, NewAnswer, NewInvite, Standing, Verdict, port::Came},
    participants::RolePatch,
};
use clowder_social::NewBlock;
use serde_json::{Value, json};

use crate::{
    privacy::system,
    stress::of,
    world::{Person, World, code, on_both},
};

async fn link(world: &World, owner: &Person, chat: ChatId, new: Value) -> Code {
    let made = world.store.invitations.invite(&world.ctx(owner), chat, of::<NewInvite>(new)).await.unwrap();
    Code::new(made.code.unwrap())
}

fn inviting(people: &[&Person]) -> NewInvite {
    let ids: Vec<UserId> = people.iter().map(|person| person.id).collect();
    of::<NewInvite>(json!({"user_ids": ids}))
}

fn answer(action: &str) -> NewAnswer {
    of::<NewAnswer>(json!({"action": action}))
}

/// What was told, with the person to whom; sorted.
async fn heard(world: &World, people: &[(&str, &Person)]) -> Vec<String> {
    let changes = world.changes().await;
    let to = |topic: Topic| {
        people.iter().find(|(_, person)| Topic::user(person.id) == topic).map_or("others", |(name, _)| name)
    };
    let mut told: Vec<_> = changes.iter().map(|change| format!("{} to {}", change.name, to(change.topic))).collect();
    told.sort_unstable();
    told
}

async fn guests(world: &World, who: &Person, chat: ChatId, standing: Standing) -> Vec<UserId> {
    let found = world.store.invitations.guests(&world.ctx(who), chat, standing, PageRequest::default()).await.unwrap();
    found.items.iter().map(|guest| guest.user.id).collect()
}

on_both! {
    async fn whoever_is_invited_comes_or_declines(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        let made = invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob, &eve])).await.unwrap();
        assert_eq!((made.user_ids, made.link), (vec![bob.id, eve.id], None));
        let mut told: Vec<_> = world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect();
        told.sort_by_key(|(_, topic)| topic.id);
        let mut expected = [("chat.invited".to_owned(), Topic::user(bob.id)), ("chat.invited".to_owned(), Topic::user(eve.id))];
        expected.sort_by_key(|(_, topic)| topic.id);
        assert_eq!(told, expected);
        assert_eq!(guests(&world, &ada, chat, Standing::Invited).await.len(), 2);
        assert_eq!(code(world.store.messaging.chat(&world.ctx(&bob), chat).await), "chat.unknown", "not yet");
        let mine = invitations.invitations(&world.ctx(&bob), None, PageRequest::default()).await.unwrap().items;
        assert_eq!((mine.len(), mine[0].chat_id, mine[0].title.as_deref()), (1, chat, Some("Lunch")));
        assert_eq!(mine[0].invited_by.as_ref().unwrap().id, ada.id);

        let came = invitations.answer(&world.ctx(&bob), chat, answer("accept")).await.unwrap().unwrap();
        assert_eq!(came.my_role, ChatRole::Member);
        assert_eq!(world.names().await, ["chat.created", "participant.added", "message.sent"]);
        assert_eq!(code(invitations.answer(&world.ctx(&bob), chat, answer("accept")).await), "chat.invitation_unknown");
        assert_eq!(invitations.answer(&world.ctx(&eve), chat, answer("decline")).await.unwrap(), None);
        assert_eq!(heard(&world, &[("ada", &ada), ("eve", &eve)]).await, ["chat.uninvited to ada", "chat.uninvited to eve"]);
        assert!(guests(&world, &ada, chat, Standing::Invited).await.is_empty());
        let again = invitations.invite(&world.ctx(&ada), chat, inviting(&[&eve])).await;
        assert!(matches!(&again, Err(clowder_core::Error::Invalid(errors)) if errors[0].code == "too_soon"), "{again:?}");
        let added = world.store.participants.add(&world.ctx(&ada), chat, of(json!({"user_ids": [eve.id]}))).await;
        assert!(matches!(&added, Err(clowder_core::Error::Invalid(errors)) if errors[0].code == "too_soon"), "{added:?}");
        world.wait(Duration::from_secs(7 * 24 * 3600));
        assert_eq!(invitations.invite(&world.ctx(&ada), chat, inviting(&[&eve])).await.unwrap().user_ids, [eve.id]);
        world.changes().await;
        for _ in 0..2 {
            invitations.withdraw(&world.ctx(&ada), chat, eve.id).await.unwrap();
        }
        assert_eq!(heard(&world, &[("ada", &ada), ("eve", &eve)]).await, ["chat.uninvited to ada", "chat.uninvited to eve"], "once");
        assert_eq!(code(invitations.answer(&world.ctx(&eve), chat, answer("accept")).await), "chat.invitation_unknown");
        world.changes().await;
    }

    async fn an_invitation_ends_and_blocked_people_get_none(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&eve]).await.id;
        let invitations = &world.store.invitations;
        assert_eq!(code(invitations.invite(&world.ctx(&eve), chat, inviting(&[&bob])).await), "chat.forbidden");
        invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob])).await.unwrap();
        world.wait(Duration::from_secs(30 * 24 * 3600));
        assert_eq!(code(invitations.answer(&world.ctx(&bob), chat, answer("accept")).await), "chat.invitation_unknown");
        assert!(invitations.invitations(&world.ctx(&bob), None, PageRequest::default()).await.unwrap().items.is_empty());
        assert!(guests(&world, &ada, chat, Standing::Invited).await.is_empty());
        world.changes().await;
        world.store.upkeep.sweep(&system(&world), Duration::MAX).await.unwrap();
        assert_eq!(heard(&world, &[("ada", &ada), ("bob", &bob)]).await, ["chat.uninvited to ada", "chat.uninvited to bob"]);
        world.store.blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        let refused = invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob])).await;
        assert!(matches!(&refused, Err(clowder_core::Error::Invalid(errors)) if errors[0].code == "user.unknown"), "{refused:?}");
        world.changes().await;
    }

    async fn no_more_come_by_a_link_than_it_lets_in(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let open = link(&world, &ada, chat, json!({"max_uses": 3})).await;
        let mut people = Vec::new();
        for n in 0..8 {
            people.push(Arc::new(world.person(&format!("guest{n}")).await));
        }
        let coming = people.iter().map(|person| {
            let (world, person, code) = (world.clone(), Arc::clone(person), open.clone());
            tokio::spawn(async move { world.store.invitations.come(&world.ctx(&person), code).await })
        });
        let mut came = 0;
        for one in coming.collect::<Vec<_>>() {
            match one.await.unwrap() {
                Ok(Came::In(_)) => came += 1,
                other => assert_eq!(code(other), "chat.link_gone"),
            }
        }
        assert_eq!(came, 3);
        assert_eq!(world.store.messaging.chat(&world.ctx(&ada), chat).await.unwrap().participant_count, 4);
        assert!(matches!(world.store.invitations.come(&world.ctx(&ada), open).await.unwrap(), Came::Already(_)));
        let unknown = world.store.invitations.come(&world.ctx(&ada), Code::new("nonsense".to_owned())).await;
        assert_eq!(code(unknown), "chat.link_unknown");
        world.changes().await;
    }

    async fn members_take_back_what_they_have_made_and_nothing_else(world: World) {
        let [ada, bob, eve, cem, dan] = world.people(["ada", "bob", "eve", "cem", "dan"]).await;
        let chat = world.group(&ada, &[&bob, &eve]).await.id;
        let may = of(json!({"rights": {"invite": true}}));
        world.store.chats.edit_chat(&world.ctx(&ada), chat, None, may).await.unwrap();
        let invitations = &world.store.invitations;
        for (by, whom) in [(&bob, &cem), (&ada, &dan)] {
            invitations.invite(&world.ctx(by), chat, inviting(&[whom])).await.unwrap();
            link(&world, by, chat, json!({})).await;
        }
        let links = async |who: &Person| {
            invitations.links(&world.ctx(who), chat, PageRequest::default()).await.unwrap().items
        };
        assert_eq!((guests(&world, &bob, chat, Standing::Invited).await, links(&bob).await.len()), (vec![cem.id], 1));
        assert_eq!((guests(&world, &eve, chat, Standing::Invited).await, links(&eve).await), (vec![], vec![]));
        assert_eq!((guests(&world, &ada, chat, Standing::Invited).await.len(), links(&ada).await.len()), (2, 2));
        let [of_ada, of_bob] = [links(&ada).await.into_iter().find(|link| link.created_by == ada.id).unwrap().id, links(&bob).await[0].id];
        for who in [&bob, &eve] {
            assert_eq!(code(invitations.withdraw(&world.ctx(who), chat, dan.id).await), "chat.forbidden");
            assert_eq!(code(invitations.withdraw(&world.ctx(who), chat, eve.id).await), "chat.forbidden", "like nothing");
            assert_eq!(code(invitations.revoke(&world.ctx(who), chat, of_ada).await), "chat.forbidden");
        }
        assert_eq!(code(invitations.revoke(&world.ctx(&eve), chat, of_bob).await), "chat.forbidden");
        let waiting = invitations.guests(&world.ctx(&bob), chat, Standing::Pending, PageRequest::default()).await;
        assert_eq!(code(waiting), "chat.forbidden", "who may come is decided by others");
        invitations.revoke(&world.ctx(&bob), chat, of_bob).await.unwrap();
        invitations.withdraw(&world.ctx(&bob), chat, cem.id).await.unwrap();
        assert_eq!(guests(&world, &ada, chat, Standing::Invited).await, [dan.id]);
        assert!(links(&ada).await.iter().all(|link| link.revoked_at.is_some() == (link.id == of_bob)));
    }

    async fn who_wants_chats_with_nobody_is_not_invited(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        for (person, who) in [(&bob, "friends"), (&cem, "nobody")] {
            let shy = of::<SettingsPatch>(json!({"privacy": {"messages_from": who}}));
            world.store.preferences.edit_settings(&world.ctx(person), None, shy).await.unwrap();
        }
        assert_eq!(code(invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob, &cem])).await), "chat.not_wanted");
        assert!(guests(&world, &ada, chat, Standing::Invited).await.is_empty(), "nobody was");
        invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob])).await.unwrap();
        // Who has asked to come wants this.
        let asking = link(&world, &ada, chat, json!({"approval": true})).await;
        assert!(matches!(invitations.come(&world.ctx(&cem), asking).await.unwrap(), Came::Asked(_)));
        let made = invitations.invite(&world.ctx(&ada), chat, inviting(&[&cem])).await.unwrap();
        assert_eq!(made.user_ids, [cem.id]);
    }

    async fn nobody_is_flooded_with_invitations(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        for _ in 0..5 {
            invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob])).await.unwrap();
            invitations.withdraw(&world.ctx(&ada), chat, bob.id).await.unwrap();
        }
        let refused = invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob])).await;
        assert!(matches!(&refused, Err(clowder_core::Error::Invalid(errors)) if errors[0].code == "too_soon"), "{refused:?}");
        let other = world.group(&ada, &[]).await.id;
        assert!(invitations.invite(&world.ctx(&ada), other, inviting(&[&bob])).await.is_err(), "it counts for all chats");
        world.wait(Duration::from_secs(24 * 3600));
        invitations.invite(&world.ctx(&ada), other, inviting(&[&bob])).await.unwrap();
        world.changes().await;
    }

    async fn a_block_ends_what_is_open_between_the_two(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let invitations = &world.store.invitations;
        let [hers, shared, theirs] = [world.group(&ada, &[]).await.id, world.group(&ada, &[&eve]).await.id, world.group(&ada, &[]).await.id];
        let owner = of::<RolePatch>(json!({"role": "owner"}));
        world.store.participants.set_role(&world.ctx(&ada), shared, eve.id, owner).await.unwrap();
        invitations.invite(&world.ctx(&ada), theirs, inviting(&[&bob])).await.unwrap();
        for chat in [hers, shared] {
            let asking = link(&world, &ada, chat, json!({"approval": true})).await;
            assert!(matches!(invitations.come(&world.ctx(&bob), asking).await.unwrap(), Came::Asked(_)));
        }
        world.changes().await;
        world.store.blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        let mut told = heard(&world, &[("ada", &ada), ("bob", &bob)]).await;
        told.retain(|told| told.starts_with("chat."));
        assert_eq!(told, ["chat.decided to ada", "chat.decided to bob", "chat.uninvited to ada", "chat.uninvited to bob"]);
        assert!(guests(&world, &ada, theirs, Standing::Invited).await.is_empty());
        assert!(guests(&world, &ada, hers, Standing::Pending).await.is_empty());
        assert_eq!(guests(&world, &eve, shared, Standing::Pending).await, [bob.id], "another owner can decide");
    }

    async fn nobody_comes_and_goes_all_day(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let new = of::<NewChat>(json!({"type": "group", "title": "Garden friends", "visibility": "public"}));
        let public = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
        let (participants, invitations) = (&world.store.participants, &world.store.invitations);
        let link = link(&world, &ada, public, json!({})).await;
        let comes = async |n: usize| match n % 2 {
            0 => participants.join(&world.ctx(&bob), public).await.map(drop),
            _ => invitations.come(&world.ctx(&bob), link.clone()).await.map(drop),
        };
        let goes = async || participants.remove(&world.ctx(&bob), public, bob.id).await.unwrap();
        for n in 0..5 {
            comes(n).await.unwrap();
            // Being in it already is no attempt.
            comes(n).await.unwrap();
            goes().await;
        }
        for n in 0..2 {
            assert_eq!(code(comes(n).await), "chat.requests_today");
        }
        // Others, and whoever is invited, come as before.
        participants.join(&world.ctx(&cem), public).await.unwrap();
        for n in 0..2 {
            invitations.invite(&world.ctx(&ada), public, inviting(&[&bob])).await.unwrap();
            comes(n).await.unwrap();
            goes().await;
        }
        world.wait(Duration::from_secs(24 * 3600));
        comes(0).await.unwrap();
    }

    async fn a_link_shows_where_it_leads(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        let made = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(json!({"max_uses": 1, "approval": true}))).await.unwrap();
        let open = Code::new(made.code.unwrap());
        let shown = invitations.preview(&world.ctx(&bob), open.clone()).await.unwrap();
        assert_eq!((shown.chat_id, shown.title.as_deref(), shown.participant_count), (chat, Some("Lunch"), 1));
        assert_eq!((shown.joined, shown.role, shown.approval), (false, ChatRole::Member, true));
        invitations.revoke(&world.ctx(&ada), chat, made.link.unwrap().id).await.unwrap();
        assert_eq!(code(invitations.preview(&world.ctx(&bob), open.clone()).await), "chat.link_gone");
        assert!(invitations.preview(&world.ctx(&ada), open).await.unwrap().joined, "who is in it still sees it");
        let nonsense = Code::new("nonsense".to_owned());
        assert_eq!(code(invitations.preview(&world.ctx(&bob), nonsense).await), "chat.link_unknown");
    }

    async fn links_end_and_are_listed_without_codes(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        let made = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(json!({"role": "admin"}))).await.unwrap();
        let listed = invitations.links(&world.ctx(&ada), chat, PageRequest::default()).await.unwrap().items;
        assert_eq!((listed.len(), Some(&listed[0])), (1, made.link.as_ref()));
        assert_eq!(code(invitations.links(&world.ctx(&bob), chat, PageRequest::default()).await), "chat.unknown");
        invitations.revoke(&world.ctx(&ada), chat, listed[0].id).await.unwrap();
        invitations.revoke(&world.ctx(&ada), chat, listed[0].id).await.unwrap();
        let gone = invitations.come(&world.ctx(&bob), Code::new(made.code.unwrap())).await;
        assert_eq!(code(gone), "chat.link_gone");
        let deleted = link(&world, &ada, chat, json!({})).await;
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        assert_eq!(code(invitations.come(&world.ctx(&bob), deleted).await), "chat.link_unknown", "nothing is left of it");
        world.changes().await;
    }

    async fn whoever_comes_by_a_link_with_approval_is_let_in_or_not(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        let asking = link(&world, &ada, chat, json!({"approval": true, "max_uses": 2})).await;
        for who in [&bob, &eve, &bob] {
            assert!(matches!(invitations.come(&world.ctx(who), asking.clone()).await.unwrap(), Came::Asked(_)));
        }
        let told: Vec<_> = world.changes().await.iter().map(|change| (change.name.to_string(), change.topic)).collect();
        assert_eq!(told, [("chat.requested".to_owned(), Topic::user(ada.id)), ("chat.requested".to_owned(), Topic::user(ada.id))], "asking twice is asking once");
        let mut waiting = guests(&world, &ada, chat, Standing::Pending).await;
        waiting.sort_unstable();
        let mut both = [bob.id, eve.id];
        both.sort_unstable();
        assert_eq!(waiting, both);
        let verdict = |action: &str| of::<Verdict>(json!({"action": action}));
        invitations.decide(&world.ctx(&ada), chat, bob.id, verdict("approve")).await.unwrap();
        assert_eq!(world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap().my_role, ChatRole::Member);
        world.names().await;
        invitations.decide(&world.ctx(&ada), chat, eve.id, verdict("reject")).await.unwrap();
        assert_eq!(heard(&world, &[("ada", &ada), ("eve", &eve)]).await, ["chat.decided to ada", "chat.decided to eve"]);
        let again = invitations.come(&world.ctx(&eve), asking.clone()).await;
        assert_eq!(code(again), "chat.link_gone", "it was used twice");
        let asking = link(&world, &ada, chat, json!({"approval": true})).await;
        assert_eq!(code(invitations.come(&world.ctx(&eve), asking.clone()).await), "chat.too_soon");
        world.wait(Duration::from_secs(7 * 24 * 3600));
        assert!(matches!(invitations.come(&world.ctx(&eve), asking).await.unwrap(), Came::Asked(_)));
        let mine = invitations.invitations(&world.ctx(&eve), Some(Standing::Pending), PageRequest::default()).await.unwrap().items;
        assert_eq!((mine.len(), mine[0].status, &mine[0].title, mine[0].participant_count), (1, Standing::Pending, &None, None));
        assert_eq!(code(invitations.answer(&world.ctx(&eve), chat, answer("accept")).await), "chat.invitation_unknown");
        world.changes().await;
        invitations.answer(&world.ctx(&eve), chat, answer("decline")).await.unwrap();
        assert_eq!(heard(&world, &[("ada", &ada), ("eve", &eve)]).await, ["chat.decided to ada", "chat.decided to eve"], "taken back");
        assert!(guests(&world, &ada, chat, Standing::Pending).await.is_empty());
        assert_eq!(code(invitations.decide(&world.ctx(&ada), chat, eve.id, verdict("approve")).await), "chat.request_unknown");
        assert_eq!(code(world.store.messaging.chat(&world.ctx(&eve), chat).await), "chat.unknown");
    }

    async fn a_link_that_is_revoked_gives_nothing_to_those_who_wait(world: World) {
        let [ada, bob, eve, cem, dan] = world.people(["ada", "bob", "eve", "cem", "dan"]).await;
        let (participants, invitations) = (&world.store.participants, &world.store.invitations);
        let chat = world.group(&ada, &[&bob]).await.id;
        let admin = of::<RolePatch>(json!({"role": "admin"}));
        participants.set_role(&world.ctx(&ada), chat, bob.id, admin).await.unwrap();
        let privileged = json!({"approval": true, "role": "admin"});
        let made = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(privileged.clone())).await.unwrap();
        let revoked = Code::new(made.code.unwrap());
        let (kept, of_bob) = (link(&world, &ada, chat, privileged.clone()).await, link(&world, &bob, chat, privileged).await);
        for (who, by) in [(&eve, &revoked), (&cem, &kept), (&dan, &of_bob)] {
            assert!(matches!(invitations.come(&world.ctx(who), by.clone()).await.unwrap(), Came::Asked(_)));
        }
        invitations.revoke(&world.ctx(&ada), chat, made.link.unwrap().id).await.unwrap();
        let member = of::<RolePatch>(json!({"role": "member"}));
        participants.set_role(&world.ctx(&ada), chat, bob.id, member).await.unwrap();
        let waiting = invitations.guests(&world.ctx(&ada), chat, Standing::Pending, PageRequest::default()).await.unwrap();
        let role_of = |who: &Person| waiting.items.iter().find(|guest| guest.user.id == who.id).unwrap().role;
        let expected = [(&eve, ChatRole::Member), (&cem, ChatRole::Admin), (&dan, ChatRole::Member)];
        for (who, role) in expected {
            assert_eq!(role_of(who), role, "whoever decides sees what they would give");
            let approve = of::<Verdict>(json!({"action": "approve"}));
            invitations.decide(&world.ctx(&ada), chat, who.id, approve).await.unwrap();
            assert_eq!(world.store.messaging.chat(&world.ctx(who), chat).await.unwrap().my_role, role);
        }
        world.changes().await;
    }

    async fn whoever_was_on_the_way_is_told_that_the_chat_is_deleted(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        invitations.invite(&world.ctx(&ada), chat, inviting(&[&bob])).await.unwrap();
        let approval = link(&world, &ada, chat, json!({"approval": true})).await;
        invitations.come(&world.ctx(&eve), approval).await.unwrap();
        world.changes().await;
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        let told = heard(&world, &[("bob", &bob), ("eve", &eve)]).await;
        for expected in ["chat.decided to eve", "chat.uninvited to bob"] {
            assert_eq!(told.iter().filter(|told| *told == expected).count(), 1, "{told:?}");
        }
        assert!(invitations.invitations(&world.ctx(&bob), None, PageRequest::default()).await.unwrap().items.is_empty());
    }

    async fn links_end_with_the_part_of_their_maker(world: World) {
        let [ada, bob, eve, cem, dan] = world.people(["ada", "bob", "eve", "cem", "dan"]).await;
        let (participants, invitations) = (&world.store.participants, &world.store.invitations);
        for way in ["leave", "remove", "demote", "no right"] {
            let chat = world.group(&ada, &[&bob]).await.id;
            let patch = |invite: bool| of(json!({"rights": {"invite": invite}}));
            world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch(true)).await.unwrap();
            if way == "demote" {
                let admin = of::<RolePatch>(json!({"role": "admin"}));
                participants.set_role(&world.ctx(&ada), chat, bob.id, admin).await.unwrap();
            }
            let kept = link(&world, &ada, chat, json!({})).await;
            let role = if way == "demote" { "admin" } else { "member" };
            let code_of_bob = link(&world, &bob, chat, json!({"role": role})).await;
            invitations.invite(&world.ctx(&ada), chat, inviting(&[&cem])).await.unwrap();
            invitations.invite(&world.ctx(&bob), chat, inviting(&[&dan])).await.unwrap();
            world.changes().await;
            match way {
                "leave" => participants.remove(&world.ctx(&bob), chat, bob.id).await.unwrap(),
                "remove" => participants.remove(&world.ctx(&ada), chat, bob.id).await.unwrap(),
                "demote" => {
                    let member = of::<RolePatch>(json!({"role": "member"}));
                    drop(participants.set_role(&world.ctx(&ada), chat, bob.id, member).await.unwrap());
                }
                _ => drop(world.store.chats.edit_chat(&world.ctx(&ada), chat, None, patch(false)).await.unwrap()),
            }
            assert!(heard(&world, &[("dan", &dan)]).await.contains(&"chat.uninvited to dan".to_owned()), "{way}");
            assert_eq!(code(invitations.answer(&world.ctx(&dan), chat, answer("accept")).await), "chat.invitation_unknown");
            invitations.answer(&world.ctx(&cem), chat, answer("accept")).await.unwrap();
            assert_eq!(code(invitations.come(&world.ctx(&eve), code_of_bob).await), "chat.link_gone", "{way}");
            invitations.come(&world.ctx(&eve), kept).await.unwrap();
        }
    }

    async fn links_that_are_over_do_not_pile_up_or_fill_the_room_of_others(world: World) {
        let [ada] = world.people(["ada"]).await;
        let chat = world.group(&ada, &[]).await.id;
        let invitations = &world.store.invitations;
        for _ in 0..MOST_LINKS + 3 {
            let made = invitations.invite(&world.ctx(&ada), chat, of::<NewInvite>(json!({}))).await.unwrap();
            invitations.revoke(&world.ctx(&ada), chat, made.link.unwrap().id).await.unwrap();
        }
        link(&world, &ada, chat, json!({})).await;
        let (mut left, mut page) = (0, PageRequest::default());
        loop {
            let some = invitations.links(&world.ctx(&ada), chat, page.clone()).await.unwrap();
            left += some.items.len() as i64;
            let Some(next) = some.next_cursor else { break };
            page.cursor = Some(next);
        }
        assert_eq!(left, MOST_LINKS + 1);
    }

    async fn coming_and_joining_can_be_repeated(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (invitations, people) = (&world.store.invitations, &world.store.participants);
        let call = |who: &Person, key: &str| {
            Ctx { idempotency_key: Some(IdempotencyKey::new(key, [1; 32])), ..world.ctx(who) }
        };
        let [one, other] = [world.group(&ada, &[]).await.id, world.group(&ada, &[]).await.id];
        let public = of(json!({"visibility": "public"}));
        world.store.chats.edit_chat(&world.ctx(&ada), other, None, public).await.unwrap();
        let open = link(&world, &ada, one, json!({"max_uses": 1})).await;
        let asking = link(&world, &ada, one, json!({"approval": true})).await;
        world.names().await;
        for time in ["first", "again"] {
            let came = invitations.come(&call(&bob, "open"), open.clone()).await.unwrap();
            assert!(matches!(&came, Came::In(chat) if chat.id == one), "{time}: {came:?}");
            let asked = invitations.come(&call(&eve, "asking"), asking.clone()).await.unwrap();
            assert_eq!(asked, Came::Asked(one), "{time}");
            let joined = people.join(&call(&bob, "join"), other).await.unwrap();
            assert!(matches!(&joined, Came::In(chat) if chat.id == other), "{time}: {joined:?}");
            assert_eq!(world.names().await.is_empty(), time == "again", "{time}");
        }
        for chat in [one, other] {
            people.remove(&world.ctx(&bob), chat, bob.id).await.unwrap();
        }
        assert_eq!(code(invitations.come(&call(&bob, "open"), open).await), "chat.unknown");
        assert_eq!(code(people.join(&call(&bob, "join"), other).await), "chat.unknown");
    }

    async fn whoever_may_not_invite_any_more_gets_no_link_again(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let admin = |role: &str| of::<RolePatch>(json!({"role": role}));
        world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, admin("admin")).await.unwrap();
        let call = || Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.ctx(&bob) };
        let invite = async || world.store.invitations.invite(&call(), chat, of::<NewInvite>(json!({}))).await;
        let made = invite().await.unwrap();
        assert_eq!(invite().await.unwrap().code, made.code);
        world.store.participants.set_role(&world.ctx(&ada), chat, bob.id, admin("member")).await.unwrap();
        assert_eq!(code(invite().await), "chat.forbidden");
    }
}
