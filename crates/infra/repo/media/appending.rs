//! A part of a resumable upload arrives. A task of its own writes it to the store, so that what has arrived is kept even if
//! the client goes away in the middle: the task then ends as if that had been all.

use std::{mem, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Ctx, Error, Id, Result};
use clowder_media::{
    Appending, Blobs, FileId,
    blobs::{Growing, Grown},
    refusals::{FILE_BEYOND, FILE_OFFSET, FILE_UNKNOWN},
    resumable::{Appended, Next},
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinHandle,
    time::timeout,
};
use tracing::Instrument;

use super::{
    super::{Repo, db::Db},
    finishing,
    lease::Lease,
    read,
    resumable::{self, Claim},
};
use crate::worker_pool::fair::Caller;

/// After so many octets, those that have arrived are made durable, so that a process that is killed loses no more.
const SETTLES_AFTER: u64 = 8 << 20;
/// How many pieces may wait for the store. Each has at most 256 KiB.
const WAITING: usize = 2;

/// What the task is told.
enum Told {
    Bytes(Bytes),
    Finish,
    Undo,
}

/// The side of whoever receives the part.
struct Part {
    task: Sender<Told>,
    outcome: JoinHandle<Result<Option<Appended>>>,
    /// How many octets the upload still lacks.
    left: u64,
    /// How many it has in the end.
    length: i64,
}

/// What a sender learns that comes back after the part has ended without it.
fn was_silent() -> Error {
    let detail = "The sender of this part was silent for too long: what had arrived is kept, unless it counts only as a whole. \
                  Ask with HEAD how far the upload is";
    Error::explained(FILE_OFFSET, detail)
}

/// In a task of its own: if the caller goes away meanwhile, the upload is let go at once, and not when its lease ends.
pub async fn begin(repo: &Repo, ctx: &Ctx, file: FileId, next: Next) -> Result<Box<dyn Appending>> {
    let begin = Part::begin(repo.db.clone(), repo.blobs()?, ctx.clone(), file, next, repo.deps.options.media.silence);
    let begun = tokio::spawn(Caller::current().scope(begin).in_current_span()).await;
    Ok(Box::new(ended(begun)?))
}

impl Part {
    async fn begin(
        db: Db,
        blobs: Arc<dyn Blobs>,
        ctx: Ctx,
        file: FileId,
        next: Next,
        silence: Duration,
    ) -> Result<Self> {
        let (user, writer, caller, whole) = (ctx.user()?, Id::new(ctx.now), ctx.clone(), next.whole);
        let claimed = db.write(move |tx| resumable::claim(tx, &caller, user, file, next, writer)).await?;
        let lease = Lease::hold_as(db.clone(), claimed.object, writer, ctx.now, silence);
        let length = claimed.length;
        let left = resumable::octets(claimed.grown.size)?.abs_diff(claimed.length);
        let (task, told) = channel(WAITING);
        let grown = claimed.grown.clone();
        let appender = Appender { db, blobs, ctx, grown, claim: claimed, lease, silence, whole, growing: None };
        let work = Caller::current().scope(appender.run(told)).in_current_span();
        Ok(Self { task, outcome: tokio::spawn(work), left, length })
    }

    async fn outcome(self) -> Result<Option<Appended>> {
        // The task learns that nothing more comes.
        drop(self.task);
        ended(self.outcome.await)
    }
}

fn ended<T>(outcome: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    outcome.unwrap_or_else(|error| Err(Error::internal(format!("a part of an upload: {error}"))))
}

#[async_trait]
impl Appending for Part {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let octets = bytes.len() as u64;
        let beyond = || {
            Error::explained(FILE_BEYOND, format!("`Upload-Length` is {}, and more than that has come", self.length))
        };
        self.left = self.left.checked_sub(octets).ok_or_else(beyond)?;
        if self.task.send(Told::Bytes(bytes)).await.is_ok() {
            return Ok(());
        }
        // The task has ended because of an error, which this takes, or because nothing came for too long.
        let outcome = mem::replace(&mut self.outcome, tokio::spawn(async { Err(FILE_UNKNOWN.into()) }));
        match ended(outcome.await) {
            Ok(_) => Err(was_silent()),
            Err(error) => Err(error),
        }
    }

    async fn finish(self: Box<Self>) -> Result<Appended> {
        // If the task has ended, its outcome says why.
        let _ = self.task.send(Told::Finish).await;
        self.outcome().await?.ok_or_else(was_silent)
    }

    async fn undo(self: Box<Self>) -> Result<()> {
        let _ = self.task.send(Told::Undo).await;
        self.outcome().await.map(drop)
    }
}

/// The side of the store.
struct Appender {
    db: Db,
    blobs: Arc<dyn Blobs>,
    ctx: Ctx,
    claim: Claim,
    lease: Lease,
    silence: Duration,
    whole: bool,
    growing: Option<Box<dyn Growing>>,
    /// How far the upload is known to be.
    grown: Grown,
}

impl Appender {
    /// What the part has led to; nothing if it was undone.
    async fn run(mut self, mut told: Receiver<Told>) -> Result<Option<Appended>> {
        let kept = self.take_in(&mut told).await;
        // Whoever writes learns at once that the task takes no more.
        drop(told);
        let growing = self.growing.take();
        let outcome = match kept {
            Ok(true) => self.keep(growing).await,
            Ok(false) => self.release().await.map(|_| None),
            Err(error) => Err(self.let_go(error).await),
        };
        if matches!(&outcome, Err(Error::Refused(refusal)) if *refusal == FILE_UNKNOWN) {
            self.clear_away().await;
        }
        outcome
    }

    /// Writes what arrives. Answers whether it is to be kept.
    async fn take_in(&mut self, told: &mut Receiver<Told>) -> Result<bool> {
        let mut since = 0;
        loop {
            match timeout(self.silence, told.recv()).await {
                Ok(Some(Told::Bytes(bytes))) => {
                    self.lease.still_held()?;
                    since += bytes.len() as u64;
                    self.grow(bytes).await?;
                    if since >= SETTLES_AFTER && !self.whole {
                        since = 0;
                        self.settle_some().await?;
                    }
                }
                Ok(Some(Told::Finish)) => return Ok(true),
                Ok(Some(Told::Undo)) => return Ok(false),
                // The client has gone away, or is silent, so that another call may go on. A part that counts only as a whole
                // has no checksum to compare then.
                Ok(None) | Err(_) => return Ok(!self.whole),
            }
        }
    }

    async fn grow(&mut self, bytes: Bytes) -> Result<()> {
        let growing = match &mut self.growing {
            Some(growing) => growing,
            none => none.insert(self.blobs.grow(&self.claim.key, &self.grown).await?),
        };
        growing.write(bytes).await
    }

    async fn settle_some(&mut self) -> Result<()> {
        let Some(growing) = &mut self.growing else { return Ok(()) };
        let grown = growing.settle(false).await?;
        if grown == self.grown {
            return Ok(());
        }
        let (claim, stored) = (self.claim.clone(), grown.clone());
        self.db.write(move |tx| resumable::advance(tx, &claim, &stored)).await?;
        self.grown = grown;
        Ok(())
    }

    /// The bytes first, and then how many there are.
    async fn keep(&mut self, growing: Option<Box<dyn Growing>>) -> Result<Option<Appended>> {
        if let Some(mut growing) = growing {
            match growing.settle(true).await {
                Ok(grown) => self.grown = grown,
                Err(error) => return Err(self.let_go(error).await),
            }
        }
        let (ctx, claim, grown) = (self.ctx.clone(), self.claim.clone(), self.grown.clone());
        self.db.write(move |tx| resumable::settle(tx, &ctx, &claim, &grown)).await?;
        let upload = self.claim.upload(&self.grown)?;
        if upload.offset < upload.length {
            return Ok(Some(Appended { upload, file: None }));
        }
        let file = finishing::finish(&self.db, &*self.blobs, &self.ctx, &self.claim, &self.grown).await?;
        let upload = clowder_media::Resumable { expires_at: None, ..upload };
        Ok(Some(Appended { upload, file: Some(file) }))
    }

    async fn release(&mut self) -> Result<bool> {
        let claim = self.claim.clone();
        self.db.write(move |tx| resumable::release(tx, &claim)).await
    }

    /// After an error. If the upload is gone, that is the reason, and what the store says follows from it.
    async fn let_go(&mut self, error: Error) -> Error {
        match self.release().await {
            Ok(true) => error,
            Ok(false) => FILE_UNKNOWN.into(),
            Err(again) => {
                tracing::warn!(error = %again, "an upload stays held until its lease ends");
                error
            }
        }
    }

    /// The upload is gone, and whoever has removed it may not know of what was written since.
    async fn clear_away(&mut self) {
        let object = self.claim.object;
        // Unless another call has taken over.
        if self.db.read(move |conn| read::is_kept(conn, object)).await.unwrap_or(true) {
            return;
        }
        if let Err(error) = self.blobs.abandon(&self.claim.key, &self.grown).await {
            tracing::warn!(%error, key = %self.claim.key, "what has arrived of an upload that is gone stays until it is swept");
        }
    }
}
