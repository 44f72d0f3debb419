//! Reading threads: the messages of one, and the threads that somebody follows.

use std::collections::HashMap;

use clowder_core::{Id, MessageId, Page, PageRequest, Result, Timestamp, UserId, page::Room};
use clowder_messaging::{Message, Window, refusals::MESSAGE_UNKNOWN, relations::FollowedThread};
use diesel::{prelude::*, sql_types::BigInt};
use uuid::Uuid;

use super::{
    super::{
        among::AmongIds,
        dialect::{Backend, Conn},
        messaging::{
            messages::{self, Membership},
            removed::stays,
        },
    },
    threads::Root,
};
use crate::{
    domains::messaging::{MessageRow, messages as said},
    statement::statement,
    store::Memory,
};
use clowder_core::sql::{Ts, Uid};

/// The messages of the thread that begins with a message that the viewer sees; they all came later.
pub fn thread(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    id: MessageId,
    window: Window,
    limit: u32,
) -> Result<Page<Message>> {
    let root = Root::of(conn, viewer, id)?;
    let membership = Membership::of(conn, root.chat, viewer)?.ok_or(MESSAGE_UNKNOWN)?;
    let mut room = Room::of(limit);
    let within = said::table.filter(said::thread_id.eq(id));
    let within = within.limit(room.items as i64 + 1).select(MessageRow::as_select());
    let (way, rows): (_, Vec<MessageRow>) = match window {
        Window::Before(seq) => {
            let rows = within.filter(said::seq.lt(seq)).order(said::seq.desc());
            let rows = match membership.remover() {
                None => rows.load(conn)?,
                Some(remover) => rows.filter(stays(remover)).load(conn)?,
            };
            ("before", rows)
        }
        Window::After(seq) | Window::Around(seq) => {
            let rows = within.filter(said::seq.gt(seq)).order(said::seq.asc());
            let rows = match membership.remover() {
                None => rows.load(conn)?,
                Some(remover) => rows.filter(stays(remover)).load(conn)?,
            };
            ("after", rows)
        }
    };
    let (items, more) = membership.fill(conn, memory, &mut room, rows)?;
    let next_cursor = items.last().filter(|_| more).map(|last| format!("{way}.{}", last.seq));
    Ok(Page { items, next_cursor })
}

/// A thread that somebody follows: its root, the read mark, when the last message was sent, and how many are unread.
type Followed = (MessageId, i64, Timestamp, i64);

/// The statement that finds them, with a condition about messages that are unread.
macro_rules! followed {
    ($condition:literal) => {
        concat!(
            "SELECT x.id, x.read_seq, x.last_reply_at, (SELECT count(*) FROM (SELECT 1 FROM messages r \
             WHERE r.thread_id = x.id AND r.seq > x.read_seq AND r.sender_id <> x.user_id AND r.deleted_at IS NULL \
             AND (r.expires_at IS NULL OR r.expires_at > ?) AND (x.removed_count = 0 OR NOT EXISTS (SELECT 1 FROM removed_messages o \
             WHERE o.chat_id = r.chat_id AND o.seq = r.seq AND o.user_id = x.user_id)) LIMIT 1000) c) \
             FROM (SELECT t.user_id, t.read_seq, p.removed_count, m.id, m.last_reply_at FROM thread_marks t \
             JOIN participants p ON p.chat_id = t.chat_id AND p.user_id = t.user_id \
             JOIN chats h ON h.id = t.chat_id AND h.deleted_at IS NULL \
             JOIN messages m ON m.id = t.message_id AND m.chat_id = t.chat_id AND m.seq > p.visible_from \
             AND (p.removed_count = 0 OR NOT EXISTS (SELECT 1 FROM removed_messages o \
             WHERE o.chat_id = m.chat_id AND o.seq = m.seq AND o.user_id = p.user_id)) \
             WHERE t.user_id = ? AND t.following AND m.replies IS NOT NULL AND (m.last_reply_at, m.id) < (?, ?)",
            $condition,
            " ORDER BY m.last_reply_at DESC, m.id DESC LIMIT ?) x ORDER BY x.last_reply_at DESC, x.id DESC"
        )
    };
}

const ALL: &str = followed!("");
const UNREAD: &str = followed!(
    " AND EXISTS (SELECT 1 FROM messages r WHERE r.thread_id = m.id AND r.seq > t.read_seq \
     AND r.sender_id <> t.user_id AND r.deleted_at IS NULL AND (r.expires_at IS NULL OR r.expires_at > ?) \
     AND (p.removed_count = 0 OR NOT EXISTS (SELECT 1 FROM removed_messages o \
     WHERE o.chat_id = r.chat_id AND o.seq = r.seq AND o.user_id = p.user_id)))"
);
const READ: &str = followed!(
    " AND NOT EXISTS (SELECT 1 FROM messages r WHERE r.thread_id = m.id AND r.seq > t.read_seq \
     AND r.sender_id <> t.user_id AND r.deleted_at IS NULL AND (r.expires_at IS NULL OR r.expires_at > ?) \
     AND (p.removed_count = 0 OR NOT EXISTS (SELECT 1 FROM removed_messages o \
     WHERE o.chat_id = r.chat_id AND o.seq = r.seq AND o.user_id = p.user_id)))"
);

/// The end of time, before which all threads come.
const LAST: Timestamp = Timestamp::from_micros(253_402_300_799_000_000);

pub fn threads(
    conn: &mut Conn,
    memory: Option<&Memory>,
    viewer: UserId,
    now: Timestamp,
    unread: Option<bool>,
    page: &PageRequest,
) -> Result<Page<FollowedThread>> {
    let (at, after) = page.moment::<Message>()?.unwrap_or((LAST, Id::from_uuid(Uuid::max())));
    let sql = match unread {
        None => ALL,
        Some(true) => UNREAD,
        Some(false) => READ,
    };
    let mut query = statement::<(Uid, BigInt, Ts, BigInt), Backend>(sql)
        .bind::<Ts, _>(now)
        .bind::<Uid, _>(viewer)
        .bind::<Ts, _>(at)
        .bind::<Uid, _>(after);
    if unread.is_some() {
        query = query.bind::<Ts, _>(now);
    }
    let followed: Vec<Followed> = query.bind::<BigInt, _>(page.fetch()).load(conn)?;
    let roots: Vec<MessageRow> = said::table
        .filter(said::id.among(followed.iter().map(|(root, ..)| root)))
        .select(MessageRow::as_select())
        .load(conn)?;
    let roots = messages::across(conn, memory, viewer, now, roots)?;
    let mut roots: HashMap<MessageId, Message> = roots.into_iter().map(|root| (root.id, root)).collect();
    let shown = followed.into_iter().filter_map(|(id, read_seq, at, unread_count)| {
        let mut root = roots.remove(&id)?;
        // What the list is ordered by, even if somebody has answered between the queries.
        if let Some(thread) = &mut root.thread {
            thread.last_reply_at = at;
        }
        Some(Ok(FollowedThread { root, read_seq, unread_count }))
    });
    Page::fill(shown, page, |thread: &FollowedThread| {
        let at = thread.root.thread.map_or(thread.root.created_at, |thread| thread.last_reply_at);
        Page::<()>::place(at, thread.root.id)
    })
}
