//! How setting values are parsed from text and shown again.

use std::{fmt::Display, net::SocketAddr, ops::RangeInclusive, path::PathBuf, str::FromStr};

use clowder_accounts::sign_up::Mode;
use clowder_core::Word;

use super::{Format, Rotation, Secret};
use crate::public_url::PublicUrl;

/// The value of one setting of any type.
pub trait Value {
    /// Parses the text, or says what would be valid and leaves the value unchanged. Lists are separated by commas.
    fn set(&mut self, text: &str) -> Result<(), String>;

    /// As a TOML value.
    fn show(&self) -> String;
}

/// The value as JSON, for programs that don't read TOML.
pub fn json(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Value for bool {
    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => return Err("must be true or false".to_owned()),
        };
        Ok(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A whole number within a range; `_` may separate its digits.
pub fn whole<T: TryFrom<u64>>(text: &str, range: RangeInclusive<u64>) -> Result<T, String> {
    let number = text.replace('_', "").parse::<u64>().ok().filter(|number| range.contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

impl Value for usize {
    fn set(&mut self, text: &str) -> Result<(), String> {
        // No number of threads, connections or calls makes sense beyond this.
        whole(text, 0..=100_000).map(|number| *self = number)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for u64 {
    fn set(&mut self, text: &str) -> Result<(), String> {
        whole(text, 1..=10 * 365 * 24 * 3600).map(|seconds| *self = seconds)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Grace period in days before an erasure: none, or up to a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace(pub u32);

impl Value for Grace {
    fn set(&mut self, text: &str) -> Result<(), String> {
        whole(text, 0..=365).map(|days| self.0 = days)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Value for u32 {
    fn set(&mut self, text: &str) -> Result<(), String> {
        whole(text, 0..=u32::MAX.into()).map(|number| *self = number)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Octets, and other things of which there may be very many.
impl Value for i64 {
    fn set(&mut self, text: &str) -> Result<(), String> {
        whole(text, 0..=Self::MAX.unsigned_abs()).map(|number| *self = number)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for f64 {
    fn set(&mut self, text: &str) -> Result<(), String> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(|number| *self = number).ok_or_else(|| "must be a number".to_owned())
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl Value for String {
    fn set(&mut self, text: &str) -> Result<(), String> {
        text.clone_into(self);
        Ok(())
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

impl Value for PathBuf {
    fn set(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err("must be a path".to_owned());
        }
        *self = text.into();
        Ok(())
    }

    fn show(&self) -> String {
        quoted(&self.display().to_string())
    }
}

impl Value for SocketAddr {
    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = text
            .parse()
            .map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())?;
        Ok(())
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// An empty text is `None`.
impl<T: Value + Empty> Value for Option<T> {
    fn set(&mut self, text: &str) -> Result<(), String> {
        let mut value = T::empty();
        if text.is_empty() {
            *self = None;
        } else {
            value.set(text)?;
            *self = Some(value);
        }
        Ok(())
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quoted(""), Value::show)
    }
}

/// The value of an optional setting before it is parsed.
pub trait Empty {
    fn empty() -> Self;
}

impl Empty for u16 {
    fn empty() -> Self {
        0
    }
}

impl Empty for PathBuf {
    fn empty() -> Self {
        Self::new()
    }
}

impl Empty for SocketAddr {
    fn empty() -> Self {
        Self::from(([0, 0, 0, 0], 0))
    }
}

impl Empty for Secret {
    fn empty() -> Self {
        Self::new("")
    }
}

impl Value for u16 {
    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = text.parse().map_err(|_| "must be a port, 0 to 65535".to_owned())?;
        Ok(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Secret {
    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = Self::new(text);
        Ok(())
    }

    fn show(&self) -> String {
        quoted("(secret)")
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.map(|item| quoted(&item)).collect::<Vec<_>>().join(", "))
}

/// Every invalid item is reported.
impl<T: FromStr<Err = String> + Display> Value for Vec<T> {
    fn set(&mut self, text: &str) -> Result<(), String> {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        for item in items(text) {
            match item.parse() {
                Ok(value) => right.push(value),
                // The caller shows the text as a whole.
                Err(says) if item == text.trim() => wrong.push(says),
                Err(says) => wrong.push(format!("`{item}` {says}")),
            }
        }
        if wrong.is_empty() {
            *self = right;
            Ok(())
        } else {
            Err(wrong.join("; "))
        }
    }

    fn show(&self) -> String {
        list(self.iter().map(T::to_string))
    }
}

impl Value for PublicUrl {
    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = text.parse()?;
        Ok(())
    }

    fn show(&self) -> String {
        quoted(self.base())
    }
}

fn choose<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let words = || choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let choice = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    choice.map(|(_, choice)| *choice).ok_or_else(|| format!("must be one of: {}", words()))
}

fn word<T: PartialEq>(value: &T, choices: &[(&str, T)]) -> String {
    quoted(choices.iter().find(|(_, choice)| choice == value).map_or("", |(word, _)| word))
}

const FORMATS: &[(&str, Format)] = &[("pretty", Format::Pretty), ("json", Format::Json)];
const ROTATIONS: &[(&str, Rotation)] =
    &[("never", Rotation::Never), ("hourly", Rotation::Hourly), ("daily", Rotation::Daily)];

impl Value for Format {
    fn set(&mut self, text: &str) -> Result<(), String> {
        choose(text, FORMATS).map(|format| *self = format)
    }

    fn show(&self) -> String {
        word(self, FORMATS)
    }
}

impl Value for Rotation {
    fn set(&mut self, text: &str) -> Result<(), String> {
        choose(text, ROTATIONS).map(|rotation| *self = rotation)
    }

    fn show(&self) -> String {
        word(self, ROTATIONS)
    }
}

impl Value for Mode {
    fn set(&mut self, text: &str) -> Result<(), String> {
        choose(text, Mode::WORDS).map(|mode| *self = mode)
    }

    fn show(&self) -> String {
        quoted(self.as_str())
    }
}
