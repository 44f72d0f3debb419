//! Uploads that go to the store without this server: it says where to, and looks at what has arrived.

use clowder_core::{
    Fields, Input, Timestamp,
    input::{Field, string},
    text::{self, Flaw},
};
use serde::Serialize;
use serde_json::Value;

use crate::{FileId, Purpose, file_name, kinds};

/// `{size, name?, type?, purpose?, sha256?}`
#[derive(Debug, Clone, PartialEq, Eq, utoipa::ToSchema)]
#[schema(example = json!({
    "name": "beach.jpg", "size": 48_213, "type": "image/jpeg", "purpose": "attachment",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}))]
pub struct NewDirectUpload {
    /// In octets, exactly.
    #[schema(minimum = 1, maximum = 9007199254740991_i64)]
    pub size: i64,
    #[schema(value_type = Option<String>, max_length = 255)]
    pub name: String,
    /// The type that the uploader gives to it, which must fit the content.
    #[schema(rename = "type", value_type = Option<String>, max_length = 200)]
    pub claim: &'static str,
    /// `attachment` when absent.
    #[schema(value_type = Option<Purpose>)]
    pub purpose: Purpose,
    /// Of the content, in hexadecimal digits, if it is known.
    #[schema(value_type = Option<String>, max_length = 64)]
    pub sha256: Option<[u8; 32]>,
}

/// The largest number that all clients can write.
const MOST: i64 = 9_007_199_254_740_991;

impl Input for NewDirectUpload {
    fn read(fields: &mut Fields) -> Option<Self> {
        let size: Option<i64> = fields.required("size");
        let is_size = size.is_none_or(|size| (1..=MOST).contains(&size));
        if !is_size {
            fields.flaw("size", Flaw::new("range", format!("must be from 1 to {MOST}")));
        }
        let name: Option<Option<Name>> = fields.optional("name");
        let claim: Option<Option<Claim>> = fields.optional("type");
        let purpose: Option<Option<Purpose>> = fields.optional("purpose");
        let sha256: Option<Option<Hash>> = fields.optional("sha256");
        Some(Self {
            size: size.filter(|_| is_size)?,
            name: name?.map(|name| name.0).unwrap_or_default(),
            claim: claim?.map_or("", |claim| claim.0),
            purpose: purpose?.unwrap_or_default(),
            sha256: sha256?.map(|hash| hash.0),
        })
    }
}

/// As it was given.
struct Name(String);

impl Field for Name {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::line(&string(value)?, 1, file_name::LONGEST).map(Self)
    }
}

/// A media type, as far as it can contradict a content.
struct Claim(&'static str);

impl Field for Claim {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let named = string(value)?;
        text::at_most(&named, 200)?;
        match named.bytes().all(|octet| matches!(octet, b' '..=b'~')) && !named.is_empty() {
            true => Ok(Self(kinds::claim(&named))),
            false => Err(Flaw::new("characters", "must be a media type such as image/jpeg")),
        }
    }
}

struct Hash([u8; 32]);

impl Field for Hash {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let hash = from_digits(&string(value)?).map(Self);
        hash.ok_or_else(|| Flaw::new("characters", "must be a SHA-256 in 64 hexadecimal digits"))
    }
}

fn from_digits(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// Where to upload a file. Whoever has the address can do that until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DirectUpload {
    /// Of the file.
    pub id: FileId,
    /// Always `PUT`.
    #[schema(max_length = 10, example = "PUT")]
    pub method: String,
    /// Not of this server, so it needs none of its credentials.
    pub url: String,
    /// The request must have exactly these headers. Programs in a browser leave out `Content-Length`, which it sets itself.
    #[schema(max_items = 10)]
    pub headers: Vec<UploadHeader>,
    /// When the address ends. The upload must be completed within an hour after that.
    pub expires_at: Timestamp,
}

/// A header of the request with the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UploadHeader {
    #[schema(max_length = 100, example = "Content-Type")]
    pub name: String,
    #[schema(max_length = 200, example = "application/octet-stream")]
    pub value: String,
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_upload_is_announced_with_its_size() {
        let least = NewDirectUpload::from_json(json!({"size": 7})).unwrap();
        assert_eq!((least.size, least.name.as_str(), least.claim), (7, "", ""));
        assert_eq!((least.purpose, least.sha256), (Purpose::Attachment, None));
        let all = json!({
            "size": 7, "name": "a.png", "type": "image/PNG", "purpose": "avatar", "sha256": "aB".repeat(32),
        });
        let all = NewDirectUpload::from_json(all).unwrap();
        assert_eq!((all.name.as_str(), all.claim, all.purpose), ("a.png", "image/png", Purpose::Avatar));
        assert_eq!(all.sha256, Some([0xab; 32]));
        for (given, pointer, code) in [
            (json!({}), "/size", "required"),
            (json!({"size": 0}), "/size", "range"),
            (json!({"size": -1}), "/size", "range"),
            (json!({"size": 1_i64 << 60}), "/size", "range"),
            (json!({"size": "7"}), "/size", "type"),
            (json!({"size": 7, "name": "a\nb"}), "/name", "control_character"),
            (json!({"size": 7, "name": "a".repeat(256)}), "/name", "too_long"),
            (json!({"size": 7, "type": "\u{e4}/png"}), "/type", "characters"),
            (json!({"size": 7, "type": ""}), "/type", "characters"),
            (json!({"size": 7, "purpose": "fun"}), "/purpose", "choice"),
            (json!({"size": 7, "sha256": "ab"}), "/sha256", "characters"),
            (json!({"size": 7, "sha256": "x".repeat(64)}), "/sha256", "characters"),
        ] {
            match NewDirectUpload::from_json(given.clone()) {
                Err(Error::Invalid(errors)) => {
                    assert_eq!((&*errors[0].pointer, &*errors[0].code, errors.len()), (pointer, code, 1), "{given}");
                }
                other => panic!("{given}: {other:?}"),
            }
        }
    }
}
