//! Files that messages have: which can be attached, and what a message shows of them.
//!
//! A message names files by id. What it shows of each is what the file is when somebody reads the message. When its owner
//! deletes the file, its place in the message stays, without a name.

use std::collections::HashMap;

use clowder_core::{
    ChatId, Error, Fields, FileId, MessageId, Result, Thumbnail, UserId, Word, picture::different_files, text::Flaw,
};
use serde::{Deserialize, Serialize};

use crate::{MessageType, polls::SentType, refusals::MESSAGE_NOT_FORWARDABLE};

/// How many files one message can have.
pub const MOST_ATTACHED: usize = 10;

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attachment {
    pub id: FileId,
    /// Only for showing and saving; `null` if the file is deleted.
    #[schema(max_length = 255, example = "beach.jpg")]
    pub name: Option<String>,
    /// By its content; `null` if the file is deleted.
    #[serde(rename = "type")]
    #[schema(example = "image/jpeg")]
    pub kind: Option<String>,
    /// In bytes; `null` if the file is deleted.
    #[schema(minimum = 0)]
    pub size: Option<i64>,
    pub status: AttachmentStatus,
    /// Of a picture or video in pixels, as it is shown; `null` before the file is ready, or if that is not known.
    #[schema(minimum = 1)]
    pub width: Option<i64>,
    #[schema(minimum = 1)]
    pub height: Option<i64>,
    /// Of a recording or video.
    #[schema(minimum = 0)]
    pub duration_ms: Option<i64>,
    /// The loudness of a recording: the loudest sample in each hundredth of it, from 0 to 255.
    #[schema(value_type = Option<Vec<u8>>, min_items = 100, max_items = 100)]
    pub waveform: Option<Vec<u8>>,
    /// What to show before the picture is there (<https://blurha.sh>).
    #[schema(max_length = 100, example = "LEHV6nWB2yk8pyo0adR*.7kCMdnj")]
    pub blurhash: Option<String>,
    /// By size; none is larger than the picture.
    #[serde(default)]
    #[schema(required = true, max_items = 5)]
    pub thumbnails: Vec<Thumbnail>,
}

impl Attachment {
    /// What stays in a message of a file that is deleted.
    pub const fn deleted(id: FileId) -> Self {
        Self {
            id,
            name: None,
            kind: None,
            size: None,
            status: AttachmentStatus::Deleted,
            width: None,
            height: None,
            duration_ms: None,
            waveform: None,
            blurhash: None,
            thumbnails: Vec::new(),
        }
    }

    /// Whether its content can be read, now or after it has been examined.
    pub const fn is_usable(&self) -> bool {
        matches!(self.status, AttachmentStatus::Scanning | AttachmentStatus::Ready)
    }

    fn is(&self, group: &str) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.split_once('/').is_some_and(|(first, _)| first == group))
    }
}

/// How far a file of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentStatus {
    /// It is being examined; nobody gets it yet.
    Scanning,
    Ready,
    /// The virus scanner found something in it; nobody gets it.
    Quarantined,
    /// It cannot be read as what it claims to be.
    Failed,
    /// Its owner has deleted it.
    Deleted,
}

impl Word for AttachmentStatus {
    const WHAT: &'static str = "status of an attachment";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("scanning", Self::Scanning),
        ("ready", Self::Ready),
        ("quarantined", Self::Quarantined),
        ("failed", Self::Failed),
        ("deleted", Self::Deleted),
    ];
}

/// The payload of `attachment.removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AttachmentRemoved)]
pub struct Removed {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    #[schema(minimum = 1)]
    pub seq: i64,
    /// The file that is deleted.
    pub file_id: FileId,
}

/// A file that somebody names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub owner: UserId,
    /// Whether it was recorded as a voice message.
    pub voice: bool,
    /// As a message shows it; nothing before all of it has arrived.
    pub shown: Option<Attachment>,
}

/// The files that somebody names, as far as they exist. They are held, so that they stay until the message is written.
pub type Files = HashMap<FileId, Found>;

/// The files that an input names, all different; absent means "unchanged".
pub(crate) fn read(fields: &mut Fields) -> Option<Option<Vec<FileId>>> {
    different_files(fields, "attachments", MOST_ATTACHED)
}

/// The flaw of a message that has neither a text nor a file.
pub(crate) fn nothing_said() -> Flaw {
    Flaw::new("required", "must not be blank, unless the message has attachments")
}

/// The files of a message that somebody writes: their own, and those that it has `already`.
pub fn attach(given: &[FileId], files: &Files, author: UserId, already: &[Attachment]) -> Result<Vec<Attachment>> {
    let (mut attached, mut wrong) = (Vec::with_capacity(given.len()), Vec::new());
    for (index, id) in given.iter().enumerate() {
        if let Some(known) = already.iter().find(|known| known.id == *id) {
            attached.push(known.clone());
            continue;
        }
        let own = files.get(id).filter(|found| found.owner == author);
        let flaw = match own.map(|found| &found.shown) {
            None => Flaw::new("no_file", "must be a file that you have uploaded"),
            Some(None) => Flaw::new("not_ready", "has not arrived yet"),
            Some(Some(shown)) if shown.is_usable() => {
                attached.push(shown.clone());
                continue;
            }
            Some(Some(_)) => Flaw::new("unusable", "was found to be infected or broken, so nobody gets its content"),
        };
        wrong.push(flaw.at(format!("/attachments/{index}")));
    }
    if wrong.is_empty() { Ok(attached) } else { Err(Error::Invalid(wrong)) }
}

/// The files of a message that is forwarded, whoever owns them, without those that have gone meanwhile.
pub fn attach_forwarded(given: &[FileId], files: &Files, has_text: bool) -> Result<Vec<Attachment>> {
    let shown = given.iter().filter_map(|id| files.get(id)?.shown.clone());
    let attached: Vec<_> = shown.filter(Attachment::is_usable).collect();
    if attached.is_empty() && !has_text { Err(MESSAGE_NOT_FORWARDABLE.into()) } else { Ok(attached) }
}

/// Whether a message of this type can have these files.
fn fits(kind: SentType, attached: &[Attachment], files: &Files) -> bool {
    let is_voice = |file: &Attachment| files.get(&file.id).is_some_and(|found| found.voice);
    match kind {
        SentType::Text => true,
        SentType::Poll => attached.is_empty(),
        SentType::File => !attached.is_empty(),
        SentType::Image => !attached.is_empty() && attached.iter().all(|file| file.is("image")),
        SentType::Video => !attached.is_empty() && attached.iter().all(|file| file.is("video") && !is_voice(file)),
        // What browsers record may look like a video without a picture.
        SentType::Voice => matches!(attached, [file] if file.is("audio") || is_voice(file)),
    }
}

/// The type of a message with these files that does not say it: what all of them are.
fn derived(attached: &[Attachment], files: &Files) -> SentType {
    let voice = matches!(attached, [file] if files.get(&file.id).is_some_and(|found| found.voice));
    let first = [(voice, SentType::Voice), (attached.is_empty(), SentType::Text)];
    let first = first.into_iter().find_map(|(is, kind)| is.then_some(kind));
    let rest = [SentType::Image, SentType::Video, SentType::File];
    first.or_else(|| rest.into_iter().find(|kind| fits(*kind, attached, files))).unwrap_or(SentType::File)
}

/// The type of a message with these files.
pub fn type_of(given: Option<SentType>, attached: &[Attachment], files: &Files) -> Result<SentType> {
    let Some(kind) = given else { return Ok(derived(attached, files)) };
    if fits(kind, attached, files) {
        return Ok(kind);
    }
    let message =
        "does not fit the files: an image has only images, a video only videos, and a voice message one recording";
    Err(Error::field("/type", "unfit", message))
}

/// The type of a message of which somebody has changed the files.
pub fn type_after(kind: MessageType, attached: &[Attachment], files: &Files) -> MessageType {
    match SentType::of(kind) {
        Some(kind) if fits(kind, attached, files) => kind.into(),
        _ => derived(attached, files).into(),
    }
}

#[cfg(test)]
mod tests;
