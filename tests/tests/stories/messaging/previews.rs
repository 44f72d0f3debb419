//! A link in a message shows what its page says, live, and for as long as the message is there.

use clowder_tests::{
    World, on_both, until,
    web_pages::{ALLOWED, WebPages},
};
use serde_json::json;

on_both!(with [super::ALLOWED, ("LINK_PREVIEWS", "true")]; shown, kept_back);

async fn shown(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let pages = WebPages::start().await;
    let url = pages.put("/menu", "<title>The &amp; menu</title><meta name=description content='Noodles  today'>");
    let mut socket = bob.socket().await;
    let path = format!("/api/chats/{chat}/messages");
    let said = ada.post(&path, json!({"content": format!("Look: {url}")})).await.expect(201);
    assert!(said.get("previews").is_none());
    let preview =
        json!({"url": url, "title": "The & menu", "description": "Noodles today", "site_name": null, "image": null});
    let told = socket.until("message.updated").await;
    assert_eq!((&told["data"]["id"], &told["data"]["previews"]), (&said["id"], &json!([preview])));
    let message = format!("/api/messages/{}", said["id"].as_str().unwrap());
    assert_eq!(bob.get(&message).await.expect(200)["previews"], json!([preview]));
    let page = bob.get(&path).await.expect(200);
    assert_eq!(page["items"][0]["previews"], json!([preview]));
    ada.delete(&message).await;
    assert!(bob.get(&message).await.expect(200).get("previews").is_none());
}

async fn kept_back(world: World) {
    let ada = world.user("ada").await;
    let chat = ada.group("Lunch", &[]).await;
    let pages = WebPages::start().await;
    let (one, two) = (pages.put("/one", "<title>One</title>"), pages.put("/two", "<title>Two</title>"));
    let path = format!("/api/chats/{chat}/messages");
    let said = ada.post(&path, json!({"content": format!("<{one}> {two}")})).await.expect(201);
    let message = format!("/api/messages/{}", said["id"].as_str().unwrap());
    let previews = async || ada.get(&message).await.expect(200)["previews"].clone();
    until("the second link has a preview", async || previews().await[0]["title"] == "Two").await;
    assert_eq!(pages.asked(), ["/two"]);
}
