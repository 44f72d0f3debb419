//! How each part goes, in bounded pieces. A piece that is done again does nothing.

use clowder_accounts::{Change, Email, change::ApiKeyRevoked};
use clowder_core::{ApiKeyId, Ctx, Error, Field, Id, JobId, Result, SessionId, Timestamp};
use diesel::{
    dsl::{exists, not},
    prelude::*,
};

use super::{
    super::{db::Tx, dialect, jobs, journal},
    Erasing,
    parts::EraseStep,
};
use crate::schema::{
    accounts::sessions as devices,
    api_keys::api_keys as programs,
    audit::{audit as log, audit_pending, refusal_windows},
    credentials::mailed_tokens,
    idempotency::answers,
    jobs::jobs as waiting,
    preferences::preferences,
    privacy::{export_chunks, exports as copies},
    sign_ups::{invites as invited, sign_ups},
    two_factor::{recovery_codes, two_factor as factors},
};

/// How many rows go in one piece.
const ROWS: i64 = 200;
/// How many pieces of a copy, which are large, go in one.
const CHUNKS: i64 = 20;

/// A part that is done when all of its rows are gone.
fn all_gone(rows: usize, left: bool) -> Result<EraseStep> {
    Ok(EraseStep { rows: rows as u64, next: left.then(String::new) })
}

pub fn nothing(_: &mut Tx<'_>, _: &Ctx, _: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    Ok(EraseStep::default())
}

/// The rows of sessions stay for a day without anything that tells about somebody: a node that starts meanwhile has to
/// know that their tokens are worth nothing.
pub fn sessions(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let mut own = devices::table
        .filter(devices::user_id.eq(erasing.user))
        .select(devices::id)
        .order(devices::id)
        .limit(ROWS)
        .into_boxed();
    if let Some(mark) = mark {
        let after: SessionId = mark.parse().map_err(|_| Error::internal("a mark that is no session"))?;
        own = own.filter(devices::id.gt(after));
    }
    let ids: Vec<SessionId> = own.load(tx.conn)?;
    for session in &ids {
        dialect::accounts::lock_session(tx.conn, *session)?;
    }
    let emptied = (
        devices::name.eq(None::<String>),
        devices::agent.eq(None::<String>),
        devices::address.eq(None::<String>),
        devices::opened_from.eq(None::<String>),
        devices::expires_at.eq(ctx.now),
    );
    diesel::update(devices::table.filter(devices::id.eq_any(&ids))).set(emptied).execute(tx.conn)?;
    let open = devices::table.filter(devices::id.eq_any(&ids)).filter(devices::ended_at.is_null());
    diesel::update(open).set(devices::ended_at.eq(ctx.now)).execute(tx.conn)?;
    let next = ids.last().filter(|_| ids.len() as i64 == ROWS).map(ToString::to_string);
    Ok(EraseStep { rows: ids.len() as u64, next })
}

pub fn settings(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    all_gone(diesel::delete(preferences::table.find(erasing.user)).execute(tx.conn)?, false)
}

pub fn two_factor(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let codes = recovery_codes::table.filter(recovery_codes::user_id.eq(erasing.user));
    let codes = diesel::delete(codes).execute(tx.conn)?;
    all_gone(diesel::delete(factors::table.find(erasing.user)).execute(tx.conn)? + codes, false)
}

/// What was mailed or waits to be: also emails that could not be sent and lie among the dead jobs, whose payload holds
/// the address, and sign-ups that were made with it. What was to go to other addresses is found by whom it is about: the
/// address may be that of another person, whose emails stay.
pub fn emails(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let address = erasing.recipient.as_ref().map(|recipient| recipient.address.clone()).unwrap_or_default();
    let recipient = jobs::recipient(&tx.services.keys, &address);
    let theirs = waiting::table
        .filter(waiting::subject_id.eq(erasing.user).or(waiting::recipient.eq(recipient)))
        .select(waiting::id)
        .order(waiting::id)
        .limit(ROWS);
    let theirs: Vec<JobId> = theirs.load(tx.conn)?;
    dialect::jobs::lock_jobs(tx.conn, &theirs)?;
    let left = theirs.len() as i64 == ROWS;
    let mut rows = diesel::delete(waiting::table.filter(waiting::id.eq_any(theirs))).execute(tx.conn)?;
    rows += diesel::delete(mailed_tokens::table.filter(mailed_tokens::user_id.eq(erasing.user))).execute(tx.conn)?;
    // However it was typed: an internationalised domain has two spellings, and one key.
    if let Ok(email) = Email::parse(address.into()) {
        let sent = mailed_tokens::mailbox.eq(email.mailbox()).and(mailed_tokens::email_key.eq(email.key()));
        rows += diesel::delete(mailed_tokens::table.filter(sent)).execute(tx.conn)?;
        rows += diesel::delete(sign_ups::table.filter(sign_ups::email_key.eq(email.key()))).execute(tx.conn)?;
    }
    all_gone(rows, left)
}

/// Whoever knows one of these keys by heart hears that it opens nothing any more.
pub fn api_keys(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let gone: Vec<ApiKeyId> = diesel::delete(programs::table.filter(programs::user_id.eq(erasing.user)))
        .returning(programs::id)
        .get_results(tx.conn)?;
    let revoked = |key: &ApiKeyId| {
        Change::ApiKeyRevoked(ApiKeyRevoked { user: erasing.user, api_key_id: *key, revoked_at: ctx.now })
    };
    let changes: Vec<_> = gone.iter().map(revoked).collect();
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())?;
    all_gone(gone.len(), false)
}

pub fn invites(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    all_gone(diesel::delete(invited::table.filter(invited::created_by.eq(erasing.user))).execute(tx.conn)?, false)
}

pub fn exports(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = export_chunks::table.inner_join(copies::table).filter(copies::user_id.eq(erasing.user));
    let some: Vec<Id<()>> = own.select(export_chunks::id).limit(CHUNKS).load(tx.conn)?;
    if !some.is_empty() {
        return all_gone(
            diesel::delete(export_chunks::table.filter(export_chunks::id.eq_any(some))).execute(tx.conn)?,
            true,
        );
    }
    all_gone(diesel::delete(copies::table.filter(copies::user_id.eq(erasing.user))).execute(tx.conn)?, false)
}

/// What was answered to them, and what was answered to nobody when they registered. Answers to others name things by
/// their ids, and are given with what is known of these now; so are those of their sends, which say of whom they are
/// to nobody and have a day at most.
pub fn answers(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let theirs = answers::table.filter(answers::subject_id.eq(erasing.user));
    let some: Vec<Id<()>> = theirs.select(answers::id).order(answers::id).limit(ROWS).load(tx.conn)?;
    for id in &some {
        diesel::delete(answers::table.find(id)).execute(tx.conn)?;
    }
    all_gone(some.len(), some.len() as i64 == ROWS)
}

/// Entries cannot be changed, and need not be: what they say about somebody is sealed with the key that goes. They are
/// counted, for the receipt. What counts refused attempts at the account goes.
pub fn audit(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let rows: i64 = log::table.filter(log::subject_id.eq(erasing.user)).count().get_result(tx.conn)?;
    let pending = audit_pending::table.filter(audit_pending::subject_id.eq(erasing.user));
    let pending: i64 = pending.count().get_result(tx.conn)?;
    let windows = refusal_windows::table.filter(refusal_windows::subject_id.eq(erasing.user));
    let windows = windows.select(refusal_windows::key).order(refusal_windows::key);
    for key in windows.load::<Vec<u8>>(tx.conn)? {
        diesel::delete(refusal_windows::table.find(key)).execute(tx.conn)?;
    }
    Ok(EraseStep { rows: (rows + pending).unsigned_abs(), next: None })
}

/// Forgets copies whose time is past: first what they hold, then that there were any.
pub fn sweep_exports(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    use clowder_accounts::privacy::EXPORT_KNOWN_FOR;
    let past: Vec<Id<()>> = copies::table
        .filter(copies::expires_at.le(now))
        .select(copies::id)
        .order(copies::id)
        .limit(ROWS)
        .load(tx.conn)?;
    let some = export_chunks::table.filter(export_chunks::export_id.eq_any(past));
    let some = some.select(export_chunks::id).order(export_chunks::id).limit(CHUNKS);
    let some: Vec<Id<()>> = dialect::unclaimed!(some).load(tx.conn)?;
    let chunks = diesel::delete(export_chunks::table.filter(export_chunks::id.eq_any(some))).execute(tx.conn)?;
    // Only those whose chunks are gone: what goes with a row would be locked in no order.
    let held = export_chunks::table.filter(export_chunks::export_id.eq(copies::id));
    let old = copies::table
        .filter(copies::created_at.le(now.minus(EXPORT_KNOWN_FOR)).and(not(exists(held))))
        .select(copies::id)
        .order(copies::id)
        .limit(ROWS);
    let old: Vec<Id<()>> = dialect::unclaimed!(old).load(tx.conn)?;
    Ok(chunks + diesel::delete(copies::table.filter(copies::id.eq_any(old))).execute(tx.conn)?)
}
