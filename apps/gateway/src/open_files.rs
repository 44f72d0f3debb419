//! Open files. Every connection is one, and a process that has none left accepts nobody, not even a health check. So the server
//! raises its limit as far as the system allows, and accepts no more connections than fit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for databases, caches, and what the process opens itself.
const OTHERS: u64 = 192;
/// More than this is of no use to one process.
const MOST: u64 = 1 << 20;
/// A server with room for fewer connections should have its limit raised.
pub const ENOUGH: u64 = 10_000;

/// How many connections fit, if the limit is raised as far as the system allows.
pub fn room() -> u64 {
    allowed().saturating_sub(OTHERS).max(1)
}

/// Raises the limit; returns how many connections fit. A limit that cannot be raised stays.
pub fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: Some(allowed()), maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
    let now = getrlimit(Resource::Nofile).current.unwrap_or(MOST).min(MOST);
    now.saturating_sub(OTHERS).max(1)
}

fn allowed() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    limit.maximum.unwrap_or(MOST).min(MOST).max(limit.current.unwrap_or(MOST).min(MOST))
}
