//! People become friends, live on both sides, and part again.

use clowder_tests::{User, World, on_both};
use serde_json::{Value, json};

on_both!(shared; becoming_friends, asking_each_other, answers, what_connects_people, lists, suggestions, wrong_input);

async fn ask(from: &User, to: &User) -> Value {
    from.post("/api/friends/request", json!({"user_id": to.id})).await.expect(201)
}

fn path(request: &Value) -> String {
    format!("/api/friends/request/{}", request["id"].as_str().unwrap())
}

async fn befriend(one: &User, other: &User) {
    let request = ask(one, other).await;
    other.put(&path(&request), json!({"action": "accept"})).await.expect(200);
}

async fn becoming_friends(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (mut a, mut b) = (ada.socket().await, bob.socket().await);
    let request = json!({"user_id": bob.id, "message": "We met in Turin"});
    let request = ada.post("/api/friends/request", request).await.expect(201);
    assert_eq!((&request["status"], &request["message"]), (&json!("pending"), &json!("We met in Turin")));
    for socket in [&mut a, &mut b] {
        let heard = socket.until("friend_request").await;
        assert_eq!(heard["data"], request);
        assert!(heard["cursor"].is_string());
    }
    assert_eq!(bob.get("/api/friends/requests").await.expect(200)["items"], json!([request]));
    assert_eq!(ada.get("/api/friends/requests?direction=out").await.expect(200)["items"], json!([request]));
    ada.post("/api/friends/request", json!({"user_id": bob.id})).await.refused(409, "friend.pending");

    let accepted = bob.put(&path(&request), json!({"action": "accept"})).await.expect(200);
    assert_eq!(accepted["status"], "accepted");
    for (socket, other) in [(&mut a, &bob), (&mut b, &ada)] {
        assert_eq!(socket.frame().await["data"], accepted, "the request comes first");
        let added = socket.frame().await;
        assert_eq!((&added["type"], &added["data"]["user"]["id"]), (&json!("friend.added"), &json!(other.id)));
    }
    for (person, other) in [(&ada, &bob), (&bob, &ada)] {
        let friends = person.get("/api/friends").await.expect(200);
        assert_eq!(friends["items"][0]["user"]["id"], json!(other.id));
        person.post("/api/friends/request", json!({"user_id": other.id})).await.refused(409, "friend.already");
    }
    bob.delete(&format!("/api/friends/{}", ada.id)).await.expect(204);
    assert_eq!(a.until("friend.removed").await["data"]["user_id"], json!(bob.id));
    assert_eq!(b.until("friend.removed").await["data"]["user_id"], json!(ada.id));
    bob.delete(&format!("/api/friends/{}", ada.id)).await.refused(404, "friend.unknown");
    assert_eq!(ada.get("/api/friends").await.expect(200)["items"], json!([]));
}

async fn asking_each_other(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let ask = |me: &User, other: &User| {
        let (me, other) = (me.clone(), other.id.clone());
        async move { me.post("/api/friends/request", json!({"user_id": other})).await }
    };
    let race = (0..8).map(|i| if i % 2 == 0 { ask(&ada, &bob) } else { ask(&bob, &ada) });
    let answers = futures_util::future::join_all(race).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(200), count(409)), (1, 1, 6), "{answers:?}");
    assert_eq!(ada.get("/api/friends").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

async fn answers(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let request = ask(&ada, &bob).await;
    for (person, action, status, code) in [
        (&ada, "accept", 403, "friend_request.forbidden"),
        (&bob, "cancel", 403, "friend_request.forbidden"),
        (&eve, "accept", 404, "friend_request.unknown"),
    ] {
        person.put(&path(&request), json!({"action": action})).await.refused(status, code);
    }
    assert_eq!(bob.put(&path(&request), json!({"action": "marry"})).await.wrong_fields(), ["/action"]);
    bob.put(&path(&request), json!({"action": "reject"})).await.expect(200);
    bob.put(&path(&request), json!({"action": "accept"})).await.refused(409, "friend_request.decided");
    let refused = ada.post("/api/friends/request", json!({"user_id": bob.id})).await.refused(409, "friend.too_soon");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("It is possible from 2") && detail.ends_with("Z on."), "{detail}");
    let again = ask(&bob, &ada).await;
    bob.put(&path(&again), json!({"action": "cancel"})).await.expect(200);
}

async fn what_connects_people(world: World) {
    let (ada, bob, cem) = (world.user("ada").await, world.user("bob").await, world.user("cem").await);
    befriend(&ada, &bob).await;
    befriend(&cem, &bob).await;
    ask(&ada, &cem).await;
    let nobody = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
    let ids = format!("{},{},{nobody}", bob.id, cem.id);
    let told = ada.get(&format!("/api/relationships?ids={ids}")).await.expect(200);
    assert_eq!(told["next_cursor"], json!(null));
    let of =
        |index: usize| (told["items"][index]["friendship"].clone(), told["items"][index]["mutual_friends"].clone());
    assert_eq!(
        (of(0), of(1), of(2)),
        ((json!("friends"), json!(0)), (json!("outgoing"), json!(1)), (json!("none"), json!(0)))
    );
    let cems = cem.get(&format!("/api/relationships?ids={}", ada.id)).await.expect(200);
    assert_eq!(cems["items"][0]["friendship"], "incoming");
    assert_eq!(ada.get("/api/relationships").await.wrong_fields(), ["?ids"]);
    let hundred = vec![nobody; 100].join(",");
    assert_eq!(
        ada.get(&format!("/api/relationships?ids={hundred}")).await.expect(200)["items"].as_array().unwrap().len(),
        100
    );
    for wrong in [format!("{hundred},{nobody}"), "x".to_owned(), format!("{nobody},"), String::new()] {
        assert_eq!(ada.get(&format!("/api/relationships?ids={wrong}")).await.wrong_fields(), ["?ids"], "{wrong}");
    }
    let thousand = vec![nobody; 1_000].join(",");
    ada.get(&format!("/api/relationships?ids={thousand}")).await.refused(414, "uri.too_long");
}

async fn lists(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    befriend(&ada, &bob).await;
    befriend(&bob, &eve).await;
    let names = |answer: Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["user"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(bob.get("/api/friends?sort=since").await.expect(200)), [eve.id.clone(), ada.id.clone()]);
    assert_eq!(names(bob.get("/api/friends?sort=name").await.expect(200)), [ada.id.clone(), eve.id.clone()]);
    // A letter whose compatibility form has eighteen letters: the name is long when it is compared, its cursor is not.
    let long = json!({"display_name": "\u{fdfa}".repeat(80)});
    for person in [&ada, &eve] {
        person.patch("/api/users/me", long.clone()).await.expect(200);
    }
    let page = bob.get("/api/friends?sort=name&limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let rest = names(bob.get(&format!("/api/friends?sort=name&limit=1&cursor={cursor}")).await.expect(200));
    let mut both = [names(page), rest].concat();
    both.sort();
    let mut expected = [ada.id.clone(), eve.id.clone()];
    expected.sort();
    assert_eq!(both, expected);
    let of_bob = format!("/api/users/{}/friends", bob.id);
    assert_eq!(names(ada.get(&of_bob).await.expect(200)).len(), 2);
    assert!(names(ada.get(&format!("{of_bob}?mutual=true")).await.expect(200)).is_empty());
    ada.get("/api/users/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10/friends").await.refused(404, "user.unknown");
    for wrong in ["sort=age", "search=", "limit=0", "cursor=x"] {
        assert_eq!(bob.get(&format!("/api/friends?{wrong}")).await.status, 422, "{wrong}");
    }
}

async fn suggestions(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    befriend(&ada, &bob).await;
    befriend(&bob, &eve).await;
    let told = ada.get("/api/friends/suggestions").await.expect(200);
    assert_eq!((&told["items"][0]["user"]["id"], &told["items"][0]["mutual_friends"]), (&json!(eve.id), &json!(1)));
    ada.delete(&format!("/api/friends/suggestions/{}", eve.id)).await.expect(204);
    assert_eq!(ada.get("/api/friends/suggestions").await.expect(200)["items"], json!([]));
}

async fn wrong_input(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let asking = |body: Value| async { ada.post("/api/friends/request", body).await };
    assert_eq!(asking(json!({})).await.wrong_fields(), ["/user_id"]);
    assert_eq!(asking(json!({"user_id": "x", "message": ""})).await.wrong_fields(), ["/user_id", "/message"]);
    assert_eq!(asking(json!({"user_id": ada.id})).await.wrong_fields(), ["/user_id"], "with oneself");
    for message in [json!("x".repeat(301)), json!("a\u{0}b"), json!("   "), json!(7)] {
        assert_eq!(asking(json!({"user_id": bob.id, "message": message})).await.wrong_fields(), ["/message"]);
    }
    asking(json!({"user_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"})).await.refused(404, "user.unknown");
    // A repeated call gets the first answer.
    let again = || async {
        let body = json!({"user_id": bob.id, "message": "once"});
        let request = ada.request("POST", "/api/friends/request").json(&body).header("idempotency-key", "friend-1");
        clowder_tests::Answer::to(request).await
    };
    let first = again().await.expect(201);
    assert_eq!(again().await.expect(201), first);
}
