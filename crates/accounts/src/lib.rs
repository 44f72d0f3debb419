//! Accounts: who somebody is, and how they prove it.
//!
//! A person registers with a username, an address and a password, and is signed in by it.
//! Signing in opens a session, one per device. A session hands out short access tokens and one refresh token at
//! a time; using a refresh token gives its successor. A client that lost the answer may ask again within a short
//! grace and gets the same successor; anybody who comes later with a used token ends the session, because two
//! parties hold what only one should. An ended session is refused at once, everywhere.
//!
//! An account has a role, which gives it permissions, and may be suspended: then it can do nothing but read why.
//! Programs act for a user by API keys, each good for a few scopes.
//!
//! The rules are in [`policy`] and in one file per family of use cases; what they refuse is in [`refusals`];
//! what an implementation must keep is written on [`Accounts`].

pub mod api_keys;
pub mod audit;
pub mod change;
pub mod model;
pub mod permissions;
pub mod policy;
pub mod port;
pub mod privacy;
pub mod refresh;
pub mod refusals;
pub mod reserved;
pub mod scopes;
pub mod sign_up;
pub mod standing;
pub mod throttle;
pub mod two_factor;

pub use audit::{AuditFilter, AuditRecord, SecurityEvent};
pub use change::Change;
pub use model::{
    Account, AccountFilter, ApiKey, Email, IssuedKey, Login, NewAccount, NewApiKey, NewRole, NewSuspension, Own,
    Password, ProfilePatch, RefreshToken, Registration, Session, SessionPatch, SignedIn, Ticket, Username,
};
pub use port::{Accounts, ApiKeys, AuditLog, Credentials, Identity, Preferences, Privacy, SignUps, Staff, TwoFactor};
pub use standing::{Standing, Suspension};
