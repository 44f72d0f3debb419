//! Erases somebody from the journal: changes about them alone are replaced, and in changes about others their card
//! becomes that of a deleted user. Positions in the journal never change, so clients that resume are not confused.

use clowder_core::{Change as _, Ctx, Id, Recorded, Result, Topic};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{
    db::Tx,
    dialect::{Backend, Conn},
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

/// What a change says when nobody may read its content any more.
const NOTHING: &str = "{}";

/// The progress: the changes of each topic that the user follows or has followed, then what others received on their
/// personal topics about it, which may contain its people. Then what others received about the person. Finally, those on
/// the user's personal topic, which show what these topics were.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Walk {
    /// `None` for their personal topic. An id belongs to only one kind of topic.
    #[serde(alias = "chat")]
    topic: Option<Id<()>>,
    /// Whether it is now about what others received in person.
    #[serde(default)]
    in_person: bool,
    stream: i16,
    position: i64,
}

impl Walk {
    const fn of(topic: Option<Id<()>>) -> Self {
        Self { topic, in_person: false, stream: 0, position: 0 }
    }

    /// After this topic: the next one that they follow or have followed, then what others received about the person, and
    /// last their own.
    fn after(conn: &mut Conn, erasing: &Erasing, topic: Option<Id<()>>) -> Result<Self> {
        let person = Id::from_uuid(erasing.user.uuid());
        Ok(match next_topic(conn, erasing, topic)? {
            Some(topic) => Self::of(Some(topic)),
            None => Self::of(Some(person)).in_person(),
        })
    }

    /// At the beginning of what others received in person.
    const fn in_person(self) -> Self {
        Self { in_person: true, stream: 0, position: 0, ..self }
    }
}

/// By topic and stream, which have an index: the cost grows with the journal of those topics, and not with all of it. A
/// piece reads as many changes as the options say, whatever the number of members or changes.
fn journal(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let mut walk = match mark {
        None => {
            let first = Walk::after(tx.conn, erasing, None)?;
            return Ok(EraseStep { rows: 0, next: Some(serde_json::to_string(&first)?) });
        }
        Some(mark) => serde_json::from_str(mark)?,
    };
    let person = Id::from_uuid(erasing.user.uuid());
    let (mut rows, mut left) = (0, erasing.changes);
    let next = loop {
        let shown = shown(tx.conn, erasing, walk, left)?;
        left -= shown.len() as i64;
        if let Some(last) = shown.last() {
            walk.position = last.position;
        }
        rows += replace_all(tx, erasing, shown, walk.topic.is_none())?;
        if left <= 0 {
            break Some(walk);
        }
        match next_stream(tx.conn, erasing, walk)? {
            Some(stream) => walk = Walk { stream, position: 0, ..walk },
            None if walk.topic.is_none() => break None,
            None if walk.in_person && walk.topic == Some(person) => break Some(Walk::of(None)),
            None if walk.in_person => break Some(Walk::after(tx.conn, erasing, walk.topic)?),
            None => walk = walk.in_person(),
        }
    };
    Ok(EraseStep { rows, next: next.map(|walk| serde_json::to_string(&walk)).transpose()? })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
struct Shown {
    stream: i16,
    position: i64,
    segment: i32,
    topic_id: Id<()>,
    name: String,
    data: String,
}

/// The changes that the walk is about.
fn walked(erasing: &Erasing, walk: Walk) -> table::BoxedQuery<'static, Backend> {
    let all = table::table.into_boxed();
    match walk.topic {
        None => all.filter(table::topic_id.eq(Id::<()>::from_uuid(erasing.user.uuid()))),
        Some(topic) if walk.in_person => all.filter(table::subject_id.eq(topic)),
        Some(topic) => all.filter(table::topic_id.eq(topic)),
    }
}

/// The next changes of the walk in its stream.
fn shown(conn: &mut Conn, erasing: &Erasing, walk: Walk, limit: i64) -> Result<Vec<Shown>> {
    let next = walked(erasing, walk).filter(table::stream.eq(walk.stream).and(table::position.gt(walk.position)));
    Ok(next.order(table::position).limit(limit).select(Shown::as_select()).load(conn)?)
}

/// The next stream that has changes of the walk.
fn next_stream(conn: &mut Conn, erasing: &Erasing, walk: Walk) -> Result<Option<i16>> {
    let next = walked(erasing, walk).filter(table::stream.gt(walk.stream));
    Ok(next.order(table::stream).select(table::stream).first(conn).optional()?)
}

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

fn replace_all(tx: &mut Tx<'_>, erasing: &Erasing, shown: Vec<Shown>, is_own: bool) -> Result<u64> {
    let (card, id) = (erasing.tombstone(), erasing.user.to_string());
    let gone = erasing.farewell(Topic::user(erasing.user));
    let (gone, says) = (gone.name(), gone.data()?);
    let mut rows = 0;
    for Shown { stream, position, segment, topic_id, name, data } in shown {
        let is_replaced_later = !is_own && topic_id.uuid() == erasing.user.uuid();
        if is_replaced_later || domains::kept_changes().any(|kept| kept == name) {
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
    empty(tx, &told, NOTHING)
}

/// The same for what everybody was told personally, in changes of a kind, about a thing that is gone: those who resume do
/// not hear of it any more.
pub fn clear_subject(tx: &mut Tx<'_>, subject: Uuid, kind: &'static str, limit: i64) -> Result<u64> {
    let told: Vec<((i16, i64), i32)> = table::table
        .filter(table::subject_id.eq(Id::<()>::from_uuid(subject)))
        .filter(table::name.eq(kind).and(table::data.ne(Recorded::SUPERSEDED)))
        .select(((table::stream, table::position), table::segment))
        .limit(limit)
        .load(tx.conn)?;
    empty(tx, &told, Recorded::SUPERSEDED)
}

fn empty(tx: &mut Tx<'_>, told: &[((i16, i64), i32)], nothing: &'static str) -> Result<u64> {
    for (place, segment) in told {
        let row = table::table.find(*place).filter(table::segment.eq(segment));
        diesel::update(row).set(table::data.eq(nothing)).execute(tx.conn)?;
    }
    Ok(told.len() as u64)
}
