//! Settings: one typed value, read once at the start and passed down.
//!
//! Each layer replaces single settings of those before it: what is built in, `config/default.toml`, the file named
//! by `--config` or `CLOWDER_CONFIG`, `.env`, the environment, arguments. Everything that is wrong with any of them
//! is told at once.

mod accounts;
mod audit;
mod auth;
mod checks;
mod database;
mod jobs;
mod journal;
mod layers;
mod log;
mod mail;
mod messaging;
mod redis;
mod secret;
mod security;
mod server;
mod settings;
mod suggest;
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
            /// Moves the clock, for tests.
            pub test_clock_file: Option<PathBuf>,
            /// Database, media and secret of the embedded default.
            pub data_dir: PathBuf,
            /// Where uploaded files are kept; none is a folder in the data directory.
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
    mail: Mail,
    jobs: Jobs,
    security: Security,
    audit: Audit,
    journal: Journal,
    log: Log,
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
