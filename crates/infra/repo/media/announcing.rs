//! The job that tells those who see things with a file that the file has another state, in small pieces.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, FileId, NewJob, Result,
    job::{Queue, Taken, Work, Worker},
};
use serde::{Deserialize, Serialize};

use super::super::{
    Repo,
    db::Tx,
    domains::{Told, holds_file, tell_of_file},
    jobs,
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Announce {
    file_id: FileId,
}

impl Work for Announce {
    const KIND: &'static str = "file.announce";
    const QUEUE: Queue = Queue::Default;
}

/// Enqueues the job, if anything has this file.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<()> {
    if holds_file(tx.conn, file)?.is_none() {
        return Ok(());
    }
    jobs::order(tx, ctx, &NewJob::new(&Announce { file_id: file }, ctx.now)?)
}

pub struct Announcer(pub Arc<Repo>);

#[async_trait]
impl Worker for Announcer {
    fn kind(&self) -> &'static str {
        Announce::KIND
    }

    fn queue(&self) -> Queue {
        Announce::QUEUE
    }

    /// A second run tells all of them once more, which changes nothing.
    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Announce { file_id } = job.read()?;
        let mut next = Some(Told::default());
        while let Some(told) = next {
            let ctx = ctx.clone();
            next = self.0.db.write(move |tx| tell_of_file(tx, &ctx, file_id, told)).await?;
        }
        Ok(())
    }
}
