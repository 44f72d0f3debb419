//! Erases somebody from the journal: changes about them alone are replaced, and in changes about others their card
//! becomes that of a deleted user. Positions in the journal never change, so clients that resume are not confused.

use clowder_accounts::{
    change::{API_KEY_REVOKED, SESSION_ENDED, USER_DELETED},
    privacy::tombstone,
};
use clowder_core::{ChatId, Ctx, Id, Result};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{
    db::Tx,
    dialect::Conn,
    privacy::{
        Erasing,
        parts::{EraseStep, Part, Phase},
    },
};
use crate::{
    domains::{journal::journal as table, messaging::participants},
    privacy::kept,
    tombstones::without,
};

pub const PARTS: &[Part] = &[Part {
    name: "journal",
    phase: Phase::History,
    references: &[
        kept("journal", "actor_id", "what happened stays in its place; whom it shows is rewritten"),
        kept("journal", "topic_id", "whom it was told stays in its place; what it said of them is rewritten"),
        kept("journal", "follower_id", "who began to follow what stays in its place; it holds ids only"),
    ],
    files: &[],
    erase: journal,
}];

/// How many changes are processed in one piece.
const PLACES: i64 = 1_000;

/// These stay as they are. The ends of sessions and keys contain only ids and times, and a node that reads them late
/// must still learn that they are invalid.
const LEFT: [&str; 3] = [USER_DELETED, SESSION_ENDED, API_KEY_REVOKED];

/// The progress: first the changes about the user's chats, one chat after the other, and finally those on their
/// personal topic. The latter show which chats these were, so they are last.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Walk {
    /// `None` for their personal topic.
    chat: Option<ChatId>,
    stream: i16,
    position: i64,
}

impl Walk {
    const fn of(chat: Option<ChatId>) -> Self {
        Self { chat, stream: 0, position: 0 }
    }
}

/// By topic, which has an index: the cost grows with the journal of those chats, and not with all of it.
fn journal(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let walk = match mark {
        None => match next_chat(tx.conn, erasing, None)? {
            None => Walk::of(None),
            first => return Ok(EraseStep { rows: 0, next: Some(serde_json::to_string(&Walk::of(first))?) }),
        },
        Some(mark) => serde_json::from_str(mark)?,
    };
    let mut rows = 0;
    // An id belongs to only one kind of topic.
    let (topic, is_own) = match walk.chat {
        Some(chat) => (chat.uuid(), false),
        None => (erasing.user.uuid(), true),
    };
    if let Some(chat) = walk.chat.filter(|_| walk.position == 0) {
        rows += told_in_person(tx, erasing, chat)?;
    }
    let shown: Vec<Shown> = table::table
        .filter(table::topic_id.eq(Id::<()>::from_uuid(topic)))
        .filter(table::stream.gt(walk.stream).or(table::stream.eq(walk.stream).and(table::position.gt(walk.position))))
        .order((table::stream, table::position))
        .limit(PLACES)
        .select((table::stream, table::position, table::segment, table::name, table::data))
        .load(tx.conn)?;
    let next = match shown.last().filter(|_| shown.len() as i64 == PLACES) {
        Some((stream, position, ..)) => Some(Walk { stream: *stream, position: *position, ..walk }),
        None => match walk.chat {
            Some(chat) => Some(Walk::of(next_chat(tx.conn, erasing, Some(chat))?)),
            None => None,
        },
    };
    rows += replace_all(tx, erasing, shown, is_own)?;
    Ok(EraseStep { rows, next: next.map(|walk| serde_json::to_string(&walk)).transpose()? })
}

type Shown = (i16, i64, i32, String, String);

/// The first chat after this one that they are in or have followed: they may have left it since.
fn next_chat(conn: &mut Conn, erasing: &Erasing, after: Option<ChatId>) -> Result<Option<ChatId>> {
    let after = after.unwrap_or(Id::from_uuid(Uuid::nil()));
    let memberships = participants::table
        .filter(participants::user_id.eq(erasing.user).and(participants::chat_id.gt(after)))
        .select(participants::chat_id)
        .order(participants::chat_id);
    let membership: Option<ChatId> = memberships.first(conn).optional()?;
    let told = table::table
        .filter(table::follower_id.eq(erasing.user).and(table::followed_id.gt(Id::<()>::from_uuid(after.uuid()))))
        .select(table::followed_id)
        .order(table::followed_id);
    let told: Option<Option<Id<()>>> = told.first(conn).optional()?;
    let told = told.flatten().map(|chat| ChatId::from_uuid(chat.uuid()));
    Ok(membership.into_iter().chain(told).min())
}

/// What others received on their personal topics about a chat, which may contain its people.
fn told_in_person(tx: &mut Tx<'_>, erasing: &Erasing, chat: ChatId) -> Result<u64> {
    let shown: Vec<Shown> = table::table
        .filter(table::subject_id.eq(Id::<()>::from_uuid(chat.uuid())).and(table::topic_id.ne(erasing.user)))
        .select((table::stream, table::position, table::segment, table::name, table::data))
        .load(tx.conn)?;
    replace_all(tx, erasing, shown, false)
}

fn replace_all(tx: &mut Tx<'_>, erasing: &Erasing, shown: Vec<Shown>, is_own: bool) -> Result<u64> {
    let (card, id) = (tombstone(erasing.user), erasing.user.to_string());
    let mut rows = 0;
    for (stream, position, segment, name, data) in shown {
        if LEFT.contains(&name.as_str()) {
            continue;
        }
        let row = table::table.find((stream, position)).filter(table::segment.eq(segment));
        if is_own {
            let gone = (table::name.eq(USER_DELETED), table::data.eq(serde_json::to_string(&card)?));
            rows += diesel::update(row).set(gone).execute(tx.conn)?;
        } else if let Some(data) = Some(data).filter(|data| data.contains(&id))
            && let Some(data) = without(&data, &card)?
        {
            rows += diesel::update(row).set(table::data.eq(data)).execute(tx.conn)?;
        }
    }
    Ok(rows as u64)
}
