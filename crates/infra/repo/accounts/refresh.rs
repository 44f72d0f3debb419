//! Using a refresh token. There is no row per token: the session stores the latest generation, and when earlier ones
//! were used for as long as that matters.

use clowder_accounts::{
    RefreshToken, SignedIn,
    refresh::{RefreshFacts, Verdict, decide},
    refusals::TOKEN_INVALID,
};
use clowder_core::{
    Actor, Ctx, Refusal, Result, SessionId, Timestamp, UserId,
    audit::{Entry, Target},
};
use diesel::prelude::*;

use super::{
    super::{
        audit,
        db::Tx,
        dialect::{self, Conn},
    },
    profile,
    sessions::{Mint, Which, close, tell_ended},
};
use crate::{
    domains::accounts::sessions,
    tokens::{Tokens, Uses},
};

/// A refusal may come with a write (the session is ended), so it is an outcome and not an error.
pub enum Outcome {
    SignedIn(Box<SignedIn>),
    Refused { refusal: Refusal, ended: Option<SessionId> },
}

/// What a session stores about its tokens.
struct Held {
    created_at: Timestamp,
    user: UserId,
    session_ended: bool,
    expires_at: Timestamp,
    /// The generation of the latest token, which is still unused.
    generation: i32,
    uses: Uses,
    /// How often the token before the latest was answered again after its grace period.
    late: i16,
    /// For how many generations in a row right before that one this was needed.
    late_before: i16,
    /// Whether its first token predates generations.
    legacy: bool,
    /// Where it was last used.
    address: Option<String>,
}

pub fn refresh(tx: &mut Tx<'_>, ctx: &Ctx, mint: &Mint, token: &RefreshToken) -> Result<Outcome> {
    let (session, presented) = named(tx.conn, mint, token)?.ok_or(TOKEN_INVALID)?;
    // Two tabs may refresh at once: one rotates, the other then finds the successor.
    dialect::accounts::lock_session(tx.conn, session)?;
    let mut held = held(tx.conn, session)?.ok_or(TOKEN_INVALID)?;
    // If an older state of the database was restored, this token is from the future, although its MAC is valid.
    if presented > held.generation {
        return Err(TOKEN_INVALID.into());
    }
    let facts = held.facts(mint, presented);
    let verdict = decide(ctx, &facts);
    if facts.used_at.is_some_and(|used_at| used_at > ctx.now) {
        // The clock was ahead: the grace period begins now.
        held.uses.put(held.generation, presented, ctx.now);
        let row = sessions::table.find(session);
        diesel::update(row).set(sessions::refresh_uses.eq(held.uses.stored())).execute(tx.conn)?;
    }
    match verdict {
        Verdict::Rotate => rotate(tx, ctx, mint, session, &held)?,
        Verdict::Repeat => {}
        Verdict::RepeatLate => {
            let row = sessions::table.find(session);
            diesel::update(row).set(sessions::refresh_late.eq(sessions::refresh_late + 1)).execute(tx.conn)?;
        }
        Verdict::EndSession(refusal) => {
            let reused = Entry::new("token.reused").on(Target::session(session)).about(held.user);
            let ended = close(tx, ctx, held.user, Which::One(session))?;
            audit::record(tx, ctx, &reused)?;
            // The server ends the session, not whoever presented the token.
            let ctx = &ctx.by(Actor::System);
            tell_ended(tx, ctx, held.user, &ended)?;
            return Ok(Outcome::Refused { refusal, ended: Some(session) });
        }
        Verdict::Refuse(refusal) => return Ok(Outcome::Refused { refusal, ended: None }),
    }
    let own = profile::own(tx.conn, held.user)?;
    let successor = mint.tokens.refresh(session, presented + 1);
    Ok(Outcome::SignedIn(Box::new(mint.signed_in(ctx, session, successor, own)?)))
}

/// The session and generation of a token.
fn named(conn: &mut Conn, mint: &Mint, token: &RefreshToken) -> Result<Option<(SessionId, i32)>> {
    if let Some(named) = mint.tokens.read_refresh(token.expose()) {
        return Ok(Some(named));
    }
    let legacy = sessions::table.filter(sessions::refresh_legacy.eq(Tokens::legacy(token.expose())));
    let session: Option<SessionId> = legacy.select(sessions::id).first(conn).optional()?;
    Ok(session.map(|session| (session, 0)))
}

fn held(conn: &mut Conn, session: SessionId) -> Result<Option<Held>> {
    type Tokens = (i32, Vec<u8>, i16, i16, Option<Vec<u8>>);
    type Row = (Timestamp, UserId, Option<Timestamp>, (Timestamp, Timestamp, Option<String>), Tokens);
    let row: Option<Row> = sessions::table
        .find(session)
        .select((
            sessions::created_at,
            sessions::user_id,
            sessions::ended_at,
            (sessions::last_used_at, sessions::expires_at, sessions::address),
            (
                sessions::refresh_generation,
                sessions::refresh_uses,
                sessions::refresh_late,
                sessions::refresh_late_before,
                sessions::refresh_legacy,
            ),
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|(created_at, user, ended_at, (last_used_at, expires_at, address), tokens)| {
        let (generation, uses, late, late_before, legacy) = tokens;
        let mut uses = Uses::read(&uses);
        // If a clock was ahead, the last use was corrected there.
        uses.cap_last(last_used_at);
        let session_ended = ended_at.is_some();
        Held {
            created_at,
            user,
            session_ended,
            expires_at,
            generation,
            uses,
            late,
            late_before,
            legacy: legacy.is_some(),
            address,
        }
    }))
}

impl Held {
    fn facts(&self, mint: &Mint, presented: i32) -> RefreshFacts {
        let of_predecessor = presented + 1 == self.generation;
        let used_at = (presented < self.generation)
            // A use that is no longer stored is older than every grace period.
            .then(|| self.uses.of(self.generation, presented).unwrap_or(Timestamp::from_micros(0)));
        RefreshFacts {
            session_ended: self.session_ended,
            expires_at: if of_predecessor { self.predecessor_expires_at(mint) } else { self.expires_at },
            used_at,
            successor_used: presented + 1 < self.generation,
            late: if of_predecessor { self.late } else { 0 },
            late_before: if of_predecessor { self.late_before } else { 0 },
        }
    }

    /// The end of the lifetime of the token before the latest: it was created when the one before it was used, or with
    /// the session.
    fn predecessor_expires_at(&self, mint: &Mint) -> Timestamp {
        let made_at = match self.generation - 2 {
            before @ 0.. => self.uses.of(self.generation, before),
            // The creation time of a token that predates generations is unknown.
            _ if self.legacy => None,
            _ => Some(self.created_at),
        };
        made_at.map_or(self.expires_at, |made_at| mint.expiry(made_at, self.created_at).min(self.expires_at))
    }

    /// For how many generations in a row right before the latest an answer was needed after the grace period.
    const fn late_generations(&self) -> i16 {
        if self.late > 0 { self.late_before.saturating_add(1) } else { 0 }
    }
}

/// Marks the latest token as used and creates its successor, with a new lifetime within that of the session.
fn rotate(tx: &mut Tx<'_>, ctx: &Ctx, mint: &Mint, session: SessionId, held: &Held) -> Result<()> {
    // A session opened by a clock that was ahead counts as opened now, once; otherwise its lifetime would begin again
    // each time.
    let created_at = held.created_at.min(ctx.now);
    let address = ctx.origin.address.map(|address| address.to_string());
    tx.deleted_text |= held.address.is_some() && held.address != address;
    diesel::update(sessions::table.find(session))
        .set((
            sessions::refresh_generation.eq(held.generation + 1),
            sessions::refresh_uses.eq(held.uses.with(ctx.now).stored()),
            sessions::refresh_late.eq(0),
            sessions::refresh_late_before.eq(held.late_generations()),
            sessions::created_at.eq(created_at),
            sessions::last_used_at.eq(ctx.now),
            sessions::expires_at.eq(mint.expiry(ctx.now, created_at)),
            sessions::address.eq(address),
        ))
        .execute(tx.conn)?;
    Ok(())
}
