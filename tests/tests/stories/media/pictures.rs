//! People give pictures to themselves, their groups, chats and pets, and others see them.

use clowder_tests::{
    Answer, User, World,
    files::{examined, send},
    on_both,
    recorded::png,
    until,
};
use serde_json::{Value, json};

use super::path;

on_both!(shared with [("CDN_URL", "https://cdn.example/chat")]; for_everybody);
on_both!(shared; of_people, of_groups, of_chats, of_pets, what_is_refused, deleted);

/// A new picture for this purpose, unlike all others.
async fn picture(user: &User, purpose: &str, mark: u8) -> Value {
    examined(user, &format!("?purpose={purpose}"), "; filename=\"face.png\"", &png(200, 100 + u32::from(mark), ""))
        .await
}

/// What is shown of a picture.
fn shown(file: &Value) -> Value {
    let thumbnails =
        [128, 512].map(|size| json!({"size": size, "url": path(file, &format!("/thumbnail?size={size}"))}));
    json!({"file_id": file["id"], "url": path(file, "/content"), "thumbnails": thumbnails})
}

/// Follows the addresses of a picture, which all say the same.
async fn gets(user: &User, picture: &Value) -> u16 {
    let status = user.get(picture["url"].as_str().unwrap()).await.status;
    for small in picture["thumbnails"].as_array().unwrap() {
        assert_eq!(user.get(small["url"].as_str().unwrap()).await.status, status);
    }
    status
}

#[track_caller]
fn wrong(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 422, "{}", answer.text);
    let errors = answer.body["errors"].as_array().unwrap();
    errors.iter().map(|e| format!("{} {}", e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect()
}

async fn of_people(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let mut phone = ada.socket().await;
    let (face, wide) = (picture(&ada, "avatar", 1).await, picture(&ada, "cover", 2).await);
    let me = ada.patch("/api/users/me", json!({"avatar": face["id"], "cover": wide["id"]})).await.expect(200);
    assert_eq!((&me["avatar"], &me["cover"]), (&shown(&face), &shown(&wide)));
    let told = phone.until("user.updated").await;
    assert_eq!((&told["data"]["avatar"], &told["data"]["version"]), (&shown(&face), &me["version"]));
    let seen = bob.get(&format!("/api/users/{}", ada.id)).await.expect(200);
    assert_eq!((&seen["avatar"], &seen["cover"]), (&shown(&face), &shown(&wide)));
    assert_eq!(gets(&bob, &seen["avatar"]).await, 200);
    // Nobody else learns how its owner has called it.
    let content = seen["avatar"]["url"].as_str().unwrap();
    assert_eq!(ada.get(content).await.header("content-disposition"), "inline; filename=\"face.png\"");
    assert_eq!(bob.get(content).await.header("content-disposition"), "inline; filename=\"avatar.png\"");
    assert_eq!(bob.get(&path(&face, "")).await.expect(200)["name"], "avatar.png");
    let chat = ada.private_chat(&bob).await;
    ada.says(&chat, "hi").await;
    let list = bob.chat(&chat).await;
    assert_eq!((&list["peer"]["avatar"], &list["avatar"]), (&shown(&face), &json!(null)));
    assert_eq!(list["last_message"]["sender"]["avatar"], shown(&face));
    ada.patch("/api/users/me", json!({"visibility": "private"})).await.expect(200);
    assert_eq!(gets(&bob, &seen["avatar"]).await, 404);
    let me = ada.patch("/api/users/me", json!({"avatar": null})).await.expect(200);
    assert_eq!((&me["avatar"], &me["cover"]), (&json!(null), &shown(&wide)));
    assert_eq!(bob.chat(&chat).await["peer"]["avatar"], json!(null));
}

async fn of_groups(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let face = picture(&ada, "group", 1).await;
    let new = json!({"name": "Gardeners", "visibility": "closed", "avatar": face["id"]});
    let made = ada.post("/api/groups", new).await.expect(201);
    assert_eq!((&made["avatar"], &made["cover"]), (&shown(&face), &json!(null)));
    let group = format!("/api/groups/{}", made["id"].as_str().unwrap());
    let seen = bob.get(&group).await.expect(200);
    assert_eq!((&seen["avatar"], gets(&bob, &seen["avatar"]).await), (&shown(&face), 200));
    assert_eq!(ada.chat(made["chat_id"].as_str().unwrap()).await["avatar"], shown(&face));
    let mut socket = ada.socket().await;
    let other = picture(&ada, "avatar", 2).await;
    let edited = ada.patch(&group, json!({"avatar": other["id"], "cover": face["id"]})).await.expect(200);
    assert_eq!((&edited["avatar"], &edited["cover"]), (&shown(&other), &shown(&face)));
    let told = socket.until("group.updated").await;
    assert_eq!((&told["data"]["avatar"], &told["data"]["cover"]), (&shown(&other), &shown(&face)));
    ada.patch(&group, json!({"visibility": "secret"})).await.expect(200);
    assert_eq!(gets(&bob, &seen["avatar"]).await, 404);
}

async fn of_chats(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let face = picture(&ada, "chat", 1).await;
    let mut his = bob.socket().await;
    let path = format!("/api/chats/{chat}");
    bob.patch(&path, json!({"avatar": null})).await.refused(403, "chat.forbidden");
    let edited = ada.patch(&path, json!({"avatar": face["id"]})).await.expect(200);
    assert_eq!(edited["avatar"], shown(&face));
    assert_eq!(his.until("chat.updated").await["data"]["avatar"], shown(&face));
    assert_eq!(bob.chat(&chat).await["avatar"], shown(&face));
    assert_eq!((gets(&bob, &edited["avatar"]).await, gets(&eve, &edited["avatar"]).await), (200, 404));
    let pair = ada.private_chat(&bob).await;
    let private = ada.patch(&format!("/api/chats/{pair}"), json!({"avatar": face["id"]})).await;
    private.refused(409, "chat.private");
}

async fn of_pets(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (one, two) = (picture(&ada, "pet", 1).await, picture(&ada, "pet", 2).await);
    let new = json!({"name": "Minka", "species": "cat", "avatar": one["id"], "photos": [two["id"], one["id"]]});
    let made = ada.post("/api/pets", new).await.expect(201);
    assert_eq!((&made["avatar"], &made["photos"]), (&shown(&one), &json!([shown(&two), shown(&one)])));
    let pet = format!("/api/pets/{}", made["id"].as_str().unwrap());
    let seen = bob.get(&pet).await.expect(200);
    assert_eq!((&seen["photos"], gets(&bob, &seen["photos"][0]).await), (&made["photos"], 200));
    let edited = ada.patch(&pet, json!({"photos": [one["id"]]})).await.expect(200);
    assert_eq!((&edited["photos"], &edited["avatar"]), (&json!([shown(&one)]), &shown(&one)));
    assert_eq!(gets(&bob, &seen["photos"][0]).await, 404);
    let cleared = ada.patch(&pet, json!({"photos": null, "avatar": null})).await.expect(200);
    assert_eq!((&cleared["photos"], &cleared["avatar"]), (&json!([]), &json!(null)));
}

async fn what_is_refused(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (his, pet) = (picture(&bob, "avatar", 1).await, picture(&ada, "pet", 2).await);
    let note = send(&ada, "", "; filename=\"note.txt\"", b"a note").await.expect(201);
    let me = "/api/users/me";
    for (given, code) in [
        (&his["id"], "no_file"),
        (&pet["id"], "unfit"),
        (&note["id"], "unfit"),
        (&json!("x"), "uuid"),
        (&json!([]), "type"),
    ] {
        let told = wrong(&ada.patch(me, json!({"avatar": given, "cover": null})).await);
        assert_eq!(told, [format!("/avatar {code}")], "{given}");
    }
    let group = json!({"name": "Cooks", "avatar": his["id"], "cover": note["id"]});
    assert_eq!(wrong(&ada.post("/api/groups", group).await), ["/avatar no_file", "/cover unfit"]);
    let new = |photos: Value| json!({"name": "Minka", "species": "cat", "photos": photos});
    let twice = ada.post("/api/pets", new(json!([pet["id"], pet["id"]]))).await;
    assert_eq!(wrong(&twice), ["/photos/1 distinct"]);
    let many = vec![pet["id"].clone(); 21];
    assert_eq!(wrong(&ada.post("/api/pets", new(json!(many))).await), ["/photos too_many"]);
    assert_eq!(wrong(&ada.post("/api/pets", new(json!([his["id"]]))).await), ["/photos/0 no_file"]);
}

/// Whoever deletes a file takes it from everything whose picture it is.
async fn deleted(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let face = picture(&ada, "avatar", 1).await;
    ada.patch("/api/users/me", json!({"avatar": face["id"]})).await.expect(200);
    let chat = ada.group("Lunch", &[&bob]).await;
    ada.patch(&format!("/api/chats/{chat}"), json!({"avatar": face["id"]})).await.expect(200);
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    ada.delete(&path(&face, "")).await.expect(204);
    assert_eq!(hers.until("user.updated").await["data"]["avatar"], json!(null));
    assert_eq!(his.until("chat.updated").await["data"]["avatar"], json!(null));
    let profile = format!("/api/users/{}", ada.id);
    until("others see it, too", async || bob.get(&profile).await.expect(200)["avatar"].is_null()).await;
    assert_eq!(bob.chat(&chat).await["avatar"], json!(null));
}

/// A cache in front of the server gets the pictures that everybody sees, and nothing else.
async fn for_everybody(world: World) {
    let (ada, bob, nobody) = (world.user("ada").await, world.user("bob").await, world.nobody());
    let (face, private) = (picture(&ada, "avatar", 1).await, picture(&ada, "avatar", 2).await);
    let text = super::upload(&ada, "a.txt", b"not a picture").await;
    let address = path(&face, "/public");
    // Before anybody has it as a picture, only its owner sees it.
    nobody.get(&address).await.refused(404, "file.not_public");
    ada.patch("/api/users/me", json!({"avatar": face["id"]})).await.expect(200);
    let seen = nobody.get(&address).await;
    assert_eq!((seen.status, seen.header("content-type")), (200, "image/png"));
    assert_eq!(seen.header("cache-control"), "public, max-age=31536000, immutable");
    let head = Answer::to(nobody.request("HEAD", &address)).await;
    assert_eq!((head.status, head.header("content-length")), (200, seen.header("content-length")));
    let known = Answer::to(nobody.request("GET", &address).header("if-none-match", seen.header("etag"))).await;
    assert_eq!((known.status, known.header("cache-control")), (304, seen.header("cache-control")));
    let some = Answer::to(nobody.request("GET", &address).header("range", "bytes=0-3")).await;
    assert_eq!((some.status, some.header("content-length")), (206, "4"));
    let small = nobody.get(&format!("{address}?size=64")).await;
    assert_eq!((small.status, small.header("content-type")), (200, "image/jpeg"));
    assert!(small.header("vary").to_ascii_lowercase().contains("accept"), "{small:?}");
    for other in [&private, &text] {
        nobody.get(&path(other, "/public")).await.refused(404, "file.not_public");
    }

    // The address is the same for everybody; that of anything else is one of the server.
    let link = async |user: &User, file: &Value| {
        user.post(&path(file, "/url"), json!({})).await.expect(200)["url"].as_str().unwrap().to_owned()
    };
    let expected = format!("https://cdn.example/chat{address}");
    assert_eq!((link(&ada, &face).await, link(&bob, &face).await), (expected.clone(), expected));
    assert!(link(&ada, &text).await.contains("/download?token="));

    // What not everybody sees any more is not sent any more.
    ada.patch("/api/users/me", json!({"visibility": "private"})).await.expect(200);
    nobody.get(&address).await.refused(404, "file.not_public");
    assert!(link(&ada, &face).await.contains("/download?token="));
    ada.patch("/api/users/me", json!({"visibility": "public"})).await.expect(200);
    assert_eq!(nobody.get(&address).await.status, 200);
    ada.patch("/api/users/me", json!({"avatar": private["id"]})).await.expect(200);
    nobody.get(&address).await.refused(404, "file.not_public");
}
