//! Names without an account: they wrote what was imported. Such a name is like an account that is erased, but that it is
//! still called what it was: nobody signs in with it, finds it or writes to it.

use clowder_accounts::privacy::tombstone;
use clowder_core::{Result, Role, Timestamp, UserId, Visibility, Word};
use diesel::prelude::*;

use super::super::{db::Tx, dialect::Conn};
use crate::domains::accounts::users;

pub fn create(conn: &mut Conn, now: Timestamp, name: &str) -> Result<UserId> {
    let user = UserId::new(now);
    let id = user.uuid().simple();
    diesel::insert_into(users::table)
        .values((
            users::id.eq(user),
            users::username.eq(tombstone(user).username),
            users::username_key.eq(format!(":deleted:{id}")),
            users::email.eq(format!("{id}@deleted.invalid")),
            users::email_key.eq(format!(":deleted:{id}")),
            users::password.eq("!"),
            users::display_name.eq(name),
            users::visibility.eq(Visibility::Private.as_str()),
            users::role.eq(Role::User.as_str()),
            users::created_at.eq(now),
            users::deleted_at.eq(now),
            users::version.eq(1),
        ))
        .execute(conn)?;
    Ok(user)
}

/// Takes their names away.
pub fn forget(tx: &mut Tx<'_>, ghosts: &[UserId]) -> Result<()> {
    for ghost in ghosts {
        let nameless = (users::display_name.eq(tombstone(*ghost).display_name), users::version.eq(users::version + 1));
        diesel::update(users::table.find(ghost)).set(nameless).execute(tx.conn)?;
    }
    tx.deleted_text |= !ghosts.is_empty();
    Ok(())
}
