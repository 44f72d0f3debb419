//! Mail of notifications: what waits becomes one email for each person, or a digest in the morning, and every email can end
//! what it came by with one click.
//!
//! Nothing that people wrote is kept for an email: it is made when it is sent, from what its recipient may see and has not
//! read by then. [`bundle`] decides what goes into an email and when, [`digest`] when the next digest is due, [`bounces`]
//! what a rejected email says about an address, and [`unsubscribe`] what a link in an email ends.

pub mod bounces;
pub mod bundle;
pub mod digest;
pub mod policy;
pub mod refusals;
pub mod unsubscribe;
pub mod wording;

pub use unsubscribe::{Unsubscribe, Unsubscribed};

/// The identifier of an email about notifications.
pub enum NoticeMailKind {}

pub type NoticeMailId = clowder_core::Id<NoticeMailKind>;

/// The identifier of something that waits to be told by mail.
pub enum NoticeKind {}

pub type NoticeId = clowder_core::Id<NoticeKind>;
