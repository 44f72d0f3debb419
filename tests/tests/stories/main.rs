//! What people do, told through the real server on both databases.

#[path = "stories/access.rs"]
mod access;
#[path = "stories/accounts.rs"]
mod accounts;
#[path = "stories/admin.rs"]
mod admin;
#[path = "stories/api_keys.rs"]
mod api_keys;
#[path = "stories/bounds.rs"]
mod bounds;
#[path = "stories/clock.rs"]
mod clock;
#[path = "stories/command_line.rs"]
mod command_line;
#[path = "stories/contention.rs"]
mod contention;
#[path = "stories/contract.rs"]
mod contract;
#[path = "stories/copies.rs"]
mod copies;
#[path = "stories/credentials.rs"]
mod credentials;
#[path = "stories/doctor.rs"]
mod doctor;
#[path = "stories/durability.rs"]
mod durability;
#[path = "stories/failures.rs"]
mod failures;
#[path = "stories/full_disk.rs"]
mod full_disk;
#[path = "stories/limits.rs"]
mod limits;
#[path = "stories/long_lists.rs"]
mod long_lists;
#[path = "stories/mail.rs"]
mod mail;
#[path = "stories/messaging.rs"]
mod messaging;
#[path = "stories/names.rs"]
mod names;
#[path = "stories/operation.rs"]
mod operation;
#[path = "stories/pages_of_others.rs"]
mod pages_of_others;
#[path = "stories/permissions.rs"]
mod permissions;
#[path = "stories/privacy.rs"]
mod privacy;
#[path = "stories/queries.rs"]
mod queries;
#[path = "stories/security.rs"]
mod security;
#[path = "stories/sessions.rs"]
mod sessions;
#[path = "stories/settings.rs"]
mod settings;
#[path = "stories/skew.rs"]
mod skew;
#[path = "stories/standing.rs"]
mod standing;
#[path = "stories/two_factor.rs"]
mod two_factor;
#[path = "stories/wire.rs"]
mod wire;
