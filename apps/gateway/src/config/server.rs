//! `[server]`: where the server listens, and for which clients.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    checks::Checked,
    settings::{Setting, checked, setting, within},
};
use crate::{
    front::{HostName, Network, WebOrigin},
    public_url::PublicUrl,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub bind: SocketAddr,
    /// Replaces the port of `bind`.
    pub port: Option<u16>,
    /// The beginning of every URL that clients see.
    pub public_url: PublicUrl,
    pub allowed_hosts: Vec<HostName>,
    pub cors_allowed_origins: Vec<WebOrigin>,
    pub trusted_proxies: Vec<Network>,
    pub metrics_bind: Option<SocketAddr>,
    /// Threads that serve requests; 0: one per core.
    pub workers: usize,
    pub rate_limit_factor: f64,
    pub unread_seconds: u64,
    /// How long a connection may stay idle before it is closed.
    pub keep_alive_seconds: u64,
    /// The longest time between two signs of life on a socket.
    pub heartbeat_seconds: u64,
    /// People who have done nothing for this long are away.
    pub away_seconds: u64,
    /// How much may wait for a socket whose client reads slowly, in KiB.
    pub socket_queue_kib: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            port: None,
            public_url: PublicUrl::default(),
            allowed_hosts: Vec::new(),
            cors_allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            metrics_bind: None,
            workers: 0,
            rate_limit_factor: 1.0,
            unread_seconds: 60,
            keep_alive_seconds: 90,
            heartbeat_seconds: 30,
            away_seconds: 600,
            socket_queue_kib: 1_024,
        }
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("server", "bind", "BIND", |c| &mut c.server.bind,
        "Address and port to listen on."),
    setting("server", "port", "PORT", |c| &mut c.server.port,
        "Replaces the port of `bind`. Empty: the port of `bind`."),
    setting("server", "public_url", "PUBLIC_URL", |c| &mut c.server.public_url,
        "How clients reach this server: `https://chat.example`, or `https://chat.example/base` behind a proxy that strips `/base`. Empty: responses use relative addresses."),
    setting("server", "allowed_hosts", "ALLOWED_HOSTS", |c| &mut c.server.allowed_hosts,
        "Host names this server answers to; `.chat.example` includes all subdomains. Empty: localhost, the address of `bind`, the host of `public_url`."),
    setting("server", "cors_allowed_origins", "CORS_ALLOWED_ORIGINS", |c| &mut c.server.cors_allowed_origins,
        "Origins whose pages may use the API, spelled exactly as browsers do. Empty: none; with `debug`, the usual ports of localhost."),
    setting("server", "trusted_proxies", "TRUSTED_PROXIES", |c| &mut c.server.trusted_proxies,
        "Addresses and networks (CIDR) of proxies whose `X-Forwarded-For` (or, without it, `Forwarded`) is trusted."),
    setting("server", "metrics_bind", "METRICS_BIND", |c| &mut c.server.metrics_bind,
        "Moves `/metrics` from the main port to this address and port. Empty: the main port."),
    within(0, 1_024, setting("server", "workers", "", |c| &mut c.server.workers,
        "Threads that serve requests. 0: one per core.")),
    checked(factor, setting("server", "rate_limit_factor", "RATE_LIMIT_FACTOR", |c| &mut c.server.rate_limit_factor,
        "Multiplies every rate limit of the API; larger values allow more. Does not change the limits on frames and sockets.")),
    within(1, 86_400, setting("server", "unread_seconds", "", |c| &mut c.server.unread_seconds,
        "How long a client may leave data unread before its connection is cut, in seconds. Linux only.")),
    within(1, 3_600, setting("server", "keep_alive_seconds", "KEEP_ALIVE_SECONDS", |c| &mut c.server.keep_alive_seconds,
        "How long a connection may stay idle between requests, in seconds. Must be longer than the idle timeout of a load balancer in front, usually 60.")),
    within(1, 3_600, setting("server", "heartbeat_seconds", "HEARTBEAT_SECONDS", |c| &mut c.server.heartbeat_seconds,
        "How often the server pings an open socket, and sends a `heartbeat` if it has sent nothing else, in seconds.")),
    within(1, 86_400, setting("server", "away_seconds", "AWAY_SECONDS", |c| &mut c.server.away_seconds,
        "People who are `online` and have done nothing on any device for this long are seen as `away`, in seconds.")),
    within(64, 65_536, setting("server", "socket_queue_kib", "", |c| &mut c.server.socket_queue_kib,
        "How much may wait for a socket, stream or poll whose client reads slowly, in KiB. With more, it is closed with 4009 and can resume.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("server.bind", &["", "8080", "localhost:8080", "127.0.0.1", "127.0.0.1:65536"]),
    ("server.port", &["65536", "-1", "http"]),
    ("server.public_url", &["chat.example", "ftp://chat.example"]),
    ("server.allowed_hosts", &["*", "https://chat.example"]),
    ("server.cors_allowed_origins", &["*", "localhost:4200", "not an origin"]),
    ("server.trusted_proxies", &["10.0.0.0/33", "proxy"]),
    ("server.metrics_bind", &["9090", "metrics:9090", "127.0.0.1:8080"]),
    ("server.workers", &["", "-1", "1.5", "1025", "many"]),
    ("server.rate_limit_factor", &["", "0", "-1", "NaN", "inf", "1e300", "much"]),
    ("server.keep_alive_seconds", &["", "0", "3601"]),
    ("server.heartbeat_seconds", &["0", "3601", "often"]),
    ("server.socket_queue_kib", &["", "63", "65537", "1 MiB"]),
    ("server.away_seconds", &["", "0", "86401", "never"]),
    ("server.unread_seconds", &["", "0", "-1", "86401", "99999999999999999999"]),
];

/// The range covers everything from strict tests to load tests.
fn factor(text: &str) -> Checked {
    let number = text.parse().ok().filter(|number: &f64| (0.001..=1_000_000.0).contains(number));
    number.map(drop).ok_or_else(|| "must be a number from 0.001 to 1000000".to_owned())
}
