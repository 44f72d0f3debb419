//! The tables of exports of chats, their rows, and how pieces are compressed.

use std::io::{Read, Write};

use clowder_core::{ChatId, Error, Result, Timestamp, UserId, Word, export::ExportStatus};
use clowder_messaging::{
    chat_exports::{ChatExport, ChatExportId, ExportFile, ExportFormat, Known, progress},
    scheduled::Problem,
};
use diesel::prelude::*;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_exports (id) {
        id -> Uid,
        user_id -> Uid,
        chat_id -> Uid,
        member_since -> Ts,
        format -> Text,
        status -> Text,
        problem -> Nullable<Text>,
        from_seq -> BigInt,
        last_seq -> BigInt,
        seq -> BigInt,
        pieces -> Integer,
        messages -> BigInt,
        size -> BigInt,
        restarts -> BigInt,
        created_at -> Ts,
        expires_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_export_pieces (id) {
        id -> Uid,
        export_id -> Uid,
        number -> Integer,
        data -> Seal,
    }
}

diesel::joinable!(chat_export_pieces -> chat_exports (export_id));
diesel::allow_tables_to_appear_in_same_query!(chat_exports, chat_export_pieces);

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_exports)]
#[diesel(treat_none_as_default_value = false)]
pub struct ChatExportRow {
    pub id: ChatExportId,
    pub user_id: UserId,
    pub chat_id: ChatId,
    pub member_since: Timestamp,
    pub format: String,
    pub status: String,
    pub problem: Option<String>,
    pub from_seq: i64,
    pub last_seq: i64,
    pub seq: i64,
    pub pieces: i32,
    pub messages: i64,
    pub size: i64,
    /// How often it has begun again.
    pub restarts: i64,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl ChatExportRow {
    /// `member`: whether its owner has been in the chat since they requested it.
    pub fn known(&self, member: bool) -> Result<Known> {
        let (status, format) = (ExportStatus::parse_word(&self.status)?, ExportFormat::parse_word(&self.format)?);
        let Self { id, chat_id: chat, created_at, expires_at, .. } = *self;
        Ok(Known { id, chat, format, status, created_at, expires_at, member })
    }

    /// As its owner sees it; of one that ended with the membership, `left` says why.
    pub fn export(self, now: Timestamp, member: bool, left: &str) -> Result<ChatExport> {
        let known = self.known(member)?;
        let status = known.status(now);
        let is_ready = status == ExportStatus::Ready;
        let problem = match status {
            ExportStatus::Failed if !member => Some(self.problem.unwrap_or_else(|| left.to_owned())),
            ExportStatus::Failed => self.problem,
            _ => None,
        };
        Ok(ChatExport {
            id: self.id,
            chat_id: self.chat_id,
            format: known.format,
            status,
            progress: progress(status, self.from_seq, self.seq, self.last_seq),
            messages: self.messages,
            size: is_ready.then_some(self.size),
            url: is_ready.then(|| format!("/api/chat-exports/{}/file", self.id)),
            problem: problem.map(Problem::of),
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }

    pub fn file(&self) -> Result<ExportFile> {
        let format = ExportFormat::parse_word(&self.format)?;
        let Self { id, user_id: user, size, created_at, .. } = *self;
        Ok(ExportFile { id, user, format, size: size.unsigned_abs(), created_at })
    }
}

/// Makes a piece small: what people write takes a third of its size, and what stands around it nearly nothing.
pub fn compress(octets: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(3));
    let written = encoder.write_all(octets).and_then(|()| encoder.finish());
    written.map_err(|error| Error::internal(format!("a piece of a file: {error}")))
}

pub fn expand(octets: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::new();
    let read = DeflateDecoder::new(octets).read_to_end(&mut whole);
    read.map_err(|error| Error::internal(format!("a piece of a file: {error}")))?;
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_what_it_was() {
        let long = "{\"content\":\"🦀 said\"},\n".repeat(20_000);
        for text in ["", "a", &long] {
            let small = compress(text.as_bytes()).unwrap();
            assert_eq!(expand(&small).unwrap(), text.as_bytes());
        }
        assert!(compress(long.as_bytes()).unwrap().len() < long.len() / 20);
        assert!(expand(b"\xff\xff").is_err());
    }
}
