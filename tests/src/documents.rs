//! The generated documents, to check real responses and frames against.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Answer;

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
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|target| document.pointer(target.strip_prefix('#')?)) {
        Some(target) => resolved(document, target),
        None => value,
    }
}

/// A validator for one schema of a document, whose references still resolve.
fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({"allOf": [schema], "components": document["components"]});
    jsonschema::draft202012::options().should_validate_formats(true).build(&whole).expect("a schema that is none")
}

fn complaints(document: &Value, schema: &Value, instance: &Value) -> Vec<String> {
    let errors = validator(document, schema);
    errors.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

pub struct OpenApi(pub Value);

impl OpenApi {
    /// Method, path template and operation of everything that the document describes.
    pub fn described(&self) -> Vec<(String, &str, &Value)> {
        let mut all = Vec::new();
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                if matches!(method.as_str(), "get" | "put" | "post" | "patch" | "delete" | "head" | "options") {
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
        let (mut wrong, mut looked_at) = (Vec::new(), 0);
        for (method, path, operation) in self.described() {
            let responses = operation["responses"].as_object().into_iter().flatten();
            let parts = responses.map(|(status, response)| (status.as_str(), response));
            for (what, part) in parts.chain([("body", &operation["requestBody"])]) {
                for (kind, media) in resolved(&self.0, part)["content"].as_object().into_iter().flatten() {
                    let named =
                        media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
                    let examples: Vec<_> = media.get("example").into_iter().chain(named).collect();
                    if examples.is_empty() && kind.ends_with("json") && media["schema"] != json!({"type": "object"}) {
                        wrong.push(format!("{method} {path} {what}: no example"));
                    }
                    for example in examples {
                        let told = complaints(&self.0, &media["schema"], example);
                        wrong.extend(told.into_iter().map(|told| format!("{method} {path} {what}: {told}")));
                        looked_at += 1;
                    }
                }
            }
        }
        (wrong, looked_at)
    }

    /// The operation of a request; fixed segments win.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path = path.split('?').next()?.trim_end_matches('/');
        let fits = |template: &str| {
            let (a, b): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.starts_with('{') || a == b)
        };
        let mut found: Vec<_> = self.operations();
        found.retain(|(verb, template, _)| verb == method && fits(template));
        found.into_iter().min_by_key(|(_, template, _)| template.matches('{').count()).map(|(.., operation)| operation)
    }

    /// How a response differs from the document.
    pub fn complaints(&self, method: &str, path: &str, answer: &Answer) -> Vec<String> {
        let Some(operation) = self.operation(method, path) else {
            return vec![format!("{method} {path} is not documented")];
        };
        let responses = &operation["responses"];
        let status = answer.status.to_string();
        let family = format!("{}XX", &status[..1]);
        let described = [status.as_str(), family.as_str(), "default"].into_iter().map(|key| &responses[key]);
        let Some(response) = described.into_iter().find(|response| response.is_object()) else {
            return vec![format!("{method} {path}: {status} is not documented")];
        };
        let content = &resolved(&self.0, response)["content"];
        let media = answer.header("content-type").split(';').next().unwrap_or_default().trim();
        let wrong = match content.as_object() {
            None if answer.text.is_empty() => Vec::new(),
            None => vec!["a body, where none is documented".to_owned()],
            Some(_) if content[media].is_null() => vec![format!("'{media}' is not documented")],
            Some(_) => complaints(&self.0, &content[media]["schema"], &answer.body),
        };
        wrong.into_iter().map(|what| format!("{method} {path} {status}: {what}\n    {}", answer.text)).collect()
    }

    /// The example of a request body, `{}` if it has none.
    pub fn example(&self, operation: &Value) -> Value {
        let media = &resolved(&self.0, &operation["requestBody"])["content"]["application/json"];
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

    /// How a frame violates the document. Acks and errors are found by their type, like events.
    pub fn complaints(&self, frame: &Value) -> Vec<String> {
        let kind = frame["type"].as_str().unwrap_or_default();
        let of_kind: Vec<_> = self.messages().into_iter().filter(|(name, _)| *name == kind).collect();
        if of_kind.is_empty() {
            return vec![format!("'{kind}' is not documented: {frame}")];
        }
        // A command and the event it causes may share a name: the frame must match one of them.
        let each: Vec<_> = of_kind.iter().map(|(_, schema)| complaints(&self.0, schema, frame)).collect();
        if each.iter().any(Vec::is_empty) { Vec::new() } else { each.concat() }
    }
}
