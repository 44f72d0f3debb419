//! Notifications: what a person is told about what others did, by which channel, and when.

pub mod kind;
pub mod mail;

pub use kind::{Channel, NotificationType, Reason, Stop, TargetType};

/// The identifier of a notification.
pub enum NotificationKind {}

pub type NotificationId = clowder_core::Id<NotificationKind>;
