//! The workers that make exports and carry out erasures. Either may die at any moment: an export is then begun again,
//! an erasure continues where it was.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Result,
    job::{Queue, Taken, Work, Worker},
};

use super::{
    super::{Repo, media::exporting},
    Asking,
    erasures::{self, Erase},
    exports::{self, Pack},
    packing::{Packer, Run, fail},
    parts,
};

/// The number of tries before an export fails: its owner should know on the same day.
const TRIES: i16 = 6;

pub struct Exporter(pub Arc<Repo>);

#[async_trait]
impl Worker for Exporter {
    fn kind(&self) -> &'static str {
        Pack::KIND
    }

    fn queue(&self) -> Queue {
        Pack::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Pack { export } = job.read()?;
        let caller = ctx.clone();
        let Some(run) = self.0.db.write(move |tx| Run::begin(tx, &caller, export)).await? else { return Ok(()) };
        // The export includes what the audit log says about the user, also recent entries.
        self.0.chain_pending().await;
        match self.pack(ctx, run).await {
            Err(error) if job.attempts >= TRIES => {
                match error {
                    Error::Internal(_) => tracing::error!(%error, "an export failed on its last try"),
                    _ => tracing::warn!(%error, "an export failed on its last try"),
                }
                self.0.db.write(move |tx| fail(tx, export)).await
            }
            packed => packed,
        }
    }

    /// Making an export again does no harm.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

impl Exporter {
    async fn pack(&self, ctx: &Ctx, run: Run) -> Result<()> {
        let db = &self.0.db;
        let asking = Asking { user: run.user, now: ctx.now, ring: db.ring() };
        let mut packer = Packer::new(ctx)?;
        let (mut seen, mut number, mut told) = (0_i64, 0, 0);
        for file in parts::all().iter().flat_map(|part| part.files) {
            packer.open(file)?;
            let mut mark: Option<String> = None;
            loop {
                let asking = asking.clone();
                // Reading and packing are slow, so both run on the worker. A piece that is read again was not packed.
                let held = Mutex::new(Some(packer));
                let (back, next, more) = db
                    .read(move |conn| {
                        let leaf = (file.read)(conn, &asking, mark.as_deref())?;
                        let taken = held.lock().unwrap_or_else(PoisonError::into_inner).take();
                        let mut packer = taken.ok_or_else(|| Error::internal("an export was packed twice"))?;
                        packer.put(&leaf.items)?;
                        Ok((packer, leaf.next, leaf.seen))
                    })
                    .await?;
                (packer, mark, seen) = (back, next, seen.saturating_add(more));
                let progress = run.progress(seen);
                while let Some(piece) = packer.take() {
                    let ctx = ctx.clone();
                    db.write(move |tx| run.keep(tx, &ctx, number, &piece, progress)).await?;
                    (number, told) = (number + 1, progress);
                }
                if progress >= told + 5 {
                    db.write(move |tx| run.told(tx, progress)).await?;
                    told = progress;
                }
                if mark.is_none() {
                    break;
                }
            }
            packer.close()?;
        }
        let progress = told.max(run.progress(seen));
        (packer, number) = self.pack_files(ctx, run, packer, number, progress).await?;
        for piece in packer.finish()? {
            let ctx = ctx.clone();
            db.write(move |tx| run.keep(tx, &ctx, number, &piece, 99)).await?;
            number += 1;
        }
        let ctx = ctx.clone();
        db.write(move |tx| run.end(tx, &ctx)).await
    }
}

impl Exporter {
    /// Adds the content of files, which stays where it is: of each, the export has only the place. Returns the number of the
    /// next piece, too.
    async fn pack_files(
        &self,
        ctx: &Ctx,
        run: Run,
        mut packer: Packer,
        mut number: i32,
        progress: i16,
    ) -> Result<(Packer, i32)> {
        let (db, mut next, mut is_last) = (&self.0.db, None, false);
        while !is_last {
            let (files, last) = db.read(move |conn| exporting::page(conn, run.user, next)).await?;
            (next, is_last) = (last, last.is_none());
            for file in files {
                // Whatever has gone since is in none of the lists of its owner, either.
                let Some(mut content) = self.0.exported(file.content).await? else { continue };
                for piece in packer.begin_content(&file.path)? {
                    let ctx = ctx.clone();
                    db.write(move |tx| run.keep(tx, &ctx, number, &piece, progress)).await?;
                    number += 1;
                }
                while let Some(piece) = content.next().await? {
                    packer.pass(&piece)?;
                }
                packer.end_content(file.size.unsigned_abs())?;
                let (first, content, size) = (number, file.content, file.size);
                db.write(move |tx| run.refer(tx, first, content, size, progress)).await?;
                number = exports::pieces_of(size)
                    .and_then(|pieces| number.checked_add(pieces))
                    .ok_or_else(|| Error::internal("an export has too many pieces"))?;
            }
        }
        Ok((packer, number))
    }
}

pub struct Eraser(pub Arc<Repo>);

#[async_trait]
impl Worker for Eraser {
    fn kind(&self) -> &'static str {
        Erase::KIND
    }

    fn queue(&self) -> Queue {
        Erase::QUEUE
    }

    /// In bounded pieces, so that other writers get their turn in between.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Erase { erasure } = job.read()?;
        let (caller, changes) = (ctx.clone(), self.0.deps.options.privacy.journal_changes);
        while self
            .0
            .db
            .write({
                let ctx = caller.clone();
                move |tx| erasures::step(tx, &ctx, erasure, changes)
            })
            .await?
        {}
        Ok(())
    }
}
