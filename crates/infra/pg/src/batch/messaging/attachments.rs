//! The statements about files of messages.

use clowder_core::{ChatId, FileId, Result, sql::Uid};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_types::{Array, BigInt, Nullable, Text},
};

use super::Conn;
use crate::{domains::messaging::AttachmentRow, statement::statement};

pub fn insert_attachments(conn: &mut Conn, rows: &[AttachmentRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    statement::<(), Pg>(
        "INSERT INTO message_attachments (chat_id, seq, place, file_id, name, type, size) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?)",
    )
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.chat_id).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.seq).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows.iter().map(|row| row.place).collect::<Vec<_>>())
    .bind::<Array<Uid>, _>(rows.iter().map(|row| row.file_id).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Text>>, _>(rows.iter().map(|row| row.kind.clone()).collect::<Vec<_>>())
    .bind::<Array<Nullable<BigInt>>, _>(rows.iter().map(|row| row.size).collect::<Vec<_>>())
    .execute(conn)?;
    Ok(())
}

/// The files of these messages.
pub fn attached_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<AttachmentRow>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    Ok(statement::<(Uid, BigInt, BigInt, Uid, Nullable<Text>, Nullable<Text>, Nullable<BigInt>), Pg>(
        "SELECT a.chat_id, a.seq, a.place, a.file_id, a.name, a.type, a.size FROM unnest(?, ?) AS w(chat_id, seq) \
         JOIN message_attachments a ON a.chat_id = w.chat_id AND a.seq = w.seq",
    )
    .bind::<Array<Uid>, _>(chats)
    .bind::<Array<BigInt>, _>(seqs)
    .load(conn)?)
}

/// Takes their files from these messages, and returns them.
pub fn drop_attachments(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<FileId>> {
    let (chats, seqs): (Vec<_>, Vec<_>) = wanted.iter().copied().unzip();
    let gone = statement::<(Uid,), Pg>(
        "DELETE FROM message_attachments a USING unnest(?, ?) AS w(chat_id, seq) \
         WHERE a.chat_id = w.chat_id AND a.seq = w.seq RETURNING a.file_id",
    );
    let gone = gone.bind::<Array<Uid>, _>(chats).bind::<Array<BigInt>, _>(seqs).load::<(FileId,)>(conn)?;
    Ok(gone.into_iter().map(|(file,)| file).collect())
}
