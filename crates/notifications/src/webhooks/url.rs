//! The address of an endpoint. Where it may lead is decided by the safe client, each time that it is called.

use clowder_core::{
    Field,
    input::string,
    text::{self, Flaw},
};
use serde_json::Value;
use url::Url;

/// The longest address, in characters.
pub const LONGEST: usize = 2_000;

/// An absolute `https:` or `http:` URL without a name, a password or a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    pub fn url(&self) -> &Url {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What was stored as one.
    pub fn parse_text(text: &str) -> Result<Self, Flaw> {
        text::at_most(text, LONGEST)?;
        let flaw = |message: &'static str| Flaw::new("url", message);
        let url = Url::parse(text).map_err(|_| flaw("must be an absolute URL such as https://example.com/hook"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(flaw("must begin with https:"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(flaw("must name a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(flaw("must not contain a name or a password"));
        }
        if url.fragment().is_some() {
            return Err(flaw("must not contain a fragment"));
        }
        // It may have become longer when it was put into its normal form.
        text::at_most(url.as_str(), LONGEST)?;
        Ok(Self(url))
    }
}

impl Field for WebhookUrl {
    fn parse(value: Value) -> Result<Self, Flaw> {
        Self::parse_text(&string(value)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_table() {
        for (text, read) in [
            ("https://example.com/hook", Some("https://example.com/hook")),
            ("https://example.com", Some("https://example.com/")),
            ("HTTPS://EXAMPLE.com:443/a?b=c d", Some("https://example.com/a?b=c%20d")),
            ("http://127.0.0.1:9000/", Some("http://127.0.0.1:9000/")),
            ("https://bücher.example/", Some("https://xn--bcher-kva.example/")),
            ("https://0x7f.1/", Some("https://127.0.0.1/")),
            ("ftp://example.com/", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("/hook", None),
            ("example.com/hook", None),
            ("https://", None),
            ("https://ada@example.com/", None),
            ("https://ada:secret@example.com/", None),
            ("https://example.com/#part", None),
            ("", None),
        ] {
            let found = WebhookUrl::parse_text(text).ok();
            assert_eq!(found.as_ref().map(WebhookUrl::as_str), read, "{text}");
        }
        let long = |length: usize| format!("https://example.com/{}", "a".repeat(length - 20));
        assert!(WebhookUrl::parse_text(&long(LONGEST)).is_ok());
        assert!(WebhookUrl::parse_text(&long(LONGEST + 1)).is_err());
        assert!(WebhookUrl::parse_text(&format!("https://example.com/{}", "ä".repeat(1_000))).is_err());
    }
}
