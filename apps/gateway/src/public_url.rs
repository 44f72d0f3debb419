//! How clients reach this server: the beginning of every URL created here, and the path prefix that a proxy may add.

use std::{borrow::Cow, fmt, str::FromStr};

use actix_web::http::{Uri, uri::Authority};

/// `https://chat.example`, or `https://chat.example/base` if a proxy strips `/base` before it forwards a request.
/// Without it, URLs are relative to the requested host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicUrl {
    /// Without a trailing slash.
    base: String,
    scheme_len: usize,
    /// Where the path begins.
    path_at: usize,
}

/// How clients reach the cache in front of this server, if there is one.
#[derive(Debug, Clone, Default)]
pub struct Cdn(pub PublicUrl);

impl PublicUrl {
    pub fn is_set(&self) -> bool {
        !self.base.is_empty()
    }

    /// The whole URL without a trailing slash; empty if it is not set.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn scheme(&self) -> &str {
        self.base.get(..self.scheme_len).unwrap_or_default()
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        self.base.get(self.scheme_len + 3..self.path_at).unwrap_or_default()
    }

    /// `/base`, without a trailing slash; empty if the server has a host of its own.
    pub fn path(&self) -> &str {
        self.base.get(self.path_at..).unwrap_or_default()
    }

    /// A path of this server as clients see it.
    pub fn outer<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match self.path() {
            "" => path.into(),
            base => format!("{base}{path}").into(),
        }
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some((scheme @ ("https" | "http"), rest)) = text.split_once("://") else {
            return Err(format!("must begin with https:// or http://, as in https://{}", text.trim_start_matches('/')));
        };
        let wrong = || "must be a scheme, a host and perhaps a path, as in https://chat.example/base".to_owned();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = path.trim_end_matches('/');
        // Contains nothing that would need escaping in a header, a page or an email.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let segments_are_plain =
            path.split('/').skip(1).all(|part| !matches!(part, "" | "." | "..") && part.chars().all(plain));
        if !is_authority(authority) || !segments_are_plain || text.parse::<Uri>().is_err() {
            return Err(wrong());
        }
        let base = format!("{scheme}://{authority}{path}");
        Ok(Self { scheme_len: scheme.len(), path_at: base.len() - path.len(), base })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// Whether this is a host, optionally with a port, and nothing else.
pub fn is_authority(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    match text.strip_prefix(authority.host()) {
        _ if authority.host().is_empty() => false,
        Some("") => true,
        Some(port) => port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    }
}

/// The relative path from a page to the root of this server, whatever its proxy calls it: one `../` for each segment of
/// the page's path except the last.
pub fn top_from(path: &str) -> String {
    match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        slashes => "../".repeat(slashes - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_parts() {
        for (text, base, authority, path) in [
            ("", "", "", ""),
            ("https://chat.example", "https://chat.example", "chat.example", ""),
            ("https://chat.example/", "https://chat.example", "chat.example", ""),
            ("http://[::1]:8080/a/b-c/", "http://[::1]:8080/a/b-c", "[::1]:8080", "/a/b-c"),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.base(), url.authority(), url.path()), (base, authority, path), "{text}");
            assert_eq!(url.scheme(), base.split("://").next().unwrap());
        }
        let url: PublicUrl = "https://chat.example/base".parse().unwrap();
        assert_eq!(url.outer("/api/chats"), "/base/api/chats");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "chat.example",
            "ftp://chat.example",
            "https://",
            "https:///base",
            "https://me@chat.example",
            "https://chat.example?x=1",
            "https://chat.example/base?x=1",
            "https://chat.example/base#top",
            "https://chat.example/a//b",
            "https://chat.example/a/../b",
            "https://chat.example/a b",
            "https://chat.example/\"",
            "https://chat example",
            "https://chat.example:port",
        ] {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
        let fault = "chat.example".parse::<PublicUrl>().unwrap_err();
        assert!(fault.contains("https://chat.example"), "{fault}");
    }

    #[test]
    fn the_top_from_anywhere() {
        for (path, top) in [
            ("/", "./"),
            ("/account", "./"),
            ("/account/", "../"),
            ("/api/swagger", "../"),
            ("/api/swagger/", "../../"),
        ] {
            assert_eq!(top_from(path), top, "{path}");
        }
    }
}
