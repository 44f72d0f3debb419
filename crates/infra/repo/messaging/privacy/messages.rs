//! Iterates over the messages of one sender, chat by chat in bounded pieces, and deletes them.

use clowder_core::{Actor, ChatId, Ctx, Id, MessageId, Result, Role, UserId, Via};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        privacy::{
            Erasing,
            parts::{EraseStep, ROWS, all_gone},
        },
    },
    edit,
};
use crate::domains::messaging::{chats, former_participants as former, message_client_ids, messages, participants};

/// The position of an iteration: everything before it has been seen.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Walk {
    chat: ChatId,
    pub seq: i64,
    /// Of the message at `seq`, up to which version; for iterations over versions.
    pub version: i64,
}

/// A range of one chat, `after` excluded and `until` included.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    pub chat: ChatId,
    pub after: Walk,
    pub until: i64,
}

impl Stretch {
    /// The next range of at most `length` messages in the chats of a user, those included that they have written in and
    /// left; `None` at the end.
    pub fn next(conn: &mut Conn, user: UserId, mark: Option<&str>, length: i64) -> Result<Option<Self>> {
        let walk: Option<Walk> = mark.map(serde_json::from_str).transpose()?;
        let from = walk.map_or(Id::from_uuid(uuid::Uuid::nil()), |walk| walk.chat);
        let own = participants::table.inner_join(chats::table).filter(participants::user_id.eq(user));
        let mut ahead: Vec<(ChatId, i64)> = own
            .filter(participants::chat_id.ge(from))
            .filter(chats::last_seq.gt(0))
            .order(participants::chat_id)
            .limit(2)
            .select((participants::chat_id, chats::last_seq))
            .load(conn)?;
        let left: Vec<(ChatId, i64)> = former::table
            .inner_join(chats::table)
            .filter(former::user_id.eq(user).and(former::chat_id.ge(from)))
            .order(former::chat_id)
            .limit(2)
            .select((former::chat_id, chats::last_seq))
            .load(conn)?;
        ahead.extend(left);
        ahead.sort_unstable();
        Ok(ahead.into_iter().find_map(|(chat, last)| {
            let start = Walk { chat, seq: 0, version: i64::MAX };
            let after = walk.filter(|walk| walk.chat == chat).unwrap_or(start);
            let until = last.min(after.seq + length);
            let unfinished = after.version < i64::MAX;
            (until > after.seq || unfinished).then_some(Self { chat, after, until: until.max(after.seq) })
        }))
    }

    /// The position after this range.
    pub fn done(&self) -> Result<String> {
        self.stopped(self.until, i64::MAX)
    }

    /// The position after a version within it.
    pub fn stopped(&self, seq: i64, version: i64) -> Result<String> {
        Ok(serde_json::to_string(&Walk { chat: self.chat, seq, version })?)
    }

    /// The length of the range.
    pub fn length(&self) -> i64 {
        self.until - self.after.seq
    }
}

/// How many messages are examined in one piece, and hence the maximum that one transaction deletes.
const PLACES: i64 = 50;

/// Deletes the user's messages, if they chose so, exactly as they could have done themselves. In any case their client
/// ids are deleted, because nobody will send these messages again.
pub fn take_back(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let Some(stretch) = Stretch::next(tx.conn, erasing.user, mark, PLACES)? else { return Ok(EraseStep::default()) };
    dialect::messaging::lock_chat(tx.conn, stretch.chat)?;
    let rows = if erasing.delete_messages { delete(tx, ctx, erasing, &stretch)? } else { 0 };
    forget_client_ids(tx, erasing, &stretch)?;
    Ok(EraseStep { rows, next: Some(stretch.done()?) })
}

fn delete(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, stretch: &Stretch) -> Result<u64> {
    let said: Vec<MessageId> = messages::table
        .filter(messages::chat_id.eq(stretch.chat))
        .filter(messages::seq.gt(stretch.after.seq).and(messages::seq.le(stretch.until)))
        .filter(messages::sender_id.eq(erasing.user).and(messages::deleted_at.is_null()))
        .order(messages::seq)
        .select(messages::id)
        .load(tx.conn)?;
    let via = Via::Session(Id::from_uuid(uuid::Uuid::nil()));
    let author = Actor::User { id: erasing.user, via, role: Role::User };
    let author = ctx.by(author);
    // All are in one chat, hence in one stream: this cannot deadlock.
    for message in &said {
        edit::take_back(tx, &author, *message)?;
    }
    Ok(said.len() as u64)
}

fn forget_client_ids(tx: &mut Tx<'_>, erasing: &Erasing, stretch: &Stretch) -> Result<()> {
    let named = messages::table
        .filter(messages::chat_id.eq(stretch.chat))
        .filter(messages::seq.gt(stretch.after.seq).and(messages::seq.le(stretch.until)))
        .filter(messages::sender_id.eq(erasing.user).and(messages::client_id.is_not_null()));
    let client_ids: Vec<Option<String>> = named.select(messages::client_id).load(tx.conn)?;
    if !client_ids.is_empty() {
        let used = message_client_ids::client_id.eq_any(client_ids.into_iter().flatten());
        let used = message_client_ids::sender_id.eq(erasing.user).and(used);
        diesel::delete(message_client_ids::table.filter(used)).execute(tx.conn)?;
        diesel::update(named).set(messages::client_id.eq(None::<String>)).execute(tx.conn)?;
        // Summaries of chats are cached under their revision.
        diesel::update(chats::table.find(stretch.chat))
            .set(chats::revision.eq(chats::revision + 1))
            .execute(tx.conn)?;
        tx.deleted_text = true;
    }
    Ok(())
}

/// Forgets in which chats somebody had written whom they have left: what they wrote there has been dealt with.
pub fn forget_former(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let own = former::table.filter(former::user_id.eq(erasing.user));
    let chats: Vec<ChatId> = own.order(former::chat_id).limit(ROWS).select(former::chat_id).load(tx.conn)?;
    let rows = diesel::delete(own.filter(former::chat_id.eq_any(&chats))).execute(tx.conn)?;
    all_gone(rows, chats.len() as i64 == ROWS)
}
