//! Whether this node can do its work: told within a second, whatever the database does.

use std::time::{Duration, Instant};

use clowder_core::{Cause, Error, Result, Timestamp};
use tokio::{sync::Mutex, time::timeout};

use super::{
    Repo,
    dialect::{self, Conn},
    migrations::pending_on,
};
use crate::{skew::Skew, store::Check};

/// How long a look may take: whoever asks wants to know now.
const WITHIN: Duration = Duration::from_millis(600);
/// For how long what one look found is told to others who ask.
const HOLDS_FOR: Duration = Duration::from_millis(300);

/// What was found last.
pub type LastLook = Mutex<Option<(Instant, Vec<Check>)>>;

/// All checks. Of many who ask at once, one looks.
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
    let (read, writes) = tokio::join!(within(read), within(repo.db.try_to_write()));
    let (schema, skew) = match read {
        Ok((pending, skew)) => (Ok(pending), Some(skew)),
        Err(error) => (Err(error), None),
    };
    for error in [schema.as_ref().err(), writes.as_ref().err()].into_iter().flatten() {
        tracing::warn!(%error, "the database is not as it should be");
    }
    let (write, read) = repo.db.waiting();
    let room = repo.deps.options.database.queue / 2;
    vec![
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
            detail: format!("{write} writes and {read} reads wait"),
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
    ]
}

/// Holds the clock that `now` reads against the database's. Measured beside the query, so that waiting for a connection
/// is no part of it; with the limit of a look, no measurement is off by more than half of that.
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

/// What is wrong, for a person who can do something about it. The log has the details.
fn describe(error: &Error) -> &'static str {
    match error.cause() {
        Some(Cause::Lost) => "cannot be reached",
        Some(Cause::ReadOnly) => "takes no writes",
        Some(Cause::Full) => "no room is left on the disk",
        Some(Cause::Storage) => "the disk fails",
        Some(Cause::Contended | Cause::Busy) => "is too busy",
        Some(Cause::Overdue) => "does not answer in time",
        Some(Cause::Aborted | Cause::Other) | None => "fails",
    }
}
