//! What the types of inputs and answers can't say of themselves in a schema: which members are always sent, what a text must
//! be made of, and which members depend on each other.

use std::collections::BTreeSet;

use clowder_core::Scope;
use serde_json::{Value, json};

use super::{
    super::examples,
    patterns::{code, email, language, line, name, note, opaque, password, prose, token, username, zone},
};
use crate::routes::{Components, Endpoint, Shape};

pub fn complete(components: &mut Components, table: &[Endpoint], scopes: &[Scope]) {
    let inputs = reachable(components, table.iter().filter_map(|line| line.takes.as_ref()).map(Shape::schema));
    for (name, schema) in components.iter_mut() {
        if !inputs.contains(name) {
            require_what_is_sent(schema);
        }
        if let Some(example) = examples::of(name) {
            schema["example"] = example;
        }
    }
    if let Some(scope) = components.get_mut("Scope") {
        scope["enum"] = scopes.iter().map(|scope| scope.word).collect();
    }
    for (name, member, form) in FORMS {
        if let Some(schema) =
            components.get_mut(name).and_then(|schema| schema.pointer_mut(&format!("/properties/{member}")))
        {
            form(schema);
        }
    }
    for (name, rule) in RULES {
        if let Some(schema) = components.get_mut(name) {
            rule(schema);
        }
    }
    components.fill_pages();
}

/// The names of all components that these refer to, however deep.
fn reachable<'v>(components: &Components, roots: impl Iterator<Item = &'v Value>) -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), roots.cloned().collect::<Vec<_>>());
    while let Some(value) = open.pop() {
        if let Some(name) = value.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next())
            && found.insert(name.to_owned())
        {
            open.extend(components.get(name).cloned());
        }
        match value {
            Value::Object(members) => open.extend(members.into_iter().map(|(_, value)| value)),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// A member that can be `null` is there all the same. One that can't, and is not required, is left out at times.
fn require_what_is_sent(schema: &mut Value) {
    if let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
        parts.iter_mut().for_each(require_what_is_sent);
    }
    let Some(members) = schema.get("properties").and_then(Value::as_object) else { return };
    let nullable = |member: &Value| {
        let of_type = member["type"].as_array().is_some_and(|types| types.iter().any(|kind| kind == "null"));
        of_type || member["oneOf"].as_array().is_some_and(|ways| ways.iter().any(|way| way["type"] == "null"))
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let sent = members.iter().filter(|(name, member)| nullable(member) || required.contains(&json!(name)));
    schema["required"] = sent.map(|(name, _)| name.clone()).collect();
}

type Change = fn(&mut Value);

/// The forms of texts, as their readers in the domains have them.
const FORMS: &[(&str, &str, Change)] = &[
    ("NewAccount", "username", username),
    ("NewAccount", "email", email),
    ("NewAccount", "password", password),
    ("NewAccount", "display_name", name),
    ("NewAccount", "invite", token),
    ("Login", "username", line),
    ("Login", "password", password),
    ("Login", "device_name", name),
    ("Login", "otp", code),
    ("ProfilePatch", "display_name", name),
    ("ProfilePatch", "bio", note),
    ("ProfilePatch", "status_text", note),
    ("SessionPatch", "name", name),
    ("SettingsPatch", "language", language),
    ("SettingsPatch", "time_zone", zone),
    ("LinkToken", "token", token),
    ("Proof", "token", token),
    ("Proof", "password", password),
    ("Resend", "email", email),
    ("Forgot", "email", email),
    ("ChangeEmail", "email", email),
    ("ChangeEmail", "password", password),
    ("ResetPassword", "token", token),
    ("ResetPassword", "new_password", password),
    ("ChangePassword", "current_password", password),
    ("ChangePassword", "new_password", password),
    ("Erasure", "password", password),
    ("Enabling", "otp", code),
    ("Disabling", "otp", code),
    ("Disabling", "password", password),
    ("Reauthentication", "otp", code),
    ("Reauthentication", "password", password),
    ("NewSuspension", "reason", prose),
    ("Rejection", "reason", note),
    ("NewInvite", "note", name),
    ("NewApiKey", "name", name),
    ("Refresh", "refresh", opaque),
    ("Token", "token", opaque),
    ("NewChat", "title", name),
    ("NewChat", "description", name),
    ("NewMessage", "content", prose),
    ("NewMessage", "client_id", line),
    ("MessagePatch", "content", prose),
];

/// Members that depend on each other.
const RULES: &[(&str, Change)] = &[
    ("Login", |schema| {
        schema["properties"]["email"] = schema["properties"]["username"].clone();
        schema["required"] = json!(["password"]);
        schema["anyOf"] = json!([{ "required": ["username"] }, { "required": ["email"] }]);
    }),
    ("NewChat", |schema| {
        schema["properties"]["name"] = schema["properties"]["title"].clone();
        schema["properties"]["name"]["description"] = json!("Another name for `title`.");
        schema["required"] = json!(["type"]);
        schema["anyOf"] = json!([
            {
                "title": "A private chat", "required": ["participant_ids"],
                "properties": {
                    "type": { "const": "private" }, "title": { "type": "null" }, "name": { "type": "null" },
                    "participant_ids": { "minItems": 1, "maxItems": 1 }
                }
            },
            {
                "title": "A group", "required": ["title"],
                "properties": { "type": { "const": "group" }, "title": { "type": "string" } }
            },
            {
                "title": "A group by `name`", "required": ["name"],
                "properties": { "type": { "const": "group" }, "name": { "type": "string" }, "title": { "type": "null" } }
            }
        ]);
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{docs::openapi, public_url::PublicUrl, routes};

    #[test]
    fn every_form_has_its_place() {
        let document = openapi(&routes::table(true), &PublicUrl::default());
        let schemas = &document["components"]["schemas"];
        for (name, member, _) in FORMS {
            assert!(schemas[name]["properties"][member].is_object(), "{name} has no {member}");
        }
        for (name, _) in RULES {
            assert!(schemas[name].is_object(), "there is no {name}");
        }
    }

    /// A text of an input without a bound would be refused by the server and not by the schema.
    #[test]
    fn every_text_of_an_input_is_bounded() {
        let table = routes::table(true);
        let document = openapi(&table, &PublicUrl::default());
        for line in &table {
            let Some(name) = line.takes.as_ref().and_then(|shape| shape.schema()["$ref"].as_str()?.rsplit('/').next())
            else {
                continue;
            };
            let members = document["components"]["schemas"][name]["properties"].as_object().unwrap();
            for (member, schema) in members {
                let kinds = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
                let is_text = kinds.iter().any(|kind| kind == "string") && schema.get("enum").is_none();
                assert!(
                    !is_text || (schema["maxLength"].is_u64() && schema["pattern"].is_string()),
                    "{name}.{member}: {schema}"
                );
            }
        }
    }
}
