//! Checks everything that `clowder serve` needs, reports what would keep it from running, and changes nothing.

mod places;

use std::{net::TcpListener, time::Duration};

use clowder_core::Error;
use clowder_gateway::{
    app, clock,
    config::{Config, Faults},
    open_files,
};
use clowder_infra::{DatabaseUrl, Store, mail, redis_way::RedisWay};
use serde::Serialize;
use serde_json::json;

use crate::{
    inspect, keyring,
    output::{Form, Outcome, Output},
    permissions, serving,
};

/// How long another server may take to respond.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Warning,
    Failed,
}

#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    status: Status,
    detail: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, name: &'static str, (status, detail): Told) {
        // Library errors may have several lines.
        let detail = detail.split_whitespace().collect::<Vec<_>>().join(" ");
        self.0.push(Finding { name, status, detail });
    }

    fn tell(self, form: Form, out: &mut Output) -> Outcome {
        let status = self.0.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
        if form.json {
            out.json(&json!({"status": status, "findings": self.0}));
        } else {
            for Finding { name, status, detail } in &self.0 {
                let mark = match status {
                    Status::Ok => "ok  ",
                    Status::Warning => "WARN",
                    Status::Failed => "FAIL",
                };
                out.line(format_args!("{mark} {name}: {detail}"));
            }
        }
        Outcome::of(status != Status::Failed)
    }
}

type Told = (Status, String);

fn ok(detail: impl Into<String>) -> Told {
    (Status::Ok, detail.into())
}

fn warning(detail: impl Into<String>) -> Told {
    (Status::Warning, detail.into())
}

fn failed(detail: impl Into<String>) -> Told {
    (Status::Failed, detail.into())
}

/// With invalid settings there is nothing more to check.
pub fn unusable(faults: &Faults, form: Form, out: &mut Output) -> Outcome {
    let mut findings = Findings::default();
    faults.0.iter().for_each(|fault| findings.add("settings", failed(fault)));
    findings.tell(form, out)
}

/// Prints the findings one by one; fails if one of them would keep the server from running.
pub async fn examine(config: &Config, form: Form, out: &mut Output) -> Outcome {
    let mut findings = Findings::default();
    findings.add("settings", ok("all are valid"));
    for (name, folder) in places::folders(config) {
        findings.add(name, places::writable(&folder));
        if let Some(told) = places::space(&folder) {
            findings.add("disk space", told);
        }
    }
    permissions(config, &mut findings);
    findings.add("mail", mail(config).await);
    if let Some(address) = config.redis.address() {
        findings.add("Redis", redis(config, address.to_owned()).await);
    }
    if let Some(told) = scanner(config).await {
        findings.add("virus scanner", told);
    }
    findings.add("file sandbox", sandbox(config).await);
    findings.add("open files", files());
    findings.add("port", port(config));
    database(config, &mut findings).await;
    findings.tell(form, out)
}

fn permissions(config: &Config, findings: &mut Findings) {
    let open = permissions::look(config);
    if open.is_empty() {
        findings.add("permissions", ok("only the owner can read the files"));
    }
    // A mail folder may contain thousands of files.
    const MOST: usize = 20;
    open.iter().take(MOST).for_each(|open| findings.add("permissions", warning(open.sentence())));
    if open.len() > MOST {
        findings.add("permissions", warning(format!("and {} more", open.len() - MOST)));
    }
}

async fn mail(config: &Config) -> Told {
    let route = config.mail_route();
    if let mail::Route::Folder(folder) = &route
        && !folder.exists()
    {
        return ok(format!("emails will be written to {}, which the first start creates", folder.display()));
    }
    let mailer = match mail::mailer(&route, &config.mail.from) {
        Ok(mailer) => mailer,
        Err(error) => return failed(error.to_string()),
    };
    match tokio::time::timeout(PATIENCE, mailer.check()).await {
        Ok(Ok(())) => ok(format!("{}: ready", mailer.describe())),
        Ok(Err(error)) => failed(mail_failed(&route, error.to_string().trim_start_matches("unavailable: "))),
        Err(_) => failed(mail_failed(&route, &format!("{} does not answer within {PATIENCE:?}", mailer.describe()))),
    }
}

fn mail_failed(route: &mail::Route, error: &str) -> String {
    let remedy = match route {
        mail::Route::Folder(_) => "check DATA_DIR, and that this user may write to it",
        _ => "check SMTP_URL, that the mail server runs, and that it accepts connections from this machine",
    };
    format!("{error}; {remedy}")
}

/// Without Redis, a node works, and hears of the others later.
async fn redis(config: &Config, address: String) -> Told {
    if DatabaseUrl::parse(&config.database_url()).is_ok_and(|url| url.is_embedded()) {
        return warning("is set, but not used with SQLite, which has no other nodes; is DATABASE_URL missing?");
    }
    let asked = tokio::task::spawn_blocking(move || RedisWay::parse(&address)?.reach(PATIENCE)).await;
    match asked.unwrap_or_else(|error| Err(Error::internal(error.to_string()))) {
        Ok(()) => ok("answers"),
        Err(error) => warning(format!(
            "{}; check REDIS_URL, that Redis runs, and that it accepts connections from this machine",
            error.to_string().trim_start_matches("unavailable: ")
        )),
    }
}

/// Without the scanner, files wait or are let through.
async fn scanner(config: &Config) -> Option<Told> {
    Some(match tokio::time::timeout(PATIENCE, config.media.signatures()).await {
        Ok(Ok(None)) => return None,
        Ok(Ok(Some(signatures))) => ok(signatures),
        Ok(Err(error)) => warning(format!(
            "{}; check CLAMD_URL, that clamd runs, and that it accepts connections from this machine",
            error.to_string().trim_start_matches("unavailable: ")
        )),
        Err(_) => warning(format!("clamd does not answer within {PATIENCE:?}")),
    })
}

/// Files are examined without it, too.
async fn sandbox(config: &Config) -> Told {
    let inspector = match config.media.inspector() {
        Ok(inspector) => inspector,
        Err(error) => return warning(error.to_string()),
    };
    match tokio::time::timeout(PATIENCE, inspector.self_test()).await {
        Ok(Ok(found)) if found == inspect::whole() => ok(inspect::sentence(&found)),
        Ok(Ok(found)) => warning(inspect::sentence(&found)),
        Ok(Err(error)) => warning(error.to_string()),
        Err(_) => warning(format!("the process that looks at files does not answer within {PATIENCE:?}")),
    }
}

fn files() -> Told {
    let room = open_files::room();
    let fits = format!("there is room for {room} connections");
    if room >= open_files::ENOUGH { ok(fits) } else { warning(format!("{fits}; raise the limit (ulimit -n)")) }
}

/// A port that this server itself listens on is fine.
fn port(config: &Config) -> Told {
    let address = config.address();
    if let Some(process) = serving::process(&config.data_dir, address) {
        return ok(format!("{address} is in use by this server itself, process {process}"));
    }
    match TcpListener::bind(address) {
        Ok(_) => ok(format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => failed(format!(
            "{address} is in use by another program, or by a server with another DATA_DIR; set BIND or PORT"
        )),
        Err(error) => failed(format!("{address}: {error}")),
    }
}

fn unreachable(url: &DatabaseUrl, error: &Error) -> String {
    let (place, error) = (url.place(), error.to_string());
    let error = error.trim_start_matches("unavailable: ");
    let remedy = if url.is_embedded() {
        "check DATABASE_URL, and that this user may read and write the file and its folder"
    } else {
        "check DATABASE_URL, that the database server runs, and that it accepts connections from this machine"
    };
    format!("{place}: {error}; {remedy}")
}

async fn database(config: &Config, findings: &mut Findings) {
    let url = match DatabaseUrl::parse(&config.database_url()) {
        Ok(url) => url,
        Err(error) => return findings.add("database", failed(error.to_string())),
    };
    if let Err(error) = app::database_exists(config) {
        return findings.add("database", failed(error.to_string().trim_start_matches("internal: ")));
    }
    if let Err(error) = Store::reach(&url) {
        return findings.add("database", failed(unreachable(&url, &error)));
    }
    match Store::pending(&url).as_deref() {
        Ok([]) => findings.add("schema", ok("is up to date")),
        // Opening the database would migrate it, and the doctor changes nothing.
        Ok(pending) if url.is_embedded() => {
            return findings.add("schema", ok(format!("{} migrations will run at the next start", pending.len())));
        }
        Ok(pending) => {
            let pending = pending.join(", ");
            return findings.add("schema", failed(format!("is behind; run `clowder migrate` (pending: {pending})")));
        }
        Err(error) => return findings.add("schema", failed(error.to_string())),
    }
    match Store::owns_tables(&url) {
        Ok(true) => {}
        Ok(false) => findings.add(
            "journal",
            failed("the database role does not own the tables, so old events are never removed; use their owner, or run `ALTER TABLE … OWNER TO` for each table"),
        ),
        Err(error) => findings.add("journal", failed(error.to_string())),
    }
    match Store::refused_functions(&url).as_deref() {
        Ok([]) => {}
        Ok(refused) => findings.add(
            "journal",
            warning(format!("the database role may not call {}, so clients may not learn that a standby became the primary; grant EXECUTE on it", refused.join(" and "))),
        ),
        Err(error) => findings.add("journal", failed(error.to_string())),
    }
    let secret = config.data_dir.join("secret.key");
    if config.auth.secret_key.is_none() && !secret.exists() {
        let missing = format!("{} is missing, but the database was used with it", secret.display());
        return findings.add("secret", failed(missing));
    }
    match app::open_existing(config).await {
        Ok(store) => {
            // The scanner has been asked already.
            let checks = store.upkeep.check(clock::now).await;
            for check in checks.into_iter().filter(|check| check.name != "scanner") {
                findings.add(check.name, if check.ok { ok(check.detail) } else { failed(check.detail) });
            }
            findings.add("encryption keys", keyring::finding(&store).await.map_or_else(failed, ok));
        }
        Err(error) => findings.add("store", failed(error.to_string())),
    }
}
