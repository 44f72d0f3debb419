//! The guarantees of `Friends`.

pub mod domain;
mod lists;

use std::time::Duration;

use clowder_core::{Ctx, Error, Id, IdempotencyKey, Input, Made, PageRequest, Recorded, UserId};
use clowder_social::{
    Decision, FriendFilter, FriendRequest, NewBlock, NewFriendRequest, RequestDirection,
    friends::{RequestStatus, policy},
};
use serde_json::{Value, json};

use crate::{
    privacy::{system, work},
    world::{Person, World, code, on_both},
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn ask(user: UserId) -> NewFriendRequest {
    NewFriendRequest::from_json(json!({"user_id": user})).unwrap()
}

fn to(action: &str) -> Decision {
    Decision::from_json(json!({"action": action})).unwrap()
}

async fn asks(world: &World, from: &Person, to: &Person) -> FriendRequest {
    world.store.friends.request(&world.ctx(from), ask(to.id)).await.unwrap().into_inner()
}

pub async fn befriend(world: &World, one: &Person, other: &Person) {
    asks(world, one, other).await;
    asks(world, other, one).await;
}

async fn friends_of(world: &World, person: &Person) -> Vec<UserId> {
    let page = world.store.friends.list(&world.ctx(person), FriendFilter::default(), PageRequest::default()).await;
    page.unwrap().items.into_iter().map(|friend| friend.user.id).collect()
}

async fn open(world: &World, person: &Person, direction: RequestDirection) -> Vec<FriendRequest> {
    world.store.friends.requests(&world.ctx(person), direction, PageRequest::default()).await.unwrap().items
}

/// To whom, and what, with a member of the payload.
fn told(changes: &[Recorded], member: &str) -> Vec<(UserId, String, Value)> {
    let of = |change: &Recorded| {
        let data: Value = serde_json::from_str(change.data.get()).unwrap();
        (change.topic.as_user().unwrap(), change.name.to_string(), data[member].clone())
    };
    let mut told: Vec<_> = changes.iter().map(of).collect();
    told.sort_by_key(|(user, ..)| *user);
    told
}

on_both! {
    async fn a_friendship_needs_both_and_both_are_told(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let friends = &world.store.friends;
        let new = NewFriendRequest::from_json(json!({"user_id": bob.id, "message": "We met in Turin"})).unwrap();
        let ctx = world.ctx(&ada);
        let Made::New(request) = friends.request(&ctx, new).await.unwrap() else { panic!("it is new") };
        assert_eq!((request.from.id, request.to.id, request.status), (ada.id, bob.id, RequestStatus::Pending));
        assert_eq!((request.message.as_deref(), request.created_at), (Some("We met in Turin"), ctx.now));
        let pending = json!("pending");
        let both = |name: &str, value: &Value| [&ada, &bob].map(|person| (person.id, name.to_owned(), value.clone())).to_vec();
        assert_eq!(told(&world.changes().await, "status"), both("friend_request", &pending));
        assert_eq!(open(&world, &bob, RequestDirection::In).await, std::slice::from_ref(&request));
        assert_eq!(open(&world, &ada, RequestDirection::Out).await, std::slice::from_ref(&request));
        assert!(open(&world, &bob, RequestDirection::Out).await.is_empty());
        assert!(friends_of(&world, &ada).await.is_empty());
        assert_eq!(code(friends.request(&world.ctx(&ada), ask(bob.id)).await), "friend.pending");

        world.wait(Duration::from_secs(60));
        let ctx = world.ctx(&bob);
        let accepted = friends.decide(&ctx, request.id, to("accept")).await.unwrap();
        assert_eq!((accepted.status, accepted.decided_at), (RequestStatus::Accepted, Some(ctx.now)));
        let changes = world.changes().await;
        for person in [&ada, &bob] {
            let names: Vec<_> = changes.iter().filter(|change| change.topic.as_user() == Some(person.id)).map(|change| &*change.name).collect();
            assert_eq!(names, ["friend_request", "friend.added"], "in this order");
        }
        let added: Vec<_> = changes.into_iter().filter(|change| &*change.name == "friend.added").collect();
        let shown: Vec<_> = told(&added, "user").into_iter().map(|(user, _, data)| (user, data["id"].clone())).collect();
        assert_eq!(shown, [(ada.id, json!(bob.id)), (bob.id, json!(ada.id))]);
        assert_eq!((friends_of(&world, &ada).await, friends_of(&world, &bob).await), (vec![bob.id], vec![ada.id]));
        assert!(open(&world, &bob, RequestDirection::In).await.is_empty());
        for person in [&ada, &bob] {
            let other = if person.id == ada.id { bob.id } else { ada.id };
            assert_eq!(code(friends.request(&world.ctx(person), ask(other)).await), "friend.already");
        }
        assert_eq!(code(friends.decide(&world.ctx(&bob), request.id, to("accept")).await), "friend_request.decided");

        friends.remove(&world.ctx(&ada), bob.id).await.unwrap();
        let removed = told(&world.changes().await, "user_id");
        assert_eq!(removed, [
            (ada.id, "friend.removed".to_owned(), json!(bob.id)),
            (bob.id, "friend.removed".to_owned(), json!(ada.id)),
        ]);
        for person in [&ada, &bob] {
            assert!(friends_of(&world, person).await.is_empty());
        }
        assert_eq!(code(friends.remove(&world.ctx(&bob), ada.id).await), "friend.unknown");
        assert!(world.names().await.is_empty());
    }

    async fn who_may_answer_how(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let request = asks(&world, &ada, &bob).await.id;
        let friends = &world.store.friends;
        for (person, action, refused) in [
            (&ada, "accept", "friend_request.forbidden"),
            (&ada, "reject", "friend_request.forbidden"),
            (&bob, "cancel", "friend_request.forbidden"),
            (&eve, "accept", "friend_request.unknown"),
            (&eve, "cancel", "friend_request.unknown"),
        ] {
            assert_eq!(code(friends.decide(&world.ctx(person), request, to(action)).await), refused);
        }
        assert_eq!(code(friends.decide(&world.ctx(&eve), Id::new(world.now()), to("accept")).await), "friend_request.unknown");
        world.names().await;
        friends.decide(&world.ctx(&ada), request, to("cancel")).await.unwrap();
        let told = told(&world.changes().await, "status");
        assert_eq!(told.iter().map(|(user, _, status)| (*user, status)).collect::<Vec<_>>(), [(ada.id, &json!("cancelled")), (bob.id, &json!("cancelled"))]);
        // Who took it back may ask again at once.
        asks(&world, &ada, &bob).await;
    }

    async fn a_call_repeated_after_a_block_shows_nothing(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let call = || Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.ctx(&ada) };
        let asked = world.store.friends.request(&call(), ask(bob.id)).await.unwrap().into_inner();
        assert_eq!(world.store.friends.request(&call(), ask(bob.id)).await.unwrap().into_inner(), asked);
        world.store.blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        assert_eq!(code(world.store.friends.request(&call(), ask(bob.id)).await), "friend_request.unknown");
    }

    async fn after_a_rejection_one_waits_and_the_other_need_not(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let friends = &world.store.friends;
        let request = asks(&world, &ada, &bob).await.id;
        let rejected = friends.decide(&world.ctx(&bob), request, to("reject")).await.unwrap();
        match friends.request(&world.ctx(&ada), ask(bob.id)).await {
            Err(Error::TooEarly { refusal, until }) => {
                assert_eq!((refusal.code, until), ("friend.too_soon", rejected.decided_at.unwrap().plus(policy::AGAIN_AFTER)));
            }
            other => panic!("{other:?}"),
        }
        world.wait(policy::AGAIN_AFTER - Duration::from_secs(1));
        assert_eq!(code(friends.request(&world.ctx(&ada), ask(bob.id)).await), "friend.too_soon");
        world.wait(Duration::from_secs(1));
        asks(&world, &ada, &bob).await;
        let [cem, dan] = world.people(["cem", "dan"]).await;
        let request = asks(&world, &cem, &dan).await.id;
        friends.decide(&world.ctx(&dan), request, to("reject")).await.unwrap();
        asks(&world, &dan, &cem).await;
        // The one who was rejected answers by asking.
        let made = friends.request(&world.ctx(&cem), ask(dan.id)).await.unwrap();
        assert!(matches!(made, Made::Found(request) if request.status == RequestStatus::Accepted));
    }

    /// Whoever has become private since is still in the lists of those whom they know.
    /// A request without a text is no way to write to somebody, so everybody can send one.
    async fn a_text_goes_only_to_whom_one_may_write_first(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let friends = &world.store.friends;
        let wish = clowder_accounts::model::SettingsPatch::from_json(json!({"privacy": {"messages_from": "nobody"}}));
        world.store.preferences.edit_settings(&world.ctx(&ada), None, wish.unwrap()).await.unwrap();
        world.changes().await;
        let new = |to: &Person| NewFriendRequest::from_json(json!({"user_id": to.id, "message": "zqhello"})).unwrap();
        assert_eq!(code(friends.request(&world.ctx(&bob), new(&ada)).await), "chat.not_wanted");
        assert!(world.changes().await.is_empty() && !world.holds(b"zqhello"));
        assert_eq!(asks(&world, &bob, &ada).await.message, None);
        // She asks him herself, or has asked: then his text is dropped, and they are friends.
        friends.request(&world.ctx(&ada), new(&cem)).await.unwrap();
        assert!(matches!(friends.request(&world.ctx(&cem), new(&ada)).await.unwrap(), Made::Found(_)));
        assert_eq!(friends_of(&world, &ada).await, [cem.id]);
    }

    async fn whoever_is_in_ones_lists_is_known(world: World) {
        let [ada, bob, cem, dan] = world.people(["ada", "bob", "cem", "dan"]).await;
        befriend(&world, &ada, &bob).await;
        asks(&world, &ada, &cem).await;
        world.meddle("UPDATE users SET visibility = 'private' WHERE username <> 'ada'").unwrap();
        let friends = &world.store.friends;
        assert_eq!(code(friends.request(&world.ctx(&ada), ask(bob.id)).await), "friend.already");
        assert_eq!(code(friends.request(&world.ctx(&ada), ask(cem.id)).await), "friend.pending");
        assert_eq!(code(friends.request(&world.ctx(&ada), ask(dan.id)).await), "user.unknown");
        asks(&world, &dan, &ada).await;
        let made = friends.request(&world.ctx(&ada), ask(dan.id)).await.unwrap();
        assert!(matches!(made, Made::Found(request) if request.status == RequestStatus::Accepted));
        assert_eq!(friends_of(&world, &ada).await.len(), 2);
    }

    async fn who_asks_each_other_at_once_become_friends_once(world: World) {
        for round in 0..8 {
            let [ada, bob] = world.people([&format!("ada{round}"), &format!("bob{round}")]).await;
            world.names().await;
            let other = world.another_node().await;
            let (ctx_a, ctx_b) = (world.ctx(&ada), world.ctx(&bob));
            let (one, two) = tokio::join!(world.store.friends.request(&ctx_a, ask(bob.id)), other.friends.request(&ctx_b, ask(ada.id)));
            let made = [one.unwrap(), two.unwrap()];
            assert_eq!(made.iter().filter(|made| matches!(made, Made::New(_))).count(), 1, "{made:?}");
            assert_eq!(made.iter().filter(|made| matches!(made, Made::Found(_))).count(), 1, "{made:?}");
            let names = world.names().await;
            assert_eq!(names.iter().filter(|name| *name == "friend.added").count(), 2, "{names:?}");
            assert_eq!(friends_of(&world, &ada).await, [bob.id]);
        }
    }

    async fn nobody_asks_themselves_or_whom_they_cannot_see(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let friends = &world.store.friends;
        match friends.request(&world.ctx(&ada), ask(ada.id)).await {
            Err(Error::Invalid(errors)) => assert_eq!((errors[0].pointer.as_str(), &*errors[0].code), ("/user_id", "self")),
            other => panic!("{other:?}"),
        }
        let unknown = friends.request(&world.ctx(&ada), ask(Id::new(world.now()))).await;
        let unknown = format!("{unknown:?}");
        assert!(unknown.contains("user.unknown"), "{unknown}");
        for (hidden, shown) in [
            ("visibility = 'private'", "visibility = 'public'"),
            ("suspension_reason = 'spam'", "suspension_reason = NULL"),
        ] {
            world.meddle(&format!("UPDATE users SET {hidden} WHERE username = 'bob'")).unwrap();
            assert_eq!(format!("{:?}", friends.request(&world.ctx(&ada), ask(bob.id)).await), unknown, "{hidden}");
            world.meddle(&format!("UPDATE users SET {shown} WHERE username = 'bob'")).unwrap();
        }
        asks(&world, &ada, &bob).await;
    }

    async fn open_requests_are_bounded_also_in_parallel(world: World) {
        let ada = world.person("ada").await;
        let mut others = Vec::new();
        for index in 0..policy::MOST_OPEN + 6 {
            others.push(world.person(&format!("other{index}")).await);
        }
        for other in &others[..policy::MOST_OPEN as usize - 3] {
            asks(&world, &ada, other).await;
        }
        let tries = others[policy::MOST_OPEN as usize - 3..].iter().map(|other| {
            let (store, ctx, other) = (world.store.clone(), world.ctx(&ada), other.id);
            tokio::spawn(async move { store.friends.request(&ctx, ask(other)).await })
        });
        let mut made = 0;
        for tried in tries.collect::<Vec<_>>() {
            match tried.await.unwrap() {
                Ok(_) => made += 1,
                refused => assert_eq!(code(refused), "friend.requests"),
            }
        }
        assert_eq!(made, 3);
    }

    async fn a_request_expires_and_both_are_told(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let request = asks(&world, &ada, &bob).await;
        world.names().await;
        world.wait(policy::OPEN_FOR - Duration::from_secs(1));
        world.store.upkeep.sweep(&system(&world), WEEK).await.unwrap();
        assert!(!world.names().await.contains(&"friend_request".to_owned()));
        world.wait(Duration::from_secs(1));
        assert!(open(&world, &bob, RequestDirection::In).await.is_empty(), "before anybody has noticed");
        assert_eq!(code(world.store.friends.decide(&world.ctx(&bob), request.id, to("accept")).await), "friend_request.decided");
        world.store.upkeep.sweep(&system(&world), WEEK).await.unwrap();
        let changes: Vec<_> = world.changes().await.into_iter().filter(|change| &*change.name == "friend_request").collect();
        let told = told(&changes, "status");
        assert_eq!(told.iter().map(|(user, _, status)| (*user, status)).collect::<Vec<_>>(), [(ada.id, &json!("expired")), (bob.id, &json!("expired"))]);
        asks(&world, &ada, &bob).await;
    }

    async fn a_request_whose_time_is_over_is_in_nobodys_way(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for (first, second) in [(&ada, &bob), (&ada, &ada), (&bob, &ada)] {
            let other = |person: &Person| if person.id == ada.id { &bob } else { &ada };
            let old = asks(&world, first, other(first)).await;
            world.names().await;
            world.wait(policy::OPEN_FOR);
            // Nothing has swept.
            let new = world.store.friends.request(&world.ctx(second), ask(other(second).id)).await.unwrap();
            let Made::New(new) = new else { panic!("the old one was over: {new:?}") };
            let changes: Vec<FriendRequest> =
                world.changes().await.iter().map(|change| serde_json::from_str(change.data.get()).unwrap()).collect();
            let told = |request: &FriendRequest, status| {
                changes.iter().filter(|change| change.id == request.id && change.status == status).count()
            };
            assert_eq!((told(&old, RequestStatus::Expired), told(&new, RequestStatus::Pending), changes.len()), (2, 2, 4));
            assert_eq!(open(&world, other(second), RequestDirection::In).await, std::slice::from_ref(&new));
            world.store.friends.decide(&world.ctx(second), new.id, to("cancel")).await.unwrap();
        }
    }

    async fn decided_requests_go_with_their_text(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let new = NewFriendRequest::from_json(json!({"user_id": bob.id, "message": "a peculiar wish"})).unwrap();
        let request = world.store.friends.request(&world.ctx(&ada), new).await.unwrap().into_inner();
        world.store.friends.decide(&world.ctx(&bob), request.id, to("accept")).await.unwrap();
        world.wait(policy::KEPT_FOR - Duration::from_secs(1));
        assert!(world.holds(b"a peculiar wish"), "they have become friends with it");
        world.store.upkeep.sweep(&system(&world), WEEK).await.unwrap();
        let still = world.store.friends.decide(&world.ctx(&bob), request.id, to("accept")).await;
        assert_eq!(code(still), "friend_request.decided");
        world.wait(Duration::from_secs(1));
        world.store.upkeep.sweep(&system(&world), WEEK).await.unwrap();
        world.gone(b"a peculiar wish").await;
        let again = world.store.friends.decide(&world.ctx(&bob), request.id, to("accept")).await;
        assert_eq!(code(again), "friend_request.unknown");
    }

    async fn what_was_written_with_a_request_that_comes_to_nothing_is_forgotten_at_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let write = async || {
            let new = NewFriendRequest::from_json(json!({"user_id": bob.id, "message": "a peculiar wish"})).unwrap();
            world.wait(policy::AGAIN_AFTER);
            let request = world.store.friends.request(&world.ctx(&ada), new).await.unwrap().into_inner();
            assert!(world.holds(b"a peculiar wish"));
            world.changes().await;
            request.id
        };
        let (friends, blocks) = (&world.store.friends, &world.store.blocks);
        let rejected = friends.decide(&world.ctx(&bob), write().await, to("reject")).await.unwrap();
        assert_eq!((rejected.status, rejected.message), (RequestStatus::Rejected, None));
        let is_silent = async |status: &str| {
            let told = told(&world.changes().await, "status");
            assert!(told.iter().filter(|(_, name, _)| name == "friend_request").all(|(.., told)| told == status), "{told:?}");
            world.gone(b"a peculiar wish").await;
        };
        is_silent("rejected").await;
        friends.decide(&world.ctx(&ada), write().await, to("cancel")).await.unwrap();
        is_silent("cancelled").await;
        write().await;
        world.wait(policy::OPEN_FOR);
        world.store.upkeep.sweep(&system(&world), WEEK).await.unwrap();
        is_silent("expired").await;
        for (who, other, status) in [(&bob, &ada, "rejected"), (&ada, &bob, "cancelled")] {
            write().await;
            blocks.block(&world.ctx(who), other.id, NewBlock::default()).await.unwrap();
            is_silent(status).await;
            blocks.unblock(&world.ctx(who), other.id).await.unwrap();
        }
        // What is told again is what was told then, without the text.
        let everything = world.everything().await;
        let asked = everything.iter().filter(|change| &*change.name == "friend_request");
        let told: Vec<Value> = asked.map(|change| serde_json::from_str(change.data.get()).unwrap()).collect();
        assert!(told.iter().filter(|told| told["status"] == "pending").count() >= 2, "{told:?}");
        assert!(told.iter().all(|told| told["message"].is_null()), "{told:?}");
    }

    async fn the_number_of_friends_is_bounded_also_in_parallel(world: World) {
        let [ada, bob, cem, dan] = world.people(["ada", "bob", "cem", "dan"]).await;
        let zoe = world.person("zoe").await;
        befriend(&world, &ada, &zoe).await;
        let requests = [asks(&world, &bob, &ada).await.id, asks(&world, &cem, &ada).await.id];
        let almost = policy::MOST_FRIENDS - 1;
        let ada_id = world.literal(ada.id);
        world.meddle(&format!("UPDATE friend_lists SET friends = {almost} WHERE user_id = {ada_id}")).unwrap();
        let (other, ctx) = (world.another_node().await, world.ctx(&ada));
        let (one, two) = tokio::join!(
            world.store.friends.decide(&ctx, requests[0], to("accept")),
            other.friends.decide(&ctx, requests[1], to("accept"))
        );
        let (made, refused): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (1, 1));
        for refused in refused {
            assert_eq!(code(refused), "friend.limit");
        }
        for (person, user) in [(&ada, dan.id), (&dan, ada.id)] {
            assert_eq!(code(world.store.friends.request(&world.ctx(person), ask(user)).await), "friend.limit");
        }
        // Whoever has room again can accept what is open.
        world.store.friends.remove(&ctx, zoe.id).await.unwrap();
        let left = open(&world, &ada, RequestDirection::In).await;
        assert_eq!(left.len(), 1);
        world.store.friends.decide(&ctx, left[0].id, to("accept")).await.unwrap();
    }

    async fn requests_are_bounded_within_a_day(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let friends = &world.store.friends;
        let names = (0..policy::MOST_A_DAY / policy::MOST_A_DAY_EACH).map(|n| format!("cem{n}")).collect::<Vec<_>>();
        for name in &names {
            let [cem] = world.people([&**name]).await;
            for _ in 0..policy::MOST_A_DAY_EACH {
                let request = asks(&world, &ada, &cem).await;
                friends.decide(&world.ctx(&ada), request.id, to("cancel")).await.unwrap();
            }
            assert_eq!(code(friends.request(&world.ctx(&ada), ask(cem.id)).await), "friend.requests_today");
        }
        assert_eq!(code(friends.request(&world.ctx(&ada), ask(bob.id)).await), "friend.requests_today");
        world.wait(policy::A_DAY);
        asks(&world, &ada, &bob).await;
    }

    async fn an_erasure_ends_friendships_and_requests(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let [dan, eve] = world.people(["dan", "eve"]).await;
        befriend(&world, &ada, &bob).await;
        befriend(&world, &ada, &cem).await;
        befriend(&world, &bob, &cem).await;
        let new = NewFriendRequest::from_json(json!({"user_id": ada.id, "message": "a peculiar wish"})).unwrap();
        world.store.friends.request(&world.ctx(&dan), new).await.unwrap();
        asks(&world, &ada, &eve).await;
        world.names().await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let changes = world.changes().await;
        let removed: Vec<_> = changes.into_iter().filter(|change| &*change.name == "friend.removed").collect();
        let expected = [&bob, &cem].map(|friend| (friend.id, "friend.removed".to_owned(), json!(ada.id)));
        let mut heard = told(&removed, "user_id");
        heard.retain(|(user, ..)| *user != ada.id);
        assert_eq!(heard, expected);
        assert_eq!((friends_of(&world, &bob).await, friends_of(&world, &cem).await), (vec![cem.id], vec![bob.id]));
        assert!(open(&world, &dan, RequestDirection::Out).await.is_empty());
        assert!(open(&world, &eve, RequestDirection::In).await.is_empty());
        world.gone(b"a peculiar wish").await;
        assert_eq!(code(world.store.friends.request(&world.ctx(&bob), ask(ada.id)).await), "user.unknown");
    }

    async fn friends_who_are_erased_at_once_do_not_wait_for_each_other(world: World) {
        let mut people = Vec::new();
        for name in ["ada", "bob", "cem", "dan", "eve", "fay"] {
            let person = world.person(name).await;
            for friend in &people {
                befriend(&world, &person, friend).await;
            }
            people.push(person);
        }
        for person in &people {
            world.store.privacy.erase_user(&system(&world), person.id, None).await.unwrap();
        }
        let stores = [world.store.clone(), world.another_node().await];
        let jobs = world.store.jobs.take(&system(&world), vec!["account.erase"], 10).await.unwrap();
        assert_eq!(jobs.len(), people.len());
        let working = jobs.into_iter().enumerate().map(|(index, job)| {
            let (store, ctx) = (stores[index % 2].clone(), system(&world));
            tokio::spawn(async move {
                let worker = store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
                worker.work(&ctx, &job).await
            })
        });
        for worked in working.collect::<Vec<_>>() {
            worked.await.unwrap().unwrap();
        }
        for table in ["friendships", "friend_lists", "friend_requests"] {
            assert_eq!(world.meddle(&format!("DELETE FROM {table}")).unwrap(), 0, "{table}");
        }
    }
}
