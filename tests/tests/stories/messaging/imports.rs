//! Administrators bring chats from elsewhere.

use clowder_tests::{Answer, User, World, answer, client::form, on_both};
use serde_json::{Value, json};

on_both!(shared; there_and_back, not_all_is_taken, not_for_everybody, what_is_no_form);

const IMPORT: &str = "/api/chats/import";

async fn send(user: &User, members: Value, key: &str) -> Answer {
    let request = user.request("POST", IMPORT);
    let request = if key.is_empty() { request } else { request.header("Idempotency-Key", key) };
    Answer::to(form(request, &members)).await
}

fn path(import: &Value) -> String {
    format!("/api/admin/chat-imports/{}", import["id"].as_str().unwrap())
}

async fn finished(user: &User, import: &Value) -> Value {
    let look = async || {
        let import = user.get(&path(import)).await.expect(200);
        Some(import).filter(|import| ["done", "failed"].contains(&import["status"].as_str().unwrap()))
    };
    answer("the import", look).await
}

fn document(messages: &Value) -> String {
    json!({"format": "clowder.chat", "version": 1, "chat": {"type": "group", "title": "Brought"}, "messages": messages})
        .to_string()
}

async fn there_and_back(world: World) {
    let (ada, bob, root) = (world.user("ada").await, world.user("bob").await, world.staff("ruth", "admin").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    ada.says(&chat, "what was said").await;
    bob.says(&chat, "and answered").await;
    let export = ada.post(&format!("/api/chats/{chat}/export"), json!({})).await.expect(202);
    let url = format!("/api/chat-exports/{}", export["id"].as_str().unwrap());
    let look = async || Some(ada.get(&url).await.expect(200)).filter(|export| export["status"] == "ready");
    answer("the export", look).await;
    let file = ada.get(&format!("{url}/file")).await.text;

    let sent = send(&root, json!({"file": file}), "import-1").await;
    assert!(sent.header("location").ends_with(&path(&sent.body)), "{sent:?}");
    let import = finished(&root, &sent.expect(202)).await;
    assert_eq!((&import["status"], &import["messages"], &import["refused"]), (&json!("done"), &json!(2), &json!(0)));
    let new = import["chat_id"].as_str().unwrap();
    let seen = bob.get(&format!("/api/chats/{new}/messages?after=0")).await.expect(200);
    let seen: Vec<_> = seen["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (&it["sender"]["id"], &it["content"], &it["system"]["action"]))
        .collect();
    let (none, ada_id, bob_id) = (Value::Null, json!(ada.id), json!(bob.id));
    assert_eq!(seen[..2], [(&ada_id, &json!("what was said"), &none), (&bob_id, &json!("and answered"), &none)]);
    assert_eq!(seen.last().unwrap().2, "imported");
    assert_eq!(root.get(&format!("/api/chats/{new}")).await.expect(200)["my_role"], "owner");

    let again = send(&root, json!({"file": file}), "import-1").await;
    assert_eq!((again.header("idempotent-replayed"), &again.body["chat_id"]), ("true", &import["chat_id"]));
    send(&root, json!({"file": file, "authors": "name"}), "import-1").await.refused(422, "idempotency.mismatch");
    send(&root, json!({"file": document(&json!([]))}), "import-1").await.refused(422, "idempotency.mismatch");
    let other = finished(&root, &send(&root, json!({"file": file}), "").await.expect(202)).await;
    assert_ne!(other["chat_id"], import["chat_id"], "without the key, it is another one");
    ada.get(&format!("/api/chats/{}", other["chat_id"].as_str().unwrap())).await.expect(200);
}

async fn not_all_is_taken(world: World) {
    let root = world.staff("ruth", "admin").await;
    let line = |seq: i64, at: &str| {
        let sender = json!({"username": "elsewhere", "display_name": "Elsewhere"});
        json!({"seq": seq, "sender": sender, "content": "brought", "created_at": at})
    };
    let lines = json!([line(1, "2020-01-01T00:00:00Z"), line(2, "soon"), line(1, "2020-01-01T00:00:00Z")]);
    let import =
        finished(&root, &send(&root, json!({"file": document(&lines), "authors": "name"}), "").await.expect(202)).await;
    assert_eq!((&import["status"], &import["messages"], &import["refused"]), (&json!("done"), &json!(1), &json!(2)));
    let refused = root.get(&format!("{}/refused", path(&import))).await.expect(200);
    let refused: Vec<_> =
        refused["items"].as_array().unwrap().iter().map(|it| (&it["number"], &it["error"]["pointer"])).collect();
    assert_eq!(refused, [(&json!(2), &json!("/created_at")), (&json!(3), &json!("/seq"))]);
    let new = import["chat_id"].as_str().unwrap();
    let seen = root.get(&format!("/api/chats/{new}/messages?after=0")).await.expect(200);
    assert_eq!(seen["items"][0]["sender"]["display_name"], "Elsewhere");
    assert_eq!(seen["items"][0]["created_at"], "2020-01-01T00:00:00.000Z");
    let broken = finished(&root, &send(&root, json!({"file": "{\"format\""}), "").await.expect(202)).await;
    assert_eq!((&broken["status"], &broken["problem"]["code"]), (&json!("failed"), &json!("chat.import_broken")));
}

async fn not_for_everybody(world: World) {
    let (ada, mo) = (world.user("ada").await, world.staff("mo", "moderator").await);
    let (root, ruth) = (world.staff("root", "admin").await, world.staff("ruth", "admin").await);
    let file = json!({"file": document(&json!([]))});
    for user in [&ada, &mo] {
        send(user, file.clone(), "").await.refused(403, "permission.denied");
    }
    let import = send(&root, file, "").await.expect(202);
    ada.get(&path(&import)).await.refused(403, "permission.denied");
    ruth.get(&path(&import)).await.refused(404, "chat.import_unknown");
    ruth.get(&format!("{}/refused", path(&import))).await.refused(404, "chat.import_unknown");
    finished(&root, &import).await;
}

async fn what_is_no_form(world: World) {
    let root = world.staff("ruth", "admin").await;
    root.post(IMPORT, json!({"file": "{}"})).await.refused(415, "media_type.unsupported");
    assert_eq!(send(&root, json!({"authors": "name"}), "").await.wrong_fields(), ["/file"]);
    assert_eq!(send(&root, json!({"file": "", "authors": "name"}), "").await.wrong_fields(), ["/file"]);
    assert_eq!(send(&root, json!({"file": "{}", "authors": "somebody"}), "").await.wrong_fields(), ["/authors"]);
    let cut = root.request("POST", IMPORT).header("content-type", "multipart/form-data; boundary=bound");
    Answer::to(cut.body("--bound\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{"))
        .await
        .refused(400, "body.incomplete");
    let none = root.request("POST", IMPORT).header("content-type", "multipart/form-data");
    Answer::to(none.body("--x--")).await.refused(400, "body.unparsable");
    let short = root.request("POST", IMPORT).header("content-type", "multipart/form-data; boundary=x");
    Answer::to(short.body("-\n--\n--x\r\n")).await.refused(400, "body.incomplete");
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    let long = root.request("POST", IMPORT).header("content-type", long);
    Answer::to(long.body("--x--")).await.refused(400, "body.unparsable");
    let endless = root.request("POST", IMPORT).header("content-type", "multipart/form-data; boundary=bound");
    let headers = "x-more: of the same\r\n".repeat(10_000);
    Answer::to(endless.body(format!("--bound\r\n{headers}"))).await.refused(400, "body.unparsable");
    // What did not arrive keeps nobody waiting.
    let import = send(&root, json!({"file": document(&json!([])), "more": "is ignored"}), "").await.expect(202);
    assert_eq!(finished(&root, &import).await["status"], "done");
}
