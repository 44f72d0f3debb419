//! Deletes messages of a chat, many at once.

use std::collections::HashMap;

use clowder_core::{ChatId, Ctx, MessageId, Result, UserId};
use clowder_messaging::{
    Message, Status,
    keeping::{NewDeletion, Outcome, decide_deletion, needs_reason},
    refusals::CHAT_UNKNOWN,
};
use diesel::prelude::*;

use super::super::{
    among::AmongIds,
    cards::Cards,
    chats::{
        edit::tell,
        hold::{Held, hold},
    },
    db::Tx,
    messaging::{
        edit::{self, By},
        messages::Membership,
        removed,
    },
};
use crate::domains::messaging::{MessageRow, messages as said};

pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewDeletion) -> Result<Vec<Outcome>> {
    let authors = said::table.filter(said::id.among(&new.message_ids)).select((said::chat_id, said::sender_id));
    let authors: Vec<(ChatId, UserId)> = authors.load(tx.conn)?;
    let authors: Vec<UserId> = authors.into_iter().filter(|(of, _)| *of == chat).map(|(_, author)| author).collect();
    let Held { caller, seat, .. } = hold(tx, ctx, chat, &authors)?;
    let membership = Membership::of(tx.conn, chat, caller)?.ok_or(CHAT_UNKNOWN)?;
    // By their ids alone, because SQLite would read all messages of the chat for them.
    let rows = said::table.filter(said::id.among(&new.message_ids)).order(said::seq).select(MessageRow::as_select());
    let mut rows: Vec<MessageRow> = rows.load(tx.conn)?;
    rows.retain(|row| row.chat_id == chat && row.seq > membership.visible_from);
    if membership.removed {
        let removed = removed::among(tx.conn, caller, rows.iter().map(|row| (chat, row.seq)))?;
        rows.retain(|row| !removed.contains(&(chat, row.seq)));
    }
    let cards = Cards::of(tx.conn, None, rows.iter().map(|row| row.sender_id))?;
    let mut reacted: HashMap<MessageId, i64> =
        rows.iter().filter(|row| row.reaction_kinds > 0).map(|row| (row.id, row.seq)).collect();
    let mut found = HashMap::<MessageId, Message>::with_capacity(rows.len());
    for row in rows {
        let sender = cards.card(row.sender_id)?;
        found.insert(row.id, row.message(sender, Status::Sent, Vec::new())?);
    }
    let mut gone = Vec::with_capacity(found.len());
    let mut outcomes = Vec::<Outcome>::with_capacity(new.message_ids.len());
    for id in &new.message_ids {
        // Each is answered once.
        if outcomes.iter().any(|known| known.id == *id) {
            continue;
        }
        outcomes.push(match decide_deletion(ctx, seat, *id, found.remove(id))? {
            Err(outcome) => outcome,
            Ok(after) => {
                gone.push(after);
                Outcome { id: *id, deleted_at: Some(ctx.now), problem: None }
            }
        });
    }
    if gone.is_empty() {
        return Ok(outcomes);
    }
    gone.sort_unstable_by_key(|message| message.seq);
    let of_others: Vec<MessageId> =
        gone.iter().filter(|message| message.sender.id != caller).map(|message| message.id).collect();
    let mut told = Vec::new();
    if !of_others.is_empty() {
        needs_reason(new)?;
        edit::note_deletion(tx, ctx, chat, &of_others, new.reason.as_ref())?;
        told = edit::tell_authors(tx, ctx, caller, &gone, new.reason.as_ref())?;
    }
    let reacted: Vec<_> =
        gone.iter().filter_map(|message| reacted.remove(&message.id)).map(|seq| (chat, seq)).collect();
    tx.deleted_text = true;
    let mut changes = edit::remove_all(tx, &By::Person(caller), gone, &reacted)?;
    changes.append(&mut told);
    tell(tx, ctx, &changes)?;
    Ok(outcomes)
}
