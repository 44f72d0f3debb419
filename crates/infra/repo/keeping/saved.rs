//! Messages that people have saved for themselves.

use std::collections::HashMap;

use clowder_core::{ChatId, Ctx, MessageId, Page, PageRequest, Result, Timestamp, UserId};
use clowder_messaging::{
    Change, Message,
    keeping::{MOST_SAVED, NewSave, Saved, SavedChanged, may_save},
    lifetimes::{conceal, is_over},
    refusals::MESSAGE_UNKNOWN,
};
use diesel::{
    dsl::{count_star, exists, not},
    prelude::*,
};

use super::super::{
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
    let found = messages::facts(tx.conn, None, caller, id)?;
    let deleted = found.message.deleted_at.is_some() || is_over(&found.message, ctx.now);
    let before = table::table.find((caller, id)).select((table::saved_at, table::note));
    let before: Option<(Timestamp, Option<String>)> = before.first(tx.conn).optional()?;
    let mut count = count(tx.conn, caller)?;
    if before.is_none() && count >= MOST_SAVED {
        count -= forget_gone(tx, caller)?;
    }
    may_save(found.seat, deleted, before.is_some(), count)?;
    let hidden = !messages::hidden(tx.conn, caller, [found.message.sender.id])?.is_empty();
    let mut message = Message { hidden, ..found.message };
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

fn count(conn: &mut Conn, user: UserId) -> Result<i64> {
    Ok(table::table.filter(table::user_id.eq(user)).select(count_star()).first(conn)?)
}

/// Forgets what somebody has saved that nobody can ever see again, and answers how much it was.
fn forget_gone(tx: &mut Tx<'_>, user: UserId) -> Result<i64> {
    let there = said::table.filter(said::id.eq(table::message_id)).filter(said::deleted_at.is_null());
    let gone = table::table.filter(table::user_id.eq(user)).filter(not(exists(there)));
    let gone: Vec<MessageId> = gone.select(table::message_id).load(tx.conn)?;
    if gone.is_empty() {
        return Ok(0);
    }
    tx.deleted_text = true;
    let mut rows = 0;
    for some in gone.chunks(500) {
        let these = table::table.filter(table::user_id.eq(user).and(table::message_id.eq_any(some)));
        rows += diesel::delete(these).execute(tx.conn)? as i64;
    }
    Ok(rows)
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
