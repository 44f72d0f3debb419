//! How each part goes, in bounded pieces. A piece that is done again does nothing.

use clowder_accounts::{Change, change::ApiKeyRevoked};
use clowder_core::{ApiKeyId, Ctx, Error, Id, JobId, Result, SessionId, Timestamp};
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::{db::Tx, journal},
    Erasing,
    parts::Piece,
};
use crate::schema::{
    answers, api_keys as programs, audit as log, export_chunks, exports as copies, invites as invited, jobs,
    mailed_tokens, preferences, recovery_codes, refresh_tokens, sessions as devices, sign_ups, two_factor as factors,
};

/// How many rows go in one piece.
const ROWS: i64 = 200;
/// How many pieces of a copy, which are large, go in one.
const CHUNKS: i64 = 20;

/// How marks begin among the answers to those without a name.
const ANONYMOUS: &str = "anonymous:";

/// A part that is done when all of its rows are gone.
fn all_gone(rows: usize, left: bool) -> Result<Piece> {
    Ok(Piece { rows: rows as u64, next: left.then(String::new) })
}

pub fn nothing(_: &mut Tx<'_>, _: &Ctx, _: &Erasing, _: Option<&str>) -> Result<Piece> {
    Ok(Piece::default())
}

/// The rows of sessions stay for a day without anything that tells about somebody: a node that starts meanwhile has to
/// know that their tokens are worth nothing.
pub fn sessions(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<Piece> {
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
    diesel::delete(refresh_tokens::table.filter(refresh_tokens::session_id.eq_any(&ids))).execute(tx.conn)?;
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
    Ok(Piece { rows: ids.len() as u64, next })
}

pub fn settings(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<Piece> {
    all_gone(diesel::delete(preferences::table.find(erasing.user)).execute(tx.conn)?, false)
}

pub fn two_factor(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<Piece> {
    let codes = recovery_codes::table.filter(recovery_codes::user_id.eq(erasing.user));
    let codes = diesel::delete(codes).execute(tx.conn)?;
    all_gone(diesel::delete(factors::table.find(erasing.user)).execute(tx.conn)? + codes, false)
}

/// What was mailed or waits to be: also letters that could not be sent and lie among the dead jobs, whose payload holds
/// the address, and sign-ups that were made with it.
pub fn letters(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<Piece> {
    let own = mailed_tokens::table.filter(mailed_tokens::user_id.eq(erasing.user));
    let asked: Vec<String> = own.select(mailed_tokens::email_key).distinct().load(tx.conn)?;
    let known = Known::new(erasing, asked);
    let mut some = jobs::table.select((jobs::id, jobs::payload)).order(jobs::id).limit(ROWS).into_boxed();
    if let Some(mark) = mark {
        let after: JobId = mark.parse().map_err(|_| Error::internal("a mark that is no job"))?;
        some = some.filter(jobs::id.gt(after));
    }
    let some: Vec<(JobId, Vec<u8>)> = some.load(tx.conn)?;
    let theirs = |payload: &[u8]| known.is_shown_in(&tx.house.keys.unseal(payload).unwrap_or_default());
    let theirs: Vec<JobId> = some.iter().filter(|(_, payload)| theirs(payload)).map(|(id, _)| *id).collect();
    let mut rows = diesel::delete(jobs::table.filter(jobs::id.eq_any(theirs))).execute(tx.conn)?;
    let next = some.last().filter(|_| some.len() as i64 == ROWS).map(|(id, _)| id.to_string());
    if next.is_none() {
        // Last, for they tell what other addresses there are.
        let own = mailed_tokens::user_id.eq(erasing.user).or(mailed_tokens::email_key.eq(&known.address));
        rows += diesel::delete(mailed_tokens::table.filter(own)).execute(tx.conn)?;
        rows += diesel::delete(sign_ups::table.filter(sign_ups::email_key.eq(&known.address))).execute(tx.conn)?;
    }
    Ok(Piece { rows: rows as u64, next })
}

/// By what somebody shows in the payload of a job.
struct Known {
    address: String,
    name: String,
    /// Addresses that were to become theirs. They may be those of others, so what goes there is theirs only if it calls
    /// them by name.
    asked: Vec<String>,
}

impl Known {
    fn new(erasing: &Erasing, asked: Vec<String>) -> Self {
        let recipient = erasing.recipient.as_ref();
        Self {
            address: recipient.map(|recipient| recipient.address.to_lowercase()).unwrap_or_default(),
            name: recipient.map(|recipient| recipient.name.clone()).unwrap_or_default(),
            asked,
        }
    }

    fn is_shown_in(&self, payload: &[u8]) -> bool {
        let Ok(payload) = serde_json::from_slice::<Value>(payload) else { return false };
        let to = |address: &String| !address.is_empty() && holds(&payload, &|text| text.to_lowercase() == *address);
        to(&self.address) || self.asked.iter().any(to) && holds(&payload, &|text| text == self.name)
    }
}

/// Whether a text like this stands anywhere in a value.
fn holds(value: &Value, is: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is(text),
        Value::Array(items) => items.iter().any(|item| holds(item, is)),
        Value::Object(members) => members.values().any(|member| holds(member, is)),
        _ => false,
    }
}

/// Whoever knows one of these keys by heart hears that it opens nothing any more.
pub fn api_keys(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<Piece> {
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

pub fn invites(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<Piece> {
    all_gone(diesel::delete(invited::table.filter(invited::created_by.eq(erasing.user))).execute(tx.conn)?, false)
}

pub fn exports(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<Piece> {
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

/// What was answered to them, and what was answered to nobody when they registered, which shows them, too.
pub fn answers(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<Piece> {
    let caller = Id::<()>::from_uuid(erasing.user.uuid());
    let Some(after) = mark.and_then(|mark| mark.strip_prefix(ANONYMOUS)) else {
        let own = answers::table.filter(answers::caller_id.eq(caller));
        let some: Vec<String> = own.select(answers::key).limit(ROWS).load(tx.conn)?;
        let next = if some.len() as i64 == ROWS { String::new() } else { ANONYMOUS.to_owned() };
        let gone = answers::table.filter(answers::caller_id.eq(caller).and(answers::key.eq_any(some)));
        return Ok(Piece { rows: diesel::delete(gone).execute(tx.conn)? as u64, next: Some(next) });
    };
    let nobody = Id::<()>::from_uuid(Uuid::nil());
    let some: Vec<(String, Vec<u8>)> = answers::table
        .filter(answers::caller_id.eq(nobody).and(answers::key.gt(after)))
        .order(answers::key)
        .limit(ROWS)
        .select((answers::key, answers::answer))
        .load(tx.conn)?;
    let id = erasing.user.to_string();
    let shows_them = |answer: &[u8]| {
        let answer = tx.house.keys.unseal(answer).ok().and_then(|plain| serde_json::from_slice(&plain).ok());
        answer.is_some_and(|answer: Value| holds(&answer, &|text| text == id))
    };
    let theirs: Vec<&String> = some.iter().filter(|(_, answer)| shows_them(answer)).map(|(key, _)| key).collect();
    let gone = answers::table.filter(answers::caller_id.eq(nobody).and(answers::key.eq_any(theirs)));
    let rows = diesel::delete(gone).execute(tx.conn)? as u64;
    let last = some.last().filter(|_| some.len() as i64 == ROWS);
    Ok(Piece { rows, next: last.map(|(key, _)| format!("{ANONYMOUS}{key}")) })
}

/// Entries cannot be changed, and need not be: what they say about somebody is sealed with the key that goes. They are
/// counted, for the receipt.
pub fn audit(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<Piece> {
    let rows: i64 = log::table.filter(log::subject_id.eq(erasing.user)).count().get_result(tx.conn)?;
    Ok(Piece { rows: rows.unsigned_abs(), next: None })
}

/// Forgets copies whose time is past: first what they hold, then that there were any.
pub fn sweep_exports(tx: &mut Tx<'_>, now: Timestamp) -> Result<usize> {
    use clowder_accounts::privacy::EXPORT_KNOWN_FOR;
    let past = export_chunks::table.inner_join(copies::table).filter(copies::expires_at.le(now));
    let some: Vec<Id<()>> = past.select(export_chunks::id).limit(CHUNKS).load(tx.conn)?;
    let chunks = diesel::delete(export_chunks::table.filter(export_chunks::id.eq_any(some))).execute(tx.conn)?;
    let old = copies::table.filter(copies::created_at.le(now.minus(EXPORT_KNOWN_FOR)));
    Ok(chunks + diesel::delete(old).execute(tx.conn)?)
}
