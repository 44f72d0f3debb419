//! Counts recent failed attempts: at an account, from a place, and at an account from a place. An attempt is counted
//! before the slow work and uncounted if it was right. The keys are hashes, so the table does not reveal who was tried.

use clowder_accounts::{
    Email,
    model::username_key,
    throttle::{Failures, MEMORY, ThrottleFacts, may_try},
};
use clowder_core::{Ctx, Field, Result, Timestamp, UserId};
use diesel::prelude::*;

use super::super::{Repo, db::Tx, dialect::Conn, upkeep::forget};
use crate::{
    domains::{accounts::sessions, credentials::throttles},
    keys::Keys,
};

/// The login name that was typed, normalised for lookup.
#[derive(Clone)]
pub enum Sought {
    Username(String),
    Email(String),
    /// A signed-in user who authenticates again.
    User(UserId),
    /// A pending sign-up, by its id.
    SignUp(String),
}

impl Sought {
    pub fn typed(text: &str) -> Self {
        if !text.contains('@') {
            return Self::Username(username_key(text));
        }
        Self::Email(Email::parse(text.into()).map_or_else(|_| text.to_lowercase(), |email| email.key()))
    }
}

/// An attempt before it begins.
#[derive(Clone)]
pub struct Attempt {
    now: Timestamp,
    account: Option<Vec<u8>>,
    pair: Option<Vec<u8>>,
    address: Option<Vec<u8>>,
    /// Whether the account was used from this place before.
    known: bool,
}

/// An attempt that has been counted.
#[derive(Clone)]
pub struct Begun {
    attempt: Attempt,
    /// What was counted, and when the previous failure was.
    counted: Vec<(Vec<u8>, Option<Timestamp>)>,
}

impl Attempt {
    /// At an account. `user` is the account it leads to: failures are counted there, for every name and endpoint.
    /// Attempts at accounts that do not exist are counted under the typed name, and are slowed down as well.
    pub fn at(conn: &mut Conn, ctx: &Ctx, keys: &Keys, sought: &Sought, user: Option<UserId>) -> Result<Self> {
        let name = match (user, sought) {
            (Some(user), _) => format!("user {user}"),
            (None, Sought::User(user)) => format!("user {user}"),
            (None, Sought::Username(name)) => format!("name {name}"),
            (None, Sought::Email(email)) => format!("mail {email}"),
            (None, Sought::SignUp(sign_up)) => format!("sign-up {sign_up}"),
        };
        let place = ctx.origin.place().map(|place| place.to_string()).unwrap_or_default();
        let key = |parts: [&str; 3]| keys.fingerprint(&parts.map(str::as_bytes)).to_vec();
        let known = match user {
            Some(user) => is_known(conn, ctx, user)?,
            None => false,
        };
        Ok(Self {
            account: Some(key(["login", &name, ""])),
            pair: Some(key(["login by", &name, &place])),
            known,
            ..Self::from_place(ctx, keys)
        })
    }

    /// At a secret that identifies an account by itself. Calls without an address are internal and not counted.
    pub fn from_place(ctx: &Ctx, keys: &Keys) -> Self {
        let hour = (ctx.now.as_seconds() / MEMORY.as_secs() as i64).to_string();
        let place = ctx.origin.place().map(|place| place.to_string());
        let address = place.map(|place| keys.fingerprint(&["login from", &hour, &place].map(str::as_bytes)).to_vec());
        Self { now: ctx.now, account: None, pair: None, address, known: false }
    }

    /// The things that need a turn, so that right attempts do not delay each other by being counted: always in this
    /// order. One place does not delay another.
    pub fn turns(&self) -> Vec<Vec<u8>> {
        self.pair.iter().chain(self.address.iter().filter(|_| !self.known)).cloned().collect()
    }

    /// The keys whose failures delay this attempt, in the order in which they are locked.
    fn judged(&self) -> Vec<Vec<u8>> {
        let others = [&self.account, &self.address].into_iter().flatten().filter(|_| !self.known);
        let mut keys: Vec<_> = self.pair.iter().chain(others).cloned().collect();
        keys.sort();
        keys
    }

    /// Whether the attempt may be made now, as far as can be said without writing: many guesses that have to wait cost
    /// only reads. [`Attempt::begin`] makes the final decision.
    pub fn may_be_made(&self, conn: &mut Conn) -> Result<()> {
        let found: Vec<(Vec<u8>, i32, Timestamp)> =
            throttles::table.filter(throttles::key.eq_any(self.judged())).load(conn)?;
        if found.iter().any(|(_, _, last_at)| *last_at > self.now) {
            return Ok(());
        }
        may_try(
            self.now,
            &self.facts(|key| {
                let row = found.iter().find(|(found, ..)| found == key);
                row.map_or_else(Failures::default, |(_, count, at)| Failures { count: *count, last_at: Some(*at) })
            }),
        )
    }

    fn facts(&self, failures: impl Fn(&Vec<u8>) -> Failures) -> ThrottleFacts {
        let of = |key: &Option<Vec<u8>>| key.as_ref().map(&failures).unwrap_or_default();
        ThrottleFacts {
            pair: of(&self.pair),
            account: of(&self.account),
            address: of(&self.address),
            known: self.known,
        }
    }

    /// Counts the attempt, if it may be made. A refusal is an outcome and not an error, because corrections of future
    /// times are committed with it.
    pub fn begin(self, tx: &mut Tx<'_>) -> Result<Result<Begun>> {
        let mut held = Vec::new();
        for key in self.judged() {
            // Adding locks the row: each of several concurrent attempts sees those counted before it.
            let (count, last_at): (i32, Timestamp) = diesel::insert_into(throttles::table)
                .values((throttles::key.eq(&key), throttles::failures.eq(1), throttles::last_at.eq(self.now)))
                .on_conflict(throttles::key)
                .do_update()
                .set(throttles::failures.eq(throttles::failures + 1))
                .returning((throttles::failures, throttles::last_at))
                .get_result(tx.conn)?;
            let forgotten = count <= 1 || self.now.since(last_at) >= MEMORY;
            let before =
                if forgotten { Failures::default() } else { Failures { count: count - 1, last_at: Some(last_at) } };
            held.push((key, before));
        }
        let facts = self.facts(|key| held.iter().find(|(held, _)| held == key).map(|(_, f)| *f).unwrap_or_default());
        let verdict = may_try(self.now, &facts);
        for (key, before) in &held {
            let (count, last_at) = match &verdict {
                Ok(()) => (before.count + 1, self.now),
                Err(_) => (before.count, before.last_at.unwrap_or(self.now).min(self.now)),
            };
            put(tx, key, count, last_at)?;
        }
        let counted = held.into_iter().map(|(key, before)| (key, before.last_at)).collect();
        Ok(verdict.map(|()| Begun { attempt: self, counted }))
    }

    /// Forgets the failures at the account, and those from here at it.
    pub fn forgive(&self, tx: &mut Tx<'_>) -> Result<()> {
        let mut own: Vec<_> = [&self.account, &self.pair].into_iter().flatten().collect();
        own.sort();
        for key in own {
            diesel::delete(throttles::table.find(key)).execute(tx.conn)?;
        }
        Ok(())
    }
}

impl Begun {
    /// A wrong attempt stays counted, now also if it did not have to wait.
    pub fn failed(&self, tx: &mut Tx<'_>) -> Result<()> {
        let Attempt { now, account, pair, address, .. } = &self.attempt;
        let all = [account, pair, address].into_iter().flatten();
        let mut others: Vec<_> = all.filter(|key| !self.counted.iter().any(|(counted, _)| counted == *key)).collect();
        others.sort();
        for key in others {
            let past = throttles::table.find(key).filter(throttles::last_at.le(now.minus(MEMORY)));
            diesel::delete(past).execute(tx.conn)?;
            diesel::insert_into(throttles::table)
                .values((throttles::key.eq(key), throttles::failures.eq(1), throttles::last_at.eq(now)))
                .on_conflict(throttles::key)
                .do_update()
                .set((throttles::failures.eq(throttles::failures + 1), throttles::last_at.eq(now)))
                .execute(tx.conn)?;
        }
        Ok(())
    }

    /// A right attempt is uncounted. The failures of the place stay: otherwise somebody with an account could erase the
    /// traces of guessing at others.
    pub fn succeeded(&self, tx: &mut Tx<'_>) -> Result<()> {
        let own = [&self.attempt.account, &self.attempt.pair];
        let is_own = |key: &[u8]| own.iter().any(|own| own.as_deref() == Some(key));
        let counted = self.counted.iter().filter(|(key, _)| !is_own(key)).map(|(key, before)| (key, Some(before)));
        let forgotten = own.into_iter().flatten().map(|key| (key, None));
        let mut rows: Vec<_> = counted.chain(forgotten).collect();
        rows.sort_by_key(|(key, _)| *key);
        for (key, before) in rows {
            match before {
                Some(before) => self.take_one_back(tx, key, *before)?,
                None => drop(diesel::delete(throttles::table.find(key)).execute(tx.conn)?),
            }
        }
        Ok(())
    }

    /// Uncounts an attempt that failed for other reasons.
    pub fn take_back(&self, tx: &mut Tx<'_>) -> Result<()> {
        self.counted.iter().try_for_each(|(key, before)| self.take_one_back(tx, key, *before))
    }

    fn take_one_back(&self, tx: &mut Tx<'_>, key: &[u8], before: Option<Timestamp>) -> Result<()> {
        let row = throttles::table.find(key);
        diesel::update(row).set(throttles::failures.eq(throttles::failures - 1)).execute(tx.conn)?;
        match before {
            // Unless somebody else has failed since.
            Some(before) => diesel::update(row.filter(throttles::last_at.eq(self.attempt.now)))
                .set(throttles::last_at.eq(before))
                .execute(tx.conn)?,
            None => diesel::delete(row.filter(throttles::failures.le(0))).execute(tx.conn)?,
        };
        Ok(())
    }
}

impl Repo {
    /// Counts an attempt, or says how long to wait.
    pub(in super::super) async fn begin(&self, attempt: Attempt) -> Result<Begun> {
        // Not before its turn: attempts in progress are counted, and may turn out right.
        let same = attempt.clone();
        self.db.read(move |conn| same.may_be_made(conn)).await?;
        self.db.write(move |tx| attempt.clone().begin(tx)).await?
    }

    /// Uncounts an attempt that failed for an internal reason. If that fails, too, it stays counted.
    pub(in super::super) async fn take_back(&self, begun: Begun) {
        if let Err(error) = self.db.write(move |tx| begun.take_back(tx)).await {
            tracing::warn!(%error, "cannot uncount an attempt that failed for an internal reason");
        }
    }

    /// Looks up a secret that is too long to guess: an invitation, a ticket, a token from an email. The lookup is
    /// counted for its place before it is made, and uncounted unless it finds nothing; `None` means that.
    pub(in super::super) async fn seek<T: Send + 'static>(
        &self,
        ctx: &Ctx,
        look: impl Fn(&mut Conn) -> Result<Option<T>> + Send + 'static,
    ) -> Result<Option<T>> {
        let attempt = Attempt::from_place(ctx, &self.deps.keys);
        // Calls from one place wait here, and not for a row lock that would occupy a connection.
        let looked = self.turns.hold(attempt.turns(), async {
            let same = attempt.clone();
            self.db.read(move |conn| same.may_be_made(conn)).await?;
            let looked = self.db.write(move |tx| {
                let begun = match attempt.clone().begin(tx)? {
                    Ok(begun) => begun,
                    Err(refused) => return Ok(Err(refused)),
                };
                // A refusal rolls the count back: the secret exists, but is not valid for this.
                let found = look(tx.conn)?;
                if found.is_some() {
                    begun.take_back(tx)?;
                }
                Ok(Ok(found))
            });
            looked.await?
        });
        looked.await
    }
}

fn put(tx: &mut Tx<'_>, key: &[u8], count: i32, last_at: Timestamp) -> Result<()> {
    let put = (throttles::failures.eq(count), throttles::last_at.eq(last_at));
    diesel::update(throttles::table.find(key)).set(put).execute(tx.conn)?;
    Ok(())
}

/// Whether the account has been used from here.
fn is_known(conn: &mut Conn, ctx: &Ctx, user: UserId) -> Result<bool> {
    let Some((address, place)) = ctx.origin.address.zip(ctx.origin.place()) else { return Ok(false) };
    let here = sessions::opened_from.eq(place.to_string()).or(sessions::address.eq(address.to_string()));
    let used = sessions::table.filter(sessions::user_id.eq(user)).filter(here);
    Ok(diesel::select(diesel::dsl::exists(used)).get_result(conn)?)
}

/// Deletes expired counts.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    Ok(forget!(tx, throttles by key: Vec<u8>, throttles::last_at.le(ctx.now.minus(MEMORY))))
}
