//! Changes of files. They contain no name: whoever receives one reads the file with a call, so that no name remains in the
//! journal.

use clowder_core::{Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::{File, FileId, FileStatus, Purpose};

#[derive(Debug, Clone)]
pub enum Change {
    /// Told to the owner, as the next.
    Updated(UserId, FileTold),
    Deleted(UserId, FileGone),
}

/// The payload of `file.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileTold {
    pub id: FileId,
    pub purpose: Purpose,
    pub status: FileStatus,
    #[serde(rename = "type")]
    #[schema(example = "image/jpeg")]
    pub kind: String,
    /// In bytes.
    #[schema(minimum = 0)]
    pub size: i64,
}

impl From<&File> for FileTold {
    fn from(file: &File) -> Self {
        Self { id: file.id, purpose: file.purpose, status: file.status, kind: file.kind.clone(), size: file.size }
    }
}

/// The payload of `file.deleted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileGone {
    pub id: FileId,
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Updated(..) => "file.updated",
            Self::Deleted(..) => "file.deleted",
        }
    }

    fn topic(&self) -> Topic {
        let (Self::Updated(told, _) | Self::Deleted(told, _)) = self;
        Topic::user(*told)
    }

    fn subject(&self) -> Option<Uuid> {
        Some(match self {
            Self::Updated(_, told) => told.id.uuid(),
            Self::Deleted(_, gone) => gone.id.uuid(),
        })
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Updated(_, told) => to_raw_value(told),
            Self::Deleted(_, gone) => to_raw_value(gone),
        }
    }
}
