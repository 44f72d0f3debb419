//! Guesses: how often attempts to prove something failed lately, at an account, from a place, and at the one from the
//! other. An attempt is counted before the slow work and taken back when it was right. The keys are hashes: the table
//! tells nobody who was tried.

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

/// What somebody typed to say who they are, as it is looked up.
#[derive(Clone)]
pub enum Sought {
    Username(String),
    Email(String),
    /// Somebody who is signed in shows it again.
    User(UserId),
    /// Somebody who waits for their account, by the id of their sign-up.
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

/// Somebody is about to try.
#[derive(Clone)]
pub struct Attempt {
    now: Timestamp,
    account: Option<Vec<u8>>,
    pair: Option<Vec<u8>>,
    address: Option<Vec<u8>>,
    /// Whether the account was used from this place before.
    known: bool,
}

/// Somebody tries, and it is counted.
#[derive(Clone)]
pub struct Begun {
    attempt: Attempt,
    /// What was counted, and when the last failure before it was.
    counted: Vec<(Vec<u8>, Option<Timestamp>)>,
}

impl Attempt {
    /// At an account. `user` is whom it leads to: failures are counted there, by whatever name or door somebody came.
    /// Accounts that do not exist are counted under what was typed, and are slowed down all the same.
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

    /// At a secret that leads to an account by itself. Calls without an address come from inside and are not counted.
    pub fn from_place(ctx: &Ctx, keys: &Keys) -> Self {
        let hour = (ctx.now.as_seconds() / MEMORY.as_secs() as i64).to_string();
        let place = ctx.origin.place().map(|place| place.to_string());
        let address = place.map(|place| keys.fingerprint(&["login from", &hour, &place].map(str::as_bytes)).to_vec());
        Self { now: ctx.now, account: None, pair: None, address, known: false }
    }

    /// Of what it takes a turn, so that attempts which are right do not hold up one another by being counted: always in
    /// this order. One place does not hold up another.
    pub fn turns(&self) -> Vec<Vec<u8>> {
        self.pair.iter().chain(self.address.iter().filter(|_| !self.known)).cloned().collect()
    }

    /// The keys whose failures hold up this attempt, in the one order in which they are locked.
    fn judged(&self) -> Vec<Vec<u8>> {
        let others = [&self.account, &self.address].into_iter().flatten().filter(|_| !self.known);
        let mut keys: Vec<_> = self.pair.iter().chain(others).cloned().collect();
        keys.sort();
        keys
    }

    /// Whether it may be made now, as far as can be said without writing: a flood of guesses that have to wait costs no
    /// more than reading. [`Attempt::begin`] has the last word.
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

    /// Counts it, if it may be made. A refusal is an outcome and not an error: what lay ahead of the clock is put right
    /// with it.
    pub fn begin(self, tx: &mut Tx<'_>) -> Result<Result<Begun>> {
        let mut held = Vec::new();
        for key in self.judged() {
            // Adding takes the row: of several that come at once each sees what those before it counted.
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

    /// Forgets the failures at the account, and from here at it.
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
    /// It was wrong, and stays counted; now also where it did not have to wait.
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

    /// Right after all. The failures of the place stay: whoever has one account of their own could otherwise wipe out
    /// the traces of guessing at others.
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

    /// As if it had not been made: it came to nothing for other reasons.
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
        // Not before the turn has come: those that are being tried are counted, and may be right.
        let same = attempt.clone();
        self.db.read(move |conn| same.may_be_made(conn)).await?;
        self.db.write(move |tx| attempt.clone().begin(tx)).await?
    }

    /// Takes an attempt back of which a fault of ours made nothing. If that fails, too, it stays counted.
    pub(in super::super) async fn take_back(&self, begun: Begun) {
        if let Err(error) = self.db.write(move |tx| begun.take_back(tx)).await {
            tracing::warn!(%error, "an attempt that came to nothing stays counted");
        }
    }

    /// Looks for what a secret leads to that is too long to be guessed: an invitation, a ticket, what an email held. It is
    /// counted at the place it came from before it is looked at, and taken back unless it leads nowhere; `None` stands
    /// for that.
    pub(in super::super) async fn seek<T: Send + 'static>(
        &self,
        ctx: &Ctx,
        look: impl Fn(&mut Conn) -> Result<Option<T>> + Send + 'static,
    ) -> Result<Option<T>> {
        let attempt = Attempt::from_place(ctx, &self.deps.keys);
        // Those of one place wait here, and not for a row that would keep a connection.
        let looked = self.turns.hold(attempt.turns(), async {
            let same = attempt.clone();
            self.db.read(move |conn| same.may_be_made(conn)).await?;
            let looked = self.db.write(move |tx| {
                let begun = match attempt.clone().begin(tx)? {
                    Ok(begun) => begun,
                    Err(refused) => return Ok(Err(refused)),
                };
                // A refusal rolls the count back: what was found is only not good for this.
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

/// Forgets what has had its time.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    Ok(forget!(tx, throttles by key: Vec<u8>, throttles::last_at.le(ctx.now.minus(MEMORY))))
}
