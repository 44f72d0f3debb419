//! Inputs about addresses and passwords.

use clowder_core::{Field, Fields, Input, Timestamp, input::string, text::Flaw};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Email, Password};
use crate::policy;

/// The token from an email: it proves that its sender can read the mail of an address.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedToken(String);

impl MailedToken {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for MailedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailedToken(…)")
    }
}

impl Field for MailedToken {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let token = string(value)?.trim().to_owned();
        if (1..=200).contains(&token.len()) {
            Ok(Self(token))
        } else {
            Err(Flaw::new("length", "must have 1 to 200 characters"))
        }
    }
}

/// `{token, password?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"token": "q0Jm3vXk2cYwzN1sT5bq7g"}))]
pub struct Proof {
    #[schema(value_type = String, max_length = 200)]
    pub token: MailedToken,
    /// Required if `REVEAL_TAKEN=false`: the password chosen at sign-up, or that of the account. Otherwise anybody
    /// could sign up with somebody else's address, whose owner then confirms it for them.
    #[schema(value_type = Option<String>, format = "password", max_length = 256)]
    pub password: Option<Password>,
}

impl Input for Proof {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (token, password) = (fields.required("token"), fields.optional("password"));
        Some(Self { token: token?, password: password? })
    }
}

/// `{token}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"token": "q0Jm3vXk2cYwzN1sT5bq7g"}))]
pub struct LinkToken {
    #[schema(value_type = String, max_length = 200)]
    pub token: MailedToken,
}

impl Input for LinkToken {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("token").map(|token| Self { token })
    }
}

/// What the link in an email is for, and which address it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EmailLink {
    pub purpose: LinkPurpose,
    /// The address to confirm, or that of the account whose password is changed.
    pub email: String,
    /// Whether confirming also needs the password (`REVEAL_TAKEN=false`).
    pub needs_password: bool,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// It confirms an address.
    Verify,
    /// It sets a new password.
    Reset,
}

/// `{end_keys?}`
#[derive(Debug, Clone, Copy, Default, utoipa::ToSchema)]
#[schema(example = json!({"end_keys": true}))]
pub struct EndKeys {
    /// Whether to revoke API keys, too; they stay if absent.
    #[schema(value_type = Option<bool>)]
    pub end_keys: bool,
}

impl Input for EndKeys {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional("end_keys").map(|end| Self { end_keys: end.unwrap_or(false) })
    }
}

/// `{email}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"email": "ada@example.org"}))]
pub struct Resend {
    #[schema(value_type = String, format = "email", max_length = 254)]
    pub email: Email,
}

impl Input for Resend {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("email").map(|email| Self { email })
    }
}

/// `{email, password}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"email": "ada@new.example", "password": "correct horse battery"}))]
pub struct ChangeEmail {
    #[schema(value_type = String, format = "email", max_length = 254)]
    pub email: Email,
    /// The current one.
    #[schema(value_type = String, format = "password", max_length = 256)]
    pub password: Password,
}

impl Input for ChangeEmail {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (email, password) = (fields.required("email"), fields.required("password"));
        Some(Self { email: email?, password: password? })
    }
}

/// `{email}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"email": "ada@example.org"}))]
pub struct Forgot {
    #[schema(value_type = String, format = "email", max_length = 254)]
    pub email: Email,
}

impl Input for Forgot {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("email").map(|email| Self { email })
    }
}

/// `{token, new_password}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"token": "q0Jm3vXk2cYwzN1sT5bq7g", "new_password": "staple battery horse"}))]
pub struct ResetPassword {
    #[schema(value_type = String, max_length = 200)]
    pub token: MailedToken,
    /// The same rules as for registering.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 256)]
    pub new_password: Password,
}

impl Input for ResetPassword {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (token, new_password) = (fields.required("token"), new_password(fields));
        Some(Self { token: token?, new_password: new_password? })
    }
}

/// `{current_password, new_password, end_keys?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"current_password": "correct horse battery", "new_password": "staple battery horse"}))]
pub struct ChangePassword {
    #[schema(value_type = String, format = "password", max_length = 256)]
    pub current_password: Password,
    /// The same rules as for registering.
    #[schema(value_type = String, format = "password", min_length = 10, max_length = 256)]
    pub new_password: Password,
    /// Whether to revoke API keys, too; they stay if absent, and the email about the change says how many.
    #[schema(value_type = Option<bool>)]
    pub end_keys: bool,
}

impl Input for ChangePassword {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (current, new) = (fields.required("current_password"), new_password(fields));
        let end_keys = fields.optional("end_keys");
        Some(Self { current_password: current?, new_password: new?, end_keys: end_keys?.unwrap_or(false) })
    }
}

/// Checks a password before it is known whose it is.
fn new_password(fields: &mut Fields) -> Option<Password> {
    let password = fields.required::<Password>("new_password")?;
    match policy::may_use_password(&password, None) {
        Ok(()) => Some(password),
        Err(flaw) => {
            fields.flaw("new_password", flaw);
            None
        }
    }
}
