//! What an implementation of the care for files must guarantee. Nothing that any row asks for is ever removed from the store.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};

use super::{Amount, Checked, Cleaned, Copied, QuarantinedFile, Strayed, Trashed, Walk};
use crate::{Blobs, FileId, Key, ObjectId};

/// For operators and moderators. Walks go in pieces, so that they end within any memory, and may go on after a pause.
#[async_trait]
pub trait FileCare: Send + Sync {
    /// What the store must have, without thumbnails.
    async fn stored_amount(&self, ctx: &Ctx) -> Result<Amount>;

    /// Does what the jobs do every few minutes with what the database knows; with `dry`, only says what there is to do. It
    /// leaves the store's own members of the result empty.
    async fn clean(&self, ctx: &Ctx, dry: bool) -> Result<Cleaned>;

    /// The next objects of the store, and which of them no row asks for; with `trash`, these are moved to the trash.
    async fn find_strays(&self, ctx: &Ctx, walk: Walk, trash: bool) -> Result<Strayed>;

    /// The next objects of the trash: puts back what a row asks for, and removes what has been there for long enough. With
    /// `dry`, only says so.
    async fn empty_trash(&self, ctx: &Ctx, after: Option<Key>, dry: bool) -> Result<Trashed>;

    /// Notes in the audit log what was cleaned up, with what jobs have done since the last such entry. Nothing if that is
    /// nothing.
    async fn note_cleaned(&self, ctx: &Ctx, cleaned: Cleaned) -> Result<()>;

    /// Whether the store has what the next rows ask for, of the right size; with `hashes`, the content is read and compared,
    /// too. What changes meanwhile is no fault.
    async fn check_some(&self, ctx: &Ctx, after: Option<ObjectId>, hashes: bool) -> Result<Checked>;

    /// Copies what the next rows ask for to another store, and compares what arrives there with its hash. What is there
    /// already with the right size is left, unless `hashes` says that its content is to be compared, too. What is deleted
    /// meanwhile is not in the other store, either.
    async fn copy_some(
        &self,
        ctx: &Ctx,
        between: (Arc<dyn Blobs>, Arc<dyn Blobs>),
        after: Option<ObjectId>,
        hashes: bool,
    ) -> Result<Copied>;

    /// The files in quarantine, those that were scanned last first.
    async fn quarantined(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<QuarantinedFile>>;

    /// Deletes a file that is in quarantine, as its owner could; `file.not_quarantined` for all others.
    async fn delete_quarantined(&self, ctx: &Ctx, file: FileId) -> Result<()>;
}
