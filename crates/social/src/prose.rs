//! Texts that people write, on several lines.

use clowder_core::{
    Field,
    input::string,
    text::{self, Flaw},
};
use serde_json::Value;

/// 1 to `MAX` characters, not only white space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prose<const MAX: usize>(String);

impl<const MAX: usize> Prose<MAX> {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> Field for Prose<MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::prose(&string(value)?, 1, MAX).map(Self)
    }
}
