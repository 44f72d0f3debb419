//! Whether this node can work: answered within a second, whatever the database does.

use std::time::{Duration, Instant};

use clowder_core::{Cause, Error, Result, Timestamp};
use tokio::{sync::Mutex, time::timeout};

use super::{
    Repo,
    dialect::{self, Conn},
    media,
    migrations::pending_on,
};
use crate::{skew::Skew, store::Check};

/// How long a check may take.
const WITHIN: Duration = Duration::from_millis(600);
/// How long the result of one check is returned to further callers.
const HOLDS_FOR: Duration = Duration::from_millis(300);

/// The last result.
pub type LastLook = Mutex<Option<(Instant, Vec<Check>)>>;

/// All checks. If several callers ask at once, one checks.
pub async fn all(repo: &Repo, now: fn() -> Timestamp) -> Vec<Check> {
    let mut found = repo.last_look.lock().await;
    if let Some((_, checks)) = found.as_ref().filter(|(at, _)| at.elapsed() < HOLDS_FOR) {
        return checks.clone();
    }
    let checks = look(repo, now).await;
    *found = Some((Instant::now(), checks.clone()));
    checks
}

async fn look(repo: &Repo, now: fn() -> Timestamp) -> Vec<Check> {
    let read = repo.db.read(move |conn| Ok((pending_on(conn)?, skew(conn, now)?)));
    let (read, writes, files, scanner) =
        tokio::join!(within(read), within(repo.db.try_to_write()), files(repo), scanner(repo));
    let (schema, skew) = match read {
        Ok((pending, skew)) => (Ok(pending), Some(skew)),
        Err(error) => (Err(error), None),
    };
    for error in [schema.as_ref().err(), writes.as_ref().err()].into_iter().flatten() {
        tracing::warn!(%error, "a check of the database failed");
    }
    let (write, read) = repo.db.waiting();
    let room = repo.deps.options.database.queue / 2;
    let mut checks = vec![
        Check {
            name: "database",
            ok: schema.is_ok(),
            detail: schema.as_ref().map_or_else(describe, |_| dialect::NAME).to_owned(),
        },
        Check {
            name: "writes",
            ok: writes.is_ok(),
            detail: writes.as_ref().map_or_else(describe, |()| "are taken").to_owned(),
        },
        Check {
            name: "migrations",
            ok: schema.as_ref().is_ok_and(Vec::is_empty),
            detail: match &schema {
                Ok(pending) if pending.is_empty() => "up to date".to_owned(),
                Ok(pending) => format!("pending: {}", pending.join(", ")),
                Err(_) => "unknown".to_owned(),
            },
        },
        Check {
            name: "connections",
            ok: write < room && read < room,
            detail: format!("{write} writes and {read} reads are waiting"),
        },
        Check {
            name: "clock",
            ok: skew.is_some_and(|skew| skew.is_none_or(|skew| !skew.is_too_much())),
            detail: match skew {
                Some(Some(skew)) => skew.describe(),
                Some(None) => "the database is on this machine".to_owned(),
                None => "unknown".to_owned(),
            },
        },
    ];
    checks.extend(files);
    checks.extend(scanner);
    // A bus that does not work makes nothing fail: what it would have told comes with the next poll.
    checks.extend(repo.deps.feed.exchange().state().map(|(name, works)| Check {
        name: "bus",
        ok: true,
        detail: format!(
            "{name}: {}",
            if works { "messages arrive" } else { "no message arrives, so changes are polled" }
        ),
    }));
    checks
}

/// Whether files can be read and stored. If not, all else can still be done, and another node could not either.
async fn files(repo: &Repo) -> Option<Check> {
    let blobs = repo.deps.options.media.blobs.as_ref()?;
    let (checked, stuck) = tokio::join!(within(blobs.check()), within(repo.db.read(media::stuck)));
    let fault = checked.err();
    if let Some(error) = &fault {
        tracing::warn!(%error, "a check of the store of files failed");
    }
    let state = fault.as_ref().map_or("can be read and written", describe);
    let stuck = match stuck {
        Ok(stuck @ 1..) => format!("; cannot remove {stuck} of the deleted files"),
        // The check of the database tells what is wrong.
        Ok(_) | Err(_) => String::new(),
    };
    Some(Check { name: "files", ok: true, detail: format!("{}: {state}{stuck}", blobs.name()) })
}

/// Whether the virus scanner answers. If not, files wait, and all else can still be done.
async fn scanner(repo: &Repo) -> Option<Check> {
    let scanner = repo.deps.options.media.scanner.as_ref()?;
    let (answer, waiting) = tokio::join!(within(scanner.signatures()), within(repo.db.read(media::waiting)));
    metrics::gauge!("clowder_scanner_up").set(if answer.is_ok() { 1.0 } else { 0.0 });
    let state = match &answer {
        Ok(signatures) => signatures.as_str(),
        Err(error) => {
            tracing::warn!(%error, "a check of the virus scanner failed");
            describe(error)
        }
    };
    let waiting = match waiting {
        Ok(waiting @ 1..) => format!("; {waiting} files wait to be examined"),
        Ok(_) | Err(_) => String::new(),
    };
    Some(Check { name: "scanner", ok: true, detail: format!("{state}{waiting}") })
}

/// Measures the skew between the clock of `now` and the database's. It is measured around the query, so that waiting
/// for a connection is not included; since a check has a time limit, no measurement is off by more than half of that.
pub fn skew(conn: &mut Conn, now: fn() -> Timestamp) -> Result<Option<Skew>> {
    let before = now();
    let Some(there) = dialect::clock(conn)? else { return Ok(None) };
    let skew = Skew::between(before, there, now());
    metrics::gauge!("clowder_clock_skew_seconds").set(skew.seconds());
    Ok(Some(skew))
}

pub async fn within<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Err(Error::outage(Cause::Overdue, "no answer within 600 ms"));
    timeout(WITHIN, answer).await.unwrap_or_else(late)
}

/// What is wrong, for an operator. The log has the details.
fn describe(error: &Error) -> &'static str {
    match error.cause() {
        Some(Cause::Lost) => "cannot be reached",
        Some(Cause::ReadOnly) => "accepts no writes",
        Some(Cause::Full) => "the disk is full",
        Some(Cause::Storage) => "the disk has errors",
        Some(Cause::Contended | Cause::Busy) => "is too busy",
        Some(Cause::Overdue) => "does not answer in time",
        Some(Cause::Aborted | Cause::Other) | None => "fails",
    }
}
