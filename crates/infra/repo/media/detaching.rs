//! The job that takes a deleted file from everything that had it, in small pieces. Nobody sees the file any more before that.

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
    domains::{holds_file, let_file_go},
    jobs,
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Detach {
    file_id: FileId,
}

impl Work for Detach {
    const KIND: &'static str = "file.detach";
    const QUEUE: Queue = Queue::Default;
}

/// Enqueues the job, if anything has this file.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<()> {
    if holds_file(tx.conn, file)?.is_none() {
        return Ok(());
    }
    jobs::order(tx, ctx, &NewJob::new(&Detach { file_id: file }, ctx.now)?)
}

pub struct Detacher(pub Arc<Repo>);

#[async_trait]
impl Worker for Detacher {
    fn kind(&self) -> &'static str {
        Detach::KIND
    }

    fn queue(&self) -> Queue {
        Detach::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Detach { file_id } = job.read()?;
        loop {
            let ctx = ctx.clone();
            if self.0.db.write(move |tx| let_file_go(tx, &ctx, file_id)).await? == 0 {
                return Ok(());
            }
        }
    }
}
