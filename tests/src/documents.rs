//! The generated documents, to check real responses and frames against.

use std::collections::HashSet;

use jsonschema::Validator;
use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};

use crate::client::form;

/// The references of a document that are broken, or lead outside.
pub fn dangling(document: &Value) -> Vec<String> {
    let mut dangling = Vec::new();
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref").and_then(Value::as_str)
                    && target.strip_prefix('#').is_none_or(|pointer| document.pointer(pointer).is_none())
                {
                    dangling.push(target.to_owned());
                }
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    dangling
}

/// Follows a `$ref`, if it is one.
pub(crate) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|target| document.pointer(target.strip_prefix('#')?)) {
        Some(target) => resolved(document, target),
        None => value,
    }
}

/// A validator for one schema of a document, whose references still resolve.
pub(crate) fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({"allOf": [schema], "components": needed(document, schema)});
    jsonschema::draft202012::options().should_validate_formats(true).build(&whole).expect("a schema that is none")
}

/// The components to which a part of a document refers, directly or not: a validator takes long over all of them.
pub(crate) fn needed(document: &Value, part: &Value) -> Value {
    let mut schemas = Map::new();
    let mut open = vec![part];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                    let name = target.strip_prefix("#/components/schemas/").expect("a reference to a schema");
                    if !schemas.contains_key(name) {
                        let schema = &document["components"]["schemas"][name];
                        assert!(schema.is_object(), "there is no schema {name}");
                        schemas.insert(name.to_owned(), schema.clone());
                        open.push(schema);
                    }
                }
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    json!({"schemas": schemas})
}

fn complaints(document: &Value, schema: &Value, instance: &Value) -> Vec<String> {
    wrong(&validator(document, schema), instance)
}

/// How something violates a schema.
pub(crate) fn wrong(schema: &Validator, instance: &Value) -> Vec<String> {
    schema.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

pub struct OpenApi(pub Value);

impl OpenApi {
    /// Method, path template and operation of everything that the document describes. HEAD is GET without a body, and
    /// described only where that matters.
    pub fn described(&self) -> Vec<(String, &str, &Value)> {
        let mut all = Vec::new();
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if matches!(method.as_str(), "get" | "put" | "post" | "patch" | "delete" | "options") {
                    all.push((method.to_uppercase(), path.as_str(), operation));
                }
            }
        }
        all
    }

    /// The same for every route: an operation also by its other methods and paths.
    pub fn operations(&self) -> Vec<(String, &str, &Value)> {
        let mut all = self.described();
        for (.., operation) in self.described() {
            let aliases = operation["x-aliases"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let aliases = aliases.map(|alias| alias.split_once(' ').expect("a method and a path"));
            all.extend(aliases.map(|(method, path)| (method.to_owned(), path, operation)));
        }
        all.sort_by_key(|(method, path, _)| (*path, method.clone()));
        all
    }

    /// The examples of bodies and responses that violate their schemas, and how many were checked.
    pub fn wrong_examples(&self) -> (Vec<String>, usize) {
        let (mut told, mut looked_at) = (Vec::new(), 0);
        // Most problems are described once for many operations.
        let mut shared = HashSet::new();
        for (method, path, operation) in self.described() {
            let responses = operation["responses"].as_object().into_iter().flatten();
            let parts = responses.map(|(status, response)| (status.as_str(), response));
            for (what, part) in parts.chain([("body", &operation["requestBody"])]) {
                if part["$ref"].as_str().is_some_and(|target| !shared.insert(target)) {
                    continue;
                }
                for (kind, media) in resolved(&self.0, part)["content"].as_object().into_iter().flatten() {
                    let named =
                        media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
                    let examples: Vec<_> = media.get("example").into_iter().chain(named).collect();
                    if examples.is_empty() && kind.ends_with("json") && media["schema"]["additionalProperties"] != true
                    {
                        told.push(format!("{method} {path} {what}: no example"));
                    }
                    let schema = validator(&self.0, &media["schema"]);
                    for example in examples {
                        let wrong = wrong(&schema, example);
                        told.extend(wrong.into_iter().map(|wrong| format!("{method} {path} {what}: {wrong}")));
                        looked_at += 1;
                    }
                }
            }
        }
        (told, looked_at)
    }

    /// The parameters that the query string of an operation must have, apart from this one, each followed by `&`. Ids are
    /// those of this person. Of those of which it needs one (`x-needs-one-of`), it has the first that is not this one.
    pub fn needed(operation: &Value, person: &str, but: &str) -> String {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let needed = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
        let needed = needed.filter_map(|parameter| parameter["name"].as_str()).filter(|name| *name != but);
        let needed = needed.map(|name| format!("{name}={}&", if name == "ids" { person } else { "x" }));
        let one_of = operation["x-needs-one-of"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let one = one_of.map(|one| one.split_once('=').unwrap_or((one, "x"))).find(|(name, _)| *name != but);
        needed.chain(one.map(|(name, value)| format!("{name}={value}&"))).collect()
    }

    /// The example of a request body, `{}` if it has none.
    pub fn example(&self, operation: &Value) -> Value {
        let body = resolved(&self.0, &operation["requestBody"]);
        let media = body["content"].as_object().and_then(|kinds| kinds.values().next()).unwrap_or(&Value::Null);
        let schema = resolved(&self.0, &media["schema"]);
        let named = media["examples"].as_object().and_then(|examples| examples.values().next());
        [
            Some(&media["example"]),
            named.map(|example| &example["value"]),
            Some(&schema["example"]),
            schema["examples"].as_array().and_then(|examples| examples.first()),
        ]
        .into_iter()
        .flatten()
        .find(|example| !example.is_null())
        .cloned()
        .unwrap_or_else(|| json!({}))
    }

    /// Adds a body in the form that an operation takes.
    pub fn with_body(&self, request: RequestBuilder, operation: &Value, body: &Value) -> RequestBuilder {
        let kinds = &resolved(&self.0, &operation["requestBody"])["content"];
        if kinds["multipart/form-data"].is_object() { form(request, body) } else { request.json(body) }
    }

    /// The validator for the schema at this pointer.
    /// With the pattern for engines in Unicode mode, which is exact.
    pub fn exact_validator_of(&self, pointer: &str) -> Validator {
        let mut schema = self.0.pointer(pointer).expect("no such schema").clone();
        schema["pattern"] = schema["x-unicode-pattern"].clone();
        validator(&self.0, &schema)
    }

    /// Whether the named schema allows this.
    pub fn fits(&self, name: &str, instance: &Value) -> bool {
        complaints(&self.0, &self.0["components"]["schemas"][name], instance).is_empty()
    }

    /// Schemas that are not valid JSON Schema.
    pub fn broken_schemas(&self) -> Vec<String> {
        let schemas = self.0["components"]["schemas"].as_object().unwrap();
        schemas.iter().filter(|(_, schema)| !jsonschema::meta::is_valid(schema)).map(|(name, _)| name.clone()).collect()
    }
}

pub struct AsyncApi(pub Value);

impl AsyncApi {
    /// Name and payload schema of every message.
    pub fn messages(&self) -> Vec<(&str, &Value)> {
        let messages = self.0["components"]["messages"].as_object().unwrap();
        messages
            .iter()
            .map(|(key, message)| (message["name"].as_str().unwrap_or(key), resolved(&self.0, &message["payload"])))
            .collect()
    }

    /// The schema of the frames of the message with this key.
    pub fn payload(&self, key: &str) -> &Value {
        resolved(&self.0, &self.0["components"]["messages"][key]["payload"])
    }

    /// How a frame violates the schema of the message with this key.
    pub fn complaints_of(&self, key: &str, frame: &Value) -> Vec<String> {
        let message = &self.0["components"]["messages"][key];
        assert!(message.is_object(), "{key} is not documented");
        complaints(&self.0, &message["payload"], frame)
    }
}
