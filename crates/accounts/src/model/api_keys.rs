//! API keys as their owner sees them, and what it takes to get one.

use clowder_core::{ApiKeyId, Fields, Input, Timestamp, Word, text::Flaw};
use serde::{Deserialize, Serialize};

use super::DisplayName;
use crate::scopes::{Scope, Scopes};

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiKey {
    pub id: ApiKeyId,
    #[schema(example = "nightly report")]
    pub name: String,
    /// How the key begins: enough to find it again, not enough to use it.
    #[schema(example = "clw_09rXvyQRvHpJFBbvX1tkKT")]
    pub prefix: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A key at the one moment when it is shown.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedKey {
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// Sent as `X-API-Key`. It is shown here and never again: only a hash of it is kept, so that the answer to a call
    /// repeated with its `Idempotency-Key` has `null` in its place.
    #[schema(example = "clw_09rXvyQRvHpJFBbvX1tkKT_2u3tPZbF5tYqWc8xkK0mJr7dVnQhLgXsEyAoCiBpUfT0Zw9Rj")]
    pub key: Option<String>,
}

/// `{name, scopes, expires_at?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"name": "nightly report", "scopes": ["chats:read", "messages:read"]}))]
pub struct NewApiKey {
    #[schema(value_type = String, min_length = 1, max_length = 80)]
    pub name: DisplayName,
    /// At least one.
    #[schema(value_type = Vec<Scope>, min_items = 1)]
    pub scopes: Scopes,
    /// When it stops being good; never when absent.
    pub expires_at: Option<Timestamp>,
}

impl Input for NewApiKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name");
        let scopes = fields
            .required_list::<Scope>("scopes", 2 * Scope::WORDS.len())
            .map(|scopes| scopes.into_iter().collect::<Scopes>());
        let expires_at = fields.optional("expires_at");
        if scopes.is_some_and(Scopes::is_empty) {
            fields.flaw("scopes", Flaw::new("required", "must name at least one"));
        }
        Some(Self { name: name?, scopes: scopes?, expires_at: expires_at? })
    }
}
