//! Everything that touches the outside world: databases, the journal, hashing, tokens.
//!
//! [`Store::open`] takes a URL and returns the ports of all domains. PostgreSQL and SQLite are always both compiled:
//! the sources under `repo/` are ordinary, fully typed diesel over `super::dialect`, and are compiled once per database
//! by the packages in `pg/` and `lite/`, in parallel. Differences between the two are functions of the same name in
//! both dialects. What they share is compiled once, in `base/`. All other crates know only this package.

mod ports;

/// Calls to places that people name.
pub use clowder_egress as egress;
pub use clowder_infra_base::{
    Check, DatabaseOptions, DatabaseUrl, Deadlines, Followed, Follower, JobRunner, Options, Readers, Upkeep, api_keys,
    bus, counting, emails, feed, hasher, job_runner, keys, mail, private, rates, readers, receipts, redis_way,
    shared_sockets, tokens, totp, turns, url, worker_pool,
};
/// Where the bytes of files are.
pub use clowder_infra_blobs as blobs;
pub use clowder_infra_inspect as inspect;
pub use ports::{EachPort, Store};

/// Clocks that were ahead, with the times of all domains.
pub mod clock {
    pub use clowder_infra_base::clock::*;

    pub use crate::ports::times;
}

/// Who is connected to this process.
pub mod online {
    pub use clowder_infra_base::domains::presence::{Look, Looked, Online, Taken, Told};
}

/// The store, how it is opened, and its maintenance.
pub mod store {
    pub use clowder_infra_base::{
        skew::Skew,
        store::{Check, Options, SWEEP, Upkeep},
    };

    pub use crate::ports::Store;
}

/// What happens to the references to users, for all registered parts.
pub mod privacy {
    pub use clowder_infra_base::privacy::{Reference, Registered, Then, erased, kept};

    pub use crate::ports::{registered, texts_left_alone};
}

/// Field encryption at rest, with the sealed columns of all domains.
pub mod seal {
    pub use clowder_infra_base::seal::*;

    pub use crate::ports::columns;
}
