//! The reactions of somebody: exported, and taken back when they are erased.

use clowder_core::{Actor, ChatId, Ctx, Id, MessageId, Result, Role, Timestamp, Via, Word};
use clowder_messaging::{Change, ChatType, Reaction};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    super::super::{
        batch::messaging::reactions as statements,
        db::Tx,
        dialect::Conn,
        journal,
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, ROWS},
        },
    },
    walking::{self, Taking},
};
use crate::domains::messaging::{ReactionChanges, chats, message_reactions as table, messages};

/// How many reactions are taken back in one piece.
const AT_ONCE: i64 = 50;

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

/// Takes reactions back in one chat, as the person could have done.
pub fn take_back(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let taking = Taking { at_once: AT_ONCE, first };
    walking::step(tx, erasing, mark, &taking, |tx, chat| take_some(tx, ctx, erasing, chat))
}

fn first(conn: &mut Conn, erasing: &Erasing) -> Result<Option<ChatId>> {
    let own = table::table.filter(table::user_id.eq(erasing.user)).order(table::chat_id);
    Ok(own.select(table::chat_id).first(conn).optional()?)
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
    let kind: String = chats::table.find(chat).select(chats::kind).first(tx.conn)?;
    let kind = ChatType::parse_word(&kind)?;
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
            let (chat_id, message_id, seq, emoji) = (chat, *message, *seq, emoji.clone());
            let removed = Reaction { chat_id, message_id, seq, user_id: Some(erasing.user), emoji, count };
            told.extend(removed.told(kind).into_iter().map(|(removed, to)| Change::ReactionRemoved(removed, to)));
        }
    }
    statements::write_reactions(tx.conn, &changes)?;
    let via = Via::Session(Id::from_uuid(uuid::Uuid::nil()));
    let author = ctx.by(Actor::User { id: erasing.user, via, role: Role::User });
    journal::append_all(tx, &told.iter().map(|change| (&author, change)).collect::<Vec<_>>())?;
    Ok(rows.len() as u64)
}
