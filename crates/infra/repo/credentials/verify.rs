//! Proving an address.

use std::time::Duration;

use clowder_accounts::{
    Change, Email, Own,
    model::{ChangeEmail, EmailLink, LinkPurpose},
    policy::{Ask, VERIFY_FOR, decide_change},
    refusals::{EMAIL_TAKEN, EMAIL_VERIFIED, LINK_GONE, PASSWORD_WRONG},
};
use clowder_core::{
    Ctx, Error, Result, Timestamp, UserId,
    audit::{Entry, Target},
};
use diesel::{
    prelude::*,
    result::{DatabaseErrorKind, Error as DieselError},
};
use serde_json::json;

use super::{
    super::{
        accounts::{profile, throttle::Sought},
        audit,
        db::Tx,
        dialect::{self, Conn},
        journal, notices, two_factor,
    },
    mailed::{self, Presented, Purpose, Whose},
    order_later, sign_ups,
};
use crate::{
    domains::accounts::{UserRow, users},
    emails::Recipient,
    withheld::{EmailCall, TooManyEmails, Withheld},
};

/// Sends an email to find out whether an address belongs to somebody; answering it confirms the address. The recipient
/// may be a stranger, so the email addresses them by the username, which can hardly carry a message.
pub fn ask(tx: &mut Tx<'_>, ctx: &Ctx, whose: Whose, username: &str, email: &Email, good_for: Duration) -> Result<()> {
    let token = mailed::issue(tx, ctx, Purpose::Verify, whose, email, good_for)?;
    let mail = tx.services.email_templates.verify_email(username, email.as_str(), &token, good_for)?;
    mailed::post_until(tx, ctx, whose, mail, ctx.now.plus(good_for))
}

fn ask_user(tx: &mut Tx<'_>, ctx: &Ctx, own: &Own, email: &Email) -> Result<()> {
    ask(tx, ctx, Whose::User(own.id), &own.username, email, VERIFY_FOR)
}

/// Sends it as soon as the address may get another email. Answers whether that is now.
pub fn ask_in_time(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    whose: Whose,
    username: &str,
    email: &Email,
    good_for: Duration,
) -> Result<bool> {
    match mailed::may_send(tx.conn, ctx.now, Purpose::Verify, email) {
        Ok(()) => ask(tx, ctx, whose, username, email, good_for).map(|()| true),
        Err(Error::TooMany { retry_after, .. }) => {
            order_later(tx, ctx, whose, email, ctx.now.plus(retry_after)).map(|()| false)
        }
        Err(error) => Err(error),
    }
}

/// The email to a user's new address, which could not be sent at once.
pub fn mail_later(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, email: &Email) -> Result<()> {
    let known = users::table.find(user).filter(users::deleted_at.is_null());
    let Some(row) = known.select(UserRow::as_select()).first(tx.conn).optional()? else { return Ok(()) };
    ask_in_time(tx, ctx, Whose::User(user), &row.username, email, VERIFY_FOR)?;
    Ok(())
}

/// What is needed to answer an email.
pub enum Asked {
    Token,
    /// If the server does not reveal which addresses are taken, whoever confirms an address must also know the chosen
    /// password: otherwise anybody could sign up with somebody else's address, whose owner then confirms it for them.
    Password {
        sought: Sought,
        user: Option<UserId>,
        hash: String,
    },
}

/// Checks a token without using it; `None` for one that never existed.
pub fn look(conn: &mut Conn, now: Timestamp, silent: bool, token: &str) -> Result<Option<Asked>> {
    let Some(presented) = mailed::find(conn, now, &[Purpose::Verify], token)? else { return Ok(None) };
    let presented = presented?;
    let asked = match (presented.sign_up_id, presented.user_id) {
        (Some(sign_up), _) => {
            let hash = sign_ups::password(conn, now, sign_up)?.ok_or(LINK_GONE)?;
            Asked::Password { sought: Sought::SignUp(sign_up.to_string()), user: None, hash }
        }
        (None, Some(user)) if silent => {
            let known = users::table.find(user).filter(users::deleted_at.is_null());
            let hash: Option<String> = known.select(users::password).first(conn).optional()?;
            Asked::Password { sought: Sought::User(user), user: Some(user), hash: hash.ok_or(LINK_GONE)? }
        }
        _ => Asked::Token,
    };
    Ok(Some(asked))
}

/// What a token is for, without using it; `None` for one that never existed.
pub fn link(conn: &mut Conn, now: Timestamp, silent: bool, token: &str) -> Result<Option<EmailLink>> {
    let purposes = &[Purpose::Verify, Purpose::Reset, Purpose::Handed];
    let Some(presented) = mailed::find(conn, now, purposes, token)? else { return Ok(None) };
    let presented = presented?;
    let (purpose, needs_password) = match presented.resets() {
        true => (LinkPurpose::Reset, false),
        false => (LinkPurpose::Verify, matches!(look(conn, now, silent, token)?, Some(Asked::Password { .. }))),
    };
    let Presented { email, expires_at, .. } = presented;
    Ok(Some(EmailLink { purpose, email, needs_password, expires_at }))
}

/// Another email for those who have yet to confirm this address, if it did not get too many already.
pub fn mail_again(tx: &mut Tx<'_>, ctx: &Ctx, email: &Email) -> Result<()> {
    if mailed::may_send(tx.conn, ctx.now, Purpose::Verify, email).is_err() {
        tx.withheld.push(Withheld { call: EmailCall::Verify, reason: TooManyEmails::Address });
        return Ok(());
    }
    let own = users::table.filter(users::email_key.eq(email.key()).and(users::email_verified_at.is_null()));
    let own: Option<UserRow> = own.select(UserRow::as_select()).first(tx.conn).optional()?;
    match own {
        Some(row) => ask_user(tx, ctx, &row.own()?, email),
        None => sign_ups::mail_again(tx, ctx, email),
    }
}

/// The email was answered, with a password that matched this hash if one is needed. Returns the profile if there is one
/// already.
pub fn answer(tx: &mut Tx<'_>, ctx: &Ctx, token: &str, proved: Option<&str>) -> Result<Option<Own>> {
    // The user is locked first, like everywhere.
    if let Some(user) = mailed::look(tx.conn, ctx.now, &[Purpose::Verify], token)?.user_id {
        dialect::accounts::lock_user(tx.conn, user)?;
    }
    let presented = mailed::take(tx, ctx, &[Purpose::Verify], token)?;
    if let Some(sign_up) = presented.sign_up_id {
        sign_ups::confirm(tx, ctx, sign_up, proved)?;
        return Ok(None);
    }
    let user = presented.user_id.ok_or(LINK_GONE)?;
    let password: Option<String> = users::table.find(user).select(users::password).first(tx.conn).optional()?;
    if proved.is_some_and(|proved| password.as_deref() != Some(proved)) {
        return Err(PASSWORD_WRONG.into());
    }
    let before: Option<String> = users::table.find(user).select(users::email).first(tx.conn).optional()?;
    let proved = (
        users::email.eq(&presented.email),
        users::email_key.eq(&presented.email_key),
        users::email_verified_at.eq(ctx.now),
        users::version.eq(users::version + 1),
    );
    let known = users::table.find(user).filter(users::deleted_at.is_null());
    let updated = diesel::update(known).set(proved).returning(UserRow::as_returning());
    let row: UserRow = updated.get_result(tx.conn).map_err(|error| match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => EMAIL_TAKEN.into(),
        DieselError::NotFound => LINK_GONE.into(),
        other => Error::from(other),
    })?;
    mailed::revoke(tx, ctx, &[Purpose::Verify], user)?;
    mailed::revoke_elsewhere(tx, ctx, user, &presented.email_key)?;
    notices::proved(tx, user)?;
    let own = row.own()?;
    profile::forget_earlier(tx, &own)?;
    let proved = Entry::new("email.verified").on(Target::user(user)).after(json!({"email": own.email}));
    audit::record(tx, ctx, &proved.before(json!({"email": before})))?;
    journal::append(tx, ctx, &Change::UserUpdated(Box::new(own.clone())))?;
    Ok(Some(own))
}

pub fn resend(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<()> {
    dialect::accounts::lock_user(tx.conn, ctx.user()?)?;
    let own = profile::own(tx.conn, ctx.user()?)?;
    // Whoever's emails came back shows in this way that they arrive again.
    let came_back = notices::dead_since(tx.conn, &tx.services.keys, own.id, &own.email)?;
    if own.email_verified && came_back.is_none() {
        return Err(EMAIL_VERIFIED.into());
    }
    let email = email_of(&own)?;
    mailed::cause(tx, ctx)?;
    mailed::may_send(tx.conn, ctx.now, Purpose::Verify, &email)?;
    ask_user(tx, ctx, &own, &email)
}

/// The password was verified. The address gets an email even if it has an account; then only its owner learns that,
/// unless this server reveals it anyway.
pub fn change(tx: &mut Tx<'_>, ctx: &Ctx, change: &ChangeEmail, reveal_taken: bool) -> Result<()> {
    let own = profile::own(tx.conn, ctx.user()?)?;
    if own.two_factor {
        two_factor::require_recent(tx.conn, ctx)?;
    }
    let holder = holder(tx.conn, &change.email)?.filter(|(holder, _)| *holder != own.id);
    let confirmed = own.email_verified && email_of(&own)? == change.email;
    let ask = decide_change(confirmed, holder.is_some(), reveal_taken)?;
    mailed::cause(tx, ctx)?;
    mailed::hold_mailboxes(tx.conn, &[&change.email, &email_of(&own)?])?;
    match holder.filter(|_| ask == Ask::Holder) {
        // Only the holder of the address learns how many emails it got.
        Some(holder) if mailed::may_send(tx.conn, ctx.now, Purpose::Notice, &change.email).is_ok() => {
            tell_holder(tx, ctx, holder, &change.email)?;
        }
        Some(_) => {}
        None if reveal_taken => {
            mailed::may_send(tx.conn, ctx.now, Purpose::Verify, &change.email)?;
            ask_user(tx, ctx, &own, &change.email)?;
        }
        None => {
            ask_in_time(tx, ctx, Whose::User(own.id), &own.username, &change.email, VERIFY_FOR)?;
        }
    }
    let notice = tx.services.email_templates.email_changing(&Recipient::of(&own), change.email.as_str())?;
    mailed::notify(tx, ctx, &own, &notice)?;
    let asked = Entry::new("email.change_asked").on(Target::user(own.id));
    audit::record(tx, ctx, &asked.after(json!({"email": change.email.as_str()})))
}

/// Tells the holder of an address that somebody wanted to create an account with it. This is stored like a token,
/// although there is none, so that the address gets a limited number of them.
pub fn tell_holder(tx: &mut Tx<'_>, ctx: &Ctx, (holder, name): (UserId, String), email: &Email) -> Result<()> {
    mailed::issue(tx, ctx, Purpose::Notice, Whose::User(holder), email, VERIFY_FOR)?;
    let mail = tx.services.email_templates.has_account(&Recipient { name, address: email.as_str().to_owned() })?;
    mailed::post(tx, ctx, Whose::User(holder), &mail)
}

/// The owner of an address, and their name.
pub fn holder(conn: &mut Conn, email: &Email) -> Result<Option<(UserId, String)>> {
    let holder = users::table.filter(users::email_key.eq(email.key())).select((users::id, users::display_name));
    Ok(holder.first(conn).optional()?)
}

/// A stored address: it was valid when it was stored.
pub fn email_of(own: &Own) -> Result<Email> {
    clowder_core::Field::parse(own.email.clone().into()).map_err(|_| Error::internal("a stored address is invalid"))
}
