//! The care for files over the database and the store: cleaning up, comparing rows with bytes, and copying to another store.

mod quarantine;
mod strays;
mod walking;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result};
use clowder_media::{
    Blobs, FileCare, FileId, Key, ObjectId,
    care::{Amount, Checked, Cleaned, Copied, QuarantinedFile, Strayed, Trashed, Walk},
};
use tracing::instrument;

use super::{
    Repo,
    domains::Domain,
    media::{cleaning, loose, purging},
};

pub const DOMAIN: Domain = Domain::NONE;

#[async_trait]
impl FileCare for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn stored_amount(&self, _: &Ctx) -> Result<Amount> {
        self.db.read(walking::amount).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn clean(&self, ctx: &Ctx, dry: bool) -> Result<Cleaned> {
        let (now, limits) = (ctx.now, self.deps.options.media.limits);
        let mut cleaned = Cleaned::default();
        if dry {
            let mut next = None;
            loop {
                let (amount, more) = self.db.read(move |conn| loose::planned(conn, now, next)).await?;
                cleaned.unattached += amount;
                next = more;
                if next.is_none() {
                    break;
                }
            }
            cleaned.unfinished.count = self.db.read(move |conn| purging::unfinished(conn, now)).await?;
            cleaned.deleted = self.db.read(move |conn| purging::planned(conn, now, limits)).await?.0;
        } else {
            let (unattached, tidied) = self.tidy_files(ctx).await;
            let (purged, outcome) = self.purge_files(ctx).await;
            cleaned = Cleaned { unattached, ..purged };
            tidied.and(outcome)?;
        }
        cleaned.waiting = self.db.read(move |conn| purging::planned(conn, now, limits)).await?.1;
        Ok(cleaned)
    }

    #[instrument(level = "debug", skip_all)]
    async fn find_strays(&self, ctx: &Ctx, walk: Walk, trash: bool) -> Result<Strayed> {
        let blobs = self.blobs()?;
        let found = strays::find(self, &*blobs, ctx.now, walk).await?;
        if trash { strays::trash(&*blobs, found).await } else { Ok(found) }
    }

    #[instrument(level = "debug", skip_all)]
    async fn empty_trash(&self, ctx: &Ctx, after: Option<Key>, dry: bool) -> Result<Trashed> {
        strays::empty(self, &*self.blobs()?, ctx.now, after, dry).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn note_cleaned(&self, ctx: &Ctx, cleaned: Cleaned) -> Result<()> {
        // What the jobs do is counted there.
        let of_store = Cleaned { strays: cleaned.strays, trash: cleaned.trash, ..Cleaned::default() };
        cleaning::count(&of_store);
        let of_store = Cleaned { restored: cleaned.restored, ..of_store };
        let ctx = ctx.clone();
        self.db.write(move |tx| cleaning::report(tx, &ctx, of_store)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn check_some(&self, _: &Ctx, after: Option<ObjectId>, hashes: bool) -> Result<Checked> {
        walking::check(self, &self.blobs()?, after, hashes).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn copy_some(
        &self,
        _: &Ctx,
        (from, to): (Arc<dyn Blobs>, Arc<dyn Blobs>),
        after: Option<ObjectId>,
        hashes: bool,
    ) -> Result<Copied> {
        walking::copy_some(self, &from, &to, after, hashes).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn quarantined(&self, _: &Ctx, page: PageRequest) -> Result<Page<QuarantinedFile>> {
        self.look_at_people(move |conn, people| quarantine::list(conn, people, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete_quarantined(&self, ctx: &Ctx, file: FileId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| quarantine::delete(tx, &ctx, file)).await
    }
}
