//! The queries, written once. This folder is compiled for each database, with that database's `dialect` and `batch`.
//!
//! One file or folder per domain, plus [`db`] (workers and transactions), [`group_commit`], [`journal`] and [`idempotency`].

mod accounts;
mod activity;
mod among;
mod api_keys;
mod attempts;
mod audit;
mod blocks;
mod cards;
mod care;
mod chat_analytics;
mod chat_exports;
mod chat_imports;
mod chat_templates;
mod chats;
mod check;
mod clock;
mod credentials;
mod db;
mod domains;
mod fragment;
mod friends;
mod group_commit;
mod groups;
mod idempotency;
mod invitations;
mod jobs;
mod journal;
mod keeping;
mod lifetimes;
mod media;
mod messaging;
mod migrations;
mod moderation;
mod notices;
mod notifications;
mod participants;
mod people;
mod pets;
mod polls;
mod preferences;
mod presence;
mod privacy;
mod profiles;
mod push;
mod readers;
mod relations;
mod reports;
mod scheduled;
mod sealing;
mod search;
mod sign_ups;
mod staff;
#[cfg(debug_assertions)]
mod texts;
mod two_factor;
mod upkeep;
mod user_keys;
mod webhooks;

use std::{sync::Arc, time::Instant};

use clowder_core::{
    Error, Journal, Result, Timestamp,
    job::{Cron, Worker},
};

use super::{batch, dialect, partitions};
pub use db::{Db, Tx};
pub use domains::{sealed_columns, texts_left_alone, times};
pub use migrations::{migrate, pending, reach};
pub use privacy::registered;
pub use search::renew as renew_search;

use crate::{hasher, segments::KnownSegments, store::StoreDeps, turns::Turns};

/// All ports over this database.
pub struct Repo {
    db: Db,
    deps: StoreDeps,
    opened_at: Timestamp,
    opened: Instant,
    /// Turns of attempts at a password or a code.
    turns: Turns<Vec<u8>>,
    friends: friends::State,
    messaging: messaging::State,
    readers: readers::State,
    last_look: check::LastLook,
    /// Where the streams of the journal left which segment.
    segments: Arc<KnownSegments>,
}

impl Repo {
    pub async fn open(deps: StoreDeps, now: Timestamp) -> Result<Self> {
        let db = Db::open(&deps)?;
        // As many concurrent attempts as may fail without a pause. Their turns come as fast as passwords are hashed.
        let turns = Turns::new(clowder_accounts::throttle::FREE as usize, hasher::PATIENCE);
        let messaging = messaging::State::new(&db, &deps);
        let (opened, last_look, segments) =
            (Instant::now(), check::LastLook::default(), Arc::<KnownSegments>::default());
        let friends = friends::State::default();
        let readers = readers::State::new(now);
        let repo = Self { db, deps, opened_at: now, opened, turns, friends, messaging, readers, last_look, segments };
        // So that the first who reads the journal knows where.
        Journal::extent(&repo).await?;
        repo.remember_ended(now).await?;
        repo.remember_standings(now).await?;
        // What can't be claimed now is claimed when the database is next opened; nobody is kept from working by it.
        if let Err(error) = repo.claim_names(now).await {
            match error {
                Error::Internal(_) => tracing::error!(%error, "cannot claim the usernames of older accounts"),
                _ => tracing::warn!(%error, "cannot claim the usernames of older accounts right now"),
            }
        }
        // Who is not in the index yet is not found by name until the database is next opened.
        if let Err(error) = repo.index_names().await {
            match error {
                Error::Internal(_) => tracing::error!(%error, "cannot index the names of older accounts"),
                _ => tracing::warn!(%error, "cannot index the names of older accounts right now"),
            }
        }
        if let Err(error) = repo.index_words().await {
            match error {
                Error::Internal(_) => tracing::error!(%error, "cannot index the names of groups and pets"),
                _ => tracing::warn!(%error, "cannot index the names of groups and pets right now"),
            }
        }
        // Who has a pet with a number that was hashed under another secret is not found by it.
        if let Err(error) = repo.index_microchips().await {
            match error {
                Error::Internal(_) => tracing::error!(%error, "cannot index the microchips of pets"),
                _ => tracing::warn!(%error, "cannot index the microchips of pets right now"),
            }
        }
        Ok(repo)
    }

    async fn index_words(&self) -> Result<()> {
        self.index_group_words().await?;
        self.index_pet_words().await
    }

    /// The time, calculated from when this was opened and what has passed since; for work that no call started.
    fn now(&self) -> Timestamp {
        self.opened_at.plus(self.opened.elapsed())
    }

    /// The workers for the jobs of the domains.
    pub fn workers(self: &Arc<Self>) -> Vec<Arc<dyn Worker>> {
        domains::workers(self)
    }

    /// The recurring jobs.
    pub fn crons(&self) -> Vec<Cron> {
        domains::crons()
    }
}
