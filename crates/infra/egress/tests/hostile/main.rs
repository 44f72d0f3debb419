//! Places that mean no good, over real sockets of this machine: names that change their address, redirects to the inside,
//! answers without end, floods, and connections that hang.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may be blunt")]

mod bodies;
mod heads;
mod places;
mod proxies;
mod server;
mod sharing;
mod tls;
