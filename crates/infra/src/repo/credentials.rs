//! Addresses and passwords over the database. What is slow (hashing) happens outside of transactions; what goes by
//! mail is ordered in them.

pub mod mailed;
pub mod passwords;
pub mod sign_ups;
pub mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::{
    Credentials, Email, Password,
    model::{ChangeEmail, ChangePassword, Forgot, Proof, Resend, ResetPassword},
    refusals::{PASSWORD_WRONG, SESSION_ENDED},
};
use clowder_core::{
    Actor, Ctx, Field, NewJob, Result, SessionId,
    audit::{Entry, Target},
    job::{Taken, Work, Worker},
};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo,
    accounts::{
        sessions::{self, Proved, Which},
        throttle::{Attempt, Sought},
    },
    audit,
    db::Tx,
    jobs,
};
use crate::hasher;

#[async_trait]
impl Credentials for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn verify_email(&self, ctx: &Ctx, proof: Proof) -> Result<()> {
        let ctx = ctx.by(Actor::Nobody);
        let own = self.db.write(move |tx| verify::answer(tx, &ctx, proof.token.expose())).await?;
        own.iter().for_each(|own| self.parts.memory.profiles.keep(own));
        Ok(())
    }

    #[instrument(level = "debug", skip_all)]
    async fn resend_to(&self, ctx: &Ctx, resend: Resend) -> Result<()> {
        self.order_letter(ctx, Wants::Verify, &resend.email).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn resend(&self, ctx: &Ctx) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| verify::resend(tx, &ctx)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn change_email(&self, ctx: &Ctx, change: ChangeEmail) -> Result<()> {
        let proved = self.prove_password(ctx, &change.password).await?;
        let (ctx, reveal) = (ctx.clone(), self.parts.options.sign_up.reveal_taken);
        let asked = self.db.write(move |tx| {
            still(tx, &proved)?;
            verify::change(tx, &ctx, &change, reveal)
        });
        asked.await
    }

    #[instrument(level = "debug", skip_all)]
    async fn forgot(&self, ctx: &Ctx, forgot: Forgot) -> Result<()> {
        self.order_letter(ctx, Wants::Reset, &forgot.email).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reset(&self, ctx: &Ctx, reset: ResetPassword) -> Result<()> {
        let (asked, caller) = (reset.clone(), ctx.clone());
        self.db.read(move |conn| passwords::look(conn, &caller, &asked)).await?;
        let hash = self.parts.hasher.hash(reset.new_password.expose().to_owned()).await?;
        let (caller, keys) = (ctx.by(Actor::Nobody), Arc::clone(&self.parts.keys));
        let done = self.db.write(move |tx| passwords::reset(tx, &caller, &keys, reset.token.expose(), &hash));
        let (ended, proved) = done.await?;
        self.have_ended(&ended);
        proved.iter().for_each(|own| self.parts.memory.profiles.keep(own));
        Ok(())
    }

    #[instrument(level = "debug", skip_all)]
    async fn change_password(&self, ctx: &Ctx, change: ChangePassword) -> Result<()> {
        let (user, session) = (ctx.user()?, ctx.session()?);
        let proved = self.prove_password(ctx, &change.current_password).await?;
        let new = change.new_password.clone();
        self.db.read(move |conn| passwords::may_use(conn, user, &new)).await?;
        let hash = self.parts.hasher.hash(change.new_password.expose().to_owned()).await?;
        let caller = ctx.clone();
        let ended = self.db.write(move |tx| {
            still(tx, &proved)?;
            passwords::set(tx, &caller, user, &hash, Which::AllBut(session))
        });
        self.have_ended(&ended.await?);
        Ok(())
    }
}

impl Repo {
    /// Whether there is such an account is found out by a job, so that it shows neither in the answer nor in the time
    /// it takes.
    async fn order_letter(&self, ctx: &Ctx, wants: Wants, email: &Email) -> Result<()> {
        let asked = Asked { email: email.as_str().to_owned(), wants };
        let (ctx, job) = (ctx.clone(), NewJob::new(&asked, ctx.now)?);
        self.db.write(move |tx| jobs::order(tx, &ctx, &job)).await
    }

    /// Whether the caller knows their own password; failures make further attempts wait. What relies on it asks once more
    /// in its transaction, with [`still`].
    pub(super) async fn prove_password(&self, ctx: &Ctx, password: &Password) -> Result<Proved> {
        let user = ctx.user()?;
        let attempt = Attempt::new(ctx, &self.parts.keys, &Sought::User(user), Some(user));
        let tried = attempt.clone();
        let stored = self.db.read(move |conn| {
            tried.may_be_made(conn)?;
            Ok(sessions::credentials(conn, &Sought::User(user))?.ok_or(SESSION_ENDED)?)
        });
        let (_, hash) = stored.await?;
        let verdict = self.parts.hasher.verify(password.expose().to_owned(), Some(hash.clone())).await?;
        let right = verdict != hasher::Verdict::Wrong;
        let (ctx, refused) = (ctx.clone(), Entry::new("password.refused").on(Target::user(user)));
        let counted = self.db.write(move |tx| {
            if !right {
                attempt.failed(tx)?;
                return audit::record(tx, &ctx, &refused);
            }
            // Guesses that came at once were all let in; those that went wrong count for the one that did not.
            attempt.may_be_made(tx.conn)?;
            attempt.succeeded(tx)
        });
        counted.await?;
        if right { Ok(Proved { user, hash }) } else { Err(PASSWORD_WRONG.into()) }
    }

    /// This process refuses the tokens of these sessions from now on; other nodes learn of it from the journal.
    pub(super) fn have_ended(&self, sessions: &[SessionId]) {
        for session in sessions {
            self.parts.memory.tokens.end(*session);
        }
    }
}

/// The password that was proved still is the password; holds the user.
pub fn still(tx: &mut Tx<'_>, proved: &Proved) -> Result<()> {
    if proved.holds(tx)? { Ok(()) } else { Err(PASSWORD_WRONG.into()) }
}

/// Somebody asked for a letter to this address.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    email: String,
    wants: Wants,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Wants {
    /// To choose a new password.
    Reset,
    /// To confirm the address.
    Verify,
}

impl Work for Asked {
    const KIND: &'static str = "account.letter";
}

/// Sends those letters, where there is somebody to get one.
pub struct LetterWriter(pub Arc<Repo>);

#[async_trait]
impl Worker for LetterWriter {
    fn kind(&self) -> &'static str {
        Asked::KIND
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Asked { email, wants } = job.read()?;
        let Ok(email) = Email::parse(email.into()) else { return Ok(()) };
        let ctx = ctx.clone();
        let written = self.0.db.write(move |tx| match wants {
            Wants::Reset => passwords::mail_reset(tx, &ctx, &email),
            Wants::Verify => verify::mail_again(tx, &ctx, &email),
        });
        written.await
    }
}
