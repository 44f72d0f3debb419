//! How a chat is moderated: slow mode, word filter and brake; and the word filter of the server.

use clowder_core::{
    ChatId, Ctx, Error, Id, Result, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use clowder_messaging::{
    Change,
    change::{Braked, CHAT_UPDATED},
    moderation::{
        Filter, NewBrake, NewFilter, NewSlowMode, Rules,
        rules::{Arrival, arrive},
    },
    policy::{Action, allow},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        audit,
        chats::{
            edit::tell,
            hold::{Held, hold},
        },
        db::Tx,
        dialect::Conn,
        invitations::guests,
        journal,
        messaging::{change, chats, messages::Membership},
    },
    reviews,
};
use crate::domains::messaging::{
    BrakeRow, FaceRow, OF_SERVER, chat_brakes as brakes, chats as table, filter_of, word_filters as filters,
};

pub fn seen(conn: &mut Conn, viewer: UserId, chat: ChatId) -> Result<Rules> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    allow(membership.seat, Action::Review)?;
    rules(conn, chat, viewer)
}

fn rules(conn: &mut Conn, chat: ChatId, viewer: UserId) -> Result<Rules> {
    let slow_seconds = table::table.find(chat).select(table::slow_seconds).first(conn)?;
    let brake: Option<BrakeRow> = brakes::table.find(chat).select(BrakeRow::as_select()).first(conn).optional()?;
    let filter = filter(conn, Id::from_uuid(chat.uuid()))?;
    let reviews = reviews::count(conn, chat, viewer)?;
    Ok(Rules { chat_id: chat, slow_seconds, filter, brake: brake.map(|brake| brake.brake()), reviews })
}

pub fn filter(conn: &mut Conn, id: Id<()>) -> Result<Filter> {
    let row: Option<(String, String)> =
        filters::table.find(id).select((filters::action, filters::words)).first(conn).optional()?;
    row.map_or(Ok(Filter::OFF), |(action, words)| filter_of(&action, &words))
}

fn held(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, action: Action) -> Result<Held> {
    let held = hold(tx, ctx, chat, &[])?;
    allow(held.seat, action)?;
    Ok(held)
}

pub fn slow_down(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: NewSlowMode) -> Result<Rules> {
    let Held { caller, row, .. } = held(tx, ctx, chat, Action::Review)?;
    let before = row.slow_seconds;
    change(tx, ctx, chat)?;
    let entry = Entry::new("chat.slowed").on(Target::of("chat", chat)).before(json!({"seconds": before}));
    audit::record(tx, ctx, &entry.after(json!({"seconds": new.seconds, "reason": new.reason.as_str()})))?;
    if new.seconds != before {
        diesel::update(table::table.find(chat))
            .set((table::slow_seconds.eq(new.seconds), table::version.eq(table::version + 1)))
            .execute(tx.conn)?;
        let face =
            chats::face(tx.conn, chat)?.ok_or_else(|| Error::internal("a chat that is gone while it is locked"))?;
        let change = Change::ChatUpdated(Box::new(face.face()?));
        journal::supersede(tx, &[CHAT_UPDATED], &change)?;
        tell(tx, ctx, &[change])?;
    }
    rules(tx.conn, chat, caller)
}

/// Answers the new version, too: 0 if nothing is caught, none if it is as before.
pub fn set_filter(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewFilter) -> Result<(Rules, Option<i64>)> {
    let Held { caller, .. } = held(tx, ctx, chat, Action::Review)?;
    if is_as_before(tx.conn, Id::from_uuid(chat.uuid()), new)? {
        return Ok((rules(tx.conn, chat, caller)?, None));
    }
    change(tx, ctx, chat)?;
    // Not the words, which nobody could delete there, and of which there can be very many.
    let entry = Entry::new("chat_filter.set").on(Target::of("chat", chat));
    let after = json!({"words": new.words.len(), "action": new.action, "reason": new.reason.as_str()});
    audit::record(tx, ctx, &entry.after(after))?;
    let version = store(tx, Id::from_uuid(chat.uuid()), new)?;
    // Where nothing is caught, a send looks for nothing.
    let version = if new.words.is_empty() { 0 } else { version };
    diesel::update(table::table.find(chat)).set(table::filter_version.eq(version)).execute(tx.conn)?;
    Ok((rules(tx.conn, chat, caller)?, Some(version)))
}

/// The same for the filter of the server.
pub fn set_server_filter(tx: &mut Tx<'_>, ctx: &Ctx, new: &NewFilter) -> Result<(Filter, Option<i64>)> {
    let mut version = None;
    if !is_as_before(tx.conn, OF_SERVER, new)? {
        let after = json!({"words": new.words, "action": new.action, "reason": new.reason.as_str()});
        audit::record(tx, ctx, &Entry::new("server_filter.set").after(after))?;
        version = Some(store(tx, OF_SERVER, new)?);
    }
    Ok((filter(tx.conn, OF_SERVER)?, version))
}

/// Whether a filter catches this already.
fn is_as_before(conn: &mut Conn, id: Id<()>, new: &NewFilter) -> Result<bool> {
    let Filter { action, words } = filter(conn, id)?;
    Ok(action == new.action && words == new.words)
}

/// Stores a filter, and returns its version.
fn store(tx: &mut Tx<'_>, id: Id<()>, new: &NewFilter) -> Result<i64> {
    let (action, words) = (new.action.as_str(), new.words.join("\n"));
    // The words before were somebody's text.
    tx.deleted_text = true;
    let version = diesel::insert_into(filters::table)
        .values((filters::id.eq(id), filters::version.eq(1_i64), filters::action.eq(action), filters::words.eq(&words)))
        .on_conflict(filters::id)
        .do_update()
        .set((filters::version.eq(filters::version + 1), filters::action.eq(action), filters::words.eq(&words)))
        .returning(filters::version);
    Ok(version.get_result(tx.conn)?)
}

pub fn set_brake(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewBrake) -> Result<Rules> {
    let Held { caller, .. } = held(tx, ctx, chat, Action::Ban)?;
    change(tx, ctx, chat)?;
    let limits = new
        .limits
        .map(|limits| json!({"joins": limits.joins, "seconds": limits.seconds, "hold_seconds": limits.hold_seconds}));
    let entry = Entry::new("chat_brake.set").on(Target::of("chat", chat));
    audit::record(tx, ctx, &entry.after(json!({"limits": limits, "reason": new.reason.as_str()})))?;
    diesel::delete(brakes::table.find(chat)).execute(tx.conn)?;
    if let Some(limits) = new.limits {
        let row = BrakeRow {
            chat_id: chat,
            joins: limits.joins,
            seconds: limits.seconds,
            hold_seconds: limits.hold_seconds,
            counted_until: None,
            held_until: None,
        };
        diesel::insert_into(brakes::table).values(row).execute(tx.conn)?;
    }
    rules(tx.conn, chat, caller)
}

/// Whether the next person who comes by themselves makes the brake of a chat go on.
pub fn would_brake(conn: &mut Conn, now: Timestamp, chat: ChatId) -> Result<bool> {
    let row: Option<BrakeRow> = brakes::table.find(chat).select(BrakeRow::as_select()).first(conn).optional()?;
    let arrival = row.map(|row| arrive(row.brake(), row.counted_until, now));
    Ok(matches!(arrival, Some(Arrival::Wait { new: true, .. })))
}

/// Counts somebody who comes into a locked chat by themselves: whether they have to wait until they are let in, and what is
/// told of it.
pub fn brake(tx: &mut Tx<'_>, ctx: &Ctx, chat: &FaceRow) -> Result<Option<Vec<Change>>> {
    let one = brakes::table.find(chat.id);
    let Some(row): Option<BrakeRow> = one.select(BrakeRow::as_select()).first(tx.conn).optional()? else {
        return Ok(None);
    };
    match arrive(row.brake(), row.counted_until, ctx.now) {
        Arrival::In(counted_until) => {
            diesel::update(one).set(brakes::counted_until.eq(counted_until)).execute(tx.conn)?;
            Ok(None)
        }
        Arrival::Wait { new: false, .. } => Ok(Some(Vec::new())),
        Arrival::Wait { until, new: true } => {
            diesel::update(one).set(brakes::held_until.eq(until)).execute(tx.conn)?;
            let staff = guests::staff(tx.conn, chat.id, &[])?;
            let braked = Braked { chat_id: chat.id, until };
            Ok(Some(staff.into_iter().map(|to| Change::Braked(to, braked)).collect()))
        }
    }
}

/// Deletes the filter of a chat with the chat, which no key of the database connects.
pub fn forget_filter(tx: &mut Tx<'_>, chat: ChatId) -> Result<()> {
    let id: Id<()> = Id::from_uuid(chat.uuid());
    tx.deleted_text |= diesel::delete(filters::table.find(id)).execute(tx.conn)? > 0;
    Ok(())
}
