//! The types of accounts; each has the same shape when stored, sent and answered.

mod api_keys;
mod credentials;
mod details;
mod input;
mod look_alikes;
mod privacy;
mod settings;
mod sign_ups;
mod staff;
mod values;

pub use api_keys::{ApiKey, IssuedKey, NewApiKey};
pub use credentials::{
    ChangeEmail, ChangePassword, EmailLink, EndKeys, Forgot, LinkPurpose, LinkToken, MailedToken, Proof, Resend,
    ResetPassword,
};
pub use details::{Line, Link, MOST_LINKS, NewLink, Until, WebAddress};
pub use input::{DisplayName, Login, LoginName, NewAccount, Note, ProfilePatch, SessionPatch};
pub use look_alikes::{
    LOOK_VERSION, key_of as username_key, plain_of as username_plain, skeletons_of as username_skeletons,
};
pub use privacy::{Content, Download, Erasing, Erasure, Export, ExportId, ExportStatus, Fate, Receipt};
pub use settings::{
    About, Audience, FirstWriters, Language, Notifications, NotificationsPatch, Privacy, PrivacyPatch, Settings,
    SettingsPatch, Theme,
};
pub use sign_ups::{Imported, Invite, InviteId, NewImport, NewInvite, NewInvited, Rejection, SignUp, SignUpId, Uses};
pub use staff::{Account, AccountFilter, NewRole, NewSuspension, Reason, ResetLink, Status};
pub use values::{Email, Password, RefreshToken, Username};

use clowder_core::{Card, Friendship, Picture, Presence, Role, SessionId, Timestamp, UserId, Visibility};
use serde::{Deserialize, Serialize};

use crate::{profiles::User, standing::Suspension};

/// A user as they see themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Own {
    pub id: UserId,
    #[schema(example = "ada")]
    pub username: String,
    #[schema(example = "Ada Lovelace")]
    pub display_name: String,
    pub bio: Option<String>,
    pub status_text: Option<String>,
    /// When the status text ends by itself.
    #[serde(default)]
    #[schema(required = true)]
    pub status_until: Option<Timestamp>,
    #[serde(default)]
    #[schema(required = true)]
    pub pronouns: Option<String>,
    #[serde(default)]
    #[schema(required = true)]
    pub location: Option<String>,
    #[serde(default)]
    #[schema(required = true, max_items = 5)]
    pub links: Vec<Link>,
    /// What administrators put on the profile, in alphabetical order.
    #[serde(default)]
    #[schema(required = true, max_items = 10)]
    pub badges: Vec<String>,
    #[schema(example = "ada@example.org")]
    pub email: String,
    pub email_verified: bool,
    pub role: Role,
    /// Whether signing in needs a code besides the password.
    #[serde(default)]
    #[schema(required = true)]
    pub two_factor: bool,
    /// Who may see the profile: everybody, friends (others see only the name), or nobody.
    pub visibility: Visibility,
    /// `null` for somebody without a picture.
    #[serde(default)]
    #[schema(required = true)]
    pub avatar: Option<Picture>,
    /// The wide picture of the profile.
    #[serde(default)]
    #[schema(required = true)]
    pub cover: Option<Picture>,
    /// What others see of your presence now. This and the next members are known to `/api/users/me`; everywhere else they
    /// are `null`.
    #[serde(default)]
    #[schema(required = true)]
    pub presence: Option<Presence>,
    /// When you were last online, as others see it.
    #[serde(default)]
    #[schema(required = true)]
    pub last_seen_at: Option<Timestamp>,
    /// Always `null`: nobody is their own friend.
    #[serde(default)]
    #[schema(required = true)]
    pub friendship: Option<Friendship>,
    /// How many friends you have.
    #[serde(default)]
    #[schema(required = true, minimum = 0)]
    pub friends_count: Option<i64>,
    /// How many pets you own or co-own.
    #[serde(default)]
    #[schema(required = true, minimum = 0)]
    pub pets_count: Option<i64>,
    /// When the account is due to be erased at its owner's request; they can cancel it until then.
    #[serde(default)]
    pub erase_at: Option<Timestamp>,
    /// Why the account is suspended; `null` if it is not.
    pub suspension: Option<Suspension>,
    pub created_at: Timestamp,
    /// Starts at 1 and grows by one with each change; also the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
}

impl Own {
    /// The profile at that time: a suspension and a status text end by themselves.
    pub fn at(mut self, now: Timestamp) -> Self {
        if self.status_until.is_some_and(|until| until <= now) {
            (self.status_text, self.status_until) = (None, None);
        }
        self.suspension = self.suspension.filter(|suspension| suspension.holds(now));
        self
    }

    /// With what is read of the profile as its owner sees it.
    pub fn with(self, seen: &User) -> Self {
        let User { presence, last_seen_at, friends_count, pets_count, .. } = *seen;
        Self { presence, last_seen_at, friends_count, pets_count, ..self }
    }

    pub fn card(&self) -> Card {
        Card { avatar: self.avatar, ..Card::new(self.id, self.username.clone(), self.display_name.clone()) }
    }
}

/// The answer to signing in.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SignedIn {
    /// A JWT (RFC 7519), sent back as `Authorization: Bearer …`.
    pub access: String,
    /// Opaque; can be used once.
    pub refresh: String,
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    pub expires_in: u64,
    pub user: Own,
}

/// The result of a registration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Registration {
    SignedIn(Box<SignedIn>),
    /// The account is created when `next` has been done.
    Waiting(Waiting),
}

impl Registration {
    /// The tokens, unless something has to happen first.
    pub fn signed_in(self) -> Option<SignedIn> {
        match self {
            Self::SignedIn(signed_in) => Some(*signed_in),
            Self::Waiting(_) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Waiting {
    pub next: NextStep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// An email has been sent: follow its link, then sign in.
    ConfirmEmail,
    /// Somebody has to approve the account; you will get an email.
    AwaitApproval,
}

/// A ticket for a socket, for clients that cannot set headers.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ticket {
    /// Valid for one socket, as `?ticket=`.
    pub ticket: String,
    /// Seconds until it expires.
    #[schema(example = 30)]
    pub expires_in: u64,
}

/// One device of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    pub id: SessionId,
    /// What the user calls the device.
    #[schema(example = "kitchen tablet")]
    pub name: Option<String>,
    /// The `User-Agent` at sign-in.
    pub agent: Option<String>,
    /// The most recent address.
    #[schema(example = "192.0.2.7")]
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether it is the calling session.
    pub current: bool,
}
