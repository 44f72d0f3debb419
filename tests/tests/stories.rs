//! What people do, told through the real server on both databases.

#[path = "stories/accounts.rs"]
mod accounts;
#[path = "stories/contract.rs"]
mod contract;
#[path = "stories/credentials.rs"]
mod credentials;
#[path = "stories/durability.rs"]
mod durability;
#[path = "stories/limits.rs"]
mod limits;
#[path = "stories/mail.rs"]
mod mail;
#[path = "stories/messaging.rs"]
mod messaging;
#[path = "stories/operation.rs"]
mod operation;
#[path = "stories/privacy.rs"]
mod privacy;
#[path = "stories/security.rs"]
mod security;
#[path = "stories/sessions.rs"]
mod sessions;
#[path = "stories/settings.rs"]
mod settings;
#[path = "stories/two_factor.rs"]
mod two_factor;
#[path = "stories/wire.rs"]
mod wire;
