//! The documents that describe the server, made from the table of routes and the types of the wire.

mod asyncapi;
mod openapi;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
