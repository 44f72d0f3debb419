//! How often signing in failed lately, at an account, from an address, and at the one from the other. The keys are
//! hashes: the table tells nobody who was tried.

use clowder_accounts::{
    model::username_key,
    throttle::{Failures, MEMORY, ThrottleFacts, may_try},
};
use clowder_core::{Ctx, Result, Timestamp, UserId};
use diesel::prelude::*;

use super::super::{db::Tx, dialect::Conn};
use crate::{
    keys::Keys,
    schema::{sessions, throttles},
};

/// Somebody tries to prove who they are.
#[derive(Clone)]
pub struct Attempt {
    now: Timestamp,
    user: Option<UserId>,
    from: Option<String>,
    account: Vec<u8>,
    pair: Vec<u8>,
    address: Vec<u8>,
}

impl Attempt {
    /// By the name that was typed, for accounts that may not exist; they are slowed down all the same.
    pub fn new(ctx: &Ctx, keys: &Keys, user: Option<UserId>, typed: &str) -> Self {
        let name = user.map_or_else(|| username_key(typed), |user| user.to_string());
        let from = ctx.origin.address.map(|address| address.to_string());
        let place = from.as_deref().unwrap_or_default();
        let key = |parts: [&str; 3]| keys.fingerprint(&parts.map(str::as_bytes)).to_vec();
        Self {
            now: ctx.now,
            user,
            account: key(["login", &name, ""]),
            pair: key(["login by", &name, place]),
            address: key(["login from", "", place]),
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
        let (Some(user), Some(from)) = (self.user, &self.from) else { return Ok(false) };
        let used = sessions::table.filter(sessions::user_id.eq(user).and(sessions::address.eq(from)));
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
        let own = throttles::table.filter(throttles::key.eq_any([&self.account, &self.pair]));
        diesel::delete(own).execute(tx.conn)?;
        Ok(())
    }
}

/// Forgets what has had its time.
pub fn sweep(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    Ok(diesel::delete(throttles::table.filter(throttles::last_at.le(now.minus(MEMORY)))).execute(tx.conn)?)
}
