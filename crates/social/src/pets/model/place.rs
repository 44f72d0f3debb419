//! A place on earth: degrees with six decimals, which is a tenth of a meter.

use std::borrow::Cow;

use clowder_core::{Field, text::Flaw};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// Millionths of a degree, up to so many degrees in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Degrees<const MOST: i32>(i32);

/// North of the equator.
pub type Latitude = Degrees<90>;
/// East of Greenwich.
pub type Longitude = Degrees<180>;

impl<const MOST: i32> Degrees<MOST> {
    pub const fn from_millionths(millionths: i32) -> Self {
        Self(millionths)
    }

    pub const fn millionths(self) -> i32 {
        self.0
    }

    fn read(degrees: f64) -> Option<Self> {
        let is_there = degrees.is_finite() && degrees.abs() <= f64::from(MOST);
        is_there.then(|| Self((degrees * 1e6).round() as i32))
    }
}

impl<const MOST: i32> Field for Degrees<MOST> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let degrees = value.as_f64().ok_or_else(|| Flaw::new("type", "must be a number"))?;
        Self::read(degrees).ok_or_else(|| Flaw::new("range", format!("must be -{MOST} to {MOST}")))
    }
}

impl<const MOST: i32> Serialize for Degrees<MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<'de, const MOST: i32> Deserialize<'de> for Degrees<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(f64::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("not a place on earth"))
    }
}

impl<const MOST: i32> PartialSchema for Degrees<MOST> {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number);
        number.minimum(Some(-MOST)).maximum(Some(MOST)).build().into()
    }
}

impl<const MOST: i32> ToSchema for Degrees<MOST> {
    fn name() -> Cow<'static, str> {
        if MOST == 90 { "Latitude".into() } else { "Longitude".into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn degrees_are_on_earth() {
        for (given, latitude, longitude) in [
            (json!(52.516272), Some(52_516_272), Some(52_516_272)),
            (json!(-90), Some(-90_000_000), Some(-90_000_000)),
            (json!(90.000001), None, Some(90_000_001)),
            (json!(180), None, Some(180_000_000)),
            (json!(-180.1), None, None),
            (json!(1e300), None, None),
            (json!("1"), None, None),
            (json!(0.12345678), Some(123_457), Some(123_457)),
        ] {
            let millionths = Latitude::parse(given.clone()).ok().map(Degrees::millionths);
            assert_eq!(millionths, latitude, "{given}");
            let millionths = Longitude::parse(given.clone()).ok().map(Degrees::millionths);
            assert_eq!(millionths, longitude, "{given}");
        }
        assert_eq!(json!(Latitude::from_millionths(52_516_272)), json!(52.516272));
    }
}
