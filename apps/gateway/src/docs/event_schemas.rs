//! The JSON Schemas of events, each with everything that it refers to, from the same tables as the AsyncAPI document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::openapi::schemas;
use crate::{
    grants,
    routes::{Components, Shape},
};

const IN_DOCUMENT: &str = "#/components/schemas/";
const IN_ITSELF: &str = "#/$defs/";

/// A schema that stands by itself, for each of these, in their order.
pub fn standing_alone(shapes: &[Shape]) -> Vec<Value> {
    let mut components = Components::default();
    shapes.iter().for_each(|shape| shape.collect_into(&mut components));
    schemas::complete(&mut components, std::iter::empty(), grants::scopes());
    shapes.iter().map(|shape| stand_alone(&components, shape.schema())).collect()
}

fn stand_alone(components: &Components, schema: &Value) -> Value {
    let (mut defs, mut named, mut open) = (Map::new(), BTreeSet::new(), vec![schema.clone()]);
    while let Some(value) = open.pop() {
        for name in references(&value) {
            if named.insert(name.clone())
                && let Some(found) = components.get(&name)
            {
                open.push(found.clone());
                defs.insert(name, within(found.clone()));
            }
        }
    }
    let mut alone = within(schema.clone());
    alone["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    if !defs.is_empty() {
        alone["$defs"] = Value::Object(defs);
    }
    alone
}

/// The names of all components that a schema refers to.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(IN_DOCUMENT));
            own.map(str::to_owned).into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// The same with references to definitions of its own.
fn within(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| match value {
                Value::String(target) if name == "$ref" => {
                    (name, Value::String(target.replacen(IN_DOCUMENT, IN_ITSELF, 1)))
                }
                other => (name, within(other)),
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Array(items) => items.into_iter().map(within).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws;

    #[test]
    fn every_example_fits_the_schema_of_its_event() {
        let events: Vec<_> = ws::events().collect();
        let shapes: Vec<_> = events.iter().map(|event| (event.shape)()).collect();
        for (event, schema) in events.iter().zip(standing_alone(&shapes)) {
            assert!(!schema.to_string().contains(IN_DOCUMENT), "{} refers to elsewhere", event.name);
            let validator = jsonschema::validator_for(&schema).unwrap();
            let example = (event.example)();
            let errors: Vec<_> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", event.name);
        }
    }
}
