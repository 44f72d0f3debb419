//! What becomes of votes when their message is deleted.

use clowder_core::{ChatId, Ctx, Result, sql::Uid};
use diesel::{prelude::*, sql_types::BigInt};

use super::super::{
    Repo,
    db::Tx,
    dialect::{self, Backend, Conn},
};
use crate::{domains::messaging::message_polls as table, statement::statement};

/// How many votes go at once, of however many messages that are deleted together; the others go soon after.
const AT_ONCE: i64 = 500;

/// Deletes the polls of messages that are being deleted, in chats that are locked. Those with very many votes stay without
/// their counts until all of them are gone: nobody sees them.
pub fn drop_from(conn: &mut Conn, polls: impl IntoIterator<Item = (ChatId, i64)>) -> Result<()> {
    let mut room = AT_ONCE;
    for (chat, seq) in polls {
        let gone = if room == 0 { 0 } else { drop_some(conn, chat, seq, room)? };
        if gone < room {
            diesel::delete(table::table.find((chat, seq))).execute(conn)?;
        } else {
            let left = (table::voters.eq(-1), table::votes.eq("[]"));
            diesel::update(table::table.find((chat, seq))).set(left).execute(conn)?;
        }
        room -= gone;
    }
    Ok(())
}

fn drop_some(conn: &mut Conn, chat: ChatId, seq: i64, most: i64) -> Result<i64> {
    let rows = statement::<(), Backend>(
        "DELETE FROM message_poll_votes WHERE (chat_id, seq, user_id) IN (SELECT v.chat_id, v.seq, v.user_id \
         FROM message_poll_votes v WHERE v.chat_id = ? AND v.seq = ? ORDER BY v.user_id LIMIT ?)",
    )
    .bind::<Uid, _>(chat)
    .bind::<BigInt, _>(seq)
    .bind::<BigInt, _>(most);
    Ok(rows.execute(conn)? as i64)
}

/// Deletes some of the votes and polls in a chat that goes with everything in it; none when there are none left.
pub fn clear(conn: &mut Conn, chat: ChatId, most: i64) -> Result<u64> {
    let votes = statement::<(), Backend>(
        "DELETE FROM message_poll_votes WHERE (chat_id, seq, user_id) IN (SELECT v.chat_id, v.seq, v.user_id \
         FROM message_poll_votes v WHERE v.chat_id = ? ORDER BY v.seq, v.user_id LIMIT ?)",
    );
    let rows = votes.bind::<Uid, _>(chat).bind::<BigInt, _>(most).execute(conn)?;
    if rows > 0 {
        return Ok(rows as u64);
    }
    let polls = statement::<(), Backend>(
        "DELETE FROM message_polls WHERE (chat_id, seq) IN (SELECT p.chat_id, p.seq FROM message_polls p \
         WHERE p.chat_id = ? ORDER BY p.seq LIMIT ?)",
    );
    Ok(polls.bind::<Uid, _>(chat).bind::<BigInt, _>(most).execute(conn)? as u64)
}

/// Deletes the votes that deleted messages still have.
pub async fn forget(repo: &Repo, _: &Ctx) -> Result<usize> {
    let mut gone = 0;
    loop {
        let Some(rows) = repo.db.write(forget_some).await? else { return Ok(gone) };
        gone += rows;
    }
}

fn forget_some(tx: &mut Tx<'_>) -> Result<Option<usize>> {
    let left = table::table.filter(table::voters.lt(0)).order((table::chat_id, table::seq));
    let left: Option<(ChatId, i64)> = left.select((table::chat_id, table::seq)).first(tx.conn).optional()?;
    let Some((chat, seq)) = left else { return Ok(None) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let rows = drop_some(tx.conn, chat, seq, AT_ONCE)?;
    if rows < AT_ONCE {
        diesel::delete(table::table.find((chat, seq))).execute(tx.conn)?;
    }
    Ok(Some(usize::try_from(rows).unwrap_or(0)))
}
