//! What an implementation of files must guarantee.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Ctx, Page, PageRequest, Result};

use crate::{
    Content, DirectUpload, File, FileFilter, FileId, FilePatch, FileQuota, FileUrl, Format, NewDirectUpload, NewFile,
    NewFileUrl, Size,
    blobs::ByteStream,
    resumable::{Appended, NewResumable, Next, Resumable},
};

/// Files of people. Changes are committed with what they tell.
#[async_trait]
pub trait Files: Send + Sync {
    /// Begins an upload: from now on there is a row, and no byte is stored without one. `file.quota`, `file.trash`
    /// and `file.uploads` if the caller can have no further file now.
    async fn begin_upload(&self, ctx: &Ctx, new: NewFile) -> Result<Box<dyn Arriving>>;

    /// Begins an upload that can be continued until it expires, and reserves room for all of it. `file.quota`, `file.trash`,
    /// `file.server_full`, `file.too_large` and `file.resumables` if there is none. Honours `ctx.idempotency_key`: a repeated call
    /// gets the same upload, as it is now.
    async fn begin_resumable(&self, ctx: &Ctx, new: NewResumable) -> Result<Resumable>;

    /// How far such an upload of the caller is; also when it has become a file, whose id is that of the upload. What it
    /// says has arrived is durable. `file.unknown`, or `file.expired`.
    async fn resumable(&self, ctx: &Ctx, file: FileId) -> Result<Resumable>;

    /// Goes on with such an upload. `file.expired`, `file.busy` if another call is writing to it, `file.offset` if it is
    /// not that far, or further, and `file.uploads`. A part of which nothing comes for half a minute ends as if its sender had
    /// gone away, and one whose process has died holds the upload no longer than that.
    async fn continue_resumable(&self, ctx: &Ctx, file: FileId, next: Next) -> Result<Box<dyn Appending>>;

    /// Ends such an upload and removes what has arrived; one that has become a file is deleted.
    async fn end_resumable(&self, ctx: &Ctx, file: FileId) -> Result<()>;

    /// Begins an upload that goes to the store without this server, and says where to; from now on there is a row, and its
    /// size is reserved. `file.no_direct` if clients do not reach the store, and otherwise as with [`Files::begin_upload`].
    /// Nobody sees what arrives, and it is removed after some hours, unless it is completed.
    async fn begin_direct(&self, ctx: &Ctx, new: NewDirectUpload) -> Result<DirectUpload>;

    /// Keeps what has arrived of such an upload of the caller, even if nobody waits for that any more: what may be uploaded
    /// to its address later changes nothing. `file.not_ready` if nothing has arrived, or another call is completing it. If
    /// anything is wrong with what has arrived, nothing is left of it. A file that is complete is answered as it is.
    async fn complete_direct(&self, ctx: &Ctx, file: FileId) -> Result<File>;

    /// The caller's files, the newest first.
    async fn files(&self, ctx: &Ctx, filter: FileFilter, page: PageRequest) -> Result<Page<File>>;

    /// A file that the caller may see, or `file.unknown`.
    async fn file(&self, ctx: &Ctx, file: FileId) -> Result<File>;

    /// Gives a video of the caller a poster: an own picture that is ready, whose thumbnails are then those of the video, for
    /// everybody who sees it. The picture stays as long as the video has it. Told as a new state of the file is;
    /// `file.no_video` for any other file.
    async fn edit_file(&self, ctx: &Ctx, file: FileId, patch: FilePatch) -> Result<File>;

    /// Deletes a file of the caller. Nobody sees it any more; if no other file has the same content, that is removed from the
    /// store seven days later, or as soon as the caller has deleted more than a person can have.
    async fn delete_file(&self, ctx: &Ctx, file: FileId) -> Result<()>;

    async fn file_quota(&self, ctx: &Ctx) -> Result<FileQuota>;

    /// The content of a file that the caller may see and that is ready.
    async fn content(&self, ctx: &Ctx, file: FileId) -> Result<Content>;

    /// A thumbnail of a file that the caller may see and that is ready: of this size, or the largest if the picture is smaller
    /// than that; `file.no_thumbnail` if it has none.
    async fn thumbnail(&self, ctx: &Ctx, file: FileId, size: Size, format: Format) -> Result<Content>;

    /// The content of a picture of a person or a thing that everybody sees who signs in, or a thumbnail of it, for anybody;
    /// `file.not_public` if it is anything else.
    async fn public_picture(&self, ctx: &Ctx, file: FileId, thumbnail: Option<(Size, Format)>) -> Result<Content>;

    /// An address at which whoever has it can read the content as long as it is good and the caller may see the file. If the
    /// store signs addresses, it is a whole one of the store, and the caller does not matter any more, so it is good for a short
    /// time ([`LONGEST_SIGNED`](crate::LONGEST_SIGNED)); otherwise, it is a path of this server, which also ends with what ends
    /// links to exports, and with the API key that made it.
    async fn link_file(&self, ctx: &Ctx, file: FileId, new: NewFileUrl) -> Result<FileUrl>;

    /// The content at such an address, for anybody, or `file.link_invalid`.
    async fn linked_content(&self, ctx: &Ctx, file: FileId, token: &str) -> Result<Content>;

    /// The bytes of a content, or a range of them that is within it and not empty. `file.unknown` if it has been deleted
    /// meanwhile and its bytes are gone already.
    async fn read_content(&self, content: &Content, range: Option<Range<u64>>) -> Result<ByteStream>;
}

/// A file that arrives. Dropping it aborts it, as [`Arriving::abort`] does, without waiting for that.
#[async_trait]
pub trait Arriving: Send {
    /// Adds bytes, and waits until they are stored. Refused as soon as the file is too large. After an error, it can only be
    /// aborted.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Keeps the file, even if nobody waits for that any more. When this returns, its bytes are durable and it is in the journal. Honours `ctx.idempotency_key` of
    /// the call that began it: a repeated upload of the same content, name and purpose is the first file. If it is refused, nothing is
    /// left of it.
    async fn finish(self: Box<Self>) -> Result<File>;

    /// Forgets the file.
    async fn abort(self: Box<Self>) -> Result<()>;
}

/// A part of an upload that arrives. Dropping it ends it without waiting for that: what has arrived is kept, unless the part
/// counts only as a whole.
#[async_trait]
pub trait Appending: Send {
    /// Adds bytes, and waits until they are on their way to the store. `file.beyond` if these are more than the upload has, and
    /// `file.offset` if the part has ended, because nothing came for too long; after an error, what has arrived so far can only be finished or undone.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Keeps what has arrived, even if nobody waits for that any more. When this returns, it is durable. If it was the last of it,
    /// the upload has become a file, or is gone because such a file cannot be kept.
    async fn finish(self: Box<Self>) -> Result<Appended>;

    /// Forgets what has arrived: all of it, if the part counts only as a whole, and otherwise what is not durable yet.
    async fn undo(self: Box<Self>) -> Result<()>;
}
