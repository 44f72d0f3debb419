//! Entries of the audit log, and their actors.

use clowder_accounts::{AuditRecord, audit::ActorType};
use clowder_core::{Actor, Id, SessionId, Timestamp, UserId, Via};
use diesel::prelude::*;

use super::schema::{audit, audit_pending};
use crate::seal::Sealed;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit)]
#[diesel(treat_none_as_default_value = false)]
pub struct AuditRow {
    pub position: i64,
    pub id: Id<AuditRecord>,
    pub at: Timestamp,
    pub actor_type: String,
    pub actor_id: Option<Id<()>>,
    /// Whose API key it was.
    pub owner_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub subject_id: Option<UserId>,
    pub action: String,
    pub target_type: Option<String>,
    pub target_id: Option<Id<()>>,
    pub address: Option<Sealed>,
    pub agent: Option<Sealed>,
    /// Used only by entries from before request ids were encrypted.
    pub request_id: String,
    /// JSON of the states before and after.
    pub detail: Option<Sealed>,
    pub previous: Vec<u8>,
    pub hash: Vec<u8>,
    pub request: Option<Sealed>,
}

/// A committed entry that is not chained yet. Its order is that of a database sequence.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_pending)]
#[diesel(treat_none_as_default_value = false)]
pub struct PendingRow {
    pub id: Id<AuditRecord>,
    pub at: Timestamp,
    pub actor_type: String,
    pub actor_id: Option<Id<()>>,
    pub owner_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub subject_id: Option<UserId>,
    pub action: String,
    pub target_type: Option<String>,
    pub target_id: Option<Id<()>>,
    pub address: Option<Sealed>,
    pub agent: Option<Sealed>,
    pub detail: Option<Sealed>,
    pub request: Option<Sealed>,
}

impl PendingRow {
    /// The chained entry, except for its own hash.
    pub fn at_position(self, position: i64, previous: Vec<u8>) -> AuditRow {
        AuditRow {
            position,
            id: self.id,
            at: self.at,
            actor_type: self.actor_type,
            actor_id: self.actor_id,
            owner_id: self.owner_id,
            session_id: self.session_id,
            subject_id: self.subject_id,
            action: self.action,
            target_type: self.target_type,
            target_id: self.target_id,
            address: self.address,
            agent: self.agent,
            request_id: String::new(),
            detail: self.detail,
            previous,
            hash: Vec::new(),
            request: self.request,
        }
    }
}

/// The actor, as shown by the audit log.
pub struct Acting {
    pub kind: ActorType,
    pub id: Option<Id<()>>,
    pub session: Option<SessionId>,
    /// On whose behalf.
    pub user: Option<UserId>,
}

impl Acting {
    /// The owner of the API key that acted.
    pub fn owner(&self) -> Option<UserId> {
        self.user.filter(|_| self.kind == ActorType::ApiKey)
    }
}

impl Acting {
    pub fn of(actor: Actor) -> Self {
        let nobody = Self { kind: ActorType::Nobody, id: None, session: None, user: None };
        match actor {
            Actor::Nobody => nobody,
            Actor::System => Self { kind: ActorType::System, ..nobody },
            Actor::User { id, via: Via::Session(session), .. } => Self {
                kind: ActorType::User,
                id: Some(Id::from_uuid(id.uuid())),
                session: Some(session),
                user: Some(id),
            },
            Actor::User { id, via: Via::Key(key), .. } => {
                Self { kind: ActorType::ApiKey, id: Some(Id::from_uuid(key.uuid())), session: None, user: Some(id) }
            }
        }
    }
}
