//! Changes of accounts.

use clowder_core::{ApiKeyId, Card, SessionId, Timestamp, Topic, UserId};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::{ApiKey, Own, Suspension, model::Settings, presence::PresenceUpdated};

#[derive(Debug, Clone)]
pub enum Change {
    UserRegistered(Card),
    UserUpdated(Box<Own>),
    SessionEnded(SessionEnded),
    SettingsUpdated(UserId, Settings),
    PresenceUpdated(PresenceUpdated),
    /// Sent on the topic of the user and of every chat they are in.
    UserDeleted(Topic, Card),
    /// Follows the `user.updated` that shows the same change of the profile.
    UserSuspended(UserId, Suspension),
    ApiKeyCreated(UserId, ApiKey),
    ApiKeyRevoked(ApiKeyRevoked),
}

/// The payload of `session.ended`: a device of the user was signed out.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct SessionEnded {
    #[serde(skip)]
    pub user: UserId,
    pub session_id: SessionId,
    pub ended_at: Timestamp,
}

/// The payload of `api_key.revoked`: a key of the user is no longer valid.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ApiKeyRevoked {
    #[serde(skip)]
    pub user: UserId,
    pub api_key_id: ApiKeyId,
    pub revoked_at: Timestamp,
}

/// A profile has changed. These names are public because other crates react to them.
pub const USER_UPDATED: &str = "user.updated";
/// Somebody shows another status or text, or shows them to others.
pub const PRESENCE_UPDATED: &str = "presence.updated";
/// A session has ended.
pub const SESSION_ENDED: &str = "session.ended";
/// An account has been erased; its card is a tombstone from now on.
pub const USER_DELETED: &str = "user.deleted";
/// An account has been suspended.
pub const USER_SUSPENDED: &str = "user.suspended";
/// An API key has been created.
pub const API_KEY_CREATED: &str = "api_key.created";
/// An API key has been revoked.
pub const API_KEY_REVOKED: &str = "api_key.revoked";

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::UserRegistered(_) => "user.registered",
            Self::UserUpdated(_) => USER_UPDATED,
            Self::SessionEnded(_) => SESSION_ENDED,
            Self::SettingsUpdated(..) => "settings.updated",
            Self::PresenceUpdated(_) => PRESENCE_UPDATED,
            Self::UserDeleted(..) => USER_DELETED,
            Self::UserSuspended(..) => USER_SUSPENDED,
            Self::ApiKeyCreated(..) => API_KEY_CREATED,
            Self::ApiKeyRevoked(_) => API_KEY_REVOKED,
        }
    }

    fn topic(&self) -> Topic {
        Topic::user(match self {
            Self::UserRegistered(card) => card.id,
            Self::UserUpdated(own) => own.id,
            Self::SessionEnded(ended) => ended.user,
            Self::UserDeleted(topic, _) => return *topic,
            Self::SettingsUpdated(user, _) | Self::UserSuspended(user, _) | Self::ApiKeyCreated(user, _) => *user,
            Self::PresenceUpdated(updated) => updated.user,
            Self::ApiKeyRevoked(revoked) => revoked.user,
        })
    }

    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::SessionEnded(ended) => Some(ended.session_id.uuid()),
            Self::ApiKeyCreated(_, key) => Some(key.id.uuid()),
            Self::ApiKeyRevoked(revoked) => Some(revoked.api_key_id.uuid()),
            Self::UserUpdated(own) => Some(own.id.uuid()),
            Self::PresenceUpdated(updated) => Some(updated.user.uuid()),
            Self::UserRegistered(_) | Self::UserDeleted(..) | Self::SettingsUpdated(..) | Self::UserSuspended(..) => {
                None
            }
        }
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::UserRegistered(card) => to_raw_value(card),
            Self::UserUpdated(own) => to_raw_value(own),
            Self::SessionEnded(ended) => to_raw_value(ended),
            Self::SettingsUpdated(_, settings) => to_raw_value(settings),
            Self::PresenceUpdated(updated) => to_raw_value(updated),
            Self::UserDeleted(_, card) => to_raw_value(card),
            Self::UserSuspended(_, suspension) => to_raw_value(suspension),
            Self::ApiKeyCreated(_, key) => to_raw_value(key),
            Self::ApiKeyRevoked(revoked) => to_raw_value(revoked),
        }
    }
}
