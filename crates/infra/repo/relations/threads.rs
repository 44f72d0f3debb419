//! Threads: what sends and deletions keep of them, and who follows them.

use std::collections::{BTreeMap, BTreeSet};

use clowder_core::{ChatId, Ctx, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    Change, Message, MessageType, NewRead,
    refusals::{MESSAGE_NO_THREAD, MESSAGE_UNKNOWN, THREAD_LIMIT},
    relations::{MOST_FOLLOWED, Target, Targets, ThreadState, moved},
};
use diesel::{
    dsl::{count_star, max},
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text},
};

use super::super::{
    batch,
    chats::hold::is_alive,
    db::Tx,
    dialect::{self, Backend, Conn},
    journal,
    messaging::gesture,
};
use super::reading;
use crate::{
    domains::messaging::{MESSAGE_IS_SEEN, ThreadMarkRow, messages as said, thread_marks as marks},
    statement::statement,
};
use clowder_core::sql::{Ts, Uid};

/// A message that was sent into a thread.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    chat: ChatId,
    /// The message with which the thread begins: its id and number, and who wrote it.
    root: (MessageId, i64, UserId),
    /// Whether it is the first in the thread.
    first: bool,
    /// Who answered, with which message, and when.
    by: (UserId, i64, Timestamp),
}

impl Answered {
    pub fn new(chat: ChatId, root: &Target, by: (UserId, i64, Timestamp)) -> Self {
        Self { chat, root: (root.id, root.seq, root.sender.id), first: !root.is_root, by }
    }
}

/// What a new message names, as far as its sender sees it.
pub fn targets(
    conn: &mut Conn,
    chat: ChatId,
    sender: UserId,
    (reply_to, thread_of): (Option<MessageId>, Option<MessageId>),
) -> Result<Targets> {
    let named: Vec<_> = reply_to.into_iter().chain(thread_of).map(|id| (chat, sender, id)).collect();
    let mut targets = Targets::default();
    for row in batch::messaging::relations::targets(conn, &named)? {
        let target = row.target()?;
        if Some(target.id) == reply_to {
            targets.reply_to = Some(target.clone());
        }
        if Some(target.id) == thread_of {
            targets.thread_of = Some(target);
        }
    }
    Ok(targets)
}

/// Counts messages in their threads, in locked chats: whoever writes in one follows it from then on, and so does who wrote
/// its root, from the first answer on, unless they follow as many as one person can.
pub fn keep(conn: &mut Conn, answered: &[Answered]) -> Result<()> {
    let mut threads = BTreeMap::<(ChatId, i64), (i64, Timestamp)>::new();
    let mut people = BTreeMap::<(ChatId, MessageId, UserId), i64>::new();
    let mut begun = BTreeSet::new();
    for &Answered { chat, root: (root, root_seq, author), first, by: (user, seq, at) } in answered {
        let (count, last) = threads.entry((chat, root_seq)).or_insert((0, at));
        (*count, *last) = (*count + 1, at);
        people.entry((chat, root, user)).or_insert(seq);
        if first {
            begun.insert((chat, root, root_seq, author));
        }
    }
    for ((chat, seq), (count, last)) in threads {
        statement::<(), Backend>(
            "UPDATE messages SET replies = coalesce(replies, 0) + ?, last_reply_at = ? WHERE chat_id = ? AND seq = ?",
        )
        .bind::<BigInt, _>(count)
        .bind::<Ts, _>(last)
        .bind::<Uid, _>(chat)
        .bind::<BigInt, _>(seq)
        .execute(conn)?;
    }
    for (chat, root, seq, author) in begun {
        // Unless they have left, are erased, do not see it any more, or do not want it.
        statement::<(), Backend>(format!(
            "INSERT INTO thread_marks (user_id, chat_id, message_id, following, read_seq) \
             SELECT p.user_id, p.chat_id, m.id, true, m.seq FROM participants p \
             JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL \
             JOIN messages m ON m.chat_id = p.chat_id AND m.seq = ? AND m.id = ? AND {MESSAGE_IS_SEEN} \
             WHERE p.chat_id = ? AND p.user_id = ? \
             AND (SELECT count(*) FROM thread_marks t WHERE t.user_id = p.user_id AND t.following) < ? \
             ON CONFLICT DO NOTHING"
        ))
        .bind::<BigInt, _>(seq)
        .bind::<Uid, _>(root)
        .bind::<Uid, _>(chat)
        .bind::<Uid, _>(author)
        .bind::<BigInt, _>(MOST_FOLLOWED)
        .execute(conn)?;
    }
    for ((chat, root, user), seq) in people {
        statement::<(), Backend>(
            "INSERT INTO thread_marks (user_id, chat_id, message_id, following, read_seq) \
             SELECT p.user_id, p.chat_id, ?, true, ? FROM participants p WHERE p.chat_id = ? AND p.user_id = ? \
             AND NOT EXISTS (SELECT 1 FROM thread_marks t WHERE t.user_id = p.user_id AND t.chat_id = p.chat_id \
             AND t.message_id = ? AND t.following) \
             AND (SELECT count(*) FROM thread_marks t WHERE t.user_id = p.user_id AND t.following) < ? \
             ON CONFLICT (user_id, chat_id, message_id) DO UPDATE SET following = true, read_seq = excluded.read_seq",
        )
        .bind::<Uid, _>(root)
        .bind::<BigInt, _>(seq)
        .bind::<Uid, _>(chat)
        .bind::<Uid, _>(user)
        .bind::<Uid, _>(root)
        .bind::<BigInt, _>(MOST_FOLLOWED)
        .execute(conn)?;
    }
    Ok(())
}

/// Messages that are deleted, in locked chats, count no more.
pub fn lose(conn: &mut Conn, gone: &[Message]) -> Result<()> {
    let mut threads = BTreeMap::<MessageId, i64>::new();
    for root in gone.iter().filter_map(|message| message.thread_of) {
        *threads.entry(root).or_default() += 1;
    }
    for (root, count) in threads {
        statement::<(), Backend>("UPDATE messages SET replies = replies - ? WHERE id = ?")
            .bind::<BigInt, _>(count)
            .bind::<Uid, _>(root)
            .execute(conn)?;
    }
    Ok(())
}

/// Whoever leaves a locked chat follows nothing in it.
pub fn leave(conn: &mut Conn, chat: ChatId, users: &[UserId]) -> Result<()> {
    diesel::delete(marks::table.filter(marks::user_id.eq_any(users).and(marks::chat_id.eq(chat)))).execute(conn)?;
    Ok(())
}

/// Deletes some of the marks in a chat that goes with everything in it; none when there are none left.
pub fn clear(conn: &mut Conn, chat: ChatId, most: i64) -> Result<u64> {
    let some = statement::<(), Backend>(
        "DELETE FROM thread_marks WHERE (user_id, chat_id, message_id) IN (SELECT t.user_id, t.chat_id, t.message_id \
         FROM thread_marks t WHERE t.chat_id = ? ORDER BY t.user_id, t.message_id LIMIT ?)",
    );
    Ok(some.bind::<Uid, _>(chat).bind::<BigInt, _>(most).execute(conn)? as u64)
}

/// A message that somebody sees, as the beginning of a thread.
#[derive(Debug, Clone, Queryable)]
pub struct Root {
    pub id: MessageId,
    pub chat: ChatId,
    pub seq: i64,
    kind: String,
    sender: UserId,
    deleted: bool,
    expires_at: Option<Timestamp>,
    in_thread: bool,
    has_thread: bool,
}

impl Root {
    pub fn of(conn: &mut Conn, viewer: UserId, id: MessageId) -> Result<Self> {
        let found = statement::<(Uid, Uid, BigInt, Text, Uid, Bool, Nullable<Ts>, Bool, Bool), Backend>(format!(
            "SELECT m.id, m.chat_id, m.seq, m.type, m.sender_id, m.deleted_at IS NOT NULL, m.expires_at, \
             m.thread_id IS NOT NULL, m.replies IS NOT NULL FROM messages m \
             JOIN chats h ON h.id = m.chat_id AND h.deleted_at IS NULL \
             JOIN participants p ON p.chat_id = m.chat_id AND p.user_id = ? AND {MESSAGE_IS_SEEN} WHERE m.id = ?"
        ));
        let found = found.bind::<Uid, _>(viewer).bind::<Uid, _>(id).get_result(conn).optional()?;
        Ok(found.ok_or(MESSAGE_UNKNOWN)?)
    }

    /// Whether anybody can follow it.
    fn can_begin(&self, now: Timestamp) -> bool {
        let gone = self.deleted || self.expires_at.is_some_and(|end| end <= now);
        let written = self.kind != MessageType::System.as_str();
        written && !self.in_thread && (self.has_thread || !gone)
    }

    /// Whether it is somebody's message whose first answer would let them follow its thread.
    fn is_unanswered_of(&self, user: UserId) -> bool {
        self.sender == user && !self.has_thread
    }

    /// The number of the last message of the thread.
    fn last(&self, conn: &mut Conn) -> Result<i64> {
        let thread = said::table.filter(said::thread_id.eq(self.id));
        let last: Option<i64> = thread.select(max(said::seq)).first(conn)?;
        Ok(last.unwrap_or(self.seq))
    }

    fn mark(&self, conn: &mut Conn, user: UserId) -> Result<Option<ThreadMarkRow>> {
        let mark = marks::table.find((user, self.chat, self.id)).select((marks::following, marks::read_seq));
        Ok(mark.first(conn).optional()?)
    }

    /// What somebody has to do with it, whose mark this is.
    fn state(&self, conn: &mut Conn, ctx: &Ctx, mark: Option<ThreadMarkRow>) -> Result<ThreadState> {
        let ThreadMarkRow { following, read_seq } = mark.unwrap_or(ThreadMarkRow { following: false, read_seq: 0 });
        let mut unread_count = 0;
        if following {
            let unread = reading::unread("t.message_id", "t");
            let count = statement::<(BigInt,), Backend>(format!(
                "SELECT (SELECT count(*) FROM (SELECT 1 FROM {unread} LIMIT 1000) c) FROM thread_marks t \
                 JOIN participants p ON p.chat_id = t.chat_id AND p.user_id = t.user_id \
                 WHERE t.user_id = ? AND t.chat_id = ? AND t.message_id = ?"
            ));
            let count = count.bind::<Ts, _>(ctx.now).bind::<Uid, _>(ctx.user()?).bind::<Uid, _>(self.chat);
            let count = count.bind::<Uid, _>(self.id).get_result::<(i64,)>(conn).optional()?;
            unread_count = count.map_or(0, |(count,)| count);
        }
        Ok(ThreadState { chat_id: self.chat, message_id: self.id, following, read_seq, unread_count })
    }
}

/// Begins or ends that somebody follows a thread.
pub fn follow(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId, on: bool) -> Result<ThreadState> {
    let user = ctx.user()?;
    dialect::accounts::keep_users(tx.conn, &[user])?;
    if !is_alive(tx.conn, user)? {
        return Err(MESSAGE_UNKNOWN.into());
    }
    let seen = Root::of(tx.conn, user, id)?;
    let chat = seen.chat;
    // Before others would have to wait for it.
    if seen.mark(tx.conn, user)?.is_none_or(|mark| mark.following != on) {
        gesture(tx, ctx, chat)?;
    }
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let root = Root::of(tx.conn, user, id)?;
    if on && !root.can_begin(ctx.now) {
        return Err(MESSAGE_NO_THREAD.into());
    }
    let mark = root.mark(tx.conn, user)?;
    // Only of one's own message that nobody has answered yet it is kept that one does not want to follow its thread.
    let is_kept = on || root.is_unanswered_of(user);
    let is_so = match &mark {
        Some(mark) => mark.following == on,
        None => !is_kept,
    };
    if is_so {
        return root.state(tx.conn, ctx, mark);
    }
    if !is_kept {
        diesel::delete(marks::table.find((user, root.chat, id))).execute(tx.conn)?;
        return told(tx, ctx, &root, ThreadMarkRow { following: false, read_seq: 0 });
    }
    let own = marks::table.filter(marks::user_id.eq(user).and(marks::following.eq(on)));
    if own.select(count_star()).first::<i64>(tx.conn)? >= MOST_FOLLOWED {
        return Err(THREAD_LIMIT.into());
    }
    let read_seq = root.last(tx.conn)?.max(mark.map_or(0, |mark| mark.read_seq));
    diesel::insert_into(marks::table)
        .values((
            marks::user_id.eq(user),
            marks::chat_id.eq(root.chat),
            marks::message_id.eq(id),
            marks::following.eq(on),
            marks::read_seq.eq(read_seq),
        ))
        .on_conflict((marks::user_id, marks::chat_id, marks::message_id))
        .do_update()
        .set((marks::following.eq(on), marks::read_seq.eq(read_seq)))
        .execute(tx.conn)?;
    told(tx, ctx, &root, ThreadMarkRow { following: on, read_seq })
}

/// Moves a read mark. Nothing else is locked: it is the person's own, and goes with their membership.
pub fn read(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId, new: NewRead) -> Result<ThreadState> {
    let user = ctx.user()?;
    let root = Root::of(tx.conn, user, id)?;
    let Some(mark) = root.mark(tx.conn, user)? else { return root.state(tx.conn, ctx, None) };
    let Some(read_seq) = moved(mark.read_seq, new.seq, root.last(tx.conn)?) else {
        return root.state(tx.conn, ctx, Some(mark));
    };
    let own = marks::table.find((user, root.chat, id)).filter(marks::read_seq.lt(read_seq));
    if diesel::update(own).set(marks::read_seq.eq(read_seq)).execute(tx.conn)? == 0 {
        // It moved further meanwhile, or is gone.
        let mark = root.mark(tx.conn, user)?;
        return root.state(tx.conn, ctx, mark);
    }
    told(tx, ctx, &root, ThreadMarkRow { read_seq, ..mark })
}

/// Tells the person's own devices.
fn told(tx: &mut Tx<'_>, ctx: &Ctx, root: &Root, mark: ThreadMarkRow) -> Result<ThreadState> {
    let state = root.state(tx.conn, ctx, Some(mark))?;
    journal::append(tx, ctx, &Change::ThreadUpdated(ctx.user()?, state))?;
    Ok(state)
}
