//! The index of names: kept in the transaction that writes a name.

use std::collections::BTreeSet;

use clowder_accounts::profiles::names::{fold, grams_of};
use clowder_core::{Result, UserId};
use diesel::prelude::*;

use super::super::{Repo, dialect::Conn};
use crate::domains::{
    accounts::users,
    profiles::{name_grams as grams, name_index as table},
};

/// How many accounts are indexed in one transaction.
const PIECE: i64 = 500;
/// Rows in one statement: SQLite allows 32,766 variables.
const AT_ONCE: usize = 10_000;

/// Writes the names of an account, which the caller has locked or just created.
pub fn put(conn: &mut Conn, user: UserId, username: &str, display_name: &str) -> Result<()> {
    put_all(conn, &[(user, username.to_owned(), display_name.to_owned())])
}

fn put_all(conn: &mut Conn, people: &[(UserId, String, String)]) -> Result<()> {
    let ids: Vec<UserId> = people.iter().map(|(user, ..)| *user).collect();
    take_out(conn, &ids)?;
    let (mut rows, mut parts) = (Vec::new(), Vec::new());
    for (user, username, display_name) in people {
        let (name, shown) = (fold(username), fold(display_name));
        let of_person = grams_of([name.as_str(), shown.as_str()]);
        parts.extend(of_person.into_iter().map(|gram| (grams::gram.eq(gram), grams::user_id.eq(*user))));
        rows.push((
            table::user_id.eq(*user),
            table::username.eq(name),
            table::display_name.eq(shown),
            table::written.eq(display_name),
        ));
    }
    diesel::insert_into(table::table).values(&rows).execute(conn)?;
    for some in parts.chunks(AT_ONCE) {
        diesel::insert_into(grams::table).values(some).execute(conn)?;
    }
    Ok(())
}

/// Removes the names of an account.
pub fn remove(conn: &mut Conn, user: UserId) -> Result<()> {
    take_out(conn, &[user])
}

fn take_out(conn: &mut Conn, users: &[UserId]) -> Result<()> {
    let known: Vec<(UserId, String, String)> = table::table
        .filter(table::user_id.eq_any(users))
        .select((table::user_id, table::username, table::display_name))
        .load(conn)?;
    for (user, username, display_name) in &known {
        let old: BTreeSet<String> = grams_of([username.as_str(), display_name.as_str()]);
        diesel::delete(grams::table.filter(grams::gram.eq_any(old).and(grams::user_id.eq(*user)))).execute(conn)?;
    }
    if !known.is_empty() {
        diesel::delete(table::table.filter(table::user_id.eq_any(users))).execute(conn)?;
    }
    Ok(())
}

/// Accounts after this one whose names are not in the index, or not as they are now.
fn outdated(conn: &mut Conn, after: Option<UserId>) -> Result<Vec<UserId>> {
    let mut missing = users::table
        .left_join(table::table)
        .filter(users::deleted_at.is_null())
        .filter(table::written.nullable().is_null().or(table::written.nullable().ne(users::display_name.nullable())))
        .select(users::id)
        .order(users::id)
        .limit(PIECE)
        .into_boxed();
    if let Some(after) = after {
        missing = missing.filter(users::id.gt(after));
    }
    Ok(missing.load(conn)?)
}

impl Repo {
    /// Indexes the names of accounts that were created, or got another name, where nothing was indexed.
    pub(in super::super) async fn index_names(&self) -> Result<()> {
        let mut after = None;
        loop {
            let missing = self.db.read(move |conn| outdated(conn, after)).await?;
            let Some(last) = missing.last() else { return Ok(()) };
            after = Some(*last);
            let indexed = self.db.write(move |tx| {
                super::keep(tx.conn, &missing)?;
                let names = users::table
                    .filter(users::id.eq_any(&missing).and(users::deleted_at.is_null()))
                    .select((users::id, users::username, users::display_name))
                    .load::<(UserId, String, String)>(tx.conn)?;
                put_all(tx.conn, &names)
            });
            indexed.await?;
        }
    }
}
