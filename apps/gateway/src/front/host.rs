//! Answers only to names that are ours, so that a page on another site cannot borrow a browser's reach into a
//! private network (DNS rebinding) and no foreign name ends up in a link.

use actix_web::{
    HttpRequest,
    http::{header, uri::Authority},
};

use crate::config::Config;

/// The names this server answers to.
#[derive(Debug, Clone)]
pub struct Hosts {
    names: Vec<String>,
    any: bool,
}

impl Hosts {
    /// `ALLOWED_HOSTS`, or when it is empty what a lone server is called: localhost, the address it is bound to and
    /// the host of `PUBLIC_URL`.
    pub fn new(config: &Config) -> Self {
        let server = &config.server;
        let mut names: Vec<_> = server.allowed_hosts.iter().map(|name| name.to_ascii_lowercase()).collect();
        if names.is_empty() {
            names = ["localhost", ".localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
            let bound = config.address().ip();
            names.push(if bound.is_ipv6() { format!("[{bound}]") } else { bound.to_string() });
        }
        if let Some((_, rest)) = server.public_url.split_once("://") {
            names.push(without_port(rest.split('/').next().unwrap_or_default()).to_ascii_lowercase());
        }
        let any = names.iter().any(|name| name == "*");
        Self { names, any }
    }

    pub fn know(&self, request: &HttpRequest) -> bool {
        let head = request.head();
        let host = match head.headers.get(header::HOST) {
            Some(value) => value.to_str().ok(),
            None => head.uri.authority().map(Authority::as_str),
        };
        self.any || host.is_some_and(|host| self.has(host))
    }

    fn has(&self, host: &str) -> bool {
        let host = without_port(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        self.names.iter().any(|name| match name.strip_prefix('.') {
            // A leading dot stands for the name and all names below it.
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
        config.server.allowed_hosts = allowed.iter().map(|name| (*name).to_owned()).collect();
        config.server.public_url = public_url.to_owned();
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
