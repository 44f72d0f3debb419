//! Tokens in emails: random, stored as a hash, usable once and for a limited time.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_accounts::{Email, Own, model::SignUpId, policy, refusals::LINK_GONE};
use clowder_core::{Actor, Ctx, Mail, NewJob, Result, Timestamp, UserId, idempotency::KEPT_FOR};
use data_encoding::HEXLOWER;
use diesel::prelude::*;

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    jobs,
    upkeep::{PIECE, forget},
};
use super::verify;
use crate::{
    domains::credentials::{caused_emails, mailed_tokens as table},
    keys::{random, sha256},
};

/// The owner of the email.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    User(UserId),
    SignUp(SignUpId),
    /// A notice; the email contains no token.
    Nobody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Verify,
    Reset,
    /// Allows choosing a new password like `Reset`, but was handed over by the operator, so it does not prove the
    /// address.
    Handed,
    Notice,
}

/// The kinds that allow choosing a new password.
pub const RESETS: &[Purpose] = &[Purpose::Reset, Purpose::Handed];

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Handed => "handed",
            Self::Notice => "notice",
        }
    }
}

/// A presented token.
#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct Presented {
    pub user_id: Option<UserId>,
    pub sign_up_id: Option<SignUpId>,
    pub email: String,
    pub email_key: String,
    pub expires_at: Timestamp,
    purpose: String,
}

impl Presented {
    /// Whether it was sent to its address.
    pub fn was_mailed(&self) -> bool {
        self.purpose != Purpose::Handed.as_str()
    }

    /// Whether it allows choosing a new password.
    pub fn resets(&self) -> bool {
        words(RESETS).contains(&self.purpose.as_str())
    }
}

pub fn words(purposes: &[Purpose]) -> Vec<&'static str> {
    purposes.iter().map(|purpose| purpose.as_str()).collect()
}

impl Whose {
    const fn user(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::SignUp(_) | Self::Nobody => None,
        }
    }
}

/// Enqueues an email as part of the transaction. Until it is sent, it is deleted with the account it is about
/// (`whose`), and with the account that has its address.
pub fn post(tx: &mut Tx<'_>, ctx: &Ctx, whose: Whose, mail: &Mail) -> Result<()> {
    jobs::order(tx, ctx, &NewJob::new(mail, ctx.now)?.to(&mail.address).about(whose.user()))
}

/// Like [`post`], for an email that expires: if it cannot be sent until then, it is dropped.
pub fn post_until(tx: &mut Tx<'_>, ctx: &Ctx, whose: Whose, mail: Mail, good_until: Timestamp) -> Result<()> {
    post(tx, ctx, whose, &Mail { good_until: Some(good_until), ..mail })
}

/// Notifies somebody about their account. The holder of an unconfirmed address may be a stranger; they get no more
/// notices than emails of any other kind.
pub fn notify(tx: &mut Tx<'_>, ctx: &Ctx, own: &Own, mail: &Mail) -> Result<()> {
    if !own.email_verified {
        let email = verify::email_of(own)?;
        if may_send(tx.conn, ctx.now, Purpose::Notice, &email).is_err() {
            return Ok(());
        }
        issue(tx, ctx, Purpose::Notice, Whose::User(own.id), &email, policy::VERIFY_FOR)?;
    }
    post(tx, ctx, Whose::User(own.id), mail)
}

/// Whether another email of this kind may be sent to this address now. The kinds have separate limits, so that nobody
/// can block a password reset by causing other emails. Locks the mailbox until the end of the transaction, so that of
/// several concurrent requests one succeeds.
pub fn may_send(conn: &mut Conn, now: Timestamp, purpose: Purpose, email: &Email) -> Result<()> {
    let mailbox = email.mailbox();
    dialect::credentials::lock_mailbox(conn, &mailbox)?;
    let sent: Vec<Timestamp> = table::table
        .filter(table::mailbox.eq(mailbox).and(table::purpose.eq(purpose.as_str())))
        .filter(table::created_at.gt(now.minus(Duration::from_secs(3600))))
        .select(table::created_at)
        .load(conn)?;
    policy::may_mail(now, &sent)
}

/// Locks several mailboxes in one order, for writes that send to more than one: otherwise two users who change to each
/// other's address would deadlock.
pub fn hold_mailboxes(conn: &mut Conn, emails: &[&Email]) -> Result<()> {
    let mailboxes: BTreeSet<_> = emails.iter().map(|email| email.mailbox()).collect();
    mailboxes.iter().try_for_each(|mailbox| dialect::credentials::lock_mailbox(conn, mailbox))
}

/// Records that the caller causes an email to an address that may be somebody else's, or says how long to wait: the
/// limit per person or place applies whether or not an email is sent, so a refusal reveals nothing about any address.
pub fn cause(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<()> {
    let who = match (ctx.actor, ctx.origin.place()) {
        (Actor::User { id, .. }, _) => format!("user {id}"),
        (Actor::Nobody, Some(place)) => format!("place {place}"),
        // An internal call.
        (Actor::System, _) | (Actor::Nobody, None) => return Ok(()),
    };
    let sender = tx.services.keys.fingerprint(&["causes mail", &who].map(str::as_bytes)).to_vec();
    dialect::credentials::lock_mailbox(tx.conn, &format!("from {}", HEXLOWER.encode(&sender)))?;
    let own = caused_emails::table.filter(caused_emails::sender.eq(&sender));
    let since = ctx.now.minus(policy::CAUSED_FOR);
    let caused: Vec<Timestamp> =
        own.filter(caused_emails::created_at.gt(since)).select(caused_emails::created_at).load(tx.conn)?;
    policy::may_cause_mail(ctx.now, &caused, tx.services.options.credentials.emails_an_hour)?;
    diesel::insert_into(caused_emails::table)
        .values((caused_emails::sender.eq(sender), caused_emails::created_at.eq(ctx.now)))
        .on_conflict_do_nothing()
        .execute(tx.conn)?;
    Ok(())
}

/// Deletes entries that no longer count.
pub fn sweep_caused(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = caused_emails::table
        .filter(caused_emails::created_at.le(ctx.now.minus(policy::CAUSED_FOR)))
        .select((caused_emails::sender, caused_emails::created_at))
        .order((caused_emails::sender, caused_emails::created_at))
        .limit(PIECE);
    let past: Vec<(Vec<u8>, Timestamp)> = dialect::unclaimed!(past).load(tx.conn)?;
    // They are already locked.
    for key in &past {
        diesel::delete(caused_emails::table.find((&key.0, key.1))).execute(tx.conn)?;
    }
    Ok(past.len())
}

/// Creates a token; what is stored does not reveal it.
pub fn issue(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    purpose: Purpose,
    whose: Whose,
    email: &Email,
    good_for: Duration,
) -> Result<String> {
    let mut octets = [0; 32];
    random(&mut octets)?;
    let token = URL_SAFE_NO_PAD.encode(octets);
    let sign_up = match whose {
        Whose::SignUp(sign_up) => Some(sign_up),
        Whose::User(_) | Whose::Nobody => None,
    };
    let row = (
        table::hash.eq(hash(&token)),
        table::purpose.eq(purpose.as_str()),
        table::user_id.eq(whose.user()),
        table::sign_up_id.eq(sign_up),
        table::email.eq(email.as_str()),
        table::email_key.eq(email.key()),
        table::mailbox.eq(email.mailbox()),
        table::created_at.eq(ctx.now),
        table::expires_at.eq(ctx.now.plus(good_for)),
    );
    diesel::insert_into(table::table).values(row).execute(tx.conn)?;
    Ok(token)
}

/// Finds a token without using it.
pub fn look(conn: &mut Conn, now: Timestamp, purposes: &[Purpose], token: &str) -> Result<Presented> {
    find(conn, now, purposes, token)?.unwrap_or_else(|| Err(LINK_GONE.into()))
}

/// Like [`look`], but distinguishes a used or expired token from one that never existed, which is a guess.
pub fn find(conn: &mut Conn, now: Timestamp, purposes: &[Purpose], token: &str) -> Result<Option<Result<Presented>>> {
    let row = table::table.find(hash(token)).select((Presented::as_select(), table::used_at, table::expires_at));
    let row: Option<(Presented, Option<Timestamp>, Timestamp)> = row.first(conn).optional()?;
    Ok(row.map(|(presented, used_at, expires_at)| {
        let good = used_at.is_none() && expires_at > now && words(purposes).contains(&presented.purpose.as_str());
        if good { Ok(presented) } else { Err(LINK_GONE.into()) }
    }))
}

/// Uses a token: of several concurrent uses, one succeeds.
pub fn take(tx: &mut Tx<'_>, ctx: &Ctx, purposes: &[Purpose], token: &str) -> Result<Presented> {
    let good = table::table
        .find(hash(token))
        .filter(table::purpose.eq_any(words(purposes)))
        .filter(table::used_at.is_null().and(table::expires_at.gt(ctx.now)));
    let taken: Option<Presented> = diesel::update(good)
        .set(table::used_at.eq(ctx.now))
        .returning(Presented::as_returning())
        .get_result(tx.conn)
        .optional()?;
    taken.ok_or_else(|| LINK_GONE.into())
}

/// Invalidates the unused tokens of a user.
pub fn revoke(tx: &mut Tx<'_>, ctx: &Ctx, purposes: &[Purpose], user: UserId) -> Result<()> {
    let open = table::table
        .filter(table::user_id.eq(user).and(table::purpose.eq_any(words(purposes))))
        .filter(table::used_at.is_null().and(table::expires_at.gt(ctx.now)));
    diesel::update(open).set(table::used_at.eq(ctx.now)).execute(tx.conn)?;
    Ok(())
}

/// Invalidates the tokens sent to other addresses than this one, which is that of the account.
pub fn revoke_elsewhere(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, email_key: &str) -> Result<()> {
    let open = table::table
        .filter(table::user_id.eq(user).and(table::email_key.ne(email_key)))
        .filter(table::used_at.is_null());
    diesel::update(open).set(table::used_at.eq(ctx.now)).execute(tx.conn)?;
    Ok(())
}

fn hash(token: &str) -> Vec<u8> {
    sha256(token.as_bytes()).to_vec()
}

/// Deletes tokens some time after they have expired.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    Ok(forget!(tx, table by hash: Vec<u8>, table::expires_at.le(ctx.now.minus(KEPT_FOR))))
}
