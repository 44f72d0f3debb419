//! Changes of pets. Each keeper gets their own, on their personal topic. They contain ids and no texts: so nothing that
//! somebody wrote about a pet stays in the journal, and clients read the pet again.

use clowder_core::{Timestamp, Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{PetId, Role};

/// Something that happened, as one of those who keep the pet is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub to: UserId,
    pub news: News,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Created(Version),
    Updated(Version),
    Deleted(Gone),
    Invited(Asked),
    Added(Kept),
    KeeperUpdated(Kept),
    Removed(Left),
}

/// The payload of `pet.created` and `pet.updated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PetVersion)]
pub struct Version {
    pub pet_id: PetId,
    #[schema(minimum = 1)]
    pub version: i64,
}

/// The payload of `pet.deleted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PetDeleted)]
pub struct Gone {
    pub pet_id: PetId,
}

/// The payload of `pet.keeper_invited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PetKeeperInvited)]
pub struct Asked {
    pub pet_id: PetId,
    pub user_id: UserId,
    pub role: Role,
    pub expires_at: Timestamp,
}

/// The payload of `pet.keeper_added` and `pet.keeper_updated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PetKept)]
pub struct Kept {
    pub pet_id: PetId,
    pub user_id: UserId,
    pub role: Role,
}

/// The payload of `pet.keeper_removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PetLeft)]
pub struct Left {
    pub pet_id: PetId,
    pub user_id: UserId,
}

impl Change {
    /// The same for each of these people.
    pub fn to_all(people: impl IntoIterator<Item = UserId>, news: News) -> Vec<Self> {
        people.into_iter().map(|to| Self { to, news }).collect()
    }
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self.news {
            News::Created(_) => "pet.created",
            News::Updated(_) => "pet.updated",
            News::Deleted(_) => "pet.deleted",
            News::Invited(_) => "pet.keeper_invited",
            News::Added(_) => "pet.keeper_added",
            News::KeeperUpdated(_) => "pet.keeper_updated",
            News::Removed(_) => "pet.keeper_removed",
        }
    }

    fn topic(&self) -> Topic {
        Topic::user(self.to)
    }

    fn subject(&self) -> Option<Uuid> {
        Some(match self.news {
            News::Created(Version { pet_id, .. })
            | News::Updated(Version { pet_id, .. })
            | News::Deleted(Gone { pet_id })
            | News::Invited(Asked { pet_id, .. })
            | News::Added(Kept { pet_id, .. })
            | News::KeeperUpdated(Kept { pet_id, .. })
            | News::Removed(Left { pet_id, .. }) => pet_id.uuid(),
        })
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match &self.news {
            News::Created(version) | News::Updated(version) => to_raw_value(version),
            News::Deleted(gone) => to_raw_value(gone),
            News::Invited(asked) => to_raw_value(asked),
            News::Added(kept) | News::KeeperUpdated(kept) => to_raw_value(kept),
            News::Removed(left) => to_raw_value(left),
        }
    }
}
