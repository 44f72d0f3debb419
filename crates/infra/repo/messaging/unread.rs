//! How many messages of a chat somebody has not read: mostly arithmetic over columns, less those after their mark that do not
//! count. However much was said or deleted since, no more than the newest messages are looked at.

use std::collections::HashMap;

use clowder_core::{ChatId, Result, UserId};
use diesel::{dsl::count_star, prelude::*, sql_types::Bool};

use super::{
    super::{among::AmongIds, dialect::Conn, fragment::Fragment},
    removed,
};
use crate::domains::messaging::{messages, participants};

/// Among how many of the newest messages of a chat unread ones are counted.
const COUNTED: i64 = 10_000;

/// Whether a chat has such a message. The messages are looked up one by one: PostgreSQL makes a join of an `EXISTS`.
pub const UNREAD: Fragment<Bool> = Fragment::new(
    "(chats.last_seq > participants.read_seq + participants.own_after_read AND (SELECT 1 FROM messages m \
     WHERE m.chat_id = chats.id AND m.seq > CASE WHEN chats.last_seq - 10000 > participants.read_seq \
     THEN chats.last_seq - 10000 ELSE participants.read_seq END AND m.deleted_at IS NULL AND m.type <> 'system' \
     AND m.sender_id <> participants.user_id AND (participants.removed_count = 0 OR (SELECT 1 FROM removed_messages r \
     WHERE r.chat_id = m.chat_id AND r.seq = m.seq AND r.user_id = participants.user_id) IS NULL) LIMIT 1) IS NOT NULL)",
);
/// As constant text, so that the databases use the index of these messages.
const IS_SYSTEM: Fragment<Bool> = Fragment::new("messages.type = 'system'");

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

impl Place {
    /// Whether so much was said since that it is not counted from there.
    fn is_far(&self) -> bool {
        self.last_seq - self.read_seq > COUNTED
    }
}

/// How many messages of others the viewer has not read in each of these chats.
pub fn counts(conn: &mut Conn, viewer: UserId, places: &[Place]) -> Result<HashMap<ChatId, i64>> {
    let near = || places.iter().filter(|place| !place.is_far() && place.last_seq > place.read_seq);
    let ids = |has: fn(&Place) -> bool| near().filter(|place| has(place)).map(|place| place.chat).collect::<Vec<_>>();
    let deleted = deleted(conn, viewer, &ids(|place| place.has_deleted))?;
    let system = system(conn, viewer, &ids(|place| place.has_system))?;
    let removed = removed::unread(conn, viewer, &ids(|place| place.has_removed))?;
    let mut counts = HashMap::with_capacity(places.len());
    for place in places {
        let count = if place.is_far() {
            among_the_newest(conn, viewer, place)?
        } else {
            let silent: i64 = [&deleted, &system, &removed].iter().filter_map(|counts| counts.get(&place.chat)).sum();
            // Messages may be sent and deleted between the queries.
            (place.last_seq - place.read_seq - place.own_after_read - silent).max(0)
        };
        counts.insert(place.chat, count);
    }
    Ok(counts)
}

fn among_the_newest(conn: &mut Conn, viewer: UserId, place: &Place) -> Result<i64> {
    let newest = messages::chat_id.eq(place.chat).and(messages::seq.gt(place.last_seq - COUNTED));
    let others = messages::sender_id.ne(viewer).and(messages::deleted_at.is_null()).and(messages::kind.ne("system"));
    let unread = messages::table.filter(newest).filter(others);
    Ok(match place.has_removed {
        true => unread.filter(removed::stays(viewer)).select(count_star()).first(conn)?,
        false => unread.select(count_star()).first(conn)?,
    })
}

/// How many messages of others after the read mark are deleted.
fn deleted(conn: &mut Conn, viewer: UserId, ids: &[ChatId]) -> Result<HashMap<ChatId, i64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let unread = messages::chat_id
        .eq(participants::chat_id)
        .and(messages::seq.gt(participants::read_seq))
        .and(messages::sender_id.ne(participants::user_id))
        .and(messages::deleted_at.is_not_null());
    let rows: Vec<(ChatId, i64)> = participants::table
        .inner_join(messages::table.on(unread))
        .filter(participants::user_id.eq(viewer).and(participants::chat_id.among(ids)))
        .group_by(participants::chat_id)
        .select((participants::chat_id, count_star()))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// How many messages of others after the read mark the system wrote, deleted ones excepted.
fn system(conn: &mut Conn, viewer: UserId, ids: &[ChatId]) -> Result<HashMap<ChatId, i64>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let unread = messages::chat_id
        .eq(participants::chat_id)
        .and(messages::seq.gt(participants::read_seq))
        .and(messages::sender_id.ne(participants::user_id))
        .and(messages::deleted_at.is_null());
    let rows: Vec<(ChatId, i64)> = participants::table
        .inner_join(messages::table.on(unread))
        .filter(participants::user_id.eq(viewer).and(participants::chat_id.among(ids)))
        .filter(IS_SYSTEM)
        .group_by(participants::chat_id)
        .select((participants::chat_id, count_star()))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
