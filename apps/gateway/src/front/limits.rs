//! Rate limits, and the headers that report them (draft-ietf-httpapi-ratelimit-headers-10, and the older
//! `X-RateLimit-*`).

mod local;
mod redis;

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use async_trait::async_trait;
use clowder_core::{Actor, ApiKeyId, Result, UserId, Via, ctx::place};
use clowder_infra::{
    DatabaseUrl, Store,
    counting::Counting,
    rates::{Rate, SharedRates},
    worker_pool::fair::Caller,
};

pub use self::{local::LocalLimits, redis::RedisLimits};

use crate::{
    config::Config,
    problem::{Answer, Problem},
    refusals,
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The unit of the limits.
const MINUTE: Duration = Duration::from_secs(60);
/// The share of a minute's units that may be used at once.
const BURST: u32 = 3;
/// How many rows one unit writes.
const ROWS_PER_UNIT: usize = 25;

/// The cost of a call that writes this many rows.
pub fn units(rows: usize) -> u32 {
    u32::try_from(rows.div_ceil(ROWS_PER_UNIT)).unwrap_or(u32::MAX).max(1)
}

/// The units per minute of each limit, before `RATE_LIMIT_FACTOR`. A third may be used at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everything else: fifty a second, per user or else per address.
    Default,
    /// Calls that could guess secrets: one every two seconds, per address.
    Auth,
    /// Calls of a program: twenty a second, per key and separate from those of its owner.
    ApiKey,
}

impl Policy {
    /// A program counts by its key wherever its owner would count.
    pub const fn of(self, actor: Actor) -> Self {
        match (self, actor) {
            (Self::Default, Actor::User { via: Via::Key(_), .. }) => Self::ApiKey,
            _ => self,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Auth => "auth",
            Self::ApiKey => "api_key",
        }
    }

    const fn per_minute(self) -> f64 {
        match self {
            Self::Default => 3_000.0,
            Self::Auth => 30.0,
            Self::ApiKey => 1_200.0,
        }
    }

    /// A larger `factor` allows more.
    fn rate(self, factor: f64) -> Rate {
        let amount = (self.per_minute() * factor).clamp(1.0, 1_000_000_000.0) as u32;
        Rate { period: MINUTE / amount, burst: NonZeroU32::new(amount / BURST).unwrap_or(NonZeroU32::MIN) }
    }
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    User(UserId),
    Program(ApiKeyId),
    Address(IpAddr),
}

/// Callers that are counted together wait together.
impl From<Key> for Caller {
    fn from(key: Key) -> Self {
        match key {
            Key::User(id) => Self::User(id),
            Key::Program(id) => Self::Program(id),
            Key::Address(address) => Self::Address(address),
        }
    }
}

impl Key {
    /// Limits on guessing count by address, since guessers are not authenticated. A whole [`place`] is one client.
    pub fn new(policy: Policy, actor: Actor, address: Option<IpAddr>) -> Self {
        match (policy, actor) {
            (Policy::Default, Actor::User { id, .. }) => Self::User(id),
            (Policy::ApiKey, Actor::User { via: Via::Key(key), .. }) => Self::Program(key),
            _ => Self::Address(address.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), place)),
        }
    }
}

/// The state of a limit after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub policy: Policy,
    /// Whose limit it is.
    pub key: Key,
    /// The maximum that can be used at once.
    pub limit: u32,
    /// Seconds until that much is available again.
    pub window: u64,
    pub remaining: u32,
    /// Seconds until the whole limit is available again.
    pub reset: u64,
    /// Seconds to wait if there was nothing left.
    pub retry_after: Option<u64>,
}

/// Counts calls over HTTP and sockets together. A single server counts in its own process, a cluster in its Redis.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Takes all of these units, or none if there are not enough. A cost above the whole limit takes all of it.
    async fn take(&self, policy: Policy, key: Key, units: u32) -> Left;

    /// Takes units for work that is already done: what is missing is owed, and must be refilled before the next call.
    /// Nobody owes more than a minute's units.
    async fn owe(&self, policy: Policy, key: Key, units: u32) -> Left;

    /// How many units are available, without taking any.
    async fn look(&self, policy: Policy, key: Key) -> Left;

    /// Removes the entries whose limit is full again, so that many addresses cannot fill the memory.
    async fn sweep(&self);
}

/// Nodes over one database count together if they have a Redis. An embedded database has no other nodes.
pub fn counting_of(config: &Config, store: &Store) -> Result<Option<Arc<Counting>>> {
    match config.redis.address() {
        Some(url) if !DatabaseUrl::parse(&config.database_url())?.is_embedded() => {
            Ok(Some(Arc::new(Counting::start(url, &store.keys, RedisLimits::PATIENCE)?)))
        }
        _ => Ok(None),
    }
}

/// Of one node alone, or of all that count together.
pub fn limits_of(config: &Config, counting: Option<&Arc<Counting>>) -> Arc<dyn Limits> {
    let factor = config.server.rate_limit_factor;
    match counting {
        Some(counting) => Arc::new(RedisLimits::new(SharedRates::new(Arc::clone(counting)), factor)),
        None => Arc::new(LocalLimits::new(factor)),
    }
}

/// What the caller learns if this many units are available.
fn left(policy: Policy, key: Key, rate: Rate, remaining: u32, retry_after: Option<u64>) -> Left {
    let limit = rate.burst.get();
    let reset = seconds(rate.period * (limit - remaining.min(limit)));
    Left { policy, key, limit, window: seconds(rate.period * limit), remaining, reset, retry_after }
}

/// The same if `units` are available only after this time.
fn refused(policy: Policy, key: Key, rate: Rate, units: u32, wait: Duration) -> Left {
    // The units that come back in that time; the rest is available.
    let missing = wait.as_nanos().div_ceil(rate.period.as_nanos().max(1));
    let there = u128::from(units).saturating_sub(missing) as u32;
    left(policy, key, rate, there, Some(seconds(wait).max(1)))
}

/// Rounded up, so that waiting this long is always enough.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl Left {
    /// The refusal when too little is left.
    pub fn allowed(&self) -> Answer<()> {
        match self.retry_after {
            Some(seconds) => Err(Problem::too_many(refusals::TOO_MANY, self, seconds)),
            None => Ok(()),
        }
    }

    pub fn mark(&self, answer: &mut HeaderMap) {
        let name = self.policy.name();
        let texts = [
            (RATE_LIMIT, format!("\"{name}\";r={};t={}", self.remaining, self.reset)),
            (RATE_LIMIT_POLICY, format!("\"{name}\";q={};w={}", self.limit, self.window)),
        ];
        for (header, text) in texts {
            if let Ok(value) = HeaderValue::try_from(text) {
                answer.insert(header, value);
            }
        }
        answer.insert(X_LIMIT, self.limit.into());
        answer.insert(X_REMAINING, self.remaining.into());
        answer.insert(X_RESET, self.reset.into());
    }
}

/// Names the limit that was reached.
impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match (self.policy, self.key) {
            (Policy::Auth, _) => "this address for signing up, signing in and managing credentials",
            (_, Key::User(_)) => "this account",
            (_, Key::Program(_)) => "this API key",
            (_, Key::Address(_)) => "this address for clients that are not signed in",
        };
        let Self { limit, window, .. } = self;
        write!(f, "The rate limit of {whose} was reached: {limit} units at once, refilled within {window} s")
    }
}

#[cfg(test)]
mod tests;
