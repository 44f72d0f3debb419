//! Claims of usernames. Each account claims all names that its own could be mistaken for, so that no look-alike can be
//! registered later; the name for signing in is stored on the account itself. Whoever changes their name keeps the claims
//! of the one before for a while.

use std::collections::BTreeSet;

use clowder_accounts::{
    Username,
    model::{LOOK_VERSION, username_key, username_plain, username_skeletons},
    refusals::USERNAME_TAKEN,
    usernames::KEPT_FOR,
};
use clowder_core::{Ctx, Result, Timestamp, UserId};
use diesel::{dsl::exists, prelude::*, select};

use super::super::{
    Repo,
    credentials::sign_ups,
    db::Tx,
    dialect::{self, Conn},
    profiles::index,
    upkeep::forget,
};
use crate::{
    domains::accounts::{UserRow, username_claims as table, users},
    keys::sha256,
};

/// How many accounts are processed in one transaction.
const PIECE: i64 = 500;

/// Taken by everybody who gives names to accounts or reserves them for sign-ups, before looking whether they are free: the
/// two have claims in different tables, so that neither would see the other before both are committed.
pub fn lock<'n>(conn: &mut Conn, names: impl IntoIterator<Item = &'n Username>) -> Result<()> {
    let claim = |skeleton: String| {
        let hash = sha256(format!("name {skeleton}").as_bytes());
        i64::from_be_bytes(std::array::from_fn(|n| hash[n]))
    };
    let claims: BTreeSet<i64> = names.into_iter().flat_map(Username::skeletons).map(claim).collect();
    dialect::accounts::lock_names(conn, &claims.into_iter().collect::<Vec<_>>())
}

/// Whether somebody has this name or a look-alike, or had it until recently.
pub fn is_taken(conn: &mut Conn, now: Timestamp, username: &str) -> Result<bool> {
    let claimed = table::table
        .filter(table::skeleton.eq_any(username_skeletons(username)))
        .filter(table::until.is_null().or(table::until.gt(now)));
    Ok(select(exists(claimed)).get_result(conn)?)
}

/// The same for the new name of this account, whose own claims don't count.
pub fn is_taken_for(conn: &mut Conn, now: Timestamp, user: UserId, username: &Username) -> Result<bool> {
    let claimed = table::table
        .filter(table::skeleton.eq_any(username.skeletons()).and(table::user_id.ne(user)))
        .filter(table::until.is_null().or(table::until.gt(now)));
    // Accounts that are older than claims can have a name without one.
    let named = users::table.filter(users::username_key.eq(username.key()).and(users::id.ne(user)));
    Ok(select(exists(claimed)).get_result::<bool>(conn)?
        || select(exists(named)).get_result::<bool>(conn)?
        || sign_ups::has_name(conn, now, username)?)
}

/// Who has this name, or had exactly this one until recently, whatever its case: what looks like an earlier name leads to
/// nobody. The same queries whoever that is.
pub fn holder(conn: &mut Conn, now: Timestamp, username: &Username) -> Result<Option<UserId>> {
    let key = username.key();
    let named = users::table.filter(users::username_key.eq(&key).and(users::deleted_at.is_null()));
    let named: Option<UserId> = named.select(users::id).first(conn).optional()?;
    let kept = table::table.find(&key).filter(table::until.gt(now).and(table::former.eq(username.plain())));
    let kept: Option<UserId> = kept.select(table::user_id).first(conn).optional()?;
    Ok(named.or(kept))
}

/// Claims the name of a new account, by which it is then found. If several look-alikes are created at once, one gets it.
pub fn claim(conn: &mut Conn, now: Timestamp, user: &UserRow) -> Result<()> {
    let skeletons = username_skeletons(&user.username);
    if insert(conn, now, user.id, &skeletons)? < skeletons.len() {
        return Err(USERNAME_TAKEN.into());
    }
    index::put(conn, user.id, &user.username, &user.display_name)
}

/// Claims another name for a locked account, and keeps the claims of the one before (`former`) for a while: one by one, in
/// the order of all claims.
pub fn change(conn: &mut Conn, now: Timestamp, user: UserId, former: &str, username: &Username) -> Result<()> {
    let wanted = username.skeletons();
    let key = username_key(former);
    let before = table::table.filter(table::user_id.eq(user).and(table::until.is_null())).select(table::skeleton);
    let before: BTreeSet<String> = before.load::<String>(conn)?.into_iter().collect();
    for skeleton in wanted.union(&before) {
        if !wanted.contains(skeleton) {
            // The person is found by this one of them, and by the name itself.
            let named = (*skeleton == key).then(|| username_plain(former));
            let kept = (table::until.eq(now.plus(KEPT_FOR)), table::former.eq(named));
            diesel::update(table::table.find(skeleton)).set(kept).execute(conn)?;
        } else if !put(conn, now, user, skeleton)? {
            return Err(USERNAME_TAKEN.into());
        }
    }
    Ok(())
}

/// Releases the name of an erased account.
pub fn release(conn: &mut Conn, user: UserId) -> Result<()> {
    diesel::delete(table::table.filter(table::user_id.eq(user))).execute(conn)?;
    index::remove(conn, user)
}

/// Names that somebody kept and that are free again.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    Ok(forget!(tx, table by skeleton: String, table::until.le(ctx.now)))
}

/// Always in one order, so that no two accounts wait for each other. Returns how many of the claims the account has.
fn insert(conn: &mut Conn, now: Timestamp, user: UserId, skeletons: &BTreeSet<String>) -> Result<usize> {
    let mut has = 0;
    for skeleton in skeletons {
        has += usize::from(put(conn, now, user, skeleton)?);
    }
    Ok(has)
}

/// Claims what is free, or was the account's before. Returns whether the account has the claim.
fn put(conn: &mut Conn, now: Timestamp, user: UserId, skeleton: &str) -> Result<bool> {
    diesel::delete(table::table.filter(table::skeleton.eq(skeleton).and(table::until.le(now)))).execute(conn)?;
    let claim = (table::skeleton.eq(skeleton), table::user_id.eq(user), table::version.eq(LOOK_VERSION));
    if diesel::insert_into(table::table).values(claim).on_conflict_do_nothing().execute(conn)? == 1 {
        return Ok(true);
    }
    let own = table::table.filter(table::skeleton.eq(skeleton).and(table::user_id.eq(user)));
    let present =
        (table::version.eq(LOOK_VERSION), table::until.eq(None::<Timestamp>), table::former.eq(None::<String>));
    Ok(diesel::update(own).set(present).execute(conn)? == 1)
}

/// Accounts after this one without a claim by the current rule, by id: the oldest first.
fn unclaimed(conn: &mut Conn, after: Option<UserId>) -> Result<Vec<(UserId, String)>> {
    let claims = table::table
        .filter(table::user_id.eq(users::id).and(table::version.eq(LOOK_VERSION)))
        .filter(table::until.is_null());
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
/// Returns whether this account has all claims. Those of names that it had before stay as they are until they end.
fn renew(conn: &mut Conn, now: Timestamp, user: UserId, username: &str) -> Result<bool> {
    let skeletons = username_skeletons(username);
    let past = table::user_id.eq(user).and(table::until.is_null()).or(table::skeleton.eq_any(&skeletons));
    diesel::delete(table::table.filter(table::version.lt(LOOK_VERSION).and(past))).execute(conn)?;
    insert(conn, now, user, &skeletons)?;
    let others = table::table.filter(table::skeleton.eq_any(&skeletons).and(table::user_id.ne(user)));
    Ok(!select(exists(others)).get_result::<bool>(conn)?)
}

impl Repo {
    /// Claims the names of accounts created before names were claimed, or before the current rule. Accounts whose names
    /// look alike stay as they are: the older one has the claim, and the log names the younger one. Then does the same
    /// for pending sign-ups. Returns how many accounts look like an older one.
    pub(in super::super) async fn claim_names(&self, now: Timestamp) -> Result<usize> {
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
                        if !renew(tx.conn, now, *user, username)? {
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
