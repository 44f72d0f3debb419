//! `[redis]`: the bus between the nodes over one PostgreSQL database, and what they count together: rate limits and sockets.

use super::{
    Secret,
    checks::{Checked, authority, expect_scheme},
    settings::{Setting, checked, secret, setting},
};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redis {
    /// Notifies the nodes of a cluster of each other's changes sooner, and counts their rate limits and sockets together.
    pub url: Option<Secret>,
}

impl Redis {
    /// If there is one.
    pub fn address(&self) -> Option<&str> {
        self.url.as_ref().map(Secret::expose).filter(|url| !url.is_empty())
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(redis_url, secret(setting("redis", "url", "REDIS_URL", |c| &mut c.redis.url,
        "`redis://…` or `rediss://…`: tells the nodes over a PostgreSQL database of each other at once, and counts their rate limits and sockets together. Without it, PostgreSQL tells them, and each node counts for itself."))),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[("redis.url", &["localhost:6379", "http://redis"])];

fn redis_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `redis://` or `rediss://` (TLS), such as redis://host:6379";
    let text = expect_scheme(text, &["redis://", "rediss://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), false)
}
