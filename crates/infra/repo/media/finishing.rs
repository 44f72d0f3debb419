//! A resumable upload that has arrived whole becomes a file: its bytes are put together, and read once to learn their hash and
//! their type. If that does not work right now, the job `file.purge` does the same again.

use clowder_core::{Ctx, Error, Id, Result};
use clowder_media::{Blobs, Change, File, blobs::Grown, change::FileGone, policy::may_be, refusals::FILE_UNKNOWN};

use super::{
    super::{Repo, db::Db, journal},
    arriving::{self, Arrived},
    deleting,
    lease::Lease,
    resumable::{self, Claim, Of},
    sharing,
};
use crate::domains::media::read_through;

/// Whoever calls this holds the upload, and lets go of it if this fails. One that is refused is gone.
pub async fn finish(db: &Db, blobs: &dyn Blobs, ctx: &Ctx, claim: &Claim, grown: &Grown) -> Result<File> {
    let finished = try_to_finish(db, blobs, ctx, claim, grown).await;
    match &finished {
        Ok(_) => {}
        Err(error) if error.is_ours() => {
            let claim = claim.clone();
            if !db.write(move |tx| resumable::release(tx, &claim)).await? {
                // Its bytes were removed meanwhile.
                return Err(FILE_UNKNOWN.into());
            }
        }
        Err(_) => {
            let (ctx, user, file, length) = (ctx.clone(), claim.user, claim.file, claim.length);
            let is_file = db.write(move |tx| deleting::discard(tx, &ctx, user, file, length, ctx.now)).await?;
            // Whoever has ended it meanwhile may have purged it before it was put together.
            if !is_file && let Err(error) = blobs.delete(&claim.key).await {
                tracing::warn!(%error, key = %claim.key, "cannot delete what was refused right now");
            }
        }
    }
    finished
}

async fn try_to_finish(db: &Db, blobs: &dyn Blobs, ctx: &Ctx, claim: &Claim, grown: &Grown) -> Result<File> {
    blobs.complete(&claim.key, grown).await?;
    let found = read_through(blobs, &claim.key).await?;
    if found.size != claim.length {
        return Err(Error::internal(format!("{} has {} octets and not {}", claim.key, found.size, claim.length)));
    }
    may_be(claim.purpose, found.kind, claim.named.as_deref())?;
    let arrived = Arrived { size: found.size, sha256: found.sha256, kind: found.kind.media_type };
    let (ctx, user, file) = (ctx.clone(), claim.user, claim.file);
    let missing = sharing::missing(db, blobs, user, arrived.sha256).await?;
    db.write(move |tx| arriving::keep(tx, &ctx, user, file, &arrived, &missing)).await
}

/// What a job does with an upload that nobody has finished. Its owner is told if it is refused.
pub async fn finish_again(repo: &Repo, blobs: &dyn Blobs, ctx: &Ctx, (user, file): Of) -> Result<()> {
    let (caller, writer) = (ctx.clone(), Id::new(ctx.now));
    let claimed = repo.db.write(move |tx| resumable::claim_whole(tx, &caller, user, file, writer)).await?;
    let Some(claim) = claimed else { return Ok(()) };
    let _lease = Lease::hold_as(repo.db.clone(), claim.object, writer, ctx.now, repo.deps.options.media.silence);
    match finish(&repo.db, blobs, ctx, &claim, &claim.grown).await {
        Err(error) if !error.is_ours() => {
            tracing::info!(%file, %error, "an upload that has arrived whole cannot be kept");
            let ctx = ctx.clone();
            let gone = Change::Deleted(user, FileGone { id: file });
            repo.db.write(move |tx| journal::append(tx, &ctx, &gone)).await
        }
        finished => finished.map(drop),
    }
}
