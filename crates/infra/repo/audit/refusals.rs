//! Refused attempts are counted per window. The first one at an account, or from a place without an account, has an
//! entry of its own; the following ones within the hour are counted and reported in one entry when the window closes.

use std::time::Duration;

use clowder_accounts::audit::AuditId;
use clowder_core::{
    Actor, Ctx, Result, Timestamp, UserId,
    audit::{Entry, Target},
};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{db::Tx, dialect, upkeep::PIECE},
    record, record_named,
};
use crate::domains::{accounts::users, audit::refusal_windows as windows};

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(3600);

/// The kind of refusal; each is counted separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    SignIn,
    Password,
    Otp,
}

impl Refused {
    const ALL: [Self; 3] = [Self::SignIn, Self::Password, Self::Otp];

    fn entry(self) -> Entry {
        match self {
            Self::SignIn => Entry::new("session.refused"),
            Self::Password => Entry::new("password.refused"),
            Self::Otp => Entry::new("otp.refused"),
        }
    }

    fn find(action: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refused| refused.entry().action == action)
    }

    fn on(self, user: Option<UserId>) -> Entry {
        let entry = self.entry();
        match user {
            Some(user) => entry.on(Target::user(user)),
            None => entry,
        }
    }
}

struct Window {
    action: String,
    subject: Option<UserId>,
    count: i64,
    opened_at: Timestamp,
    last_at: Timestamp,
    entry: AuditId,
}

type Row = (Option<UserId>, String, i64, Timestamp, Timestamp, AuditId);

const COLUMNS: (
    windows::subject_id,
    windows::action,
    windows::count,
    windows::opened_at,
    windows::last_at,
    windows::entry_id,
) = (windows::subject_id, windows::action, windows::count, windows::opened_at, windows::last_at, windows::entry_id);

impl Window {
    fn of((subject, action, count, opened_at, last_at, entry): Row) -> Self {
        Self { action, subject, count, opened_at, last_at, entry }
    }

    /// Whether the window is closed. One opened by a clock that was far ahead is closed, because it would last too
    /// long. Calls may be processed out of order, so one opened slightly after `now` is still open.
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.opened_at) >= WINDOW || self.opened_at.since(now) >= WINDOW
    }
}

/// Records a refused attempt: `user` is the owner of the account, if there is one. It locks the row of its window until
/// the commit, so it comes after the failures that slow guessing down and before what a write changes.
pub fn note(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    refused: Refused,
    user: Option<UserId>,
    code: Option<&'static str>,
) -> Result<()> {
    let about = match (user, ctx.origin.place()) {
        (Some(user), _) => format!("user {user}"),
        (None, Some(place)) => format!("place {place}"),
        (None, None) => String::new(),
    };
    let entry = refused.on(user);
    let parts = ["refused", entry.action, &about];
    let key = tx.services.keys.fingerprint(&parts.map(str::as_bytes)).to_vec();
    // Adding locks the row: of several concurrent attempts one opens the window.
    let named = AuditId::new(ctx.now);
    let found: Row = diesel::insert_into(windows::table)
        .values((
            windows::key.eq(&key),
            windows::subject_id.eq(user),
            windows::action.eq(entry.action),
            windows::count.eq(1),
            windows::opened_at.eq(ctx.now),
            windows::last_at.eq(ctx.now),
            windows::entry_id.eq(named),
        ))
        .on_conflict(windows::key)
        .do_update()
        .set(windows::count.eq(windows::count + 1))
        .returning(COLUMNS)
        .get_result(tx.conn)?;
    let window = Window::of(found);
    let row = windows::table.find(&key);
    if window.count > 1 && !window.is_over(ctx.now) {
        if ctx.now > window.last_at {
            diesel::update(row).set(windows::last_at.eq(ctx.now)).execute(tx.conn)?;
        }
        return Ok(());
    }
    if window.count > 1 {
        close(tx, ctx, &Window { count: window.count - 1, ..window })?;
    }
    let entry = match code {
        Some(code) => entry.after(json!({"code": code})),
        None => entry,
    };
    let opening = record_named(tx, ctx, entry)?;
    diesel::update(row)
        .set((
            windows::count.eq(1),
            windows::opened_at.eq(ctx.now),
            windows::last_at.eq(ctx.now),
            windows::entry_id.eq(opening),
        ))
        .execute(tx.conn)?;
    Ok(())
}

/// Reports the count of a window, if it is more than its first entry says. For an erased account nothing is reported
/// any more: its key must not be created again.
fn close(tx: &mut Tx<'_>, ctx: &Ctx, window: &Window) -> Result<()> {
    let Some(refused) = Refused::find(&window.action).filter(|_| window.count > 1) else { return Ok(()) };
    if let Some(user) = window.subject {
        let there = users::table.find(user).filter(users::deleted_at.is_null());
        if !diesel::select(diesel::dsl::exists(there)).get_result(tx.conn)? {
            return Ok(());
        }
    }
    let counted = json!({
        "count": window.count,
        "from": window.opened_at,
        "until": window.last_at,
        "first": window.entry,
    });
    // The request that triggers this has nothing to do with it.
    let ctx = Ctx::new(Actor::Nobody, ctx.now, ctx.request_id.clone());
    record(tx, &ctx, &refused.on(window.subject).after(counted))
}

/// Closes and deletes windows whose time is over.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let now = ctx.now;
    let over = windows::table.filter(windows::opened_at.le(now.minus(WINDOW)).or(windows::opened_at.gt(now)));
    let over = over.order(windows::key).limit(PIECE).select((windows::key, COLUMNS));
    let over: Vec<(Vec<u8>, Row)> = dialect::unclaimed!(over).load(tx.conn)?;
    let ctx = Ctx::new(Actor::Nobody, now, "sweep");
    let (mut keys, mut closing) = (Vec::new(), Vec::new());
    for (key, row) in over {
        keys.push(key);
        closing.push(Window::of(row));
    }
    for window in &closing {
        close(tx, &ctx, window)?;
    }
    Ok(diesel::delete(windows::table.filter(windows::key.eq_any(keys))).execute(tx.conn)?)
}
