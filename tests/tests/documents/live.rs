//! The documented examples of each operation are accepted and returned by a server: the example body is sent, and the
//! response has the members of the example.

use std::collections::BTreeSet;

use clowder_tests::{
    Answer, Database, Mailbox, User, World,
    documents::OpenApi,
    domains::listed,
    things::{Stage, Things, registered},
    world::PASSWORD,
};
use serde_json::{Value, json};

use super::documents;

/// Members of `example` that are missing in the response, or the other way round. `null` can stand for any value; the
/// first items of lists are compared.
fn differences(at: &str, example: &Value, answer: &Value, found: &mut Vec<String>) {
    match (example, answer) {
        // A JSON Schema says whatever it says.
        (Value::Object(one), Value::Object(other)) if one.contains_key("$schema") => {
            assert!(other.contains_key("$schema"), "{at}");
        }
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

struct Tour<'w> {
    world: &'w World,
    root: User,
    friend: User,
    mail: Mailbox,
}

impl Tour<'_> {
    /// The path of an operation and its body, with things that exist in the place of parameters and of ids in the body.
    async fn things(&self, owner: &User, template: &str, body: &Value) -> Things {
        let members = body.as_object().into_iter().flat_map(|body| body.keys());
        let is_id =
            |name: &&String| name.ends_with("_id") && registered().any(|thing| thing.name == **name && thing.is_made());
        let members = members.filter(is_id);
        let names: Vec<_> = members.map(|name| format!("/{{{name}}}")).collect();
        let stage = Stage { world: self.world, owner, friend: &self.friend };
        let things = Things::of(stage, names.iter().map(String::as_str).chain([template])).await;
        let made = async |by: &User, path: &str| by.post(path, json!({})).await.body["id"].as_str().unwrap().to_owned();
        if template.contains("{export_id}") {
            return things.with("export_id", &made(owner, "/api/users/me/export").await);
        } else if template.contains("{invite_id}") {
            return things.with("invite_id", &made(&self.root, "/api/admin/invites").await);
        }
        things
    }

    /// A user for this operation alone, because some end sessions or change passwords.
    async fn call(&self, api: &OpenApi, number: usize, method: &str, template: &str, operation: &Value) -> Answer {
        let (id, name) = (operation["operationId"].as_str().unwrap(), format!("owner{number}"));
        let owner = self.world.user(&name).await;
        let address = format!("{name}@example.org");
        let has_body = operation["requestBody"].is_object();
        let mut body = if has_body { api.example(operation) } else { Value::Null };
        let things = self.things(&owner, template, &body).await;
        let client = if operation["x-permission"].is_string() { &*self.root } else { &*owner };
        let path = format!("{}?{}", things.fill(template), OpenApi::needed(operation, &owner.id, ""));
        let path = path.trim_end_matches(['?', '&']);
        let mut request = client.request(method, path);
        if has_body {
            for (name, member) in body.as_object_mut().into_iter().flatten() {
                if let Some(id) = things.get(name) {
                    *member = json!(id);
                }
            }
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
            request = api.with_body(request, operation, &body);
        }
        Answer::to(request).await
    }
}

#[tokio::test]
async fn examples_are_what_a_server_takes_and_answers() {
    let world = World::new(Database::sqlite()).await;
    let (api, _) = documents(&world).await;
    let tour = Tour {
        root: world.staff("ruth", "admin").await,
        friend: world.user("friend").await,
        mail: Mailbox::new(world.database.folder.path().join("mail")),
        world: &world,
    };
    assert_eq!(PASSWORD, "correct horse battery", "that of the examples");
    let not_sent: BTreeSet<_> = listed(|domain| domain.not_sent).collect();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (number, (method, path, operation)) in api.described().into_iter().enumerate() {
        let id = operation["operationId"].as_str().unwrap();
        if not_sent.contains(&id) {
            continue;
        }
        let answer = tour.call(&api, number, &method, path, operation).await;
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
    for name in not_sent {
        assert!(api.described().iter().any(|(.., operation)| operation["operationId"] == name), "there is no {name}");
    }
}
