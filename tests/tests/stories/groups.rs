//! People make groups, join and leave them, and nobody sees a secret one who should not.

use clowder_tests::{User, World, on_both, world::each};
use serde_json::{Value, json};

on_both!(
    shared; a_public_group, a_closed_group, a_secret_group, links, inviting, staff, editing, live, everything_is_told, across_a_block, deleting
);

async fn group(owner: &User, visibility: &str) -> String {
    let new = json!({"name": "Gardeners", "visibility": visibility});
    owner.post("/api/groups", new).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn three(world: &World) -> (User, User, User) {
    (world.user("ada").await, world.user("bob").await, world.user("cem").await)
}

async fn a_public_group(world: World) {
    let (ada, bob, _) = three(&world).await;
    assert_eq!(ada.post("/api/groups", json!({"visibility": "odd"})).await.wrong_fields(), ["/visibility", "/name"]);
    let made = ada.post("/api/groups", json!({"title": "  Gardeners ", "rules": "Be kind."})).await.expect(201);
    assert_eq!(
        (&made["name"], &made["my_role"], &made["visibility"]),
        (&json!("Gardeners"), &json!("owner"), &json!("public"))
    );
    assert_eq!((&made["avatar"], &made["cover"], &made["version"]), (&json!(null), &json!(null), &json!(1)));
    let path = format!("/api/groups/{}", made["id"].as_str().unwrap());
    let seen = bob.get(&path).await.expect(200);
    assert_eq!((&seen["my_role"], &seen["chat_id"], &seen["member_count"]), (&json!("none"), &json!(null), &json!(1)));
    assert_eq!(
        each(bob.get(&format!("{path}/members")).await.expect(200)["items"].as_array().unwrap(), "role"),
        ["owner"]
    );
    let one = |user: &User| format!("{path}/members/{}", user.id);
    assert_eq!(bob.get(&one(&ada)).await.expect(200)["role"], "owner");
    bob.get(&one(&bob)).await.refused(404, "group.member_unknown");
    let joined = bob.post(&format!("{path}/join"), json!({})).await.expect(201);
    assert_eq!(ada.get(&one(&bob)).await.expect(200)["status"], "member");
    bob.post(&format!("{path}/join"), json!({})).await.expect(200);
    let once = || bob.request("POST", &format!("{path}/join")).header("idempotency-key", "join").json(&json!({}));
    for replayed in [false, true] {
        let answer = clowder_tests::Answer::to(once()).await;
        assert_eq!(answer.headers.contains_key("idempotent-replayed"), replayed);
        answer.expect(200);
    }
    let chat = joined["chat_id"].as_str().unwrap();
    assert_eq!(chat, made["chat_id"]);
    bob.says(chat, "hello").await;
    assert_eq!(ada.chat(chat).await["unread_count"], 1);
    ada.post(&format!("{path}/leave"), json!({})).await.refused(409, "group.owner");
    bob.post(&format!("{path}/leave"), json!({})).await.expect(204);
    bob.get(&format!("/api/chats/{chat}")).await.refused(404, "chat.unknown");
    let mine = bob.get("/api/groups?mine=true").await.expect(200);
    assert_eq!(mine["items"], json!([]));
}

async fn a_closed_group(world: World) {
    let (ada, bob, cem) = three(&world).await;
    let path = format!("/api/groups/{}", group(&ada, "closed").await);
    let asked = bob.post(&format!("{path}/join"), json!({})).await.expect(202);
    assert_eq!((&asked["my_role"], &asked["chat_id"]), (&json!("pending"), &json!(null)));
    bob.get(&format!("{path}/members")).await.refused(403, "group.forbidden");
    let requests = format!("{path}/requests");
    assert_eq!(ada.get(&requests).await.expect(200)["items"][0]["user"]["id"], json!(bob.id));
    bob.put(&format!("{requests}/{}", bob.id), json!({"action": "approve"})).await.refused(403, "group.forbidden");
    ada.put(&format!("{requests}/{}", bob.id), json!({"action": "perhaps"})).await.expect(422);
    ada.put(&format!("{requests}/{}", bob.id), json!({"action": "approve"})).await.expect(204);
    ada.put(&format!("{requests}/{}", bob.id), json!({"action": "approve"}))
        .await
        .refused(404, "group.request_unknown");
    assert_eq!(bob.get(&path).await.expect(200)["my_role"], "member");
    cem.post(&format!("{path}/join"), json!({})).await.expect(202);
    cem.post(&format!("{path}/leave"), json!({})).await.expect(204);
    assert_eq!(ada.get(&requests).await.expect(200)["items"], json!([]));
    ada.put(&format!("{path}/bans/{}", cem.id), json!({})).await.expect(204);
    cem.post(&format!("{path}/join"), json!({})).await.refused(403, "group.banned");
    assert_eq!(ada.get(&format!("{path}/bans")).await.expect(200)["items"][0]["user"]["id"], json!(cem.id));
    ada.delete(&format!("{path}/bans/{}", cem.id)).await.expect(204);
    cem.post(&format!("{path}/join"), json!({})).await.expect(202);
}

/// The same answer as for a group that does not exist.
async fn a_secret_group(world: World) {
    let (ada, bob, _) = three(&world).await;
    let (secret, nothing) = (group(&ada, "secret").await, "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10".to_owned());
    let like = |body: &Value| json!([body["status"], body["code"], body["title"], body["detail"], body["type"]]);
    for tail in ["", "/members", "/requests", "/bans", "/invites"] {
        let [one, other] = [&secret, &nothing].map(|id| format!("/api/groups/{id}{tail}"));
        let [one, other] = [bob.get(&one).await, bob.get(&other).await];
        assert_eq!(like(&one.body), like(&other.body), "{tail}");
        one.refused(404, "group.unknown");
    }
    for tail in ["join", "leave", "invites"] {
        bob.post(&format!("/api/groups/{secret}/{tail}"), json!({})).await.refused(404, "group.unknown");
    }
    bob.delete(&format!("/api/groups/{secret}")).await.refused(404, "group.unknown");
    let listed = bob.get("/api/groups?limit=200").await.expect(200);
    assert!(!each(listed["items"].as_array().unwrap(), "id").iter().any(|id| *id == json!(secret)));
    let invites = format!("/api/groups/{secret}/invites");
    assert_eq!(ada.post(&invites, json!({"user_ids": [bob.id, nothing]})).await.wrong_fields(), ["/user_ids/1"]);
    assert_eq!(bob.get("/api/groups?my_role=invited").await.expect(200)["items"], json!([]));
    let invited = ada.post(&invites, json!({"user_ids": [bob.id]})).await.expect(201);
    assert_eq!(
        each(bob.get("/api/groups?my_role=invited").await.expect(200)["items"].as_array().unwrap(), "id"),
        [&*secret]
    );
    bob.get("/api/groups?my_role=none").await.expect(422);
    let own = bob.get("/api/groups/invitations").await.expect(200);
    assert_eq!((&own["items"][0]["group"]["id"], &own["items"][1]), (&json!(secret), &json!(null)));
    assert_eq!(
        (&own["items"][0]["group"]["my_role"], &own["items"][0]["invited_by"]["id"]),
        (&json!("invited"), &json!(ada.id))
    );
    assert!(own["items"][0]["since"].is_string());
    let listed = ada.get(&format!("/api/groups/{secret}/members?status=invited")).await.expect(200);
    assert_eq!(
        (&listed["items"][0]["user"]["id"], &listed["items"][0]["invited_by"]["id"]),
        (&json!(bob.id), &json!(ada.id))
    );
    assert_eq!(invited, json!({"user_ids": [bob.id], "link": null, "code": null}));
    assert_eq!(bob.get(&format!("/api/groups/{secret}")).await.expect(200)["my_role"], "invited");
    bob.post(&format!("/api/groups/{secret}/join"), json!({})).await.expect(201);
    assert_eq!(bob.get("/api/groups/invitations").await.expect(200)["items"], json!([]));
    let members = ada.get(&format!("/api/groups/{secret}/members")).await.expect(200);
    assert!(members["items"].as_array().unwrap().iter().all(|member| member["invited_by"].is_null()), "{members}");
}

async fn links(world: World) {
    let (ada, bob, cem) = three(&world).await;
    let path = format!("/api/groups/{}", group(&ada, "secret").await);
    let made = ada.post(&format!("{path}/invites"), json!({"max_uses": 1})).await.expect(201);
    let by_code = format!("/api/group-invites/{}/join", made["code"].as_str().unwrap());
    let preview = bob.get(by_code.trim_end_matches("/join")).await.expect(200);
    assert_eq!((&preview["name"], &preview["member_count"]), (&json!("Gardeners"), &json!(1)));
    bob.post(&by_code, json!({})).await.expect(201);
    bob.post(&by_code, json!({})).await.expect(200);
    cem.post(&by_code, json!({})).await.refused(410, "group.invite_gone");
    cem.post("/api/group-invites/nonsense/join", json!({})).await.refused(404, "group.invite_unknown");
    let listed = ada.get(&format!("{path}/invites")).await.expect(200);
    assert_eq!((&listed["items"][0]["uses"], &listed["items"][0]["code"]), (&json!(1), &json!(null)));
    let revoked = ada.post(&format!("{path}/invites"), json!({})).await.expect(201);
    let link = format!("{path}/invites/{}", revoked["link"]["id"].as_str().unwrap());
    bob.delete(&link).await.refused(403, "group.forbidden");
    ada.delete(&link).await.expect(204);
    let by_code = format!("/api/group-invites/{}/join", revoked["code"].as_str().unwrap());
    cem.post(&by_code, json!({})).await.refused(410, "group.invite_gone");
    assert_eq!(ada.post(&format!("{path}/invites"), json!({"max_uses": 0})).await.wrong_fields(), ["/max_uses"]);
    let past = json!({"expires_at": "2001-01-01T00:00:00Z"});
    assert_eq!(ada.post(&format!("{path}/invites"), past).await.wrong_fields(), ["/expires_at"]);
}

async fn inviting(world: World) {
    let (ada, bob, _) = three(&world).await;
    let path = format!("/api/groups/{}/invites", group(&ada, "closed").await);
    let wrong = async |body: Value| {
        let answer = ada.post(&path, body).await.expect(422);
        let errors = answer["errors"].as_array().unwrap().iter();
        errors.map(|error| format!("{} {}", error["pointer"], error["code"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(wrong(json!({"user_ids": []})).await, ["/user_ids required"]);
    assert_eq!(wrong(json!({"user_ids": [ada.id]})).await, ["/user_ids/0 self"]);
    let mixed = json!({"user_ids": [bob.id], "max_uses": 3, "expires_at": "2099-01-01T00:00:00Z"});
    assert_eq!(wrong(mixed).await, ["/max_uses unwanted", "/expires_at unwanted"]);
    let made = clowder_tests::Answer::to(ada.request("POST", &path)).await.expect(201);
    assert!(made["code"].is_string() && made["link"]["max_uses"].is_null(), "no body makes a link: {made}");
}

/// Nobody hears across a block that somebody types, others in the group do.
async fn across_a_block(world: World) {
    let (ada, bob, cem) = three(&world).await;
    let made = ada.post("/api/groups", json!({"name": "Gardeners"})).await.expect(201);
    let (path, chat) = (format!("/api/groups/{}/join", made["id"].as_str().unwrap()), made["chat_id"].clone());
    for person in [&bob, &cem] {
        person.post(&path, json!({})).await.expect(201);
    }
    assert_eq!(bob.chat(chat.as_str().unwrap()).await["group_id"], made["id"]);
    assert_eq!(bob.chat(&ada.group("Lunch", &[&bob]).await).await["group_id"], json!(null));
    bob.put(&format!("/api/users/{}/block", ada.id), json!({})).await.expect(200);
    let (mut a, mut b, mut c) = (ada.socket().await, bob.socket().await, cem.socket().await);
    for ada_types in [true, false] {
        let (typing, other) = if ada_types { (&mut a, &mut b) } else { (&mut b, &mut a) };
        typing.command("typing.start", json!({"chat_id": chat})).await.unwrap();
        assert_eq!(c.until("typing.start").await["data"]["chat_id"], chat);
        typing
            .command("message.send", json!({"chat_id": chat, "content": format!("hello {ada_types}")}))
            .await
            .unwrap();
        // Common groups go on.
        loop {
            let heard = other.frame().await;
            assert_ne!(heard["type"], "typing.start", "{heard}");
            if heard["data"]["content"] == format!("hello {ada_types}") {
                break;
            }
        }
    }
}

/// Of a large group a job is told, only to whoever deleted it.
async fn deleting(world: World) {
    let (ada, bob, _) = three(&world).await;
    let id = group(&ada, "public").await;
    // So many that it takes a job.
    let large = world.database.literal(&id);
    world.database.run(&format!("UPDATE groups SET member_count = 500 WHERE id = {large};"));
    let deleted = ada.delete(&format!("/api/groups/{id}")).await;
    let status = deleted.header("location").to_owned();
    assert!(status.ends_with(&format!("/api/group-deletions/{id}")), "{status}");
    let job = deleted.expect(202);
    assert_eq!((&job["group_id"], &job["status"]), (&json!(id), &json!("running")));
    ada.get(&format!("/api/groups/{id}")).await.refused(404, "group.unknown");
    let status = &status[status.find("/api/").unwrap()..];
    bob.get(status).await.refused(404, "group.deletion_unknown");
    clowder_tests::until("the job is done", async || ada.get(status).await.expect(200)["status"] == "done").await;
    assert_eq!(ada.get(status).await.expect(200)["progress"], 1.0);
}

async fn staff(world: World) {
    let (ada, bob, cem) = three(&world).await;
    let path = format!("/api/groups/{}", group(&ada, "public").await);
    for person in [&bob, &cem] {
        person.post(&format!("{path}/join"), json!({})).await.expect(201);
    }
    let member = |user: &User| format!("{path}/members/{}", user.id);
    bob.put(&member(&cem), json!({"role": "moderator"})).await.refused(403, "group.forbidden");
    let made = ada.put(&member(&bob), json!({"role": "admin"})).await.expect(200);
    assert_eq!((&made["role"], &made["status"]), (&json!("admin"), &json!("member")));
    bob.put(&member(&cem), json!({"role": "admin"})).await.refused(403, "group.forbidden");
    bob.put(&member(&cem), json!({"role": "moderator"})).await.expect(200);
    bob.put(&member(&ada), json!({"role": "member"})).await.refused(409, "group.owner");
    ada.put(&member(&cem), json!({"role": "owner"})).await.refused(409, "group.transfer");
    let needed = cem.patch(&path, json!({"name": "x"})).await.refused(403, "group.forbidden");
    assert!(needed["detail"].as_str().unwrap().contains("admins"), "{needed}");
    cem.delete(&member(&bob)).await.refused(403, "group.forbidden");
    cem.delete(&member(&ada)).await.refused(409, "group.owner");
    let moderators = cem.get(&format!("{path}/members?role=moderator")).await.expect(200);
    assert_eq!(moderators["items"][0]["user"]["id"], json!(cem.id));
    bob.put(&format!("{path}/owner"), json!({"user_id": bob.id})).await.refused(403, "group.forbidden");
    let given = ada.put(&format!("{path}/owner"), json!({"user_id": cem.id})).await.expect(200);
    assert_eq!((&given["owner_id"], &given["my_role"]), (&json!(cem.id), &json!("admin")));
    ada.post(&format!("{path}/leave"), json!({})).await.expect(204);
    cem.delete(&member(&bob)).await.expect(204);
    bob.delete(&path).await.refused(403, "group.forbidden");
    cem.delete(&path).await.expect(204);
    cem.get(&path).await.refused(404, "group.unknown");
}

async fn editing(world: World) {
    let (ada, bob, _) = three(&world).await;
    let path = format!("/api/groups/{}", group(&ada, "public").await);
    let first = ada.get(&path).await;
    let tag = first.header("etag").to_owned();
    let edit = async |tag: &str, body: Value| {
        clowder_tests::Answer::to(ada.request("PUT", &path).header("if-match", tag).json(&body)).await
    };
    let edited = edit(&tag, json!({"description": "Seeds"})).await.expect(200);
    assert_eq!(
        (&edited["description"], &edited["version"], &edited["name"]),
        (&json!("Seeds"), &json!(2), &json!("Gardeners"))
    );
    let stale = edit(&tag, json!({"name": "Cooks"})).await;
    assert_eq!(stale.header("etag"), ada.get(&path).await.header("etag"), "what to read and to send");
    stale.refused(412, "group.stale");
    // Somebody joins: what is shown is another, and the version the same.
    let seen = ada.get(&path).await;
    bob.post(&format!("{path}/join"), json!({})).await.expect(201);
    let now = ada.get(&path).await;
    assert_ne!(seen.header("etag"), now.header("etag"));
    assert_ne!(bob.get(&path).await.header("etag"), now.header("etag"), "they have another role");
    edit(seen.header("etag"), json!({"title": "Gardeners"})).await.expect(200);
    assert_eq!(edit(now.header("etag"), json!({"title": "Growers"})).await.expect(200)["name"], "Growers");
    bob.post(&format!("{path}/leave"), json!({})).await.expect(204);
    assert_eq!(
        ada.patch(&path, json!({"name": " ", "visibility": "x"})).await.wrong_fields(),
        ["/name", "/visibility"]
    );
    bob.patch(&path, json!({"name": "Cooks"})).await.refused(403, "group.forbidden");
    let found = bob.get("/api/groups?search=grow&limit=200").await.expect(200);
    assert!(each(found["items"].as_array().unwrap(), "id").contains(&edited["id"]));
    ada.patch(&path, json!({"name": "Cooks", "visibility": "secret", "description": null})).await.expect(200);
    bob.get(&path).await.refused(404, "group.unknown");
}

async fn live(world: World) {
    let (ada, bob, _) = three(&world).await;
    let made = ada.post("/api/groups", json!({"name": "Gardeners"})).await.expect(201);
    let path = format!("/api/groups/{}", made["id"].as_str().unwrap());
    let mut hears = ada.socket().await;
    bob.post(&format!("{path}/join"), json!({})).await.expect(201);
    let added = hears.until("group.member_added").await;
    assert_eq!(added["data"]["user"]["id"], json!(bob.id));
    let mut bobs = bob.socket().await;
    ada.patch(&path, json!({"rules": "Be kind."})).await.expect(200);
    assert_eq!(bobs.until("group.updated").await["data"]["rules"], "Be kind.");
    ada.delete(&path).await.expect(204);
    bobs.until("group.deleted").await;
    bobs.until("chat.deleted").await;
    bob.get(&format!("/api/chats/{}", made["chat_id"].as_str().unwrap())).await.refused(404, "chat.unknown");
}

/// Each of the events reaches whom it concerns, and an unchanged group is not sent again.
async fn everything_is_told(world: World) {
    let (ada, bob, cem) = three(&world).await;
    let (mut a, mut b, mut c) = (ada.socket().await, bob.socket().await, cem.socket().await);
    let id = group(&ada, "closed").await;
    let path = format!("/api/groups/{id}");
    assert_eq!(a.until("group.created").await["data"]["id"], id);
    cem.post(&format!("{path}/join"), json!({})).await.expect(202);
    assert_eq!(a.until("group.requested").await["data"]["user_id"], cem.id);
    ada.put(&format!("{path}/requests/{}", cem.id), json!({"action": "approve"})).await.expect(204);
    assert_eq!(c.until("group.decided").await["data"]["action"], "approve");
    ada.put(&format!("{path}/members/{}", cem.id), json!({"role": "moderator"})).await.expect(200);
    assert_eq!(a.until("group.member_updated").await["data"]["role"], "moderator");
    ada.delete(&format!("{path}/members/{}", cem.id)).await.expect(204);
    assert_eq!(a.until("group.member_removed").await["data"]["user_id"], cem.id);
    assert_eq!(c.until("participant.removed").await["data"]["removed_by"], ada.id);
    ada.post(&format!("{path}/invites"), json!({"user_ids": [bob.id]})).await.expect(201);
    assert_eq!(b.until("group.invited").await["data"]["group_id"], id);
    bob.post(&format!("{path}/leave"), json!({})).await.expect(204);
    assert_eq!(a.until("group.uninvited").await["data"]["reason"], "declined");

    let seen = ada.get(&path).await;
    let again = ada.request("GET", &path).header("if-none-match", seen.header("etag"));
    assert_eq!(clowder_tests::Answer::to(again).await.status, 304);
}
