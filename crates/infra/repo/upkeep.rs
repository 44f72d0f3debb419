//! Looking after the store: is it well, and what may be forgotten.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_accounts::model::SignUpId;
use clowder_core::{
    Ctx, Id, JobId, Journal, Mail, Result, SessionId, Timestamp,
    idempotency::KEPT_FOR,
    job::{DEAD_EMAILS_FOR, Taken, Work, Worker},
};
use diesel::prelude::*;

use super::{Repo, accounts::throttle, check, clock, credentials::mailed, db::Tx, dialect, privacy};
use crate::{
    clock::Evidence,
    schema as table,
    store::{Check, SWEEP, Upkeep},
};

#[async_trait]
impl Upkeep for Repo {
    async fn recall(&self) -> Result<()> {
        let now = self.now();
        self.remember_ended(now).await?;
        self.remember_standings(now).await
    }

    async fn check(&self) -> Vec<Check> {
        check::all(self).await
    }

    async fn was_ahead(&self, now: Timestamp) -> Result<bool> {
        self.db.read(move |conn| clock::was_ahead(conn, now)).await
    }

    async fn put_clock_right(&self, now: Timestamp, evidence: Evidence) -> Result<usize> {
        self.write_clock_right(now, evidence).await
    }

    async fn clock(&self) -> Result<Option<Timestamp>> {
        self.db.read(dialect::clock).await
    }

    async fn sweep(&self, ctx: &Ctx, journal_for: Duration) -> Result<usize> {
        let now = ctx.now;
        let mut gone = 0;
        // Each on its own, so that what one costs holds up none of the others, and no other writer for long.
        for forget in [
            answers,
            refresh_tokens,
            sessions,
            emails,
            dead_emails,
            sign_ups,
            throttle::sweep,
            mailed::sweep_caused,
            privacy::sweep_exports,
        ] {
            let forgotten = self.db.write(move |tx| {
                let forgotten = forget(tx, now)?;
                // Addresses and names of people who never came.
                tx.deleted_text |= forgotten > 0;
                Ok(forgotten)
            });
            gone += forgotten.await?;
        }
        let caller = ctx.clone();
        self.db.write(move |tx| privacy::erasures::remind(tx, &caller)).await?;
        Ok(gone + Journal::sweep(self, ctx, journal_for).await?)
    }
}

/// The most rows of a table that go at a time.
pub const PIECE: i64 = 2_000;

fn answers(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    let past = table::answers::table.filter(table::answers::created_at.le(now.minus(KEPT_FOR)));
    let mut past: Vec<Id<()>> = past.select(table::answers::id).limit(PIECE).load(tx.conn)?;
    // In one order, for an erasure may be at the same ones.
    past.sort_unstable();
    let mut gone = 0;
    for id in &past {
        // Somebody may have used the key anew since it was looked at.
        let still = table::answers::created_at.le(now.minus(KEPT_FOR));
        gone += diesel::delete(table::answers::table.find(id).filter(still)).execute(tx.conn)?;
    }
    Ok(gone)
}

fn refresh_tokens(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    let past = table::refresh_tokens::table.filter(table::refresh_tokens::expires_at.le(now));
    let past: Vec<Vec<u8>> = past.select(table::refresh_tokens::hash).limit(PIECE).load(tx.conn)?;
    Ok(diesel::delete(table::refresh_tokens::table.filter(table::refresh_tokens::hash.eq_any(past)))
        .execute(tx.conn)?)
}

/// Their tokens, which expire with them, are gone before.
fn sessions(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    let past = table::sessions::table.filter(table::sessions::expires_at.le(now.minus(KEPT_FOR)));
    let past: Vec<SessionId> = past.select(table::sessions::id).limit(PIECE).load(tx.conn)?;
    Ok(diesel::delete(table::sessions::table.filter(table::sessions::id.eq_any(past))).execute(tx.conn)?)
}

fn emails(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    let past = table::mailed_tokens::table.filter(table::mailed_tokens::expires_at.le(now.minus(KEPT_FOR)));
    let past: Vec<Vec<u8>> = past.select(table::mailed_tokens::hash).limit(PIECE).load(tx.conn)?;
    Ok(diesel::delete(table::mailed_tokens::table.filter(table::mailed_tokens::hash.eq_any(past))).execute(tx.conn)?)
}

/// Emails that could not be sent, and that nobody let run again: anybody can order emails to addresses that do not exist.
fn dead_emails(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    let past = table::jobs::table
        .filter(table::jobs::kind.eq(Mail::KIND).and(table::jobs::dead_at.le(now.minus(DEAD_EMAILS_FOR))))
        .select(table::jobs::id)
        .order(table::jobs::id)
        .limit(PIECE);
    let past: Vec<JobId> = past.load(tx.conn)?;
    dialect::lock_jobs(tx.conn, &past)?;
    Ok(diesel::delete(table::jobs::table.filter(table::jobs::id.eq_any(past))).execute(tx.conn)?)
}

fn sign_ups(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    let past = table::sign_ups::table.filter(table::sign_ups::expires_at.le(now));
    let past: Vec<SignUpId> = past.select(table::sign_ups::id).limit(PIECE).load(tx.conn)?;
    Ok(diesel::delete(table::sign_ups::table.filter(table::sign_ups::id.eq_any(past))).execute(tx.conn)?)
}

/// Forgets what has had its time, now and then, on one node.
pub struct Sweeper(pub Arc<Repo>);

#[async_trait]
impl Worker for Sweeper {
    fn kind(&self) -> &'static str {
        SWEEP
    }

    /// In bounded pieces, so that other writers get their turn in between.
    async fn work(&self, ctx: &Ctx, _job: &Taken) -> Result<()> {
        while Upkeep::sweep(&*self.0, ctx, self.0.deps.options.journal_for).await? > 0 {}
        Ok(())
    }
}
