//! Tokens are rotated, lost and stolen; devices are listed and signed out.

use clowder_tests::{Client, World, on_both};
use serde_json::{Value, json};

on_both!(shared; rotation, tabs_race, a_tab_lags, a_tab_lags_behind_many_refreshes, logout, logout_everywhere, devices);

async fn refresh(client: &Client, token: &str) -> clowder_tests::Answer {
    client.post("/api/auth/refresh", json!({"refresh": token})).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

async fn rotation(world: World) {
    let ada = world.user("ada").await;
    let next = refresh(world.nobody(), &ada.refresh).await.expect(200);
    assert_ne!(text(&next["refresh"]), ada.refresh);
    world.nobody().with(text(&next["access"])).get("/api/auth/me").await.expect(200);
    // The answer may have been lost: within the grace period the old token returns the same successor.
    let again = refresh(world.nobody(), &ada.refresh).await.expect(200);
    assert_eq!(again["refresh"], next["refresh"]);
    let after = refresh(world.nobody(), text(&next["refresh"])).await.expect(200);
    assert_ne!(after["refresh"], next["refresh"]);
    assert_eq!(refresh(world.nobody(), "nonsense").await.status, 401);
}

async fn tabs_race(world: World) {
    let ada = world.user("ada").await;
    let race = (0..8).map(|_| refresh(world.nobody(), &ada.refresh));
    let answers = futures_util::future::join_all(race).await;
    let successors: Vec<_> = answers.into_iter().map(|answer| answer.expect(200)["refresh"].clone()).collect();
    assert!(successors.iter().all(|successor| *successor == successors[0]), "two successors of one token");
}

async fn a_tab_lags(world: World) {
    let ada = world.user("ada").await;
    let second = refresh(world.nobody(), &ada.refresh).await.expect(200);
    let third = refresh(world.nobody(), text(&second["refresh"])).await.expect(200);
    let lagging = refresh(world.nobody(), &ada.refresh).await.expect(200);
    assert_eq!(lagging["refresh"], second["refresh"], "the same successor, though it was used");
    for token in [&second, &third, &lagging] {
        world.nobody().with(text(&token["access"])).get("/api/auth/me").await.expect(200);
    }
    assert_eq!(refresh(world.nobody(), text(&lagging["refresh"])).await.expect(200)["refresh"], third["refresh"]);
    refresh(world.nobody(), text(&third["refresh"])).await.expect(200);
}

async fn a_tab_lags_behind_many_refreshes(world: World) {
    let ada = world.user("ada").await;
    let second = refresh(world.nobody(), &ada.refresh).await.expect(200);
    let mut latest = second.clone();
    for _ in 0..100 {
        latest = refresh(world.nobody(), text(&latest["refresh"])).await.expect(200);
    }
    let lagging = refresh(world.nobody(), &ada.refresh).await.expect(200);
    assert_eq!(lagging["refresh"], second["refresh"], "the same successor, though it is 100 generations old");
    refresh(world.nobody(), text(&latest["refresh"])).await.expect(200);
}

async fn logout(world: World) {
    let ada = world.user("ada").await;
    let other = world.login("ada").await;
    assert_eq!(ada.post("/api/auth/logout", json!({})).await.status, 204);
    ada.get("/api/auth/me").await.refused(401, "session.ended");
    assert_eq!(refresh(world.nobody(), &ada.refresh).await.status, 401);
    other.get("/api/auth/me").await.expect(200);
}

async fn logout_everywhere(world: World) {
    let ada = world.user("ada").await;
    let other = world.login("ada").await;
    assert_eq!(ada.post("/api/auth/logout-all", json!({})).await.status, 204);
    for device in [&ada, &other] {
        device.get("/api/auth/me").await.refused(401, "session.ended");
    }
    world.login("ada").await.get("/api/auth/me").await.expect(200);
}

async fn devices(world: World) {
    let ada = world.user("ada").await;
    let other = world.login("ada").await;
    let bob = world.user("bob").await;
    let sessions = |answer: Value| answer["items"].as_array().unwrap().clone();

    let listed = sessions(ada.get("/api/auth/sessions").await.expect(200));
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|session| session["id"].is_string()));
    let mine = sessions(bob.get("/api/auth/sessions").await.expect(200))[0]["id"].as_str().unwrap().to_owned();

    let path = format!("/api/auth/sessions/{mine}");
    assert_eq!(bob.patch(&path, json!({"name": "Bob's phone"})).await.expect(200)["name"], "Bob's phone");
    ada.patch(&path, json!({"name": "mine now"})).await.refused(404, "session.unknown");
    ada.delete(&path).await.refused(404, "session.unknown");

    // Ends the one of Ada's two sessions that is not calling.
    for session in &listed {
        if other.get("/api/auth/me").await.status != 200 {
            break;
        }
        if session["current"] != true {
            ada.delete(&format!("/api/auth/sessions/{}", text(&session["id"]))).await.expect(204);
        }
    }
    other.get("/api/auth/me").await.refused(401, "session.ended");
    ada.get("/api/auth/me").await.expect(200);
    assert_eq!(sessions(ada.get("/api/auth/sessions").await.expect(200)).len(), 1);
}
