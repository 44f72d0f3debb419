//! Deletes the log of a deleted pet, in pieces whose size does not depend on the log.

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    Ctx, Result,
    job::{Queue, Taken, Work, Worker},
};
use clowder_social::pets::{EntryId, PetId};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{Repo, db::Tx};
use crate::domains::pets::pet_log as table;

/// How many entries are deleted in one piece.
pub const PIECE: i64 = 500;

/// What is left of a deleted pet: nobody can read it any more.
#[derive(Debug, Serialize, Deserialize)]
pub struct Clear {
    pub pet: PetId,
}

impl Work for Clear {
    const KIND: &'static str = "pet.clear";
    const QUEUE: Queue = Queue::Default;
}

pub struct Clearer(pub Arc<Repo>);

#[async_trait]
impl Worker for Clearer {
    fn kind(&self) -> &'static str {
        Clear::KIND
    }

    fn queue(&self) -> Queue {
        Clear::QUEUE
    }

    /// Other writers get their turn between the pieces. If it dies in between, the rest is done the next time.
    async fn work(&self, _: &Ctx, job: &Taken) -> Result<()> {
        let Clear { pet } = job.read()?;
        while self.0.db.write(move |tx| piece(tx, pet)).await? == PIECE as usize {}
        Ok(())
    }

    /// Nothing here depends on the time.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

/// Deletes the first entries of a log, and returns how many there were.
pub fn piece(tx: &mut Tx<'_>, pet: PetId) -> Result<usize> {
    let log = table::table.filter(table::pet_id.eq(pet)).order((table::at, table::id)).limit(PIECE);
    let log: Vec<EntryId> = log.select(table::id).load(tx.conn)?;
    let gone = diesel::delete(table::table.filter(table::id.eq_any(log))).execute(tx.conn)?;
    tx.deleted_text |= gone > 0;
    Ok(gone)
}
