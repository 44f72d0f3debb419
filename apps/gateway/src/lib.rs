//! Clowder over HTTP and WebSocket, and nothing else: all rules are in the domain crates, all queries in infra.
//!
//! A request enters at [`front`], which finds its line in the table of [`routes`], knows the caller, counts it and reads
//! its body. A handler of one of the [`domains`] calls one port method. A refusal becomes a [`problem`]. [`app`] puts everything
//! together; [`config`] says how.

pub mod answer;
pub mod app;
pub mod auth;
pub mod call;
pub mod clock;
pub mod config;
mod connections;
pub mod csv;
mod cursor;
pub mod docs;
pub mod domains;
pub mod etag;
pub mod front;
#[cfg(test)]
mod fuzzing;
pub mod grants;
pub mod open_files;
mod page;
mod parse;
pub mod problem;
pub mod public_url;
pub mod query;
mod readers;
pub mod refusals;
pub mod routes;
pub mod stop;
pub mod telemetry;
mod threads;
pub mod upload;
pub mod ws;

// By these names the fuzz targets know what they use.
#[cfg(test)]
extern crate self as clowder_gateway;
#[cfg(test)]
extern crate self as libfuzzer_sys;
