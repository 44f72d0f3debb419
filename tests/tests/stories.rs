//! What people do, told through the real server on both databases.

#[path = "stories/accounts.rs"]
mod accounts;
#[path = "stories/admin.rs"]
mod admin;
#[path = "stories/api_keys.rs"]
mod api_keys;
#[path = "stories/command_line.rs"]
mod command_line;
#[path = "stories/contract.rs"]
mod contract;
#[path = "stories/credentials.rs"]
mod credentials;
#[path = "stories/doctor.rs"]
mod doctor;
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
#[path = "stories/permissions.rs"]
mod permissions;
#[path = "stories/privacy.rs"]
mod privacy;
#[path = "stories/security.rs"]
mod security;
#[path = "stories/sessions.rs"]
mod sessions;
#[path = "stories/settings.rs"]
mod settings;
#[path = "stories/standing.rs"]
mod standing;
#[path = "stories/two_factor.rs"]
mod two_factor;
#[path = "stories/wire.rs"]
mod wire;
