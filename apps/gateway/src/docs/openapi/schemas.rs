//! What input and answer types cannot express in their own schemas: members that are always sent, patterns of texts,
//! and dependencies between members.

use std::collections::BTreeSet;

use clowder_core::Scope;
use serde_json::{Value, json};

use crate::{docs::examples, domains::DOMAINS, routes::Components};

/// What says which members an object has. Generators do not know what to make of an object without any of these.
const SAYING: &[&str] = &["properties", "additionalProperties", "allOf", "anyOf", "oneOf"];

/// `inputs` are the schemas of what clients send.
pub fn complete<'v>(components: &mut Components, inputs: impl Iterator<Item = &'v Value>, scopes: &[Scope]) {
    let inputs = reachable(components, inputs);
    for (name, schema) in components.iter_mut() {
        if !inputs.contains(name) {
            require_what_is_sent(schema);
        }
        if schema["type"] == "object" && SAYING.iter().all(|member| schema.get(member).is_none()) {
            schema["additionalProperties"] = json!(true);
        }
        if let Some(example) = examples::of(name) {
            schema["example"] = example;
        }
    }
    if let Some(scope) = components.get_mut("Scope") {
        scope["enum"] = scopes.iter().map(|scope| scope.word).collect();
    }
    for (name, member, form) in DOMAINS.iter().flat_map(|domain| domain.forms) {
        if let Some(schema) =
            components.get_mut(name).and_then(|schema| schema.pointer_mut(&format!("/properties/{member}")))
        {
            // Of a list, each item has this form.
            if schema.get("items").is_some() { form(&mut schema["items"]) } else { form(schema) }
        }
    }
    for (name, rule) in DOMAINS.iter().flat_map(|domain| domain.rules) {
        if let Some(schema) = components.get_mut(name) {
            rule(schema);
        }
    }
    components.fill_pages();
}

/// The names of all components referenced here, at any depth.
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

/// A member that can be `null` is always sent. One that cannot be `null` and is not required may be absent.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{docs::openapi, public_url::PublicUrl, routes};

    #[test]
    fn every_form_has_its_place() {
        let document = openapi(&routes::table(true), &PublicUrl::default());
        let schemas = &document["components"]["schemas"];
        for (name, member, _) in DOMAINS.iter().flat_map(|domain| domain.forms) {
            assert!(schemas[name]["properties"][member].is_object(), "{name} has no {member}");
        }
        for (name, _) in DOMAINS.iter().flat_map(|domain| domain.rules) {
            assert!(schemas[name].is_object(), "there is no {name}");
        }
    }

    /// A text without a bound in the schema would be refused by the server and not by the schema.
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
                // The front bounds files.
                let is_file = schema["format"] == "binary";
                let is_text = kinds.iter().any(|kind| kind == "string") && schema.get("enum").is_none() && !is_file;
                assert!(
                    !is_text || (schema["maxLength"].is_u64() && schema["pattern"].is_string()),
                    "{name}.{member}: {schema}"
                );
            }
        }
    }
}
