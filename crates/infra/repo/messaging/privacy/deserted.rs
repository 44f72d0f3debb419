//! Chats without living participants: nobody can read their messages any more, and nobody could ever delete them.

use clowder_core::{ChatId, Ctx, Error, Id, MessageId, Result, Topic, UserId};
use clowder_messaging::CHAT;
use diesel::prelude::*;
use uuid::Uuid;

use super::super::{
    super::{
        chat_analytics, chat_imports,
        chats::pictures,
        db::Tx,
        dialect::{self, Conn},
        journal,
        keeping::saved,
        moderation, polls,
        privacy::{Erasing, parts::EraseStep},
        relations::threads,
    },
    attached, mentioned, reacted, receipts, removed, titles,
};
use crate::domains::{
    accounts::users,
    messaging::{chats, message_client_ids, message_edits, message_pins, messages, participants},
};

/// How many chats are examined in one piece.
const CHATS: i64 = 50;
/// How many rows of a chat are deleted in one piece.
const ROWS: i64 = 200;

/// Deletes the chats that the user shared with no living person, with everything in them.
pub fn clear(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let mark: Option<ChatId> =
        mark.map(str::parse).transpose().map_err(|_| Error::internal("a mark that is not a chat"))?;
    let mut after = mark.unwrap_or(Id::from_uuid(Uuid::nil()));
    let memberships: Vec<ChatId> = participants::table
        .filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(after)))
        .select(participants::chat_id)
        .order(participants::chat_id)
        .limit(CHATS)
        .load(tx.conn)?;
    for chat in &memberships {
        if !is_inhabited(tx.conn, *chat)? {
            dialect::messaging::lock_chat(tx.conn, *chat)?;
            // Somebody may have joined meanwhile. From now on nobody can, so the result stays true.
            if is_inhabited(tx.conn, *chat)? {
                after = *chat;
                continue;
            }
            hide(tx, ctx, *chat)?;
            let rows = clear_some(tx, erasing.user, *chat)?;
            return Ok(EraseStep { rows, next: Some(after.to_string()) });
        }
        after = *chat;
    }
    Ok(EraseStep { rows: 0, next: (memberships.len() as i64 == CHATS).then(|| after.to_string()) })
}

/// Makes a locked chat unknown to everybody.
fn hide(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<()> {
    let shown = chats::table.find(chat).filter(chats::deleted_at.is_null());
    if diesel::update(shown).set(chats::deleted_at.eq(ctx.now)).execute(tx.conn)? > 0 {
        titles::unindex(tx, chat)?;
    }
    Ok(())
}

fn is_inhabited(conn: &mut Conn, chat: ChatId) -> Result<bool> {
    let living = participants::table
        .inner_join(users::table)
        .filter(participants::chat_id.eq(chat).and(users::deleted_at.is_null()));
    Ok(living.select(participants::user_id).first::<UserId>(conn).optional()?.is_some())
}

/// Deletes some of what a chat contains, its messages first; finally the membership by which it was found, and the chat
/// itself.
fn clear_some(tx: &mut Tx<'_>, user: UserId, chat: ChatId) -> Result<u64> {
    let rows = clear_messages(tx, chat)?;
    if rows > 0 {
        return Ok(rows);
    }
    let told = journal::clear_topic(tx, Topic::new(CHAT, chat), ROWS)?;
    if told > 0 {
        return Ok(told);
    }
    let moderated = moderation::clear(tx, chat)?;
    if moderated > 0 {
        return Ok(moderated);
    }
    let counted = chat_analytics::clear(tx.conn, chat)?;
    if counted > 0 {
        return Ok(counted);
    }
    let imported = chat_imports::clear(tx, chat)?;
    if imported > 0 {
        return Ok(imported);
    }
    let others = participants::table.filter(participants::chat_id.eq(chat).and(participants::user_id.ne(user)));
    let others: Vec<UserId> = others.select(participants::user_id).limit(ROWS).load(tx.conn)?;
    if !others.is_empty() {
        let memberships = participants::table.filter(participants::chat_id.eq(chat));
        return Ok(diesel::delete(memberships.filter(participants::user_id.eq_any(others))).execute(tx.conn)? as u64);
    }
    pictures::take_away(tx, chat)?;
    let membership = diesel::delete(participants::table.find((chat, user))).execute(tx.conn)?;
    Ok((membership + diesel::delete(chats::table.find(chat)).execute(tx.conn)?) as u64)
}

/// Deletes some of the messages of a chat, and answers how many rows: none when there are none left.
pub fn clear_messages(tx: &mut Tx<'_>, chat: ChatId) -> Result<u64> {
    let times = receipts::clear(tx.conn, chat)?;
    if times > 0 {
        return Ok(times);
    }
    let marks = threads::clear(tx.conn, chat, ROWS)?;
    if marks > 0 {
        return Ok(marks);
    }
    let reactions = reacted::clear(tx.conn, chat, ROWS)?;
    if reactions > 0 {
        return Ok(reactions);
    }
    let mentions = mentioned::clear(tx.conn, chat, ROWS)?;
    if mentions > 0 {
        return Ok(mentions);
    }
    let files = attached::clear(tx, chat, ROWS)?;
    if files > 0 {
        return Ok(files);
    }
    let removed = removed::clear(tx.conn, chat, ROWS)?;
    if removed > 0 {
        return Ok(removed);
    }
    let saves = saved::clear(tx, chat, ROWS)?;
    if saves > 0 {
        return Ok(saves);
    }
    let votes = polls::clear(tx.conn, chat, ROWS)?;
    if votes > 0 {
        return Ok(votes);
    }
    let said = messages::table.filter(messages::chat_id.eq(chat)).order(messages::seq).limit(ROWS);
    let said: Vec<(i64, MessageId, UserId, Option<String>)> =
        said.select((messages::seq, messages::id, messages::sender_id, messages::client_id)).load(tx.conn)?;
    if let Some((until, ..)) = said.last() {
        let named = said.iter().filter_map(|(_, id, sender, client)| Some((*id, *sender, client.as_deref()?)));
        for (id, sender, client) in named {
            let used = message_client_ids::table.find((sender, client)).filter(message_client_ids::message_id.eq(id));
            diesel::delete(used).execute(tx.conn)?;
        }
        let edits = message_edits::chat_id.eq(chat).and(message_edits::seq.le(until));
        let edits = diesel::delete(message_edits::table.filter(edits)).execute(tx.conn)?;
        let pins = message_pins::chat_id.eq(chat).and(message_pins::seq.le(until));
        diesel::delete(message_pins::table.filter(pins)).execute(tx.conn)?;
        let said = messages::table.filter(messages::chat_id.eq(chat).and(messages::seq.le(until)));
        let rows = diesel::delete(said).execute(tx.conn)? + edits;
        dialect::search::clear(tx.conn, chat, *until)?;
        return Ok(rows as u64);
    }
    Ok(0)
}
