//! Both documents keep to what code generators understand.

use std::collections::BTreeSet;

use clowder_tests::World;
use serde_json::{Value, json};

use super::documents;

/// What holds one schema.
const ONE: &[&str] = &["schema", "payload", "items", "not", "additionalProperties", "propertyNames"];
/// What holds a list of schemas.
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
/// What holds schemas by their names.
const NAMED: &[&str] = &["properties", "schemas"];
/// Examples look like schemas if they have such members, and extensions may look like anything.
const OTHER: &[&str] = &["example", "examples", "x-close-codes"];
/// What says something of an object beside its type.
const TELLING: &[&str] = &["properties", "additionalProperties", "allOf", "anyOf", "oneOf", "not", "$ref"];

/// All schemas of a document, each with its place.
fn schemas(value: &Value, place: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let place = format!("{place}/{key}");
                if OTHER.contains(&key.as_str()) {
                    continue;
                }
                if NAMED.contains(&key.as_str()) {
                    for (name, schema) in value.as_object().into_iter().flatten() {
                        let place = format!("{place}/{name}");
                        found.push((place.clone(), schema.clone()));
                        schemas(schema, &place, found);
                    }
                    continue;
                }
                // Whether others are allowed is the one question that is answered with yes or no.
                if ONE.contains(&key.as_str()) && !(key == "additionalProperties" && value.is_boolean()) {
                    found.push((place.clone(), value.clone()));
                }
                if LISTS.contains(&key.as_str()) {
                    let all = value.as_array().into_iter().flatten().enumerate();
                    found.extend(all.map(|(index, schema)| (format!("{place}/{index}"), schema.clone())));
                }
                schemas(value, &place, found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| schemas(item, &format!("{place}/{index}"), found));
        }
        _ => {}
    }
}

/// A pattern that lists words, such as `^(yes|no)$`.
fn lists_words(pattern: &str) -> bool {
    let inner = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).unwrap_or_default();
    let inner = inner.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(inner);
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    inner.contains('|') && inner.split('|').all(is_word)
}

/// What generators stumble over.
fn flaws(document: &Value) -> Vec<String> {
    let (mut found, mut titles, mut flaws) = (Vec::new(), BTreeSet::new(), Vec::new());
    schemas(document, "", &mut found);
    for (place, schema) in &found {
        if schema.is_boolean() {
            flaws.push(format!("{place}: a boolean"));
        }
        if schema["type"] == "object" && TELLING.iter().all(|member| schema.get(member).is_none()) {
            flaws.push(format!("{place}: an object of which nothing is said"));
        }
        if schema["pattern"].as_str().is_some_and(lists_words) {
            flaws.push(format!("{place}: words in a pattern"));
        }
        // Types without names get their names from their titles.
        if let Some(title) = schema["title"].as_str()
            && !titles.insert(title.to_owned())
        {
            flaws.push(format!("{place}: the title `{title}` once more"));
        }
    }
    flaws
}

#[tokio::test]
async fn generators_understand_the_documents() {
    let world = World::shared_on_sqlite(&[]).await;
    let (openapi, asyncapi) = documents(&world).await;
    assert_eq!(flaws(&openapi.0), Vec::<String>::new());
    assert_eq!(flaws(&asyncapi.0), Vec::<String>::new());
    let closed = &asyncapi.0["components"]["schemas"];
    assert_eq!(closed["Reconnect"]["enum"], json!(["yes", "when", "no"]));
    assert_eq!(closed["ResetReason"]["enum"], json!(["expired", "too_many", "unknown"]));
}

#[test]
fn each_flaw_is_found() {
    let document = json!({"components": {"schemas": {
        "A": {"type": "object", "properties": {"user_ids": false, "poll": {"type": "object"}}},
        "B": {"anyOf": [{"title": "People", "$ref": "#/components/schemas/A"}, true]},
        "C": {"type": "string", "title": "People", "pattern": "^(yes|when|no)$", "example": {"type": "object"}},
        "D": {"type": "object", "additionalProperties": true, "items": {"type": "string", "pattern": "^[a|b]$"}},
    }}});
    let of = |name: &str, what: &str| format!("/components/schemas/{name}: {what}");
    let mut found = flaws(&document);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            of("A/properties/poll", "an object of which nothing is said"),
            of("A/properties/user_ids", "a boolean"),
            of("B/anyOf/1", "a boolean"),
            of("C", "the title `People` once more"),
            of("C", "words in a pattern"),
        ]
    );
}

/// The ids of examples are as in the documentation: numbers.
#[tokio::test]
async fn the_ids_of_example_frames_are_numbers() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let messages = api.0["components"]["messages"].as_object().unwrap().values();
    let ids: Vec<_> = messages.filter_map(|message| message["examples"][0]["payload"].get("id")).collect();
    assert!(ids.len() > 50 && ids.iter().all(|id| **id == json!(1)), "{ids:?}");
}
