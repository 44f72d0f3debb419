//! People take their chats with them, and nothing of what they may not see.

use clowder_tests::{Answer, User, World, answer, on_both};
use serde_json::{Value, json};

on_both!(shared; both_formats, for_one_person_alone, ended);

fn path(export: &Value) -> String {
    format!("/api/chat-exports/{}", export["id"].as_str().unwrap())
}

async fn ask(user: &User, chat: &str, format: &str) -> Value {
    user.post(&format!("/api/chats/{chat}/export"), json!({"format": format})).await.expect(202)
}

async fn ready(user: &User, export: &Value) -> Value {
    let look = async || Some(user.get(&path(export)).await.expect(200)).filter(|export| export["status"] == "ready");
    answer("the export", look).await
}

async fn both_formats(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch & <dinner>", &[&bob]).await;
    ada.says(&chat, "<script>alert('🦀')</script>").await;
    bob.says(&chat, "שלום").await;
    let request = ada.request("POST", &format!("/api/chats/{chat}/export")).json(&json!({}));
    let asked = Answer::to(request.header("Idempotency-Key", "export-1")).await;
    assert!(asked.header("location").ends_with(&path(&asked.body)), "{asked:?}");
    let asked = asked.expect(202);
    let again = ada.request("POST", &format!("/api/chats/{chat}/export")).json(&json!({}));
    let again = Answer::to(again.header("Idempotency-Key", "export-1")).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body["id"]), ("true", &asked["id"]));
    let export = ready(&ada, &asked).await;
    assert_eq!((&export["format"], &export["messages"], &export["progress"]), (&json!("json"), &json!(2), &json!(1.0)));
    let file = ada.get(&format!("{}/file", path(&export))).await;
    assert!(file.header("content-disposition").starts_with("attachment; filename=\"chat-"), "{file:?}");
    assert_eq!(export["size"], json!(file.text.len()));
    let file = file.expect(200);
    assert_eq!(
        (&file["format"], &file["version"], &file["chat"]["id"]),
        (&json!("clowder.chat"), &json!(1), &json!(chat))
    );
    assert_eq!(
        file["messages"],
        json!(ada.get(&format!("/api/chats/{chat}/messages?after=0")).await.expect(200)["items"])
    );

    let export = ready(&ada, &ask(&ada, &chat, "html").await).await;
    let page = ada.get(&format!("{}/file", path(&export))).await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").contains("sandbox"), "{page:?}");
    assert!(page.text.contains("&lt;script&gt;") && !page.text.contains("<script"), "{}", page.text);
    assert!(page.text.contains("Lunch &amp; &lt;dinner&gt;") && page.text.contains("<p dir=\"auto\">שלום</p>"));
    let list = ada.get("/api/chat-exports").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let wrong = ada.post(&format!("/api/chats/{chat}/export"), json!({"format": "pdf"})).await;
    assert_eq!(wrong.wrong_fields(), ["/format"]);
}

async fn for_one_person_alone(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    bob.says(&chat, "among us").await;
    eve.post(&format!("/api/chats/{chat}/export"), json!({})).await.refused(404, "chat.unknown");
    let export = ready(&bob, &ask(&bob, &chat, "html").await).await;
    for other in [&ada, &eve] {
        other.get(&path(&export)).await.refused(404, "chat.export_unknown");
        other.get(&format!("{}/file", path(&export))).await.refused(404, "chat.export_unknown");
        other.delete(&path(&export)).await.refused(404, "chat.export_unknown");
    }
    world.nobody().get(&format!("{}/file", path(&export))).await.refused(401, "token.missing");
    ada.delete(&format!("/api/chats/{chat}/participants/{}", bob.id)).await.expect(204);
    bob.get(&format!("{}/file", path(&export))).await.refused(410, "chat.export_gone");
    assert_eq!(bob.get(&path(&export)).await.expect(200)["status"], "expired");
}

async fn ended(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Alone", &[]).await;
    let export = ready(&ada, &ask(&ada, &chat, "json").await).await;
    ada.delete(&path(&export)).await.expect(204);
    ada.get(&format!("{}/file", path(&export))).await.refused(410, "chat.export_gone");
    ada.delete(&path(&export)).await.expect(204);
    let other = path(&json!({"id": chat}));
    ada.delete(&other).await.refused(404, "chat.export_unknown");
}
