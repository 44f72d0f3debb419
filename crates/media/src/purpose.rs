//! What a file is uploaded for, and what follows from it: its size and its types.

use clowder_core::Word;
use serde::{Deserialize, Serialize};

use crate::{
    kinds,
    sniff::{Kind, Sniffed},
};

/// What a file is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FilePurpose)]
pub enum Purpose {
    /// The picture of a person.
    Avatar,
    /// The wide picture of a profile.
    Cover,
    /// Anything for a message.
    #[default]
    Attachment,
    /// A voice message.
    Voice,
    /// A video message.
    Video,
    /// A picture of a pet.
    Pet,
    /// A picture of an event.
    Event,
    /// The picture of a chat.
    Chat,
    /// The picture of a group.
    Group,
}

impl Word for Purpose {
    const WHAT: &'static str = "purpose of a file";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("avatar", Self::Avatar),
        ("cover", Self::Cover),
        ("attachment", Self::Attachment),
        ("voice", Self::Voice),
        ("video", Self::Video),
        ("pet", Self::Pet),
        ("event", Self::Event),
        ("chat", Self::Chat),
        ("group", Self::Group),
    ];
}

const MIB: u64 = 1 << 20;

/// The most that a file for any purpose can have, in octets.
pub const MOST_OCTETS: u64 = 200 * MIB;

impl Purpose {
    /// Whether such a file is a picture of a person or a thing.
    pub const fn is_picture(self) -> bool {
        matches!(self, Self::Avatar | Self::Cover | Self::Pet | Self::Event | Self::Chat | Self::Group)
    }

    /// How large such a file can be, in octets.
    pub const fn most_octets(self) -> u64 {
        match self {
            Self::Avatar | Self::Cover | Self::Pet | Self::Event | Self::Chat | Self::Group => 10 * MIB,
            Self::Voice => 25 * MIB,
            Self::Attachment => 100 * MIB,
            Self::Video => MOST_OCTETS,
        }
    }

    /// What such a file can be, for a sentence.
    pub const fn types(self) -> &'static str {
        match self {
            Self::Avatar | Self::Cover | Self::Pet | Self::Event | Self::Chat | Self::Group => "JPEG, PNG, GIF or WebP",
            Self::Voice => "a recording: AAC, FLAC, MP3, MP4, Ogg, WAV, WebM or Matroska",
            Self::Video => "MP4, WebM or QuickTime",
            Self::Attachment => "anything but a program",
        }
    }

    /// Whether such a file can have this content. None takes what is two things at once.
    pub fn takes(self, found: Sniffed) -> bool {
        let is = |kinds: &[&str]| kinds.contains(&found.media_type);
        let fits = match self {
            Self::Avatar | Self::Cover | Self::Pet | Self::Event | Self::Chat | Self::Group => {
                is(&["image/jpeg", "image/png", "image/gif", "image/webp"])
            }
            // What browsers record is WebM or MP4, and only a closer look tells that there is no picture in it. How long
            // another recording lasts, nobody would find out.
            Self::Voice => {
                (found.kind == Kind::Audio && kinds::is_examined(found.media_type)) || is(&["video/webm", "video/mp4"])
            }
            Self::Video => is(&["video/mp4", "video/webm", "video/quicktime"]),
            Self::Attachment => found.kind != Kind::Executable,
        };
        fits && found.also.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sniff::sniff;

    #[test]
    fn each_purpose_takes_its_types() {
        let found = |media_type, kind| Sniffed { media_type, kind, also: None };
        for (purpose, media_type, kind, taken) in [
            (Purpose::Avatar, "image/png", Kind::Image, true),
            (Purpose::Avatar, "image/svg+xml", Kind::Active, false),
            (Purpose::Avatar, "image/avif", Kind::Image, false),
            (Purpose::Group, "application/pdf", Kind::Document, false),
            (Purpose::Voice, "audio/ogg", Kind::Audio, true),
            (Purpose::Voice, "video/webm", Kind::Video, true),
            (Purpose::Voice, "image/png", Kind::Image, false),
            (Purpose::Voice, "audio/amr", Kind::Audio, false),
            (Purpose::Video, "video/mp4", Kind::Video, true),
            (Purpose::Video, "audio/mpeg", Kind::Audio, false),
            (Purpose::Attachment, "application/zip", Kind::Archive, true),
            (Purpose::Attachment, "text/html", Kind::Active, true),
            (Purpose::Attachment, "application/octet-stream", Kind::Other, true),
            (Purpose::Attachment, "application/x-executable", Kind::Executable, false),
        ] {
            let found = found(media_type, kind);
            assert_eq!(purpose.takes(found), taken, "{purpose:?} {media_type}");
            assert!(!purpose.takes(Sniffed { also: Some("text/html"), ..found }), "{purpose:?} {media_type}");
        }
        assert!(Purpose::WORDS.iter().all(|(_, purpose)| purpose.most_octets() <= MOST_OCTETS));
    }
    /// All types of recordings that contents are told apart as: the examination finds how long one lasts, or it is no voice
    /// message.
    #[test]
    fn of_a_voice_message_somebody_finds_out_how_long_it_lasts() {
        for (media_type, taken) in [
            ("audio/aac", true),
            ("audio/flac", true),
            ("audio/mp4", true),
            ("audio/mpeg", true),
            ("audio/ogg", true),
            ("audio/wav", true),
            ("audio/webm", true),
            ("audio/x-matroska", true),
            ("audio/3gpp", false),
            ("audio/amr", false),
            ("audio/midi", false),
            ("audio/x-aiff", false),
            ("audio/x-ape", false),
            ("audio/x-dsf", false),
        ] {
            let found = Sniffed { media_type, kind: Kind::Audio, also: None };
            assert_eq!(Purpose::Voice.takes(found), taken, "{media_type}");
            assert_eq!(kinds::is_examined(media_type), taken, "{media_type}");
            assert!(Purpose::Attachment.takes(found), "{media_type}");
        }
        for content in [b"MThd\0\0\0\x06\0\x01".as_slice(), b"FORM\0\0\0\x20AIFFCOMM", b"MAC \x96\x0f", b"DSD \x1c\0"] {
            let found = sniff(content);
            assert_eq!((found.kind, Purpose::Voice.takes(found)), (Kind::Audio, false), "{found:?}");
        }
    }
}
