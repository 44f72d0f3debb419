//! Time zones by their names, the same on every host.

use jiff::tz::{TimeZone as Zone, TimeZoneDatabase};
use serde_json::Value;

use crate::{
    Field,
    input::string,
    text::{self, Flaw},
};

/// A known time zone: `Europe/Berlin`, `UTC`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(String);

impl TimeZone {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// Its rules. Those of UTC if it is not known any more: zones are renamed, and their old names kept, so this happens
    /// only with a name that was stored by another version.
    pub(crate) fn rules(&self) -> Zone {
        TimeZoneDatabase::bundled().get(&self.0).unwrap_or(Zone::UTC)
    }
}

impl Field for TimeZone {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let name = text::line(&string(value)?, 1, 64)?;
        // The host's own database has further names (`localtime`, `posixrules`), which mean something else on other
        // hosts.
        let bundled = TimeZoneDatabase::bundled();
        match bundled.get(&name).ok().filter(|zone| !zone.is_unknown() && !name.eq_ignore_ascii_case("Factory")) {
            Some(zone) => Ok(Self(zone.iana_name().unwrap_or(&name).to_owned())),
            None => Err(Flaw::new("time_zone", "must be an IANA time zone, such as Europe/Berlin")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn time_zones_are_the_same_on_every_host() {
        let read = |name: &str| TimeZone::parse(json!(name)).map(TimeZone::into_string).map_err(|flaw| flaw.code);
        for (name, zone) in [("utc", "UTC"), ("america/argentina/buenos_aires", "America/Argentina/Buenos_Aires")] {
            assert_eq!(read(name), Ok(zone.to_owned()));
        }
        for name in ["localtime", "posixrules", "Factory", "factory", "posix/Europe/Berlin", "right/UTC", "Etc/Unknown"]
        {
            assert_eq!(read(name), Err("time_zone"), "{name}");
        }
    }
}
