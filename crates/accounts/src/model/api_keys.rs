//! API keys as their owner sees them, and the input to create one.

use clowder_core::{ApiKeyId, Fields, Input, Role, Scope, Scopes, Timestamp};
use serde::{Deserialize, Serialize};

use super::DisplayName;
use crate::scopes;

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiKey {
    pub id: ApiKeyId,
    /// Empty in an `api_key.created` that is replayed after the key has been revoked.
    #[schema(example = "nightly report")]
    pub name: String,
    /// How the key begins: enough to find it again, not enough to use it.
    #[schema(example = "clw_09rXvyQRvHpJFBbvX1tkKT")]
    pub prefix: String,
    /// What it may be used for. Names that this version of the server does not know allow nothing.
    #[schema(value_type = Vec<String>, example = json!(["chats:read", "messages:read"]))]
    pub scopes: Scopes,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

/// A key when it is created, the only time that its secret is shown.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedKey {
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// Sent as `X-API-Key`. It is shown only once: only a hash of it is stored, so the answer to a call repeated with
    /// its `Idempotency-Key` has `null` instead.
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
    #[schema(value_type = Vec<Scope>, min_items = 1, max_items = 200)]
    pub scopes: Scopes,
    /// The lowest role that may request all of them.
    #[schema(ignore)]
    pub least: Role,
    /// When it expires; never if absent.
    pub expires_at: Option<Timestamp>,
}

impl NewApiKey {
    /// Reads the input; `scopes` are those of all domains, which are known where they are gathered.
    pub fn read_among(fields: &mut Fields, all: Option<&[Scope]>) -> Option<Self> {
        let name = fields.required("name");
        let scopes = scopes::read(fields, "scopes", all);
        let expires_at = fields.optional("expires_at");
        let scopes = scopes?;
        let least = scopes::least(&scopes, all.unwrap_or(scopes::ALL));
        Some(Self { name: name?, scopes, least, expires_at: expires_at? })
    }
}

impl Input for NewApiKey {
    fn read(fields: &mut Fields) -> Option<Self> {
        Self::read_among(fields, None)
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;
    use serde_json::json;

    use super::*;
    use crate::scopes::{PROFILE_READ, PROFILE_WRITE};

    struct Known(NewApiKey);

    impl Input for Known {
        fn read(fields: &mut Fields) -> Option<Self> {
            NewApiKey::read_among(fields, Some(scopes::OWN)).map(Self)
        }
    }

    fn told<T>(read: clowder_core::Result<T>) -> Vec<(String, String)> {
        let Err(Error::Invalid(errors)) = read else { return Vec::new() };
        errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect()
    }

    #[test]
    fn scopes_are_those_that_are_gathered() {
        let new = |scopes: serde_json::Value| json!({"name": "bot", "scopes": scopes});
        let known = Known::from_json(new(json!(["profile:write", "profile:read", "profile:read"]))).unwrap();
        assert_eq!(known.0.scopes, [PROFILE_READ, PROFILE_WRITE].into_iter().collect());
        for (scopes, expected) in [
            (json!([]), ("/scopes", "required")),
            (json!(["profile:read", "chats:read"]), ("/scopes/1", "choice")),
            (json!(vec!["profile:read"; scopes::MOST + 1]), ("/scopes", "too_many")),
        ] {
            let expected = vec![(expected.0.to_owned(), expected.1.to_owned())];
            assert_eq!(told(Known::from_json(new(scopes))), expected);
        }
        assert!(NewApiKey::from_json(new(json!(["chats:read"]))).is_ok(), "its form is good");
        for word in ["", "chats", "chats:", "Chats:read", "chats:read x", "a:b:c"] {
            let expected = vec![("/scopes/0".to_owned(), "choice".to_owned())];
            assert_eq!(told(NewApiKey::from_json(new(json!([word])))), expected, "{word}");
        }
    }
}
