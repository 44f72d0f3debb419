//! Friends: a request to the owner, and texts that go with them.

use serde_json::json;

use super::{Domain, Reasons};
use crate::{
    User,
    lists::{List, MANY, Scene},
    texts::{
        Then::{self, Gone},
        call,
    },
    things::{Comes, Thing},
    unique,
};

pub const DOMAIN: Domain = Domain {
    things: THINGS,
    texts: TEXTS,
    plants: Some(|stage| Box::pin(async move { plant(stage.owner, &stage.world.user("admirer").await).await })),
    lists: LISTS,
    shared: SHARED,
    not_sent: NOT_SENT,
    ..Domain::new("Friends")
};

const THINGS: &[Thing] = &[Thing {
    name: "friend_request_id",
    comes: Comes::Made(|stage| {
        Box::pin(async move {
            let admirer = stage.world.user(&format!("admirer-{}", &unique()[..8])).await;
            let request = json!({"user_id": stage.owner.id});
            let request = admirer.post("/api/friends/request", request).await.expect(201);
            request["id"].as_str().unwrap().to_owned()
        })
    }),
}];

const TEXTS: &[(&str, Then)] = &[("POST /api/friends/request /message", Gone("zqfriendwish"))];

const SHARED: Reasons = &[
    ("DELETE /api/friends/suggestions/{user_id}", "everybody dismisses whom they see, for themselves"),
    ("GET /api/users/{user_id}/friends", "shown as far as the settings of the person say"),
];

const NOT_SENT: Reasons = &[("removeFriend", "the two in the walk are no friends")];

/// How many friends one person can have.
const FRIENDS: usize = 5_000;

const LISTS: &[List] = &[
    List {
        path: "/api/friends",
        at_least: FRIENDS,
        rows: Some(|scene| {
            let (people, me) = (people(scene, "friend", FRIENDS), scene.me());
            format!(
                "{people}; INSERT INTO friendships (user_id, friend_id, since)
                   SELECT {me}, id, created_at FROM users WHERE username LIKE 'friend%';
                 INSERT INTO friendships (user_id, friend_id, since)
                   SELECT id, {me}, created_at FROM users WHERE username LIKE 'friend%';"
            )
        }),
    },
    List {
        path: "/api/friends/requests",
        at_least: MANY,
        rows: Some(|scene| {
            let (people, me) = (people(scene, "asking", MANY), scene.me());
            format!(
                "{people}; INSERT INTO friend_requests (id, from_id, to_id, status, created_at)
                   SELECT id, id, {me}, 'pending', created_at FROM users WHERE username LIKE 'asking%';"
            )
        }),
    },
    List {
        path: "/api/friends/suggestions",
        at_least: 10,
        rows: Some(|scene| {
            let people = people(scene, "maybe", 10);
            format!(
                "{people}; INSERT INTO friendships (user_id, friend_id, since)
                   SELECT f.id, m.id, f.created_at FROM users f, users m
                   WHERE f.username LIKE 'friend%' AND m.username LIKE 'maybe%';
                 INSERT INTO friend_lists (user_id, friends, version)
                   SELECT id, 11, 1 FROM users WHERE username LIKE 'friend%';"
            )
        }),
    },
    List {
        path: "/api/users/{user_id}/friends",
        at_least: FRIENDS,
        rows: Some(|scene| {
            let (people, user) = (people(scene, "theirs", FRIENDS), scene.id_of("user_id"));
            format!(
                "{people}; INSERT INTO friendships (user_id, friend_id, since)
                   SELECT {user}, id, created_at FROM users WHERE username LIKE 'theirs%';"
            )
        }),
    },
];

/// People with names of this kind.
pub fn people(scene: &Scene, called: &str, count: usize) -> String {
    format!(
        "INSERT INTO users (id, username, username_key, email, email_key, password, display_name, visibility, role,
             created_at, version)
           SELECT {id}, '{called}' || s.n, '{called}' || s.n, '{called}' || s.n || '@x.org', '{called}' || s.n || '@x.org',
             'x', 'x', 'public', 'user', {now}, 1
           FROM {series}",
        id = scene.new_id(),
        now = scene.at("0"),
        series = scene.series(count),
    )
}

async fn plant(ada: &User, admirer: &User) {
    let wish = json!({"user_id": ada.id, "message": "zqfriendwish"});
    // By the owner, so that it goes with the account.
    let own = json!({"user_id": admirer.id, "message": "zqfriendwish"});
    let made = call(ada, "POST", "/api/friends/request", own, "zqidempotency-9").await.expect(201);
    admirer
        .put(&format!("/api/friends/request/{}", made["id"].as_str().unwrap()), json!({"action": "reject"}))
        .await
        .expect(200);
    call(admirer, "POST", "/api/friends/request", wish, "").await.expect(201);
}
