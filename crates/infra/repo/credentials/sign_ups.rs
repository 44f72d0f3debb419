//! Pending sign-ups: people who have to confirm their address or wait for approval.

use std::collections::BTreeSet;

use clowder_accounts::{
    Change, Email, NewAccount, Username,
    model::{InviteId, LOOK_VERSION, NextStep, SignUpId, Waiting, username_skeletons},
    policy::VERIFY_FOR,
    refusals::{LINK_GONE, PASSWORD_WRONG, USERNAME_TAKEN},
    sign_up::{APPROVE_FOR, CONFIRM_FOR, Steps},
};
use clowder_core::{
    Ctx, Field, Id, Result, Timestamp, UserId,
    audit::{Entry, Target},
};
use diesel::prelude::*;

use super::{
    super::{
        accounts::{names, register},
        audit,
        db::Tx,
        dialect::Conn,
        journal,
        sign_ups::invites,
    },
    mailed::{self, Purpose, Whose},
    verify,
};
use crate::{
    domains::{
        accounts::{UserRow, users},
        sign_ups::{SignUpRow, sign_up_claims as claims, sign_ups as table},
    },
    withheld::{EmailCall, TooManyEmails, Withheld},
};

/// Stores a sign-up. Whether it can ever become an account (`pretended` is false) shows only in the email.
pub fn wait(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    new: &NewAccount,
    password: String,
    steps: Steps,
    invite_id: Option<InviteId>,
    pretended: bool,
) -> Result<Waiting> {
    let row = SignUpRow {
        id: Id::new(ctx.now),
        username: new.username.as_str().to_owned(),
        username_key: new.username.key(),
        email: new.email.as_str().to_owned(),
        email_key: new.email.key(),
        password,
        display_name: register::display_name(new),
        pretended,
        invite_id,
        needs_approval: steps.approve,
        confirmed_at: (!steps.confirm).then_some(ctx.now),
        created_at: ctx.now,
        expires_at: steps.until(ctx.now),
    };
    // In one order, so that no two sign-ups wait for each other.
    for (past, _) in alike(tx.conn, &new.username)?.into_iter().filter(|(_, until)| *until <= ctx.now) {
        tx.deleted_text |= diesel::delete(table::table.find(past)).execute(tx.conn)? > 0;
    }
    let noted = diesel::insert_into(table::table).values(&row).on_conflict_do_nothing().execute(tx.conn)?;
    if noted == 0 {
        return Err(USERNAME_TAKEN.into());
    }
    claim(tx.conn, row.id, &new.username)?;
    if !steps.confirm {
        return Ok(Waiting { next: NextStep::AwaitApproval });
    }
    // If the address gets too many emails, the next one is sent later; the answer is the same.
    let is_sent = match verify::holder(tx.conn, &new.email)?.filter(|_| pretended) {
        Some(holder) if mailed::may_send(tx.conn, ctx.now, Purpose::Notice, &new.email).is_ok() => {
            verify::tell_holder(tx, ctx, holder, &new.email)?;
            true
        }
        Some(_) => false,
        None => verify::ask_in_time(tx, ctx, Whose::SignUp(row.id), &row.username, &new.email, CONFIRM_FOR)?,
    };
    // The same whether the address has an account (then nothing is sent) or not (then it is sent later).
    if !is_sent {
        tx.withheld.push(Withheld { call: EmailCall::SignUp, reason: TooManyEmails::Address });
    }
    Ok(Waiting { next: NextStep::ConfirmEmail })
}

/// The email for a pending sign-up that could not be sent at once.
pub fn mail_later(tx: &mut Tx<'_>, ctx: &Ctx, sign_up: SignUpId) -> Result<()> {
    let waits = table::table.find(sign_up).filter(table::confirmed_at.is_null().and(table::expires_at.gt(ctx.now)));
    let waits: Option<(String, String, Timestamp)> =
        waits.select((table::username, table::email, table::expires_at)).first(tx.conn).optional()?;
    let Some((username, email, expires_at)) = waits else { return Ok(()) };
    let Ok(email) = Email::parse(email.into()) else { return Ok(()) };
    verify::ask_in_time(tx, ctx, Whose::SignUp(sign_up), &username, &email, expires_at.since(ctx.now))?;
    Ok(())
}

/// The password hash of a pending sign-up.
pub fn password(conn: &mut Conn, now: Timestamp, sign_up: SignUpId) -> Result<Option<String>> {
    let waits = table::table.find(sign_up).filter(table::expires_at.gt(now));
    Ok(waits.select(table::password).first(conn).optional()?)
}

/// Another email for each sign-up with this address, at most five: nobody can push others out by signing up with their
/// address.
pub fn mail_again(tx: &mut Tx<'_>, ctx: &Ctx, email: &Email) -> Result<()> {
    const MOST: i64 = 5;
    let waiting: Vec<(SignUpId, String, Timestamp)> = table::table
        .filter(table::email_key.eq(email.key()).and(table::pretended.eq(false)))
        .filter(table::confirmed_at.is_null().and(table::expires_at.gt(ctx.now)))
        .select((table::id, table::username, table::expires_at))
        .order(table::id)
        .limit(MOST)
        .load(tx.conn)?;
    for (id, username, expires_at) in waiting {
        verify::ask(tx, ctx, Whose::SignUp(id), &username, email, expires_at.since(ctx.now))?;
    }
    Ok(())
}

/// Whether a pending sign-up has this name or a look-alike.
pub fn has_name(conn: &mut Conn, now: Timestamp, username: &Username) -> Result<bool> {
    Ok(alike(conn, username)?.into_iter().any(|(_, until)| until > now))
}

/// The sign-ups with a look-alike name and when they expire, including expired ones: by their claims, and by their key
/// if they predate claims.
fn alike(conn: &mut Conn, username: &Username) -> Result<Vec<(SignUpId, Timestamp)>> {
    let skeletons = username.skeletons();
    let claimed = claims::table.filter(claims::skeleton.eq_any(&skeletons)).select(claims::sign_up_id);
    let alike = table::table.filter(table::id.eq_any(claimed).or(table::username_key.eq_any(&skeletons)));
    Ok(alike.select((table::id, table::expires_at)).order(table::id).load(conn)?)
}

/// Claims all look-alikes of the name of a pending sign-up, always in one order; the claims are deleted with the
/// sign-up.
fn claim(conn: &mut Conn, sign_up: SignUpId, username: &Username) -> Result<()> {
    let skeletons = username.skeletons();
    if insert(conn, sign_up, &skeletons)? < skeletons.len() {
        return Err(USERNAME_TAKEN.into());
    }
    Ok(())
}

fn insert(conn: &mut Conn, sign_up: SignUpId, skeletons: &BTreeSet<String>) -> Result<usize> {
    let mut made = 0;
    for skeleton in skeletons {
        let claim = (claims::skeleton.eq(skeleton), claims::sign_up_id.eq(sign_up), claims::version.eq(LOOK_VERSION));
        made += diesel::insert_into(claims::table).values(claim).on_conflict_do_nothing().execute(conn)?;
    }
    Ok(made)
}

/// Claims the names of pending sign-ups by the current rule, in place of claims by an older one. Of several
/// look-alikes, the one that has waited longest gets the claim.
pub fn claim_waiting(conn: &mut Conn) -> Result<()> {
    let present = claims::table.filter(claims::sign_up_id.eq(table::id).and(claims::version.eq(LOOK_VERSION)));
    let missing = table::table.filter(diesel::dsl::not(diesel::dsl::exists(present)));
    let missing: Vec<(SignUpId, String)> = missing.select((table::id, table::username)).order(table::id).load(conn)?;
    for (sign_up, username) in missing {
        let skeletons = username_skeletons(&username);
        let past = claims::sign_up_id.eq(sign_up).or(claims::skeleton.eq_any(&skeletons));
        diesel::delete(claims::table.filter(claims::version.lt(LOOK_VERSION).and(past))).execute(conn)?;
        insert(conn, sign_up, &skeletons)?;
    }
    Ok(())
}

/// A pending sign-up confirms its address, with a password that matched this hash.
pub fn confirm(tx: &mut Tx<'_>, ctx: &Ctx, sign_up: SignUpId, proved: Option<&str>) -> Result<()> {
    let row: Option<SignUpRow> =
        table::table.find(sign_up).filter(table::expires_at.gt(ctx.now)).first(tx.conn).optional()?;
    let row = row.ok_or(LINK_GONE)?;
    if proved != Some(row.password.as_str()) {
        return Err(PASSWORD_WRONG.into());
    }
    if row.needs_approval {
        let confirmed = (table::confirmed_at.eq(ctx.now), table::expires_at.eq(ctx.now.plus(APPROVE_FOR)));
        diesel::update(table::table.find(sign_up)).set(confirmed).execute(tx.conn)?;
        return Ok(());
    }
    welcome(tx, ctx, row, Some(ctx.now), None)
}

/// Creates the account of a sign-up. If the address is not confirmed yet, the user is asked to, as for any new account.
pub fn welcome(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    row: SignUpRow,
    verified_at: Option<Timestamp>,
    approved: Option<Entry>,
) -> Result<()> {
    // From now on the invitation is used; until here a pending sign-up held it.
    invites::used(tx, row.invite_id)?;
    diesel::delete(table::table.find(row.id)).execute(tx.conn)?;
    let (name, email) = ((row.username, row.username_key), (row.email, row.email_key));
    let user = UserRow {
        display_name: row.display_name,
        email_verified_at: verified_at,
        ..UserRow::new(UserId::new(ctx.now), name, email, row.password, ctx.now)
    };
    if diesel::insert_into(users::table).values(&user).on_conflict_do_nothing().execute(tx.conn)? == 0 {
        return Err(register::taken(tx.conn, &user)?.into());
    }
    names::claim(tx.conn, ctx.now, &user)?;
    let own = user.own()?;
    let email = verify::email_of(&own)?;
    if verified_at.is_none() {
        match mailed::may_send(tx.conn, ctx.now, Purpose::Verify, &email) {
            Ok(()) => verify::ask(tx, ctx, Whose::User(own.id), &own.username, &email, VERIFY_FOR)?,
            Err(_) => tx.withheld.push(Withheld { call: EmailCall::SignUp, reason: TooManyEmails::Address }),
        }
    }
    let registered = Entry::new("user.registered").on(Target::user(own.id));
    audit::record_all(tx, ctx, &approved.into_iter().chain([registered]).collect::<Vec<_>>())?;
    journal::append(tx, ctx, &Change::UserRegistered(own.card()))
}
