//! The reactions of somebody: exported, and taken back when they are erased.

use clowder_core::{Actor, ChatId, Ctx, Id, MessageId, Result, Role, Timestamp, UserId, Via};
use clowder_messaging::{Change, Reaction};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::super::{
    batch::messaging::reactions as statements,
    db::Tx,
    dialect::{self, Conn},
    journal,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, ROWS, after},
    },
};
use crate::domains::messaging::{ReactionChanges, message_reactions as table, messages, participants};

/// How many reactions are taken back in one piece.
const AT_ONCE: i64 = 50;
/// How many chats without any are passed in one piece.
const CHATS: i64 = 20;
/// Where the chats come that the person has left.
const LEFT: &str = "left";

/// Where a file continues.
#[derive(Serialize, Deserialize)]
struct Mark(ChatId, i64, String);

pub fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    type Row = (ChatId, i64, String, MessageId, Timestamp, Option<Timestamp>);
    let after: Option<Mark> = mark.map(serde_json::from_str).transpose()?;
    let mut query = table::table
        .inner_join(messages::table.on(messages::chat_id.eq(table::chat_id).and(messages::seq.eq(table::seq))))
        .filter(table::user_id.eq(asking.user))
        .order((table::chat_id, table::seq, table::emoji))
        .limit(ROWS)
        .select((table::chat_id, table::seq, table::emoji, messages::id, table::reacted_at, messages::deleted_at))
        .into_boxed();
    if let Some(Mark(chat, seq, emoji)) = after {
        let later = table::seq.gt(seq).or(table::seq.eq(seq).and(table::emoji.gt(emoji)));
        query = query.filter(table::chat_id.gt(chat).or(table::chat_id.eq(chat).and(later)));
    }
    let rows: Vec<Row> = query.load(conn)?;
    let next = rows.last().filter(|_| rows.len() as i64 == ROWS);
    let next =
        next.map(|(chat, seq, emoji, ..)| serde_json::to_string(&Mark(*chat, *seq, emoji.clone()))).transpose()?;
    // Those to deleted messages are only waiting to go.
    let items = rows.into_iter().filter(|(.., deleted_at)| deleted_at.is_none()).map(|(chat, seq, emoji, message, at, _)| {
        json!({ "chat_id": chat, "message_id": message, "seq": seq, "emoji": emoji, "at": at })
    });
    Ok(ExportPage { items: items.collect(), next, seen: 0 })
}

/// Takes reactions back in one chat, as the person could have done. The chats that they are in are locked before they are
/// looked at: whoever reacts locks the chat, too, and sees then that the account is erased. In chats that they have left,
/// they cannot react.
pub fn take_back(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    if mark == Some(LEFT) {
        return take_back_left(tx, ctx, erasing);
    }
    let mut passed: ChatId = after(mark)?;
    let memberships =
        participants::table.filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(passed)));
    let chats = memberships.order(participants::chat_id).limit(CHATS).select(participants::chat_id);
    let chats: Vec<ChatId> = chats.load(tx.conn)?;
    for chat in &chats {
        dialect::messaging::lock_chat(tx.conn, *chat)?;
        let rows = take_some(tx, ctx, erasing, *chat)?;
        if rows < AT_ONCE as u64 {
            passed = *chat;
        }
        if rows > 0 {
            return Ok(EraseStep { rows, next: Some(passed.to_string()) });
        }
    }
    let is_last = (chats.len() as i64) < CHATS;
    Ok(EraseStep { rows: 0, next: Some(if is_last { LEFT.to_owned() } else { passed.to_string() }) })
}

fn take_back_left(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing) -> Result<EraseStep> {
    let own = table::table.filter(table::user_id.eq(erasing.user));
    let first: Option<ChatId> = own.order(table::chat_id).select(table::chat_id).first(tx.conn).optional()?;
    let Some(chat) = first else { return Ok(EraseStep::default()) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    Ok(EraseStep { rows: take_some(tx, ctx, erasing, chat)?, next: Some(LEFT.to_owned()) })
}

/// Takes some reactions back in a chat that is locked, and returns how many.
fn take_some(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, chat: ChatId) -> Result<u64> {
    let rows: Vec<(i64, String)> = table::table
        .filter(table::user_id.eq(erasing.user).and(table::chat_id.eq(chat)))
        .order((table::seq, table::emoji))
        .limit(AT_ONCE)
        .select((table::seq, table::emoji))
        .load(tx.conn)?;
    if rows.is_empty() {
        return Ok(0);
    }
    let wanted: Vec<_> = rows.iter().map(|(seq, emoji)| (chat, *seq, erasing.user, emoji.as_str())).collect();
    let mut changes = ReactionChanges::default();
    let mut told = Vec::new();
    let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
    let ids: Vec<(i64, MessageId)> = messages::table
        .filter(messages::chat_id.eq(chat).and(messages::seq.eq_any(seqs)))
        .select((messages::seq, messages::id))
        .load(tx.conn)?;
    for facts in statements::react_facts(tx.conn, &wanted)? {
        let Some((seq, emoji)) = usize::try_from(facts.index).ok().and_then(|index| rows.get(index)) else { continue };
        changes.removed.push((chat, *seq, emoji.clone(), erasing.user));
        if facts.deleted {
            continue;
        }
        let count = facts.people - 1;
        changes.counts.push((chat, *seq, emoji.clone(), count, facts.since.unwrap_or(ctx.now)));
        if count == 0 {
            match changes.kinds.iter_mut().find(|(_, known, _)| known == seq) {
                Some((.., kinds)) => *kinds -= 1,
                None => changes.kinds.push((chat, *seq, facts.kinds - 1)),
            }
        }
        if let Some((_, message)) = ids.iter().find(|(known, _)| known == seq) {
            told.push(removed(chat, *message, *seq, erasing.user, emoji, count));
        }
    }
    statements::write_reactions(tx.conn, &changes)?;
    let via = Via::Session(Id::from_uuid(uuid::Uuid::nil()));
    let author = ctx.by(Actor::User { id: erasing.user, via, role: Role::User });
    journal::append_all(tx, &told.iter().map(|change| (&author, change)).collect::<Vec<_>>())?;
    Ok(rows.len() as u64)
}

fn removed(chat_id: ChatId, message_id: MessageId, seq: i64, user_id: UserId, emoji: &str, count: i64) -> Change {
    Change::ReactionRemoved(Reaction { chat_id, message_id, seq, user_id, emoji: emoji.to_owned(), count })
}
