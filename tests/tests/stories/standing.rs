//! Roles are granted and revoked, accounts suspended and restored; it takes effect at once, also for existing tokens.

use clowder_tests::{Auth, Database, Heard, SECOND, Socket, World, on_both, within, world::PASSWORD};
use serde_json::json;

on_both!(shared; suspension, a_suspension_ends_by_itself, signed_out_by_staff);
// About the last administrator, and everybody there is.
on_both!(roles, finding_accounts);

async fn roles(world: World) {
    let root = world.staff("rita", "admin").await;
    let ada = world.user("ada").await;
    let role = format!("/api/admin/users/{}/role", ada.id);
    ada.get("/api/admin/users").await.refused(403, "permission.denied");
    ada.put(&role, json!({"role": "admin"})).await.refused(403, "permission.denied");
    assert_eq!(root.put(&role, json!({"role": "moderator"})).await.expect(200)["role"], "moderator");
    ada.get("/api/admin/users").await.expect(200);
    ada.put(&role, json!({"role": "admin"})).await.refused(403, "permission.denied");
    assert_eq!(ada.get("/api/auth/me").await.expect(200)["role"], "moderator");
    assert_eq!(root.put(&role, json!({"role": "king"})).await.wrong_fields(), ["/role"]);

    // Moderators can govern users, but not each other or administrators.
    let [bob, mo] = [world.user("bob").await, world.staff("mo_1", "moderator").await];
    let spam = json!({"reason": "spam"});
    let suspend = |id: &str| format!("/api/admin/users/{id}/suspension");
    ada.put(&suspend(&bob.id), spam.clone()).await.expect(200);
    ada.delete(&suspend(&bob.id)).await.expect(204);
    for other in [&mo, &root, &ada] {
        ada.put(&suspend(&other.id), spam.clone()).await.refused(403, "user.outranked");
    }
    ada.post(&format!("/api/admin/users/{}/sessions/end", root.id), json!({})).await.refused(403, "user.outranked");

    // The last administrator stays; with a second one the first may step down.
    let own = format!("/api/admin/users/{}/role", root.id);
    root.put(&own, json!({"role": "user"})).await.refused(409, "role.last_admin");
    root.put(&role, json!({"role": "admin"})).await.expect(200);
    root.put(&role, json!({"role": "user"})).await.refused(403, "user.outranked");
    root.put(&own, json!({"role": "user"})).await.expect(200);
    root.get("/api/admin/users").await.refused(403, "permission.denied");
    ada.put("/api/admin/users/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10/role", json!({"role": "user"}))
        .await
        .refused(404, "user.unknown");
}

async fn suspension(world: World) {
    let (mo, ada) = (world.staff("mo_1", "moderator").await, world.user("ada").await);
    let path = format!("/api/admin/users/{}/suspension", ada.id);
    let mut socket = ada.socket().await;
    assert_eq!(mo.put(&path, json!({"reason": ""})).await.wrong_fields(), ["/reason"]);
    assert_eq!(mo.put(&path, json!({"reason": "x", "until": "2001-01-01T00:00:00Z"})).await.wrong_fields(), ["/until"]);
    let until = "2199-01-01T00:00:00.000Z";
    let suspended = mo.put(&path, json!({"reason": "sold <b>fake</b> cats", "until": until})).await.expect(200);
    let why = json!({"reason": "sold <b>fake</b> cats", "until": until});
    assert_eq!(suspended["suspension"], why);
    assert_eq!(socket.until("user.suspended").await["data"]["reason"], why["reason"], "before it closes");
    assert_eq!(socket.closed().await, 4003);

    // Every call gets the reason; and the account can look it up.
    for answer in [
        ada.get("/api/chats").await,
        ada.post("/api/chats", json!({"type": "group", "title": "Sale"})).await,
        ada.patch("/api/auth/me", json!({"bio": "cats"})).await,
        ada.get("/api/auth/sessions").await,
        ada.post("/api/ws/ticket", json!({})).await,
        ada.post("/api/api-keys", json!({"name": "bot", "scopes": ["chats:read"]})).await,
    ] {
        let problem = answer.refused(403, "account.suspended");
        assert_eq!(problem["suspension"], why);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("sold <b>fake</b> cats") && detail.contains("2199-01-01"), "{detail}");
    }
    assert_eq!(ada.get("/api/auth/me").await.expect(200)["suspension"], why);

    // No socket opens, in any way.
    let address = &world.server.address;
    let by_header = Socket::open(address, Auth::Header(ada.token()), None).await;
    let (status, problem) = by_header.err().expect("a socket of a suspended account");
    assert_eq!((status, problem["code"].as_str()), (403, Some("account.suspended")));
    // A page sees no status, so it gets the reason over the socket.
    let mut page = Socket::open(address, Auth::Subprotocol(ada.token()), None).await.ok().unwrap();
    assert_eq!(page.next().await, Heard::Closed(4003));
    let mut late = Socket::open(address, Auth::Later, None).await.ok().unwrap();
    late.say(json!({"type": "auth", "data": {"access": ada.token()}})).await;
    assert_eq!(late.next().await, Heard::Closed(4003));

    // Signing in and refreshing work, so that a client can show the reason.
    let again = world.login("ada").await;
    assert_eq!(again.get("/api/users/me").await.expect(200)["suspension"], why);
    let pair = world.nobody().post("/api/auth/refresh", json!({"refresh": again.refresh})).await.expect(200);
    assert_eq!(pair["user"]["suspension"], why);
    again.post("/api/auth/logout", json!({})).await.expect(204);

    mo.delete(&path).await.expect(204);
    mo.delete(&path).await.expect(204);
    ada.get("/api/chats").await.expect(200);
    assert!(ada.get("/api/auth/me").await.expect(200)["suspension"].is_null());
    ada.socket().await.command("ping", json!({})).await.unwrap();
}

async fn a_suspension_ends_by_itself(world: World) {
    let ada = world.user("ada").await;
    let soon = jiff::Timestamp::from_second(server_seconds(&world).await + 3).unwrap().to_string();
    let said = world.command(&["admin", "suspend", &ada.name, "--reason", "cool down", "--until", &soon], &[]);
    assert!(said.well, "{}", said.text);
    world.until(&ada, |me| me["suspension"]["reason"] == "cool down").await;
    ada.get("/api/chats").await.refused(403, "account.suspended");
    world.until(&ada, |me| me["suspension"].is_null()).await;
    ada.get("/api/chats").await.expect(200);
}

/// The server's time in whole seconds: when somebody registered just now.
async fn server_seconds(world: &World) -> i64 {
    let made = world.user("clock").await.get("/api/auth/me").await.expect(200)["created_at"].clone();
    made.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
}

async fn signed_out_by_staff(world: World) {
    let (mo, ada) = (world.staff("mo_1", "moderator").await, world.user("ada").await);
    let mut socket = ada.socket().await;
    mo.post(&format!("/api/admin/users/{}/sessions/end", ada.id), json!({})).await.expect(204);
    assert_eq!(socket.closed().await, 4003);
    ada.get("/api/auth/me").await.refused(401, "session.ended");
    world.nobody().post("/api/auth/refresh", json!({"refresh": ada.refresh})).await.refused(401, "session.ended");
    world.login("ada").await.get("/api/auth/me").await.expect(200);
}

async fn finding_accounts(world: World) {
    let mo = world.staff("mo_1", "moderator").await;
    for name in ["ada", "adabel", "bob"] {
        world.user(name).await;
    }
    let find = async |query: &str| {
        let found = mo.get(&format!("/api/admin/users?{query}")).await.expect(200);
        found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["username"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(find("q=ADA").await, ["adabel", "ada"]);
    assert_eq!(find("q=bob@example").await, ["bob"]);
    assert_eq!(find("role=moderator").await, ["mo_1"]);
    assert_eq!(find("limit=1").await, ["bob"]);
    assert!(find("status=suspended").await.is_empty());
    assert_eq!(find("q=%25").await, Vec::<String>::new());
    let wrong = mo.get("/api/admin/users?role=king&status=odd&limit=0").await;
    assert_eq!(wrong.wrong_fields(), ["?limit", "?role", "?status"]);
    assert_eq!(mo.get("/api/admin/users?cursor=x").await.wrong_fields(), ["?cursor"]);
    let one = mo.get("/api/admin/users?q=adabel").await.expect(200)["items"][0].clone();
    let id = one["id"].as_str().unwrap();
    assert_eq!(mo.get(&format!("/api/admin/users/{id}")).await.expect(200), one);
    assert!(!one.to_string().contains("password") && !one.to_string().contains(PASSWORD));
}

/// All nodes of a cluster know within a second.
#[tokio::test]
async fn every_node_goes_by_it_within_a_second() {
    let world = World::new(Database::postgres()).await;
    let other = clowder_tests::Server::start(&world.database, &[]).await;
    let root = world.staff("rita", "admin").await;
    let ada = world.user("ada").await;
    let there = clowder_tests::Client::new(&other.address).with(ada.token());
    there.get("/api/chats").await.expect(200);
    let mut socket = Socket::open(&other.address, Auth::Header(ada.token()), None).await.ok().unwrap();
    socket.hello().await;
    root.put(&format!("/api/admin/users/{}/role", ada.id), json!({"role": "moderator"})).await.expect(200);
    within(SECOND, "the other node knows", async || there.get("/api/admin/users").await.status == 200).await;
    let suspension = format!("/api/admin/users/{}/suspension", ada.id);
    root.put(&suspension, json!({"reason": "spam"})).await.expect(200);
    within(SECOND, "the other node knows", async || there.get("/api/chats").await.status == 403).await;
    assert_eq!(socket.closed().await, 4003);
    root.delete(&suspension).await.expect(204);
    within(SECOND, "the other node knows", async || there.get("/api/chats").await.status == 200).await;

    let mut socket = Socket::open(&other.address, Auth::Header(ada.token()), None).await.ok().unwrap();
    socket.hello().await;
    root.delete(&format!("/api/admin/users/{}", ada.id)).await.expect(202);
    assert_eq!(socket.closed().await, 4003, "whoever is erased hears nothing more");
    within(SECOND, "the other node knows", async || there.get("/api/chats").await.status == 401).await;
}
