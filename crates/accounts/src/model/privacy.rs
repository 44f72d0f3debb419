//! Exports of personal data, and the erasure of accounts.

pub use clowder_core::export::ExportStatus;
use clowder_core::{Fields, Id, Input, Timestamp, UserId, Word};
use serde::{Deserialize, Serialize};

use super::Password;

pub type ExportId = Id<Export>;

/// An export of a user's data, made at their request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Export {
    pub id: ExportId,
    pub status: ExportStatus,
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
    /// The size of the zip file in octets, once it is ready.
    #[schema(minimum = 0)]
    pub size: Option<i64>,
    /// Where to download the zip file: an absolute URL if `PUBLIC_URL` is set, otherwise a path. Anybody who knows it
    /// can download the file without a token, so it is shown only to sessions that were authenticated in the last 10
    /// minutes.
    #[schema(example = "/api/exports/01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10/download?token=q0Jm3vXk2cYwzN1sT5bq7g")]
    pub url: Option<String>,
    pub created_at: Timestamp,
    /// Until when it can be downloaded.
    pub expires_at: Option<Timestamp>,
}

/// A zip file that is ready to be downloaded in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Download {
    pub id: ExportId,
    /// Whose export it is.
    pub user: UserId,
    /// The link for the download, which may expire while it runs.
    pub link: Option<Id<()>>,
    pub size: u64,
    pub created_at: Timestamp,
}

/// `{password, messages?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"password": "correct horse battery"}))]
pub struct Erasure {
    #[schema(value_type = String, format = "password", max_length = 256)]
    pub password: Password,
    /// What happens to your messages: `keep` when absent.
    #[schema(value_type = Option<Fate>)]
    pub messages: Fate,
}

impl Input for Erasure {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (password, messages) = (fields.required("password"), fields.optional("messages"));
        Some(Self { password: password?, messages: messages?.unwrap_or(Fate::Keep) })
    }
}

/// What happens to the messages of an erased user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// They stay readable, from a deleted user.
    Keep,
    /// They are deleted, as their author could have done one by one.
    Delete,
}

impl Word for Fate {
    const WHAT: &'static str = "fate of messages";
    const WORDS: &'static [(&'static str, Self)] = &[("keep", Self::Keep), ("delete", Self::Delete)];
}

/// An account that is to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Erasing {
    pub erase_at: Timestamp,
}

/// What an erasure did, as its signed receipt says. Nothing in it is personal except the id, which no longer belongs to
/// anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The server that signs.
    pub server: String,
    pub user_id: UserId,
    pub requested_at: Timestamp,
    pub erased_at: Timestamp,
    pub messages: Fate,
    pub parts: Vec<Content>,
}

/// How many rows of a part were erased or anonymised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub name: String,
    pub rows: u64,
}
