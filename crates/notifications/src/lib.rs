//! Notifications: what a person is told about what others did, by which channel, and when.
//!
//! A reader of the journal makes them from changes, by one table of rules: who is told, and as what type. What each
//! channel does is decided from facts by [`delivering`]. A notification has no text of people: title and body are made when
//! it is shown, from what its owner may see then.

pub mod delivering;
pub mod kind;
pub mod preferences;
pub mod push;

pub use kind::{Channel, NotificationType, Reason, Stop, TargetType};
pub use preferences::{
    Channels, ChannelsPatch, Defaults, Digest, NotificationPreferences, PreferencesPatch, PushPrivacy, QuietHours,
    TimeOfDay,
};

pub use push::port::PushSubscriptions;

/// The identifier of a notification.
pub enum NotificationKind {}

pub type NotificationId = clowder_core::Id<NotificationKind>;
