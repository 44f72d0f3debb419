//! Signing in, listing and ending sessions.

use std::{sync::Arc, time::Duration};

use clowder_accounts::{
    Own, Session, SessionPatch, SignedIn, model::DisplayName, policy::MOST_SESSIONS, refusals::SESSION_UNKNOWN,
};
use clowder_core::{
    Actor, Ctx, Page, PageRequest, Result, SessionId, Timestamp, UserId, Via,
    audit::{Entry, Target},
    idempotency::KEPT_FOR,
};
use diesel::prelude::*;

use super::super::{
    audit,
    db::Tx,
    dialect::{self, Conn},
    upkeep::forget,
};
use super::{
    access::{self, Ended},
    profile,
    throttle::Sought,
};
use crate::{
    domains::accounts::{SessionRow, sessions, users},
    tokens::Tokens,
};

/// What is needed to issue tokens.
pub struct Mint {
    pub tokens: Arc<Tokens>,
    pub refresh_for: Duration,
    pub session_for: Duration,
}

impl Mint {
    /// When a session that is used now expires: after a while without use, and at its maximum lifetime.
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

/// The user with this login name, and the stored hash of the password.
pub fn credentials(conn: &mut Conn, sought: &Sought) -> Result<Option<(UserId, String)>> {
    let users = users::table.filter(users::deleted_at.is_null()).select((users::id, users::password));
    Ok(match sought {
        Sought::Username(key) => users.filter(users::username_key.eq(key)).first(conn).optional()?,
        Sought::Email(key) => users.filter(users::email_key.eq(key)).first(conn).optional()?,
        Sought::User(user) => users.filter(users::id.eq(user)).first(conn).optional()?,
        Sought::SignUp(_) => None,
    })
}

/// A password matched this hash when it was checked.
#[derive(Clone)]
pub struct Proved {
    pub user: UserId,
    pub hash: String,
}

impl Proved {
    /// Locks the user, and checks that the password is still the verified one: hashing takes time, and a password
    /// changed meanwhile, or an erasure, must win over somebody who knows the old one.
    pub fn holds(&self, tx: &mut Tx<'_>) -> Result<bool> {
        dialect::accounts::lock_user(tx.conn, self.user)?;
        let known = users::table.find(self.user).filter(users::deleted_at.is_null());
        let now: Option<String> = known.select(users::password).first(tx.conn).optional()?;
        Ok(now.is_some_and(|now| now == self.hash))
    }
}

/// Signs in a user whose password was right. `anew` is a better hash of it, if the stored one is outdated.
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
    let own = profile::own(tx.conn, user)?;
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
        opened_from: ctx.origin.place().map(|place| place.to_string()),
        authenticated_at: ctx.now,
    };
    diesel::insert_into(sessions::table).values(&row).execute(tx.conn)?;
    let refresh = mint.tokens.refresh(row.id, 0);
    let actor = Actor::User { id: user.id, via: Via::Session(row.id), role: user.role };
    audit::record(tx, ctx, &Entry::new("session.opened").by(actor).on(Target::session(row.id)))?;
    mint.signed_in(ctx, row.id, refresh, user)
}

pub fn list(conn: &mut Conn, ctx: &Ctx, page: &PageRequest) -> Result<Page<Session>> {
    let mut open = sessions::table
        .filter(sessions::user_id.eq(ctx.user()?))
        .filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(ctx.now)))
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .limit(page.fetch())
        .select(SessionRow::as_select())
        .into_boxed();
    if let Some((at, id)) = page.moment()? {
        let earlier = sessions::last_used_at.lt(at);
        open = open.filter(earlier.or(sessions::last_used_at.eq(at).and(sessions::id.lt::<SessionId>(id))));
    }
    let rows: Vec<SessionRow> = open.load(conn)?;
    let rows = rows.into_iter().map(|row| Ok(row.session(ctx)));
    Page::fill(rows, page, |session| Page::<()>::place(session.last_used_at, session.id))
}

/// Those of the caller's sessions that are open.
pub fn open_among(conn: &mut Conn, ctx: &Ctx, ids: &[SessionId]) -> Result<Vec<Session>> {
    let open = sessions::table
        .filter(sessions::id.eq_any(ids).and(sessions::user_id.eq(ctx.user()?)))
        .filter(sessions::ended_at.is_null().and(sessions::expires_at.gt(ctx.now)));
    let rows: Vec<SessionRow> = open.select(SessionRow::as_select()).load(conn)?;
    Ok(rows.into_iter().map(|row| row.session(ctx)).collect())
}

pub fn name(tx: &mut Tx<'_>, ctx: &Ctx, session: SessionId, patch: SessionPatch) -> Result<Session> {
    let own = sessions::table.filter(sessions::id.eq(session).and(sessions::user_id.eq(ctx.user()?)));
    let row: Option<SessionRow> = diesel::update(own.filter(sessions::ended_at.is_null()))
        .set(sessions::name.eq(patch.name.into_string()))
        .returning(SessionRow::as_returning())
        .get_result(tx.conn)
        .optional()?;
    tx.deleted_text = true;
    Ok(row.ok_or(SESSION_UNKNOWN)?.session(ctx))
}

/// Which of somebody's sessions are meant.
#[derive(Clone, Copy)]
pub enum Which {
    One(SessionId),
    AllBut(SessionId),
    All,
}

/// Ends open sessions of the caller.
pub fn end(tx: &mut Tx<'_>, ctx: &Ctx, which: Which, keys: bool) -> Result<Ended> {
    let user = ctx.user()?;
    // Whoever signs in at the same time is either seen here or comes after it.
    dialect::accounts::lock_user(tx.conn, user)?;
    let ended = access::close(tx, ctx, user, which, keys)?;
    if matches!(which, Which::One(_)) && ended.sessions.is_empty() {
        return Err(SESSION_UNKNOWN.into());
    }
    access::tell(tx, ctx, user, &ended)?;
    Ok(ended)
}

/// Closes open sessions of a user; the caller reports it with [`tell_ended`] later, because of the locks that this
/// takes. Returns those that were open.
pub fn close(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, which: Which) -> Result<Vec<SessionId>> {
    let open = sessions::table.filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()));
    let open = open.select(sessions::id).order(sessions::id).into_boxed();
    let open: Vec<SessionId> = match which {
        Which::One(one) => open.filter(sessions::id.eq(one)).load(tx.conn)?,
        Which::AllBut(one) => open.filter(sessions::id.ne(one)).load(tx.conn)?,
        Which::All => open.load(tx.conn)?,
    };
    close_these(tx, ctx, &open)
}

/// Locks the open sessions of a user who is locked, for a write that closes them after something that comes later in
/// the lock order.
pub fn hold(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    let open = sessions::table.filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()));
    let open: Vec<SessionId> = open.select(sessions::id).order(sessions::id).load(tx.conn)?;
    open.into_iter().try_for_each(|session| dialect::accounts::lock_session(tx.conn, session))
}

/// Closes the least recently used sessions above the limit. Like [`close`], it precedes everything else that a sign-in
/// locks.
pub fn make_room(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<Vec<SessionId>> {
    let mut over: Vec<SessionId> = sessions::table
        .filter(sessions::user_id.eq(user).and(sessions::ended_at.is_null()))
        .order((sessions::last_used_at.desc(), sessions::id.desc()))
        .select(sessions::id)
        .limit(MOST_SESSIONS)
        .offset(MOST_SESSIONS - 1)
        .load(tx.conn)?;
    over.sort();
    close_these(tx, ctx, &over)
}

/// One by one in the order of their ids, like everybody who locks several. If somebody else ended one meanwhile, they
/// have reported it.
fn close_these(tx: &mut Tx<'_>, ctx: &Ctx, open: &[SessionId]) -> Result<Vec<SessionId>> {
    let mut closed = Vec::new();
    for session in open {
        dialect::accounts::lock_session(tx.conn, *session)?;
        let open = sessions::table.find(session).filter(sessions::ended_at.is_null());
        if diesel::update(open).set(sessions::ended_at.eq(ctx.now)).execute(tx.conn)? == 1 {
            closed.push(*session);
        }
    }
    Ok(closed)
}

/// Appends the changes for closed sessions. It writes to the audit log, so it must precede other changes.
pub fn tell_ended(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, ended: &[SessionId]) -> Result<()> {
    access::tell(tx, ctx, user, &Ended { sessions: ended.to_vec(), keys: Vec::new() })
}

pub fn ended_since(conn: &mut Conn, since: Timestamp) -> Result<Vec<SessionId>> {
    Ok(sessions::table.filter(sessions::ended_at.gt(since)).select(sessions::id).load(conn)?)
}

/// Deletes sessions some time after they expired or were ended: signing in often must not fill the table for as long as
/// a session can last.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KEPT_FOR);
    let expired = forget!(tx, sessions by id: SessionId, sessions::expires_at.le(past));
    // A node that starts reads which sessions have ended while their access tokens live, for a day at most.
    Ok(expired + forget!(tx, sessions by id: SessionId, sessions::ended_at.le(past.minus(KEPT_FOR))))
}
