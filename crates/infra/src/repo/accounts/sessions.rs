//! Signing in, the devices of a user, and ending them.

use std::{sync::Arc, time::Duration};

use clowder_accounts::{
    Change, Own, Session, SessionPatch, SignedIn,
    change::SessionEnded,
    model::{DisplayName, username_key},
    refusals::SESSION_UNKNOWN,
};
use clowder_core::{
    Actor, Ctx, Error, Result, SessionId, Timestamp, UserId, Via,
    audit::{Entry, Target},
};
use diesel::prelude::*;

use super::super::{
    audit,
    db::Tx,
    dialect::{self, Conn},
    journal,
};
use crate::{
    rows::{SessionRow, UserRow},
    schema::{refresh_tokens, sessions, users},
    tokens::Tokens,
};

/// What it takes to hand out tokens.
pub struct Mint {
    pub tokens: Arc<Tokens>,
    pub refresh_for: Duration,
    pub session_for: Duration,
}

impl Mint {
    /// Until when a session lasts that is used now: a while without use, and not for ever.
    pub fn expiry(&self, now: Timestamp, created_at: Timestamp) -> Timestamp {
        now.plus(self.refresh_for).min(created_at.plus(self.session_for))
    }

    pub fn signed_in(&self, ctx: &Ctx, session: SessionId, refresh: String, user: Own) -> Result<SignedIn> {
        self.tokens.learn(&user);
        Ok(SignedIn {
            access: self.tokens.access(user.id, session, user.role, ctx.now)?,
            refresh,
            token_type: "Bearer".to_owned(),
            expires_in: self.tokens.access_for().as_secs(),
            user: user.at(ctx.now),
        })
    }
}

/// The user behind a username or an address, with the stored hash of the password.
pub fn credentials(conn: &mut Conn, name: &str) -> Result<Option<(UserId, String)>> {
    let users = users::table.select((users::id, users::password));
    Ok(if name.contains('@') {
        users.filter(users::email_key.eq(name.to_lowercase())).first(conn).optional()?
    } else {
        users.filter(users::username_key.eq(username_key(name))).first(conn).optional()?
    })
}

/// Signs a user in whose password was right. `anew` is a better hash of it, when the stored one is outdated.
pub fn open(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    mint: &Mint,
    user: UserId,
    device: Option<DisplayName>,
    anew: Option<String>,
) -> Result<SignedIn> {
    if let Some(anew) = anew {
        diesel::update(users::table.find(user)).set(users::password.eq(anew)).execute(tx.conn)?;
    }
    let own = users::table.find(user).select(UserRow::as_select()).first(tx.conn)?.own()?;
    sign_in(tx, ctx, mint, own, device)
}

/// Opens a session with its first pair of tokens.
pub fn sign_in(tx: &mut Tx<'_>, ctx: &Ctx, mint: &Mint, user: Own, device: Option<DisplayName>) -> Result<SignedIn> {
    let row = SessionRow {
        id: SessionId::new(ctx.now),
        user_id: user.id,
        name: device.map(DisplayName::into_string),
        agent: ctx.origin.agent.as_deref().map(|agent| agent.chars().take(300).collect()),
        address: ctx.origin.address.map(|address| address.to_string()),
        created_at: ctx.now,
        last_used_at: ctx.now,
        expires_at: mint.expiry(ctx.now, ctx.now),
        ended_at: None,
        authenticated_at: ctx.now,
    };
    diesel::insert_into(sessions::table).values(&row).execute(tx.conn)?;
    let refresh = mint.tokens.first_refresh()?;
    keep_refresh(tx.conn, row.id, &refresh, row.expires_at)?;
    let actor = Actor::User { id: user.id, via: Via::Session(row.id), role: user.role };
    audit::record(tx, ctx, &Entry::new("session.opened").by(actor).on(Target::session(row.id)))?;
    mint.signed_in(ctx, row.id, refresh, user)
}

/// Stores the hash of a refresh token.
pub fn keep_refresh(conn: &mut Conn, session: SessionId, token: &str, expires_at: Timestamp) -> Result<()> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::hash.eq(Tokens::stored(token)),
            refresh_tokens::session_id.eq(session),
            refresh_tokens::expires_at.eq(expires_at),
        ))
        .execute(conn)?;
    Ok(())
}

pub fn list(conn: &mut Conn, ctx: &Ctx) -> Result<Vec<Session>> {
    let rows = sessions::table
        .filter(sessions::user_id.eq(ctx.user()?))
        .filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(ctx.now)))
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .select(SessionRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(|row| row.session(ctx)).collect())
}

pub fn name(tx: &mut Tx<'_>, ctx: &Ctx, session: SessionId, patch: SessionPatch) -> Result<Session> {
    let own = sessions::table.filter(sessions::id.eq(session).and(sessions::user_id.eq(ctx.user()?)));
    let row: Option<SessionRow> = diesel::update(own.filter(sessions::ended_at.is_null()))
        .set(sessions::name.eq(patch.name.into_string()))
        .returning(SessionRow::as_returning())
        .get_result(tx.conn)
        .optional()?;
    Ok(row.ok_or(SESSION_UNKNOWN)?.session(ctx))
}

/// Which of the caller's sessions are meant.
#[derive(Clone, Copy)]
pub enum Which {
    One(SessionId),
    AllBut(SessionId),
    All,
}

/// Ends open sessions of the caller.
pub fn end(tx: &mut Tx<'_>, ctx: &Ctx, which: Which) -> Result<Vec<SessionId>> {
    let open = sessions::table
        .filter(sessions::user_id.eq(ctx.user()?).and(sessions::ended_at.is_null()))
        .select(sessions::id)
        .order(sessions::id)
        .into_boxed();
    let open: Vec<SessionId> = match which {
        Which::One(one) => open.filter(sessions::id.eq(one)).load(tx.conn)?,
        Which::AllBut(one) => open.filter(sessions::id.ne(one)).load(tx.conn)?,
        Which::All => open.load(tx.conn)?,
    };
    if matches!(which, Which::One(_)) && open.is_empty() {
        return Err(SESSION_UNKNOWN.into());
    }
    end_these(tx, ctx, ctx.user()?, &open)?;
    Ok(open)
}

/// Ends sessions of a user and tells whom it concerns. It writes to the audit log, and so comes before other changes.
pub fn end_these(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, open: &[SessionId]) -> Result<()> {
    for session in open {
        dialect::lock_session(tx.conn, *session)?;
    }
    diesel::update(sessions::table.filter(sessions::id.eq_any(open)))
        .set(sessions::ended_at.eq(ctx.now))
        .execute(tx.conn)?;
    let entry = |session: &SessionId| Entry::new("session.ended").on(Target::session(*session)).about(user);
    audit::record_all(tx, ctx, &open.iter().map(entry).collect::<Vec<_>>())?;
    let ended: Vec<_> = open
        .iter()
        .map(|session_id| Change::SessionEnded(SessionEnded { user, session_id: *session_id, ended_at: ctx.now }))
        .collect();
    let ended: Vec<_> = ended.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &ended)
}

pub fn ended_since(conn: &mut Conn, since: Timestamp) -> Result<Vec<(SessionId, Timestamp)>> {
    let ended: Vec<(SessionId, Option<Timestamp>)> =
        sessions::table.filter(sessions::ended_at.gt(since)).select((sessions::id, sessions::ended_at)).load(conn)?;
    ended.into_iter().map(|(id, at)| Ok((id, at.ok_or_else(|| Error::internal("an end without time"))?))).collect()
}
