//! Choosing a new password, with the present one or with a letter.

use clowder_accounts::{
    Change, Email, Own, Password, Username,
    model::{ResetLink, ResetPassword},
    policy::{RESET_FOR, may_use_password},
    refusals::LINK_GONE,
};
use clowder_core::{
    Ctx, Error, Field, Result, SessionId, UserId,
    audit::{Entry, Target},
};
use diesel::prelude::*;

use super::{
    super::{
        accounts::{profile, sessions, throttle::Attempt},
        audit,
        db::Tx,
        dialect::Conn,
        journal,
    },
    mailed::{self, Purpose, RESETS, Whose},
    verify,
};
use crate::{
    letters::Recipient,
    rows::UserRow,
    schema::{sessions as open, users},
};

/// The slow half of "forgot": a letter, if there is an account and it did not get too many already.
pub fn mail_reset(tx: &mut Tx<'_>, ctx: &Ctx, email: &Email) -> Result<()> {
    let user: Option<(UserId, String)> = users::table
        .filter(users::email_key.eq(email.key()).and(users::deleted_at.is_null()))
        .select((users::id, users::display_name))
        .first(tx.conn)
        .optional()?;
    let Some((user, name)) = user else { return Ok(()) };
    if mailed::may_send(tx.conn, ctx.now, Purpose::Reset, &email.key()).is_err() {
        return Ok(());
    }
    audit::record(tx, ctx, &Entry::new("password.reset_mailed").on(Target::user(user)))?;
    let token = mailed::issue(tx, ctx, Purpose::Reset, Whose::User(user), email, RESET_FOR)?;
    let to = Recipient { name, address: email.as_str().to_owned() };
    let mail = tx.house.letterhead.reset_password(&to, &token, RESET_FOR)?;
    mailed::post(tx, ctx, &mail)
}

/// What can be said before the slow work: the token is good, and the password may be used by whose it is.
pub fn look(conn: &mut Conn, ctx: &Ctx, reset: &ResetPassword) -> Result<()> {
    let presented = mailed::look(conn, ctx.now, RESETS, reset.token.expose())?;
    may_use(conn, presented.user_id.ok_or(LINK_GONE)?, &reset.new_password)
}

/// Holds a new password against the username it is for.
pub fn may_use(conn: &mut Conn, user: UserId, password: &Password) -> Result<()> {
    let name: String = users::table.find(user).select(users::username).first(conn)?;
    let name = Username::parse(name.into()).ok();
    may_use_password(password, name.as_ref()).map_err(|flaw| Error::Invalid(vec![flaw.at("/new_password")]))
}

/// Uses the token. Whoever reads the mail of the address has proved it, too; then the profile is given as it is now.
pub fn reset(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    attempt: impl Fn(UserId) -> Attempt,
    token: &str,
    hash: &str,
) -> Result<(Vec<SessionId>, Option<Own>)> {
    let presented = mailed::take(tx, ctx, RESETS, token)?;
    let user = presented.user_id.ok_or(LINK_GONE)?;
    let proved = if presented.was_mailed() { prove(tx, ctx, user, &presented.email_key)? } else { None };
    attempt(user).succeeded(tx)?;
    let ended = set(tx, ctx, user, hash, None)?;
    if let Some(own) = &proved {
        journal::append(tx, ctx, &Change::UserUpdated(own.clone()))?;
    }
    Ok((ended, proved))
}

/// Notes that an address is confirmed, if it is that of the account and was not before.
fn prove(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, email_key: &str) -> Result<Option<Own>> {
    let own = users::table.find(user).filter(users::email_key.eq(email_key));
    let proved: Option<UserRow> = diesel::update(own.filter(users::email_verified_at.is_null()))
        .set((users::email_verified_at.eq(ctx.now), users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)
        .optional()?;
    proved.map(UserRow::own).transpose()
}

/// Makes a link for somebody who cannot be reached by mail, to be handed over.
pub fn hand(tx: &mut Tx<'_>, ctx: &Ctx, own: &Own) -> Result<ResetLink> {
    audit::record(tx, ctx, &Entry::new("password.reset_link_made").on(Target::user(own.id)))?;
    let email = verify::email_of(own)?;
    let token = mailed::issue(tx, ctx, Purpose::Handed, Whose::User(own.id), &email, RESET_FOR)?;
    Ok(ResetLink { url: tx.house.letterhead.link("reset", &token), expires_at: ctx.now.plus(RESET_FOR) })
}

/// Sets a password, ends the sessions of the user but one, and tells them by mail. Other letters that are on their way
/// lose their worth: whoever had asked for another address with the old password does not get the account by it.
pub fn set(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, hash: &str, keep: Option<SessionId>) -> Result<Vec<SessionId>> {
    diesel::update(users::table.find(user)).set(users::password.eq(hash)).execute(tx.conn)?;
    let action = if keep.is_some() { "password.changed" } else { "password.reset" };
    audit::record(tx, ctx, &Entry::new(action).on(Target::user(user)))?;
    mailed::revoke(tx, ctx, RESETS, user)?;
    let own = profile::own(tx.conn, user)?;
    mailed::revoke_elsewhere(tx, ctx, user, &verify::email_of(&own)?.key())?;
    let to = Recipient { name: own.display_name, address: own.email };
    let mail = tx.house.letterhead.password_changed(&to)?;
    mailed::post(tx, ctx, &mail)?;
    let others: Vec<SessionId> = open::table
        .filter(open::user_id.eq(user).and(open::ended_at.is_null()))
        .select(open::id)
        .order(open::id)
        .load::<SessionId>(tx.conn)?
        .into_iter()
        .filter(|session| Some(*session) != keep)
        .collect();
    sessions::end_these(tx, ctx, user, &others)?;
    Ok(others)
}
