//! The documents that describe the API, generated from the table of routes and the wire types.

mod asyncapi;
mod asyncapi_page;
pub mod event_schemas;
pub mod examples;
mod openapi;

pub use asyncapi::asyncapi;
pub use asyncapi_page::asyncapi_page;
pub use openapi::{failures, openapi, patterns};
