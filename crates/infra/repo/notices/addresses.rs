//! To whom emails can be sent: to confirmed addresses from which they don't come back.

use std::collections::{BTreeSet, HashSet};

use clowder_core::{
    Ctx, Result, Timestamp, UserId,
    audit::{Entry, Target},
};
use clowder_notifications::{
    mail::{NoticeMailId, bounces},
    notices::MailStatus,
};
use diesel::{dsl::not, prelude::*};

use super::{
    super::{
        among::AmongIds,
        audit,
        db::Tx,
        dialect::{self, Conn},
        jobs::recipient,
        staff::search::is_suspended,
    },
    settle,
};
use crate::{
    domains::{
        accounts::users,
        notices::{NoticeAddressRow, NoticeMailRow, notice_addresses as table, notice_mails as mails},
    },
    keys::Keys,
};

/// Those of these people who can get emails about notifications.
pub fn reachable(tx: &mut Tx<'_>, people: &BTreeSet<UserId>) -> Result<HashSet<UserId>> {
    let confirmed = users::table
        .filter(users::id.among(people))
        .filter(users::email_verified_at.is_not_null())
        .filter(users::deleted_at.is_null().and(users::erase_at.is_null()))
        .select((users::id, users::email));
    let confirmed: Vec<(UserId, String)> = confirmed.load(tx.conn)?;
    let dead = table::table.filter(table::user_id.among(people).and(table::dead_at.is_not_null()));
    let dead: Vec<(UserId, Vec<u8>)> = dead.select((table::user_id, table::address)).load(tx.conn)?;
    let dead: HashSet<(UserId, Vec<u8>)> = dead.into_iter().collect();
    // An address is hashed only if its owner has had a dead one.
    let had: HashSet<UserId> = dead.iter().map(|(user, _)| *user).collect();
    let keys = &tx.services.keys;
    let is_alive = |user: UserId, email: &str| !had.contains(&user) || !dead.contains(&(user, recipient(keys, email)));
    Ok(confirmed.into_iter().filter(|(user, email)| is_alive(*user, email)).map(|(user, _)| user).collect())
}

/// The address of somebody who can get an email now: their name, and the address.
pub fn of(conn: &mut Conn, keys: &Keys, now: Timestamp, user: UserId) -> Result<Option<(String, String)>> {
    let confirmed = users::table
        .filter(users::id.eq(user))
        .filter(users::email_verified_at.is_not_null())
        .filter(users::deleted_at.is_null().and(users::erase_at.is_null()))
        .filter(not(is_suspended(now)))
        .select((users::display_name, users::email));
    let confirmed: Option<(String, String)> = confirmed.first(conn).optional()?;
    let Some((name, email)) = confirmed else { return Ok(None) };
    Ok(dead_since(conn, keys, user, &email)?.is_none().then_some((name, email)))
}

/// Since when emails to this address of theirs come back.
pub fn dead_since(conn: &mut Conn, keys: &Keys, user: UserId, email: &str) -> Result<Option<Timestamp>> {
    let known = table::table.find(user).filter(table::dead_at.is_not_null());
    let known: Option<(Vec<u8>, Option<Timestamp>)> =
        known.select((table::address, table::dead_at)).first(conn).optional()?;
    Ok(known.filter(|(address, _)| *address == recipient(keys, email)).and_then(|(_, dead_at)| dead_at))
}

pub fn status(conn: &mut Conn, keys: &Keys, user: UserId) -> Result<MailStatus> {
    let own = users::table.find(user).select((users::email, users::email_verified_at.is_not_null()));
    let (email, confirmed): (String, bool) = own.first(conn)?;
    Ok(MailStatus { confirmed, undeliverable_since: dead_since(conn, keys, user, &email)? })
}

/// Somebody has shown that they read what is sent to their address: whatever came back from it is forgotten.
pub fn proved(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    diesel::delete(table::table.find(user)).execute(tx.conn)?;
    Ok(())
}

/// An email has arrived: those that came back before it were not three in a row.
pub fn arrived(tx: &mut Tx<'_>, ctx: &Ctx, id: NoticeMailId) -> Result<()> {
    let Some(mail) = settle(tx, ctx, id, "sent")? else { return Ok(()) };
    diesel::delete(table::table.find(mail.user_id).filter(table::dead_at.is_null())).execute(tx.conn)?;
    Ok(())
}

/// An email has come back from this address.
pub fn bounced(tx: &mut Tx<'_>, ctx: &Ctx, id: NoticeMailId, address: &str, about_recipient: bool) -> Result<()> {
    let mail = mails::table.find(id).select(NoticeMailRow::as_select());
    let mail: Option<NoticeMailRow> = mail.first(tx.conn).optional()?;
    let Some(NoticeMailRow { user_id: user, .. }) = mail else { return Ok(()) };
    // Whoever writes what somebody has locks them first.
    dialect::accounts::lock_user(tx.conn, user)?;
    if settle(tx, ctx, id, "refused")?.is_none() || !about_recipient {
        return Ok(());
    }
    let own = users::table.find(user).filter(users::deleted_at.is_null()).select(users::email);
    let own: Option<String> = own.first(tx.conn).optional()?;
    let address = recipient(&tx.services.keys, address);
    // They have another one by now.
    if own.is_none_or(|own| recipient(&tx.services.keys, &own) != address) {
        return Ok(());
    }
    let known = table::table.find(user).select(NoticeAddressRow::as_select());
    let known: Option<NoticeAddressRow> = known.first(tx.conn).optional()?;
    let known = known.filter(|known| known.address == address);
    let (before, was_dead) = known.as_ref().map_or((0, None), |known| (known.bounces, known.dead_at));
    let (now, is_dead) = bounces::decide(before, known.is_some_and(|known| known.mail_id == id));
    let dead_at = was_dead.or(is_dead.then_some(ctx.now));
    let row = NoticeAddressRow { user_id: user, address, bounces: now, mail_id: id, dead_at };
    diesel::insert_into(table::table)
        .values(&row)
        .on_conflict(table::user_id)
        .do_update()
        .set(&row)
        .execute(tx.conn)?;
    if was_dead.is_none() && is_dead {
        metrics::counter!("clowder_mail_addresses_dead_total").increment(1);
        // By this, the inbox tells them.
        audit::record(tx, ctx, &Entry::new("email.undeliverable").on(Target::user(user)))?;
    }
    Ok(())
}
