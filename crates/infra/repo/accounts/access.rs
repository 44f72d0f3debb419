//! Ends somebody's access: sessions with everything that depends on them, the links to exports, addresses of files, API keys.
//! docs/security.md says what each event ends.

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
    super::{Repo, api_keys::forget_name, audit, db::Tx, journal, media, privacy::exports},
    sessions::{self, Which},
};
use crate::domains::api_keys::{ApiKeyRow, api_keys};

/// What was ended.
#[derive(Debug, Default)]
pub struct Ended {
    pub sessions: Vec<SessionId>,
    pub keys: Vec<ApiKey>,
}

/// Ends these sessions of a user; if more than one is meant, also the links to their exports and the addresses of files that they have made, and their API keys if
/// `keys` says so. The user is locked. The caller reports it with [`tell`] later, because of the locks that this takes.
pub fn close(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, which: Which, keys: bool) -> Result<Ended> {
    let sessions = sessions::close(tx, ctx, user, which)?;
    if !matches!(which, Which::One(_)) {
        exports::end_links(tx, ctx, user)?;
        media::end_links(tx, ctx, user)?;
    }
    let keys = if keys { close_keys(tx, user)? } else { Vec::new() };
    Ok(Ended { sessions, keys })
}

fn close_keys(tx: &mut Tx<'_>, user: UserId) -> Result<Vec<ApiKey>> {
    let own = diesel::delete(api_keys::table.filter(api_keys::user_id.eq(user)));
    let mut gone: Vec<ApiKeyRow> = own.returning(ApiKeyRow::as_returning()).get_results(tx.conn)?;
    // Rows returned by a deletion have no order.
    gone.sort_by_key(|row| row.id);
    Ok(gone.iter().map(ApiKeyRow::api_key).collect())
}

/// The number of somebody's API keys.
pub fn count_keys(tx: &mut Tx<'_>, user: UserId) -> Result<i64> {
    Ok(api_keys::table.filter(api_keys::user_id.eq(user)).count().get_result(tx.conn)?)
}

/// Appends the changes. It writes to the audit log, so it must precede other changes.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, ended: &Ended) -> Result<()> {
    let session = |id: &SessionId| Entry::new("session.ended").on(Target::session(*id)).about(user);
    let key = |key: &ApiKey| {
        let what = json!({"name": key.name, "scopes": key.scopes});
        Entry::new("api_key.revoked").on(Target::api_key(key.id)).about(user).before(what)
    };
    let entries: Vec<_> = ended.sessions.iter().map(session).chain(ended.keys.iter().map(key)).collect();
    audit::record_all(tx, ctx, &entries)?;
    for key in &ended.keys {
        forget_name(tx, user, key)?;
    }
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
