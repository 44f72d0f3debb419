//! The statements about whom messages mention.

use clowder_core::{
    ChatId, Result, Timestamp, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Text},
    sqlite::Sqlite,
};
use serde_json::json;

use super::{Conn, places};
use crate::{
    domains::messaging::{
        AllMentions, MENTION_IS_SHOWN, MESSAGE_STAYS, MentionPlace, MentionRow, MentionTable, NamedRow,
    },
    statement::statement,
};

/// Those people in these chats who have these names, and are not erased. No lock is needed: there is only one writer.
pub fn people_named(conn: &mut Conn, wanted: &[(ChatId, &str)]) -> Result<Vec<NamedRow>> {
    let mut found = Vec::with_capacity(wanted.len());
    for (chat, name) in wanted {
        let people = statement::<(Uid, Text, Uid, BigInt), Sqlite>(
            "SELECT p.chat_id, u.username_key, u.id, coalesce(p.entered_from, p.visible_from) FROM users u \
             CROSS JOIN participants p ON p.user_id = u.id AND p.chat_id = ? AND p.role <> 'subscriber' \
             WHERE u.username_key = ? AND u.deleted_at IS NULL",
        );
        let people = people.bind::<Uid, _>(*chat).bind::<Text, _>((*name).to_owned());
        found.extend(people.load::<NamedRow>(conn)?);
    }
    Ok(found)
}

/// Writes whom messages mention, and which of them mention everybody.
pub fn insert_mentions(conn: &mut Conn, rows: &[MentionRow], all: &[(ChatId, i64, Timestamp)]) -> Result<()> {
    for row in rows {
        statement::<(), Sqlite>(
            "INSERT INTO message_mentions (chat_id, seq, user_id, place, given, counted, sent_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind::<Uid, _>(row.chat_id)
        .bind::<BigInt, _>(row.seq)
        .bind::<Uid, _>(row.user_id)
        .bind::<BigInt, _>(row.place)
        .bind::<Bool, _>(row.given)
        .bind::<Bool, _>(row.counted)
        .bind::<Ts, _>(row.sent_at)
        .execute(conn)?;
    }
    for (chat, seq, at) in all {
        statement::<(), Sqlite>("INSERT INTO message_mentions_all (chat_id, seq, sent_at) VALUES (?, ?, ?)")
            .bind::<Uid, _>(*chat)
            .bind::<BigInt, _>(*seq)
            .bind::<Ts, _>(*at)
            .execute(conn)?;
    }
    Ok(())
}

/// Deletes whom these messages mention.
pub fn drop_mentions(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<()> {
    for (chat, seq) in wanted {
        for sql in [
            "DELETE FROM message_mentions WHERE chat_id = ? AND seq = ?",
            "DELETE FROM message_mentions_all WHERE chat_id = ? AND seq = ?",
        ] {
            statement::<(), Sqlite>(sql).bind::<Uid, _>(*chat).bind::<BigInt, _>(*seq).execute(conn)?;
        }
    }
    Ok(())
}

/// Whom these messages mention.
pub fn mentioned_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<MentionRow>> {
    let mentioned = statement::<(Uid, BigInt, Uid, BigInt, Bool, Bool, Ts), Sqlite>(
        "SELECT n.chat_id, n.seq, n.user_id, n.place, n.given, n.counted, n.sent_at FROM json_each(?) w \
         CROSS JOIN message_mentions n ON n.chat_id = unhex(w.value ->> 0) AND n.seq = w.value ->> 1",
    );
    Ok(mentioned.bind::<Text, _>(places(wanted)).load::<MentionRow>(conn)?)
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
    let places = |(chat, seq, whole): &(ChatId, i64, bool)| (chat.uuid().simple().to_string(), *seq, *whole);
    let places = json!(wanted.iter().map(places).collect::<Vec<_>>()).to_string();
    let counted = statement::<(Uid, BigInt), Sqlite>(format!(
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
             FROM (SELECT unhex(value ->> 0) AS chat_id, value ->> 1 AS seq, value ->> 2 AS whole FROM json_each(?)) w \
             CROSS JOIN (SELECT ? AS user_id) p"
    ))
        .bind::<Ts, _>(now)
        .bind::<Ts, _>(now)
        .bind::<Ts, _>(now)
        .bind::<Ts, _>(now)
        .bind::<Text, _>(places)
        .bind::<Uid, _>(viewer);
    Ok(counted.load::<(ChatId, i64)>(conn)?)
}

/// The newest messages that name the viewer, in all their chats: an index has them in this order.
pub fn named_anywhere(conn: &mut Conn, asked: &AllMentions) -> Result<Vec<MentionPlace>> {
    let (from, more) = asked.between();
    let (at, chat, seq) = asked.after;
    let rows = statement::<(Ts, Uid, BigInt), Sqlite>(format!(
        "SELECT n.sent_at, n.chat_id, n.seq FROM message_mentions n \
         CROSS JOIN participants p ON p.chat_id = n.chat_id AND p.user_id = n.user_id AND n.seq > {from}{more} \
         CROSS JOIN chats h ON h.id = n.chat_id AND h.deleted_at IS NULL \
         CROSS JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
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
    let newest = |what, since| asked.newest(table, "CROSS JOIN", what, since);
    let (first, all) = (newest("n.sent_at", "0"), newest("n.seq", "p.since"));
    let MentionTable { name, own, .. } = table;
    let rows = statement::<(Ts, Uid, BigInt), Sqlite>(format!(
        "SELECT n.sent_at, n.chat_id, n.seq FROM (SELECT q.*, CASE WHEN count(*) OVER () = ? THEN min(q.newest) OVER () \
         ELSE 0 END AS since FROM (SELECT p.chat_id, p.user_id, p.visible_from, p.read_seq, p.removed_count, \
         ({first} 1) AS newest FROM participants p \
         CROSS JOIN chats h ON h.id = p.chat_id AND h.deleted_at IS NULL AND h.last_seq > {from} \
         WHERE p.user_id = ? ORDER BY newest DESC, p.chat_id DESC LIMIT ?) q WHERE q.newest IS NOT NULL) p \
         CROSS JOIN {name} n ON n.chat_id = p.chat_id{own} AND n.seq IN ({all} ?) \
         ORDER BY n.sent_at DESC, n.chat_id DESC, n.seq DESC LIMIT ?"
    ));
    let rows = rows.bind::<BigInt, _>(asked.most).bind::<Ts, _>(at).bind::<Ts, _>(at).bind::<Uid, _>(chat);
    let rows =
        rows.bind::<BigInt, _>(seq).bind::<Ts, _>(asked.now).bind::<Ts, _>(asked.now).bind::<Uid, _>(asked.viewer);
    let rows = rows.bind::<BigInt, _>(asked.most).bind::<Ts, _>(at).bind::<Ts, _>(at).bind::<Uid, _>(chat);
    let rows =
        rows.bind::<BigInt, _>(seq).bind::<Ts, _>(asked.now).bind::<Ts, _>(asked.now).bind::<BigInt, _>(asked.most);
    Ok(rows.bind::<BigInt, _>(asked.most).load(conn)?)
}
