//! Reads an input from JSON and collects everything that is wrong with it, so that a client gets all errors at once.

mod unknown;
mod values;

use serde_json::{Map, Value};

pub use values::{LONGEST_TEXT, Opaque, has_vanishing_number, time};

use crate::{Error, FieldError, Result, Timestamp, text::Flaw};

/// Something that a client sends as a JSON object.
pub trait Input: Sized {
    /// Takes its fields; `None` if one of them was invalid (the reader then holds the errors).
    fn read(fields: &mut Fields) -> Option<Self>;

    /// How many rows it makes the database write, beyond the few of every call; rate limits count them.
    fn rows(&self) -> usize {
        1
    }

    /// Reads an input from a parsed body. Unknown members are ignored, unless their names look like slips.
    fn from_json(body: Value) -> Result<Self> {
        from_object(body, None)
    }

    /// The same for one that arrives now: times that must be in the future, or must not, are errors like all others.
    fn from_json_at(body: Value, now: Timestamp) -> Result<Self> {
        from_object(body, Some(now))
    }
}

fn from_object<T: Input>(body: Value, now: Option<Timestamp>) -> Result<T> {
    let Value::Object(members) = body else {
        return Err(Error::field("", "type", "must be a JSON object"));
    };
    let mut fields = Fields { members, absent: Vec::new(), errors: Vec::new(), now };
    let read = T::read(&mut fields);
    fields.expect_no_slips();
    match read {
        Some(input) if fields.errors.is_empty() => Ok(input),
        _ => Err(Error::Invalid(fields.errors)),
    }
}

/// A value that `null` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nullable<T>(pub Option<T>);

impl<T: Field> Field for Nullable<T> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() { Ok(Self(None)) } else { T::parse(value).map(|value| Self(Some(value))) }
    }

    /// With all errors of an object, each at its own member.
    fn read(value: Value, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        if value.is_null() { Some(Self(None)) } else { T::read(value, pointer, errors).map(|value| Self(Some(value))) }
    }
}

/// The members of a JSON object, and the errors in those already read.
#[derive(Debug, Default)]
pub struct Fields {
    members: Map<String, Value>,
    /// The names of those that were looked for in vain.
    absent: Vec<&'static str>,
    errors: Vec<FieldError>,
    /// When the input arrived, if that matters to its reader.
    now: Option<Timestamp>,
}

/// The flaw of a time that is over.
pub fn past() -> Flaw {
    Flaw::new("past", "must be in the future")
}

/// The flaw of a member that names files.
pub fn no_files() -> Flaw {
    Flaw::new("no_files", "files cannot be given here")
}

/// The members of any input that name files.
const FILES: [&str; 4] = ["attachments", "avatar", "cover", "photos"];

impl Fields {
    pub fn required<T: Field>(&mut self, name: &'static str) -> Option<T> {
        match self.take(name) {
            Some(value) => self.value(name, value),
            None => {
                self.flaw(name, Flaw::new("required", "is required"));
                None
            }
        }
    }

    /// Absent and `null` both mean nothing. The outer `None` means that the value was invalid.
    pub fn optional<T: Field>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.take(name) {
            Some(value) => self.value(name, value).map(Some),
            None => Some(None),
        }
    }

    /// Absent means "unchanged"; `null` is a value like any other and reaches the type.
    pub fn patch<T: Field>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.find(name) {
            Some(value) => self.value(name, value).map(Some),
            None => Some(None),
        }
    }

    /// Two names for the same member, which may not have two different values.
    pub fn either<T: Field>(&mut self, [one, other]: [&'static str; 2]) -> Option<Option<T>> {
        let value = match [self.take(one), self.take(other)] {
            [Some(first), Some(second)] if first != second => {
                self.flaw(other, Flaw::new("unwanted", format!("only one of {one} and {other} can be given")));
                return None;
            }
            [Some(value), _] => Some((one, value)),
            [None, value] => value.map(|value| (other, value)),
        };
        value.map_or(Some(None), |(name, value)| self.value(name, value).map(Some))
    }

    /// An array of at most `most` items, counted before any of them is read.
    pub fn required_list<T: Field>(&mut self, name: &'static str, most: usize) -> Option<Vec<T>> {
        match self.take(name) {
            Some(value) => self.items(name, value, most),
            None => {
                self.flaw(name, Flaw::new("required", "is required"));
                None
            }
        }
    }

    /// The same; absent means an empty array. `null` is not an array.
    pub fn optional_list<T: Field>(&mut self, name: &'static str, most: usize) -> Option<Vec<T>> {
        match self.find(name) {
            Some(value) => self.items(name, value, most),
            None => Some(Vec::new()),
        }
    }

    /// The same; absent means "unchanged", and `null` an empty array.
    pub fn list_patch<T: Field>(&mut self, name: &'static str, most: usize) -> Option<Option<Vec<T>>> {
        match self.find(name) {
            Some(Value::Null) => Some(Some(Vec::new())),
            Some(value) => self.items(name, value, most).map(Some),
            None => Some(None),
        }
    }

    fn items<T: Field>(&mut self, name: &str, value: Value, most: usize) -> Option<Vec<T>> {
        let Value::Array(items) = value else {
            self.flaw(name, Flaw::new("type", "must be an array"));
            return None;
        };
        if items.len() > most {
            self.flaw(name, Flaw::new("too_many", format!("must have at most {most} items")));
            return None;
        }
        let wanted = items.len();
        let items = items.into_iter().enumerate();
        let read: Vec<T> =
            items.filter_map(|(index, item)| T::read(item, &format!("/{name}/{index}"), &mut self.errors)).collect();
        (read.len() == wanted).then_some(read)
    }

    /// Refuses files, so that nobody believes that theirs were taken. `null` and an empty array name none.
    pub fn expect_no_files(&mut self) {
        self.expect_no_files_but(&[]);
    }

    /// The same for all members but these, which the input reads.
    pub fn expect_no_files_but(&mut self, read: &[&str]) {
        for name in FILES.into_iter().filter(|name| !read.contains(name)) {
            match self.take(name) {
                None => {}
                Some(Value::Array(files)) if files.is_empty() => {}
                Some(_) => self.flaw(name, no_files()),
            }
        }
    }

    /// Adds an error if this time, which was read from a field, is over.
    pub fn expect_future(&mut self, name: &str, at: Option<Timestamp>) {
        if at.zip(self.now).is_some_and(|(at, now)| at <= now) {
            self.flaw(name, past());
        }
    }

    /// Adds what is wrong with a field at the time when the input arrived.
    pub fn expect_now(&mut self, name: &str, flaw: impl FnOnce(Timestamp) -> Option<Flaw>) {
        if let Some(flaw) = self.now.and_then(flaw) {
            self.flaw(name, flaw);
        }
    }

    /// Adds an error that concerns several fields together.
    pub fn flaw(&mut self, name: &str, flaw: Flaw) {
        self.errors.push(flaw.at(format!("/{name}")));
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.find(name).filter(|value| !value.is_null())
    }

    fn find(&mut self, name: &'static str) -> Option<Value> {
        let found = self.members.remove(name);
        // Only another member could be meant by its name.
        if found.is_none() && !self.members.is_empty() {
            self.absent.push(name);
        }
        found
    }

    fn value<T: Field>(&mut self, name: &str, value: Value) -> Option<T> {
        T::read(value, &format!("/{name}"), &mut self.errors)
    }
}

/// An input that is a member of another input.
#[derive(Debug)]
pub struct Nested<T>(pub T);

/// A value type that can be read from JSON, with an explanation of what is wrong.
pub trait Field: Sized {
    fn parse(value: Value) -> Result<Self, Flaw>;

    fn read(value: Value, pointer: &str, errors: &mut Vec<FieldError>) -> Option<Self> {
        Self::parse(value).map_err(|flaw| errors.push(flaw.at(pointer))).ok()
    }
}

/// The text of a JSON string, or an error if it is not a string.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Id;
    use crate::error::MOST_ERRORS;

    #[derive(Debug)]
    struct Until(Option<Timestamp>);

    impl Input for Until {
        fn read(fields: &mut Fields) -> Option<Self> {
            let _: Option<String> = fields.required("name");
            let until: Option<Option<Timestamp>> = fields.optional("until");
            fields.expect_future("until", until.flatten());
            fields.expect_now("name", |now| (now.as_micros() == 0).then(|| Flaw::new("length", "is odd then")));
            Some(Self(until?))
        }
    }

    #[test]
    fn times_that_are_over_are_told_with_the_others() {
        let at = Timestamp::from_micros;
        let told = |result: Result<Until>| match result {
            Err(Error::Invalid(errors)) => {
                errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        let wrong = |errors: &[(&str, &str)]| {
            errors.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect::<Vec<_>>()
        };
        let late = json!({"until": at(7_000_000).to_string()});
        let both = wrong(&[("/name", "required"), ("/until", "past")]);
        assert_eq!(told(Until::from_json_at(late.clone(), at(7_000_000))), both);
        assert_eq!(told(Until::from_json_at(late.clone(), at(6_999_999))), wrong(&[("/name", "required")]));
        assert_eq!(told(Until::from_json(late.clone())), wrong(&[("/name", "required")]), "whenever that is");
        let named = json!({"name": "x", "until": late["until"]});
        assert_eq!(told(Until::from_json_at(named.clone(), at(0))), wrong(&[("/name", "length")]));
        assert_eq!(Until::from_json_at(named, at(1)).unwrap().0, Some(at(7_000_000)));
    }

    #[derive(Debug)]
    struct Pictured;

    impl Input for Pictured {
        fn read(fields: &mut Fields) -> Option<Self> {
            fields.expect_no_files();
            Some(Self)
        }
    }

    #[test]
    fn files_are_refused_and_not_ignored() {
        for name in FILES {
            for (given, refused) in
                [(json!(null), false), (json!([]), false), (json!(["x"]), true), (json!("x"), true), (json!({}), true)]
            {
                let read = Pictured::from_json(json!({name: given, "other": 1}));
                let told = match read {
                    Ok(_) => None,
                    Err(Error::Invalid(errors)) => Some((errors[0].pointer.clone(), errors[0].code.clone())),
                    Err(other) => panic!("{other:?}"),
                };
                assert_eq!(told, refused.then(|| (format!("/{name}"), "no_files".into())), "{given}");
            }
        }
    }

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
            let ids = fields.required_list("ids", 3);
            let size = fields.optional("size");
            Some(Self { name: name?.unwrap_or_default(), ids: ids?, size: size? })
        }
    }

    #[test]
    fn whole_numbers_of_every_spelling() {
        for (given, read) in [
            (json!(5), Some(5)),
            (json!(5.0), Some(5)),
            (json!(-2e3), Some(-2_000)),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!(5.5), None),
            (json!(1e300), None),
            (json!(u64::MAX), None),
            (json!("5"), None),
        ] {
            assert_eq!(i64::parse(given.clone()).ok(), read, "{given}");
        }
    }

    #[test]
    fn numbers_that_would_become_zero() {
        let long = format!("[0.{}1]", "0".repeat(400));
        for (json, vanishes) in [
            (r#"{"seq":0.1e-400}"#, true),
            ("[-1E-999]", true),
            (long.as_str(), true),
            (r#"{"a":"\"","b":1e-400}"#, true),
            (r#"{"a":0.0,"b":-0,"c":0e-9,"d":0.000,"e":1e-300,"f":10}"#, false),
            (r#"{"a":"1e-400","b\\":"\"1e-400"}"#, false),
            (r#"{"a":1"#, false),
            (r#""never closed 1e-400"#, false),
            ("", false),
        ] {
            assert_eq!(has_vanishing_number(json), vanishes, "{json}");
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

    #[test]
    fn two_names_of_a_member_have_one_value() {
        #[derive(Debug)]
        struct Named(Option<String>);

        impl Input for Named {
            fn read(fields: &mut Fields) -> Option<Self> {
                fields.either(["title", "name"]).map(Self)
            }
        }

        for (given, read) in [
            (json!({}), Ok(None)),
            (json!({"title": null, "name": null}), Ok(None)),
            (json!({"title": "a"}), Ok(Some("a"))),
            (json!({"name": "a"}), Ok(Some("a"))),
            (json!({"title": null, "name": "a"}), Ok(Some("a"))),
            (json!({"title": "a", "name": null}), Ok(Some("a"))),
            (json!({"title": "a", "name": "a"}), Ok(Some("a"))),
            (json!({"title": "a", "name": "b"}), Err(("/name", "unwanted"))),
            (json!({"title": "a", "name": 1}), Err(("/name", "unwanted"))),
            (json!({"name": 1}), Err(("/name", "type"))),
        ] {
            match (Named::from_json(given.clone()), read) {
                (Ok(named), read) => assert_eq!(Ok(named.0.as_deref()), read, "{given}"),
                (result, Err((at, code))) => assert_eq!(told(result), [(at.to_owned(), code.to_owned())], "{given}"),
                (result, _) => panic!("{given}: {result:?}"),
            }
        }
    }

    #[test]
    fn a_list_is_never_null() {
        #[derive(Debug)]
        struct Listed(Vec<String>);

        impl Input for Listed {
            fn read(fields: &mut Fields) -> Option<Self> {
                fields.optional_list("items", 3).map(Self)
            }
        }

        assert_eq!(Listed::from_json(json!({})).unwrap().0, [""; 0]);
        assert_eq!(Listed::from_json(json!({"items": ["a"]})).unwrap().0, ["a"]);
        for wrong in [json!(null), json!("a"), json!({}), json!(false)] {
            let told = told(Listed::from_json(json!({"items": wrong})));
            assert_eq!(told, [("/items".to_owned(), "type".to_owned())], "{wrong}");
        }
    }

    fn told<T>(result: Result<T>) -> Vec<(String, String)> {
        let Err(Error::Invalid(errors)) = result else { panic!("must be invalid") };
        errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect()
    }

    #[test]
    fn items_are_counted_before_they_are_read() {
        for (items, expected) in [(4, vec![("/ids", "too_many")]), (2, vec![("/ids/0", "type"), ("/ids/1", "type")])] {
            let told = told(Sample::from_json(json!({"ids": vec![json!({"no": "id"}); items]})));
            assert_eq!(told.iter().map(|(at, code)| (at.as_str(), code.as_str())).collect::<Vec<_>>(), expected);
        }
    }

    #[derive(Debug)]
    struct Nothing;

    impl Input for Nothing {
        fn read(fields: &mut Fields) -> Option<Self> {
            fields.nothing_else();
            Some(Self)
        }
    }

    #[test]
    fn unknown_members_are_named_in_short_and_not_all_of_them() {
        let many: Map<_, _> = (0..10_000).map(|number| (format!("{number}~/{}", "x".repeat(500)), json!(1))).collect();
        let told = told(Nothing::from_json(Value::Object(many)));
        assert_eq!(told.len(), MOST_ERRORS + 1);
        assert!(told.iter().all(|(pointer, _)| pointer.len() < 100 && pointer.contains("~0~1")), "{told:?}");
    }

    #[test]
    fn a_path_with_dots_is_no_member() {
        let said = |name: &str| match Nothing::from_json(json!({name: 1})) {
            Err(Error::Invalid(errors)) => format!("{} {}", errors[0].pointer, errors[0].message),
            other => panic!("{other:?}"),
        };
        assert_eq!(said("bio"), "/bio is not a known member");
        let nested = r#"a member of a member is written {"privacy": {"bio": …}}"#;
        assert_eq!(said("privacy.bio"), format!("/privacy.bio is not a known member; {nested}"));
    }
}
