//! What the ports promise, once, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may be blunt")]

#[path = "contract/accounts.rs"]
mod accounts;
#[path = "contract/api_keys.rs"]
mod api_keys;
#[path = "contract/asked.rs"]
mod asked;
#[path = "contract/audit.rs"]
mod audit;
#[path = "contract/clock.rs"]
mod clock;
#[path = "contract/contention.rs"]
mod contention;
#[path = "contract/copies.rs"]
mod copies;
#[path = "contract/credentials.rs"]
mod credentials;
#[path = "contract/exports.rs"]
mod exports;
#[path = "contract/faults.rs"]
mod faults;
#[path = "contract/following.rs"]
mod following;
#[path = "contract/given_names.rs"]
mod given_names;
#[path = "contract/guessing.rs"]
mod guessing;
#[path = "contract/idempotency.rs"]
mod idempotency;
#[path = "contract/jobs.rs"]
mod jobs;
#[path = "contract/journal.rs"]
mod journal;
#[path = "contract/lists.rs"]
mod lists;
#[path = "contract/locks.rs"]
mod locks;
#[path = "contract/mail.rs"]
mod mail;
#[path = "contract/messaging.rs"]
mod messaging;
#[path = "contract/pages.rs"]
mod pages;
#[path = "contract/people.rs"]
mod people;
#[path = "contract/preferences.rs"]
mod preferences;
#[path = "contract/privacy.rs"]
mod privacy;
#[path = "contract/reading.rs"]
mod reading;
#[path = "contract/registry.rs"]
mod registry;
#[path = "contract/replaying.rs"]
mod replaying;
#[path = "contract/schema.rs"]
mod schema;
#[path = "../../../tests/src/scribe.rs"]
mod scribe;
#[path = "contract/sealing.rs"]
mod sealing;
#[path = "contract/send.rs"]
mod send;
#[path = "contract/sign_ups.rs"]
mod sign_ups;
#[path = "contract/staff.rs"]
mod staff;
#[path = "contract/stress.rs"]
mod stress;
#[path = "contract/two_factor.rs"]
mod two_factor;
#[path = "contract/upgrades.rs"]
mod upgrades;
#[path = "contract/world.rs"]
mod world;
