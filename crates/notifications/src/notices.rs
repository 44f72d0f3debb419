//! What an implementation of mail of notifications must guarantee; its rules are in [`crate::mail`].

pub mod port;

pub use port::{MailStatus, Notices};
