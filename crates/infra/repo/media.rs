//! Files over the database and the store of bytes. A row is there before the first byte and after the last one, whatever dies
//! in between: what an object without files has left is purged by a job.

mod announcing;
mod arriving;
pub mod attaching;
mod deleting;
mod detaching;
mod direct;
mod examining;
mod lease;
mod links;
mod loose;
pub mod pictures;
mod privacy;
mod purging;
mod read;
mod scanning;

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Page, PageRequest, Result,
    job::{Cron, Work},
};
use clowder_media::{
    Arriving, Blobs, Content, DirectUpload, File, FileFilter, FileId, FileQuota, FileUrl, Files, Format,
    NewDirectUpload, NewFile, NewFileUrl, Size, blobs::ByteStream, refusals::FILE_UNKNOWN,
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo,
    clock::{SHOWN, never, until, when},
    domains::Domain,
    idempotency::Stub,
    people::Viewer,
};
use crate::domains::media::{direct_uploads, file_objects, loose_files, object_of};

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
    ],
    times: &[
        when!(OnReturn, direct_uploads.expires_at, until!(direct_uploads.expires_at, |_| direct::LIFE)),
        when!(
            OnReturn,
            file_objects.arriving_until,
            until!(file_objects.arriving_until, |options| options.media.lease)
        ),
        when!(OnReturn, file_objects.created_at),
        when!(OnReturn, file_objects.purge_at, until!(file_objects.purge_at, |_| deleting::KEPT_FOR)),
        when!(OnReturn, file_objects.scanned_at),
        when!(OnReturn, file_objects.scanning_since),
        never("files.created_at", SHOWN),
        when!(OnReturn, loose_files.due_at, until!(loose_files.due_at, |_| loose::UNATTACHED_FOR)),
    ],
    // Whatever the jobs that deletions order have missed.
    crons: &[
        Cron { name: "file.purge", schedule: "*/5 * * * * UTC", kind: purging::Purge::KIND },
        Cron { name: "file.tidy", schedule: "7,22,37,52 * * * * UTC", kind: loose::Tidy::KIND },
        Cron { name: "file.requeue", schedule: "3,18,33,48 * * * * UTC", kind: scanning::Requeue::KIND },
        Cron { name: "file.rescan", schedule: "41 * * * * UTC", kind: scanning::Rescan::KIND },
    ],
    workers: |repo| {
        vec![
            Arc::new(purging::Purger(Arc::clone(repo))),
            Arc::new(loose::Tidier(Arc::clone(repo))),
            Arc::new(detaching::Detacher(Arc::clone(repo))),
            Arc::new(examining::ExamineWorker(Arc::clone(repo))),
            Arc::new(announcing::Announcer(Arc::clone(repo))),
            Arc::new(scanning::Rescanner(Arc::clone(repo))),
            Arc::new(scanning::Requeuer(Arc::clone(repo))),
        ]
    },
    ..Domain::NONE
};

/// What is stored of an upload: the id of the file.
#[derive(Serialize, Deserialize)]
struct Stored(FileId);

impl Stub for Stored {}

impl Repo {
    fn blobs(&self) -> Result<Arc<dyn Blobs>> {
        self.deps.options.media.blobs.clone().ok_or_else(|| Error::internal("there is no store of bytes"))
    }
}

#[async_trait]
impl Files for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn begin_upload(&self, ctx: &Ctx, new: NewFile) -> Result<Box<dyn Arriving>> {
        arriving::begin(self, ctx, new).await
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
        self.db.read(move |conn| read::content(conn, viewer, file)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn thumbnail(&self, ctx: &Ctx, file: FileId, size: Size, format: Format) -> Result<Content> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| read::thumbnail(conn, viewer, file, size, format)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn public_picture(&self, ctx: &Ctx, file: FileId, thumbnail: Option<(Size, Format)>) -> Result<Content> {
        let stranger = Viewer::stranger(ctx.now);
        self.db.read(move |conn| read::public_picture(conn, stranger, file, thumbnail)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn link_file(&self, ctx: &Ctx, file: FileId, new: NewFileUrl) -> Result<FileUrl> {
        let (user, viewer) = (ctx.user()?, Viewer::of(ctx)?);
        let content = self.db.read(move |conn| read::content(conn, viewer, file)).await?;
        match links::signed(&*self.blobs()?, ctx.now, &content, new).await? {
            Some(signed) => Ok(signed),
            None => Ok(links::link(&self.deps.keys, ctx.now, user, file, new)),
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn linked_content(&self, ctx: &Ctx, file: FileId, token: &str) -> Result<Content> {
        let user = links::viewer(&self.deps.keys, ctx.now, file, token)?;
        // What they see as everybody does.
        let viewer = Viewer { id: user, staff: false, now: ctx.now };
        self.db.read(move |conn| read::linked(conn, viewer, file)).await
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
