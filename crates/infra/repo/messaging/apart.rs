//! Blocks in common chats: of each other, the two see what had arrived and was read when the block began, and nothing of what
//! came later. In a private chat, which a block closes, no marks are told at all.

use std::collections::HashMap;

use clowder_core::{ChatId, Result, UserId};
use clowder_messaging::read::LowestReadMarks;
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool},
};

use super::super::{among::AmongIds, dialect::Conn, fragment::Fragment};
use crate::domains::{blocks::blocks, messaging::participants};

/// Whether a participant has a block, either way, with somebody in a chat where others see marks. Most people have none at
/// all, so the others are looked at only then.
pub const PARTED: Fragment<Bool> = Fragment::new(
    "(chats.type <> 'private' AND chats.participant_count <= 256 \
     AND (EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = participants.user_id) \
     OR EXISTS (SELECT 1 FROM blocks b WHERE b.blocked_id = participants.user_id)) \
     AND EXISTS (SELECT 1 FROM participants o WHERE o.chat_id = participants.chat_id \
     AND (EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = participants.user_id AND b.blocked_id = o.user_id) \
     OR EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = o.user_id AND b.blocked_id = participants.user_id))))",
);

/// Up to which message somebody had read when the block began.
const READ: Fragment<BigInt> = Fragment::new(
    "coalesce((SELECT max(r.seq) FROM receipts r WHERE r.chat_id = participants.chat_id \
     AND r.user_id = participants.user_id AND r.read = true AND r.at <= blocks.since), 0)",
);
/// And what had arrived then.
const ARRIVED: Fragment<BigInt> = Fragment::new(
    "coalesce((SELECT max(r.seq) FROM receipts r WHERE r.chat_id = participants.chat_id \
     AND r.user_id = participants.user_id AND r.at <= blocks.since), 0)",
);

/// Somebody with whom the viewer has a block, and their marks as the viewer sees them.
#[derive(Debug, Clone, Copy, Queryable)]
struct ApartRow {
    chat_id: ChatId,
    user_id: UserId,
    read: i64,
    arrived: i64,
}

/// The people in a chat with whom the viewer has a block, either way.
pub fn all_in(conn: &mut Conn, viewer: UserId, chat: ChatId) -> Result<Vec<UserId>> {
    let by_viewer = participants::table
        .inner_join(blocks::table.on(blocks::blocked_id.eq(participants::user_id)))
        .filter(blocks::user_id.eq(viewer).and(participants::chat_id.eq(chat)))
        .select(participants::user_id);
    let of_viewer = participants::table
        .inner_join(blocks::table.on(blocks::user_id.eq(participants::user_id)))
        .filter(blocks::blocked_id.eq(viewer).and(participants::chat_id.eq(chat)))
        .select(participants::user_id);
    Ok(by_viewer.union(of_viewer).load(conn)?)
}

/// Those of one chat.
#[derive(Debug, Clone, Default)]
pub struct Apart(Vec<ApartRow>);

impl Apart {
    /// Those of these chats in which the viewer is parted from somebody.
    pub fn of_all(conn: &mut Conn, viewer: UserId, chats: &[ChatId]) -> Result<HashMap<ChatId, Self>> {
        let mut found = HashMap::<_, Self>::new();
        if chats.is_empty() {
            return Ok(found);
        }
        let seen = (participants::chat_id, participants::user_id, READ, ARRIVED);
        let by_viewer = participants::table
            .inner_join(blocks::table.on(blocks::blocked_id.eq(participants::user_id)))
            .filter(blocks::user_id.eq(viewer).and(participants::chat_id.among(chats)))
            .select(seen);
        let of_viewer = participants::table
            .inner_join(blocks::table.on(blocks::user_id.eq(participants::user_id)))
            .filter(blocks::blocked_id.eq(viewer).and(participants::chat_id.among(chats)))
            .select(seen);
        for row in by_viewer.union_all(of_viewer).load::<ApartRow>(conn)? {
            found.entry(row.chat_id).or_default().0.push(row);
        }
        Ok(found)
    }

    /// The lowest read marks of the chat, as the viewer sees them.
    pub fn lowest(&self, lowest: LowestReadMarks) -> LowestReadMarks {
        self.0.iter().fold(lowest, |lowest, row| lowest.held_back(row.user_id, row.read))
    }

    /// How far the chat has arrived at all others, as the viewer sees it.
    pub fn delivered(&self, delivered: Option<i64>) -> Option<i64> {
        delivered.map(|seq| self.0.iter().fold(seq, |seq, row| seq.min(row.arrived)))
    }
}
