//! The statements about files of messages.

use clowder_core::{ChatId, FileId, Result, sql::Uid};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
    sqlite::Sqlite,
};

use super::{Conn, places};
use crate::{domains::messaging::AttachmentRow, statement::statement};

pub fn insert_attachments(conn: &mut Conn, rows: &[AttachmentRow]) -> Result<()> {
    for row in rows {
        statement::<(), Sqlite>(
            "INSERT INTO message_attachments (chat_id, seq, place, file_id, name, type, size) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind::<Uid, _>(row.chat_id)
        .bind::<BigInt, _>(row.seq)
        .bind::<BigInt, _>(row.place)
        .bind::<Uid, _>(row.file_id)
        .bind::<Nullable<Text>, _>(row.name.clone())
        .bind::<Nullable<Text>, _>(row.kind.clone())
        .bind::<Nullable<BigInt>, _>(row.size)
        .execute(conn)?;
    }
    Ok(())
}

/// The files of these messages.
pub fn attached_at(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<AttachmentRow>> {
    let attached = statement::<(Uid, BigInt, BigInt, Uid, Nullable<Text>, Nullable<Text>, Nullable<BigInt>), Sqlite>(
        "SELECT a.chat_id, a.seq, a.place, a.file_id, a.name, a.type, a.size FROM json_each(?) w \
         CROSS JOIN message_attachments a ON a.chat_id = unhex(w.value ->> 0) AND a.seq = w.value ->> 1",
    );
    Ok(attached.bind::<Text, _>(places(wanted)).load::<AttachmentRow>(conn)?)
}

/// Takes their files from these messages, and returns them.
pub fn drop_attachments(conn: &mut Conn, wanted: &[(ChatId, i64)]) -> Result<Vec<FileId>> {
    let mut gone = Vec::new();
    for (chat, seq) in wanted {
        let files = statement::<(Uid,), Sqlite>(
            "DELETE FROM message_attachments WHERE chat_id = ? AND seq = ? RETURNING file_id",
        );
        let files = files.bind::<Uid, _>(*chat).bind::<BigInt, _>(*seq).load::<(FileId,)>(conn)?;
        gone.extend(files.into_iter().map(|(file,)| file));
    }
    Ok(gone)
}
