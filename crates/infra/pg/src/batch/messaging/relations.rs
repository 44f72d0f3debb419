//! The statements of a batch of messages that name others.

use clowder_core::{
    ChatId, MessageId, Result, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, Text},
};

use super::super::Conn;
use crate::{
    domains::messaging::{MESSAGE_IS_SEEN, TargetRow},
    statement::statement,
};

type Card = (Uid, Text, Text, Nullable<Uid>);
type Row = (BigInt, Uid, BigInt, Text, Bool, Nullable<Ts>, Bool, Bool, Bool, Nullable<Text>, Card);

/// Those of these messages of these chats that these people see.
pub fn targets(conn: &mut Conn, wanted: &[(ChatId, UserId, MessageId)]) -> Result<Vec<TargetRow>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    // One message at a time, by its id: with old statistics, PostgreSQL would read all messages of the chat instead.
    Ok(statement::<Row, Pg>(format!(
            "SELECT w.n - 1, m.id, m.seq, m.type, m.deleted_at IS NOT NULL, m.expires_at, m.thread_id IS NOT NULL, \
         m.replies IS NOT NULL, EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p.user_id AND b.blocked_id = m.sender_id \
         AND b.hide_messages), substr(m.content, 1, 200), u.id, u.username, u.display_name, u.avatar_id \
         FROM unnest(?, ?, ?) WITH ORDINALITY AS w(chat_id, user_id, message_id, n) \
         CROSS JOIN LATERAL (SELECT * FROM messages x WHERE x.id = w.message_id LIMIT 1) m \
         JOIN participants p ON p.chat_id = w.chat_id AND p.user_id = w.user_id AND {MESSAGE_IS_SEEN} \
         JOIN users u ON u.id = m.sender_id WHERE m.chat_id = w.chat_id"
        ))
    .bind::<Array<Uid>, _>(wanted.iter().map(|(chat, ..)| *chat).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(wanted.iter().map(|(_, user, _)| *user).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(wanted.iter().map(|(.., message)| *message).collect::<Vec<_>>())
    .load(conn)?)
}
