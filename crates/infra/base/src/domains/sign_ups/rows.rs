//! The rows of invitations and pending sign-ups.

use clowder_accounts::model::{Invite, InviteId, SignUp, SignUpId};
use clowder_core::{Timestamp, UserId};
use diesel::prelude::*;

use super::schema::{invites, sign_ups};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sign_ups)]
#[diesel(treat_none_as_default_value = false)]
pub struct SignUpRow {
    pub id: SignUpId,
    pub username: String,
    pub username_key: String,
    pub email: String,
    pub email_key: String,
    pub password: String,
    pub display_name: String,
    pub pretended: bool,
    pub invite_id: Option<InviteId>,
    pub needs_approval: bool,
    pub confirmed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl SignUpRow {
    pub fn sign_up(self) -> SignUp {
        SignUp {
            id: self.id,
            username: self.username,
            display_name: self.display_name,
            email: self.email,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = invites)]
pub struct InviteRow {
    pub id: InviteId,
    pub note: Option<String>,
    pub created_by: UserId,
    pub max_uses: Option<i32>,
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl From<InviteRow> for Invite {
    fn from(row: InviteRow) -> Self {
        Self {
            id: row.id,
            note: row.note,
            created_by: row.created_by,
            max_uses: row.max_uses,
            uses: row.uses,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}
