//! Schemas of the wire, collected for the documents.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

type Schemas = Vec<(String, RefOr<Schema>)>;

/// A schema together with those it references.
pub struct Shape {
    schema: Value,
    collect: fn(&mut Schemas),
    /// The name of the page, if it is one.
    page: Option<(String, Value)>,
}

impl Shape {
    /// Objects and enums become components and are referenced; plain values are inlined.
    pub fn of<T: ToSchema>() -> Self {
        let plain = plain_schema::<T>();
        match plain {
            Some(schema) => Self { schema, collect: |_| {}, page: None },
            None => Self { schema: reference::<T>(), collect: collect::<T>, page: None },
        }
    }

    /// The schema of a [`clowder_core::Page`] of these.
    pub fn page_of<T: ToSchema>() -> Self {
        let page = json!({
            "description": "One page of a list.",
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": { "type": "array", "items": reference::<T>() },
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Give it back as `?cursor=`, with the same filters, for the next page; `null` on the last one."
                }
            }
        });
        let name = format!("{}Page", T::name());
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        Self { schema, collect: collect::<T>, page: Some((name, page)) }
    }

    /// An array of all of these, without pages.
    pub fn list_of<T: ToSchema>() -> Self {
        Self { schema: json!({ "type": "array", "items": reference::<T>() }), collect: collect::<T>, page: None }
    }

    /// Any object.
    pub fn any() -> Self {
        Self { schema: json!({ "type": "object", "additionalProperties": true }), collect: |_| {}, page: None }
    }

    /// The members of both in one object.
    pub fn both<A: ToSchema, B: ToSchema>() -> Self {
        let collect = |schemas: &mut Schemas| {
            self::collect::<A>(schemas);
            self::collect::<B>(schemas);
        };
        Self { schema: json!({ "allOf": [reference::<A>(), reference::<B>()] }), collect, page: None }
    }

    /// One of the two.
    pub fn either<A: ToSchema, B: ToSchema>() -> Self {
        let collect = |schemas: &mut Schemas| {
            self::collect::<A>(schemas);
            self::collect::<B>(schemas);
        };
        Self { schema: json!({ "anyOf": [reference::<A>(), reference::<B>()] }), collect, page: None }
    }

    /// A frame of the WebSocket with this as its `data`, and some of the other members that a frame can have.
    pub fn framed(self, name: &str, members: &[&str]) -> Self {
        let mut framed = self.command(name, members);
        let all: Vec<_> =
            framed.schema["properties"].as_object().into_iter().flat_map(|it| it.keys().cloned()).collect();
        framed.schema["required"] = json!(all);
        framed
    }

    /// The same for a frame in which only its type is required.
    fn command(self, name: &str, members: &[&str]) -> Self {
        let id = json!({ "type": ["string", "number", "null"], "maxLength": 128 });
        let mut properties = serde_json::Map::new();
        properties.insert("type".into(), json!({ "const": name }));
        properties.insert("id".into(), id);
        properties.insert("at".into(), json!({ "type": "string", "format": "date-time" }));
        properties.insert("cursor".into(), json!({ "type": "string", "description": "Resume after this event" }));
        properties.retain(|member, _| member == "type" || members.contains(&member.as_str()));
        properties.insert("data".into(), self.schema);
        let schema = json!({
            "type": "object", "required": ["type"], "properties": properties, "additionalProperties": true
        });
        Self { schema, ..self }
    }

    /// A command: its `id` is optional (the answer then has `null`), and so is `data` without required members.
    pub fn commanding(self, name: &str, takes_data: bool) -> Self {
        let mut framed = self.command(name, &["id"]);
        if takes_data {
            framed.schema["required"] = json!(["type", "data"]);
        }
        framed
    }

    pub fn schema(&self) -> &Value {
        &self.schema
    }

    pub fn collect_into(&self, components: &mut Components) {
        let mut schemas = Vec::new();
        (self.collect)(&mut schemas);
        for (name, schema) in schemas {
            components.0.entry(name).or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
        }
        if let Some((name, page)) = &self.page {
            components.0.entry(name.clone()).or_insert_with(|| page.clone());
        }
    }
}

/// The schemas that a document references, by name.
#[derive(Default)]
pub struct Components(BTreeMap<String, Value>);

impl Components {
    /// Says for everything referenced here, as the body of a request, whether unknown members are ignored or refused.
    pub fn say_of_others(&mut self, body: &Value, ignored: bool) {
        let mut open = vec![body.clone()];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(members) => {
                    let target = members.get("$ref").and_then(Value::as_str);
                    let name = target.and_then(|target| target.strip_prefix("#/components/schemas/"));
                    if let Some(schema) = name.and_then(|name| self.0.get_mut(name)) {
                        if schema.get("properties").is_none() || schema.get("additionalProperties").is_some() {
                            continue;
                        }
                        let sentence = format!("Unknown members are {}.", if ignored { "ignored" } else { "refused" });
                        let said =
                            schema["description"].as_str().map_or_else(String::new, |said| format!("{said}\n\n"));
                        schema["description"] = json!(said + &sentence);
                        schema["additionalProperties"] = json!(ignored);
                        open.push(schema["properties"].clone());
                    }
                    open.extend(members.into_iter().map(|(_, value)| value));
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.get_mut(name)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&String, &mut Value)> {
        self.0.iter_mut()
    }

    /// Gives each page an example with one item.
    pub fn fill_pages(&mut self) {
        let pages: Vec<_> = self.0.keys().filter(|name| name.ends_with("Page")).cloned().collect();
        for name in pages {
            let item = self.0[&name].pointer("/properties/items/items").and_then(|item| self.example(item));
            if let (Some(item), Some(page)) = (item, self.0.get_mut(&name)) {
                page["example"] = json!({ "items": [item], "next_cursor": null });
            }
        }
    }

    /// What this references, or this itself.
    fn resolve<'c>(&'c self, schema: &'c Value) -> &'c Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.rsplit('/').next());
        name.and_then(|name| self.0.get(name)).unwrap_or(schema)
    }

    /// An example for this schema; also for a list.
    pub fn example(&self, schema: &Value) -> Option<Value> {
        let schema = self.resolve(schema);
        match (schema.get("example"), schema.get("items")) {
            (Some(example), _) => Some(example.clone()),
            (None, Some(items)) => self.example(items).map(|item| json!([item])),
            // Of several that it can be, the first.
            (None, None) => self.example(schema.get("anyOf")?.get(0)?),
        }
    }

    /// The schema of a member, or null.
    pub fn member<'c>(&'c self, schema: &'c Value, name: &str) -> &'c Value {
        &self.resolve(schema)["properties"][name]
    }

    pub fn into_value(self) -> Value {
        self.0.into_iter().collect::<serde_json::Map<_, _>>().into()
    }
}

fn reference<T: ToSchema>() -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
}

fn collect<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn plain_schema<T: PartialSchema>() -> Option<Value> {
    let schema = serde_json::to_value(T::schema()).ok()?;
    let is_named = schema["type"] == "object"
        || ["properties", "allOf", "oneOf", "enum"].iter().any(|key| schema.get(key).is_some());
    (!is_named).then_some(schema)
}
