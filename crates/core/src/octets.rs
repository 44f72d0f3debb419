//! How large a value is as JSON, without writing it: lists are bounded in octets, and writing each item twice would be a
//! seventh of what a list costs.

use std::fmt;

use serde::{Serialize, Serializer, ser};

use crate::{Error, Result};

/// At most so many octets has the value as compact JSON. Exact, except for numbers, times and what is embedded as JSON
/// text, which count as somewhat longer.
pub fn most(value: &(impl Serialize + ?Sized)) -> Result<usize> {
    let mut count = Count(0);
    value.serialize(&mut count).map_err(|error| Error::internal(error.0))?;
    Ok(count.0)
}

/// The longest number: `f64` in scientific notation, and `i64`.
const NUMBER: usize = 24;
/// A time in quotes; nothing else of ours is written through `Display`.
const TIME: usize = 40;

struct Count(usize);

impl Count {
    fn add(&mut self, octets: usize) -> Result<(), Flaw> {
        self.0 += octets;
        Ok(())
    }

    fn text(&mut self, text: &str) {
        let escaped = |octet: u8| match octet {
            b'"' | b'\\' => 1,
            0..0x20 => 5,
            _ => 0,
        };
        self.0 += 2 + text.len() + text.bytes().map(escaped).sum::<usize>();
    }

    /// A member or an item, with its comma and, if it has a name, its colon.
    fn item<T: Serialize + ?Sized>(&mut self, name: Option<&'static str>, value: &T) -> Result<(), Flaw> {
        self.0 += 1;
        if let Some(name) = name {
            self.0 += name.len() + 3;
        }
        value.serialize(self)
    }

    /// A variant with content: `{"name":…}`.
    fn variant(&mut self, name: &str) -> &mut Self {
        self.0 += name.len() + 5;
        self
    }
}

#[derive(Debug)]
struct Flaw(String);

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Flaw {}

impl ser::Error for Flaw {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

macro_rules! numbers {
    ($($method:ident: $number:ty),*) => {
        $(fn $method(self, _: $number) -> Result<(), Flaw> {
            self.add(NUMBER)
        })*
    };
}

impl Serializer for &mut Count {
    type Ok = ();
    type Error = Flaw;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64
    }

    fn serialize_bool(self, _: bool) -> Result<(), Flaw> {
        self.add(5)
    }

    fn serialize_char(self, char: char) -> Result<(), Flaw> {
        self.text(char.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), Flaw> {
        self.text(text);
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Flaw> {
        self.add(TIME)
    }

    fn serialize_bytes(self, octets: &[u8]) -> Result<(), Flaw> {
        self.add(2 + 4 * octets.len())
    }

    fn serialize_none(self) -> Result<(), Flaw> {
        self.add(4)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Flaw> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Flaw> {
        self.add(4)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Flaw> {
        self.add(4)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<(), Flaw> {
        self.add(name.len() + 2)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Flaw> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Flaw> {
        value.serialize(self.variant(name))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Flaw> {
        self.add(2).map(|()| self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Flaw> {
        self.add(2).map(|()| self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Flaw> {
        self.add(2).map(|()| self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, name: &'static str, _: usize) -> Result<Self, Flaw> {
        self.variant(name).add(2).map(|()| self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Flaw> {
        self.add(2).map(|()| self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Flaw> {
        self.add(2).map(|()| self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, name: &'static str, _: usize) -> Result<Self, Flaw> {
        self.variant(name).add(2).map(|()| self)
    }
}

macro_rules! items {
    ($($part:ident: $method:ident),*) => {
        $(impl ser::$part for &mut Count {
            type Ok = ();
            type Error = Flaw;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Flaw> {
                self.item(None, value)
            }

            fn end(self) -> Result<(), Flaw> {
                Ok(())
            }
        })*
    };
}
items! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field
}

macro_rules! members {
    ($($part:ident),*) => {
        $(impl ser::$part for &mut Count {
            type Ok = ();
            type Error = Flaw;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Flaw> {
                self.item(Some(name), value)
            }

            fn end(self) -> Result<(), Flaw> {
                Ok(())
            }
        })*
    };
}
members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for &mut Count {
    type Ok = ();
    type Error = Flaw;

    /// A number as a key is in quotes.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Flaw> {
        self.0 += 2;
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Flaw> {
        self.item(None, value)
    }

    fn end(self) -> Result<(), Flaw> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{json, value::RawValue};

    use super::*;
    use crate::{Id, Timestamp};

    /// As large as it is written, or a little larger for so many numbers, times and the like.
    fn counts(value: &impl Serialize, loose: usize) {
        let (counted, written) = (most(value).unwrap(), serde_json::to_string(value).unwrap());
        let room = loose * TIME + written.matches([',', '[', '{']).count() + 1;
        assert!(
            (written.len()..=written.len() + room).contains(&counted),
            "{counted} for {}: {written}",
            written.len()
        );
    }

    #[test]
    fn nothing_is_larger_than_it_counts() {
        #[derive(Serialize)]
        #[serde(rename_all = "snake_case")]
        enum Thing {
            Unit,
            New(u8),
            Tuple(u8, bool),
            Named { a: Option<f64>, b: char },
        }
        assert_eq!(most("\u{1}\"é🦀\n").unwrap(), 2 + 6 + 2 + 2 + 4 + 6, "as it is written, but for the last");
        for text in ["", "plain", "tab\t quote\" back\\ slash/ \u{7f} \u{2028} é 🦀", "\u{0}\u{1f}"] {
            let escapes = text.matches(['\t', '\n']).count();
            let (counted, written) = (most(text).unwrap(), serde_json::to_string(text).unwrap().len());
            assert_eq!(counted, written + 4 * escapes, "{text:?}");
        }
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        counts(&(at, Id::<()>::new(at), i64::MIN, f64::MIN_POSITIVE, true, None::<u8>, ()), 3);
        counts(&[Thing::Unit, Thing::New(1), Thing::Tuple(2, false), Thing::Named { a: None, b: '"' }], 2);
        counts(&BTreeMap::from([(1_u32, "one"), (2, "two")]), 2);
        counts(&json!({"a": [1, 2.5, -3, "x", null, true], "b": {"c": {}}}), 3);
        counts(&RawValue::from_string(r#"{"a":1}"#.to_owned()).unwrap(), 2);
    }
}
