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
    domains::messaging::{MESSAGE_IS_SEEN, MESSAGE_STAYS, MessageRow, messages as said},
    statement::statement,
    store::Memory,
};
use clowder_core::sql::{Ts, Uid};

/// The messages of the thread that begins with a message that the viewer sees; they all came later.
pub fn thread(
    conn: &mut Conn,
    memory: Option<&Memory>,
    (viewer, now): (UserId, Timestamp),
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
    let (items, more) = membership.fill(conn, memory, now, &mut room, rows)?;
    let next_cursor = items.last().filter(|_| more).map(|last| format!("{way}.{}", last.seq));
    Ok(Page { items, next_cursor })
}

/// A thread that somebody follows: its root, the read mark, when the last message was sent, and how many are unread.
type Followed = (MessageId, i64, Timestamp, i64);

/// The messages of others after a mark of `p` in the thread with this root, among those that come next: however many somebody
/// has written there themselves, so many are looked at.
pub fn unread(root: &str, mark: &str) -> String {
    format!(
        "(SELECT x.chat_id, x.seq, x.sender_id, x.deleted_at, x.expires_at FROM messages x WHERE x.thread_id = {root} \
         AND x.seq > {mark}.read_seq ORDER BY x.seq LIMIT 5000) m WHERE m.sender_id <> p.user_id \
         AND m.deleted_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > ?) AND {MESSAGE_STAYS}"
    )
}

/// The statement that finds them: with unread messages, without, or all.
fn followed(unread: Option<bool>) -> String {
    let (counted, after) = (self::unread("p.id", "p"), self::unread("t.message_id", "t"));
    let only = match unread {
        None => String::new(),
        Some(true) => format!(" AND EXISTS (SELECT 1 FROM {after})"),
        Some(false) => format!(" AND NOT EXISTS (SELECT 1 FROM {after})"),
    };
    format!(
        "SELECT p.id, p.read_seq, p.last_reply_at, (SELECT count(*) FROM (SELECT 1 FROM {counted} LIMIT 1000) c) \
         FROM (SELECT t.user_id, t.read_seq, p.removed_count, m.id, m.last_reply_at FROM thread_marks t \
         JOIN participants p ON p.chat_id = t.chat_id AND p.user_id = t.user_id \
         JOIN chats h ON h.id = t.chat_id AND h.deleted_at IS NULL \
         JOIN messages m ON m.id = t.message_id AND m.chat_id = t.chat_id AND {MESSAGE_IS_SEEN} \
         WHERE t.user_id = ? AND t.following AND m.replies IS NOT NULL AND (m.last_reply_at, m.id) < (?, ?){only} \
         ORDER BY m.last_reply_at DESC, m.id DESC LIMIT ?) p ORDER BY p.last_reply_at DESC, p.id DESC"
    )
}

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
    let mut query = statement::<(Uid, BigInt, Ts, BigInt), Backend>(followed(unread))
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
