//! A real proxy before a server: HAProxy, which strips a path prefix before it forwards a request.

use std::{net::TcpListener, os::fd::OwnedFd, process::Stdio};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::setting;

/// The path prefix of the server for clients.
pub const BASE: &str = "/base";

/// The address where a proxy will listen, which is needed before there is a server to forward to.
pub struct Place(TcpListener);

impl Place {
    #[expect(clippy::new_without_default, reason = "it binds a port")]
    pub fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// `127.0.0.1:port/base`, as clients address the server.
    pub fn address(&self) -> String {
        format!("{}{BASE}", self.0.local_addr().unwrap())
    }

    /// For `PUBLIC_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Starts the proxy before this server. Connections wait in the listening socket, which it inherits.
    pub fn before(self, server: &str) -> Proxy {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("haproxy.cfg");
        std::fs::write(&config, configuration(server)).unwrap();
        let program = setting("TEST_HAPROXY").unwrap_or_else(|| "haproxy".to_owned());
        // Debian installs it outside of users' PATH.
        let path = format!("{}:/usr/sbin:/usr/local/sbin", setting("PATH").unwrap_or_default());
        let child = Command::new(program)
            .arg("-db")
            .arg("-f")
            .arg(config)
            .env("PATH", path)
            .stdin(Stdio::from(OwnedFd::from(self.0)))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("no HAProxy: run `make test`, or set TEST_HAPROXY");
        Proxy { _child: child, _folder: folder }
    }
}

/// A running proxy, stopped when the test ends.
pub struct Proxy {
    _child: Child,
    _folder: TempDir,
}

/// As in docs/proxies.md, except for the listening socket.
fn configuration(server: &str) -> String {
    format!(
        "defaults
    mode http
    option forwardfor
    timeout connect 5s
    timeout client 75s
    timeout server 75s
    timeout tunnel 1h
    timeout http-keep-alive 75s

frontend clients
    bind fd@0
    http-request deny deny_status 404 unless {{ path {BASE} }} or {{ path_beg {BASE}/ }}
    http-request replace-path {BASE}/?(.*) /\\1
    default_backend clowder

backend clowder
    server one {server}
"
    )
}
