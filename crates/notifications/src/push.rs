//! Push: what wakes a device that is not connected. A device subscribes at a push service; the server sends what it has to
//! tell to that service, and the service to the device.
//!
//! Three kinds of services: Web Push (RFC 8030), whose payload only the device can read (RFC 8291), and which also serves
//! UnifiedPush; Firebase (FCM); and Apple's (APNs). The first needs nothing but the server's own key; the others need keys of
//! the operator.

pub mod breaker;
pub mod input;
pub mod model;
pub mod payload;
pub mod policy;
pub mod port;
pub mod refusals;
pub mod sender;
pub mod wording;

pub use input::NewPushSubscription;
pub use model::{Offers, PushKey, PushKind, PushSubscription, PushSubscriptionId, Target, WebTarget};
pub use payload::Payload;
pub use sender::{Outcome, Push, Sender, VapidKey};
