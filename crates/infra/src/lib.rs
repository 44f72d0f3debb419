//! Everything that touches the outside: databases, the journal, hashing, tokens.
//!
//! [`Store::open`] takes a URL and gives the ports of all domains. PostgreSQL and SQLite are always both compiled:
//! the sources under `repo/` are ordinary, fully typed diesel over `super::dialect`, and are compiled once per
//! database, by the packages in `pg/` and `lite/`, side by side. What differs between the two is a function of the same
//! name in both dialects. What they share is compiled once, in `base/`. Everybody else knows this package alone.

mod ports;

pub use clowder_infra_base::{
    Check, DatabaseOptions, DatabaseUrl, Deadlines, Followed, Follower, JobRunner, Options, Upkeep, api_keys, emails,
    feed, hasher, job_runner, keys, mail, private, receipts, tokens, totp, turns, url, worker_pool,
};
pub use ports::{EachPort, Store};

/// Clocks that were ahead, with the times of all domains.
pub mod clock {
    pub use clowder_infra_base::clock::*;

    pub use crate::ports::times;
}

/// The store, what it is opened with and what keeps it in shape.
pub mod store {
    pub use clowder_infra_base::store::{Check, Options, SWEEP, Upkeep};

    pub use crate::ports::Store;
}

/// What becomes of the references to users, of all parts that are registered.
pub mod privacy {
    pub use clowder_infra_base::privacy::{Reference, Registered, Then, erased, kept};

    pub use crate::ports::registered;
}

/// Field encryption at rest, with the sealed columns of all domains.
pub mod seal {
    pub use clowder_infra_base::seal::*;

    pub use crate::ports::columns;
}
