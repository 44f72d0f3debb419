//! Exports of a chat: what one participant sees of it, in a file that a job writes.
//!
//! The file is written page by page, in the order of the chat. Each page shows what its reader sees at the moment at which
//! it is read: nothing that was deleted before, and every edit until then. Of messages that disappear, and of people whose
//! messages the reader hides, only the places are in it.

pub mod page;
pub mod port;

use std::time::Duration;

use clowder_core::{
    Card, ChatId, Fields, Id, Input, Result, Timestamp, UserId, Word,
    export::{ExportStatus, status_of},
};
use serde::{Deserialize, Serialize};

use crate::{
    ChatType,
    refusals::{CHAT_EXPORTS, CHAT_EXPORTS_TODAY},
    scheduled::Problem,
};

pub type ChatExportId = Id<ChatExport>;

/// How long a file can be downloaded.
pub const READY_FOR: Duration = Duration::from_secs(3 * DAY);
/// How long an export is listed.
pub const KNOWN_FOR: Duration = Duration::from_secs(7 * DAY);
/// How many exports one person can have in progress.
pub const MOST_RUNNING: usize = 2;
/// How many exports one person can have, in progress or ready.
pub const MOST_KEPT: usize = 5;
/// How many exports one person can request within a day.
pub const MOST_A_DAY: usize = 20;
/// How large a file can be, in octets.
pub const MOST_OCTETS: i64 = 4 << 30;
/// About how much of a file is written at a time, in octets.
pub const PIECE: usize = 256 * 1024;

const DAY: u64 = 24 * 3600;

/// A file with what the caller sees of a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatExport {
    pub id: ChatExportId,
    pub chat_id: ChatId,
    pub format: ExportFormat,
    pub status: ExportStatus,
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
    /// How many messages are in it so far, those without a text included.
    #[schema(minimum = 0)]
    pub messages: i64,
    /// The size of the file in octets, once it is ready.
    #[schema(minimum = 0)]
    pub size: Option<i64>,
    /// Where to download the file, once it is ready, with the same authorization as every other call: an absolute URL if
    /// `PUBLIC_URL` is set, otherwise a path.
    #[schema(example = "/api/chat-exports/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10/file")]
    pub url: Option<String>,
    /// Why it failed: `chat.unknown` if you are not in the chat any more.
    pub problem: Option<Problem>,
    pub created_at: Timestamp,
    /// Until when it can be downloaded.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatExportFormat)]
pub enum ExportFormat {
    /// For programs; another server can import it.
    #[default]
    Json,
    /// One page to read.
    Html,
}

impl Word for ExportFormat {
    const WHAT: &'static str = "format of an export";
    const WORDS: &'static [(&'static str, Self)] = &[("json", Self::Json), ("html", Self::Html)];
}

/// `{format?}`
#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema)]
#[schema(as = NewChatExport, example = json!({"format": "html"}))]
pub struct NewExport {
    /// `json` if absent.
    #[schema(value_type = Option<ExportFormat>)]
    pub format: ExportFormat,
}

impl Input for NewExport {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional("format").map(|format| Self { format: format.unwrap_or_default() })
    }
}

/// What an export says of its chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedChat {
    pub id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatType,
    pub title: Option<String>,
    pub description: Option<String>,
    /// The other person of a private chat.
    pub peer: Option<Card>,
    pub created_at: Timestamp,
}

/// A file that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportFile {
    pub id: ChatExportId,
    /// Whose export it is.
    pub user: UserId,
    pub format: ExportFormat,
    pub size: u64,
    pub created_at: Timestamp,
}

/// An export as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub id: ChatExportId,
    pub chat: ChatId,
    pub format: ExportFormat,
    pub status: ExportStatus,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// Whether its owner has been in the chat all the time since they requested it.
    pub member: bool,
}

impl Known {
    /// What becomes of it by itself: with the membership it ends.
    pub fn status(&self, now: Timestamp) -> ExportStatus {
        match status_of(now, self.status, self.created_at, self.expires_at) {
            ExportStatus::Queued | ExportStatus::Running if !self.member => ExportStatus::Failed,
            ExportStatus::Ready if !self.member => ExportStatus::Expired,
            status => status,
        }
    }
}

/// The result of requesting an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// This one is in progress.
    Again(ChatExportId),
    New,
}

/// Whether another export is made for somebody who has these.
pub fn decide(now: Timestamp, chat: ChatId, format: ExportFormat, known: &[Known]) -> Result<Wish> {
    let is_running = |export: &&Known| matches!(export.status(now), ExportStatus::Queued | ExportStatus::Running);
    let running = || known.iter().filter(is_running);
    if let Some(same) = running().find(|export| export.chat == chat && export.format == format) {
        return Ok(Wish::Again(same.id));
    }
    let ready = known.iter().filter(|export| export.status(now) == ExportStatus::Ready).count();
    let count = running().count();
    if count >= MOST_RUNNING || count + ready >= MOST_KEPT {
        return Err(CHAT_EXPORTS.into());
    }
    let today = known.iter().filter(|export| now.since(export.created_at) < Duration::from_secs(DAY));
    if today.count() >= MOST_A_DAY { Err(CHAT_EXPORTS_TODAY.into()) } else { Ok(Wish::New) }
}

/// How far it has come, from 0 to 1, when everything up to `seq` of the messages from `from` to `last` is written. The end
/// is a step of its own.
pub fn progress(status: ExportStatus, from: i64, seq: i64, last: i64) -> f64 {
    match status {
        ExportStatus::Ready | ExportStatus::Expired => 1.0,
        _ => ((seq - from).max(0) as f64 / ((last - from).max(0) + 1) as f64).clamp(0.0, 0.99),
    }
}

#[cfg(test)]
mod tests;
