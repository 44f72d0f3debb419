//! Erases somebody from the journal: changes about them alone are replaced, and in changes about others their card
//! becomes that of a deleted user. Positions in the journal never change, so clients that resume are not confused.

use clowder_core::{Change as _, Ctx, Id, Result, Topic};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{
    db::Tx,
    dialect::Conn,
    domains,
    privacy::{
        Erasing,
        parts::{EraseStep, Part, Phase},
    },
};
use crate::{domains::journal::journal as table, privacy::kept, tombstones::without};

pub const PARTS: &[Part] = &[Part {
    name: "journal",
    phase: Phase::History,
    references: &[
        kept("journal", "actor_id", "what happened stays in its place; whom it shows is rewritten"),
        kept("journal", "topic_id", "whom it was told stays in its place; what it said of them is rewritten"),
        kept("journal", "subject_id", "what it is about; only an id"),
        kept("journal", "follower_id", "who began to follow what stays in its place; it holds ids only"),
    ],
    files: &[],
    erase: journal,
}];

/// How many changes are processed in one piece.
const PLACES: i64 = 1_000;

/// What a change says when nobody may read its content any more.
const NOTHING: &str = "{}";

/// The progress: first the changes about the topics that the user follows or has followed, one after the other, and
/// finally those on their personal topic. The latter show which topics these were, so they are last.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Walk {
    /// `None` for their personal topic. An id belongs to only one kind of topic.
    #[serde(alias = "chat")]
    topic: Option<Id<()>>,
    stream: i16,
    position: i64,
}

impl Walk {
    const fn of(topic: Option<Id<()>>) -> Self {
        Self { topic, stream: 0, position: 0 }
    }
}

/// By topic, which has an index: the cost grows with the journal of those topics, and not with all of it.
fn journal(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let walk = match mark {
        None => match next_topic(tx.conn, erasing, None)? {
            None => Walk::of(None),
            first => return Ok(EraseStep { rows: 0, next: Some(serde_json::to_string(&Walk::of(first))?) }),
        },
        Some(mark) => serde_json::from_str(mark)?,
    };
    let mut rows = 0;
    let (topic, is_own) = match walk.topic {
        Some(topic) => (topic, false),
        None => (Id::from_uuid(erasing.user.uuid()), true),
    };
    if let Some(topic) = walk.topic.filter(|_| walk.position == 0) {
        rows += told_in_person(tx, erasing, topic)?;
    }
    let shown: Vec<Shown> = table::table
        .filter(table::topic_id.eq(topic))
        .filter(table::stream.gt(walk.stream).or(table::stream.eq(walk.stream).and(table::position.gt(walk.position))))
        .order((table::stream, table::position))
        .limit(PLACES)
        .select((table::stream, table::position, table::segment, table::name, table::data))
        .load(tx.conn)?;
    let next = match shown.last().filter(|_| shown.len() as i64 == PLACES) {
        Some((stream, position, ..)) => Some(Walk { stream: *stream, position: *position, ..walk }),
        None => match walk.topic {
            Some(topic) => Some(Walk::of(next_topic(tx.conn, erasing, Some(topic))?)),
            None => None,
        },
    };
    rows += replace_all(tx, erasing, shown, is_own)?;
    Ok(EraseStep { rows, next: next.map(|walk| serde_json::to_string(&walk)).transpose()? })
}

type Shown = (i16, i64, i32, String, String);

/// The first topic after this one that they follow or have followed.
fn next_topic(conn: &mut Conn, erasing: &Erasing, after: Option<Id<()>>) -> Result<Option<Id<()>>> {
    let after = after.unwrap_or(Id::from_uuid(Uuid::nil()));
    let follows = domains::next_followed(conn, erasing.user, after)?;
    let told = table::table
        .filter(table::follower_id.eq(erasing.user).and(table::followed_id.gt(after)))
        .select(table::followed_id)
        .order(table::followed_id);
    let told: Option<Option<Id<()>>> = told.first(conn).optional()?;
    Ok(follows.into_iter().chain(told.flatten()).min())
}

/// What others received on their personal topics about a topic, which may contain its people.
fn told_in_person(tx: &mut Tx<'_>, erasing: &Erasing, topic: Id<()>) -> Result<u64> {
    let shown: Vec<Shown> = table::table
        .filter(table::subject_id.eq(topic).and(table::topic_id.ne(erasing.user)))
        .select((table::stream, table::position, table::segment, table::name, table::data))
        .load(tx.conn)?;
    replace_all(tx, erasing, shown, false)
}

fn replace_all(tx: &mut Tx<'_>, erasing: &Erasing, shown: Vec<Shown>, is_own: bool) -> Result<u64> {
    let (card, id) = (erasing.tombstone(), erasing.user.to_string());
    let gone = erasing.farewell(Topic::user(erasing.user));
    let (gone, says) = (gone.name(), gone.data()?);
    let mut rows = 0;
    for (stream, position, segment, name, data) in shown {
        if domains::kept_changes().any(|kept| kept == name) {
            continue;
        }
        let row = table::table.find((stream, position)).filter(table::segment.eq(segment));
        if is_own {
            let gone = (table::name.eq(gone), table::data.eq(says.get()));
            rows += diesel::update(row).set(gone).execute(tx.conn)?;
        } else if let Some(data) = Some(data).filter(|data| data.contains(&id))
            && let Some(data) = without(&data, &card)?
        {
            rows += diesel::update(row).set(table::data.eq(data)).execute(tx.conn)?;
        }
    }
    Ok(rows as u64)
}

/// Empties some of the changes about a topic that is gone, so that nobody may read them any more; their positions stay.
/// Answers how many they were: none when it is done.
pub fn clear_topic(tx: &mut Tx<'_>, topic: Topic, limit: i64) -> Result<u64> {
    let told: Vec<((i16, i64), i32)> = table::table
        .filter(table::topic_id.eq(Id::<()>::from_uuid(topic.id)))
        .filter(table::data.ne(NOTHING).and(table::name.ne_all(domains::kept_changes())))
        .select(((table::stream, table::position), table::segment))
        .limit(limit)
        .load(tx.conn)?;
    for (place, segment) in &told {
        let row = table::table.find(*place).filter(table::segment.eq(segment));
        diesel::update(row).set(table::data.eq(NOTHING)).execute(tx.conn)?;
    }
    Ok(told.len() as u64)
}
