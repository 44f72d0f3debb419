//! Erasures: requested, cancelled, carried out in pieces, and confirmed by a receipt.

use std::time::Duration;

use clowder_accounts::{
    Change, Own,
    model::{Content, Erasing as Due, Fate, Receipt},
    privacy::{ErasureFacts, decide_erasure, may_undo},
    refusals::SESSION_ENDED,
};
use clowder_core::{
    Actor, Ctx, Error, Id, NewJob, Result, Timestamp, UserId,
    audit::{Entry, Target},
    job::{Queue, Work},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::{
        accounts::{
            access::{self, Ended},
            profile,
            sessions::Which,
        },
        audit,
        credentials::mailed::{self, Whose},
        db::Tx,
        dialect, jobs, journal, staff, two_factor, user_keys,
    },
    ERASURE_RECIPIENT, Erasing, Recipient, parts,
};
use crate::{
    domains::{
        accounts::{UserRow, users},
        jobs::jobs as ordered,
        privacy::erasures as table,
    },
    emails, receipts,
    seal::{Place, Sealed, unreadable},
};

/// The job that erases an account.
#[derive(Debug, Serialize, Deserialize)]
pub struct Erase {
    pub erasure: Id<Erasing>,
}

impl Work for Erase {
    const KIND: &'static str = "account.erase";
    const QUEUE: Queue = Queue::Default;
}

fn key(erasure: Id<Erasing>) -> String {
    format!("{}:{erasure}", Erase::KIND)
}

/// The request of the user; their password has been verified.
pub fn request(tx: &mut Tx<'_>, ctx: &Ctx, messages: Fate, after: Duration) -> Result<(Due, Ended)> {
    let user = ctx.user()?;
    // Locked since the password was checked again.
    if profile::own(tx.conn, user)?.two_factor {
        two_factor::require_recent(tx.conn, ctx)?;
    }
    order(tx, ctx, user, Some(messages), after)
}

/// The request of an administrator, which has no grace period. The user's choice for their messages, if any, applies
/// unless another one is given. A stolen token must not erase anybody.
pub fn order_now(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, messages: Option<Fate>) -> Result<(Due, Ended)> {
    dialect::accounts::lock_admins(tx.conn)?;
    dialect::accounts::lock_user(tx.conn, user)?;
    if ctx.actor != Actor::System {
        two_factor::require_recent(tx.conn, ctx)?;
    }
    order(tx, ctx, user, messages, Duration::ZERO)
}

fn order(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, messages: Option<Fate>, after: Duration) -> Result<(Due, Ended)> {
    let (standing, before) = staff::facts(tx.conn, ctx, user)?;
    let erase_at = decide_erasure(ctx.now, &ErasureFacts { standing, pending: before.erase_at }, after)?;
    let earlier = pending_of(tx, user)?;
    let delete_messages = match (messages, &earlier) {
        (Some(fate), _) => fate == Fate::Delete,
        (None, earlier) => earlier.as_ref().is_some_and(|(_, delete)| *delete),
    };
    let ended = access::close(tx, ctx, user, Which::All, true)?;
    let own = mark(tx, user, Some(erase_at))?;
    let mail =
        tx.services.email_templates.erasure_requested(&emails::Recipient::of(&before), erase_at, erase_at > ctx.now)?;
    mailed::notify(tx, ctx, &before, &mail)?;
    // Jobs are locked after sessions and mailboxes.
    if let Some((earlier, _)) = earlier {
        forget(tx, earlier)?;
    }
    let id = Id::<Erasing>::new(ctx.now);
    diesel::insert_into(table::table)
        .values((
            table::id.eq(id),
            table::user_id.eq(user),
            table::requested_at.eq(ctx.now),
            table::erase_at.eq(erase_at),
            table::delete_messages.eq(delete_messages),
            table::state.eq("[]"),
        ))
        .execute(tx.conn)?;
    jobs::order(tx, ctx, &NewJob::new(&Erase { erasure: id }, erase_at)?.keyed(key(id)))?;
    let entry = Entry::new("erasure.requested").on(Target::user(user));
    audit::record(tx, ctx, &entry.after(json!({"erase_at": erase_at, "delete_messages": delete_messages})))?;
    access::tell(tx, ctx, user, &ended)?;
    journal::append(tx, ctx, &Change::UserUpdated(Box::new(own)))?;
    Ok((Due { erase_at }, ended))
}

pub fn undo(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<Own> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let row: UserRow =
        users::table.find(user).select(UserRow::as_select()).first(tx.conn).optional()?.ok_or(SESSION_ENDED)?;
    may_undo(ctx.now, row.erase_at, row.deleted_at.is_some())?;
    let own = mark(tx, user, None)?;
    let mail = tx.services.email_templates.erasure_undone(&emails::Recipient::of(&own))?;
    mailed::notify(tx, ctx, &own, &mail)?;
    if let Some((erasure, _)) = pending_of(tx, user)? {
        forget(tx, erasure)?;
    }
    audit::record(tx, ctx, &Entry::new("erasure.undone").on(Target::user(user)))?;
    journal::append(tx, ctx, &Change::UserUpdated(Box::new(own.clone())))?;
    Ok(own)
}

fn mark(tx: &mut Tx<'_>, user: UserId, erase_at: Option<Timestamp>) -> Result<Own> {
    let row: UserRow = diesel::update(users::table.find(user))
        .set((users::erase_at.eq(erase_at), users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)?;
    row.own()
}

fn pending_of(tx: &mut Tx<'_>, user: UserId) -> Result<Option<(Id<Erasing>, bool)>> {
    let pending = table::table.filter(table::user_id.eq(user).and(table::erased_at.is_null()));
    Ok(pending.select((table::id, table::delete_messages)).first(tx.conn).optional()?)
}

/// Deletes a cancelled erasure and its job.
fn forget(tx: &mut Tx<'_>, erasure: Id<Erasing>) -> Result<()> {
    diesel::delete(table::table.find(erasure)).execute(tx.conn)?;
    diesel::delete(ordered::table.filter(ordered::key.eq(key(erasure)))).execute(tx.conn)?;
    Ok(())
}

/// Enqueues the job again for erasures that are due and not done, in case it was given up; deletes nothing.
pub fn remind(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let due: Vec<Id<Erasing>> = table::table
        .filter(table::erased_at.is_null().and(table::erase_at.le(ctx.now)))
        .select(table::id)
        .limit(100)
        .load(tx.conn)?;
    for erasure in due {
        jobs::order(tx, ctx, &NewJob::new(&Erase { erasure }, ctx.now)?.keyed(key(erasure)))?;
    }
    Ok(0)
}

/// The progress of a part.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    name: String,
    rows: u64,
    done: bool,
    mark: Option<String>,
}

type Row = (UserId, Timestamp, Timestamp, bool, Option<Sealed>, String, Option<Timestamp>);

/// Does the next piece of an erasure and stores the progress in the same transaction, so that another worker can
/// continue after a crash. False if there is nothing left to do, or nothing to do yet.
pub fn step(tx: &mut Tx<'_>, ctx: &Ctx, id: Id<Erasing>, changes: i64) -> Result<bool> {
    let find = |tx: &mut Tx<'_>| -> Result<Option<Row>> {
        let columns = (
            table::user_id,
            table::requested_at,
            table::erase_at,
            table::delete_messages,
            table::recipient,
            table::state,
            table::erased_at,
        );
        Ok(table::table.find(id).select(columns).first(tx.conn).optional()?)
    };
    let Some((user, ..)) = find(tx)? else { return Ok(false) };
    // Of several workers one continues at a time, and nobody cancels what has begun.
    dialect::accounts::lock_user(tx.conn, user)?;
    let Some((user, requested_at, erase_at, delete_messages, sealed, state, None)) = find(tx)? else {
        return Ok(false);
    };
    if erase_at > ctx.now {
        return Ok(false);
    }
    let recipient = sealed.map(|sealed| unseal(tx, user, id, &sealed)).transpose()?.flatten();
    let erasing = Erasing { id, user, delete_messages, requested_at, recipient, changes };
    tx.erases = true;
    let mut states: Vec<State> = serde_json::from_str(&state)?;
    let is_done = |name: &str| states.iter().any(|state| state.name == name && state.done);
    let Some(part) = parts::all().iter().find(|part| !is_done(part.name)) else {
        finish(tx, ctx, &erasing, states)?;
        return Ok(false);
    };
    let index = states.iter().position(|state| state.name == part.name).unwrap_or_else(|| {
        states.push(State { name: part.name.to_owned(), rows: 0, done: false, mark: None });
        states.len() - 1
    });
    let piece = (part.erase)(tx, ctx, &erasing, states[index].mark.as_deref())?;
    let state = &mut states[index];
    let state_rows = piece.rows;
    state.rows += piece.rows;
    state.done = piece.next.is_none();
    state.mark = piece.next;
    diesel::update(table::table.find(id)).set(table::state.eq(serde_json::to_string(&states)?)).execute(tx.conn)?;
    // Parts that erase nothing have nothing to find.
    tx.deleted_text |= state_rows > 0;
    Ok(true)
}

/// `None` if the key was deleted early or cannot be read: then no email is sent, and the erasure continues all the
/// same.
fn unseal(tx: &mut Tx<'_>, user: UserId, id: Id<Erasing>, sealed: &Sealed) -> Result<Option<Recipient>> {
    let opened = |tx: &mut Tx<'_>| -> Result<Option<Recipient>> {
        let Some(key) = user_keys::find(tx.conn, &tx.services.ring, user)? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&key.open(Place::new(ERASURE_RECIPIENT, id), sealed)?)?))
    };
    match opened(tx) {
        // Either the database is unavailable, or the value is corrupt.
        Err(error @ Error::Unavailable(_)) => Err(error),
        Err(error) => Ok(unreadable(&error)),
        opened => opened,
    }
}

/// Signs the receipt and destroys the key: from here on nobody can read what it encrypted, wherever it is stored.
fn finish(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, states: Vec<State>) -> Result<()> {
    audit::record(tx, ctx, &Entry::new("user.erased").on(Target::user(erasing.user)))?;
    // Encrypted with the key that is destroyed now; later a new key would be created.
    audit::write(tx)?;
    let had_key = user_keys::shred(tx, erasing.user)?;
    let rows = |state: &State| if state.name == "key" { u64::from(had_key) } else { state.rows };
    let receipt = Receipt {
        server: tx.services.email_templates.server_url.clone(),
        user_id: erasing.user,
        requested_at: erasing.requested_at,
        erased_at: ctx.now,
        messages: if erasing.delete_messages { Fate::Delete } else { Fate::Keep },
        parts: states.iter().map(|state| Content { name: state.name.clone(), rows: rows(state) }).collect(),
    };
    tx.deleted_text = true;
    let signed = receipts::sign(&tx.services.keys, &receipt)?;
    let done = (
        table::erased_at.eq(ctx.now),
        table::recipient.eq(None::<Sealed>),
        table::state.eq("[]"),
        table::receipt.eq(&signed),
    );
    diesel::update(table::table.find(erasing.id)).set(done).execute(tx.conn)?;
    if let Some(Recipient { name, address }) = erasing.recipient.clone() {
        let mail = tx.services.email_templates.erased(&emails::Recipient { name, address }, &signed)?;
        mailed::post(tx, ctx, Whose::Nobody, &mail)?;
    }
    Ok(())
}
