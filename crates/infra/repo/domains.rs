//! Every domain, in one list: what it keeps about people, what it seals, what it forgets with time, and who does its jobs.
//! A new domain is one line of `for_domains!` in `base/src/domains.rs`; the rest is in its own module.

use std::{pin::Pin, sync::Arc, time::Duration};

use clowder_core::{
    Ctx, Result,
    job::{Cron, Worker},
};

use super::{Repo, clock::Time, db::Tx, privacy::parts::Part};
use crate::{
    clock::Fate,
    seal::{Column, Under},
};

/// What a domain contributes to the store.
pub struct Domain {
    /// Its parts of a user's personal data.
    pub parts: &'static [Part],
    /// Its sealed columns.
    pub sealed: &'static [Column],
    /// All of its times, and what becomes of each when a clock was ahead.
    pub times: &'static [Time],
    /// Its cleanup of expired data.
    pub sweeps: &'static [Sweep],
    /// Its recurring jobs.
    pub crons: &'static [Cron],
    /// Its job workers.
    pub workers: fn(&Arc<Repo>) -> Vec<Arc<dyn Worker>>,
}

/// Deletes some expired data, and returns how many rows.
pub enum Sweep {
    /// In one transaction. What is deleted contains texts about people.
    Rows(fn(&mut Tx<'_>, &Ctx) -> Result<usize>),
    /// In its own transactions; it is given how long the journal is kept.
    Steps(for<'a> fn(&'a Repo, &'a Ctx, Duration) -> Steps<'a>),
}

pub type Steps<'a> = Pin<Box<dyn Future<Output = Result<usize>> + Send + 'a>>;

impl Sweep {
    pub async fn run(&'static self, repo: &Repo, ctx: &Ctx, journal_for: Duration) -> Result<usize> {
        match self {
            Self::Rows(forget) => {
                let caller = ctx.clone();
                let forgotten = repo.db.write(move |tx| {
                    let forgotten = forget(tx, &caller)?;
                    // Addresses and names of people who never completed their sign-up.
                    tx.deleted_text |= forgotten > 0;
                    Ok(forgotten)
                });
                forgotten.await
            }
            Self::Steps(forget) => forget(repo, ctx, journal_for).await,
        }
    }
}

impl Domain {
    /// A domain that contributes nothing, as a base for those that contribute little.
    pub const NONE: Self =
        Self { parts: &[], sealed: &[], times: &[], sweeps: &[], crons: &[], workers: |_| Vec::new() };
}

macro_rules! list {
    ($($domain:ident $(: $port:path)?,)*) => {
        /// All domains, in the order of [`for_domains!`](clowder_infra_base::for_domains).
        pub static DOMAINS: &[Domain] = &[$(super::$domain::DOMAIN),*];
    };
}
clowder_infra_base::for_domains!(list);

/// The encrypted columns of all domains, those under the key ring first.
pub fn sealed_columns() -> Vec<&'static Column> {
    let mut columns: Vec<_> = DOMAINS.iter().flat_map(|domain| domain.sealed).collect();
    columns.sort_by_key(|column| column.under != Under::Ring);
    columns
}

/// The times of all domains, `table.column`, and what becomes of each when a clock was ahead.
pub fn times() -> Vec<(&'static str, Fate)> {
    DOMAINS.iter().flat_map(|domain| domain.times).map(|time| (time.column, time.fate)).collect()
}

/// The recurring jobs of all domains.
pub fn crons() -> Vec<Cron> {
    DOMAINS.iter().flat_map(|domain| domain.crons).cloned().collect()
}

/// The job workers of all domains.
pub fn workers(repo: &Arc<Repo>) -> Vec<Arc<dyn Worker>> {
    DOMAINS.iter().flat_map(|domain| (domain.workers)(repo)).collect()
}
