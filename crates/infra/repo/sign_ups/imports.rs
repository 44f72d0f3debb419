//! Imports users from another system with their password hashes.

use clowder_accounts::{
    Change,
    model::{DisplayName, Imported, NewImport},
    refusals::{USERNAME_AWAITED, USERNAME_TAKEN},
    reserved::{Giver, may_give},
};
use clowder_core::{
    Card, Ctx, Result, UserId,
    audit::{Entry, Target},
};
use diesel::{dsl::exists, prelude::*};

use super::super::{
    accounts::{names, register},
    audit,
    credentials::sign_ups,
    db::Tx,
    dialect::Conn,
    journal,
};
use crate::{
    domains::accounts::{UserRow, users},
    hasher,
};

/// One transaction: notifications come last, in one order.
pub fn import(tx: &mut Tx<'_>, ctx: &Ctx, people: Vec<NewImport>) -> Result<Vec<Imported>> {
    names::lock(tx.conn, people.iter().map(|new| &new.username))?;
    let mut made = Vec::new();
    let imported = people.into_iter().map(|new| one(tx, ctx, new, &mut made)).collect::<Result<Vec<_>>>()?;
    let entries: Vec<_> =
        made.iter().map(|card: &Card| Entry::new("user.imported").on(Target::user(card.id))).collect();
    audit::record_all(tx, ctx, &entries)?;
    let changes: Vec<_> = made.into_iter().map(Change::UserRegistered).collect();
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())?;
    Ok(imported)
}

fn one(tx: &mut Tx<'_>, ctx: &Ctx, new: NewImport, made: &mut Vec<Card>) -> Result<Imported> {
    // A plain bcrypt hash is distinguished from ours by Django's prefix.
    let hash = new.password_hash;
    let hash = if hash.starts_with("$2") { format!("bcrypt${hash}") } else { hash };
    if !hasher::is_known(&hash) {
        return Ok(Imported::Refused("the password hash has an unknown format, or costs too much to verify"));
    }
    let (username_key, email_key) = (new.username.key(), new.email.key());
    let imported_as =
        tx.services.keys.fingerprint(&[b"imported", username_key.as_bytes(), email_key.as_bytes()]).to_vec();
    if is_here(tx.conn, &username_key, &email_key, &imported_as)? {
        return Ok(Imported::WasHere);
    }
    if let Err(reserved) = may_give(Giver::Operator, &new.username) {
        return Ok(Imported::Refused(reserved.title));
    }
    if names::is_taken(tx.conn, ctx.now, new.username.as_str())? {
        return Ok(Imported::Refused(USERNAME_TAKEN.title));
    }
    if sign_ups::has_name(tx.conn, ctx.now, &new.username)? {
        return Ok(Imported::Refused(USERNAME_AWAITED.title));
    }
    let name = (new.username.as_str().to_owned(), username_key);
    let row = UserRow {
        display_name: new.display_name.map_or_else(|| name.0.clone(), DisplayName::into_string),
        email_verified_at: new.email_verified.then_some(ctx.now),
        created_at: new.created_at.filter(|at| *at < ctx.now).unwrap_or(ctx.now),
        ..UserRow::new(UserId::new(ctx.now), name, (new.email.as_str().to_owned(), email_key), hash, ctx.now)
    };
    let values = (&row, users::imported_as.eq(imported_as));
    if diesel::insert_into(users::table).values(values).on_conflict_do_nothing().execute(tx.conn)? == 0 {
        return Ok(Imported::Refused(register::taken(tx.conn, &row)?.title));
    }
    names::claim(tx.conn, ctx.now, &row)?;
    made.push(row.own()?.card());
    Ok(Imported::Made)
}

/// Whether this user was imported before: as the file says, also if they have changed their name or address since.
fn is_here(conn: &mut Conn, username_key: &str, email_key: &str, imported_as: &[u8]) -> Result<bool> {
    let same = users::table.filter(users::username_key.eq(username_key).and(users::email_key.eq(email_key)));
    let imported = users::table.filter(users::imported_as.eq(imported_as));
    Ok(diesel::select(exists(same)).get_result::<bool>(conn)? || diesel::select(exists(imported)).get_result(conn)?)
}
