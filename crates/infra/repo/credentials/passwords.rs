//! Choosing a new password, with the current one or with an email.

use clowder_accounts::{
    Change, Email, Own, Password, Username,
    model::{ResetLink, ResetPassword},
    policy::{RESET_FOR, may_use_password},
    refusals::LINK_GONE,
};
use clowder_core::{
    Ctx, Error, Field, Result, UserId,
    audit::{Entry, Target},
};
use diesel::prelude::*;

use super::{
    super::{
        accounts::{
            access::{self, Ended},
            profile,
            sessions::{self, Which},
            throttle::{Attempt, Sought},
        },
        audit,
        db::Tx,
        dialect::{self, Conn},
        journal, notices, two_factor,
    },
    mailed::{self, Purpose, RESETS, Whose},
    verify,
};
use crate::{
    domains::accounts::{UserRow, users},
    emails::Recipient,
    keys::Keys,
};

/// The slow half of "forgot password": sends an email, if there is an account and it did not get too many already.
pub fn mail_reset(tx: &mut Tx<'_>, ctx: &Ctx, email: &Email) -> Result<()> {
    let user: Option<UserRow> = users::table
        .filter(users::email_key.eq(email.key()).and(users::deleted_at.is_null()))
        .select(UserRow::as_select())
        .first(tx.conn)
        .optional()?;
    let Some(own) = user.map(UserRow::own).transpose()? else { return Ok(()) };
    // Sent to the address as its owner spells it, and not as somebody else typed it.
    let email = &verify::email_of(&own)?;
    if mailed::may_send(tx.conn, ctx.now, Purpose::Reset, email).is_err() {
        return Ok(());
    }
    let token = mailed::issue(tx, ctx, Purpose::Reset, Whose::User(own.id), email, RESET_FOR)?;
    let mail = tx.services.email_templates.reset_password(&Recipient::of(&own), &token, RESET_FOR)?;
    mailed::post_until(tx, ctx, Whose::User(own.id), mail, ctx.now.plus(RESET_FOR))?;
    audit::record(tx, ctx, &Entry::new("password.reset_mailed").on(Target::user(own.id)))
}

/// The checks before the slow work: the token is valid, and the password is allowed for its owner. `None` for a token
/// that never existed.
pub fn look(conn: &mut Conn, ctx: &Ctx, reset: &ResetPassword) -> Result<Option<()>> {
    let Some(presented) = mailed::find(conn, ctx.now, RESETS, reset.token.expose())? else { return Ok(None) };
    may_use(conn, presented?.user_id.ok_or(LINK_GONE)?, &reset.new_password).map(Some)
}

/// Checks a new password against the rules and the username.
pub fn may_use(conn: &mut Conn, user: UserId, password: &Password) -> Result<()> {
    let name: String = users::table.find(user).select(users::username).first(conn)?;
    let name = Username::parse(name.into()).ok();
    may_use_password(password, name.as_ref()).map_err(|flaw| Error::Invalid(vec![flaw.at("/new_password")]))
}

/// Uses the token. This also proves the address, if the token was sent to it; then the updated profile is returned.
pub fn reset(tx: &mut Tx<'_>, ctx: &Ctx, keys: &Keys, token: &str, hash: &str) -> Result<(Ended, Option<Own>)> {
    // The user is locked first, like everywhere.
    let user = mailed::look(tx.conn, ctx.now, RESETS, token)?.user_id.ok_or(LINK_GONE)?;
    dialect::accounts::lock_user(tx.conn, user)?;
    sessions::hold(tx, user)?;
    // Earlier failures concerned the old password.
    Attempt::at(tx.conn, ctx, keys, &Sought::User(user), Some(user))?.forgive(tx)?;
    let presented = mailed::take(tx, ctx, RESETS, token)?;
    let row: UserRow = users::table.find(user).select(UserRow::as_select()).first(tx.conn)?;
    if row.email_key != presented.email_key {
        return Err(LINK_GONE.into());
    }
    let proved = if presented.was_mailed() { prove(tx, ctx, user)? } else { None };
    // If nobody had proved the address, a stranger may have set up the second factor.
    let removed = proved.is_some() && two_factor::remove(tx, user)?;
    let removed = removed.then(|| Entry::new("two_factor.removed").on(Target::user(user)));
    let ended = set(tx, ctx, user, hash, Which::All, true, removed)?;
    let proved = if proved.is_some() { Some(profile::own(tx.conn, user)?) } else { None };
    if let Some(own) = &proved {
        journal::append(tx, ctx, &Change::UserUpdated(Box::new(own.clone())))?;
    }
    Ok((ended, proved))
}

/// Marks the address as confirmed, if it was not before. Emails to it arrive.
fn prove(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<Option<Own>> {
    notices::proved(tx, user)?;
    let own = users::table.find(user).filter(users::email_verified_at.is_null());
    let proved: Option<UserRow> = diesel::update(own)
        .set((users::email_verified_at.eq(ctx.now), users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)
        .optional()?;
    proved.map(UserRow::own).transpose()
}

/// Creates a link that the operator hands over to somebody who cannot receive email.
pub fn hand(tx: &mut Tx<'_>, ctx: &Ctx, own: &Own) -> Result<ResetLink> {
    audit::record(tx, ctx, &Entry::new("password.reset_link_made").on(Target::user(own.id)))?;
    let email = verify::email_of(own)?;
    let token = mailed::issue(tx, ctx, Purpose::Handed, Whose::User(own.id), &email, RESET_FOR)?;
    Ok(ResetLink { url: tx.services.email_templates.link("reset", &token), expires_at: ctx.now.plus(RESET_FOR) })
}

/// Sets a password, ends the given access of the user, and notifies them by email. Pending tokens are invalidated:
/// somebody who requested another address with the old password must not take over the account.
pub fn set(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    hash: &str,
    which: Which,
    end_keys: bool,
    besides: Option<Entry>,
) -> Result<Ended> {
    diesel::update(users::table.find(user)).set(users::password.eq(hash)).execute(tx.conn)?;
    let own = profile::own(tx.conn, user)?;
    let ended = access::close(tx, ctx, user, which, end_keys)?;
    mailed::revoke(tx, ctx, RESETS, user)?;
    mailed::revoke_elsewhere(tx, ctx, user, &verify::email_of(&own)?.key())?;
    let is_reset = matches!(which, Which::All);
    let entry = if is_reset { Entry::new("password.reset") } else { Entry::new("password.changed") };
    let left = access::count_keys(tx, user)?;
    let mail = tx.services.email_templates.password_changed(&Recipient::of(&own), is_reset, left, ended.keys.len())?;
    mailed::notify(tx, ctx, &own, &mail)?;
    let entries: Vec<_> = [entry.on(Target::user(user))].into_iter().chain(besides).collect();
    audit::record_all(tx, ctx, &entries)?;
    access::tell(tx, ctx, user, &ended)?;
    Ok(ended)
}
