//! The table of settings: where each lives, what it is called, what it means.

use super::{
    Config, checks,
    value::{Value, whole},
};

pub struct Setting {
    /// The section of the file; empty for the top.
    pub section: &'static str,
    pub key: &'static str,
    /// The name that users know; empty where only `CLOWDER__SECTION__KEY` does, which every setting has.
    pub name: &'static str,
    /// May come from the file named by `NAME_FILE`, and is never shown.
    pub secret: bool,
    pub about: &'static str,
    pub of: fn(&mut Config) -> &mut dyn Value,
    /// The least and the largest whole number that makes sense.
    pub within: Option<(u64, u64)>,
    /// Says what would be right about a text.
    pub check: Option<Check>,
}

type Check = fn(&str) -> Result<(), String>;

const fn setting(
    section: &'static str,
    key: &'static str,
    name: &'static str,
    of: fn(&mut Config) -> &mut dyn Value,
    about: &'static str,
) -> Setting {
    Setting { section, key, name, secret: false, about, of, within: None, check: None }
}

const fn secret(mut setting: Setting) -> Setting {
    setting.secret = true;
    setting
}

const fn within(least: u64, most: u64, mut setting: Setting) -> Setting {
    setting.within = Some((least, most));
    setting
}

const fn checked(check: Check, mut setting: Setting) -> Setting {
    setting.check = Some(check);
    setting
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("", "debug", "DEBUG", |c| &mut c.debug,
        "For development only: allows weak secrets, `*`, and pages on localhost."),
    setting("", "test_clock_file", "TEST_CLOCK_FILE", |c| &mut c.test_clock_file,
        "Only for tests of wrong clocks, and refused without `debug`: a file with the number of seconds by which this server's clock is ahead. Empty: the real time."),
    checked(checks::folder, setting("", "data_dir", "DATA_DIR", |c| &mut c.data_dir,
        "Folder for the SQLite database, emails and the secret, unless other settings replace them.")),
    checked(checks::folder, setting("", "media_root", "MEDIA_ROOT", |c| &mut c.media_root,
        "Folder for uploaded files; not used yet. Empty: `media` in `data_dir`.")),
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
    checked(checks::factor, setting("server", "rate_limit_factor", "RATE_LIMIT_FACTOR", |c| &mut c.server.rate_limit_factor,
        "Multiplies every rate limit of the API; larger values allow more. Does not change the limits on frames and sockets.")),
    within(1, 86_400, setting("server", "unread_seconds", "", |c| &mut c.server.unread_seconds,
        "How long a client may leave data unread before its connection is cut, in seconds. Linux only.")),
    within(1, 3_600, setting("server", "keep_alive_seconds", "KEEP_ALIVE_SECONDS", |c| &mut c.server.keep_alive_seconds,
        "How long a connection may stay idle between requests, in seconds. Must be longer than the idle timeout of a load balancer in front, usually 60.")),
    within(1, 3_600, setting("server", "heartbeat_seconds", "HEARTBEAT_SECONDS", |c| &mut c.server.heartbeat_seconds,
        "How often the server pings an open socket, and sends a `heartbeat` if it has sent nothing else, in seconds.")),
    checked(checks::database_url, secret(setting("database", "url", "DATABASE_URL", |c| &mut c.database.url,
        "`postgres://…` or `sqlite:…`. Empty: the file clowder.db in `data_dir`."))),
    within(0, 256, setting("database", "read_connections", "DATABASE_READ_CONNECTIONS", |c| &mut c.database.read_connections,
        "Number of connections for reading. 0: 4 for SQLite, 8 for PostgreSQL.")),
    within(2, 1_000, setting("database", "write_connections", "DATABASE_WRITE_CONNECTIONS", |c| &mut c.database.write_connections,
        "Number of connections for writing to PostgreSQL; SQLite has one.")),
    within(1, 60, setting("database", "wait_seconds", "DATABASE_WAIT_SECONDS", |c| &mut c.database.wait_seconds,
        "How long a call may wait for a connection before it gets 503, in seconds.")),
    within(1, 60, setting("database", "connect_seconds", "DATABASE_CONNECT_SECONDS", |c| &mut c.database.connect_seconds,
        "How long connecting to PostgreSQL may take for each host in the URL, in seconds.")),
    within(1, 3_600, setting("database", "statement_seconds", "DATABASE_STATEMENT_SECONDS", |c| &mut c.database.statement_seconds,
        "How long a statement may take on PostgreSQL, in seconds. If the server is silent for 2 more seconds, the connection is cut.")),
    within(1, 60_000, setting("database", "lock_milliseconds", "DATABASE_LOCK_MILLISECONDS", |c| &mut c.database.lock_milliseconds,
        "How long a statement may wait for a lock on PostgreSQL before its call gets 503, in milliseconds.")),
    within(1, 100_000, setting("database", "queue", "DATABASE_QUEUE", |c| &mut c.database.queue,
        "How many calls may wait for a connection; further calls get 503.")),
    within(1, 1_000, setting("database", "batch", "DATABASE_BATCH", |c| &mut c.database.batch,
        "How many messages are committed together at most. 1: each by itself.")),
    checked(checks::redis_url, secret(setting("redis", "url", "REDIS_URL", |c| &mut c.redis.url,
        "`redis://…` or `rediss://…`, for a cluster; not used yet. Nodes check the journal five times a second instead."))),
    secret(setting("auth", "secret_key", "SECRET_KEY", |c| &mut c.auth.secret_key,
        "Signs tokens and cursors; at least 32 characters. Empty (SQLite only): generated once and kept in `data_dir`.")),
    within(1, 86_400, setting("auth", "access_token_seconds", "ACCESS_TOKEN_SECONDS", |c| &mut c.auth.access_token_seconds,
        "How long an access token is valid, in seconds.")),
    within(1, 31_536_000, setting("auth", "refresh_token_seconds", "REFRESH_TOKEN_SECONDS", |c| &mut c.auth.refresh_token_seconds,
        "How long a session lasts without being used, in seconds.")),
    within(1, 315_360_000, setting("auth", "session_seconds", "SESSION_SECONDS", |c| &mut c.auth.session_seconds,
        "How long a session lasts at most, however often it is used, in seconds.")),
    within(4, 15, setting("auth", "bcrypt_cost", "BCRYPT_COST", |c| &mut c.auth.bcrypt_cost,
        "Cost of hashing a password; each step doubles the work.")),
    setting("accounts", "sign_up", "SIGN_UP", |c| &mut c.accounts.sign_up,
        "Who can create an account: `open`, `invite`, `approval` or `closed`."),
    setting("accounts", "reveal_taken", "REVEAL_TAKEN", |c| &mut c.accounts.reveal_taken,
        "Whether registering reveals that an address already has an account. If false, an account is created once its address is confirmed."),
    setting("accounts", "require_verified_email", "REQUIRE_VERIFIED_EMAIL", |c| &mut c.accounts.require_verified_email,
        "Whether people must confirm their address before they can write to others and create API keys."),
    within(0, 365, setting("accounts", "erasure_days", "ERASURE_DAYS", |c| &mut c.accounts.erasure_days,
        "Grace period in days before a deleted account is erased.")),
    within(1, 1_000_000, setting("messaging", "chats_per_person", "CHATS_PER_PERSON", |c| &mut c.messaging.chats_per_person,
        "How many chats one person can create. Chats to which others add them do not count.")),
    checked(checks::smtp_url, secret(setting("mail", "smtp_url", "SMTP_URL", |c| &mut c.mail.smtp_url,
        "`smtp://user:password@host:587?tls=required` (STARTTLS) or `smtps://…` (TLS). Empty: emails are written to files in `data_dir`/mail."))),
    checked(checks::sender, setting("mail", "from", "MAIL_FROM", |c| &mut c.mail.from,
        "Sender of emails; the name is also their signature.")),
    checked(checks::page, setting("mail", "account_url", "ACCOUNT_URL", |c| &mut c.mail.account_url,
        "The page that emails link to, with `#verify=…` or `#reset=…`. Empty: `/account` of this server.")),
    within(0, 256, setting("jobs", "concurrency", "JOB_CONCURRENCY", |c| &mut c.jobs.concurrency,
        "How many jobs run at a time. 0: none in this process; `clowder jobs run` runs them.")),
    within(1, 3_600, setting("jobs", "lease_seconds", "JOB_LEASE_SECONDS", |c| &mut c.jobs.lease_seconds,
        "How long a job stays with a worker that does not respond, in seconds; then another worker takes it.")),
    checked(checks::encryption_keys, secret(setting("security", "keys", "ENCRYPTION_KEYS", |c| &mut c.security.keys,
        "Keys that encrypt fields at rest: `id/base64` of 32 octets, separated by commas; the first encrypts, all decrypt. Empty: one is derived from SECRET_KEY."))),
    within(0, 36_500, setting("audit", "retention_days", "", |c| &mut c.audit.retention_days,
        "How long audit log entries are kept, in days; older ones are deleted, and a signed checkpoint marks where the chain begins. 0: forever.")),
    within(1, 365, setting("journal", "retention_days", "", |c| &mut c.journal.retention_days,
        "How long clients can be away and still resume, in days.")),
    checked(checks::log_filter, setting("log", "filter", "LOG", |c| &mut c.log.filter,
        "What is logged: a level, or directives with a level each, such as `warn,clowder_gateway=debug`.")),
    setting("log", "format", "LOG_FORMAT", |c| &mut c.log.format,
        "`pretty` for people, `json` for machines."),
    checked(checks::log_file, setting("log", "file", "", |c| &mut c.log.file,
        "Log file. Empty: the standard output.")),
    setting("log", "rotation", "", |c| &mut c.log.rotation,
        "When to start a new log file: `never`, `hourly` or `daily`."),
];

impl Setting {
    /// `CLOWDER__SERVER__BIND`.
    pub fn long_name(&self) -> String {
        let section = if self.section.is_empty() { String::new() } else { format!("{}__", self.section) };
        format!("CLOWDER__{section}{}", self.key).to_uppercase()
    }

    /// The name that users know best.
    pub fn shown_name(&self) -> String {
        if self.name.is_empty() { self.long_name() } else { self.name.to_owned() }
    }

    /// Takes the value, or says what would be right; then the value from before stays.
    pub fn take(&self, config: &mut Config, text: &str) -> Result<(), String> {
        if let Some((least, most)) = self.within {
            whole::<u64>(text, least..=most)?;
        }
        if let Some(check) = self.check {
            check(text)?;
        }
        (self.of)(config).set(text)
    }

    /// `server.bind`.
    pub fn path(&self) -> String {
        if self.section.is_empty() { self.key.to_owned() } else { format!("{}.{}", self.section, self.key) }
    }
}

/// A TOML document of all settings, each with its name and meaning.
pub fn document(config: &Config) -> String {
    let mut config = config.clone();
    let mut text = String::from(
        "# Every setting of Clowder. Each can also be set in the environment, by the name in brackets or as\n\
         # CLOWDER__SECTION__KEY; secrets also by a file that NAME_FILE names. Later wins: built in, config/default.toml,\n\
         # the file of --config or CLOWDER_CONFIG, .env, the environment, arguments.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        if setting.section != section {
            section = setting.section;
            text += &format!("\n[{section}]\n");
        }
        let value = (setting.of)(&mut config).show();
        let range = setting.within.map_or_else(String::new, |(least, most)| format!(" {least} to {most}."));
        text += &format!("\n# {}{range} [{}]\n{} = {value}\n", setting.about, setting.shown_name(), setting.key);
    }
    text
}
