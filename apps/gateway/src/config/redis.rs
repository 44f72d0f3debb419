//! `[redis]`: the bus between the nodes over one PostgreSQL database, and what they count together: rate limits and sockets.

use clowder_infra::redis_way::RedisWay;

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
        "`redis://…` or `rediss://…` (TLS), with several hosts if they are nodes of a Cluster, or `redis+sentinel://host,host/name`: tells the nodes over a PostgreSQL database of each other at once, and counts their rate limits and sockets together. Without it, PostgreSQL tells them, and each node counts for itself."))),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[(
    "redis.url",
    &[
        "localhost:6379",
        "http://redis",
        "redis://redis:6379/x",
        "redis://redis:6379/0/1",
        "redis://,redis:6379",
        "redis+sentinel://host",
        "redis+sentinel://host/",
        "redis+sentinel://host/main/x",
    ],
)];

fn redis_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `redis://` or `rediss://` (TLS), such as redis://host:6379, or with `redis+sentinel://` \
                 or `rediss+sentinel://`";
    let text = expect_scheme(text, &["redis://", "rediss://", "redis+sentinel://", "rediss+sentinel://"], right)?;
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    authority(rest, false)?;
    let (rest, _) = rest.split_once('?').unwrap_or((rest, ""));
    let name = rest.split_once('/').map_or("", |(_, path)| path.split('/').next().unwrap_or_default());
    if scheme.ends_with("+sentinel") && name.is_empty() {
        return Err(
            "must name the primary after the Sentinels, such as redis+sentinel://host:26379/mymaster".to_owned()
        );
    }
    RedisWay::parse(text).map(drop).map_err(|_| {
        "must be an address such as redis://host:6379/0: hosts, and at the end the number of a database".to_owned()
    })
}
