//! Deletes messages of a chat, many at once.

use std::collections::HashMap;

use clowder_core::{ChatId, Ctx, MessageId, Result};
use clowder_messaging::{
    Message, Status,
    keeping::{NewDeletion, Outcome, decide_deletion},
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
    messaging::edit::{self, By},
};
use crate::domains::messaging::{MessageRow, messages as said, participants};

pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewDeletion) -> Result<Vec<Outcome>> {
    let Held { caller, seat, .. } = hold(tx, ctx, chat, &[])?;
    let from: i64 = participants::table.find((chat, caller)).select(participants::visible_from).first(tx.conn)?;
    let rows = said::table
        .filter(said::id.among(&new.message_ids))
        .filter(said::chat_id.eq(chat).and(said::seq.gt(from)))
        .order(said::seq)
        .select(MessageRow::as_select());
    let rows: Vec<MessageRow> = rows.load(tx.conn)?;
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
    if !of_others.is_empty() {
        edit::note_deletion(tx, ctx, chat, &of_others, new.reason.as_ref())?;
    }
    let reacted: Vec<_> =
        gone.iter().filter_map(|message| reacted.remove(&message.id)).map(|seq| (chat, seq)).collect();
    tx.deleted_text = true;
    let told = edit::remove_all(tx, &By::Person(caller), gone, &reacted)?;
    tell(tx, ctx, &told)?;
    Ok(outcomes)
}
