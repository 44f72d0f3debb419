//! Pending sign-ups, and invitations.

use clowder_core::{Field, Fields, Id, Input, Timestamp, UserId, input::Opaque, text::Flaw};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{DisplayName, Email, Note, Username};

pub type SignUpId = Id<SignUp>;
pub type InviteId = Id<Invite>;

/// Somebody whose account waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SignUp {
    pub id: SignUpId,
    #[schema(example = "ada")]
    pub username: String,
    pub display_name: String,
    #[schema(example = "ada@example.org")]
    pub email: String,
    pub created_at: Timestamp,
    /// When the sign-up expires.
    pub expires_at: Timestamp,
}

/// `{reason?}`
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"reason": "This server is for members of the choir."}))]
pub struct Rejection {
    /// Sent to the person who signed up.
    #[schema(value_type = Option<String>, max_length = 500)]
    pub reason: Option<Note<500>>,
}

impl Input for Rejection {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional("reason").map(|reason| Self { reason })
    }
}

/// `{note?, max_uses?, expires_at?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"note": "the altos", "max_uses": 12}))]
pub struct NewInvite {
    /// Shown in the list of invitations.
    #[schema(value_type = Option<String>, max_length = 80)]
    pub note: Option<DisplayName>,
    /// How many accounts it can create; unlimited if absent.
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 100_000)]
    pub max_uses: Option<Uses>,
    /// Never expires if absent.
    pub expires_at: Option<Timestamp>,
}

impl Input for NewInvite {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (note, max_uses) = (fields.optional("note"), fields.optional("max_uses"));
        let expires_at = fields.optional("expires_at");
        Some(Self { note: note?, max_uses: max_uses?, expires_at: expires_at? })
    }
}

/// 1 to 100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uses(pub i32);

impl Field for Uses {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let uses = i64::parse(value)?;
        match i32::try_from(uses) {
            Ok(uses @ 1..=100_000) => Ok(Self(uses)),
            _ => Err(Flaw::new("range", "must be 1 to 100000")),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Invite {
    pub id: InviteId,
    pub note: Option<String>,
    pub created_by: UserId,
    pub max_uses: Option<i32>,
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A new invitation with its code.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewInvited {
    #[serde(flatten)]
    pub invite: Invite,
    /// Sent as `invite` when registering. Shown only here.
    #[schema(example = "q0Jm3vXk2cYwzN1sT5bq7g")]
    pub code: String,
}

/// `{username, email, password_hash, display_name?, email_verified?, created_at?}`: a user of another system.
#[derive(Debug, Clone)]
pub struct NewImport {
    pub username: Username,
    pub email: Email,
    /// As the other system stored it.
    pub password_hash: String,
    pub display_name: Option<DisplayName>,
    pub email_verified: bool,
    pub created_at: Option<Timestamp>,
}

impl Input for NewImport {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (username, email) = (fields.required("username"), fields.required("email"));
        let password_hash = fields.required::<Opaque>("password_hash");
        let (display_name, created_at) = (fields.optional("display_name"), fields.optional("created_at"));
        let email_verified = fields.optional("email_verified");
        Some(Self {
            username: username?,
            email: email?,
            password_hash: password_hash?.0,
            display_name: display_name?,
            email_verified: email_verified?.unwrap_or(false),
            created_at: created_at?,
        })
    }
}

/// The result of importing one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    Made,
    WasHere,
    /// The reason, in a few words.
    Refused(&'static str),
}
