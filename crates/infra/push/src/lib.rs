//! Push services: what is sent to them, encrypted and signed as each demands. All calls go through safe egress.

mod apns;
mod encryption;
mod fcm;
mod judging;
mod pem;
mod services;
mod token;
mod vapid;
mod web;

pub use apns::ApnsKey;
pub use encryption::{Ephemeral, encrypt};
pub use fcm::ServiceAccount;
pub use services::{ApnsSetup, FcmSetup, Services, Setup};
pub use vapid::new_key;
