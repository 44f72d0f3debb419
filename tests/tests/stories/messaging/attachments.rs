//! People send files to each other, over REST and over a socket, and see in a message what has become of them.

use clowder_tests::{
    Answer, User, World,
    client::form,
    on_both,
    recorded::{png, wav},
    until,
};
use serde_json::{Value, json};

on_both!(shared; sent_and_read, live, what_is_refused, seen_by_whom, deleted, in_all_lists, later, held_back, out_of_a_private_chat);

/// A new text file.
async fn upload(user: &User, content: &str) -> Value {
    let request = user.request("POST", "/api/files/upload");
    Answer::to(form(request, &json!({"file": content}))).await.expect(201)
}

/// A new file of this type, which has been examined.
async fn recorded(user: &User, query: &str, name: &str, content: &[u8]) -> Value {
    let head = format!("--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), content, b"\r\n--bound--\r\n"].concat();
    let request = user.request("POST", &format!("/api/files/upload{query}"));
    let sent = request.header("content-type", "multipart/form-data; boundary=bound").body(body);
    let file = Answer::to(sent).await.expect(202);
    let now = async || user.get(&path(&file, "")).await.expect(200);
    until("the file is ready", async || now().await["status"] == "ready").await;
    now().await
}

fn messages(chat: &str) -> String {
    format!("/api/chats/{chat}/messages")
}

fn path(file: &Value, rest: &str) -> String {
    format!("/api/files/{}{rest}", file["id"].as_str().unwrap())
}

fn of(message: &Value) -> String {
    format!("/api/messages/{}", message["id"].as_str().unwrap())
}

/// Sends these files without a text.
async fn send(user: &User, chat: &str, files: &[&Value]) -> Value {
    let ids: Vec<_> = files.iter().map(|file| &file["id"]).collect();
    user.post(&messages(chat), json!({"attachments": ids})).await.expect(201)
}

/// What a message shows of a file that is there.
fn shown(file: &Value) -> Value {
    let members = [
        "id",
        "name",
        "type",
        "size",
        "status",
        "width",
        "height",
        "duration_ms",
        "waveform",
        "blurhash",
        "thumbnails",
    ];
    members
        .into_iter()
        .map(|member| (member.to_owned(), file[member].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn gone(file: &Value) -> Value {
    json!({
        "id": file["id"], "name": null, "type": null, "size": null, "status": "deleted", "width": null, "height": null,
        "duration_ms": null, "waveform": null, "blurhash": null, "thumbnails": []
    })
}

/// What is wrong with which member.
#[track_caller]
fn wrong(answer: Answer) -> Vec<String> {
    assert_eq!(answer.status, 422, "{}", answer.text);
    let errors = answer.body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| format!("{} {}", error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect()
}

async fn sent_and_read(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (text, picture) = (upload(&ada, "the menu").await, recorded(&ada, "", "dish.png", &png(30, 20, "")).await);
    let new = json!({"content": "Look", "attachments": [picture["id"], text["id"]], "client_id": "phone-1"});
    let said = ada.post(&messages(&chat), new.clone()).await.expect(201);
    assert_eq!(said["attachments"], json!([shown(&picture), shown(&text)]));
    assert_eq!((&said["type"], &said["content"]), (&json!("file"), &json!("Look")));
    assert_eq!(ada.post(&messages(&chat), new).await.expect(200), said, "sent once");
    assert_eq!(bob.get(&of(&said)).await.expect(200)["attachments"], said["attachments"]);
    assert_eq!(bob.get(&path(&text, "/content")).await.text, "the menu");
    let mut seen = bob.get(&path(&picture, "")).await.expect(200);
    assert_eq!((&seen["uploaded_by"], &picture["uploaded_by"]), (&json!(null), &json!(ada.id)));
    seen["uploaded_by"] = json!(ada.id);
    assert_eq!(seen, picture);
    // The type is what all of them are, unless the message says it.
    let only = send(&ada, &chat, &[&picture]).await;
    assert_eq!((&only["type"], &only["content"]), (&json!("image"), &json!("")));
    let voice = recorded(&ada, "?purpose=voice", "note.wav", &wav(1, 8000)).await;
    assert_eq!(send(&ada, &chat, &[&voice]).await["type"], "voice");
    let as_file = json!({"attachments": [picture["id"]], "type": "file"});
    assert_eq!(ada.post(&messages(&chat), as_file).await.expect(201)["type"], "file");
    let as_text = json!({"content": "see", "attachments": [picture["id"]], "type": "text"});
    assert_eq!(ada.post(&messages(&chat), as_text).await.expect(201)["type"], "text");
    // An edit says which stay.
    let patch = json!({"content": "Look here", "attachments": [picture["id"]]});
    let edited = ada.patch(&of(&said), patch).await.expect(200);
    assert_eq!((&edited["attachments"], &edited["type"]), (&json!([shown(&picture)]), &json!("file")));
    assert_eq!(bob.get(&of(&said)).await.expect(200)["attachments"], edited["attachments"]);
    bob.get(&path(&text, "")).await.refused(404, "file.unknown");
}

async fn live(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (one, two) = (upload(&ada, "one").await, upload(&ada, "two").await);
    let (mut hers, mut his) = (ada.socket().await, bob.socket().await);
    let new = json!({"chat_id": chat, "attachments": [one["id"], two["id"]]});
    let sent = hers.command("message.send", new).await.unwrap();
    let event = his.until("message.sent").await;
    assert_eq!(event["data"]["attachments"], json!([shown(&one), shown(&two)]));
    assert_eq!(event["data"]["id"], sent["id"]);
    assert_eq!(bob.get(&path(&one, "/content")).await.text, "one");
    let refused = json!({"chat_id": chat, "attachments": [sent["id"]]});
    let refused = hers.command("message.send", refused).await.unwrap_err();
    assert_eq!(refused["errors"][0]["pointer"], "/attachments/0");
    let edit = json!({"message_id": sent["id"], "attachments": [two["id"]]});
    hers.command("message.edit", edit).await.unwrap();
    assert_eq!(his.until("message.updated").await["data"]["attachments"], json!([shown(&two)]));
    ada.delete(&path(&two, "")).await.expect(204);
    let told = his.until("attachment.removed").await;
    assert_eq!((&told["data"]["message_id"], &told["data"]["file_id"]), (&sent["id"], &two["id"]));
    // Whoever resumes from before all this gets no name of what is gone.
    let mut again = bob.knock(event["cursor"].as_str()).await;
    let resumed = again.until("message.updated").await;
    assert_eq!(resumed["data"]["attachments"], json!([gone(&two)]));
}

async fn what_is_refused(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (own, others) = (upload(&ada, "own").await, upload(&bob, "others").await);
    let many: Vec<_> = (0..11).map(|_| own["id"].clone()).collect();
    let poll = json!({"options": ["a", "b"]});
    for (new, errors) in [
        (json!({"attachments": [others["id"]]}), &["/attachments/0 no_file"] as &[&str]),
        (json!({"attachments": [own["id"], chat]}), &["/attachments/1 no_file"]),
        (json!({"attachments": [own["id"], own["id"]]}), &["/attachments/1 distinct"]),
        (json!({"attachments": many}), &["/attachments too_many"]),
        (json!({"attachments": ["x"]}), &["/attachments/0 uuid"]),
        (json!({"attachments": "x"}), &["/attachments type"]),
        (json!({"attachments": []}), &["/content required"]),
        (json!({"attachments": [own["id"]], "type": "image"}), &["/type unfit"]),
        (json!({"content": "hi", "type": "voice"}), &["/attachments required"]),
        (json!({"content": "?", "type": "poll", "poll": poll, "attachments": [own["id"]]}), &["/attachments unwanted"]),
    ] {
        assert_eq!(wrong(ada.post(&messages(&chat), new.clone()).await), errors, "{new}");
    }
    let said = ada.says(&chat, "hi").await;
    let patch = json!({"content": "hi", "attachments": [others["id"]]});
    assert_eq!(wrong(ada.patch(&of(&said), patch).await), ["/attachments/0 no_file"]);
    assert_eq!(wrong(ada.patch(&of(&said), json!({"content": ""})).await), ["/content required"]);
    assert_eq!(ada.messages(&chat).await.len(), 1, "nothing was sent");
}

async fn seen_by_whom(world: World) {
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let new = json!({"type": "group", "title": "Lunch", "participant_ids": [bob.id], "history": "since_join"});
    let chat = ada.post("/api/chats", new).await.expect(201)["id"].as_str().unwrap().to_owned();
    let (before, after) = (upload(&ada, "before").await, upload(&ada, "after").await);
    let said = send(&ada, &chat, &[&before]).await;
    eve.get(&path(&before, "")).await.refused(404, "file.unknown");
    ada.post(&format!("/api/chats/{chat}/participants"), json!({"user_ids": [eve.id]})).await.expect(200);
    send(&ada, &chat, &[&after]).await;
    assert_eq!(eve.get(&path(&after, "/content")).await.text, "after");
    eve.get(&path(&before, "")).await.refused(404, "file.unknown");
    // Who has removed the message for themselves does not see the file any more, and others do.
    let mine = format!("{}?for=me", of(&said));
    bob.get(&path(&before, "")).await.expect(200);
    bob.delete(&mine).await;
    bob.get(&path(&before, "")).await.refused(404, "file.unknown");
    // Somebody who leaves loses everything at once, also addresses without a token.
    let link = eve.post(&path(&after, "/url"), json!({})).await.expect(200)["url"].as_str().unwrap().to_owned();
    let link = link[link.find("/api/").unwrap()..].to_owned();
    assert_eq!(world.nobody().get(&link).await.text, "after");
    eve.delete(&format!("/api/chats/{chat}/participants/{}", eve.id)).await.expect(204);
    eve.get(&path(&after, "")).await.refused(404, "file.unknown");
    world.nobody().get(&link).await.refused(404, "file.link_invalid");
    // Only its owner can delete it.
    bob.delete(&path(&after, "")).await.refused(403, "file.forbidden");
    eve.delete(&path(&after, "")).await.refused(404, "file.unknown");
}

async fn deleted(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let (one, two) = (upload(&ada, "one").await, upload(&ada, "two").await);
    let said = send(&ada, &chat, &[&one, &two]).await;
    ada.delete(&path(&one, "")).await.expect(204);
    let expected = json!([gone(&one), shown(&two)]);
    assert_eq!(bob.get(&of(&said)).await.expect(200)["attachments"], expected, "at once");
    assert_eq!(bob.chat(&chat).await["last_message"]["attachments"], expected);
    bob.get(&path(&one, "/content")).await.refused(404, "file.unknown");
    ada.delete(&of(&said)).await.expect(204);
    let after = bob.get(&of(&said)).await.expect(200);
    assert_eq!((&after["attachments"], &after["content"]), (&json!([]), &json!(null)));
    bob.get(&path(&two, "/content")).await.refused(404, "file.unknown");
    assert_eq!(ada.get(&path(&two, "/content")).await.text, "two", "its owner has it until it is tidied up");
}

async fn in_all_lists(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (chat, other) = (ada.group("Lunch", &[&bob]).await, bob.group("Dinner", &[&ada]).await);
    let file = upload(&ada, "zebra").await;
    let root = ada.says(&chat, "a thread").await;
    let new = json!({"content": "a peculiar picture", "attachments": [file["id"]], "thread_of": root["id"]});
    let said = ada.post(&messages(&chat), new).await.expect(201);
    let expected = json!([shown(&file)]);
    bob.put(&format!("{}/pin", of(&said)), json!({})).await;
    ada.put(&format!("{}/pin", of(&said)), json!({})).await.expect(200);
    bob.put(&format!("{}/save", of(&said)), json!({})).await.expect(200);
    for list in [format!("/api/chats/{chat}/pins"), "/api/saved-messages".to_owned()] {
        assert_eq!(bob.get(&list).await.expect(200)["items"][0]["message"]["attachments"], expected, "{list}");
    }
    for list in [messages(&chat), format!("{}/thread", of(&root)), format!("/api/chats/{chat}/messages?around=2")] {
        let items = bob.get(&list).await.expect(200)["items"].clone();
        let with = items.as_array().unwrap().iter().find(|item| item["id"] == said["id"]);
        assert_eq!(with.unwrap_or_else(|| panic!("{list}"))["attachments"], expected, "{list}");
    }
    let search = format!("/api/chats/{chat}/search?q=peculiar");
    let found = async || bob.get(&search).await.expect(200)["items"].clone();
    until("the message is found", async || !found().await.as_array().unwrap().is_empty()).await;
    assert_eq!(found().await[0]["message"]["attachments"], expected);
    // A copy of it is of the same file, which stays when the first message goes.
    let forwarded = bob.post(&format!("{}/forward", of(&said)), json!({"chat_ids": [other]})).await.expect(201);
    assert_eq!(forwarded["items"][0]["message"]["attachments"], expected);
    ada.delete(&of(&said)).await.expect(204);
    assert_eq!(bob.get(&path(&file, "/content")).await.text, "zebra");
    assert_eq!(bob.chat(&other).await["last_message"]["attachments"], expected);
}

async fn later(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let file = upload(&ada, "later").await;
    let now: jiff::Timestamp = ada.says(&chat, "hi").await["created_at"].as_str().unwrap().parse().unwrap();
    let at = |seconds| (now + jiff::SignedDuration::from_secs(seconds)).to_string();
    let new = json!({"attachments": [file["id"]], "send_at": at(2)});
    let plan = ada.post(&messages(&chat), new).await.expect(202);
    assert_eq!((&plan["attachments"], &plan["type"]), (&json!([shown(&file)]), &json!("file")));
    bob.get(&path(&file, "")).await.refused(404, "file.unknown");
    let mut his = bob.socket().await;
    if ada.messages(&chat).await.len() == 1 {
        assert_eq!(his.until("message.sent").await["data"]["attachments"], json!([shown(&file)]));
    }
    bob.get(&path(&file, "")).await.expect(200);
    let plan = json!({"content": "x", "attachments": [chat], "send_at": at(3600)});
    assert_eq!(wrong(ada.post(&messages(&chat), plan).await), ["/attachments/0 no_file"]);
}

async fn held_back(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let rule = json!({"words": ["cheap"], "action": "hold", "reason": "Advertising"});
    ada.put(&format!("/api/chats/{chat}/moderation/filter"), rule).await.expect(200);
    let file = upload(&bob, "an offer").await;
    let new = json!({"content": "cheap!", "attachments": [file["id"]]});
    bob.post(&messages(&chat), new).await.refused(403, "message.held");
    let reviews = format!("/api/chats/{chat}/moderation/reviews");
    let review = ada.get(&reviews).await.expect(200)["items"][0].clone();
    assert_eq!(review["attachments"], json!([shown(&file)]));
    assert_eq!(ada.get(&path(&file, "/content")).await.text, "an offer", "who decides looks at it");
    assert_eq!(bob.get("/api/held-messages").await.expect(200)["items"][0]["attachments"], json!([shown(&file)]));
    let decide = format!("{reviews}/{}", review["id"].as_str().unwrap());
    ada.put(&decide, json!({"action": "approve", "reason": "It is fine"})).await;
    let page = ada.messages(&chat).await;
    assert_eq!(page[0]["attachments"], json!([shown(&file)]), "{page:?}");
}

/// Whoever gets a forwarded file out of a private chat does not learn who was in there.
async fn out_of_a_private_chat(world: World) {
    let (ada, bob, cat) = (world.user("ada").await, world.user("bob").await, world.user("cat").await);
    let (pair, other) = (ada.private_chat(&bob).await, bob.group("Lunch", &[&cat]).await);
    let mut hers = cat.socket().await;
    let picture = recorded(&ada, "", "plan.png", &png(100, 50, "")).await;
    let said = send(&ada, &pair, &[&picture]).await;
    bob.post(&format!("{}/forward", of(&said)), json!({"chat_ids": [other]})).await.expect(201);
    let told = hers.until("message.sent").await;
    assert_eq!(told["data"]["attachments"][0]["id"], picture["id"]);
    let mut answers = vec![told.to_string()];
    let paths = [messages(&other), format!("/api/chats/{other}"), path(&picture, "")];
    let made = [path(&picture, "/content"), path(&picture, "/thumbnail?size=64")];
    for path in paths.iter().chain(&made) {
        let answer = cat.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        answers.push(format!("{} {:?}", answer.text, answer.headers));
    }
    answers.push(cat.post(&path(&picture, "/url"), json!({})).await.text);
    assert!(answers.iter().all(|answer| !answer.contains(ada.id.as_str())), "{answers:?}");
    assert_eq!(cat.get(&path(&picture, "")).await.expect(200)["uploaded_by"], json!(null));
}
