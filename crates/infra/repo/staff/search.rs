//! Finds accounts for staff, and for the cache of standings.

use clowder_accounts::{
    Account, AccountFilter, Own,
    model::{Status, username_key},
    refusals::USER_UNKNOWN,
};
use clowder_core::{Page, PageRequest, Result, Role, Timestamp, UserId, Word};
use diesel::{
    BoxableExpression,
    dsl::not,
    prelude::*,
    sql_types::{Bool, Nullable},
};

use super::super::dialect::{Backend, Conn};
use crate::domains::accounts::{UserRow, users};

type Condition = Box<dyn BoxableExpression<users::table, Backend, SqlType = Nullable<Bool>>>;

/// Currently suspended accounts.
pub fn is_suspended(now: Timestamp) -> Condition {
    let holds = users::suspended_until.is_null().or(users::suspended_until.gt(now));
    Box::new(users::suspension_reason.is_not_null().and(holds))
}

pub fn list(conn: &mut Conn, now: Timestamp, filter: &AccountFilter, page: &PageRequest) -> Result<Page<Account>> {
    let mut query = users::table
        .filter(users::deleted_at.is_null())
        .select(UserRow::as_select())
        .order(users::id.desc())
        .limit(page.fetch())
        .into_boxed::<Backend>();
    if let Some(role) = filter.role {
        query = query.filter(users::role.eq(role.as_str()));
    }
    match filter.status {
        Some(Status::Suspended) => query = query.filter(is_suspended(now)),
        Some(Status::Active) => query = query.filter(not(is_suspended(now))),
        None => {}
    }
    if let Some(part) = &filter.q {
        let by_name = users::username_key.like(containing(&username_key(part))).escape('\\');
        query = query.filter(by_name.or(users::email_key.like(containing(&part.to_lowercase())).escape('\\')));
    }
    if let Some(before) = page.id()? {
        query = query.filter(users::id.lt::<UserId>(before));
    }
    let rows: Vec<UserRow> = query.load(conn)?;
    Page::fill(rows.into_iter().map(|row| account(row, now)), page, |account| account.id.to_string())
}

/// A pattern for `LIKE`: this literal text with anything around it.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

pub fn one(conn: &mut Conn, now: Timestamp, user: UserId) -> Result<Account> {
    let known = users::table.find(user).filter(users::deleted_at.is_null());
    let row = known.select(UserRow::as_select()).first(conn).optional()?;
    account(row.ok_or(USER_UNKNOWN)?, now)
}

pub fn named(conn: &mut Conn, now: Timestamp, key: &str) -> Result<Account> {
    let named = users::table.filter(users::username_key.eq(key).and(users::deleted_at.is_null()));
    account(named.select(UserRow::as_select()).first(conn).optional()?.ok_or(USER_UNKNOWN)?, now)
}

fn account(row: UserRow, now: Timestamp) -> Result<Account> {
    Ok(row.own()?.at(now).into())
}

/// SQLite allows 32,766 variables in a statement.
const AT_ONCE: usize = 30_000;

/// Accounts with a special standing, and those that had one.
pub fn standings(conn: &mut Conn, now: Timestamp, known: &[UserId]) -> Result<Vec<Own>> {
    let staff = users::table.filter(users::role.ne(Role::User.as_str())).select(UserRow::as_select()).load(conn)?;
    let suspended = users::table.filter(is_suspended(now)).select(UserRow::as_select()).load(conn)?;
    let mut rows: Vec<UserRow> = staff.into_iter().chain(suspended).collect();
    for some in known.chunks(AT_ONCE) {
        rows.extend(users::table.filter(users::id.eq_any(some)).select(UserRow::as_select()).load(conn)?);
    }
    rows.into_iter().map(UserRow::own).collect()
}
