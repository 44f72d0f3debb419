//! Notifications: what a person is told about what others did, by which channel, and when.
//!
//! A reader of the journal makes them from changes, by the table in [`rules`]: who is told, and as what type. What each
//! channel does is decided from facts by [`delivering`]. A notification has no text of people: title and body are made from
//! [`wording`] when it is shown, from what its owner may see then.

pub mod change;
pub mod delivering;
pub mod kind;
pub mod mail;
pub mod model;
pub mod notices;
mod port;
pub mod preferences;
pub mod push;
pub mod refusals;
pub mod rules;
pub mod scopes;
pub mod webhooks;
pub mod wording;

pub use change::Change;
pub use kind::{Channel, NotificationType, Reason, Stop, TargetType};
pub use model::{Notification, NotificationFilter, UnreadCount, Until};
pub use port::Notifications;
pub use preferences::{
    Channels, ChannelsPatch, Chosen, Defaults, Digest, NotificationPreferences, PreferencesPatch, PushPrivacy,
    QuietHours, TimeOfDay,
};

pub use push::port::PushSubscriptions;
pub use webhooks::port::Webhooks;

/// The identifier of a notification.
pub type NotificationId = clowder_core::Id<Notification>;
