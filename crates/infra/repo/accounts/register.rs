//! Creating an account.

use clowder_accounts::{
    Change, NewAccount, Own, Registration, SignedIn,
    model::{DisplayName, Waiting},
    policy::VERIFY_FOR,
    refusals::{EMAIL_TAKEN, USERNAME_AWAITED, USERNAME_TAKEN},
    sign_up::{Rules, SignUpFacts, Verdict, decide},
};
use clowder_core::{
    Ctx, Error, Refusal, Result, Role, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use diesel::{dsl::exists, prelude::*, select};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        audit,
        credentials::{
            mailed::{self, Purpose, Whose},
            sign_ups, verify,
        },
        db::Tx,
        dialect::Conn,
        idempotency::Stub,
        journal,
        sign_ups::invites,
    },
    names, profile,
    sessions::{self, Mint},
};
use crate::{
    domains::accounts::{UserRow, users},
    withheld::{EmailCall, TooManyEmails, Withheld},
};

pub fn register(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    mint: &Mint,
    rules: Rules,
    new: NewAccount,
    password: String,
) -> Result<Registration> {
    names::lock(tx.conn, [&new.username])?;
    if !rules.reveal_taken {
        // An email is required here, so somebody who has caused too many has to wait; this reveals nothing about the
        // address.
        mailed::cause(tx, ctx)?;
    }
    // The address is checked first: if somebody commits the same name and address in between, the name check finds them.
    let email_taken = has_email(tx.conn, &new.email.key())?;
    let username_taken = names::is_taken(tx.conn, ctx.now, new.username.as_str())?
        || sign_ups::has_name(tx.conn, ctx.now, &new.username)?;
    let (invitation, invite) = invites::look(tx, ctx, new.invite.as_ref())?;
    let facts = SignUpFacts { username_taken, email_taken, invite: invitation };
    let (steps, pretended) = match decide(rules, &facts)? {
        Verdict::Welcome => {
            invites::used(tx, invite)?;
            return welcome(tx, ctx, mint, &new, password);
        }
        Verdict::Wait(steps) => (steps, false),
        Verdict::Pretend(steps) => (steps, true),
    };
    Ok(Registration::Waiting(sign_ups::wait(tx, ctx, &new, password, steps, invite, pretended)?))
}

/// What is stored of a registration: the tokens, which cannot be issued a second time, and whose they are.
#[derive(Serialize, Deserialize)]
pub enum Registered {
    SignedIn { user: UserId, access: String, refresh: String, token_type: String, expires_in: u64 },
    Waiting(Waiting),
}

impl Stub for Registered {
    fn subject(&self) -> Option<UserId> {
        match self {
            Self::SignedIn { user, .. } => Some(*user),
            Self::Waiting(_) => None,
        }
    }
}

impl Registered {
    pub fn of(registration: &Registration) -> Self {
        match registration {
            Registration::SignedIn(signed_in) => {
                let SignedIn { access, refresh, token_type, expires_in, user } = (**signed_in).clone();
                Self::SignedIn { user: user.id, access, refresh, token_type, expires_in }
            }
            Registration::Waiting(waiting) => Self::Waiting(waiting.clone()),
        }
    }

    /// The same tokens, with the current profile.
    pub fn again(self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Registration> {
        Ok(match self {
            Self::SignedIn { user, access, refresh, token_type, expires_in } => {
                let user = profile::own(tx.conn, user)?.at(now);
                Registration::SignedIn(Box::new(SignedIn { access, refresh, token_type, expires_in, user }))
            }
            Self::Waiting(waiting) => Registration::Waiting(waiting),
        })
    }
}

fn welcome(tx: &mut Tx<'_>, ctx: &Ctx, mint: &Mint, new: &NewAccount, password: String) -> Result<Registration> {
    let row = row(ctx, new, password);
    let made = diesel::insert_into(users::table).values(&row).on_conflict_do_nothing().execute(tx.conn)?;
    if made == 0 {
        return Err(taken(tx.conn, &row)?.into());
    }
    names::claim(tx.conn, ctx.now, &row)?;
    let own = row.own()?;
    // If an address got too many emails recently, its owner can request another one later.
    let too_many = if !may_cause(tx, ctx)? {
        Some(TooManyEmails::Caller)
    } else if mailed::may_send(tx.conn, ctx.now, Purpose::Verify, &new.email).is_err() {
        Some(TooManyEmails::Address)
    } else {
        verify::ask(tx, ctx, Whose::User(own.id), &own.username, &new.email, VERIFY_FOR)?;
        None
    };
    tx.withheld.extend(too_many.map(|reason| Withheld { call: EmailCall::SignUp, reason }));
    audit::record(tx, ctx, &Entry::new("user.registered").on(Target::user(own.id)))?;
    let signed_in = sessions::sign_in(tx, ctx, mint, own.clone(), None)?;
    journal::append(tx, ctx, &Change::UserRegistered(own.card()))?;
    Ok(Registration::SignedIn(Box::new(signed_in)))
}

/// Somebody who has caused too many emails still gets the account.
fn may_cause(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<bool> {
    match mailed::cause(tx, ctx) {
        Err(Error::TooMany { .. }) => Ok(false),
        caused => caused.map(|()| true),
    }
}

/// The display name; the username if none was given.
pub fn display_name(new: &NewAccount) -> String {
    new.display_name.clone().map_or_else(|| new.username.as_str().to_owned(), DisplayName::into_string)
}

/// Creates an account with a role, without signing it in. The role is recorded like any change of a role.
pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, new: NewAccount, password: String, role: Role) -> Result<Own> {
    names::lock(tx.conn, [&new.username])?;
    if names::is_taken(tx.conn, ctx.now, new.username.as_str())? {
        return Err(USERNAME_TAKEN.into());
    }
    if sign_ups::has_name(tx.conn, ctx.now, &new.username)? {
        return Err(USERNAME_AWAITED.into());
    }
    let row = UserRow { role: role.as_str().to_owned(), ..row(ctx, &new, password) };
    let made = diesel::insert_into(users::table).values(&row).on_conflict_do_nothing().execute(tx.conn)?;
    if made == 0 {
        return Err(taken(tx.conn, &row)?.into());
    }
    names::claim(tx.conn, ctx.now, &row)?;
    let own = row.own()?;
    let entry = Entry::new("user.registered").on(Target::user(own.id)).after(serde_json::json!({"role": role}));
    audit::record(tx, ctx, &entry)?;
    let changes = [Change::UserRegistered(own.card()), Change::UserUpdated(Box::new(own.clone()))];
    journal::append_all(tx, &changes.each_ref().map(|change| (ctx, change)))?;
    Ok(own)
}

fn row(ctx: &Ctx, new: &NewAccount, password: String) -> UserRow {
    let name = (new.username.as_str().to_owned(), new.username.key());
    let email = (new.email.as_str().to_owned(), new.email.key());
    UserRow { display_name: display_name(new), ..UserRow::new(UserId::new(ctx.now), name, email, password, ctx.now) }
}

pub fn has_email(conn: &mut Conn, email_key: &str) -> Result<bool> {
    Ok(select(exists(users::table.filter(users::email_key.eq(email_key)))).get_result(conn)?)
}

/// Which of the two unique values is taken.
pub fn taken(conn: &mut Conn, row: &UserRow) -> Result<Refusal> {
    if select(exists(users::table.filter(users::username_key.eq(&row.username_key)))).get_result(conn)? {
        return Ok(USERNAME_TAKEN);
    }
    if has_email(conn, &row.email_key)? {
        return Ok(EMAIL_TAKEN);
    }
    Err(Error::internal("a user could not be inserted, although nothing conflicts"))
}
