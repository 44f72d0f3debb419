//! The port of a push service: one try to hand over one thing to one device.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use clowder_core::{Timestamp, Word};
use uuid::Uuid;

use super::{model::Target, payload::Payload};

/// How urgent something is (RFC 8030 §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    Low,
    Normal,
    High,
}

impl Word for Urgency {
    const WHAT: &'static str = "urgency";
    const WORDS: &'static [(&'static str, Self)] =
        &[("low", Self::Low), ("normal", Self::Normal), ("high", Self::High)];
}

/// How many characters a topic has: as many as RFC 8030 §5.4 allows, of base64url.
pub const TOPIC: usize = 32;

/// What is to be told to a device.
#[derive(Debug, Clone)]
pub struct Push {
    /// The same for every try.
    pub id: Uuid,
    pub payload: Payload,
    pub urgency: Urgency,
    /// A later one with the same topic takes the place of one that has not been shown: [`TOPIC`] characters that say nothing
    /// to anybody else.
    pub topic: String,
    /// Then the service gives up.
    pub until: Timestamp,
}

/// The key with which this server proves to push services of browsers that it is the one to which somebody has subscribed
/// (RFC 8292).
#[derive(Clone, PartialEq, Eq)]
pub struct VapidKey {
    /// A scalar of P-256.
    pub secret: [u8; 32],
    /// Its point, uncompressed.
    pub public: [u8; 65],
}

impl fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VapidKey(…)")
    }
}

/// What has become of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The service has taken it.
    Delivered,
    /// The service does not know the device any more.
    Gone,
    /// The service does not take this, and would not take it again. The text is for the log.
    Refused(String),
    /// The service was not reached, or could not take it now; it may have said when to come again.
    Failed { retry_after: Option<Duration>, why: String },
    /// It was not tried: the service has had enough of everybody, or does not answer, or is busy with others of ours.
    Waits(Duration),
}

impl Outcome {
    /// The label of metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::Refused(_) => "refused",
            Self::Failed { .. } => "failed",
            Self::Waits(_) => "waits",
        }
    }
}

/// Hands over. An implementation ends every try within seconds, never follows a redirect, and reads only the beginning of an
/// answer.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Whether this server may call an address that somebody gives as that of their push service.
    fn may_call(&self, endpoint: &str) -> bool;

    async fn send(&self, now: Timestamp, vapid: &VapidKey, target: &Target, push: &Push) -> Outcome;
}
