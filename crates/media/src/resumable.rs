//! Uploads that go on after an interruption: hours later, over another connection, at another node.

use clowder_core::{FileId, Timestamp};
use serde::Serialize;

use crate::{File, NewFile, Purpose};

/// Such an upload that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewResumable {
    pub file: NewFile,
    /// Of the whole file, in octets.
    pub length: u64,
}

/// What comes next of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// So many octets have arrived, as the client believes.
    pub offset: u64,
    /// Whether what follows counts only as a whole, because its checksum is compared.
    pub whole: bool,
}

/// An upload that can be continued, or one that has become a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ResumableUpload)]
pub struct Resumable {
    /// Also that of the file.
    pub id: FileId,
    #[schema(max_length = 255)]
    pub name: String,
    /// The type that the client has given to it.
    #[schema(max_length = 127, example = "image/jpeg")]
    pub filetype: Option<String>,
    pub purpose: Purpose,
    /// How many octets have arrived.
    #[schema(minimum = 0)]
    pub offset: i64,
    /// How many it has.
    #[schema(minimum = 1)]
    pub length: i64,
    /// Until when it can be continued; `null` once it has become a file.
    pub expires_at: Option<Timestamp>,
}

/// What a part that has arrived has led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    pub upload: Resumable,
    /// Once all of it is there.
    pub file: Option<File>,
}

/// How far an upload is, for the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub arrived: u64,
    /// Whether somebody is writing to it.
    pub is_busy: bool,
    pub is_expired: bool,
}

/// The longest type that a client can give to a file, in octets (RFC 6838 §4.2).
const LONGEST_TYPE: usize = 127;

/// The type that the client gives to a file, in lower case and without parameters; nothing if it is none.
pub fn filetype(given: &str) -> Option<String> {
    let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (of, sub) = kind.split_once('/')?;
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&octet);
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(allowed);
    (kind.len() <= LONGEST_TYPE && is_name(of) && is_name(sub)).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_one_or_nothing() {
        let long = format!("a/{}", "b".repeat(126));
        for (given, kind) in [
            ("image/png", Some("image/png")),
            (" Image/SVG+XML; charset=utf-8", Some("image/svg+xml")),
            ("application/vnd.ms-excel", Some("application/vnd.ms-excel")),
            ("", None),
            ("png", None),
            ("image/", None),
            ("/png", None),
            ("a/b/c", None),
            ("a b/c", None),
            ("bild/käse", None),
            (long.as_str(), None),
        ] {
            assert_eq!(filetype(given).as_deref(), kind, "{given}");
        }
    }
}
