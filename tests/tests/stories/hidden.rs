//! Who has blocked somebody, is private or suspended, or never existed, is the same to them in every route.

use std::{collections::BTreeMap, time::Instant};

use clowder_tests::{Answer, User, World, on_both, setting};
use serde_json::{Value, json};

on_both!(
    shared;
    strangers_are_alike,
    who_shares_a_chat_is_alike,
    oneself_is_refused_in_one_way,
    the_hidden_take_as_long_as_nobody,
);

/// An id and a name that nobody has.
const NOBODY: [&str; 2] = ["01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10", "nobody-of-this-name"];

/// What concerns a person: method, path and body.
fn calls(id: &str, name: &str, group: &str, pet: &str) -> Vec<(&'static str, String, Value)> {
    let user = |rest: &str| format!("/api/users/{id}{rest}");
    vec![
        ("GET", user(""), Value::Null),
        ("GET", user("/friends"), Value::Null),
        ("GET", user("/friends?mutual=true"), Value::Null),
        ("GET", user("/pets"), Value::Null),
        ("GET", user("/note"), Value::Null),
        ("GET", format!("/api/usernames/{name}"), Value::Null),
        ("GET", format!("/api/relationships?ids={id}"), Value::Null),
        ("GET", format!("/api/users?search={name}"), Value::Null),
        ("GET", format!("/api/users/search?q={name}"), Value::Null),
        ("PATCH", user(""), json!({"bio": "x"})),
        ("PUT", user("/block"), json!({})),
        ("PUT", user("/mute"), json!({})),
        ("PUT", user("/note"), json!({"text": "x"})),
        ("DELETE", format!("/api/friends/{id}"), Value::Null),
        ("DELETE", format!("/api/friends/suggestions/{id}"), Value::Null),
        ("POST", "/api/friends/request".to_owned(), json!({"user_id": id})),
        ("POST", "/api/reports".to_owned(), json!({"target": {"type": "user", "id": id}, "category": "spam"})),
        ("POST", "/api/chats".to_owned(), json!({"type": "private", "participant_ids": [id]})),
        ("POST", format!("/api/groups/{group}/invites"), json!({"user_ids": [id]})),
        ("POST", format!("/api/pets/{pet}/keepers"), json!({"user_id": id, "role": "caretaker"})),
        ("DELETE", user("/mute"), Value::Null),
        ("DELETE", user("/note"), Value::Null),
        ("DELETE", user("/block"), Value::Null),
    ]
}

/// Status and body, without who it is about and what differs from call to call.
async fn told(by: &User, method: &str, path: &str, body: &Value, [id, name]: [&str; 2]) -> (u16, Value) {
    let mut request = by.request(method, path);
    if !body.is_null() {
        request = request.json(body);
    }
    let answer = Answer::to(request).await;
    let text = answer.text.replace(id, "ID").replace(name, "NAME");
    let mut body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    without_moments(&mut body);
    (answer.status, body)
}

fn without_moments(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for name in ["request_id", "since", "updated_at", "id"] {
                members.retain(|known, value| known != name || value == "ID");
            }
            members.values_mut().for_each(without_moments);
        }
        Value::Array(items) => items.iter_mut().for_each(without_moments),
        _ => {}
    }
}

/// People who will be hidden from somebody, each in a way of their own.
async fn hidden_people(world: &World) -> BTreeMap<&'static str, User> {
    let mut people = BTreeMap::new();
    for name in ["blocking", "private", "suspended"] {
        people.insert(name, world.user(name).await);
    }
    people
}

async fn hide(world: &World, people: &BTreeMap<&str, User>, from: &User) {
    let root = world.staff("root", "admin").await;
    people["blocking"].put(&format!("/api/users/{}/block", from.id), json!({})).await.expect(200);
    people["private"].patch("/api/users/me", json!({"visibility": "private"})).await.expect(200);
    let path = format!("/api/admin/users/{}/suspension", people["suspended"].id);
    root.put(&path, json!({"reason": "spam"})).await.expect(200);
}

async fn decide(ada: &User, about: &User) {
    ada.put(&format!("/api/users/{}/mute", about.id), json!({})).await.expect(200);
    ada.put(&format!("/api/users/{}/note", about.id), json!({"text": "a note"})).await.expect(200);
}

async fn things(ada: &User) -> [String; 2] {
    let group = ada.post("/api/groups", json!({"name": "Rowers"})).await.expect(201);
    let pet = ada.post("/api/pets", json!({"name": "Minka", "species": "cat"})).await.expect(201);
    [group, pet].map(|made| made["id"].as_str().unwrap().to_owned())
}

async fn strangers_are_alike(world: World) {
    let (ada, people) = (world.user("ada").await, hidden_people(&world).await);
    for person in people.values() {
        decide(&ada, person).await;
    }
    hide(&world, &people, &ada).await;
    let [group, pet] = things(&ada).await;
    assert_eq!(ada.get("/api/mutes").await.expect(200)["items"], json!([]));
    let unknown = calls(NOBODY[0], NOBODY[1], &group, &pet);
    for (at, (method, path, body)) in unknown.iter().enumerate() {
        let expected = told(&ada, method, path, body, NOBODY).await;
        for (how, person) in &people {
            let (method, path, body) = calls(&person.id, &person.name, &group, &pet).swap_remove(at);
            let found = told(&ada, method, &path, &body, [&person.id, &person.name]).await;
            assert_eq!(found, expected, "{how}: {method} {path}");
        }
    }
    for list in ["/api/mutes", "/api/blocks", "/api/reports", "/api/chats", "/api/friends/requests?direction=out"] {
        assert_eq!(ada.get(list).await.expect(200)["items"].as_array().map(Vec::is_empty), Some(list != "/api/chats"));
    }
}

async fn who_shares_a_chat_is_alike(world: World) {
    let (ada, people) = (world.user("ada").await, hidden_people(&world).await);
    let all: Vec<&User> = people.values().collect();
    ada.group("Lunch", &all).await;
    for person in people.values() {
        decide(&ada, person).await;
    }
    hide(&world, &people, &ada).await;
    let muted = ada.get("/api/mutes").await.expect(200);
    assert_eq!(muted["items"].as_array().unwrap().len(), 3, "the chat shows all of them");
    let reads = |id: &str| {
        let user = |rest: &str| format!("/api/users/{id}{rest}");
        vec![
            ("GET", user(""), Value::Null),
            ("GET", user("/note"), Value::Null),
            ("GET", format!("/api/relationships?ids={id}"), Value::Null),
            ("PUT", user("/mute"), json!({})),
            ("PUT", user("/note"), json!({"text": "x"})),
            ("POST", "/api/friends/request".to_owned(), json!({"user_id": id})),
        ]
    };
    let mut of_each = Vec::new();
    for person in people.values() {
        let mut answers = Vec::new();
        for (method, path, body) in reads(&person.id) {
            answers.push(told(&ada, method, &path, &body, [&person.id, &person.name]).await);
        }
        of_each.push(answers);
    }
    assert!(of_each.windows(2).all(|two| two[0] == two[1]), "{of_each:#?}");
    assert_eq!((of_each[0][1].0, &of_each[0][1].1["text"]), (200, &json!("a note")));
    assert_eq!(of_each[0][2].1["items"][0]["muted"], true);
}

async fn oneself_is_refused_in_one_way(world: World) {
    let ada = world.user("ada").await;
    let [_, pet] = things(&ada).await;
    let mine = json!({"user_id": ada.id});
    let target = json!({"target": {"type": "user", "id": ada.id}, "category": "spam"});
    let chat = json!({"type": "private", "participant_ids": [ada.id]});
    for id in [&*ada.id, "me"] {
        for (method, path, body, pointer) in [
            ("PUT", format!("/api/users/{id}/block"), json!({}), "{user_id}"),
            ("PUT", format!("/api/users/{id}/mute"), json!({}), "{user_id}"),
            ("PUT", format!("/api/users/{id}/note"), json!({"text": "x"}), "{user_id}"),
            ("DELETE", format!("/api/friends/suggestions/{}", ada.id), Value::Null, "{user_id}"),
            ("POST", "/api/friends/request".to_owned(), mine.clone(), "/user_id"),
            ("POST", "/api/reports".to_owned(), target.clone(), "/target/id"),
            ("POST", "/api/chats".to_owned(), chat.clone(), "/participant_ids/0"),
            ("POST", format!("/api/pets/{pet}/keepers"), json!({"user_id": ada.id, "role": "caretaker"}), "/user_id"),
        ] {
            let request = ada.request(method, &path);
            let request = if body.is_null() { request } else { request.json(&body) };
            let answer = Answer::to(request).await.refused(422, "input.invalid");
            let error = &answer["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!(pointer), &json!("self")), "{method} {path}");
        }
    }
    // Wherever a path names a user, `me` is oneself.
    for path in ["", "/friends", "/pets", "/friends?mutual=true"] {
        let mine = ada.get(&format!("/api/users/{}{path}", ada.id)).await.expect(200);
        let me = ada.get(&format!("/api/users/me{path}")).await.expect(200);
        assert!(path.is_empty() || mine == me, "{path}: {me}");
    }
    world.nobody().get("/api/users/me/friends").await.refused(401, "token.missing");
    ada.get("/api/users/you/friends").await.refused(404, "id.invalid");
}

/// How often each call is measured for each person; `TEST_ROUNDS` says how often instead.
const ROUNDS: usize = 30;
/// Rounds that only warm up.
const FIRST: usize = 5;

/// How often a difference has to show, each time for the same people. On a busy machine it shows now and then where there is
/// none.
const SERIES: usize = 4;

/// Calls about somebody hidden take as long as calls about nobody, measured in turns. Two ids that nobody has say how much
/// chance makes of it. With a few rounds only a clear difference shows; with more, the printed times are to be read.
async fn the_hidden_take_as_long_as_nobody(world: World) {
    let rounds = setting("TEST_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let (ada, people) = (world.user("ada").await, hidden_people(&world).await);
    hide(&world, &people, &ada).await;
    let mut targets = vec![
        ("nobody", NOBODY[0].to_owned(), NOBODY[1].to_owned()),
        ("nobody else", NOBODY[0].replace('7', "8"), "no-one-of-this-name".to_owned()),
    ];
    targets.extend(people.iter().map(|(how, person)| (*how, person.id.clone(), person.name.clone())));
    let calls = |id: &str, name: &str| {
        let user = |rest: &str| format!("/api/users/{id}{rest}");
        vec![
            ("GET", user(""), Value::Null),
            ("GET", user("/friends"), Value::Null),
            ("GET", user("/pets"), Value::Null),
            ("GET", format!("/api/usernames/{name}"), Value::Null),
            ("GET", format!("/api/relationships?ids={id}"), Value::Null),
            ("PUT", user("/mute"), json!({})),
            ("DELETE", format!("/api/friends/suggestions/{id}"), Value::Null),
            ("POST", "/api/friends/request".to_owned(), json!({"user_id": id})),
            ("POST", "/api/reports".to_owned(), json!({"target": {"type": "user", "id": id}, "category": "spam"})),
            ("POST", "/api/chats".to_owned(), json!({"type": "private", "participant_ids": [id]})),
        ]
    };
    let of_each: Vec<_> = targets.iter().map(|(_, id, name)| calls(id, name)).collect();
    for (number, (method, path, _)) in of_each[0].iter().enumerate() {
        let path = path.replace(NOBODY[0], "ID").replace(NOBODY[1], "NAME");
        let asked: Vec<_> = of_each.iter().map(|calls| &calls[number]).collect();
        let mut differ: Vec<usize> = (2..targets.len()).collect();
        let mut shown = Vec::new();
        for _ in 0..SERIES {
            let medians = medians(&ada, &asked, rounds).await;
            let named = targets.iter().zip(&medians).map(|((how, ..), median)| format!("{how} {median:.0} µs"));
            shown.push(named.collect::<Vec<_>>().join(", "));
            let (nobody, chance) = ((medians[0] + medians[1]) / 2.0, (medians[0] - medians[1]).abs());
            differ.retain(|who| (medians[*who] - nobody).abs() >= nobody / 3.0 + 3.0 * chance);
            if differ.is_empty() {
                break;
            }
        }
        println!("{method} {path}: {}", shown.join("; "));
        assert!(differ.is_empty(), "{method} {path}: {}", shown.join("; "));
    }
}

/// How long these calls take, in microseconds.
async fn medians(by: &User, calls: &[&(&str, String, Value)], rounds: usize) -> Vec<f64> {
    let mut took = vec![Vec::new(); calls.len()];
    for round in 0..FIRST + rounds {
        for turn in 0..calls.len() {
            let which = (round + turn) % calls.len();
            let (method, path, body) = calls[which];
            let request = by.request(method, path);
            let request = if body.is_null() { request } else { request.json(body) };
            let began = Instant::now();
            let answer = Answer::to(request).await;
            if round >= FIRST {
                took[which].push(began.elapsed().as_secs_f64() * 1e6);
            }
            assert!(answer.status < 500, "{}", answer.text);
        }
    }
    let median = |mut took: Vec<f64>| {
        took.sort_unstable_by(f64::total_cmp);
        took[took.len() / 2]
    };
    took.into_iter().map(median).collect()
}
