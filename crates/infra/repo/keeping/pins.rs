//! Messages that are pinned in their chats.

use clowder_core::{ChatId, Ctx, Error, MessageId, Page, PageRequest, Result, Timestamp, UserId};
use clowder_messaging::{
    Change, Message,
    keeping::{
        MOST_PINS, NewOrder, Pin, PinFacts, Pinned, Pinning, PinsOrdered, Unpinned, decide_pin, decide_unpin,
        is_of_the_system, reorder,
    },
    lifetimes::{conceal, is_over},
    policy::{Action, allow, is_open},
    refusals::{CHAT_UNKNOWN, MESSAGE_UNKNOWN},
};
use diesel::{
    dsl::{count_star, exists, max},
    prelude::*,
};

use super::super::{
    chats::{
        edit::tell,
        hold::{Held, hold},
    },
    db::Tx,
    dialect::Conn,
    messaging::{
        change,
        messages::{self, Judged, Membership},
        removed::STAYS,
    },
};
use crate::domains::messaging::{MessageRow, chats, message_pins as table, messages as said, participants};

/// The message and what is known of it, while its chat is locked.
fn locked(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<(Message, PinFacts)> {
    let viewer = ctx.user()?;
    let first = messages::facts(tx.conn, None, viewer, id)?;
    first.seat.ok_or(MESSAGE_UNKNOWN)?;
    hold(tx, ctx, first.message.chat_id, &[]).map_err(|error| match error {
        Error::Refused(refusal) if refusal.code == CHAT_UNKNOWN.code => MESSAGE_UNKNOWN.into(),
        error => error,
    })?;
    let found = messages::facts(tx.conn, None, viewer, id)?;
    let message = found.message;
    let pins = table::table.filter(table::chat_id.eq(message.chat_id)).select(count_star()).first(tx.conn)?;
    let unseen = lowest_unseen(tx.conn, message.chat_id, viewer)?;
    let facts = PinFacts {
        seat: found.seat,
        closed: found.closed,
        deleted: message.deleted_at.is_some() || is_over(&message, ctx.now),
        system: is_of_the_system(&message),
        pinned: message.pinned,
        pins,
        unseen: unseen.is_some(),
    };
    Ok((message, facts))
}

/// The number of the lowest pinned message of a chat that somebody in it does not see.
fn lowest_unseen(conn: &mut Conn, chat: ChatId, viewer: UserId) -> Result<Option<i64>> {
    let from = participants::table.find((chat, viewer)).select(participants::visible_from);
    let from = from.first::<i64>(conn).optional()?.unwrap_or_default();
    let unseen = table::table.filter(table::chat_id.eq(chat).and(table::seq.le(from)));
    Ok(unseen.order(table::rank).select(table::seq).first(conn).optional()?)
}

pub fn pin(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<Pin> {
    let (mut message, facts) = locked(tx, ctx, id)?;
    let (chat, seq, caller) = (message.chat_id, message.seq, ctx.user()?);
    message = Judged::among(tx.conn, caller, ctx.now, [message.sender.id])?.mark(message);
    conceal(&mut message, ctx.now);
    let pinning = decide_pin(facts)?;
    if pinning == Pinning::Stay {
        let by = table::table.find((chat, seq)).select((table::pinned_by, table::pinned_at));
        let (pinned_by, pinned_at) = by.first(tx.conn)?;
        return Ok(Pin { message, pinned_by, pinned_at });
    }
    change(tx, ctx, chat)?;
    let mut changes = Vec::new();
    if let (Pinning::Replace, Some(unseen)) = (pinning, lowest_unseen(tx.conn, chat, caller)?) {
        let other = said::table.find((chat, unseen)).select(said::id).first(tx.conn)?;
        changes.push(take_off(tx, (chat, unseen, other), caller)?);
    }
    let highest: Option<i64> = table::table.filter(table::chat_id.eq(chat)).select(max(table::rank)).first(tx.conn)?;
    diesel::insert_into(table::table)
        .values((
            table::chat_id.eq(chat),
            table::seq.eq(seq),
            table::rank.eq(highest.unwrap_or(0) + 1),
            table::pinned_by.eq(caller),
            table::pinned_at.eq(ctx.now),
        ))
        .execute(tx.conn)?;
    mark(tx.conn, chat, seq, true)?;
    message.pinned = true;
    let told = Pinned { chat_id: chat, message_id: id, seq, pinned_by: caller, pinned_at: ctx.now };
    changes.push(Change::Pinned(told));
    tell(tx, ctx, &changes)?;
    Ok(Pin { message, pinned_by: caller, pinned_at: ctx.now })
}

pub fn unpin(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<()> {
    let (message, facts) = locked(tx, ctx, id)?;
    if !decide_unpin(facts)? {
        return Ok(());
    }
    change(tx, ctx, message.chat_id)?;
    let unpinned = take_off(tx, (message.chat_id, message.seq, id), ctx.user()?)?;
    tell(tx, ctx, &[unpinned])
}

fn take_off(
    tx: &mut Tx<'_>,
    (chat_id, seq, message_id): (ChatId, i64, MessageId),
    unpinned_by: UserId,
) -> Result<Change> {
    diesel::delete(table::table.find((chat_id, seq))).execute(tx.conn)?;
    mark(tx.conn, chat_id, seq, false)?;
    Ok(Change::Unpinned(Unpinned { chat_id, message_id, seq, unpinned_by }))
}

/// Notes it at the message. Summaries of chats, with their last messages, are cached under the revision.
fn mark(conn: &mut Conn, chat: ChatId, seq: i64, pinned: bool) -> Result<()> {
    diesel::update(said::table.find((chat, seq))).set(said::pinned.eq(pinned)).execute(conn)?;
    diesel::update(chats::table.find(chat)).set(chats::revision.eq(chats::revision + 1)).execute(conn)?;
    Ok(())
}

pub fn list(conn: &mut Conn, viewer: UserId, now: Timestamp, chat: ChatId, page: &PageRequest) -> Result<Page<Pin>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    let after = page.number()?.unwrap_or(i64::MAX);
    let own = participants::chat_id.eq(said::chat_id).and(participants::user_id.eq(viewer));
    let pinned = said::table
        .inner_join(table::table.on(table::chat_id.eq(said::chat_id).and(table::seq.eq(said::seq))))
        .inner_join(participants::table.on(own))
        .filter(table::chat_id.eq(chat).and(table::seq.gt(membership.visible_from)).and(table::rank.lt(after)))
        .filter(STAYS)
        // It may take a moment until it is deleted, and a server of the version before leaves the pin.
        .filter(said::deleted_at.is_null())
        .filter(said::expires_at.is_null().or(said::expires_at.gt(now)))
        .order(table::rank.desc())
        .limit(page.fetch())
        .select((MessageRow::as_select(), table::rank, table::pinned_by, table::pinned_at));
    let pinned: Vec<(MessageRow, i64, UserId, Timestamp)> = pinned.load(conn)?;
    let pins: Vec<_> = pinned.iter().map(|(_, rank, by, at)| (*rank, *by, *at)).collect();
    let rows: Vec<MessageRow> = pinned.into_iter().map(|(row, ..)| row).collect();
    let mut room = clowder_core::page::Room::of(page.limit);
    let (mut messages, more) = membership.fill(conn, None, now, &mut room, rows)?;
    messages.iter_mut().for_each(|message| conceal(message, now));
    let last = messages.len().checked_sub(1).and_then(|last| pins.get(last));
    let next_cursor = last.filter(|_| more).map(|(rank, ..)| rank.to_string());
    let pin = |(message, (_, pinned_by, pinned_at))| Pin { message, pinned_by, pinned_at };
    Ok(Page { items: messages.into_iter().zip(pins).map(pin).collect(), next_cursor })
}

/// Everybody hears of the pins that they may see. If some came later than the earliest, there is a change for each message from
/// which on somebody may see them, the latest first: the last one that reaches somebody names all that they may see.
fn ordered(conn: &mut Conn, chat: ChatId, ids: &[MessageId], pinned: &[(MessageId, i64)]) -> Result<Vec<Change>> {
    let mut from: Vec<i64> = pinned.iter().map(|(_, seq)| *seq).collect();
    from.sort_unstable_by(|one, other| other.cmp(one));
    let Some(earliest) = from.last().copied() else { return Ok(Vec::new()) };
    let late = participants::table.filter(participants::chat_id.eq(chat).and(participants::visible_from.ge(earliest)));
    if !diesel::select(exists(late)).get_result::<bool>(conn)? {
        from = vec![earliest];
    }
    let change = |from: i64| {
        let sees = |id: &&MessageId| pinned.iter().any(|(known, seq)| known == *id && *seq >= from);
        let message_ids = ids.iter().filter(sees).copied().collect();
        Change::PinsOrdered(PinsOrdered { chat_id: chat, message_ids }, from)
    };
    Ok(from.into_iter().map(change).collect())
}

pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, order: &NewOrder) -> Result<Page<Pin>> {
    let Held { caller, row, seat } = hold(tx, ctx, chat, &[])?;
    allow(seat, Action::Pin)?;
    is_open(row.closed)?;
    let pinned = said::table
        .inner_join(table::table.on(table::chat_id.eq(said::chat_id).and(table::seq.eq(said::seq))))
        .filter(table::chat_id.eq(chat))
        .order(table::rank.desc())
        .select((said::id, said::seq));
    let pinned: Vec<(MessageId, i64)> = pinned.load(tx.conn)?;
    let now: Vec<MessageId> = pinned.iter().map(|(id, _)| *id).collect();
    if let Some(after) = reorder(&now, &order.message_ids) {
        change(tx, ctx, chat)?;
        for (rank, id) in (1_i64..).zip(after.iter().rev()) {
            if let Some((_, seq)) = pinned.iter().find(|(known, _)| known == id) {
                diesel::update(table::table.find((chat, *seq))).set(table::rank.eq(rank)).execute(tx.conn)?;
            }
        }
        let changes = ordered(tx.conn, chat, &after, &pinned)?;
        tell(tx, ctx, &changes)?;
    }
    list(tx.conn, caller, ctx.now, chat, &PageRequest { limit: MOST_PINS as u32, cursor: None })
}
