//! Reads an input from JSON and collects everything that is wrong with it, so that a client hears all at once.

use serde_json::{Map, Value};

use crate::{Error, FieldError, Id, Result, Timestamp, text::Flaw};

/// Something that a client sends as a JSON object.
pub trait Input: Sized {
    /// Takes its fields; `None` when one of them was wrong (the reader then holds why).
    fn read(fields: &mut Fields) -> Option<Self>;

    /// Reads an input from a parsed body. Unknown members are ignored.
    fn from_json(body: Value) -> Result<Self> {
        let Value::Object(members) = body else {
            return Err(Error::field("", "type", "must be a JSON object"));
        };
        let mut fields = Fields { members, errors: Vec::new() };
        match Self::read(&mut fields) {
            Some(input) if fields.errors.is_empty() => Ok(input),
            _ => Err(Error::Invalid(fields.errors)),
        }
    }
}

/// The members of a JSON object, and what was wrong with those already read.
#[derive(Debug, Default)]
pub struct Fields {
    members: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    pub fn required<T: Field>(&mut self, name: &str) -> Option<T> {
        match self.take(name) {
            Some(value) => self.value(name, value),
            None => {
                self.flaw(name, Flaw::new("required", "is required"));
                None
            }
        }
    }

    /// Absent and `null` are the same: nothing. The outer `None` says that what was there was wrong.
    pub fn optional<T: Field>(&mut self, name: &str) -> Option<Option<T>> {
        match self.take(name) {
            Some(value) => self.value(name, value).map(Some),
            None => Some(None),
        }
    }

    /// Absent means "leave it"; `null` is a value like others and reaches the type.
    pub fn patch<T: Field>(&mut self, name: &str) -> Option<Option<T>> {
        match self.members.remove(name) {
            Some(value) => self.value(name, value).map(Some),
            None => Some(None),
        }
    }

    /// The first of several names for one thing that is there.
    pub fn either<T: Field>(&mut self, names: [&str; 2]) -> Option<Option<T>> {
        let name = if self.members.get(names[0]).is_none_or(Value::is_null) { names[1] } else { names[0] };
        self.optional(name)
    }

    /// Refuses members that nobody asked for.
    pub fn nothing_else(&mut self) {
        for (name, _) in std::mem::take(&mut self.members) {
            self.flaw(&name, Flaw::new("unknown", "is not known here"));
        }
    }

    /// Notes a fault that concerns several fields together.
    pub fn flaw(&mut self, name: &str, flaw: Flaw) {
        self.errors.push(flaw.at(format!("/{name}")));
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    fn value<T: Field>(&mut self, name: &str, value: Value) -> Option<T> {
        T::read(value, &format!("/{name}"), &mut self.errors)
    }
}

/// An input that is a member of another.
#[derive(Debug)]
pub struct Nested<T>(pub T);

/// A value type that knows what is wrong with a JSON value.
pub trait Field: Sized {
    fn parse(value: Value) -> Result<Self, Flaw>;

    fn read(value: Value, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        Self::parse(value).map_err(|flaw| errors.push(flaw.at(pointer))).ok()
    }
}

/// The text of a JSON string, or the flaw that it is none.
pub fn string(value: Value) -> Result<String, Flaw> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Flaw::new("type", "must be a string")),
    }
}

/// An object within an object.
impl<T: Input> Field for Nested<T> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let mut errors = Vec::new();
        Self::read(value, "", &mut errors)
            .ok_or_else(|| Flaw::new("members", errors.pop().map(|e| e.message).unwrap_or_default()))
    }

    fn read(value: Value, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        match T::from_json(value) {
            Ok(input) => return Some(Self(input)),
            Err(Error::Invalid(faults)) => {
                errors
                    .extend(faults.into_iter().map(|e| FieldError { pointer: format!("{pointer}{}", e.pointer), ..e }));
            }
            Err(error) => errors.push(Flaw::new("type", error.to_string()).at(pointer)),
        }
        None
    }
}

impl Field for String {
    fn parse(value: Value) -> Result<Self, Flaw> {
        string(value)
    }
}

impl Field for bool {
    fn parse(value: Value) -> Result<Self, Flaw> {
        value.as_bool().ok_or_else(|| Flaw::new("type", "must be true or false"))
    }
}

impl Field for i64 {
    fn parse(value: Value) -> Result<Self, Flaw> {
        value.as_i64().ok_or_else(|| Flaw::new("type", "must be a whole number"))
    }
}

impl<T> Field for Id<T> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        string(value)?.parse().map_err(|_| Flaw::new("uuid", "must be a UUID"))
    }
}

impl Field for Timestamp {
    fn parse(value: Value) -> Result<Self, Flaw> {
        string(value)?
            .parse()
            .map_err(|_| Flaw::new("time", "must be a time as of RFC 3339, at the latest 9999-12-31T23:59:59.999999Z"))
    }
}

impl<T: Field> Field for Vec<T> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let mut errors = Vec::new();
        Self::read(value, "", &mut errors)
            .ok_or_else(|| Flaw::new("items", errors.pop().map(|e| e.message).unwrap_or_default()))
    }

    fn read(value: Value, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        let Value::Array(items) = value else {
            errors.push(Flaw::new("type", "must be an array").at(pointer));
            return None;
        };
        let wanted = items.len();
        let read: Self = items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| T::read(item, &format!("{pointer}/{index}"), errors))
            .collect();
        (read.len() == wanted).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its reading is tested")]
    struct Sample {
        name: String,
        ids: Vec<Id<()>>,
        size: Option<i64>,
    }

    impl Input for Sample {
        fn read(fields: &mut Fields) -> Option<Self> {
            let name = fields.either(["title", "name"]);
            let ids = fields.required("ids");
            let size = fields.optional("size");
            Some(Self { name: name?.unwrap_or_default(), ids: ids?, size: size? })
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let id = "018f0000-0000-7000-8000-000000000000";
        assert!(Sample::from_json(json!({"name": "a", "ids": [id], "other": 1, "size": null})).is_ok());
        let Err(Error::Invalid(errors)) = Sample::from_json(json!({"title": 1, "ids": [id, "x", 2], "size": "big"}))
        else {
            panic!("must be invalid")
        };
        let seen: Vec<_> = errors.iter().map(|e| (e.pointer.as_str(), e.code.as_ref())).collect();
        assert_eq!(seen, [("/title", "type"), ("/ids/1", "uuid"), ("/ids/2", "type"), ("/size", "type")]);
        assert!(matches!(Sample::from_json(json!([])), Err(Error::Invalid(e)) if e[0].pointer.is_empty()));
        assert!(matches!(Sample::from_json(json!({})), Err(Error::Invalid(e)) if e[0].code == "required"));
    }
}
