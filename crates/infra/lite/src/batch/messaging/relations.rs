//! The statements of a batch of messages that name others.

use clowder_core::{
    ChatId, MessageId, Result, UserId,
    sql::{Ts, Uid},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text},
    sqlite::Sqlite,
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
    let mut found = Vec::new();
    for (index, (chat, user, message)) in (0_i64..).zip(wanted) {
        let target = statement::<Row, Sqlite>(format!(
            "SELECT ?, m.id, m.seq, m.type, m.deleted_at IS NOT NULL, m.expires_at, m.thread_id IS NOT NULL, \
             m.replies IS NOT NULL, EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p.user_id AND b.blocked_id = m.sender_id \
             AND b.hide_messages), substr(m.content, 1, 200), u.id, u.username, u.display_name, u.avatar_id \
             FROM messages m JOIN participants p ON p.chat_id = m.chat_id AND p.user_id = ? AND {MESSAGE_IS_SEEN} \
             JOIN users u ON u.id = m.sender_id WHERE m.id = ? AND m.chat_id = ?"
        ))
        .bind::<BigInt, _>(index)
        .bind::<Uid, _>(*user)
        .bind::<Uid, _>(*message)
        .bind::<Uid, _>(*chat);
        found.extend(target.load::<TargetRow>(conn)?);
    }
    Ok(found)
}
