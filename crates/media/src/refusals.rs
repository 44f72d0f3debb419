//! The refusals of files.

use clowder_core::{Refusal, error::Kind::*};

pub const FILE_UNKNOWN: Refusal = Refusal::new(Unknown, "file.unknown", "There is no such file, or you may not see it");
pub const FILE_FORBIDDEN: Refusal =
    Refusal::new(Forbidden, "file.forbidden", "Only the person who has uploaded a file can change or delete it");
pub const FILE_NOT_READY: Refusal =
    Refusal::new(Conflict, "file.not_ready", "The file has not arrived yet, or is still being examined");
pub const FILE_INFECTED: Refusal = Refusal::new(
    Forbidden,
    "file.infected",
    "The virus scanner found something in the file, so nobody gets its content",
);
pub const FILE_FAILED: Refusal = Refusal::new(
    Conflict,
    "file.failed",
    "The file could not be examined, or does not fit its purpose; upload another one",
);
pub const FILE_NO_THUMBNAIL: Refusal = Refusal::new(
    Unknown,
    "file.no_thumbnail",
    "The file has no thumbnails: it is no picture that the server can decode",
);
pub const FILE_NO_VIDEO: Refusal = Refusal::new(Conflict, "file.no_video", "Only a video has a poster");
pub const FILE_TOO_LARGE: Refusal =
    Refusal::new(TooLarge, "file.too_large", "The file is larger than a file for this purpose can be");
pub const FILE_TYPE: Refusal =
    Refusal::new(Unsupported, "file.type", "Files with such content cannot be uploaded for this purpose");
pub const FILE_MISMATCH: Refusal =
    Refusal::new(Unsupported, "file.mismatch", "The content of the file is not of the type that the upload names");
pub const FILE_QUOTA: Refusal = Refusal::new(
    Conflict,
    "file.quota",
    "You have as many files, or as many bytes in them, as one person can have; delete some first",
);
pub const FILE_TRASH: Refusal = Refusal::new(
    Conflict,
    "file.trash",
    "Too much of what you have deleted still waits to be removed from the store; try again later",
);
pub const FILE_SERVER_FULL: Refusal = Refusal::new(
    Conflict,
    "file.server_full",
    "The server has as many files, or as many bytes in them, as it can have",
);
pub const FILE_UPLOADS: Refusal =
    Refusal::new(Conflict, "file.uploads", "You are already uploading as many files at once as one person may");
pub const FILE_RESUMABLES: Refusal = Refusal::new(
    Conflict,
    "file.resumables",
    "You have as many resumable uploads that are not complete as one person can; finish or delete some first",
);
pub const FILE_OFFSET: Refusal =
    Refusal::new(Conflict, "file.offset", "`Upload-Offset` is not how far the upload is: ask for that with HEAD");
pub const FILE_BUSY: Refusal = Refusal::new(
    Conflict,
    "file.busy",
    "Another call is writing to this upload; when that has ended, ask how far it is with HEAD",
);
pub const FILE_BEYOND: Refusal =
    Refusal::new(TooLarge, "file.beyond", "With these bytes, the upload would be longer than its `Upload-Length`");
pub const FILE_EXPIRED: Refusal = Refusal::new(Gone, "file.expired", "The upload has expired; begin a new one");
pub const FILE_NOT_QUARANTINED: Refusal =
    Refusal::new(Unknown, "file.not_quarantined", "There is no such file in quarantine");
pub const FILE_LINK_INVALID: Refusal =
    Refusal::new(Unknown, "file.link_invalid", "The link is invalid, or has expired");

pub const FILE_NOT_PUBLIC: Refusal = Refusal::new(
    Unknown,
    "file.not_public",
    "There is no such picture, not everybody sees it, or this server has no cache in front of it",
);
pub const FILE_NO_DIRECT: Refusal = Refusal::new(
    Conflict,
    "file.no_direct",
    "This server stores files where clients cannot upload to: upload the file with a form (`/api/files/upload`) or in pieces (`/api/files/resumable`)",
);
pub const FILE_DIFFERS: Refusal =
    Refusal::new(Conflict, "file.differs", "What has arrived does not have the size or the SHA-256 that was announced");

/// The table, for the list of problems and for the documents.
pub const ALL: &[Refusal] = &[
    FILE_UNKNOWN,
    FILE_FORBIDDEN,
    FILE_NOT_READY,
    FILE_INFECTED,
    FILE_FAILED,
    FILE_NO_THUMBNAIL,
    FILE_NO_VIDEO,
    FILE_TOO_LARGE,
    FILE_TYPE,
    FILE_MISMATCH,
    FILE_QUOTA,
    FILE_TRASH,
    FILE_SERVER_FULL,
    FILE_UPLOADS,
    FILE_RESUMABLES,
    FILE_OFFSET,
    FILE_BUSY,
    FILE_BEYOND,
    FILE_EXPIRED,
    FILE_NOT_QUARANTINED,
    FILE_LINK_INVALID,
    FILE_NOT_PUBLIC,
    FILE_NO_DIRECT,
    FILE_DIFFERS,
];
