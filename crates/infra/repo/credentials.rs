//! Addresses and passwords over the database. Slow work (hashing) happens outside of transactions; emails are enqueued
//! in them.

pub mod mailed;
pub mod passwords;
mod privacy;
pub mod sign_ups;
mod times;
pub mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::{
    Credentials, Email, Password,
    model::{ChangeEmail, ChangePassword, EmailLink, Forgot, LinkToken, Proof, Resend, ResetPassword, SignUpId},
    refusals::{LINK_GONE, PASSWORD_WRONG, SESSION_ENDED},
};
use clowder_core::{
    Actor, Ctx, Error, Field, NewJob, Result, Timestamp, UserId,
    job::{Queue, Taken, Work, Worker},
};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use mailed::Whose;

use super::{
    Repo,
    accounts::{
        sessions::{self, Proved, Which},
        throttle::{Attempt, Sought},
    },
    audit::refusals::{self, Refused},
    db::Tx,
    domains::{Domain, Sweep},
    jobs, two_factor,
};
use crate::{
    hasher,
    withheld::{EmailCall, TooManyEmails, Withheld},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &["mailed_tokens.purpose"],
    times: times::TIMES,
    sweeps: &[Sweep::Rows(mailed::sweep), Sweep::Rows(mailed::sweep_caused)],
    workers: |repo| vec![Arc::new(EmailRequests(Arc::clone(repo)))],
    ..Domain::NONE
};

#[async_trait]
impl Credentials for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn email_link(&self, ctx: &Ctx, link: LinkToken) -> Result<EmailLink> {
        let (silent, now) = (!self.deps.options.sign_ups.reveal_taken, ctx.now);
        let found = self.seek(ctx, move |conn| verify::link(conn, now, silent, link.token.expose())).await?;
        Ok(found.ok_or(LINK_GONE)?)
    }

    #[instrument(level = "debug", skip_all)]
    async fn verify_email(&self, ctx: &Ctx, proof: Proof) -> Result<()> {
        let ctx = ctx.by(Actor::Nobody);
        let (silent, now, token) = (!self.deps.options.sign_ups.reveal_taken, ctx.now, proof.token.clone());
        let asked = self.seek(&ctx, move |conn| verify::look(conn, now, silent, token.expose())).await?;
        let proved = match asked.ok_or(LINK_GONE)? {
            verify::Asked::Token => None,
            verify::Asked::Password { sought, user, hash } => {
                let missing = || Error::field("/password", "required", "is required: the password of the account");
                let password = proof.password.as_ref().ok_or_else(missing)?;
                Some(self.prove(&ctx, sought, user, hash, password).await?)
            }
        };
        let own = self.db.write(move |tx| verify::answer(tx, &ctx, proof.token.expose(), proved.as_deref())).await?;
        own.iter().for_each(|own| self.deps.memory.profiles.keep(own));
        Ok(())
    }

    #[instrument(level = "debug", skip_all)]
    async fn resend_to(&self, ctx: &Ctx, resend: Resend) -> Result<()> {
        self.order_email(ctx, Wants::Verify, &resend.email).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn resend(&self, ctx: &Ctx) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| verify::resend(tx, &ctx)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn change_email(&self, ctx: &Ctx, change: ChangeEmail) -> Result<()> {
        let proved = self.prove_password(ctx, &change.password).await?;
        let (ctx, reveal) = (ctx.clone(), self.deps.options.sign_ups.reveal_taken);
        let asked = self.db.write(move |tx| {
            still(tx, &proved)?;
            verify::change(tx, &ctx, &change, reveal)
        });
        asked.await
    }

    #[instrument(level = "debug", skip_all)]
    async fn forgot(&self, ctx: &Ctx, forgot: Forgot) -> Result<()> {
        self.order_email(ctx, Wants::Reset, &forgot.email).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reset(&self, ctx: &Ctx, reset: ResetPassword) -> Result<()> {
        let (asked, caller) = (reset.clone(), ctx.clone());
        self.seek(ctx, move |conn| passwords::look(conn, &caller, &asked)).await?.ok_or(LINK_GONE)?;
        let hash = self.deps.hasher.hash(reset.new_password.expose().to_owned()).await?;
        let (caller, keys) = (ctx.by(Actor::Nobody), Arc::clone(&self.deps.keys));
        let done = self.db.write(move |tx| passwords::reset(tx, &caller, &keys, reset.token.expose(), &hash));
        let (ended, proved) = done.await?;
        self.have_ended(&ended);
        proved.iter().for_each(|own| self.deps.memory.profiles.keep(own));
        Ok(())
    }

    #[instrument(level = "debug", skip_all)]
    async fn change_password(&self, ctx: &Ctx, change: ChangePassword) -> Result<()> {
        let (user, session) = (ctx.user()?, ctx.session()?);
        let proved = self.prove_password(ctx, &change.current_password).await?;
        let new = change.new_password.clone();
        self.db.read(move |conn| passwords::may_use(conn, user, &new)).await?;
        let hash = self.deps.hasher.hash(change.new_password.expose().to_owned()).await?;
        let caller = ctx.clone();
        let ended = self.db.write(move |tx| {
            still(tx, &proved)?;
            // Another node may have ended the calling session.
            two_factor::require_open(tx.conn, &caller)?;
            passwords::set(tx, &caller, user, &hash, Which::AllBut(session), change.end_keys, None)
        });
        self.have_ended(&ended.await?);
        Ok(())
    }
}

impl Repo {
    /// A job finds out whether there is such an account, so that neither the answer nor its time reveals it. If the
    /// caller has caused too many emails, none is sent, and the answer is the same.
    async fn order_email(&self, ctx: &Ctx, wants: Wants, email: &Email) -> Result<()> {
        let asked = Asked { email: email.as_str().to_owned(), wants };
        let (ctx, job) = (ctx.clone(), NewJob::new(&asked, ctx.now)?.to(email.as_str()));
        let ordered = self.db.write(move |tx| match mailed::cause(tx, &ctx) {
            Err(Error::TooMany { .. }) => Ok(false),
            caused => caused.and_then(|()| jobs::order(tx, &ctx, &job)).map(|()| true),
        });
        if !ordered.await? {
            let call = if wants == Wants::Reset { EmailCall::Reset } else { EmailCall::Verify };
            Withheld { call, reason: TooManyEmails::Caller }.count();
        }
        Ok(())
    }

    /// Whether the caller knows their own password; failures delay further attempts. Callers check again in their
    /// transaction, with [`still`].
    pub(super) async fn prove_password(&self, ctx: &Ctx, password: &Password) -> Result<Proved> {
        let user = ctx.user()?;
        let sought = Sought::User(user);
        let stored = self
            .db
            .read(move |conn| Ok(sessions::credentials(conn, &Sought::User(user))?.ok_or(SESSION_ENDED)?))
            .await?;
        let hash = self.prove(ctx, sought, Some(user), stored.1, password).await?;
        Ok(Proved { user, hash })
    }

    /// Checks a password against a hash, which is returned if it matches; it counts as an attempt.
    async fn prove(
        &self,
        ctx: &Ctx,
        sought: Sought,
        user: Option<UserId>,
        hash: String,
        password: &Password,
    ) -> Result<String> {
        let (caller, keys) = (ctx.clone(), Arc::clone(&self.deps.keys));
        let attempt = self.db.read(move |conn| Attempt::at(conn, &caller, &keys, &sought, user)).await?;
        let tried = self.turns.hold(attempt.turns(), async {
            let begun = self.begin(attempt).await?;
            let right = self.verify(&begun, password, Some(hash.clone())).await? != hasher::Verdict::Wrong;
            let ctx = ctx.clone();
            let counted = self.db.write(move |tx| {
                if right {
                    return begun.succeeded(tx);
                }
                begun.failed(tx)?;
                refusals::note(tx, &ctx, Refused::Password, user, None)
            });
            counted.await?;
            Ok(right)
        });
        if tried.await? { Ok(hash) } else { Err(PASSWORD_WRONG.into()) }
    }
}

/// Checks that the verified password is still the current one; locks the user.
pub fn still(tx: &mut Tx<'_>, proved: &Proved) -> Result<()> {
    if proved.holds(tx)? { Ok(()) } else { Err(PASSWORD_WRONG.into()) }
}

/// An email that was requested for this address.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    email: String,
    wants: Wants,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Wants {
    /// An email to choose a new password.
    Reset,
    /// An email to confirm the address.
    Verify,
    /// An email to confirm the address of this one sign-up, which could not be sent before.
    SignUp(SignUpId),
    /// An email to confirm a user's new address, which could not be sent before.
    Change(UserId),
}

impl Work for Asked {
    const KIND: &'static str = "account.email";
    const QUEUE: Queue = Queue::Mail;
}

/// Enqueues an email for when its address may get another one, so that it is not lost; otherwise somebody else's email
/// could be the only one to arrive.
pub fn order_later(tx: &mut Tx<'_>, ctx: &Ctx, whose: Whose, email: &Email, at: Timestamp) -> Result<()> {
    let wants = match whose {
        Whose::User(user) => Wants::Change(user),
        Whose::SignUp(sign_up) => Wants::SignUp(sign_up),
        Whose::Nobody => return Ok(()),
    };
    jobs::order(tx, ctx, &NewJob::new(&Asked { email: email.as_str().to_owned(), wants }, at)?)
}

/// Sends those emails, if there is a recipient.
pub struct EmailRequests(pub Arc<Repo>);

#[async_trait]
impl Worker for EmailRequests {
    fn kind(&self) -> &'static str {
        Asked::KIND
    }

    fn queue(&self) -> Queue {
        Asked::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Asked { email, wants } = job.read()?;
        let Ok(email) = Email::parse(email.into()) else { return Ok(()) };
        let ctx = ctx.clone();
        let written = self.0.db.write(move |tx| match wants {
            Wants::Reset => passwords::mail_reset(tx, &ctx, &email),
            Wants::Verify => verify::mail_again(tx, &ctx, &email),
            Wants::SignUp(sign_up) => sign_ups::mail_later(tx, &ctx, sign_up),
            Wants::Change(user) => verify::mail_later(tx, &ctx, user, &email),
        });
        written.await
    }

    /// A postponed email is not written if what it is about has expired.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, job: &Taken) -> bool {
        job.read::<Asked>().is_ok_and(|asked| matches!(asked.wants, Wants::SignUp(_) | Wants::Change(_)))
    }
}
