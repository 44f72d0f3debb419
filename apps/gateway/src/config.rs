//! Settings: one typed value, read once at the start and passed down.
//!
//! Each layer replaces single settings of those before it: what is built in, `config/default.toml`, the file named
//! by `--config` or `CLOWDER_CONFIG`, `.env`, the environment, arguments. Everything that is wrong with any of them
//! is told at once.

mod checks;
mod layers;
mod secret;
mod settings;
mod suggest;
mod value;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use clowder_accounts::sign_up::Mode;
use clowder_infra::mail;

pub use layers::{Faults, Layers, without_mark};
pub use secret::Secret;
pub use settings::SETTINGS;
pub use value::Grace;

use crate::{
    front::{HostName, Network, WebOrigin},
    public_url::PublicUrl,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub debug: bool,
    /// Moves the clock, for tests.
    pub test_clock_file: Option<PathBuf>,
    /// Database, media and secret of the embedded default.
    pub data_dir: PathBuf,
    /// Where uploaded files are kept; none is a folder in the data directory.
    pub media_root: Option<PathBuf>,
    pub server: Server,
    pub database: Database,
    pub redis: Redis,
    pub auth: Auth,
    pub accounts: Accounts,
    pub messaging: Messaging,
    pub mail: Mail,
    pub jobs: Jobs,
    pub security: Security,
    pub audit: Audit,
    pub journal: Journal,
    pub log: Log,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    pub bind: SocketAddr,
    /// Replaces the port of `bind`.
    pub port: Option<u16>,
    /// What clients see as the beginning of every address.
    pub public_url: PublicUrl,
    pub allowed_hosts: Vec<HostName>,
    pub cors_allowed_origins: Vec<WebOrigin>,
    pub trusted_proxies: Vec<Network>,
    pub metrics_bind: Option<SocketAddr>,
    /// Threads that serve requests; 0 is one per core.
    pub workers: usize,
    pub rate_limit_factor: f64,
    pub unread_seconds: u64,
    /// How long a connection may stay idle before it is closed.
    pub keep_alive_seconds: u64,
    /// How often a socket hears from us at least.
    pub heartbeat_seconds: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// `postgres://…` or `sqlite:…`; empty is a SQLite file in the data directory.
    pub url: Option<Secret>,
    /// Connections that read; 0 is what the database does best with.
    pub read_connections: usize,
    /// Connections that write, to PostgreSQL; SQLite has one.
    pub write_connections: usize,
    pub wait_seconds: u64,
    pub connect_seconds: u64,
    pub statement_seconds: u64,
    pub lock_milliseconds: u64,
    /// How many calls may wait for a worker before more are refused.
    pub queue: usize,
    /// The most messages that are committed together.
    pub batch: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Redis {
    /// By which the nodes of a cluster hear of each other sooner.
    pub url: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    pub secret_key: Option<Secret>,
    pub access_token_seconds: u64,
    pub refresh_token_seconds: u64,
    pub session_seconds: u64,
    pub bcrypt_cost: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Accounts {
    pub sign_up: Mode,
    pub reveal_taken: bool,
    pub require_verified_email: bool,
    pub erasure_days: Grace,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Messaging {
    /// How many chats one person may have made.
    pub chats_per_person: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// None: emails are written into a folder.
    pub smtp_url: Option<Secret>,
    pub from: String,
    /// The page that emails link to; empty is the one of this server.
    pub account_url: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Jobs {
    /// How many are worked on at a time; 0 leaves them to others.
    pub concurrency: usize,
    /// How long a job stays with a worker that is not heard of.
    pub lease_seconds: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Security {
    /// `id/base64,…`; the first seals, all open.
    pub keys: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// 0: for ever.
    pub retention_days: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    pub retention_days: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    pub filter: String,
    pub format: Format,
    /// Into this file instead of the standard output.
    pub file: Option<PathBuf>,
    pub rotation: Rotation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Pretty,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    Never,
    Hourly,
    Daily,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            debug: false,
            test_clock_file: None,
            data_dir: PathBuf::from("./data"),
            media_root: None,
            server: Server {
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
            },
            database: Database {
                url: None,
                read_connections: 0,
                write_connections: 12,
                wait_seconds: 5,
                connect_seconds: 3,
                statement_seconds: 10,
                lock_milliseconds: 1500,
                queue: 4096,
                batch: 256,
            },
            redis: Redis { url: None },
            auth: Auth {
                secret_key: None,
                access_token_seconds: 600,
                refresh_token_seconds: 30 * 24 * 3600,
                session_seconds: 180 * 24 * 3600,
                bcrypt_cost: 12,
            },
            accounts: Accounts {
                sign_up: Mode::Open,
                reveal_taken: true,
                require_verified_email: false,
                erasure_days: Grace(30),
            },
            messaging: Messaging { chats_per_person: 5_000 },
            mail: Mail { smtp_url: None, from: "Clowder <clowder@localhost>".to_owned(), account_url: String::new() },
            jobs: Jobs { concurrency: 4, lease_seconds: 60 },
            security: Security { keys: None },
            audit: Audit { retention_days: 400 },
            journal: Journal { retention_days: 7 },
            log: Log {
                filter: "info,actix_server=warn".to_owned(),
                format: Format::Pretty,
                file: None,
                rotation: Rotation::Daily,
            },
        }
    }
}

/// Whoever listens everywhere is also here.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

impl Config {
    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        let mut address = self.server.bind;
        if let Some(port) = self.server.port {
            address.set_port(port);
        }
        address
    }

    /// How clients reach this server: `PUBLIC_URL`, or else where it listens.
    pub fn reached_at(&self) -> PublicUrl {
        if self.server.public_url.is_set() {
            return self.server.public_url.clone();
        }
        format!("http://{}", reachable(self.address())).parse().unwrap_or_default()
    }

    /// The URL of the database: that of the embedded default when none is set.
    pub fn database_url(&self) -> String {
        match &self.database.url {
            Some(url) => url.expose().to_owned(),
            None => format!("sqlite:{}", self.data_dir.join("clowder.db").display()),
        }
    }

    /// Where uploaded files are kept.
    pub fn media_root(&self) -> PathBuf {
        self.media_root.clone().unwrap_or_else(|| self.data_dir.join("media"))
    }

    /// How emails go out.
    pub fn mail_route(&self) -> mail::Route {
        match &self.mail.smtp_url {
            Some(url) => mail::Route::Smtp(url.expose().to_owned()),
            None => mail::Route::Folder(self.data_dir.join("mail")),
        }
    }

    /// The page that emails link to.
    pub fn account_url(&self) -> String {
        match self.mail.account_url.as_str() {
            "" => format!("{}/account", self.server_url()),
            own => own.to_owned(),
        }
    }

    /// How this server is reached, without a slash at the end.
    pub fn server_url(&self) -> String {
        match self.server.public_url.base() {
            "" => format!("http://{}", self.address()),
            public => public.to_owned(),
        }
    }

    /// The keys that seal fields at rest; empty when none are set.
    pub fn encryption_keys(&self) -> &str {
        self.security.keys.as_ref().map_or("", Secret::expose)
    }

    /// Whether the data lies in a file of our own, so that one process can look after everything itself.
    pub fn is_embedded(&self) -> bool {
        self.database_url().starts_with("sqlite:")
    }

    /// The settings as a TOML document that explains itself; secrets are not shown.
    pub fn print(&self) -> String {
        settings::document(self)
    }

    /// The settings as one object, for programs; secrets are not shown.
    pub fn json(&self) -> serde_json::Value {
        // The document is of our own making.
        value::json(toml::Value::Table(settings::document(self).parse().unwrap_or_default()))
    }

    /// Settings that are right each by itself and don't go together, and what must not be served to the world; debugging
    /// allows the latter. Nothing is said about settings of which `is_wrong` has told something already.
    fn faults(&self, is_wrong: &dyn Fn(&[&str]) -> bool) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |paths: &[&str], fault: Option<String>| faults.extend(fault.filter(|_| !is_wrong(paths)));
        let access = self.auth.access_token_seconds;
        for (path, name, seconds) in [
            ("auth.refresh_token_seconds", "REFRESH_TOKEN_SECONDS", self.auth.refresh_token_seconds),
            ("auth.session_seconds", "SESSION_SECONDS", self.auth.session_seconds),
        ] {
            let fault = format!("{name}: `{seconds}` must not be less than ACCESS_TOKEN_SECONDS ({access})");
            expect(&[path, "auth.access_token_seconds"], (seconds < access).then_some(fault));
        }
        let (address, metrics) = (self.address(), self.server.metrics_bind);
        expect(
            &["server.bind", "server.port", "server.metrics_bind"],
            metrics
                .filter(|metrics| *metrics == address && address.port() != 0)
                .map(|metrics| format!("METRICS_BIND: `{metrics}` must differ from the address of the server itself")),
        );
        let media = self.media_root();
        expect(
            &["data_dir", "media_root"],
            (media == self.data_dir)
                .then(|| format!("MEDIA_ROOT: `{}` must be a folder of its own, not DATA_DIR", media.display())),
        );
        if self.debug {
            return faults;
        }
        let secret = match &self.auth.secret_key {
            Some(secret) if secret.is_weak() => Some(
                "is weak: with DEBUG=false it must have at least 32 characters, more than a few different ones, and none of the words of examples (`changeme`, `insecure`). Create one with `openssl rand -base64 32`",
            ),
            None if !self.is_embedded() => Some("is missing; all nodes that share a database need the same one"),
            _ => None,
        };
        expect(&["auth.secret_key", "database.url"], secret.map(|fault| format!("SECRET_KEY: {fault}")));
        expect(
            &["server.cors_allowed_origins"],
            self.server
                .cors_allowed_origins
                .iter()
                .any(WebOrigin::is_any)
                .then(|| "CORS_ALLOWED_ORIGINS: `*` is not allowed without DEBUG; list the origins".to_owned()),
        );
        expect(
            &["server.allowed_hosts"],
            self.server
                .allowed_hosts
                .iter()
                .any(HostName::is_any)
                .then(|| "ALLOWED_HOSTS: `*` is not allowed without DEBUG; list the hosts".to_owned()),
        );
        expect(
            &["test_clock_file"],
            self.test_clock_file.is_some().then(|| {
                "TEST_CLOCK_FILE: moves the clock and is for tests; it must not be set without DEBUG".to_owned()
            }),
        );
        faults
    }
}
