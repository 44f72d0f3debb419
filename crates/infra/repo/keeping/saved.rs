//! Messages that people have saved for themselves.

use std::collections::HashMap;

use clowder_core::{ChatId, Ctx, MessageId, Page, PageRequest, Result, Timestamp, UserId};
use clowder_messaging::{
    Change,
    keeping::{NewSave, Saved, SavedChanged, may_save},
    lifetimes::{conceal, is_over},
    refusals::MESSAGE_UNKNOWN,
};
use diesel::{dsl::count_star, prelude::*};

use super::super::{
    among::AmongIds,
    chats::{edit::tell, hold::is_alive},
    db::Tx,
    dialect::{self, Conn},
    messaging::{messages, removed::IS_SEEN},
};
use crate::domains::messaging::{MessageRow, chats, messages as said, participants, saved_messages as table};

pub fn save(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId, new: NewSave) -> Result<Saved> {
    let caller = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, caller)?;
    if !is_alive(tx.conn, caller)? {
        return Err(MESSAGE_UNKNOWN.into());
    }
    let chat = said::table.filter(said::id.eq(id)).select(said::chat_id).first::<ChatId>(tx.conn).optional()?;
    // Whoever deletes the message holds it, too: so the note goes with the message.
    dialect::messaging::lock_chat(tx.conn, chat.ok_or(MESSAGE_UNKNOWN)?)?;
    let found = messages::facts(tx.conn, None, caller, id)?;
    let deleted = found.message.deleted_at.is_some() || is_over(&found.message, ctx.now);
    let before = table::table.find((caller, id)).select((table::saved_at, table::note));
    let before: Option<(Timestamp, Option<String>)> = before.first(tx.conn).optional()?;
    let count = table::table.filter(table::user_id.eq(caller)).select(count_star()).first(tx.conn)?;
    may_save(found.seat, deleted, before.is_some(), count)?;
    let judged = messages::Judged::among(tx.conn, caller, ctx.now, [found.message.sender.id])?;
    let mut message = judged.mark(found.message);
    conceal(&mut message, ctx.now);
    let note = new.note.map(clowder_core::Name::into_string);
    let (saved_at, is_new) = match &before {
        Some((saved_at, earlier)) if *earlier == note => return Ok(Saved { message, note, saved_at: *saved_at }),
        Some((saved_at, earlier)) => {
            tx.deleted_text |= earlier.is_some();
            (*saved_at, false)
        }
        None => (ctx.now, true),
    };
    let chat_id = message.chat_id;
    if is_new {
        diesel::insert_into(table::table)
            .values((
                table::user_id.eq(caller),
                table::message_id.eq(id),
                table::chat_id.eq(chat_id),
                table::saved_at.eq(saved_at),
                table::note.eq(&note),
            ))
            .execute(tx.conn)?;
    } else {
        diesel::update(table::table.find((caller, id))).set(table::note.eq(&note)).execute(tx.conn)?;
    }
    tell(tx, ctx, &[Change::MessageSaved(caller, SavedChanged { chat_id, message_id: id })])?;
    Ok(Saved { message, note, saved_at })
}

/// How many of the notes on messages that are deleted together go with them at once; the others go soon after.
const AT_ONCE: i64 = 500;

/// Forgets that people have saved some messages of a locked chat, which are being deleted, and what they have noted of them.
pub fn drop_from(tx: &mut Tx<'_>, chat: ChatId, gone: &[MessageId]) -> Result<()> {
    if drop_some(tx, chat, gone)? == AT_ONCE {
        let these = said::table.filter(said::id.among(gone));
        diesel::update(these).set(said::reactions_left.eq(true)).execute(tx.conn)?;
    }
    Ok(())
}

/// Deletes some of these, and answers how many.
pub fn drop_some(tx: &mut Tx<'_>, chat: ChatId, gone: &[MessageId]) -> Result<i64> {
    let saves = table::table.filter(table::chat_id.eq(chat).and(table::message_id.among(gone)));
    let some = saves.order((table::user_id, table::message_id)).limit(AT_ONCE);
    let some: Vec<(UserId, MessageId)> = some.select((table::user_id, table::message_id)).load(tx.conn)?;
    for one in &some {
        tx.deleted_text |= diesel::delete(table::table.find(*one)).execute(tx.conn)? > 0;
    }
    Ok(some.len() as i64)
}

/// Deletes some of what people have saved in a chat that goes with everything in it; none when there is none left.
pub fn clear(tx: &mut Tx<'_>, chat: ChatId, most: i64) -> Result<u64> {
    let saves = table::table.filter(table::chat_id.eq(chat)).order((table::user_id, table::message_id)).limit(most);
    let some: Vec<(UserId, MessageId)> = saves.select((table::user_id, table::message_id)).load(tx.conn)?;
    for one in &some {
        tx.deleted_text |= diesel::delete(table::table.find(*one)).execute(tx.conn)? > 0;
    }
    Ok(some.len() as u64)
}

pub fn unsave(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId) -> Result<()> {
    let caller = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, caller)?;
    let saved = table::table.find((caller, id)).select(table::chat_id).first::<ChatId>(tx.conn).optional()?;
    let Some(chat_id) = saved else {
        // What one may not see does not exist.
        messages::facts(tx.conn, None, caller, id)?.seat.ok_or(MESSAGE_UNKNOWN)?;
        return Ok(());
    };
    diesel::delete(table::table.find((caller, id))).execute(tx.conn)?;
    tx.deleted_text = true;
    tell(tx, ctx, &[Change::MessageUnsaved(caller, SavedChanged { chat_id, message_id: id })])
}

/// What is gone, or in chats that they have left, is not in it.
pub fn list(
    conn: &mut Conn,
    viewer: UserId,
    now: Timestamp,
    chat: Option<ChatId>,
    page: &PageRequest,
) -> Result<Page<Saved>> {
    let own = participants::chat_id.eq(said::chat_id).and(participants::user_id.eq(viewer));
    let mut query = table::table
        .inner_join(said::table.on(said::id.eq(table::message_id)))
        .inner_join(participants::table.on(own))
        .inner_join(chats::table.on(chats::id.eq(said::chat_id)))
        .filter(table::user_id.eq(viewer))
        .filter(IS_SEEN)
        .filter(said::deleted_at.is_null().and(chats::deleted_at.is_null()))
        .filter(said::expires_at.is_null().or(said::expires_at.gt(now)))
        .order((table::saved_at.desc(), table::message_id.desc()))
        .limit(page.fetch())
        .select((MessageRow::as_select(), table::saved_at, table::note))
        .into_boxed();
    if let Some(chat) = chat {
        query = query.filter(table::chat_id.eq(chat));
    }
    if let Some((at, id)) = page.moment()? {
        let id: MessageId = id;
        let earlier = table::saved_at.lt(at).or(table::saved_at.eq(at).and(table::message_id.lt(id)));
        query = query.filter(earlier);
    }
    let rows: Vec<(MessageRow, Timestamp, Option<String>)> = query.load(conn)?;
    let mut notes = HashMap::with_capacity(rows.len());
    let rows = rows.into_iter().map(|(row, saved_at, note)| {
        notes.insert(row.id, (saved_at, note));
        row
    });
    let messages = messages::across(conn, None, viewer, now, rows.collect())?;
    let saved = messages.into_iter().filter_map(|message| {
        let (saved_at, note) = notes.remove(&message.id)?;
        Some(Ok(Saved { message, note, saved_at }))
    });
    Page::fill(saved, page, |saved: &Saved| Page::<()>::place(saved.saved_at, saved.message.id))
}
