//! The row of an API key.

use clowder_accounts::ApiKey;
use clowder_core::{ApiKeyId, Scopes, Timestamp, UserId};
use diesel::prelude::*;

use super::schema::api_keys;
use crate::api_keys::{self as format, Known};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys)]
#[diesel(treat_none_as_default_value = false)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub user_id: UserId,
    pub name: String,
    pub hash: Vec<u8>,
    pub scopes: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

impl ApiKeyRow {
    pub fn api_key(&self) -> ApiKey {
        ApiKey {
            prefix: format::prefix(self.id),
            id: self.id,
            name: self.name.clone(),
            scopes: Scopes::split(&self.scopes),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
        }
    }

    pub fn known(self) -> Known {
        let scopes = Scopes::split(&self.scopes);
        Known::new(self.id, self.user_id, self.hash, scopes, self.expires_at, self.last_used_at)
    }
}
