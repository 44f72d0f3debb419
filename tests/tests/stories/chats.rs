//! People run chats: they edit them, find them, bring others in and take them out, and arrange them for themselves.

use clowder_tests::{Answer, Stream, User, World, on_both, world::each};
use serde_json::{Value, json};

on_both!(shared; editing, people, channels, over_the_socket, settings_over_the_socket, coming_over_the_socket, for_oneself, invitations, links, since_join, deleting, of_groups);

async fn make(owner: &User, new: Value) -> String {
    owner.post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn edited_with(user: &User, chat: &str, version: u64, body: Value) -> Answer {
    let request = user.request("PATCH", &format!("/api/chats/{chat}")).header("If-Match", format!("\"{version}\""));
    Answer::to(request.json(&body)).await
}

async fn editing(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut phone = bob.socket().await;
    let edited = edited_with(&ada, &chat, 1, json!({"title": "Tea", "rights": {"add": false}})).await.expect(200);
    assert_eq!(
        (&edited["title"], &edited["version"], &edited["rights"]["add"]),
        (&json!("Tea"), &json!(2), &json!(false))
    );
    let told = phone.until("chat.updated").await;
    assert_eq!(
        (&told["data"]["id"], &told["data"]["title"], &told["data"]["version"]),
        (&json!(chat), &json!("Tea"), &json!(2))
    );
    let said = phone.until("message.sent").await;
    assert_eq!((&said["data"]["type"], &said["data"]["system"]["action"]), (&json!("system"), &json!("retitled")));
    edited_with(&ada, &chat, 1, json!({"title": "x"})).await.refused(412, "chat.stale");
    let path = format!("/api/chats/{chat}");
    let refused = bob.patch(&path, json!({"title": "x"})).await.refused(403, "chat.forbidden");
    assert!(refused["detail"].as_str().unwrap().starts_with("Only owners and admins"), "{refused}");
    bob.post(&format!("{path}/participants"), json!({"user_ids": [ada.id]})).await.refused(403, "chat.forbidden");
    assert_eq!(ada.put(&path, json!({"description": "At four"})).await.expect(200)["title"], "Tea");
    assert_eq!(ada.patch(&path, json!({"title": "x", "name": "y"})).await.wrong_fields(), ["/name"]);
    let private = ada.private_chat(&bob).await;
    ada.patch(&format!("/api/chats/{private}"), json!({"title": "x"})).await.refused(409, "chat.private");
    let refused = ada.delete(&format!("/api/chats/{private}")).await.refused(409, "chat.private");
    assert!(refused["detail"].as_str().unwrap().contains("archive it"), "{refused}");
}

async fn people(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let path = format!("/api/chats/{chat}/participants");
    let (mut phone, mut new) = (bob.socket().await, eve.socket().await);
    let added = ada.post(&path, json!({"user_ids": [eve.id]})).await.expect(200);
    assert_eq!(added["items"][0]["user"]["id"], json!(eve.id));
    assert_eq!(new.until("chat.created").await["data"]["id"], json!(chat));
    assert_eq!(phone.until("participant.added").await["data"]["participant"]["user"]["id"], json!(eve.id));
    let list = bob.get(&format!("{path}?limit=2")).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(list["items"][0]["role"], "owner");
    let found = bob.get(&format!("{path}?role=member&q=eve")).await.expect(200);
    assert_eq!(found["items"][0]["user"]["id"], json!(eve.id));
    ada.put(&format!("{path}/{}", eve.id), json!({"role": "admin"})).await.expect(200);
    assert_eq!(phone.until("participant.updated").await["data"]["participant"]["role"], "admin");
    bob.put(&format!("{path}/{}", eve.id), json!({"role": "member"})).await.refused(403, "chat.forbidden");
    ada.put(&format!("{path}/{}", eve.id), json!({"role": "subscriber"})).await.refused(422, "input.invalid");
    eve.delete(&format!("{path}/{}", bob.id)).await.expect(204);
    assert_eq!(phone.until("participant.removed").await["data"]["removed_by"], json!(eve.id));
    bob.get(&path).await.refused(404, "chat.unknown");
    ada.delete(&format!("{path}/{}", ada.id)).await.refused(409, "chat.owner");
    let handed = ada.put(&format!("/api/chats/{chat}/owner"), json!({"user_id": eve.id})).await.expect(200);
    assert_eq!(handed["my_role"], "admin");
    ada.delete(&format!("/api/chats/{chat}")).await.expect(204);
    ada.get(&format!("/api/chats/{chat}")).await.refused(404, "chat.unknown");
    assert_eq!(eve.chat(&chat).await["participant_count"], 1);
}

/// What somebody does with a chat while they write in it needs no other connection.
async fn over_the_socket(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let chosen = json!({"chat_id": chat, "pinned": true, "title": "Mine"});
    let chosen = his.command("preferences.set", chosen).await.unwrap();
    assert_eq!((&chosen["pinned"], &chosen["title"]), (&json!(true), &json!("Mine")));
    assert_eq!(bob.chat(&chat).await["preferences"]["title"], "Mine");
    let past = json!({"chat_id": chat, "muted_until": "2020-01-01T00:00:00Z"});
    assert_eq!(his.command("preferences.set", past).await.unwrap_err()["errors"][0]["pointer"], "/muted_until");

    let add = json!({"chat_id": chat, "user_ids": [eve.id]});
    let added = his.command("participant.add", add).await.unwrap();
    assert_eq!(added["items"][0]["user"]["id"], json!(eve.id));
    let of_eve = json!({"chat_id": chat, "user_id": eve.id});
    assert_eq!(his.command("participant.remove", of_eve.clone()).await.unwrap_err()["code"], "chat.forbidden");
    let admin = json!({"chat_id": chat, "user_id": bob.id, "role": "admin"});
    assert_eq!(his.command("participant.set_role", admin.clone()).await.unwrap_err()["code"], "chat.forbidden");
    assert_eq!(hers.command("participant.set_role", admin).await.unwrap()["role"], "admin");
    for (to, end, path) in [("mute", "unmute", "mutes"), ("ban", "unban", "bans")] {
        let path = format!("/api/chats/{chat}/moderation/{path}");
        let reason = json!({"chat_id": chat, "user_id": eve.id, "reason": "Advertising"});
        let wrong = his.command(&format!("participant.{to}"), of_eve.clone()).await.unwrap_err();
        assert_eq!(wrong["errors"][0]["pointer"], "/reason");
        let sanction = his.command(&format!("participant.{to}"), reason.clone()).await.unwrap();
        assert_eq!((&sanction["type"], &sanction["reason"]), (&json!(to), &json!("Advertising")));
        assert_eq!(ada.get(&path).await.expect(200)["items"][0]["user"]["id"], json!(eve.id));
        assert_eq!(his.command(&format!("participant.{end}"), reason).await.unwrap(), json!({}));
        assert_eq!(ada.get(&path).await.expect(200)["items"], json!([]));
    }
    eve.get(&format!("/api/chats/{chat}")).await.refused(404, "chat.unknown");
    hers.command("participant.add", json!({"chat_id": chat, "user_ids": [eve.id]})).await.unwrap();
    assert_eq!(his.command("participant.remove", of_eve).await.unwrap(), json!({}));
    assert_eq!(his.command("chat.leave", json!({"chat_id": chat})).await.unwrap(), json!({}));
    bob.get(&format!("/api/chats/{chat}")).await.refused(404, "chat.unknown");
    assert_eq!(hers.command("chat.leave", json!({"chat_id": chat})).await.unwrap_err()["code"], "chat.owner");
}

/// The same is true of what they set, and of what they delete and order.
async fn settings_over_the_socket(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let group = json!({"type": "group", "title": "Lunch", "participant_ids": [bob.id]});
    let made = hers.command("chat.create", group).await.unwrap();
    let chat = made["id"].as_str().unwrap();
    let private = json!({"type": "private", "participant_ids": [bob.id]});
    let found = hers.command("chat.create", private.clone()).await.unwrap()["id"].clone();
    assert_eq!(hers.command("chat.create", private).await.unwrap()["id"], found);
    let nameless = hers.command("chat.create", json!({"type": "group"})).await.unwrap_err();
    assert_eq!(nameless["errors"][0]["pointer"], "/title");

    let edit = json!({"chat_id": chat, "title": "Late lunch", "version": made["version"]});
    assert_eq!(his.command("chat.edit", edit.clone()).await.unwrap_err()["code"], "chat.forbidden");
    assert_eq!(hers.command("chat.edit", edit.clone()).await.unwrap()["title"], "Late lunch");
    assert_eq!(hers.command("chat.edit", edit).await.unwrap_err()["code"], "chat.stale");
    assert_eq!(his.until("chat.updated").await["data"]["title"], "Late lunch");
    let stale = json!({"chat_id": chat, "lifetime": null, "version": made["version"]});
    assert_eq!(hers.command("chat.set_lifetime", stale).await.unwrap_err()["code"], "chat.stale");
    let lifetime = json!({"seconds": 3600, "from": "sent"});
    let timed = hers.command("chat.set_lifetime", json!({"chat_id": chat, "lifetime": lifetime})).await.unwrap();
    assert_eq!(timed["lifetime"], lifetime);
    let unsaid = hers.command("chat.set_lifetime", json!({"chat_id": chat})).await.unwrap_err();
    assert_eq!(unsaid["errors"][0]["pointer"], "/lifetime");
    let slow = json!({"chat_id": chat, "seconds": 3600, "reason": "Too much"});
    assert_eq!(his.command("chat.set_slow_mode", slow.clone()).await.unwrap_err()["code"], "chat.forbidden");
    assert_eq!(hers.command("chat.set_slow_mode", slow).await.unwrap()["slow_seconds"], 3600);
    his.command("message.send", json!({"chat_id": chat, "content": "one"})).await.unwrap();
    let too_soon = his.command("message.send", json!({"chat_id": chat, "content": "two"})).await.unwrap_err();
    assert_eq!(too_soon["code"], "message.slow");

    let (first, second) = (ada.says(chat, "first").await["id"].clone(), ada.says(chat, "second").await["id"].clone());
    for message in [&first, &second] {
        hers.command("message.pin", json!({"message_id": message})).await.unwrap();
    }
    for order in [[&first, &second], [&second, &first]] {
        let order = json!({"chat_id": chat, "message_ids": order});
        assert_eq!(his.command("chat.order_pins", order.clone()).await.unwrap_err()["code"], "chat.forbidden");
        let pins = hers.command("chat.order_pins", order.clone()).await.unwrap();
        let ids: Vec<_> = pins["items"].as_array().unwrap().iter().map(|pin| pin["message"]["id"].clone()).collect();
        assert_eq!(json!(ids), order["message_ids"]);
    }
    let both = json!({"chat_id": chat, "message_ids": [first, second], "reason": "Advertising"});
    let outcome = his.command("message.delete_many", both.clone()).await.unwrap();
    assert!(outcome["items"].as_array().unwrap().iter().all(|item| item["deleted_at"].is_null()), "{outcome}");
    let outcome = hers.command("message.delete_many", both.clone()).await.unwrap();
    assert!(outcome["items"].as_array().unwrap().iter().all(|item| item["deleted_at"].is_string()), "{outcome}");
    assert_eq!(his.until("message.deleted").await["data"]["message_id"], first);
    let for_me = json!({"chat_id": chat, "message_ids": [first], "for": "me"});
    assert_eq!(his.command("message.delete_many", for_me).await.unwrap()["items"][0]["problem"], json!(null));
    assert!(bob.messages(chat).await.iter().all(|message| message["id"] != first));

    let to_bob = json!({"chat_id": chat, "user_id": bob.id});
    assert_eq!(his.command("chat.set_owner", to_bob.clone()).await.unwrap_err()["code"], "chat.forbidden");
    assert_eq!(hers.command("chat.set_owner", to_bob).await.unwrap()["my_role"], "admin");
    assert_eq!(bob.chat(chat).await["my_role"], "owner");
    let report = json!({"target": {"type": "user", "id": bob.id}, "category": "spam"});
    assert_eq!(hers.command("report.create", report.clone()).await.unwrap()["target"]["id"], json!(bob.id));
    assert_eq!(hers.command("report.create", report).await.unwrap_err()["code"], "report.open");
}

/// And of how people come into a chat, and of what owners and admins decide.
async fn coming_over_the_socket(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let (mut hers, mut his, mut third) = (ada.socket().await, bob.socket().await, eve.socket().await);
    let chat = make(&ada, json!({"type": "group", "title": "Lunch", "visibility": "public"})).await;
    let here = json!({"chat_id": chat});
    let both = json!({"chat_id": chat, "user_ids": [bob.id, eve.id]});
    assert_eq!(his.command("chat.invite", both.clone()).await.unwrap_err()["code"], "chat.unknown");
    assert_eq!(his.command("invitation.accept", here.clone()).await.unwrap_err()["code"], "chat.invitation_unknown");
    assert_eq!(hers.command("chat.invite", both).await.unwrap()["user_ids"], json!([bob.id, eve.id]));
    assert_eq!(his.until("chat.invited").await["data"]["chat_id"], json!(chat));
    assert_eq!(his.command("invitation.accept", here.clone()).await.unwrap()["my_role"], "member");
    assert_eq!(third.command("invitation.decline", here.clone()).await.unwrap(), json!({}));
    let repeated = third.command("invitation.decline", here.clone()).await.unwrap_err();
    assert_eq!(repeated["code"], "chat.invitation_unknown");
    for _ in 0..2 {
        assert_eq!(third.command("chat.join", here.clone()).await.unwrap()["my_role"], "member");
    }
    third.command("chat.leave", here.clone()).await.unwrap();

    let link = hers.command("chat.invite", json!({"chat_id": chat, "approval": true})).await.unwrap();
    let by_code = json!({"code": link["code"]});
    assert_eq!(third.command("chat.join", by_code.clone()).await.unwrap(), json!({"chat_id": chat}));
    let verdict = json!({"chat_id": chat, "user_id": eve.id, "action": "approve"});
    assert_eq!(his.command("request.decide", verdict.clone()).await.unwrap_err()["code"], "chat.forbidden");
    assert_eq!(hers.command("request.decide", verdict.clone()).await.unwrap(), json!({}));
    assert_eq!(hers.command("request.decide", verdict).await.unwrap_err()["code"], "chat.request_unknown");
    assert_eq!(eve.chat(&chat).await["my_role"], "member");
    let wrong = third.command("chat.join", json!({})).await.unwrap_err();
    assert_eq!((&wrong["errors"][0]["pointer"], &wrong["errors"][0]["code"]), (&json!("/chat_id"), &json!("required")));
    let unknown = third.command("chat.join", json!({"code": "nothing"})).await.unwrap_err();
    assert_eq!(unknown["code"], "chat.link_unknown");

    let revoked = json!({"chat_id": chat, "link_id": link["link"]["id"]});
    assert_eq!(his.command("link.revoke", revoked.clone()).await.unwrap_err()["code"], "chat.forbidden");
    for _ in 0..2 {
        assert_eq!(hers.command("link.revoke", revoked.clone()).await.unwrap(), json!({}));
    }
    let zoe = world.user("zoe").await;
    let mut fourth = zoe.socket().await;
    assert_eq!(fourth.command("chat.join", by_code).await.unwrap_err()["code"], "chat.link_gone");
    let invited = json!({"chat_id": chat, "user_ids": [zoe.id]});
    hers.command("chat.invite", invited).await.unwrap();
    fourth.until("chat.invited").await;
    let withdrawn = json!({"chat_id": chat, "user_id": zoe.id});
    assert_eq!(hers.command("invitation.withdraw", withdrawn).await.unwrap(), json!({}));
    fourth.until("chat.uninvited").await;
    assert_eq!(fourth.command("invitation.accept", here.clone()).await.unwrap_err()["code"], "chat.invitation_unknown");

    let filter = json!({"words": ["casino"], "action": "hold", "reason": "Advertising"});
    ada.put(&format!("/api/chats/{chat}/moderation/filter"), filter).await.expect(200);
    let held = his.command("message.send", json!({"chat_id": chat, "content": "a casino"})).await.unwrap_err();
    assert_eq!(held["code"], "message.held");
    let review = hers.until("chat.review").await["data"]["review_id"].clone();
    let decide = |version: i64| json!({"chat_id": chat, "review_id": review, "version": version, "action": "approve", "reason": "A joke"});
    assert_eq!(his.command("review.decide", decide(1)).await.unwrap_err()["code"], "chat.forbidden");
    assert_eq!(hers.command("review.decide", decide(2)).await.unwrap_err()["code"], "message.stale");
    assert_eq!(hers.command("review.decide", decide(1)).await.unwrap(), json!({}));
    let sent = loop {
        let sent = his.until("message.sent").await;
        if sent["data"]["type"] == "text" {
            break sent;
        }
    };
    assert_eq!(sent["data"]["content"], "a casino");
    assert_eq!(hers.command("review.decide", decide(1)).await.unwrap_err()["code"], "message.review_unknown");
}

async fn channels(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let title = format!("Menus {}", ada.name);
    let chat = make(&ada, json!({"type": "channel", "title": title, "visibility": "public"})).await;
    bob.get(&format!("/api/chats/{chat}")).await.refused(404, "chat.unknown");
    let search = format!("/api/chats/directory?type=channel&search={}", ada.name);
    let found = bob.get(&search).await.expect(200);
    assert_eq!((&found["items"][0]["id"], &found["items"][0]["joined"]), (&json!(chat), &json!(false)));
    let join = format!("/api/chats/{chat}/join");
    let joined = bob.post(&join, json!({})).await.expect(201);
    assert_eq!((&joined["my_role"], &joined["writable"]), (&json!("subscriber"), &json!(false)));
    bob.post(&join, json!({})).await.expect(200);
    bob.post(&format!("/api/chats/{chat}/messages"), json!({"content": "hi"})).await.refused(403, "chat.forbidden");
    let refused = bob.socket().await.command("typing.start", json!({"chat_id": chat})).await.unwrap_err();
    assert_eq!(refused["code"], "chat.forbidden");
    bob.get(&format!("/api/chats/{chat}/participants")).await.refused(403, "chat.forbidden");
    let mut phone = bob.socket().await;
    ada.says(&chat, "Soup").await;
    assert_eq!(phone.until("message.sent").await["data"]["content"], "Soup");
    assert_eq!(bob.chat(&chat).await["unread_count"], 1);
    // Subscribers do not learn of each other.
    let eve = world.user("eve").await;
    eve.post(&join, json!({})).await.expect(201);
    eve.delete(&format!("/api/chats/{chat}/participants/{}", eve.id)).await.expect(204);
    ada.says(&chat, "Salad").await;
    loop {
        let frame = phone.frame().await;
        assert!(!frame["type"].as_str().unwrap().starts_with("participant."), "{frame}");
        if frame["data"]["content"] == "Salad" {
            break;
        }
    }
}

async fn for_oneself(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (first, second) = (ada.group("First", &[&bob]).await, ada.group("Second", &[&bob]).await);
    let (mut phone, mut laptop) = (bob.socket().await, bob.socket().await);
    let path = format!("/api/chats/{first}/preferences");
    let chosen = bob.put(&path, json!({"pinned": true, "notify": "none", "title": "Mine"})).await.expect(200);
    assert_eq!((&chosen["pinned"], &chosen["title"]), (&json!(true), &json!("Mine")));
    let told = phone.until("chat.preferences").await;
    assert_eq!(
        (&told["data"]["pinned"], &told["data"]["has_title"], &told["data"]["title"]),
        (&json!(true), &json!(true), &json!(null))
    );
    let list = bob.get("/api/chats").await.expect(200);
    assert_eq!(each(list["items"].as_array().unwrap(), "id"), [json!(first), json!(second)]);
    let ids = async |query: &str| {
        each(bob.get(&format!("/api/chats?{query}")).await.expect(200)["items"].as_array().unwrap(), "id")
    };
    assert_eq!(ids("q=mine").await, [json!(first)]);
    assert_eq!(ids("q=sec").await, [json!(second)]);
    bob.patch(&path, json!({"archived": true, "muted_until": "2126-01-01T00:00:00Z"})).await.expect(200);
    assert_eq!((ids("archived=true").await, ids("archived=false").await), (vec![json!(first)], vec![json!(second)]));
    assert_eq!((ids("muted=true").await, ids("muted=false").await), (vec![json!(first)], vec![json!(second)]));
    assert_eq!(bob.put(&path, json!({"muted_until": "2020-01-01T00:00:00Z"})).await.wrong_fields(), ["/muted_until"]);
    let drafted = bob.put(&format!("/api/chats/{second}/draft"), json!({"content": "Shall we"})).await.expect(200);
    assert_eq!(drafted["draft"], "Shall we");
    let draft = laptop.command("draft.set", json!({"chat_id": second, "content": "Shall we have"})).await.unwrap();
    assert_eq!(draft["draft"], "Shall we have");
    assert_eq!(bob.chat(&second).await["preferences"]["draft"], "Shall we have");
    assert_eq!(ada.chat(&second).await["preferences"]["draft"], json!(null));
    laptop.command("draft.set", json!({"chat_id": second, "content": null})).await.unwrap();
    assert_eq!(bob.chat(&second).await["preferences"]["drafted_at"], json!(null));
    for content in ["Or", ""] {
        bob.put(&format!("/api/chats/{second}/draft"), json!({"content": content})).await.expect(200);
    }
    assert_eq!(bob.chat(&second).await["preferences"]["draft"], json!(null), "an empty draft is none");
}

async fn invitations(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[]).await;
    let (path, mut phone, mut staff) = (format!("/api/chats/{chat}"), bob.socket().await, ada.socket().await);
    let made = ada.post(&format!("{path}/invites"), json!({"user_ids": [bob.id, eve.id]})).await.expect(201);
    assert_eq!(made["user_ids"], json!([bob.id, eve.id]));
    assert_eq!(phone.until("chat.invited").await["data"]["chat_id"], json!(chat));
    let mine = bob.get("/api/chat-invitations").await.expect(200);
    assert_eq!((&mine["items"][0]["chat_id"], &mine["items"][0]["title"]), (&json!(chat), &json!("Lunch")));
    assert_eq!(ada.get(&format!("{path}/invitations")).await.expect(200)["items"].as_array().unwrap().len(), 2);
    let own = format!("/api/chat-invitations/{chat}");
    assert_eq!(bob.put(&own, json!({"action": "accept"})).await.expect(200)["my_role"], "member");
    bob.get(&format!("{path}/invitations")).await.refused(403, "chat.forbidden");
    eve.put(&own, json!({"action": "decline"})).await.expect(204);
    let again = ada.post(&format!("{path}/invites"), json!({"user_ids": [eve.id]})).await;
    assert_eq!(again.wrong_fields(), ["/user_ids/0"]);
    assert_eq!(staff.until("chat.uninvited").await["data"]["reason"], "declined");
    ada.delete(&format!("{path}/invitations/{}", eve.id)).await.expect(204);
    for (new, wrong) in [
        (json!({"user_ids": []}), vec!["/user_ids"]),
        (json!({"user_ids": [ada.id]}), vec!["/user_ids/0"]),
        (json!({"user_ids": [eve.id], "max_uses": 3, "approval": true}), vec!["/approval", "/max_uses"]),
    ] {
        assert_eq!(ada.post(&format!("{path}/invites"), new).await.wrong_fields(), wrong);
    }
    eve.put(&own, json!({"action": "accept"})).await.refused(404, "chat.invitation_unknown");
    let made = Answer::to(ada.request("POST", &format!("{path}/invites"))).await.expect(201);
    assert!(made["code"].is_string() && made["link"]["max_uses"].is_null(), "no body makes a link: {made}");
    let added = ada.post(&format!("{path}/participants"), json!({"user_ids": [eve.id]})).await;
    assert_eq!(added.wrong_fields(), ["/user_ids/0"], "declining is a no to being added, too");
}

async fn links(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[]).await;
    let path = format!("/api/chats/{chat}");
    let made = ada.post(&format!("{path}/invites"), json!({"max_uses": 1})).await.expect(201);
    let come = format!("/api/chats/join/{}", made["code"].as_str().unwrap());
    let shown = bob.get(&come).await.expect(200);
    assert_eq!((&shown["title"], &shown["joined"]), (&json!("Lunch"), &json!(false)));
    bob.post(&come, json!({})).await.expect(201);
    bob.post(&come, json!({})).await.expect(200);
    eve.post(&come, json!({})).await.refused(410, "chat.link_gone");
    let listed = ada.get(&format!("{path}/invites")).await.expect(200);
    assert_eq!((&listed["items"][0]["uses"], &listed["items"][0]["code"]), (&json!(1), &json!(null)));

    let (mut staff, mut guest) = (ada.socket().await, eve.socket().await);
    let made = ada.post(&format!("{path}/invites"), json!({"approval": true})).await.expect(201);
    let come = format!("/api/chats/join/{}", made["code"].as_str().unwrap());
    assert_eq!(eve.post(&come, json!({})).await.expect(202)["chat_id"], json!(chat));
    assert_eq!(staff.until("chat.requested").await["data"]["user_id"], json!(eve.id));
    let waiting = ada.get(&format!("{path}/requests")).await.expect(200);
    assert_eq!(waiting["items"][0]["user"]["id"], json!(eve.id));
    let mine = eve.get("/api/chat-invitations?status=pending").await.expect(200);
    assert_eq!((&mine["items"][0]["chat_id"], &mine["items"][0]["title"]), (&json!(chat), &json!(null)));
    ada.put(&format!("{path}/requests/{}", eve.id), json!({"action": "approve"})).await.expect(204);
    assert_eq!(guest.until("chat.decided").await["data"]["action"], "approve");
    assert_eq!(eve.chat(&chat).await["my_role"], "member");
    let link = made["link"]["id"].as_str().unwrap();
    ada.delete(&format!("{path}/invites/{link}")).await.expect(204);
    world.user("dan").await.post(&come, json!({})).await.refused(410, "chat.link_gone");
}

async fn since_join(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat =
        make(&ada, json!({"type": "group", "title": "x", "participant_ids": [bob.id], "history": "since_join"})).await;
    let early = ada.says(&chat, "before").await["id"].as_str().unwrap().to_owned();
    ada.post(&format!("/api/chats/{chat}/participants"), json!({"user_ids": [eve.id]})).await.expect(200);
    let (mut old, mut new) = (bob.socket().await, eve.socket().await);
    eve.get(&format!("/api/messages/{early}")).await.refused(404, "message.unknown");
    assert!(eve.messages(&chat).await.iter().all(|message| message["content"] != "before"));
    ada.patch(&format!("/api/messages/{early}"), json!({"content": "rewritten"})).await.expect(200);
    let told = old.until("message.updated").await;
    assert_eq!((&told["data"]["seq"], &told["data"]["content"]), (&json!(1), &json!("rewritten")));
    bob.put(&format!("/api/messages/{early}/reactions/👍"), json!({})).await.expect(200);
    ada.put(&format!("/api/messages/{early}/pin"), json!({})).await.expect(200);
    ada.delete(&format!("/api/messages/{early}")).await.expect(204);
    let last = ada.says(&chat, "after").await["id"].clone();
    for name in ["reaction.added", "message.pinned", "message.deleted"] {
        assert_eq!(old.until(name).await["data"]["seq"], json!(1));
    }
    let heard = until(async || new.frame().await, &last).await;
    assert!(heard.iter().all(|frame| frame["data"]["seq"] != json!(1)), "{heard:?}");
    let there = heard.last().unwrap()["cursor"].as_str().unwrap().to_owned();

    // Whoever comes back gets nothing of what was said before, whether over a socket, a stream or page by page.
    let seat = format!("/api/chats/{chat}/participants/{}", eve.id);
    eve.delete(&seat).await.expect(204);
    let between = ada.says(&chat, "between").await["id"].as_str().unwrap().to_owned();
    // Whoever has left is invited, and not added by people who are not their friends.
    ada.post(&format!("/api/chats/{chat}/invites"), json!({"user_ids": [eve.id]})).await;
    eve.put(&format!("/api/chat-invitations/{chat}"), json!({"action": "accept"})).await.expect(200);
    for id in [last.as_str().unwrap(), &between] {
        ada.patch(&format!("/api/messages/{id}"), json!({"content": "between the stays"})).await.expect(200);
    }
    let last = ada.says(&chat, "back again").await["id"].clone();
    let back = until(async || new.frame().await, &last).await;
    let mut resumed = eve.knock(Some(&there)).await;
    let replayed = until(async || resumed.frame().await, &last).await;
    let mut stream = Stream::open(&eve, "", &there).await.unwrap_or_else(|answer| panic!("{answer:?}"));
    let streamed = until(async || stream.frame().await, &last).await;
    let polled = eve.get(&format!("/api/journal?cursor={there}")).await.expect(200);
    for heard in [&back, &replayed, &streamed, polled["events"].as_array().unwrap()] {
        assert!(!json!(heard).to_string().contains("between"), "{heard:?}");
        assert_eq!(heard.last().unwrap()["data"]["content"], "back again");
        assert!(heard.iter().any(|frame| frame["type"] == "chat.created"), "{heard:?}");
    }
}

/// The frames up to the one that shows this message.
async fn until(mut next: impl AsyncFnMut() -> Value, message: &Value) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let frame = next().await;
        let is_last = frame["data"]["id"] == *message;
        heard.push(frame);
        if is_last {
            return heard;
        }
    }
}

async fn deleting(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    ada.says(&chat, "hello").await;
    let mut phone = bob.socket().await;
    ada.delete(&format!("/api/chats/{chat}")).await.expect(204);
    bob.get(&format!("/api/chats/{chat}")).await.refused(404, "chat.unknown");
    assert_eq!(phone.until("chat.deleted").await["data"]["chat_id"], json!(chat));
    assert_eq!(bob.get("/api/chats").await.expect(200)["items"], json!([]));

    // Of a large chat a job is told, only to whoever deleted it.
    let chat = ada.group("Garden friends", &[&bob]).await;
    let large = world.database.literal(&chat);
    world.database.run(&format!("UPDATE chats SET participant_count = 500 WHERE id = {large};"));
    let deleted = ada.delete(&format!("/api/chats/{chat}")).await;
    let status = deleted.header("location").to_owned();
    let job = deleted.expect(202);
    assert_eq!((&job["chat_id"], &job["status"]), (&json!(chat), &json!("running")));
    let status = &status[status.find("/api/").unwrap()..];
    assert_eq!(status, format!("/api/chat-deletions/{chat}"));
    bob.get(status).await.refused(404, "chat.deletion_unknown");
    clowder_tests::until("the job is done", async || ada.get(status).await.expect(200)["status"] == "done").await;
    assert_eq!(ada.get(status).await.expect(200)["progress"], 1.0);
}

async fn of_groups(world: World) {
    let ada = world.user("ada").await;
    let group = ada.post("/api/groups", json!({"name": "Gardeners"})).await.expect(201);
    let chat = group["chat_id"].as_str().unwrap();
    assert_eq!(ada.chat(chat).await["group_id"], group["id"]);
    ada.patch(&format!("/api/chats/{chat}"), json!({"title": "x"})).await.refused(409, "chat.of_group");
    ada.delete(&format!("/api/chats/{chat}")).await.refused(409, "chat.of_group");
    ada.post(&format!("/api/chats/{chat}/invites"), json!({})).await.refused(409, "chat.of_group");
}
