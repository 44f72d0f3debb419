//! The row of a job.

use clowder_core::{
    Id, Job, JobId, Result, Timestamp,
    job::{JobState, Taken},
};
use diesel::prelude::*;

use super::schema::jobs;
use crate::keys::{Keys, Purpose};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    pub id: JobId,
    pub kind: String,
    pub payload: Vec<u8>,
    pub run_at: Timestamp,
    pub attempts: i16,
    pub lease_until: Option<Timestamp>,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    pub dead_at: Option<Timestamp>,
}

impl JobRow {
    pub fn taken(self, lease: Id<()>, keys: &Keys) -> Result<Taken> {
        // A payload that cannot be decrypted is passed on empty; the worker reports it, and the job becomes dead.
        let payload = keys.unseal(Purpose::Job, self.id.uuid().as_bytes(), &self.payload).unwrap_or_default();
        Ok(Taken { id: self.id, kind: self.kind, payload, attempts: self.attempts, lease })
    }

    pub fn job(self, now: Timestamp) -> Job {
        let state = match (self.dead_at, self.lease_until) {
            (Some(_), _) => JobState::Dead,
            (None, Some(until)) if until > now => JobState::Running,
            _ => JobState::Waiting,
        };
        Job {
            id: self.id,
            kind: self.kind,
            state,
            attempts: self.attempts,
            run_at: self.run_at,
            created_at: self.created_at,
            last_error: self.last_error,
        }
    }
}
