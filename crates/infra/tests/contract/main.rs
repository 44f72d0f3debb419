//! What the ports guarantee, tested once on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may be blunt")]

mod accounts;
mod activity;
mod api_keys;
mod asked;
mod audit;
mod blocks;
mod clock;
mod contention;
mod copies;
mod credentials;
mod domains;
mod epoch;
mod exports;
mod faults;
mod following;
mod friends;
mod given_names;
mod groups;
mod guessing;
mod hidden;
mod idempotency;
mod jobs;
mod journal;
mod lists;
mod locks;
mod mail;
mod messaging;
mod pages;
mod partitions;
mod people;
mod pets;
mod preferences;
mod presence;
mod privacy;
mod profiles;
mod readers;
mod reading;
mod registry;
mod replaying;
mod reports;
mod schema;
#[path = "../../../../tests/src/scribe.rs"]
mod scribe;
mod sealing;
mod send;
mod sign_ups;
mod staff;
mod stress;
mod two_factor;
mod upgrades;
mod upkeep;
mod world;
