//! Files over the database and the store of bytes. A row is there before the first byte and after the last one, whatever dies
//! in between: what an object without files has left is purged by a job.

mod announcing;
mod appending;
mod arriving;
pub mod attaching;
pub mod cleaning;
pub mod deleting;
mod detaching;
mod digesting;
mod direct;
pub mod examining;
pub mod exporting;
mod finishing;
pub mod held;
mod lease;
mod links;
pub mod loose;
mod once;
pub mod pictures;
mod posters;
mod privacy;
pub mod purging;
pub mod read;
mod rescanning;
mod resumable;
mod scanning;
mod sharing;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Page, PageRequest, Result,
    job::{Cron, Work},
};
use clowder_media::{
    Appending, Arriving, Blobs, Content, DirectUpload, File, FileFilter, FileId, FilePatch, FileQuota, FileUrl, Files,
    Format, NewDirectUpload, NewFile, NewFileUrl, NewResumable, Resumable, Size, blobs::ByteStream,
    refusals::FILE_UNKNOWN, resumable::Next,
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo, audit,
    clock::{SHOWN, never, until, when},
    dialect::Conn,
    domains::Domain,
    idempotency::Stub,
    people::Viewer,
};
use crate::domains::media::{direct_uploads, file_cleaning, file_objects, loose_files, object_of, resumable_uploads};

use links::Pass;

pub use links::end as end_links;
pub use purging::stuck;
pub use scanning::waiting;

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &[
        "direct_uploads.claim",
        "file_objects.scan",
        "file_objects.seen",
        "file_objects.signatures",
        "file_objects.status",
        "file_objects.type",
        "file_objects.virus",
        "files.purpose",
        "resumable_uploads.named",
        "resumable_uploads.state",
    ],
    times: &[
        when!(OnReturn, direct_uploads.expires_at, until!(direct_uploads.expires_at, |_| direct::LIFE)),
        when!(
            OnReturn,
            file_objects.arriving_until,
            until!(file_objects.arriving_until, |options| options.media.lease)
        ),
        when!(OnReturn, file_objects.created_at),
        when!(OnReturn, file_objects.made_at),
        when!(
            OnReturn,
            file_objects.original_until,
            until!(file_objects.original_until, |_| purging::ORIGINAL_KEPT_FOR)
        ),
        when!(OnReturn, file_objects.purge_at, until!(file_objects.purge_at, |_| deleting::KEPT_FOR)),
        when!(OnReturn, file_objects.scanned_at),
        when!(OnReturn, file_objects.scanning_since),
        when!(OnReturn, file_cleaning.since),
        never("files.created_at", SHOWN),
        when!(OnReturn, loose_files.due_at, until!(loose_files.due_at, |_| loose::UNATTACHED_FOR)),
        when!(
            OnReturn,
            resumable_uploads.expires_at,
            until!(resumable_uploads.expires_at, |options| options.media.resumable_for)
        ),
    ],
    files: &[posters::HOLDER],
    // Whatever the jobs that deletions order have missed.
    crons: &[
        Cron { name: "file.purge", schedule: "*/5 * * * * UTC", kind: purging::Purge::KIND },
        Cron { name: "file.tidy", schedule: "7,22,37,52 * * * * UTC", kind: loose::Tidy::KIND },
        Cron { name: "file.requeue", schedule: "3,18,33,48 * * * * UTC", kind: scanning::Requeue::KIND },
        Cron { name: "file.report", schedule: "26 4 * * * UTC", kind: cleaning::Report::KIND },
        Cron { name: "file.rescan", schedule: "41 * * * * UTC", kind: rescanning::Rescan::KIND },
    ],
    workers: |repo| {
        vec![
            Arc::new(purging::Purger(Arc::clone(repo))),
            Arc::new(loose::Tidier(Arc::clone(repo))),
            Arc::new(detaching::Detacher(Arc::clone(repo))),
            Arc::new(examining::ExamineWorker(Arc::clone(repo))),
            Arc::new(announcing::Announcer(Arc::clone(repo))),
            Arc::new(rescanning::Rescanner(Arc::clone(repo))),
            Arc::new(scanning::Requeuer(Arc::clone(repo))),
            Arc::new(cleaning::Reporter(Arc::clone(repo))),
        ]
    },
    ..Domain::NONE
};

/// What is stored of an upload: the id of the file.
#[derive(Serialize, Deserialize)]
struct Stored(FileId);

impl Stub for Stored {}

impl Repo {
    pub(super) fn blobs(&self) -> Result<Arc<dyn Blobs>> {
        self.deps.options.media.blobs.clone().ok_or_else(|| Error::internal("there is no store of bytes"))
    }

    /// A content, once what the audit log has of that is recorded.
    async fn looked(&self, ctx: &Ctx, (content, look): read::Looked) -> Result<Content> {
        if let Some(look) = look {
            let ctx = ctx.clone();
            self.db.write(move |tx| audit::record(tx, &ctx, &look)).await?;
        }
        Ok(content)
    }
}

#[async_trait]
impl Files for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn begin_upload(&self, ctx: &Ctx, new: NewFile) -> Result<Box<dyn Arriving>> {
        arriving::begin(self, ctx, new).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn begin_resumable(&self, ctx: &Ctx, new: NewResumable) -> Result<Resumable> {
        resumable::begin(self, ctx, new).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn resumable(&self, ctx: &Ctx, file: FileId) -> Result<Resumable> {
        let (user, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| resumable::shown(conn, user, file, now)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn continue_resumable(&self, ctx: &Ctx, file: FileId, next: Next) -> Result<Box<dyn Appending>> {
        appending::begin(self, ctx, file, next).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn end_resumable(&self, ctx: &Ctx, file: FileId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| resumable::end(tx, &ctx, file)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn begin_direct(&self, ctx: &Ctx, new: NewDirectUpload) -> Result<DirectUpload> {
        direct::begin(self, ctx, new).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn complete_direct(&self, ctx: &Ctx, file: FileId) -> Result<File> {
        direct::complete(self, ctx, file).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn files(&self, ctx: &Ctx, filter: FileFilter, page: PageRequest) -> Result<Page<File>> {
        let user = ctx.user()?;
        self.db.read(move |conn| read::list(conn, user, filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn file(&self, ctx: &Ctx, file: FileId) -> Result<File> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| read::shown(conn, viewer, file)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit_file(&self, ctx: &Ctx, file: FileId, patch: FilePatch) -> Result<File> {
        let ctx = ctx.clone();
        self.db.write(move |tx| posters::edit(tx, &ctx, file, patch)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete_file(&self, ctx: &Ctx, file: FileId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| deleting::delete(tx, &ctx, file)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn file_quota(&self, ctx: &Ctx) -> Result<FileQuota> {
        let (user, limits) = (ctx.user()?, self.deps.options.media.limits);
        let (octets, files) = self.db.read(move |conn| read::used(conn, user)).await?;
        Ok(FileQuota { bytes_used: octets, bytes_limit: limits.octets, count: files, count_limit: limits.files })
    }

    #[instrument(level = "debug", skip_all)]
    async fn content(&self, ctx: &Ctx, file: FileId) -> Result<Content> {
        let viewer = Viewer::of(ctx)?;
        let looked = self.db.read(move |conn| read::content(conn, viewer, file)).await?;
        self.looked(ctx, looked).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn thumbnail(&self, ctx: &Ctx, file: FileId, size: Size, format: Format) -> Result<Content> {
        let viewer = Viewer::of(ctx)?;
        let looked = self.db.read(move |conn| read::thumbnail(conn, viewer, file, size, format)).await?;
        self.looked(ctx, looked).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn public_picture(&self, ctx: &Ctx, file: FileId, thumbnail: Option<(Size, Format)>) -> Result<Content> {
        let stranger = Viewer::stranger(ctx.now);
        self.db.read(move |conn| read::public_picture(conn, stranger, file, thumbnail)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn link_file(&self, ctx: &Ctx, file: FileId, new: NewFileUrl) -> Result<FileUrl> {
        let (caller, viewer) = (ctx.clone(), Viewer::of(ctx)?);
        let found = move |conn: &mut Conn| Ok((read::content(conn, viewer, file)?, Pass::of(conn, &caller)?));
        let (looked, pass) = self.db.read(found).await?;
        let content = self.looked(ctx, looked).await?;
        match links::signed(&*self.blobs()?, ctx.now, &content, new).await? {
            Some(signed) => Ok(signed),
            None => Ok(links::link(&self.deps.keys, ctx.now, pass, file, new)),
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn linked_content(&self, ctx: &Ctx, file: FileId, token: &str) -> Result<Content> {
        let (now, pass) = (ctx.now, links::read(&self.deps.keys, ctx.now, file, token)?);
        self.db.read(move |conn| read::linked(conn, now, pass, file)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn read_content(&self, content: &Content, range: Option<Range<u64>>) -> Result<ByteStream> {
        if let Some(reading) = self.blobs()?.read(&content.key, range).await? {
            return Ok(reading.bytes);
        }
        let object = object_of(&content.key)?;
        match self.db.read(move |conn| read::is_kept(conn, object)).await? {
            true => Err(Error::internal(format!("{} is missing in the store of bytes", content.key))),
            // Deleted since the caller has asked for it.
            false => Err(FILE_UNKNOWN.into()),
        }
    }
}
