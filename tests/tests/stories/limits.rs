//! Who asks too often is told to wait, and how long.

use clowder_tests::{Database, World, world::PASSWORD};
use serde_json::json;

#[tokio::test]
async fn guessing_at_one_account_is_slowed_down_sooner() {
    let world = World::new(Database::sqlite()).await;
    world.user("ada").await;
    let guess = json!({"username": "ada", "password": "not the password"});
    for _ in 0..5 {
        assert_eq!(world.nobody().post("/api/auth/login", guess.clone()).await.status, 401);
    }
    // The next has to wait, also the right one, however the name is written.
    for name in ["ada", "ADA"] {
        let right = json!({"username": name, "password": PASSWORD});
        let answer = world.nobody().post("/api/auth/login", right).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "1"), "{name}");
    }
    let other = json!({"username": "bob", "password": "not the password"});
    assert_eq!(world.nobody().post("/api/auth/login", other).await.status, 401, "others are not held up");
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let world = World::with(Database::sqlite(), &[("RATE_LIMIT_FACTOR", "1")]).await;
    world.user("ada").await;
    for guess in 0..200 {
        let guess = json!({"username": format!("ada{guess}"), "password": "not the password"});
        let answer = world.nobody().post("/api/auth/login", guess).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
            assert_eq!(answer.header("x-ratelimit-remaining"), "0");
            // Even the right password has to wait now: the answer tells nothing.
            let right = json!({"username": "ada", "password": PASSWORD});
            assert_eq!(world.nobody().post("/api/auth/login", right).await.status, 429);
            return;
        }
        assert_eq!(answer.status, 401);
    }
    panic!("200 guesses and never told to wait");
}
