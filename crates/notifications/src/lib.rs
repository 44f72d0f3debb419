//! Notifications: what a person is told about what others did, by which channel, and when.

pub mod webhooks;

pub use webhooks::port::Webhooks;
