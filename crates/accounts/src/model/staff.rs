//! Accounts as staff see them, and the inputs of staff.

use clowder_core::{
    Field, Fields, Input, Role, Timestamp, UserId, Word,
    input::string,
    text::{self, Flaw},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Own;
use crate::standing::Suspension;

/// An account as staff see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Account {
    pub id: UserId,
    #[schema(example = "ada")]
    pub username: String,
    pub display_name: String,
    #[schema(example = "ada@example.org")]
    pub email: String,
    pub email_verified: bool,
    pub role: Role,
    /// In alphabetical order.
    #[serde(default)]
    #[schema(required = true, max_items = 10)]
    pub badges: Vec<String>,
    /// `null` if it is not suspended.
    pub suspension: Option<Suspension>,
    pub created_at: Timestamp,
}

impl From<Own> for Account {
    fn from(own: Own) -> Self {
        let Own { id, username, display_name, email, email_verified, role, badges, suspension, created_at, .. } = own;
        Self { id, username, display_name, email, email_verified, role, badges, suspension, created_at }
    }
}

/// A link with which anybody can choose a new password for an account, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetLink {
    pub url: String,
    pub expires_at: Timestamp,
}

/// Whether an account is suspended right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccountStatus)]
pub enum Status {
    Active,
    Suspended,
}

impl Word for Status {
    const WHAT: &'static str = "status";
    const WORDS: &'static [(&'static str, Self)] = &[("active", Self::Active), ("suspended", Self::Suspended)];
}

/// Which accounts are wanted.
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    pub role: Option<Role>,
    pub status: Option<Status>,
    /// Part of a username or of an address.
    pub q: Option<String>,
}

/// `{role}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(example = json!({"role": "moderator"}))]
pub struct NewRole {
    pub role: Role,
}

impl Input for NewRole {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("role").map(|role| Self { role })
    }
}

/// `{until?, reason}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"reason": "advertising in strangers' chats", "until": "2199-01-01T00:00:00Z"}))]
pub struct NewSuspension {
    /// When it ends by itself; never if absent.
    pub until: Option<Timestamp>,
    /// The reason that its owner reads.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

impl Input for NewSuspension {
    fn read(fields: &mut Fields) -> Option<Self> {
        let until = fields.optional("until");
        let reason = fields.required::<Reason>("reason");
        Some(Self { until: until?, reason: reason?.0 })
    }
}

/// 1 to 500 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Reason {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::prose(&string(value)?, 1, 500).map(Self)
    }
}
