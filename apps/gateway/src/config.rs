//! Settings: one typed value, read once at the start and passed down.
//!
//! Each layer overrides single settings of those before it: built-in defaults, `config/default.toml`, the file named by
//! `--config` or `CLOWDER_CONFIG`, `.env`, the environment, arguments. All faults of all layers are reported together.

mod accounts;
mod audit;
mod auth;
mod checks;
mod database;
mod egress;
mod groups;
mod jobs;
mod journal;
mod layers;
mod log;
mod mail;
mod media;
mod messaging;
mod redis;
mod secret;
mod security;
mod server;
mod settings;
pub mod suggest;
mod value;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

pub use layers::{Faults, Layers, without_mark};
pub use log::{Format, Rotation};
pub use secret::Secret;
pub use settings::SETTINGS;
pub use value::Grace;

use settings::Setting;

use crate::{
    front::{HostName, WebOrigin},
    public_url::PublicUrl,
};

/// Makes [`Config`] of what belongs to no section, and of the sections: each is a module of this one with its type, its
/// `SETTINGS`, and for the tests `WRONG` values of them.
macro_rules! sections {
    ($($section:ident: $Section:ident,)+) => {
        $(pub use $section::$Section;)+

        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            pub debug: bool,
            /// Shifts the clock, for tests.
            pub test_clock_file: Option<PathBuf>,
            /// Folder of the database, media and secret unless they are set.
            pub data_dir: PathBuf,
            /// Folder for uploaded files; by default a folder in the data directory.
            pub media_root: Option<PathBuf>,
            $(pub $section: $Section,)+
        }

        impl Default for Config {
            fn default() -> Self {
                Self {
                    debug: false,
                    test_clock_file: None,
                    data_dir: PathBuf::from("./data"),
                    media_root: None,
                    $($section: $Section::default(),)+
                }
            }
        }

        /// The settings of each section, those of none first.
        const SECTIONS: &[&[Setting]] = &[settings::TOP, $($section::SETTINGS),+];
        #[cfg(test)]
        const WRONG: &[&[(&str, &[&str])]] = &[settings::WRONG, $($section::WRONG),+];
    };
}

// In the order in which they are read about.
sections! {
    server: Server,
    database: Database,
    redis: Redis,
    auth: Auth,
    accounts: Accounts,
    messaging: Messaging,
    groups: Groups,
    media: Media,
    mail: Mail,
    egress: Egress,
    jobs: Jobs,
    security: Security,
    audit: Audit,
    journal: Journal,
    log: Log,
}

/// A server that listens on all addresses can also be reached here.
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
    /// The address to listen on.
    pub fn address(&self) -> SocketAddr {
        let mut address = self.server.bind;
        if let Some(port) = self.server.port {
            address.set_port(port);
        }
        address
    }

    /// How clients reach this server: `PUBLIC_URL`, or else the address it listens on.
    pub fn reached_at(&self) -> PublicUrl {
        if self.server.public_url.is_set() {
            return self.server.public_url.clone();
        }
        format!("http://{}", reachable(self.address())).parse().unwrap_or_default()
    }

    /// The URL of the database; by default a SQLite file in the data directory.
    pub fn database_url(&self) -> String {
        match &self.database.url {
            Some(url) => url.expose().to_owned(),
            None => format!("sqlite:{}", self.data_dir.join("clowder.db").display()),
        }
    }

    /// The URL of the database for what needs a connection of its own.
    pub fn direct_url(&self) -> String {
        let direct = self.database.direct_url.as_ref().map(Secret::expose).filter(|url| !url.is_empty());
        direct.filter(|_| !self.is_embedded()).map_or_else(|| self.database_url(), str::to_owned)
    }

    /// The folder for uploaded files.
    pub fn media_root(&self) -> PathBuf {
        self.media_root.clone().unwrap_or_else(|| self.data_dir.join("media"))
    }

    /// How emails are sent.
    pub fn mail_route(&self) -> clowder_infra::mail::Route {
        match &self.mail.smtp_url {
            Some(url) => clowder_infra::mail::Route::Smtp(url.expose().to_owned()),
            None => clowder_infra::mail::Route::Folder(self.data_dir.join("mail")),
        }
    }

    /// The page that emails link to.
    pub fn account_url(&self) -> String {
        match self.mail.account_url.as_str() {
            "" => format!("{}/account", self.server_url()),
            own => own.to_owned(),
        }
    }

    /// The public URL of this server, without a trailing slash.
    pub fn server_url(&self) -> String {
        match self.server.public_url.base() {
            "" => format!("http://{}", self.address()),
            public => public.to_owned(),
        }
    }

    /// The keys that encrypt fields at rest; empty if none are set.
    pub fn encryption_keys(&self) -> &str {
        self.security.keys.as_ref().map_or("", Secret::expose)
    }

    /// Whether the database is a local file, so that one process can do everything.
    pub fn is_embedded(&self) -> bool {
        self.database_url().starts_with("sqlite:")
    }

    /// The settings as an annotated TOML document, without secrets.
    pub fn print(&self) -> String {
        settings::document(self)
    }

    /// The settings as one object, for programs, without secrets.
    pub fn json(&self) -> serde_json::Value {
        // The document was generated by us, so it parses.
        value::json(toml::Value::Table(settings::document(self).parse().unwrap_or_default()))
    }

    /// Checks settings that are valid by themselves but not together, and settings that are unsafe unless `debug` is
    /// set. Settings for which `is_wrong` has already reported a fault are skipped.
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
                "is weak: with DEBUG=false it must have at least 32 characters, more than a few different ones, and \
                 no placeholder (`changeme`, `insecure`). Create one with `openssl rand -base64 32`",
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
