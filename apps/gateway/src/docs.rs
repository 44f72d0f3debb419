//! The documents that describe the server, made from the table of routes and the types of the wire.

mod asyncapi;
mod asyncapi_page;
pub mod examples;
mod openapi;

pub use asyncapi::asyncapi;
pub use asyncapi_page::asyncapi_page;
pub use openapi::{failures, openapi, patterns};
