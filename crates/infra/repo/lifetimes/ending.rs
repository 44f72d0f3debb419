//! Deletes messages whose time is over. Its speed is what counts: the statements of a piece are for all of its messages.

use std::collections::{BTreeSet, HashMap, HashSet};

use clowder_core::{ChatId, Ctx, MessageId, Recorded, Result, Timestamp};
use clowder_messaging::{
    Message, Status,
    change::SHOW_THE_MESSAGE,
    edit::without_text,
    lifetimes::{conceal_told, port::PIECE},
};
use diesel::{dsl::exists, prelude::*};
use serde::{Deserialize, de::IgnoredAny};

use super::super::{
    among::AmongIds,
    batch,
    cards::Cards,
    chats::edit::tell,
    db::Tx,
    dialect::{self, Conn},
    group_commit::LOCK_WAIT,
    journal::said::{rewrite, said},
    messaging::edit::{self, By},
    people::Viewer,
    scheduled::due::LATE,
};
use crate::domains::messaging::{MessageRow, messages as table};

/// How often it looks for messages in other chats, when those that it finds are in chats that others hold.
const LOOKS: usize = 8;

/// The chat of a message, and its number there.
type Place = (ChatId, i64);

/// What a change says of a message, as far as it matters here.
#[derive(Deserialize)]
struct Staying {
    id: MessageId,
    lifetime: Option<IgnoredAny>,
}

/// Takes the texts of messages whose time is over, and which nobody has deleted yet, out of changes that are about to be
/// replayed. Where the time counts from reading, the changes do not say when it is over.
pub fn conceal(conn: &mut Conn, viewer: Viewer, changes: &mut Vec<Recorded>) -> Result<()> {
    let mut staying: Vec<(usize, Staying)> = said(changes, |change| SHOW_THE_MESSAGE.contains(&&*change.name));
    staying.retain(|(_, said)| said.lifetime.is_some());
    if staying.is_empty() {
        return Ok(());
    }
    let these = table::table.filter(table::id.among(staying.iter().map(|(_, said)| &said.id)));
    let over = these.filter(table::expires_at.le(viewer.now)).filter(table::deleted_at.is_null());
    let over: Vec<(MessageId, Option<Timestamp>)> = over.select((table::id, table::expires_at)).load(conn)?;
    let over: HashMap<_, _> = over.into_iter().collect();
    for (index, Staying { id, .. }) in staying {
        let end = over.get(&id).copied().flatten();
        if let Some((change, end)) = changes.get_mut(index).zip(end) {
            rewrite(change, |message| conceal_told(message, end))?;
        }
    }
    Ok(())
}

pub fn is_due(conn: &mut Conn, now: Timestamp) -> Result<bool> {
    let due = table::table.filter(table::expires_at.le(now)).filter(table::deleted_at.is_null());
    Ok(diesel::select(exists(due)).get_result(conn)?)
}

/// What became of a piece of what is due.
#[derive(Default)]
pub struct Ended {
    /// How many messages were deleted; a piece, if more are due that can be.
    pub handled: usize,
    /// A chat that somebody holds, in which a message is late: it is worth waiting for.
    pub late: Option<ChatId>,
}

/// Deletes a piece of what is due, in the order in which it is. For a chat that is `late`, it waits before it holds anything:
/// a busy chat cannot be passed over for ever.
pub fn end(tx: &mut Tx<'_>, ctx: &Ctx, late: Option<ChatId>) -> Result<Ended> {
    dialect::wait_at_most(tx.conn, LOCK_WAIT)?;
    if let Some(chat) = late {
        dialect::messaging::lock_chat(tx.conn, chat)?;
    }
    let (mut held, mut late) = (BTreeSet::new(), None);
    let (mut free, mut is_more) = (Vec::new(), false);
    for _ in 0..LOOKS {
        let due = due(tx.conn, ctx.now, &held)?;
        let chats: BTreeSet<ChatId> = due.iter().map(|(chat, ..)| *chat).collect();
        let chats: Vec<ChatId> = chats.into_iter().collect();
        let locked = batch::messaging::lock_chats(tx.conn, &chats)?;
        let locked: HashSet<ChatId> = locked.into_iter().map(|chat| chat.id).collect();
        is_more = due.len() == PIECE;
        for (chat, id, expires_at) in due {
            if locked.contains(&chat) {
                free.push(id);
            } else if expires_at.is_some_and(|at| at.plus(LATE) <= ctx.now) {
                late.get_or_insert(chat);
            }
        }
        // The backlog of chats that others hold does not keep the other chats waiting.
        if !is_more || free.len() > PIECE / 2 {
            break;
        }
        held.extend(chats);
    }
    let (gone, reacted) = load(tx.conn, ctx.now, &free)?;
    let handled = if is_more && !free.is_empty() { PIECE } else { gone.len().min(PIECE - 1) };
    if !gone.is_empty() {
        let told = edit::remove_all(tx, &By::Time, gone, &reacted)?;
        metrics::counter!("clowder_messages_expired_total").increment(told.len() as u64);
        tell(tx, ctx, &told)?;
    }
    Ok(Ended { handled, late })
}

fn due(
    conn: &mut Conn,
    now: Timestamp,
    held: &BTreeSet<ChatId>,
) -> Result<Vec<(ChatId, MessageId, Option<Timestamp>)>> {
    let due = table::table
        .filter(table::expires_at.le(now))
        .filter(table::deleted_at.is_null())
        .order(table::expires_at)
        .limit(PIECE as i64)
        .select((table::chat_id, table::id, table::expires_at));
    if held.is_empty() {
        return Ok(due.load(conn)?);
    }
    Ok(due.filter(table::chat_id.ne_all(held.iter().copied().collect::<Vec<_>>())).load(conn)?)
}

/// The messages after their end, and those of them to which somebody has reacted; without those that somebody has deleted
/// before their chat was locked.
fn load(conn: &mut Conn, now: Timestamp, ids: &[MessageId]) -> Result<(Vec<Message>, Vec<Place>)> {
    let rows: Vec<MessageRow> = table::table
        .filter(table::id.eq_any(ids))
        .filter(table::expires_at.le(now))
        .filter(table::deleted_at.is_null())
        .order((table::chat_id, table::seq))
        .select(MessageRow::as_select())
        .load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.sender_id))?;
    let mut gone = Vec::with_capacity(rows.len());
    let reacted = rows.iter().filter(|row| row.reaction_kinds > 0).map(|row| (row.chat_id, row.seq)).collect();
    for row in rows {
        let (sender, end) = (cards.card(row.sender_id)?, row.expires_at.unwrap_or(now));
        gone.extend(without_text(end, row.message(sender, Status::Sent, Vec::new())?));
    }
    Ok((gone, reacted))
}
