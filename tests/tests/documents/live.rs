//! What the document shows of each operation is what a server takes and answers: the example of the body is sent, and the
//! answer has the members of the example.

use clowder_tests::{Answer, Database, Mailbox, User, World, documents::OpenApi, world::PASSWORD};
use serde_json::{Value, json};

use super::documents;

/// Operations whose examples cannot be sent as they are, and why.
const NOT_SENT: &[(&str, &str)] = &[
    ("openSocket", "it opens a socket"),
    ("enableTwoFactor", "a code of an authenticator changes with the time"),
    ("disableTwoFactor", "a code of an authenticator changes with the time"),
    ("renewRecoveryCodes", "only with two factors"),
    ("resendVerification", "one email a minute, and signing up has just sent one"),
    ("approveSignUp", "only on a server that asks for approval"),
    ("rejectSignUp", "only on a server that asks for approval"),
    ("downloadExport", "the link goes by email, when a job has made the file"),
    ("cancelErasure", "only while an erasure waits"),
    ("getAccountPageFile", "a file, which has no example"),
    ("getSwaggerFile", "a file, which has no example"),
];

/// Members of `example` that the answer does not have, or the other way round. `null` can stand for anything, and of lists
/// the first items are compared.
fn differences(at: &str, example: &Value, answer: &Value, found: &mut Vec<String>) {
    match (example, answer) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys()) {
                match (one.get(name), other.get(name)) {
                    (Some(one), Some(other)) => differences(&format!("{at}/{name}"), one, other, found),
                    (Some(_), None) => found.push(format!("{at}/{name} is only in the example")),
                    _ => found.push(format!("{at}/{name} is only in the answer")),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            if let (Some(one), Some(other)) = (one.first(), other.first()) {
                differences(&format!("{at}/0"), one, other, found);
            }
        }
        _ => {}
    }
}

struct Stage<'w> {
    world: &'w World,
    root: User,
    friend: User,
    mail: Mailbox,
}

impl Stage<'_> {
    /// Somebody for this operation alone, because some end sessions or change passwords.
    async fn call(&self, api: &OpenApi, number: usize, method: &str, template: &str, operation: &Value) -> Answer {
        let (id, name) = (operation["operationId"].as_str().unwrap(), format!("owner{number}"));
        let owner = self.world.user(&name).await;
        let address = format!("{name}@example.org");
        let chat = owner.private_chat(&self.friend).await;
        let message = owner.says(&chat, "between us").await["id"].as_str().unwrap().to_owned();
        let mut path = Vec::new();
        for segment in template.split('/') {
            let made =
                async |path: &str, body: Value| owner.post(path, body).await.body["id"].as_str().unwrap().to_owned();
            path.push(match segment {
                "{chat_id}" => chat.clone(),
                "{message_id}" => message.clone(),
                "{session_id}" => self.world.login(&name).await.get("/api/auth/sessions").await.body["items"][0]["id"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                "{api_key_id}" => made("/api/api-keys", json!({"name": "bot", "scopes": ["chats:read"]})).await,
                "{export_id}" => made("/api/users/me/export", json!({})).await,
                "{user_id}" => self.world.user(&format!("target{number}")).await.id,
                "{invite_id}" => {
                    self.root.post("/api/admin/invites", json!({})).await.body["id"].as_str().unwrap().to_owned()
                }
                "{code}" => "chat.unknown".to_owned(),
                plain => plain.to_owned(),
            });
        }
        let client = if operation["x-permission"].is_string() { &*self.root } else { &*owner };
        let mut request = client.request(method, &path.join("/"));
        if operation["requestBody"].is_object() {
            let mut body = api.example(operation);
            let is_new = id.starts_with("register");
            if !body["username"].is_null() {
                body["username"] = json!(if is_new { format!("new{number}") } else { name.clone() });
            }
            if !body["email"].is_null() {
                body["email"] = json!(if is_new || id == "changeEmail" {
                    format!("new{number}@example.org")
                } else {
                    address.clone()
                });
            }
            if !body["participant_ids"].is_null() {
                body["participant_ids"] = json!([self.friend.id]);
            }
            if !body["refresh"].is_null() {
                body["refresh"] = json!(owner.refresh);
            }
            if id == "reauthenticate" {
                body.as_object_mut().unwrap().remove("otp");
            }
            if id == "resetPassword" {
                self.mail.next(&address).await;
                self.world.nobody().post("/api/auth/password/forgot", json!({"email": address})).await.expect(204);
                body["token"] = json!(self.mail.next(&address).await.token("reset"));
            } else if id == "verifyEmail" || id == "readEmailLink" {
                body["token"] = json!(self.mail.next(&address).await.token("verify"));
            } else if id == "verifyToken" {
                body["token"] = json!(owner.token());
            }
            request = request.json(&body);
        }
        Answer::to(request).await
    }
}

#[tokio::test]
async fn examples_are_what_a_server_takes_and_answers() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let stage = Stage {
        root: world.staff("ruth", "admin").await,
        friend: world.user("friend").await,
        mail: Mailbox::new(world.database.folder.path().join("mail")),
        world: &world,
    };
    assert_eq!(PASSWORD, "correct horse battery", "that of the examples");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (number, (method, path, operation)) in api.described().into_iter().enumerate() {
        let id = operation["operationId"].as_str().unwrap();
        if NOT_SENT.iter().any(|(name, _)| *name == id) {
            continue;
        }
        let answer = stage.call(&api, number, &method, path, operation).await;
        if answer.status >= 400 {
            wrong.push(format!("{id}: {} {}", answer.status, answer.text));
            continue;
        }
        let media = &operation["responses"][answer.status.to_string()]["content"]["application/json"];
        if media["example"].is_object() && answer.body.is_object() {
            let mut found = Vec::new();
            differences("", &media["example"], &answer.body, &mut found);
            wrong.extend(found.into_iter().map(|what| format!("{id}: {what}")));
            compared += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(compared >= 40, "{compared}");
    for (name, _) in NOT_SENT {
        assert!(api.described().iter().any(|(.., operation)| operation["operationId"] == *name), "there is no {name}");
    }
}
