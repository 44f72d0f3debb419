//! The parameters of the query string, and headers, in the table of routes.

use clowder_core::input::LONGEST_TEXT;
use utoipa::ToSchema;

use super::{endpoint::Endpoint, shape::Shape};

/// A parameter of the query string.
pub struct Asked {
    pub name: &'static str,
    pub says: &'static str,
    pub schema: Shape,
    /// The maximum length of a text, in characters.
    pub most: usize,
    /// The minimum and maximum of a number.
    pub range: Option<(i64, i64)>,
    /// The pattern of a text.
    pub pattern: Option<&'static str>,
    /// Whether it must be there.
    pub required: bool,
}

/// A header of the request that only some routes read.
#[derive(Debug, Clone, Copy)]
pub struct AskedHeader {
    pub name: &'static str,
    pub says: &'static str,
    pub pattern: &'static str,
    /// The maximum length of its value.
    pub most: usize,
    pub required: bool,
    pub example: &'static str,
}

/// Ids, separated by commas.
const IDS: &str =
    "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(,[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})*$";
/// The length of an id with its comma.
const ID: usize = 37;

impl Endpoint {
    /// Headers of the request, beside those that follow from its kind.
    pub fn asks_headers(mut self, headers: &'static [AskedHeader]) -> Self {
        self.headers = headers;
        self
    }

    /// Headers of its successful answers, beside those that follow from its kind.
    pub fn shows(mut self, headers: &'static [&'static str]) -> Self {
        self.shows = headers;
        self
    }

    /// Parameters of which at most one can be given.
    pub fn excludes(mut self, names: &'static [&'static str]) -> Self {
        self.exclusive = names;
        self
    }

    /// Parameters of which at least one must be given; `name=value` for one that counts only with that value.
    pub fn needs_one_of(mut self, names: &'static [&'static str]) -> Self {
        self.needs_one_of = names;
        self
    }

    /// A parameter of the query string.
    pub fn asks<T: ToSchema>(mut self, name: &'static str, says: &'static str) -> Self {
        self.asks.push(Asked {
            name,
            says,
            schema: Shape::of::<T>(),
            most: LONGEST_TEXT,
            range: None,
            pattern: None,
            required: false,
        });
        self
    }

    /// The parameter that was asked for last must be there.
    pub fn needed(mut self) -> Self {
        if let Some(last) = self.asks.last_mut() {
            last.required = true;
        }
        self
    }

    /// A whole number of the query string.
    pub fn asks_number(mut self, name: &'static str, least: i64, most: i64, says: &'static str) -> Self {
        let range = Some((least, most));
        self.asks.push(Asked {
            name,
            says,
            schema: Shape::of::<i64>(),
            most: LONGEST_TEXT,
            range,
            pattern: None,
            required: false,
        });
        self
    }

    /// A text in the query string with a pattern of its own.
    pub fn asks_form(mut self, name: &'static str, pattern: &'static str, says: &'static str) -> Self {
        let (schema, pattern) = (Shape::of::<String>(), Some(pattern));
        self.asks.push(Asked { name, says, schema, most: LONGEST_TEXT, range: None, pattern, required: false });
        self
    }

    /// Ids in the query string, at least one, separated by commas.
    pub fn asks_ids(mut self, name: &'static str, most: usize, says: &'static str) -> Self {
        let (schema, pattern) = (Shape::of::<String>(), Some(IDS));
        self.asks.push(Asked { name, says, schema, most: most * ID - 1, range: None, pattern, required: true });
        self
    }

    /// A text in the query string that may be longer than most.
    pub fn asks_long(mut self, name: &'static str, most: usize, says: &'static str) -> Self {
        self.asks.push(Asked {
            name,
            says,
            schema: Shape::of::<String>(),
            most,
            range: None,
            pattern: None,
            required: false,
        });
        self
    }
}
