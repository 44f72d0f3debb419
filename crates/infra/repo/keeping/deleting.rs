//! Deletes messages of a chat, many at once.

use std::collections::HashMap;

use clowder_core::{
    ChatId, Ctx, MessageId, Result,
    audit::{Entry, Target},
};
use clowder_messaging::{
    Message, Status,
    keeping::{NewDeletion, Outcome, decide_deletion},
};
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    among::AmongIds,
    audit,
    cards::Cards,
    chats::{
        edit::tell,
        hold::{Held, hold},
    },
    db::Tx,
    messaging::{
        edit::{self, By},
        removed::STAYS,
    },
};
use crate::domains::messaging::{MessageRow, messages as said, participants};

pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewDeletion) -> Result<Vec<Outcome>> {
    let Held { caller, seat, .. } = hold(tx, ctx, chat, &[])?;
    let own = participants::chat_id.eq(said::chat_id).and(participants::user_id.eq(caller));
    let rows = said::table
        .inner_join(participants::table.on(own))
        .filter(said::id.among(&new.message_ids))
        .filter(said::chat_id.eq(chat).and(said::seq.gt(participants::visible_from)))
        .filter(STAYS)
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
        let reason = new.reason.as_ref().map(clowder_messaging::moderation::Reason::as_str);
        let after = json!({"message_ids": of_others, "reason": reason});
        audit::record(tx, ctx, &Entry::new("chat.messages_deleted").on(Target::of("chat", chat)).after(after))?;
    }
    let reacted: Vec<_> =
        gone.iter().filter_map(|message| reacted.remove(&message.id)).map(|seq| (chat, seq)).collect();
    tx.deleted_text = true;
    let told = edit::remove_all(tx, &By::Person(caller), gone, &reacted)?;
    tell(tx, ctx, &told)?;
    Ok(outcomes)
}
