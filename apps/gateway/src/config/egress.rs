//! `[egress]`: which places that people name this server may call, and how.

use std::path::{Path, PathBuf};

use clowder_core::{Error, Result};
use clowder_infra::{
    Options,
    egress::{self, Proxy, networks},
};

use super::{
    Secret,
    checks::Checked,
    settings::{Setting, checked, secret, setting},
};

#[derive(Debug, Clone, PartialEq)]
pub struct Egress {
    /// Networks that may be called although they are not public.
    pub allow: String,
    /// The proxy through which calls go.
    pub proxy: Option<Secret>,
    /// Certificates of further authorities; empty if there are none.
    pub ca_file: String,
    /// Whether messages show previews of the pages to which they link.
    pub link_previews: bool,
}

impl Default for Egress {
    fn default() -> Self {
        Self { allow: String::new(), proxy: None, ca_file: String::new(), link_previews: true }
    }
}

impl Egress {
    /// What the store is told. `server` is the address of this server, by which those who are called know who calls.
    pub fn apply_to(&self, server: &str, options: &mut Options) -> Result<()> {
        let wrong = |name: &str, error: &str| Error::internal(format!("{name}: {error}"));
        let proxy = self.proxy.as_ref().map(Secret::expose).filter(|proxy| !proxy.is_empty());
        let called = egress::Options {
            allow: networks(&self.allow).map_err(|error| wrong("EGRESS_ALLOW", &error))?,
            proxy: proxy.map(str::parse).transpose().map_err(|error: String| wrong("EGRESS_PROXY", &error))?,
            ca_file: (!self.ca_file.is_empty()).then(|| PathBuf::from(&self.ca_file)),
            user_agent: format!("clowder/{} (+{server})", env!("CARGO_PKG_VERSION")),
            ..egress::Options::default()
        };
        options.egress = egress::Egress::new(called).map_err(|error| wrong("EGRESS_CA_FILE", &error))?;
        options.messaging.link_previews = self.link_previews;
        Ok(())
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(allow, setting("egress", "allow", "EGRESS_ALLOW", |c| &mut c.egress.allow,
        "Networks that webhooks, push, previews and other calls to places that people name may reach although they are not public, such as `10.1.0.0/16,fd00:1::/64`. Only in these is `http://` allowed. Empty: none.")),
    secret(checked(proxy, setting("egress", "proxy", "EGRESS_PROXY", |c| &mut c.egress.proxy,
        "The HTTP proxy for these calls: `http://[user:password@]host:port`. It resolves names, so it must refuse what is inside. Empty: the server calls by itself."))),
    checked(ca_file, setting("egress", "ca_file", "EGRESS_CA_FILE", |c| &mut c.egress.ca_file,
        "A file with certificates (PEM) of authorities that these calls trust beside those of Mozilla. Empty: none.")),
    setting("egress", "link_previews", "LINK_PREVIEWS", |c| &mut c.egress.link_previews,
        "Whether the server opens the links in messages and shows previews of the pages."),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("egress.allow", &["inside", "10.0.0.0/33", "10.1.2.3/16", "10.0.0.0/8 10.1.0.0/16", "*"]),
    ("egress.proxy", &["proxy:3128", "https://proxy:3128", "socks5://proxy:1080", "http://proxy/path"]),
    ("egress.ca_file", &["/nowhere/ca.pem"]),
    ("egress.link_previews", &["maybe"]),
];

fn allow(text: &str) -> Checked {
    networks(text).map(drop)
}

fn proxy(text: &str) -> Checked {
    if text.is_empty() { Ok(()) } else { text.parse::<Proxy>().map(drop) }
}

/// What is in it is read when the server starts.
fn ca_file(text: &str) -> Checked {
    if text.is_empty() || Path::new(text).is_file() { Ok(()) } else { Err("must be a file".to_owned()) }
}
