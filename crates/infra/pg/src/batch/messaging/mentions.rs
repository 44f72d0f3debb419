//! The statements about whom messages mention.

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Text},
};

use super::Conn;
use crate::{
    domains::messaging::{
        AllMentions, MENTION_IS_SHOWN, MESSAGE_STAYS, MentionPlace, MentionRow, MentionTable, NamedRow,
    },
    statement::statement,
};

/// Those people in these chats who have these names, and are not erased, without subscribers: nobody learns who has subscribed to
/// a channel. The chats are locked before, so that the memberships
/// stay; accounts are not, see `reactors`.
pub fn people_named(conn: &mut Conn, wanted: &[(ChatId, &str)]) -> Result<Vec<NamedRow>> {
    let (chats, names): (Vec<_>, Vec<_>) = wanted.iter().map(|(chat, name)| (*chat, (*name).to_owned())).unzip();
    Ok(statement::<(Uid, Text, Uid, BigInt), Pg>(
        "SELECT p.chat_id, u.username_key, u.id, coalesce(p.entered_from, p.visible_from) FROM unnest(?, ?) AS w(chat_id, name) \
         JOIN users u ON u.username_key = w.name AND u.deleted_at IS NULL \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = u.id AND p.role <> 'subscriber'",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<Text>, _>(names)
    .load(conn)?)
}

/// Writes whom messages mention, and which of them mention everybody.
pub fn insert_mentions(conn: &mut Conn, rows: &[MentionRow], all: &[(ChatId, i64, Timestamp)]) -> Result<()> {
    if !rows.is_empty() {
        statement::<(), Pg>(
            "INSERT INTO message_mentions (chat_id, seq, user_id, place, given, counted, sent_at) \
             SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?)",
        )
        .bind::<Array<Uid>, _>(rows.iter().map(|row| row.chat_id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.seq).collect::<Vec<_>>())
        .bind::<Array<Uid>, _>(rows.iter().map(|row| row.user_id).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.place).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(rows.iter().map(|row| row.given).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(rows.iter().map(|row| row.counted).collect::<Vec<_>>())
        .bind::<Array<Ts>, _>(rows.iter().map(|row| row.sent_at).collect::<Vec<_>>())
        .execute(conn)?;
    }
    if !all.is_empty() {
        statement::<(), Pg>("INSERT INTO message_mentions_all (chat_id, seq, sent_at) SELECT * FROM unnest(?, ?, ?)")
            .bind::<Array<Uid>, _>(all.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
            .bind::<Array<BigInt>, _>(all.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
            .bind::<Array<Ts>, _>(all.iter().map(|(.., at)| *at).collect::<Vec<_>>())
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes whom these messages mention.
pub fn drop_mentions(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<()> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    statement::<(), Pg>(
        "WITH w AS (SELECT * FROM unnest(?, ?) AS w(chat_id, seq)), \
         everybody AS (DELETE FROM message_mentions_all a USING w WHERE a.chat_id = w.chat_id AND a.seq = w.seq) \
         DELETE FROM message_mentions n USING w WHERE n.chat_id = w.chat_id AND n.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .execute(conn)?;
    Ok(())
}

/// Whom these messages mention.
pub fn mentioned_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MentionRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, BigInt, Uid, BigInt, Bool, Bool, Ts), Pg>(
        "SELECT n.chat_id, n.seq, n.user_id, n.place, n.given, n.counted, n.sent_at FROM unnest(?, ?) AS w(chat_id, seq) \
         JOIN message_mentions n ON n.chat_id = w.chat_id AND n.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .load(conn)?)
}

/// How many messages after these places mention the viewer and [count](MENTION_IS_SHOWN); whether they have removed none in the
/// chat is given. Of each kind, 1,000 are counted at most,
/// among the newest 10,000 of the chat.
pub fn unread_mentions(
    conn: &mut Conn,
    viewer: UserId,
    now: Timestamp,
    wanted: &[(ChatId, i64, bool)],
) -> Result<Vec<(ChatId, i64)>> {
    Ok(statement::<(Uid, BigInt), Pg>(format!(
        "SELECT w.chat_id, (SELECT count(*) FROM (SELECT 1 FROM (SELECT i.chat_id, i.seq, i.counted FROM message_mentions i \
         WHERE i.user_id = p.user_id AND i.chat_id = w.chat_id AND i.seq > w.seq ORDER BY i.seq DESC LIMIT 10000) n \
         JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq WHERE n.counted AND {MENTION_IS_SHOWN} \
         AND (w.whole OR NOT EXISTS (SELECT 1 FROM removed_messages r WHERE r.chat_id = n.chat_id AND r.seq = n.seq \
         AND r.user_id = p.user_id)) LIMIT 1000) c) \
         + (SELECT count(*) FROM (SELECT 1 FROM (SELECT i.chat_id, i.seq FROM message_mentions_all i \
         WHERE i.chat_id = w.chat_id AND i.seq > w.seq ORDER BY i.seq DESC LIMIT 10000) n \
         JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq WHERE m.sender_id <> p.user_id AND {MENTION_IS_SHOWN} \
         AND (w.whole OR NOT EXISTS (SELECT 1 FROM removed_messages r WHERE r.chat_id = n.chat_id AND r.seq = n.seq \
         AND r.user_id = p.user_id)) LIMIT 1000) c) \
         FROM unnest(?, ?, ?) AS w(chat_id, seq, whole) CROSS JOIN (SELECT ? AS user_id) p"
    ))
    .bind::<Ts, _>(now)
    .bind::<Ts, _>(now)
    .bind::<Ts, _>(now)
    .bind::<Ts, _>(now)
    .bind::<Array<Uid>, _>(wanted.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(wanted.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(wanted.iter().map(|(.., whole)| *whole).collect::<Vec<_>>())
    .bind::<Uid, _>(viewer)
    .load(conn)?)
}

/// The newest messages that name the viewer, in all their chats: an index has them in this order.
pub fn named_anywhere(conn: &mut Conn, asked: &AllMentions) -> Result<Vec<MentionPlace>> {
    let (from, more) = asked.between();
    let (at, chat, seq) = asked.after;
    let rows = statement::<(Ts, Uid, BigInt), Pg>(format!(
        "SELECT n.sent_at, n.chat_id, n.seq FROM message_mentions n \
         JOIN participants p ON p.chat_id = n.chat_id AND p.user_id = n.user_id AND n.seq > {from}{more} \
         JOIN chats h ON h.id = n.chat_id AND h.deleted_at IS NULL \
         JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
         WHERE n.user_id = ? AND (n.sent_at, n.chat_id, n.seq) < (?, ?, ?) AND n.counted AND {MESSAGE_STAYS} AND {MENTION_IS_SHOWN} \
         ORDER BY n.sent_at DESC, n.chat_id DESC, n.seq DESC LIMIT ?"
    ));
    let rows = rows.bind::<Uid, _>(asked.viewer).bind::<Ts, _>(at).bind::<Uid, _>(chat).bind::<BigInt, _>(seq);
    Ok(rows.bind::<Ts, _>(asked.now).bind::<Ts, _>(asked.now).bind::<BigInt, _>(asked.most).load(conn)?)
}

/// The same, chat by chat. A page needs at most as many chats as it has items, those whose newest ones are the newest; and
/// if there are so many, nothing that is older than these newest ones.
pub fn mentions_by_chat(conn: &mut Conn, asked: &AllMentions, table: MentionTable) -> Result<Vec<MentionPlace>> {
    let (from, _) = asked.between();
    let (at, chat, seq) = asked.after;
    let newest = |since| asked.newest(table, "JOIN", "n.sent_at, n.seq", since);
    let (first, all) = (newest("'epoch'"), newest("p.since"));
    let rows = statement::<(Ts, Uid, BigInt), Pg>(format!(
        "SELECT y.sent_at, p.chat_id, y.seq FROM (SELECT q.*, CASE WHEN count(*) OVER () = ? THEN min(q.newest) OVER () \
         ELSE 'epoch' END AS since FROM (SELECT p.chat_id, p.user_id, p.visible_from, p.read_seq, p.removed_count, \
         y.sent_at AS newest FROM participants p \
         JOIN chats h ON h.id = p.chat_id AND h.deleted_at IS NULL AND h.last_seq > {from} \
         CROSS JOIN LATERAL ({first} 1) y WHERE p.user_id = ? ORDER BY newest DESC, p.chat_id DESC LIMIT ?) q) p \
         CROSS JOIN LATERAL ({all} ?) y ORDER BY y.sent_at DESC, p.chat_id DESC, y.seq DESC LIMIT ?"
    ));
    let rows = rows.bind::<BigInt, _>(asked.most).bind::<Ts, _>(at).bind::<Ts, _>(at).bind::<Uid, _>(chat);
    let rows =
        rows.bind::<BigInt, _>(seq).bind::<Ts, _>(asked.now).bind::<Ts, _>(asked.now).bind::<Uid, _>(asked.viewer);
    let rows = rows.bind::<BigInt, _>(asked.most).bind::<Ts, _>(at).bind::<Ts, _>(at).bind::<Uid, _>(chat);
    let rows =
        rows.bind::<BigInt, _>(seq).bind::<Ts, _>(asked.now).bind::<Ts, _>(asked.now).bind::<BigInt, _>(asked.most);
    Ok(rows.bind::<BigInt, _>(asked.most).load(conn)?)
}
