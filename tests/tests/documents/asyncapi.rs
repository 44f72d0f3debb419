//! The AsyncAPI document and docs/realtime.md match the socket.

use std::collections::BTreeSet;

use clowder_tests::{
    Answer, Auth, User, World,
    documents::dangling,
    things::{Stage, Things, registered},
};
use serde_json::{Value, json};

use super::documents;

#[tokio::test]
async fn asyncapi_is_complete() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    assert!(api.0["asyncapi"].as_str().unwrap().starts_with("3."));
    assert_eq!(dangling(&api.0), Vec::<String>::new());
    let names: Vec<_> = api.messages().into_iter().map(|(name, _)| name).collect();
    for name in [
        "hello",
        "ack",
        "error",
        "resumed",
        "reset",
        "auth",
        "ping",
        "token.renew",
        "message.send",
        "message.edit",
        "message.delete",
        "message.read",
        "message.sent",
        "message.updated",
        "message.deleted",
        "chat.created",
        "typing.start",
        "typing.stop",
    ] {
        assert!(names.contains(&name), "{name} is not documented: {names:?}");
    }
    assert_eq!(api.0["servers"]["main"]["host"], world.server.address, "where it was asked");
    let request = world.nobody().request("GET", "/api/asyncapi.json").header("host", "localhost:99");
    assert_eq!(Answer::to(request).await.expect(200)["servers"]["main"]["host"], "localhost:99");
}

/// Every event, command and answer has an example that matches its schema.
#[tokio::test]
async fn frames_have_examples() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let mut wrong = Vec::new();
    for (key, message) in api.0["components"]["messages"].as_object().unwrap() {
        let examples = message["examples"].as_array().unwrap_or_else(|| panic!("{key} has no example"));
        for example in examples {
            assert_eq!(example["payload"]["type"], message["name"]);
            wrong.extend(api.complaints_of(key, &example["payload"]));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The table of events in docs/realtime.md is complete, and says which are replayed.
#[tokio::test]
async fn every_event_is_in_the_table() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let mut events: Vec<_> = (api.0["operations"]["events"]["messages"].as_array().unwrap().iter())
        .map(|message| message["$ref"].as_str().unwrap().rsplit('/').next().unwrap())
        .filter(|name| *name != "error")
        .map(|name| {
            let required = api.payload(name)["required"].as_array().unwrap();
            (name, required.contains(&json!("cursor")))
        })
        .collect();
    let text = std::fs::read_to_string(clowder_tests::root().join("docs/realtime.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| event |")).skip(2);
    let rows =
        rows.take_while(|line| line.starts_with('|')).map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let mut table: Vec<_> = rows.map(|cells| (cells[1].trim_matches('`').to_owned(), cells[4] == "yes")).collect();
    events.sort_unstable();
    table.sort_unstable();
    let table: Vec<_> = table.iter().map(|(name, durable)| (name.as_str(), *durable)).collect();
    assert_eq!(table, events);
}

/// The table of close codes in docs/realtime.md is complete, and says the same about reconnecting.
#[tokio::test]
async fn every_close_code_is_in_the_table() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let rows = api.0["channels"]["socket"]["x-close-codes"].as_array().unwrap();
    let documented: BTreeSet<_> =
        rows.iter().map(|row| (row["code"].as_u64().unwrap(), row["reconnect"].as_str().unwrap().to_owned())).collect();
    let text = std::fs::read_to_string(clowder_tests::root().join("docs/realtime.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| code | reconnect?")).skip(2);
    let mut table = BTreeSet::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        table.extend(cells[1].split(", ").map(|code| (code.parse::<u64>().unwrap(), cells[2].to_owned())));
    }
    assert_eq!(table, documented);
}

/// The URL declares the parameters with which a socket is opened, and each way to authenticate is described.
#[tokio::test]
async fn asyncapi_tells_how_to_connect() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let query = &api.0["channels"]["socket"]["bindings"]["ws"]["query"]["properties"];
    assert_eq!(query.as_object().unwrap().keys().collect::<Vec<_>>(), ["cursor", "ticket"]);
    let ways: Vec<_> = api.0["components"]["securitySchemes"].as_object().unwrap().keys().collect();
    assert_eq!(ways, ["api_key", "bearer", "subprotocol", "ticket"]);
    assert_eq!(api.0["servers"]["main"]["security"].as_array().unwrap().len(), ways.len());
    let ada = world.user("ada").await;
    let ticket = ada.post("/api/ws/ticket", json!({})).await.expect(201);
    assert!(ticket["ticket"].as_str().unwrap().len() <= query["ticket"]["maxLength"].as_u64().unwrap() as usize);
    let page = Answer::to(world.nobody().request("GET", "/api/asyncapi").header("host", "localhost:99")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("ws://localhost:99/api/ws"), "where it was asked");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
}

/// Each command's example is carried out, and answered as its operation says.
#[tokio::test]
async fn every_command_has_its_reply() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let (ada, bob, eve) = (world.user("ada").await, world.user("bob").await, world.user("eve").await);
    let stage = Stage { world: &world, owner: &ada, friend: &bob };
    let mut socket = ada.socket().await;
    for (command, operation) in api.0["operations"].as_object().unwrap() {
        if command == "events" {
            continue;
        }
        let key = format!("client.{command}");
        let mut frame = api.0["components"]["messages"][&key]["examples"][0]["payload"].clone();
        frame.as_object_mut().unwrap().remove("id");
        let members: Vec<_> = frame["data"].as_object().unwrap().keys().cloned().collect();
        let ids = members.iter().map(|name| thing_of(command, name));
        let ids = ids.filter(|name| registered().any(|thing| thing.name == *name && thing.is_made()));
        let paths: Vec<_> = ids.map(|name| format!("/{{{name}}}")).collect();
        let things = Things::of(stage, paths.iter().map(String::as_str)).await;
        for name in &members {
            if let Some(id) = things.get(thing_of(command, name)) {
                frame["data"][name] = json!(id);
            } else if ["user_ids", "participant_ids"].contains(&name.as_str()) {
                frame["data"][name] = json!([bob.id]);
            } else if name == "access" {
                frame["data"][name] = json!(ada.token());
            }
        }
        prepare(command, stage, &eve, &mut frame["data"]).await;
        assert_eq!(api.complaints_of(&key, &frame), Vec::<String>::new(), "without an id");
        let reply = operation["reply"]["messages"][0]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let answer = match reply.strip_prefix("ack.") {
            // The kit checks that it is the acknowledgement of this command.
            Some(acknowledged) => {
                assert_eq!(acknowledged, command);
                socket.say(frame).await;
                socket.until("ack").await
            }
            None => {
                let mut later = world.open(Auth::Later, None).await.unwrap();
                later.say(frame).await;
                later.until(reply).await
            }
        };
        assert_eq!(api.complaints_of(reply, &answer), Vec::<String>::new(), "{answer}");
    }
    let data = &api.payload("ack.token.renew")["properties"]["data"];
    assert!(data.to_string().contains("Renewed"), "{data}");
    socket.say(json!({"type": "ping"})).await;
    assert_eq!(socket.until("ack").await["id"], json!(null));
    assert_eq!(api.complaints_of("client.ping", &json!({"type": "ping"})), Vec::<String>::new());
    let edit = json!({"type": "message.edit", "data": {"content": "without saying what"}});
    assert!(!api.complaints_of("client.message.edit", &edit).is_empty());
}

/// What stands for this member of a command. A poll has the id of its message, and a participant that of a user.
fn thing_of<'n>(command: &str, member: &'n str) -> &'n str {
    match member {
        "message_id" if command.starts_with("poll.") => "poll_id",
        "user_id" if command.starts_with("participant.") || command == "chat.set_owner" => "participant_id",
        _ => member,
    }
}

/// What has to happen first, so that the command can be carried out with this data.
async fn prepare(command: &str, stage: Stage<'_>, other: &User, data: &mut Value) {
    let (ada, bob) = (stage.owner, stage.friend);
    let chat = data["chat_id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/api/chats/{chat}");
    match command {
        // The only owner cannot leave.
        "chat.leave" => {
            ada.put(&format!("{path}/participants/{}", bob.id), json!({"role": "owner"})).await.expect(200);
        }
        "chat.invite" => data["user_ids"] = json!([other.id]),
        "link.revoke" => {
            let made = ada.post(&format!("{path}/invites"), json!({})).await.expect(201);
            data["link_id"] = made["link"]["id"].clone();
        }
        "chat.join" => {
            let new = json!({"type": "channel", "title": "Menus", "visibility": "public"});
            data["chat_id"] = bob.post("/api/chats", new).await.expect(201)["id"].clone();
        }
        "invitation.accept" | "invitation.decline" => {
            let chat = bob.group("Party", &[]).await;
            let new = json!({"user_ids": [ada.id]});
            bob.post(&format!("/api/chats/{chat}/invites"), new).await.expect(201);
            data["chat_id"] = json!(chat);
        }
        "request.decide" => {
            let made = ada.post(&format!("{path}/invites"), json!({"approval": true})).await.expect(201);
            let come = format!("/api/chats/join/{}", made["code"].as_str().unwrap());
            other.post(&come, json!({})).await.expect(202);
            data["user_id"] = json!(other.id);
        }
        "review.decide" => {
            let filter = json!({"action": "hold", "words": ["casino"], "reason": "Advertising"});
            ada.put(&format!("{path}/moderation/filter"), filter).await.expect(200);
            bob.post(&format!("{path}/messages"), json!({"content": "a casino"})).await;
            let held = ada.get(&format!("{path}/moderation/reviews")).await.expect(200);
            data["review_id"] = held["items"][0]["id"].clone();
        }
        "report.create" => data["target"]["id"] = json!(bob.id),
        _ => {}
    }
}

/// What may be sent that is not in the document yet, and how the server treats what it does not know.
#[tokio::test]
async fn unknown_members_and_types_of_frames() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let says = api.0["info"]["description"].as_str().unwrap();
    assert!(says.contains("clients must ignore members and types that they do not know"), "{says}");
    for key in api.0["components"]["messages"].as_object().unwrap().keys() {
        assert_eq!(api.payload(key)["additionalProperties"], true, "{key}");
    }
    for (name, schema) in api.0["components"]["schemas"].as_object().unwrap() {
        assert_ne!(schema["additionalProperties"], false, "{name}: members are added without notice");
    }
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut socket = ada.socket().await;
    let data = json!({"chat_id": chat, "content": "hello", "shoe_size": 38});
    socket.say(json!({"id": 1, "type": "message.send", "data": data, "shoe_size": 38})).await;
    assert_eq!(socket.until("ack").await["id"], 1);
    socket.say(json!({"id": 2, "type": "shoe.tie", "data": {}})).await;
    let error = socket.until("error").await;
    assert_eq!((&error["id"], &error["data"]["code"]), (&json!(2), &json!("frame.unknown")));
    assert_eq!(socket.command("ping", json!({})).await.unwrap(), json!({}), "it is not closed");
}

/// The frames of docs/chat-screen.md are such as the server sends, and takes.
#[tokio::test]
async fn the_frames_of_the_chat_screen_are_as_they_are_on_the_wire() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let text = std::fs::read_to_string(clowder_tests::root().join("docs/chat-screen.md")).unwrap();
    let blocks = text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut names = Vec::new();
    for block in blocks {
        let frame: Value = serde_json::from_str(block).unwrap();
        let name = frame["type"].as_str().unwrap();
        // Of an answer, only what matters there is shown.
        if name != "ack" {
            let is_command = frame["id"].is_number() && name != "error";
            let key = if is_command { format!("client.{name}") } else { name.to_owned() };
            assert_eq!(api.complaints_of(&key, &frame), Vec::<String>::new(), "{key}");
        }
        names.push(name.to_owned());
    }
    let expected = [
        "hello",
        "message.sent",
        "message.send",
        "ack",
        "error",
        "message.read",
        "message.read",
        "reaction.added",
        "poll.voted",
        "message.deleted",
        "typing.start",
        "typing.start",
        "resumed",
    ];
    assert_eq!(names, expected);
}
