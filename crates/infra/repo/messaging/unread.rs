//! How many messages of a chat somebody has not read: arithmetic over columns, less those after their mark that do not count,
//! of which no more than the newest are looked at.

use std::collections::HashMap;

use clowder_core::{ChatId, Result, UserId};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool},
};

use super::{
    super::{among::AmongIds, dialect::Conn, fragment::Fragment},
    removed,
};
use crate::domains::messaging::participants;

/// Whether a chat has such a message. The messages are looked up one by one: PostgreSQL makes a join of an `EXISTS`.
pub const UNREAD: Fragment<Bool> = Fragment::new(
    "(chats.last_seq > participants.read_seq + participants.own_after_read AND (SELECT 1 FROM messages m \
     WHERE m.chat_id = chats.id AND m.seq > CASE WHEN chats.last_seq - 10000 > participants.read_seq \
     THEN chats.last_seq - 10000 ELSE participants.read_seq END AND m.deleted_at IS NULL AND m.type <> 'system' \
     AND m.sender_id <> participants.user_id AND (participants.removed_count = 0 OR (SELECT 1 FROM removed_messages r \
     WHERE r.chat_id = m.chat_id AND r.seq = m.seq AND r.user_id = participants.user_id) IS NULL) LIMIT 1) IS NOT NULL)",
);
/// How many messages of others after the read mark are deleted. Conditions of indexes are constant text, so that the databases
/// use them.
const DELETED: Fragment<BigInt> = Fragment::new(
    "(SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.chat_id = participants.chat_id AND m.seq > participants.read_seq \
     AND m.deleted_at IS NOT NULL AND m.sender_id <> participants.user_id ORDER BY m.seq DESC LIMIT 10000) d)",
);
/// How many messages after the read mark the system wrote for others, deleted ones excepted.
const SYSTEM: Fragment<BigInt> = Fragment::new(
    "(SELECT count(*) FROM (SELECT 1 FROM messages m WHERE m.chat_id = participants.chat_id AND m.seq > participants.read_seq \
     AND m.type = 'system' AND m.deleted_at IS NULL AND m.sender_id <> participants.user_id ORDER BY m.seq DESC LIMIT 10000) s)",
);

/// A chat, how far somebody has read it, and whether it may have messages that do not count.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub chat: ChatId,
    pub last_seq: i64,
    pub read_seq: i64,
    pub own_after_read: i64,
    pub has_deleted: bool,
    pub has_system: bool,
    pub has_removed: bool,
}

/// How many messages of others the viewer has not read in each of these chats.
pub fn counts(conn: &mut Conn, viewer: UserId, places: &[Place]) -> Result<HashMap<ChatId, i64>> {
    let behind = || places.iter().filter(|place| place.last_seq > place.read_seq);
    let ids = |has: fn(&Place) -> bool| behind().filter(|place| has(place)).map(|place| place.chat).collect::<Vec<_>>();
    let deleted = silent(conn, viewer, DELETED, &ids(|place| place.has_deleted))?;
    let system = silent(conn, viewer, SYSTEM, &ids(|place| place.has_system))?;
    let removed = removed::unread(conn, viewer, &ids(|place| place.has_removed))?;
    let count = |place: &Place| {
        let silent: i64 = [&deleted, &system, &removed].iter().filter_map(|counts| counts.get(&place.chat)).sum();
        // Messages may be sent and deleted between the queries.
        (place.chat, (place.last_seq - place.read_seq - place.own_after_read - silent).max(0))
    };
    Ok(places.iter().map(count).collect())
}

fn silent(conn: &mut Conn, viewer: UserId, which: Fragment<BigInt>, ids: &[ChatId]) -> Result<HashMap<ChatId, i64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let own = participants::table.filter(participants::user_id.eq(viewer).and(participants::chat_id.among(ids)));
    let rows: Vec<(ChatId, i64)> = own.select((participants::chat_id, which)).load(conn)?;
    Ok(rows.into_iter().collect())
}
