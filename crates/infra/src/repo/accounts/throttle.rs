//! How often signing in failed lately, at an account, from an address, and at the one from the other. The keys are
//! hashes: the table tells nobody who was tried.

use clowder_accounts::{
    Email,
    model::username_key,
    throttle::{Failures, MEMORY, ThrottleFacts, may_try},
};
use clowder_core::{Ctx, Field, Result, Timestamp, UserId};
use diesel::prelude::*;

use super::super::{db::Tx, dialect::Conn, upkeep::PIECE};
use crate::{
    keys::Keys,
    schema::{sessions, throttles},
};

/// What somebody typed to say who they are, as it is looked up. Failures are counted under just that, whether it leads to
/// an account or not: otherwise two spellings, or an address and a username, could be held against each other.
#[derive(Clone)]
pub enum Sought {
    Username(String),
    Email(String),
    /// Somebody who is signed in shows it again.
    User(UserId),
}

impl Sought {
    pub fn typed(text: &str) -> Self {
        if !text.contains('@') {
            return Self::Username(username_key(text));
        }
        Self::Email(Email::parse(text.into()).map_or_else(|_| text.to_lowercase(), |email| email.key()))
    }
}

/// Somebody tries to prove who they are.
#[derive(Clone)]
pub struct Attempt {
    now: Timestamp,
    user: Option<UserId>,
    /// The address, and the place that it belongs to.
    from: Option<(String, String)>,
    account: Vec<u8>,
    pair: Vec<u8>,
    address: Vec<u8>,
}

impl Attempt {
    /// `user` is whom it leads to; accounts that do not exist are slowed down all the same.
    pub fn new(ctx: &Ctx, keys: &Keys, sought: &Sought, user: Option<UserId>) -> Self {
        let name = match sought {
            Sought::Username(name) => format!("name {name}"),
            Sought::Email(email) => format!("mail {email}"),
            Sought::User(user) => format!("user {user}"),
        };
        let from = ctx.origin.address.zip(ctx.origin.place());
        let from = from.map(|(address, place)| (address.to_string(), place.to_string()));
        let place = from.as_ref().map_or("", |(_, place)| place);
        let hour = (ctx.now.as_seconds() / MEMORY.as_secs() as i64).to_string();
        let key = |parts: [&str; 3]| keys.fingerprint(&parts.map(str::as_bytes)).to_vec();
        Self {
            now: ctx.now,
            user,
            account: key(["login", &name, ""]),
            pair: key(["login by", &name, place]),
            address: key(["login from", &hour, place]),
            from,
        }
    }

    /// Whether it may be made now.
    pub fn may_be_made(&self, conn: &mut Conn) -> Result<()> {
        let found: Vec<(Vec<u8>, i32, Timestamp)> =
            throttles::table.filter(throttles::key.eq_any([&self.account, &self.pair, &self.address])).load(conn)?;
        let failures = |key: &[u8]| {
            let row = found.iter().find(|(found, ..)| found == key);
            row.map_or_else(Failures::default, |(_, count, at)| Failures { count: *count, last_at: Some(*at) })
        };
        let facts = ThrottleFacts {
            pair: failures(&self.pair),
            account: failures(&self.account),
            // Calls without an address come from inside.
            address: if self.from.is_some() { failures(&self.address) } else { Failures::default() },
            known: !found.is_empty() && self.is_known(conn)?,
        };
        may_try(self.now, &facts)
    }

    /// Whether the account has been used from here.
    fn is_known(&self, conn: &mut Conn) -> Result<bool> {
        let (Some(user), Some((address, place))) = (self.user, &self.from) else { return Ok(false) };
        let here = sessions::opened_from.eq(place).or(sessions::address.eq(address));
        let used = sessions::table.filter(sessions::user_id.eq(user)).filter(here);
        Ok(diesel::select(diesel::dsl::exists(used)).get_result(conn)?)
    }

    pub fn failed(&self, tx: &mut Tx<'_>) -> Result<()> {
        let keys = [&self.account, &self.pair, &self.address];
        let forgotten =
            throttles::table.filter(throttles::key.eq_any(keys)).filter(throttles::last_at.le(self.now.minus(MEMORY)));
        diesel::delete(forgotten).execute(tx.conn)?;
        // In one order, so that two failures at once do not wait for each other for ever.
        let mut keys = keys;
        keys.sort();
        for key in keys {
            diesel::insert_into(throttles::table)
                .values((throttles::key.eq(key), throttles::failures.eq(1), throttles::last_at.eq(self.now)))
                .on_conflict(throttles::key)
                .do_update()
                .set((throttles::failures.eq(throttles::failures + 1), throttles::last_at.eq(self.now)))
                .execute(tx.conn)?;
        }
        Ok(())
    }

    /// Right after all. The failures of the address stay: whoever has one account of their own could otherwise wipe
    /// out the traces of guessing at others.
    pub fn succeeded(&self, tx: &mut Tx<'_>) -> Result<()> {
        let mut own = [&self.account, &self.pair];
        own.sort();
        for key in own {
            diesel::delete(throttles::table.find(key)).execute(tx.conn)?;
        }
        Ok(())
    }
}

/// Forgets what has had its time.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    let past = throttles::table.filter(throttles::last_at.le(now.minus(MEMORY)));
    let past: Vec<Vec<u8>> = past.select(throttles::key).limit(PIECE).load(tx.conn)?;
    Ok(diesel::delete(throttles::table.filter(throttles::key.eq_any(past))).execute(tx.conn)?)
}
