//! What the port of the store promises, of both stores: a folder, and a bucket of a real server of S3. And the virus scanner.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod both;
mod clamd;
mod contract;
mod crashes;
mod faults;
mod memory;
mod signed;
mod stores;
