//! What friends hear of somebody with sockets on a node.

use clowder_accounts::model::NewSuspension;
use clowder_social::NewBlock;

use super::*;

/// What the clock of the tests moves on between telling and looking at it, at most.
const A_MOMENT: Duration = Duration::from_millis(200);

async fn status(world: &World, person: &Person, status: &str) {
    set(world, person, json!({"status": status})).await;
}

on_both! {
    async fn friends_who_are_online_hear_who_comes_and_goes(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        befriend(&world, &ada, &bob).await;
        befriend(&world, &ada, &cem).await;
        let node = Node::of(&world.store).await;
        node.enters(&world, &bob).await;
        assert!(node.tells(&world).await.iter().all(|(to, ..)| to.is_empty()), "none of his friends is there");
        let came_at = node.enters(&world, &ada).await;
        let told = node.tells(&world).await;
        assert_eq!(one(&told), (only(&bob), "user.online", json!("online")));
        assert_eq!((&told[0].2["user_id"], &told[0].2["text"]), (&json!(ada.id), &Value::Null));
        assert_eq!(seen(&world, &bob, &ada).await.0, Some(Presence::Online));

        world.wait(s(60));
        let left_at = node.leaves(&world, &ada).await;
        world.wait(s(4));
        edit(&world, &ada, json!({"status_text": "on my way"})).await;
        assert!(node.tells(&world).await.is_empty(), "she may be back");
        assert_eq!(seen(&world, &bob, &ada).await.0, Some(Presence::Online));
        world.wait(s(2));
        let told = node.tells(&world).await;
        assert_eq!(one(&told), (only(&bob), "user.offline", json!("offline")));
        assert_eq!((&told[0].2["last_seen_at"], &told[0].2["text"]), (&json!(left_at), &Value::Null));
        assert_eq!(seen(&world, &bob, &ada).await, (Some(Presence::Offline), Some(left_at)));
        assert!(left_at > came_at);
        node.enters(&world, &ada).await;
        let told = node.tells_later(&world).await;
        assert_eq!((one(&told).1, &told[0].2["text"]), ("user.online", &json!("on my way")));
        assert!(world.changes().await.iter().all(|change| !change.name.starts_with("user.o")), "nothing of it is kept");
    }

    async fn whatever_changes_what_friends_see_is_told_once(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        let node = Node::of(&world.store).await;
        node.enters(&world, &bob).await;
        node.enters(&world, &ada).await;
        node.tells(&world).await;
        let until = world.now().plus(s(3600));
        set(&world, &ada, json!({"status": "busy", "text": "in a meeting", "until": until})).await;
        let told = node.tells_later(&world).await;
        assert_eq!(one(&told), (only(&bob), "user.status", json!("busy")));
        assert_eq!((&told[0].2["text"], &told[0].2["until"]), (&json!("in a meeting"), &json!(until)));
        set(&world, &ada, json!({"status": "busy", "text": "in a meeting", "until": until})).await;
        edit(&world, &ada, json!({"bio": "Counting."})).await;
        assert!(node.tells_later(&world).await.is_empty(), "friends see the same");
        edit(&world, &ada, json!({"status_text": "in another meeting", "status_until": until})).await;
        let told = node.tells_later(&world).await;
        assert_eq!((one(&told), &told[0].2["text"]), ((only(&bob), "user.status", json!("busy")), &json!("in another meeting")));
        settings(&world, &ada, json!({"bio": "nobody"})).await;
        let told = node.tells_later(&world).await;
        assert_eq!((one(&told).1, &told[0].2["text"]), ("user.status", &Value::Null), "they may not see it any more");
        settings(&world, &ada, json!({"bio": "friends"})).await;
        assert_eq!(node.tells_later(&world).await[0].2["text"], json!("in another meeting"));
        world.wait(s(3600));
        let told = node.tells(&world).await;
        assert_eq!((one(&told), &told[0].2["text"]), ((only(&bob), "user.status", json!("online")), &Value::Null), "it has ended");
        assert!(node.tells_later(&world).await.is_empty());

        for (hide, show) in [
            (json!({"last_seen": "nobody"}), json!({"last_seen": "everyone"})),
            (json!("private"), json!("friends")),
        ] {
            let change = async |to: &Value| match to {
                Value::String(_) => edit(&world, &ada, json!({"visibility": to})).await,
                _ => settings(&world, &ada, to.clone()).await,
            };
            change(&hide).await;
            let told = node.tells_later(&world).await;
            assert_eq!(one(&told), (only(&bob), "user.offline", Value::Null), "hidden");
            assert_eq!(told[0].2["last_seen_at"], Value::Null);
            status(&world, &ada, "away").await;
            assert!(node.tells_later(&world).await.is_empty(), "nobody hears of what nobody sees");
            change(&show).await;
            assert_eq!(one(&node.tells_later(&world).await), (only(&bob), "user.online", json!("away")));
        }
        let spam = NewSuspension::from_json(json!({"reason": "spam"})).unwrap();
        world.store.staff.suspend(&system(&world), ada.id, spam).await.unwrap();
        assert_eq!(one(&node.tells_later(&world).await), (only(&bob), "user.offline", Value::Null));
    }

    async fn of_many_changes_friends_hear_the_last(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        let node = Node::of(&world.store).await;
        node.enters(&world, &bob).await;
        node.enters(&world, &ada).await;
        let (mut told, mut before) = (Vec::new(), None);
        for round in 0..60 {
            status(&world, &ada, ["away", "busy"][round % 2]).await;
            let told_now = node.tells(&world).await;
            for heard in told_now.into_iter().filter(|(_, _, news)| news["user_id"] == json!(ada.id)) {
                let now = world.now();
                assert!(before.is_none_or(|before: Timestamp| before.plus(TELL_EVERY) <= now.plus(A_MOMENT)), "too soon after the last");
                before = Some(now);
                told.push(heard);
            }
            world.wait(Duration::from_millis(490));
        }
        status(&world, &ada, "online").await;
        told.extend(node.tells_later(&world).await);
        assert!((5..=9).contains(&told.len()), "{told:?}");
        assert_eq!(told.last().unwrap().2["status"], json!("online"));
        assert!(node.tells_later(&world).await.is_empty());
    }

    async fn who_is_invisible_is_not_heard_of(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        let node = Node::of(&world.store).await;
        node.enters(&world, &bob).await;
        node.enters(&world, &ada).await;
        set(&world, &ada, json!({"status": "away", "text": "for a while"})).await;
        node.tells(&world).await;
        world.wait(s(60));
        let ctx = world.ctx(&ada);
        let new = NewPresence::from_json(json!({"status": "invisible"})).unwrap();
        world.store.presence.set_presence(&ctx, new).await.unwrap();
        assert!(node.tells(&world).await.is_empty(), "not even that there is no text any more");
        world.wait(s(4));
        assert!(node.tells(&world).await.is_empty());
        world.wait(s(1));
        let told = node.tells(&world).await;
        assert_eq!(one(&told), (only(&bob), "user.offline", json!("offline")));
        let expected = json!({
            "user_id": ada.id, "status": "offline", "text": null, "until": null, "last_seen_at": ctx.now
        });
        assert_eq!(told[0].2, expected, "as if she had left");
        world.wait(s(60));
        assert!(node.tells(&world).await.is_empty());
        node.leaves(&world, &ada).await;
        world.wait(s(20));
        assert!(node.tells(&world).await.is_empty());
        node.enters(&world, &ada).await;
        assert!(node.tells_later(&world).await.is_empty(), "nobody hears that she came or went");
        status(&world, &ada, "away").await;
        assert_eq!(one(&node.tells_later(&world).await), (only(&bob), "user.online", json!("away")));
        // Who thinks better of it in time was never away.
        world.wait(TELL_EVERY);
        status(&world, &ada, "invisible").await;
        world.wait(s(2));
        assert!(node.tells(&world).await.is_empty());
        status(&world, &ada, "away").await;
        world.wait(LINGER);
        assert!(node.tells(&world).await.is_empty());
    }

    async fn another_friend_hears_at_once_and_a_former_one_no_more(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        befriend(&world, &ada, &bob).await;
        let node = Node::of(&world.store).await;
        for person in [&ada, &bob, &cem] {
            node.enters(&world, person).await;
        }
        status(&world, &ada, "busy").await;
        node.tells(&world).await;
        befriend(&world, &ada, &cem).await;
        let mut told = node.tells_later(&world).await;
        told.sort_by_key(|(_, _, data)| data["status"].to_string());
        let told: Vec<_> = told.into_iter().map(|(to, name, data)| (to, name, data["status"].clone())).collect();
        assert_eq!(told, [(only(&cem), "user.online", json!("busy")), (only(&ada), "user.online", json!("online"))]);
        world.store.friends.remove(&world.ctx(&cem), ada.id).await.unwrap();
        let parted = node.tells_later(&world).await;
        world.store.blocks.block(&world.ctx(&bob), ada.id, NewBlock::default()).await.unwrap();
        let blocked = node.tells_later(&world).await;
        for (told, other) in [(parted, &cem), (blocked, &bob)] {
            let mut told: Vec<_> =
                told.into_iter().map(|(to, name, data)| (to, name, data["user_id"].clone(), data["status"].clone())).collect();
            told.sort_by_key(|(to, ..)| *to != only(&ada));
            let expected =
                [(only(&ada), json!(other.id)), (only(other), json!(ada.id))].map(|(to, of)| (to, "user.offline", of, Value::Null));
            assert_eq!(told, expected, "both ways alike, whoever ends it");
        }
        status(&world, &ada, "away").await;
        assert!(node.tells_later(&world).await.iter().all(|(to, ..)| to.is_empty()));
    }

    async fn what_fails_is_told_later(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        let node = Node::of(&world.store).await;
        node.enters(&world, &bob).await;
        node.tells(&world).await;
        for (table, other) in [("preferences", "elsewhere"), ("presence", "elsewhere")] {
            let (came, event) = (table == "preferences", ["user.offline", "user.online"][usize::from(table == "preferences")]);
            let at = if came { node.enters(&world, &ada).await } else { node.leaves(&world, &ada).await };
            if !came {
                world.wait(LINGER);
            }
            world.batch(&format!("ALTER TABLE {table} RENAME TO {other}"));
            for _ in 0..3 {
                world.wait(s(2));
                assert!(node.look_after(&world).await.is_err());
            }
            assert!(world.store.online.news().is_empty());
            world.batch(&format!("ALTER TABLE {other} RENAME TO {table}"));
            world.wait(s(2));
            let told = node.tells(&world).await;
            assert_eq!((one(&told).0, one(&told).1), (only(&bob), event));
            if !came {
                assert_eq!(told[0].2["last_seen_at"], json!(at));
            }
            world.wait(TELL_EVERY);
        }
    }

    /// Whatever of somebody cannot be read, the others of the twenty who are looked at together are told.
    async fn who_cannot_be_read_keeps_nobody_else_from_being_told(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        for friend in [&ada, &bob] {
            befriend(&world, &cem, friend).await;
        }
        settings(&world, &ada, json!({"last_seen": "friends"})).await;
        status(&world, &ada, "away").await;
        let node = Node::of(&world.store).await;
        node.enters(&world, &cem).await;
        node.tells(&world).await;
        for (table, column) in [("users", "badges"), ("preferences", "last_seen"), ("presence", "status")] {
            let key = if table == "users" { "id" } else { "user_id" };
            let one = format!("WHERE {key} = (SELECT id FROM users WHERE username = 'ada')");
            world.batch(&format!("CREATE TABLE kept AS SELECT {column} AS word FROM {table} {one}"));
            let spoilt = world.meddle(&format!("UPDATE {table} SET {column} = 'nonsense' {one}"));
            assert_eq!(spoilt.unwrap(), 1, "{table}");
            node.enters(&world, &ada).await;
            node.enters(&world, &bob).await;
            let told = node.tells_later(&world).await;
            assert!(told.iter().any(|told| told.2["user_id"] == json!(bob.id)), "{table}: {told:?}");
            let of_ada = told.iter().filter(|told| told.2["user_id"] == json!(ada.id));
            assert!(of_ada.into_iter().all(|told| told.1 == "user.offline"), "{table}: {told:?}");
            for person in [&ada, &bob] {
                node.leaves(&world, person).await;
            }
            world.meddle(&format!("UPDATE {table} SET {column} = (SELECT word FROM kept) {one}")).unwrap();
            world.batch("DROP TABLE kept");
            world.wait(LINGER);
            node.tells_later(&world).await;
        }
        node.enters(&world, &ada).await;
        let told = node.tells_later(&world).await;
        assert!(told.iter().any(|told| told.2["user_id"] == json!(ada.id) && told.1 == "user.online"), "{told:?}");
    }

    async fn a_status_that_is_set_at_another_node_is_told_by_the_one_with_the_sockets(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        befriend(&world, &ada, &bob).await;
        let node = Node::of(&world.another_node().await).await;
        node.enters(&world, &bob).await;
        node.enters(&world, &ada).await;
        node.tells(&world).await;
        status(&world, &ada, "busy").await;
        assert_eq!(one(&node.tells_later(&world).await), (only(&bob), "user.status", json!("busy")));
        settings(&world, &ada, json!({"last_seen": "nobody"})).await;
        assert_eq!(one(&node.tells_later(&world).await), (only(&bob), "user.offline", Value::Null));
        settings(&world, &ada, json!({"last_seen": "friends"})).await;
        node.tells_later(&world).await;
        world.wait(s(60));
        let at = world.now();
        status(&world, &ada, "invisible").await;
        node.tells(&world).await;
        world.wait(LINGER);
        let told = node.tells(&world).await;
        assert_eq!(one(&told), (only(&bob), "user.offline", json!("offline")));
        let seen: Timestamp = serde_json::from_value(told[0].2["last_seen_at"].clone()).unwrap();
        assert!(at < seen && seen < at.plus(s(1)), "when it was set: {at} {seen}");
        node.look_after(&world).await.unwrap();
        world.wait(s(2));
        node.leaves(&world, &ada).await;
        world.wait(LINGER);
        node.tells(&world).await;
        assert_eq!(super::seen(&world, &bob, &ada).await, (Some(Presence::Offline), Some(seen)), "noted for the other nodes");
    }
}

/// On SQLite, nobody locks an account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_locked_holds_up_nobody_else() {
    let world = World::postgres().await;
    let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
    befriend(&world, &ada, &bob).await;
    befriend(&world, &cem, &bob).await;
    let node = Node::of(&world.store).await;
    node.enters(&world, &bob).await;
    node.tells(&world).await;
    let mut other = world.transaction();
    other.run(&format!("SELECT 1 FROM users WHERE id = {} FOR UPDATE", world.literal(ada.id)));
    node.enters(&world, &ada).await;
    node.enters(&world, &cem).await;
    let told = tokio::time::timeout(s(5), node.tells(&world)).await.expect("it waits for somebody else's lock");
    assert_eq!((one(&told), &told[0].2["user_id"]), ((only(&bob), "user.online", json!("online")), &json!(cem.id)));
    world.wait(s(2));
    assert!(node.tells(&world).await.is_empty());
    other.commit();
    world.wait(s(2));
    let told = node.tells(&world).await;
    assert_eq!((one(&told), &told[0].2["user_id"]), ((only(&bob), "user.online", json!("online")), &json!(ada.id)));
}
