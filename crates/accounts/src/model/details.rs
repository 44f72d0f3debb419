//! What people tell of themselves in their profile besides a bio: pronouns, where they are, and links.

use clowder_core::{
    Field, Fields, Input, Name, Timestamp,
    input::string,
    name::is_blank,
    text::{self, Flaw},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many links a profile has, at most.
pub const MOST_LINKS: usize = 5;

/// A link in a profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Link {
    #[schema(example = "My garden")]
    pub label: String,
    #[schema(example = "https://ada.example/garden")]
    pub url: String,
    /// Whether the page links back to the profile, with `rel="me"`.
    pub verified: bool,
}

/// `{label, url}`
#[derive(Debug, Clone, PartialEq, Eq, utoipa::ToSchema)]
#[schema(example = json!({"label": "My garden", "url": "https://ada.example/garden"}))]
pub struct NewLink {
    #[schema(value_type = String, max_length = 60)]
    pub label: Name<60>,
    #[schema(value_type = String, max_length = 300)]
    pub url: WebAddress,
}

impl Input for NewLink {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (label, url) = (fields.required("label"), fields.required("url"));
        Some(Self { label: label?, url: url? })
    }
}

impl NewLink {
    /// The link in a profile with these links. What is known of a page stays, whatever the link is called.
    pub fn link(&self, own: &[Link]) -> Link {
        let verified = own.iter().any(|known| known.verified && known.url == self.url.0);
        Link { label: self.label.as_str().to_owned(), url: self.url.0.clone(), verified }
    }
}

/// The address of a web page: `http` or `https`, a host of ASCII letters (`xn--…` for others), and visible ASCII characters.
/// So it can be neither a script nor a look-alike of another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAddress(String);

impl Field for WebAddress {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let url = string(value)?;
        text::at_most(&url, 300)?;
        if is_web_address(&url) {
            Ok(Self(url))
        } else {
            Err(Flaw::new("url", "must be the address of a web page, such as https://ada.example/garden"))
        }
    }
}

fn is_web_address(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else { return false };
    let (place, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = place.split_once(':').unwrap_or((place, "80"));
    let of_host = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-');
    !host.is_empty()
        && host.bytes().all(of_host)
        && (1..=5).contains(&port.len())
        && port.bytes().all(|octet| octet.is_ascii_digit())
        && rest.bytes().all(|octet| octet.is_ascii_graphic())
}

/// A name on one line, or nothing: `null` and a blank text clear it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line<const MAX: usize>(Option<String>);

impl<const MAX: usize> Line<MAX> {
    pub fn into_option(self) -> Option<String> {
        self.0
    }

    pub const fn as_option(&self) -> &Option<String> {
        &self.0
    }
}

impl<const MAX: usize> Field for Line<MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() {
            return Ok(Self(None));
        }
        if let Value::String(text) = &value
            && text::line(text, 0, MAX).is_ok_and(|line| is_blank(&line))
        {
            return Ok(Self(None));
        }
        Name::<MAX>::parse(value).map(|name| Self(Some(name.into_string())))
    }
}

/// Until when something is shown, or for ever: `null` clears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until(pub Option<Timestamp>);

impl Field for Until {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() { Ok(Self(None)) } else { Timestamp::parse(value).map(|at| Self(Some(at))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_or_nothing() {
        for (value, expected) in [
            (Value::Null, Ok(None)),
            ("".into(), Ok(None)),
            (" \u{3000}".into(), Ok(None)),
            ("\u{200b}".into(), Ok(None)),
            (" she/her ".into(), Ok(Some("she/her"))),
            ("12345678".into(), Ok(Some("12345678"))),
            ("123456789".into(), Err("too_long")),
            ("\n".into(), Err("control_character")),
            ("a\u{200b}b".into(), Err("characters")),
            (7.into(), Err("type")),
        ] {
            let line = Line::<8>::parse(value.clone());
            let line = line.as_ref().map(|line| line.as_option().as_deref()).map_err(|flaw| flaw.code);
            assert_eq!(line, expected, "{value}");
        }
    }

    #[test]
    fn web_addresses() {
        for good in [
            "https://ada.example",
            "http://ada.example:8080/",
            "https://xn--bcher-kva.example/a?b=c#d",
            "https://127.0.0.1/~ada",
        ] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "",
            "ada.example",
            "javascript:alert(1)",
            "ftp://ada.example",
            "HTTPS://ada.example",
            "https://",
            "https:///path",
            "https://ada:secret@evil.example",
            "https://ada.example:port/",
            "https://ada.example:",
            "https://ada.example:123456",
            "https://bücher.example",
            "https://ada.example/ b",
            "https://ada.example/\n",
            "https://ada.example\\@evil.example",
            "https://[::1]/",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
