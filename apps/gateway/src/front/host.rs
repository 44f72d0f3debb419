//! Accepts only known host names, so that pages of other sites cannot use a browser to reach a private network (DNS
//! rebinding), and no foreign name gets into a link.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use actix_web::{
    HttpRequest,
    http::{header, uri::Authority},
};

use crate::{
    config::Config,
    problem::{Answer, Problem},
    refusals,
};

/// A name that this server accepts: `chat.example`, `.chat.example` for it and all its subdomains, an address, or `*`
/// for all names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = String;

    /// A name that cannot occur in `Host` would never match, so it is refused with the valid spelling.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self(in_brackets(address.into())));
        }
        let instead = |name: &str| format!("must be a name without scheme, port and path, as in {name}");
        let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
        let bare = without_port(bare.split(['/', '?', '#']).next().unwrap_or_default());
        if let Some(parent) = bare.strip_prefix('*') {
            return Err(format!("must be {parent} to include all names below"));
        }
        if bare.is_empty() || !bare.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c)) {
            return Err(instead("chat.example, spelled in ASCII"));
        }
        if bare != text {
            return Err(instead(bare));
        }
        if bare.starts_with('[') != bare.contains(':') || (bare.contains(':') && !is_bracketed_address(bare)) {
            return Err(instead("[::1]"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

fn is_bracketed_address(text: &str) -> bool {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).is_some_and(|it| it.parse::<Ipv6Addr>().is_ok())
}

/// An address as written in a URL.
fn in_brackets(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

/// The names that this server accepts.
#[derive(Debug, Clone)]
pub struct Hosts {
    names: Vec<String>,
    any: bool,
}

impl Hosts {
    /// `ALLOWED_HOSTS`; if it is empty, the names of a single server: localhost, the address it is bound to, and the
    /// host of `PUBLIC_URL`.
    pub fn new(config: &Config) -> Self {
        let server = &config.server;
        let mut names: Vec<_> = server.allowed_hosts.iter().map(HostName::to_string).collect();
        if names.is_empty() {
            names = ["localhost", ".localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
            names.push(in_brackets(config.address().ip()));
        }
        if server.public_url.is_set() {
            names.push(without_port(server.public_url.authority()).to_ascii_lowercase());
        }
        Self { names, any: server.allowed_hosts.iter().any(HostName::is_any) }
    }

    /// Refuses a request for an unknown host, and says which setting would allow it.
    pub fn admit(&self, request: &HttpRequest) -> Answer<()> {
        let head = request.head();
        let host = match head.headers.get(header::HOST) {
            Some(value) => value.to_str().ok(),
            None => head.uri.authority().map(Authority::as_str),
        };
        if self.any || host.is_some_and(|host| self.has(host)) {
            return Ok(());
        }
        let host: String = host.unwrap_or_default().chars().take(100).collect();
        let name = without_port(&host);
        Err(Problem::new(refusals::HOST_UNKNOWN)
            .because(format!("`{name}` is not in ALLOWED_HOSTS and is not the host of PUBLIC_URL")))
    }

    fn has(&self, host: &str) -> bool {
        let host = without_port(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        self.names.iter().any(|name| match name.strip_prefix('.') {
            // A leading dot includes all subdomains.
            Some(parent) => {
                let at = host.len().wrapping_sub(parent.len());
                host.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(parent))
                    && (at == 0 || host.as_bytes().get(at - 1) == Some(&b'.'))
            }
            None => host.eq_ignore_ascii_case(name),
        })
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(allowed: &[&str], public_url: &str) -> Hosts {
        let mut config = Config::default();
        config.server.allowed_hosts = allowed.iter().map(|name| name.parse().unwrap()).collect();
        config.server.public_url = public_url.parse().unwrap();
        Hosts::new(&config)
    }

    #[test]
    fn a_lone_server_knows_itself() {
        let hosts = hosts(&[], "https://Chat.Example:8443/base");
        for own in ["localhost", "LOCALHOST:8080", "a.localhost", "127.0.0.1:1", "[::1]", "[::1]:8080", "chat.example"]
        {
            assert!(hosts.has(own), "{own}");
        }
        for foreign in
            ["", "evil.example", "xlocalhost", "localhost.evil.example", "::1", "chat.example:8x", "127.0.0.2"]
        {
            assert!(!hosts.has(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_name_that_no_request_could_have_is_refused() {
        for (text, name) in [
            ("Chat.Example", "chat.example"),
            (".chat.example", ".chat.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
            ("*", "*"),
        ] {
            assert_eq!(text.parse::<HostName>().map(|it| it.0).as_deref(), Ok(name), "{text}");
        }
        for (text, says) in [
            ("https://chat.example", "as in chat.example"),
            ("https://chat.example:8443/base", "as in chat.example"),
            ("chat.example:8080", "as in chat.example"),
            ("chat.example/base", "as in chat.example"),
            ("*.chat.example", "must be .chat.example"),
            ("[::1]:8080", "as in [::1]"),
            ("[chat]", "as in [::1]"),
            ("a:b:c", "as in [::1]"),
            ("bücher.example", "ASCII"),
            ("chat example", "ASCII"),
        ] {
            let fault = text.parse::<HostName>().unwrap_err();
            assert!(fault.contains(says), "{text}: {fault}");
        }
    }

    #[test]
    fn the_list_decides() {
        let hosts = hosts(&["chat.example", ".cats.example"], "");
        for own in ["chat.example", "chat.example.", "cats.example", "a.b.cats.example:443"] {
            assert!(hosts.has(own), "{own}");
        }
        for foreign in ["localhost", "a.chat.example", "badcats.example"] {
            assert!(!hosts.has(foreign), "{foreign}");
        }
    }
}
