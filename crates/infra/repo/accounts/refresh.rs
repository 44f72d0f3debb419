//! Using a refresh token.

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
    sessions::{self, Mint, Which},
};
use crate::{
    keys,
    schema::{refresh_tokens, sessions as table},
    tokens::Tokens,
};

/// A refusal may come with a write (the session is ended), so it is an outcome and not an error.
pub enum Outcome {
    SignedIn(Box<SignedIn>),
    Refused { refusal: Refusal, ended: Option<SessionId> },
}

struct Held {
    session: SessionId,
    created_at: Timestamp,
    user: UserId,
    session_ended: bool,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    salt: Option<Vec<u8>>,
    late: i16,
    late_before: i16,
}

pub fn refresh(tx: &mut Tx<'_>, ctx: &Ctx, mint: &Mint, token: &RefreshToken) -> Result<Outcome> {
    let hash = Tokens::stored(token.expose());
    let session = refresh_tokens::table.find(&hash).select(refresh_tokens::session_id).first(tx.conn).optional()?;
    let session: SessionId = session.ok_or(TOKEN_INVALID)?;
    // Two tabs may come at once: one rotates, the other then finds the successor.
    dialect::lock_session(tx.conn, session)?;
    let held = held(tx.conn, &hash)?;
    let successor = held.salt.as_deref().map(|salt| mint.tokens.successor(token.expose(), salt));
    let facts = RefreshFacts {
        session_ended: held.session_ended,
        expires_at: held.expires_at,
        used_at: held.used_at,
        successor_used: match &successor {
            Some(successor) => was_used(tx.conn, successor)?,
            None => false,
        },
        late: held.late,
        late_before: held.late_before,
    };
    if held.used_at.is_some_and(|used_at| used_at > ctx.now) {
        // A clock that was ahead: from now on its grace runs, and ends.
        diesel::update(refresh_tokens::table.find(&hash)).set(refresh_tokens::used_at.eq(ctx.now)).execute(tx.conn)?;
    }
    let refresh = match (decide(ctx, &facts), successor) {
        (Verdict::Repeat, Some(successor)) => successor,
        (Verdict::RepeatLate, Some(successor)) => {
            note_late(tx, &hash, &successor, held.late_before)?;
            successor
        }
        (Verdict::Rotate | Verdict::Repeat | Verdict::RepeatLate, _) => rotate(tx, ctx, mint, &held, token, &hash)?,
        (Verdict::EndSession(refusal), _) => {
            let reused = Entry::new("token.reused").on(Target::session(held.session)).about(held.user);
            let ended = sessions::close(tx, ctx, held.user, Which::One(held.session))?;
            audit::record(tx, ctx, &reused)?;
            // Whoever came with the token does not end the session: we do.
            let ctx = &ctx.by(Actor::System);
            sessions::tell_ended(tx, ctx, held.user, &ended)?;
            return Ok(Outcome::Refused { refusal, ended: Some(held.session) });
        }
        (Verdict::Refuse(refusal), _) => return Ok(Outcome::Refused { refusal, ended: None }),
    };
    let own = profile::own(tx.conn, held.user)?;
    Ok(Outcome::SignedIn(Box::new(mint.signed_in(ctx, held.session, refresh, own)?)))
}

fn held(conn: &mut Conn, hash: &[u8]) -> Result<Held> {
    type Used = (Option<Timestamp>, Option<Vec<u8>>, i16, i16);
    type Row = (SessionId, Timestamp, UserId, Option<Timestamp>, Timestamp, Used);
    let (session, created_at, user, ended_at, expires_at, used): Row = refresh_tokens::table
        .find(hash)
        .inner_join(table::table)
        .select((
            table::id,
            table::created_at,
            table::user_id,
            table::ended_at,
            refresh_tokens::expires_at,
            (refresh_tokens::used_at, refresh_tokens::salt, refresh_tokens::late, refresh_tokens::late_before),
        ))
        .first(conn)?;
    let (used_at, salt, late, late_before) = used;
    let session_ended = ended_at.is_some();
    Ok(Held { session, created_at, user, session_ended, expires_at, used_at, salt, late, late_before })
}

fn was_used(conn: &mut Conn, token: &str) -> Result<bool> {
    let used_at: Option<Option<Timestamp>> =
        refresh_tokens::table.find(Tokens::stored(token)).select(refresh_tokens::used_at).first(conn).optional()?;
    Ok(used_at.flatten().is_some())
}

/// Counts that a token was answered again after its grace, and tells its successor in which generation that was.
fn note_late(tx: &mut Tx<'_>, hash: &[u8], successor: &str, late_before: i16) -> Result<()> {
    diesel::update(refresh_tokens::table.find(hash))
        .set(refresh_tokens::late.eq(refresh_tokens::late + 1))
        .execute(tx.conn)?;
    diesel::update(refresh_tokens::table.find(Tokens::stored(successor)))
        .set(refresh_tokens::late_before.eq(late_before + 1))
        .execute(tx.conn)?;
    Ok(())
}

/// Marks the token as used and makes its successor, which lives as long as a fresh sign-in would, within the life of the session.
fn rotate(tx: &mut Tx<'_>, ctx: &Ctx, mint: &Mint, held: &Held, token: &RefreshToken, hash: &[u8]) -> Result<String> {
    let mut salt = vec![0; 16];
    keys::random(&mut salt)?;
    let successor = mint.tokens.successor(token.expose(), &salt);
    // A session that a clock ahead opened counts as opened now, once and for all: its life would begin anew each time.
    let created_at = held.created_at.min(ctx.now);
    let expires_at = mint.expiry(ctx.now, created_at);
    sessions::keep_refresh(tx.conn, held.session, &successor, expires_at)?;
    diesel::update(refresh_tokens::table.find(hash))
        .set((refresh_tokens::used_at.eq(ctx.now), refresh_tokens::salt.eq(salt)))
        .execute(tx.conn)?;
    diesel::update(table::table.find(held.session))
        .set((
            table::created_at.eq(created_at),
            table::last_used_at.eq(ctx.now),
            table::expires_at.eq(expires_at),
            table::address.eq(ctx.origin.address.map(|address| address.to_string())),
        ))
        .execute(tx.conn)?;
    Ok(successor)
}
