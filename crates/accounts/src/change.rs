//! What happens to accounts.

use clowder_core::{Card, SessionId, Timestamp, Topic, UserId};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::{Own, model::Settings};

#[derive(Debug, Clone)]
pub enum Change {
    UserRegistered(Card),
    UserUpdated(Own),
    SessionEnded(SessionEnded),
    SettingsUpdated(UserId, Settings),
    /// Told on the topic of the user, and of every chat they take part in.
    UserDeleted(Topic, Card),
}

/// The payload of `session.ended`: a device of the user has been signed out.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SessionEnded {
    #[serde(skip)]
    pub user: UserId,
    pub session_id: SessionId,
    pub ended_at: Timestamp,
}

/// The name by which other parts of the house know a profile has changed.
pub const USER_UPDATED: &str = "user.updated";
/// The name by which other parts of the house know a session has ended.
pub const SESSION_ENDED: &str = "session.ended";
/// The name by which whoever keeps a card of somebody learns that another has taken its place for good.
pub const USER_DELETED: &str = "user.deleted";

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::UserRegistered(_) => "user.registered",
            Self::UserUpdated(_) => USER_UPDATED,
            Self::SessionEnded(_) => SESSION_ENDED,
            Self::SettingsUpdated(..) => "settings.updated",
            Self::UserDeleted(..) => USER_DELETED,
        }
    }

    fn topic(&self) -> Topic {
        Topic::User(match self {
            Self::UserRegistered(card) => card.id,
            Self::UserUpdated(own) => own.id,
            Self::SessionEnded(ended) => ended.user,
            Self::SettingsUpdated(user, _) => *user,
            Self::UserDeleted(topic, _) => return *topic,
        })
    }

    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::SessionEnded(ended) => Some(ended.session_id.uuid()),
            _ => None,
        }
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::UserRegistered(card) => to_raw_value(card),
            Self::UserUpdated(own) => to_raw_value(own),
            Self::SessionEnded(ended) => to_raw_value(ended),
            Self::SettingsUpdated(_, settings) => to_raw_value(settings),
            Self::UserDeleted(_, card) => to_raw_value(card),
        }
    }
}
