//! What people are told about their own address.

use clowder_core::{Timestamp, Topic, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Emails to somebody's address come back. The name is public because it is a notification, too.
pub const EMAIL_UNDELIVERABLE: &str = "email.undeliverable";

#[derive(Debug, Clone)]
pub enum Change {
    /// Nothing more is sent to the address until it is confirmed again, or is another one.
    EmailUndeliverable(UserId, EmailUndeliverable),
}

/// The payload of `email.undeliverable`. It does not repeat the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EmailUndeliverable {
    pub since: Timestamp,
}

impl clowder_core::Change for Change {
    fn name(&self) -> &'static str {
        match self {
            Self::EmailUndeliverable(..) => EMAIL_UNDELIVERABLE,
        }
    }

    fn topic(&self) -> Topic {
        let Self::EmailUndeliverable(user, _) = self;
        Topic::user(*user)
    }

    fn data(&self) -> serde_json::Result<Box<RawValue>> {
        let Self::EmailUndeliverable(_, told) = self;
        to_raw_value(told)
    }
}
