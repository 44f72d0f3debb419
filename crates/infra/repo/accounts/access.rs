//! Ending somebody's access: the sessions with all that hangs on them, the links to their exports, their API keys. What
//! each event ends is in docs/security.md.

use clowder_accounts::{
    ApiKey, Change,
    change::{ApiKeyRevoked, SessionEnded},
};
use clowder_core::{
    Ctx, Result, SessionId, UserId,
    audit::{Entry, Target},
};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{Repo, audit, db::Tx, journal, privacy::exports},
    sessions::{self, Which},
};
use crate::domains::api_keys::{ApiKeyRow, api_keys};

/// What was ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub sessions: Vec<SessionId>,
    pub keys: Vec<ApiKey>,
}

/// Ends these sessions of a user; if more than one is meant, the links to their exports as well, and their API keys if
/// `keys` says so. The user is held. Whoever does this tells it with [`tell`], which comes later because of what that
/// holds.
pub fn close(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, which: Which, keys: bool) -> Result<Ended> {
    let sessions = sessions::close(tx, ctx, user, which)?;
    if !matches!(which, Which::One(_)) {
        exports::end_links(tx, ctx, user)?;
    }
    let keys = if keys { close_keys(tx, user)? } else { Vec::new() };
    Ok(Ended { sessions, keys })
}

fn close_keys(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<ApiKey>> {
    let own = diesel::delete(api_keys::table.filter(api_keys::user_id.eq(user)));
    let mut gone: Vec<ApiKeyRow> = own.returning(ApiKeyRow::as_returning()).get_results(tx.conn)?;
    // What a deletion returns has no order.
    gone.sort_by_key(|row| row.id);
    Ok(gone.iter().map(ApiKeyRow::api_key).collect())
}

/// How many API keys somebody has.
pub fn count_keys(tx: &mut Tx<'_>, user: UserId) -> Result<i64> {
    Ok(api_keys::table.filter(api_keys::user_id.eq(user)).count().get_result(tx.conn)?)
}

/// Tells whom it concerns. It writes to the audit log, and so comes before other changes.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, ended: &Ended) -> Result<()> {
    let session = |id: &SessionId| Entry::new("session.ended").on(Target::session(*id)).about(user);
    let key = |key: &ApiKey| {
        let what = json!({"name": key.name, "scopes": key.scopes});
        Entry::new("api_key.revoked").on(Target::api_key(key.id)).about(user).before(what)
    };
    let entries: Vec<_> = ended.sessions.iter().map(session).chain(ended.keys.iter().map(key)).collect();
    audit::record_all(tx, ctx, &entries)?;
    let at = ctx.now;
    let session =
        |session_id: &SessionId| Change::SessionEnded(SessionEnded { user, session_id: *session_id, ended_at: at });
    let key = |key: &ApiKey| Change::ApiKeyRevoked(ApiKeyRevoked { user, api_key_id: key.id, revoked_at: at });
    let changes: Vec<_> = ended.sessions.iter().map(session).chain(ended.keys.iter().map(key)).collect();
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())
}

impl Repo {
    /// This process refuses what was ended from now on; other nodes learn of it from the journal.
    pub(in super::super) fn have_ended(&self, ended: &Ended) {
        for session in &ended.sessions {
            self.deps.memory.tokens.end(*session);
        }
        for key in &ended.keys {
            self.deps.memory.api_keys.revoke(key.id);
        }
    }
}
