//! Changes of notifications, told to their owner on all devices. They contain words of this program and ids, and nothing that
//! people wrote: what a device is shown is made when it is sent.

use clowder_core::{Timestamp, Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::{Notification, NotificationId};

pub const NOTIFICATION: &str = "notification";

#[derive(Debug, Clone)]
pub enum Change {
    /// Without the actor, and with the title that tells nothing of anybody.
    Made(UserId, Box<Notification>),
    Read(UserId, NotificationsRead),
    Removed(UserId, NotificationsRemoved),
}

/// The payload of `notification.read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotificationsRead {
    /// Which were read, if not all up to a time; no more than 200 are named.
    pub ids: Vec<NotificationId>,
    /// All that are not newer were read.
    #[schema(required = true)]
    pub before: Option<Timestamp>,
    /// How many are left, on all devices.
    #[schema(minimum = 0)]
    pub unread_count: i64,
}

/// The payload of `notification.removed`: they were deleted, or what they were about may not be seen any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotificationsRemoved {
    /// No more than 200 are named.
    pub ids: Vec<NotificationId>,
    #[schema(minimum = 0)]
    pub unread_count: i64,
}

/// How many ids are named in one change.
pub const MOST_IDS: usize = 200;

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::Made(..) => NOTIFICATION,
            Self::Read(..) => "notification.read",
            Self::Removed(..) => "notification.removed",
        }
    }

    fn topic(&self) -> Topic {
        let (Self::Made(user, _) | Self::Read(user, _) | Self::Removed(user, _)) = self;
        Topic::user(*user)
    }

    fn subject(&self) -> Option<Uuid> {
        match self {
            Self::Made(_, notification) => Some(notification.id.uuid()),
            Self::Read(..) | Self::Removed(..) => None,
        }
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        match self {
            Self::Made(_, notification) => to_raw_value(notification),
            Self::Read(_, read) => to_raw_value(read),
            Self::Removed(_, removed) => to_raw_value(removed),
        }
    }
}
