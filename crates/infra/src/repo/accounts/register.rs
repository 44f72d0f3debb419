//! Making an account.

use clowder_accounts::{
    Change, NewAccount, SignedIn,
    model::DisplayName,
    refusals::{EMAIL_TAKEN, USERNAME_TAKEN},
};
use clowder_core::{Ctx, Error, Refusal, Result, Role, UserId, Visibility, Word};
use diesel::{dsl::exists, prelude::*, select};

use super::{
    super::{db::Tx, dialect::Conn, journal},
    sessions::{self, Mint},
};
use crate::{rows::UserRow, schema::users};

pub fn register(tx: &mut Tx<'_>, ctx: &Ctx, mint: &Mint, new: NewAccount, password: String) -> Result<SignedIn> {
    let row = row(ctx, new, password);
    let made = diesel::insert_into(users::table).values(&row).on_conflict_do_nothing().execute(tx.conn)?;
    if made == 0 {
        return Err(taken(tx.conn, &row)?.into());
    }
    let own = row.own()?;
    let signed_in = sessions::sign_in(tx, ctx, mint, own.clone(), None)?;
    journal::append(tx, ctx, &Change::UserRegistered(own.card()))?;
    Ok(signed_in)
}

fn row(ctx: &Ctx, new: NewAccount, password: String) -> UserRow {
    let username = new.username.as_str().to_owned();
    UserRow {
        id: UserId::new(ctx.now),
        username_key: new.username.key(),
        email: new.email.as_str().to_owned(),
        email_key: new.email.key(),
        email_verified_at: None,
        password,
        display_name: new.display_name.map_or_else(|| username.clone(), DisplayName::into_string),
        username,
        bio: None,
        status_text: None,
        visibility: Visibility::Public.as_str().to_owned(),
        role: Role::User.as_str().to_owned(),
        created_at: ctx.now,
        version: 1,
    }
}

/// Which of the two unique things was in the way.
fn taken(conn: &mut Conn, row: &UserRow) -> Result<Refusal> {
    if select(exists(users::table.filter(users::username_key.eq(&row.username_key)))).get_result(conn)? {
        return Ok(USERNAME_TAKEN);
    }
    if select(exists(users::table.filter(users::email_key.eq(&row.email_key)))).get_result(conn)? {
        return Ok(EMAIL_TAKEN);
    }
    Err(Error::internal("a user could not be inserted, and nothing is in the way"))
}
