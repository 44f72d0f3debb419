//! Imports: administrators make a new chat of the JSON of an export, from here or from another server.
//!
//! The file is read twice, piece by piece. First everything in it is checked: what cannot be taken is refused message by
//! message, with its place in the file, and does not keep the others out. Then the messages are written, as many at a time
//! as one transaction bears, and in the end the people come in. Nobody sees the chat before it is whole.

mod line;
pub mod port;
mod splitting;

use std::collections::BTreeMap;

use clowder_core::{FieldError, Id, Result, Timestamp, Word};
use serde::{Deserialize, Serialize};

pub use line::{Line, LineAuthor, Read, read};
pub use splitting::{Broken, Part, Splitter};

use crate::{
    ChatType,
    chat_exports::page::{FORMAT, VERSION},
    model::Title,
    refusals::{CHAT_IMPORT_AUTHORS, CHAT_IMPORT_MESSAGES, CHAT_IMPORT_REFUSED, CHAT_IMPORTS},
    scheduled::Problem,
};

pub type ChatImportId = Id<ChatImport>;

/// How large a file can be, in octets.
pub const MOST_OCTETS: u64 = 1 << 30;
/// How large one message in it can be.
pub const MOST_OF_MESSAGE: usize = 256 << 10;
/// How large everything else in it can be.
pub const MOST_OF_MEMBER: usize = 64 << 10;
/// How many messages it can have.
pub const MOST_MESSAGES: i64 = 1_000_000;
/// How many people can have written them.
pub const MOST_AUTHORS: usize = 5_000;
/// How many messages can be refused before the file is.
pub const MOST_REFUSED: usize = 10_000;
/// How many imports of one person can be in progress.
pub const MOST_RUNNING: i64 = 3;
/// The size in which a file is stored, in octets.
pub const PIECE: usize = 256 << 10;

/// A file that becomes a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChatImport {
    pub id: ChatImportId,
    pub status: ImportStatus,
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
    /// The new chat, once it is whole.
    pub chat_id: Option<clowder_core::ChatId>,
    /// How many messages have been written.
    #[schema(minimum = 0)]
    pub messages: i64,
    /// How many are passed over: those of the system, and those without a text.
    #[schema(minimum = 0)]
    pub skipped: i64,
    /// How many are refused: `…/refused` lists them.
    #[schema(minimum = 0)]
    pub refused: i64,
    /// How many authors with an account here are not in the chat: it has as many people as it can have, or they are in as
    /// many chats as one can be.
    #[schema(minimum = 0)]
    pub left_out: i64,
    /// Why it failed.
    pub problem: Option<Problem>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatImportStatus)]
pub enum ImportStatus {
    /// The file is arriving; nobody is told.
    #[serde(skip)]
    Uploading,
    Queued,
    Running,
    Done,
    /// There is no chat: `problem` says why.
    Failed,
}

impl Word for ImportStatus {
    const WHAT: &'static str = "status of an import";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("uploading", Self::Uploading),
        ("queued", Self::Queued),
        ("running", Self::Running),
        ("done", Self::Done),
        ("failed", Self::Failed),
    ];
}

/// A form with the file in it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NewChatImport, example = json!({
    "file": r#"{"format":"clowder.chat","version":1,"chat":{"type":"group","title":"Lunch"},"messages":[]}"#,
    "authors": "username"
}))]
pub struct NewImport {
    /// The JSON of an export, in UTF-8.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
    /// How authors are found; `username` when absent.
    pub authors: Option<AuthorsBy>,
}

/// Who is the sender of a message in the new chat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatImportAuthors)]
pub enum AuthorsBy {
    /// The person here with the same username, if there is one; otherwise a name without an account. For files from here.
    #[default]
    Username,
    /// Always a name without an account.
    Name,
}

impl Word for AuthorsBy {
    const WHAT: &'static str = "way to find authors";
    const WORDS: &'static [(&'static str, Self)] = &[("username", Self::Username), ("name", Self::Name)];
}

/// A message in the file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RefusedImport)]
pub struct Refused {
    /// Which of the messages it is, counted from 1. In an export, it stands in the line after this one.
    #[schema(minimum = 1)]
    pub number: i64,
    /// What is wrong with it first; the pointer begins at the message.
    pub error: FieldError,
}

/// Whether one more import fits.
pub fn may_begin(running: i64) -> Result<()> {
    if running >= MOST_RUNNING { Err(CHAT_IMPORTS.into()) } else { Ok(()) }
}

/// The new chat, and who wrote in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub kind: ChatType,
    pub title: String,
    pub description: Option<String>,
    /// The names that people have in the file, by their usernames there.
    pub authors: BTreeMap<String, String>,
    pub items: i64,
    pub skipped: i64,
    pub refused: Vec<Refused>,
}

/// Why a file is no import at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is not the JSON of an export.
    Broken,
    /// It has too many messages, authors or faults.
    TooMuch(clowder_core::Refusal),
}

impl From<Broken> for Unusable {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

/// Reads the file for the first time.
#[derive(Default)]
pub struct Check {
    splitter: Splitter,
    order: Order,
    chat: Option<Chat>,
    known: [bool; 2],
    authors: BTreeMap<String, String>,
    skipped: i64,
    refused: Vec<Refused>,
}

/// What the file says of its chat; whatever is wrong with it is left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Chat {
    #[serde(rename = "type")]
    kind: serde_json::Value,
    title: serde_json::Value,
    description: serde_json::Value,
}

impl Check {
    pub fn feed(&mut self, octets: &[u8]) -> Result<(), Unusable> {
        let mut parts = Vec::new();
        self.splitter.feed(octets, &mut parts)?;
        for part in parts {
            match part {
                Part::Member(name, value) => self.member(&name, &value)?,
                Part::Message(raw) => self.message(raw.as_deref())?,
            }
        }
        Ok(())
    }

    fn member(&mut self, name: &str, value: &[u8]) -> Result<(), Unusable> {
        let value: serde_json::Value = serde_json::from_slice(value).map_err(|_| Unusable::Broken)?;
        match name {
            "format" => self.known[0] = value == FORMAT,
            "version" => self.known[1] = value == VERSION,
            // A list would be taken for its members in their order.
            "chat" if !value.is_object() => return Err(Unusable::Broken),
            "chat" => self.chat = Some(serde_json::from_value(value).map_err(|_| Unusable::Broken)?),
            _ => {}
        }
        Ok(())
    }

    fn message(&mut self, raw: Option<&[u8]>) -> Result<(), Unusable> {
        let (number, read) = self.order.next(raw);
        if number > MOST_MESSAGES {
            return Err(Unusable::TooMuch(CHAT_IMPORT_MESSAGES));
        }
        match read {
            Read::Taken(line) => {
                let LineAuthor { username, name } = line.author;
                self.authors.insert(username, name);
                if self.authors.len() > MOST_AUTHORS {
                    return Err(Unusable::TooMuch(CHAT_IMPORT_AUTHORS));
                }
            }
            Read::Skipped => self.skipped += 1,
            Read::Refused(error) => {
                self.refused.push(Refused { number, error });
                if self.refused.len() > MOST_REFUSED {
                    return Err(Unusable::TooMuch(CHAT_IMPORT_REFUSED));
                }
            }
        }
        Ok(())
    }

    pub fn end(self) -> Result<Plan, Unusable> {
        self.splitter.end()?;
        let chat = self.chat.filter(|_| self.known == [true, true]).ok_or(Unusable::Broken)?;
        // A private chat belongs to two people who may have one here.
        let kind = if chat.kind == "channel" { ChatType::Channel } else { ChatType::Group };
        let title = <Title<120> as clowder_core::Field>::parse(chat.title);
        let description = <Title<500> as clowder_core::Field>::parse(chat.description);
        Ok(Plan {
            kind,
            title: title.map_or_else(|_| "Imported chat".to_owned(), clowder_core::Name::into_string),
            description: description.ok().map(clowder_core::Name::into_string),
            authors: self.authors,
            items: self.order.number,
            skipped: self.skipped,
            refused: self.refused,
        })
    }
}

/// Numbers the messages of a file, and refuses those that are not in order.
#[derive(Debug, Default)]
pub struct Order {
    number: i64,
    last: Option<i64>,
}

impl Order {
    /// The next message, with its place; `None` was too long to be read.
    pub fn next(&mut self, raw: Option<&[u8]>) -> (i64, Read) {
        self.number += 1;
        let read = match raw {
            Some(raw) => read(raw),
            None => Read::Refused(line::too_long()),
        };
        let read = match read {
            Read::Taken(line) if self.last.is_some_and(|last| line.seq <= last) => Read::Refused(line::out_of_order()),
            Read::Taken(line) => {
                self.last = Some(line.seq);
                Read::Taken(line)
            }
            other => other,
        };
        (self.number, read)
    }
}

/// How far it has come, from 0 to 1, when so many of all items are written. Checking is a fifth of it.
pub fn progress(status: ImportStatus, checked: bool, done: i64, items: i64) -> f64 {
    match (status, checked) {
        (ImportStatus::Done, _) => 1.0,
        (_, false) => 0.0,
        _ => 0.2 + (0.79 * done as f64 / items.max(1) as f64).clamp(0.0, 0.79),
    }
}

#[cfg(test)]
mod tests;
