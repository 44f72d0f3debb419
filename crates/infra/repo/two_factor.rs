//! The second factor over the database. Checking a code locks the user's row, so that no code is accepted twice.

mod codes;
mod privacy;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::{
    Change, TwoFactor,
    refusals::{OTP_INVALID, OTP_REQUIRED, OTP_WRONG, SESSION_ENDED, TWO_FACTOR_OFF, TWO_FACTOR_ON},
    two_factor::{
        Disabling, Enabling, Enrolment, Guesses, Otp, Reauthentication, RecoveryCodes, good_steps, may_proceed,
    },
};
use clowder_core::{
    Ctx, Error, Refusal, Result, Timestamp, UserId,
    audit::{Entry, Target},
};
use diesel::prelude::*;
use serde_json::json;
use tracing::instrument;

use super::{
    Repo,
    accounts::profile,
    audit::{
        self,
        refusals::{self, Refused},
    },
    clock::{PRESENCE, SHOWN, never, when},
    credentials::{mailed, still},
    db::Tx,
    dialect::{self, Conn},
    domains::Domain,
    journal, user_keys,
};
use crate::{
    domains::{
        accounts::{UserRow, sessions, users},
        two_factor::{TwoFactorRow, recovery_codes, two_factor},
    },
    emails::Recipient,
    keys::Keys,
    seal::{Column, Place, Under},
    totp,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    sealed: &[TOTP_SECRET],
    times: &[
        never("recovery_codes.used_at", PRESENCE),
        never("two_factor.created_at", SHOWN),
        never("two_factor.enabled_at", PRESENCE),
        when!(AtOnce, two_factor.failed_at),
    ],
    ..Domain::NONE
};

const TOTP_SECRET: Column = Column::new("two_factor", "secret", "user_id", Under::UserKey);

/// The result of checking a code. A refusal comes with a write, so it is an outcome and not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    Right,
    Refused(Refusal),
}

/// A checked code, and what to write to the audit log once everything else that the transaction needs is locked.
pub struct Looked {
    pub came_to: Checked,
    user: UserId,
    entry: Option<Entry>,
}

impl Looked {
    const fn new(user: UserId, came_to: Checked, entry: Option<Entry>) -> Self {
        Self { came_to, user, entry }
    }

    /// A refusal is counted with others in its window.
    pub fn note(&self, tx: &mut Tx<'_>, ctx: &Ctx) -> Result<()> {
        match self.came_to {
            Checked::Refused(refusal) if refusal.code != OTP_REQUIRED.code => {
                refusals::note(tx, ctx, Refused::Otp, Some(self.user), Some(refusal.code))
            }
            _ => audit::record_all(tx, ctx, self.entry.as_slice()),
        }
    }
}

/// The second step of signing in, after the password was right; the user is locked. `None` for users without a second
/// factor. What it refuses is recorded in this transaction, which must be committed all the same.
pub fn sign_in(tx: &mut Tx<'_>, ctx: &Ctx, keys: &Keys, user: UserId, otp: Option<&Otp>) -> Result<Looked> {
    let Some(factor) = find(tx.conn, user)?.filter(|factor| factor.enabled_at.is_some()) else {
        return Ok(Looked::new(user, Checked::Right, None));
    };
    let Some(otp) = otp else { return Ok(Looked::new(user, Checked::Refused(OTP_REQUIRED), None)) };
    check(tx, ctx, keys, &factor, otp, OTP_INVALID)
}

/// Refuses sessions without a recent authentication. For everything that a stolen token must not do; must be called in
/// the transaction that does it, or before.
pub fn require_recent(conn: &mut Conn, ctx: &Ctx) -> Result<()> {
    // Another node may have ended it without this process knowing yet.
    let open = sessions::table.find(ctx.session()?).filter(sessions::ended_at.is_null());
    let authenticated_at: Option<Timestamp> = open.select(sessions::authenticated_at).first(conn).optional()?;
    Ok(may_proceed(ctx.now, authenticated_at.ok_or(SESSION_ENDED)?)?)
}

/// Refuses ended sessions, including those ended by another node without this process knowing yet. For writes that must
/// not slip in beside the end of all access: the user is locked.
pub fn require_open(conn: &mut Conn, ctx: &Ctx) -> Result<()> {
    let open = sessions::table.find(ctx.session()?).filter(sessions::ended_at.is_null());
    if diesel::select(diesel::dsl::exists(open)).get_result(conn)? { Ok(()) } else { Err(SESSION_ENDED.into()) }
}

/// Whether this session has a recent authentication.
pub fn is_recent(conn: &mut Conn, ctx: &Ctx) -> Result<bool> {
    match require_recent(conn, ctx) {
        Ok(()) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn find(conn: &mut Conn, user: UserId) -> Result<Option<TwoFactorRow>> {
    Ok(two_factor::table.find(user).select(TwoFactorRow::as_select()).first(conn).optional()?)
}

/// Accepts a code of the authenticator or a recovery code, once.
fn check(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    keys: &Keys,
    factor: &TwoFactorRow,
    otp: &Otp,
    refusal: Refusal,
) -> Result<Looked> {
    let guesses = Guesses { failures: factor.failures, failed_at: factor.failed_at };
    guesses.may_try(ctx.now)?;
    let user = factor.user_id;
    let own = two_factor::table.find(user);
    let secret = user_keys::find(tx.conn, &tx.services.ring, user)?
        .ok_or_else(|| Error::internal("a second factor without its user's key"))?
        .open(Place::new(TOTP_SECRET, user), &factor.secret)?;
    if let Some(step) = good_steps(ctx.now, factor.last_step).find(|step| totp::code(&secret, *step) == otp.expose()) {
        let right = (
            two_factor::last_step.eq(step),
            two_factor::failures.eq(0_i64),
            two_factor::failed_at.eq(None::<Timestamp>),
        );
        diesel::update(own).set(right).execute(tx.conn)?;
        return Ok(Looked::new(user, Checked::Right, None));
    }
    if factor.enabled_at.is_some() && codes::take(tx.conn, ctx, keys, user, otp)? {
        diesel::update(own)
            .set((two_factor::failures.eq(0_i64), two_factor::failed_at.eq(None::<Timestamp>)))
            .execute(tx.conn)?;
        let used = Entry::new("recovery_code.used").on(Target::user(user));
        let left = codes::left(tx.conn, user)?;
        return Ok(Looked::new(user, Checked::Right, Some(used.after(json!({"left": left})))));
    }
    let Guesses { failures, failed_at } = guesses.failed(ctx.now);
    diesel::update(own)
        .set((two_factor::failures.eq(failures), two_factor::failed_at.eq(failed_at)))
        .execute(tx.conn)?;
    Ok(Looked::new(user, Checked::Refused(refusal), None))
}

#[async_trait]
impl TwoFactor for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn setup(&self, ctx: &Ctx) -> Result<Enrolment> {
        let caller = ctx.clone();
        let (secret, username) = self.db.write(move |tx| setup(tx, &caller)).await?;
        totp::enrolment(&secret, &self.deps.options.email_templates.sender, &username)
    }

    #[instrument(level = "debug", skip_all)]
    async fn enable(&self, ctx: &Ctx, enabling: Enabling) -> Result<RecoveryCodes> {
        let (ctx, keys) = (ctx.clone(), Arc::clone(&self.deps.keys));
        let (own, codes) = settled(self.db.write(move |tx| enable(tx, &ctx, &keys, &enabling.otp)).await?)?;
        self.deps.memory.profiles.keep(&own);
        Ok(codes)
    }

    #[instrument(level = "debug", skip_all)]
    async fn disable(&self, ctx: &Ctx, disabling: Disabling) -> Result<()> {
        let proved = self.prove_password(ctx, &disabling.password).await?;
        let (ctx, keys) = (ctx.clone(), Arc::clone(&self.deps.keys));
        let disabled = self.db.write(move |tx| {
            still(tx, &proved)?;
            disable(tx, &ctx, &keys, &disabling.otp)
        });
        let own = settled(disabled.await?)?;
        self.deps.memory.profiles.keep(&own);
        Ok(())
    }

    #[instrument(level = "debug", skip_all)]
    async fn renew_codes(&self, ctx: &Ctx) -> Result<RecoveryCodes> {
        let (ctx, keys) = (ctx.clone(), Arc::clone(&self.deps.keys));
        self.db
            .write(move |tx| {
                let user = ctx.user()?;
                dialect::accounts::lock_user(tx.conn, user)?;
                require_recent(tx.conn, &ctx)?;
                let factor = find(tx.conn, user)?.filter(|factor| factor.enabled_at.is_some());
                factor.ok_or(TWO_FACTOR_OFF)?;
                let codes = codes::renew(tx.conn, &keys, user)?;
                audit::record(tx, &ctx, &Entry::new("recovery_codes.renewed").on(Target::user(user)))?;
                Ok(codes)
            })
            .await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reauthenticate(&self, ctx: &Ctx, again: Reauthentication) -> Result<()> {
        ctx.session()?;
        let proved = self.prove_password(ctx, &again.password).await?;
        let (ctx, keys) = (ctx.clone(), Arc::clone(&self.deps.keys));
        let shown = self.db.write(move |tx| {
            still(tx, &proved)?;
            reauthenticate(tx, &ctx, &keys, again.otp.as_ref())
        });
        settled(shown.await?)
    }
}

/// The outcome of a transaction that may refuse and yet has something to commit.
type Settled<T> = std::result::Result<T, Refusal>;

fn settled<T>(settled: Settled<T>) -> Result<T> {
    Ok(settled?)
}

/// Stores a new secret; returns it, and the name of the account.
fn setup(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<(Vec<u8>, String)> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    require_recent(tx.conn, ctx)?;
    let earlier = find(tx.conn, user)?;
    if earlier.as_ref().is_some_and(|factor| factor.enabled_at.is_some()) {
        return Err(TWO_FACTOR_ON.into());
    }
    let username: String = users::table.find(user).select(users::username).first(tx.conn)?;
    let secret = totp::fresh_secret()?;
    let sealed = user_keys::of(tx, ctx, user)?.seal(Place::new(TOTP_SECRET, user), &secret)?;
    // The failures stay: a new secret must not allow more guesses.
    let guesses = earlier.map_or(Guesses::default(), |f| Guesses { failures: f.failures, failed_at: f.failed_at });
    let row = TwoFactorRow {
        user_id: user,
        secret: sealed,
        created_at: ctx.now,
        enabled_at: None,
        last_step: 0,
        failures: guesses.failures,
        failed_at: guesses.failed_at,
    };
    diesel::delete(two_factor::table.find(user)).execute(tx.conn)?;
    diesel::insert_into(two_factor::table).values(&row).execute(tx.conn)?;
    audit::record(tx, ctx, &Entry::new("two_factor.prepared").on(Target::user(user)))?;
    Ok((secret.to_vec(), username))
}

fn enable(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    keys: &Keys,
    otp: &Otp,
) -> Result<Settled<(clowder_accounts::Own, RecoveryCodes)>> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    require_open(tx.conn, ctx)?;
    let factor = find(tx.conn, user)?.ok_or(TWO_FACTOR_OFF)?;
    if factor.enabled_at.is_some() {
        return Err(TWO_FACTOR_ON.into());
    }
    let looked = check(tx, ctx, keys, &factor, otp, OTP_WRONG)?;
    looked.note(tx, ctx)?;
    if let Checked::Refused(refusal) = looked.came_to {
        return Ok(Err(refusal));
    }
    diesel::update(two_factor::table.find(user)).set(two_factor::enabled_at.eq(ctx.now)).execute(tx.conn)?;
    let codes = codes::renew(tx.conn, keys, user)?;
    Ok(Ok((switch(tx, ctx, user, Some(ctx.now), Entry::new("two_factor.enabled"))?, codes)))
}

fn disable(tx: &mut Tx<'_>, ctx: &Ctx, keys: &Keys, otp: &Otp) -> Result<Settled<clowder_accounts::Own>> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let factor = find(tx.conn, user)?.filter(|factor| factor.enabled_at.is_some()).ok_or(TWO_FACTOR_OFF)?;
    let looked = check(tx, ctx, keys, &factor, otp, OTP_WRONG)?;
    looked.note(tx, ctx)?;
    if let Checked::Refused(refusal) = looked.came_to {
        return Ok(Err(refusal));
    }
    remove(tx, user)?;
    Ok(Ok(switch(tx, ctx, user, None, Entry::new("two_factor.disabled"))?))
}

/// Removes a second factor with its recovery codes, even if it was never enabled; the user is locked. Returns whether
/// it was enabled.
pub fn remove(tx: &mut Tx<'_>, user: UserId) -> Result<bool> {
    diesel::delete(two_factor::table.find(user)).execute(tx.conn)?;
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user))).execute(tx.conn)?;
    let counted = users::table.find(user).filter(users::two_factor_at.is_not_null());
    Ok(diesel::update(counted).set(users::two_factor_at.eq(None::<Timestamp>)).execute(tx.conn)? == 1)
}

/// At the operator's request; the user is locked.
pub fn remove_for(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<clowder_accounts::Own> {
    if !remove(tx, user)? {
        return Err(TWO_FACTOR_OFF.into());
    }
    let own = profile::own(tx.conn, user)?;
    let mail = tx.services.email_templates.second_factor_removed(&Recipient::of(&own))?;
    mailed::notify(tx, ctx, &own, &mail)?;
    switch(tx, ctx, user, None, Entry::new("two_factor.removed"))
}

/// Stores in the profile whether there is a second factor, and appends the change.
fn switch(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    at: Option<Timestamp>,
    entry: Entry,
) -> Result<clowder_accounts::Own> {
    let row: UserRow = diesel::update(users::table.find(user))
        .set((users::two_factor_at.eq(at), users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)?;
    let own = row.own()?;
    audit::record(tx, ctx, &entry.on(Target::user(user)))?;
    journal::append(tx, ctx, &Change::UserUpdated(Box::new(own.clone())))?;
    Ok(own)
}

fn reauthenticate(tx: &mut Tx<'_>, ctx: &Ctx, keys: &Keys, otp: Option<&Otp>) -> Result<Settled<()>> {
    let (user, session) = (ctx.user()?, ctx.session()?);
    dialect::accounts::lock_user(tx.conn, user)?;
    // Both rows come before the audit log.
    dialect::accounts::lock_session(tx.conn, session)?;
    if let Some(factor) = find(tx.conn, user)?.filter(|factor| factor.enabled_at.is_some()) {
        let otp = otp.ok_or_else(|| {
            Error::field("/otp", "required", "is required: the account uses two-factor authentication")
        })?;
        let looked = check(tx, ctx, keys, &factor, otp, OTP_WRONG)?;
        looked.note(tx, ctx)?;
        if let Checked::Refused(refusal) = looked.came_to {
            return Ok(Err(refusal));
        }
    }
    let open = sessions::table.find(session).filter(sessions::ended_at.is_null());
    if diesel::update(open).set(sessions::authenticated_at.eq(ctx.now)).execute(tx.conn)? == 0 {
        return Err(SESSION_ENDED.into());
    }
    audit::record(tx, ctx, &Entry::new("session.reauthenticated").on(Target::session(session)))?;
    Ok(Ok(()))
}
