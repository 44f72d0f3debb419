//! Claims of usernames. Each account claims all names that its own could be mistaken for, so that no look-alike can be
//! registered later; the name for signing in is stored on the account itself.

use std::collections::BTreeSet;

use clowder_accounts::{
    model::{LOOK_VERSION, username_skeletons},
    refusals::USERNAME_TAKEN,
};
use clowder_core::{Result, UserId};
use diesel::{dsl::exists, prelude::*, select};

use super::super::{Repo, credentials::sign_ups, dialect::Conn, profiles::index};
use crate::domains::accounts::{UserRow, username_claims as table, users};

/// How many accounts are processed in one transaction.
const PIECE: i64 = 500;

/// Whether somebody has this name, or a look-alike.
pub fn is_taken(conn: &mut Conn, username: &str) -> Result<bool> {
    let claimed = table::table.filter(table::skeleton.eq_any(username_skeletons(username)));
    Ok(select(exists(claimed)).get_result(conn)?)
}

/// Claims the name of a new account, by which it is then found. If several look-alikes are created at once, one gets it.
pub fn claim(conn: &mut Conn, user: &UserRow) -> Result<()> {
    let skeletons = username_skeletons(&user.username);
    if insert(conn, user.id, &skeletons)? < skeletons.len() {
        return Err(USERNAME_TAKEN.into());
    }
    index::put(conn, user.id, &user.username, &user.display_name)
}

/// Releases the name of an erased account.
pub fn release(conn: &mut Conn, user: UserId) -> Result<()> {
    diesel::delete(table::table.filter(table::user_id.eq(user))).execute(conn)?;
    index::remove(conn, user)
}

/// Always in one order, so that no two accounts wait for each other.
fn insert(conn: &mut Conn, user: UserId, skeletons: &BTreeSet<String>) -> Result<usize> {
    let mut made = 0;
    for skeleton in skeletons {
        let claim = (table::skeleton.eq(skeleton), table::user_id.eq(user), table::version.eq(LOOK_VERSION));
        made += diesel::insert_into(table::table).values(claim).on_conflict_do_nothing().execute(conn)?;
    }
    Ok(made)
}

/// Accounts after this one without a claim by the current rule, by id: the oldest first.
fn unclaimed(conn: &mut Conn, after: Option<UserId>) -> Result<Vec<(UserId, String)>> {
    let claims = table::table.filter(table::user_id.eq(users::id).and(table::version.eq(LOOK_VERSION)));
    let mut missing = users::table
        .filter(users::deleted_at.is_null().and(diesel::dsl::not(exists(claims))))
        .select((users::id, users::username))
        .order(users::id)
        .limit(PIECE)
        .into_boxed();
    if let Some(after) = after {
        missing = missing.filter(users::id.gt(after));
    }
    Ok(missing.load(conn)?)
}

/// Claims a name by the current rule, in place of claims by an older rule of this account or of a younger look-alike.
/// Returns whether this account has all claims.
fn renew(conn: &mut Conn, user: UserId, username: &str) -> Result<bool> {
    let skeletons = username_skeletons(username);
    let past = table::user_id.eq(user).or(table::skeleton.eq_any(&skeletons));
    diesel::delete(table::table.filter(table::version.lt(LOOK_VERSION).and(past))).execute(conn)?;
    insert(conn, user, &skeletons)?;
    let others = table::table.filter(table::skeleton.eq_any(&skeletons).and(table::user_id.ne(user)));
    Ok(!select(exists(others)).get_result::<bool>(conn)?)
}

impl Repo {
    /// Claims the names of accounts created before names were claimed, or before the current rule. Accounts whose names
    /// look alike stay as they are: the older one has the claim, and the log names the younger one. Then does the same
    /// for pending sign-ups. Returns how many accounts look like an older one.
    pub(in super::super) async fn claim_names(&self) -> Result<usize> {
        let (mut after, mut alike) = (None, 0);
        loop {
            let missing = self.db.read(move |conn| unclaimed(conn, after)).await?;
            let Some((last, _)) = missing.last() else { break };
            after = Some(*last);
            alike += self
                .db
                .write(move |tx| {
                    let mut alike = 0;
                    for (user, username) in &missing {
                        if !renew(tx.conn, *user, username)? {
                            alike += 1;
                            tracing::warn!(%user, "the username of this account looks like that of an older one");
                        }
                    }
                    Ok(alike)
                })
                .await?;
        }
        self.db.write(|tx| sign_ups::claim_waiting(tx.conn)).await?;
        Ok(alike)
    }
}
