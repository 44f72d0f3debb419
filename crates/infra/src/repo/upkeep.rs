//! Looking after the store: is it well, and what may be forgotten.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, Journal, Result, Timestamp,
    job::{Taken, Worker},
    once::KEPT_FOR,
};
use diesel::prelude::*;

use super::{Repo, accounts::throttle, dialect, migrations::pending_on};
use crate::{
    schema::{answers, mailed_tokens, refresh_tokens, sessions, sign_ups},
    store::{Check, SWEEP, Upkeep},
};

#[async_trait]
impl Upkeep for Repo {
    async fn recall(&self) -> Result<()> {
        self.remember_ended(self.opened_at).await?;
        self.remember_standings(self.opened_at).await
    }

    async fn check(&self) -> Vec<Check> {
        let schema = self.db.read(pending_on).await;
        if let Err(error) = &schema {
            tracing::warn!(%error, "the database does not answer");
        }
        let (write, read) = self.db.waiting();
        let room = self.parts.options.queue / 2;
        vec![
            Check {
                name: "database",
                ok: schema.is_ok(),
                detail: if schema.is_ok() { dialect::NAME } else { "does not answer" }.to_owned(),
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
                name: "lanes",
                ok: write < room && read < room,
                detail: format!("{write} writes and {read} reads wait"),
            },
        ]
    }

    async fn sweep(&self, ctx: &Ctx, journal_until: Timestamp) -> Result<usize> {
        let now = ctx.now;
        let rest = self.db.write(move |tx| {
            let answers =
                diesel::delete(answers::table.filter(answers::created_at.le(now.minus(KEPT_FOR)))).execute(tx.conn)?;
            // Their refresh tokens go with them.
            let sessions = diesel::delete(sessions::table.filter(sessions::expires_at.le(now.minus(KEPT_FOR))))
                .execute(tx.conn)?;
            let tokens =
                diesel::delete(refresh_tokens::table.filter(refresh_tokens::expires_at.le(now))).execute(tx.conn)?;
            let mailed = diesel::delete(mailed_tokens::table.filter(mailed_tokens::expires_at.le(now.minus(KEPT_FOR))))
                .execute(tx.conn)?;
            let waiting = diesel::delete(sign_ups::table.filter(sign_ups::expires_at.le(now))).execute(tx.conn)?;
            Ok(answers + sessions + tokens + mailed + waiting + throttle::sweep(tx, now)?)
        });
        Ok(rest.await? + Journal::sweep(self, ctx, journal_until).await?)
    }
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
        let until = ctx.now.minus(self.0.parts.options.journal_for);
        while Upkeep::sweep(&*self.0, ctx, until).await? > 0 {}
        Ok(())
    }
}
