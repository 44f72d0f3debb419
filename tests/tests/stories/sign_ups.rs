//! Sign-ups that an administrator decides on.

use clowder_tests::{Database, Mailbox, World, world::PASSWORD};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_approved_and_one_rejected() {
    let world = World::with(Database::sqlite(), &[("SIGN_UP", "approval")]).await;
    let mail = Mailbox::new(world.database.folder.path().join("mail"));
    let create = ["admin", "create", "--username", "rita", "--email", "rita@example.org", "--password", PASSWORD];
    assert!(world.command(&create, &[]).well);
    let root = world.login("rita").await;
    let login = async |name: &str| {
        world.nobody().post("/api/auth/login", json!({"username": name, "password": PASSWORD})).await
    };
    for name in ["ada", "eve"] {
        let new = json!({"username": name, "email": world.email(name), "password": PASSWORD});
        let waiting = world.nobody().post("/api/auth/register", new).await.expect(202);
        assert_eq!(waiting["next"], "await_approval");
        login(name).await.refused(401, "credentials.invalid");
    }
    let waiting = root.get("/api/admin/sign-ups").await.expect(200);
    let path = |username: &str, what: &str| {
        let sign_up = waiting["items"].as_array().unwrap().iter().find(|sign_up| sign_up["username"] == username);
        format!("/api/admin/sign-ups/{}/{what}", sign_up.unwrap()["id"].as_str().unwrap())
    };
    root.post(&path("ada", "approve"), json!({})).await.expect(204);
    root.post(&path("eve", "reject"), json!({"reason": "We do not know you."})).await.expect(204);
    assert!(mail.next(&world.email("eve")).await.text.contains("We do not know you."));
    mail.next(&world.email("ada")).await;
    login("ada").await.expect(200);
    login("eve").await.refused(401, "credentials.invalid");
    root.post(&path("ada", "approve"), json!({})).await.refused(404, "sign_up.unknown");
    assert_eq!(root.get("/api/admin/sign-ups").await.expect(200)["items"], json!([]));
}

/// Emails of sign-ups that are dropped or delayed are counted, and the counts do not reveal which addresses have accounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withheld_emails_are_counted() {
    let withheld = async |world: &World, call: &str, reason: &str| -> u64 {
        let metrics = world.nobody().get("/metrics").await.text;
        let wanted = format!("clowder_emails_withheld_total{{call=\"{call}\",reason=\"{reason}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&*wanted)).map_or(0, |count| count.parse().unwrap())
    };
    let register = async |world: &World, name: &str, email: &str, status: u16| {
        let new = json!({"username": name, "email": email, "password": PASSWORD});
        world.nobody().post("/api/auth/register", new).await.expect(status);
    };
    let world = World::with(Database::sqlite(), &[]).await;
    for (name, withheld_so_far) in [("ada", 0), ("ada2", 1), ("ada3", 2)] {
        register(&world, name, &format!("ada+{name}@example.org"), 201).await;
        assert_eq!(withheld(&world, "sign_up", "address").await, withheld_so_far);
    }
    assert_eq!(withheld(&world, "sign_up", "caller").await, 0);

    let world = World::with(Database::sqlite(), &[("REVEAL_TAKEN", "false")]).await;
    let create = ["admin", "create", "--username", "rita", "--email", "rita@example.org", "--password", PASSWORD];
    assert!(world.command(&create, &[]).well);
    for (email, before) in [("rita@example.org", 0), ("nobody@example.org", 2)] {
        for count in 0..3 {
            register(&world, &format!("new{before}{count}"), email, 202).await;
            assert_eq!(withheld(&world, "sign_up", "address").await, before + count, "{email}");
        }
    }
}
