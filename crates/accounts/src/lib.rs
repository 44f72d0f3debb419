//! Accounts: identities, and how people prove theirs.
//!
//! A person registers with a username, an address and a password, and is then signed in. Signing in opens a session,
//! one per device. A session issues short-lived access tokens and one refresh token at a time; using a refresh token
//! returns its successor. A client that lost the answer may ask again within a short grace period and gets the same
//! successor; a used token that is presented later ends the session, because two parties hold what only one should. An
//! ended session is refused at once, everywhere.
//!
//! An account has a role, which gives it permissions, and may be suspended: then it can only read the reason. Programs
//! act for a user with API keys, each valid for a few scopes.
//!
//! Others see a person's profile as far as its owner lets them, and find it by name.
//!
//! Everybody has a log of what they did, which nobody else sees.
//!
//! The rules are in [`policy`] and in one file per family of use cases; their refusals are in [`refusals`]; what an
//! implementation must guarantee is documented on [`Accounts`].

pub mod activity;
pub mod api_keys;
pub mod audit;
pub mod badges;
pub mod change;
pub mod model;
pub mod permissions;
pub mod policy;
pub mod port;
pub mod presence;
pub mod privacy;
pub mod profiles;
pub mod refresh;
pub mod refusals;
pub mod reserved;
pub mod scopes;
pub mod sign_up;
pub mod standing;
pub mod throttle;
pub mod two_factor;
pub mod usernames;

pub use activity::Activity;
pub use audit::{AuditFilter, AuditRecord, SecurityEvent};
pub use change::Change;
pub use model::{
    Account, AccountFilter, ApiKey, Email, IssuedKey, Login, NewAccount, NewApiKey, NewRole, NewSuspension, Own,
    Password, ProfilePatch, RefreshToken, Registration, Session, SessionPatch, SignedIn, Ticket, Username,
};
pub use port::{
    Accounts, ActivityLog, ApiKeys, AuditLog, Credentials, Identity, Preferences, Presences, Privacy, Profiles,
    SignUps, Staff, TwoFactor,
};
pub use standing::{Standing, Suspension};
