//! How often a caller may ask, and the headers that say what is left of it
//! (draft-ietf-httpapi-ratelimit-headers-10, and the older `X-RateLimit-*`).

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use async_trait::async_trait;
use clowder_core::{Actor, ApiKeyId, UserId, Via, ctx::place};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The window of every policy.
const WINDOW: Duration = Duration::from_secs(60);

/// What may be asked how often in a minute, before `RATE_LIMIT_FACTOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everything else: fifty a second, per user or else per address.
    Default,
    /// What can be used to guess secrets: one every two seconds, per address.
    Auth,
    /// What a program asks: twenty a second, per key and apart from what its owner asks.
    ApiKey,
}

impl Policy {
    /// A program is counted by its key wherever its owner would be counted.
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
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    User(UserId),
    Program(ApiKeyId),
    Address(IpAddr),
}

impl Key {
    /// A guard against guessing counts addresses, since whoever guesses is nobody yet. A whole
    /// [`place`] is one client.
    pub fn new(policy: Policy, actor: Actor, address: Option<IpAddr>) -> Self {
        match (policy, actor) {
            (Policy::Default, Actor::User { id, .. }) => Self::User(id),
            (Policy::ApiKey, Actor::User { via: Via::Key(key), .. }) => Self::Program(key),
            _ => Self::Address(address.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), place)),
        }
    }
}

/// What was left after asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub policy: Policy,
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until all of the limit is there again.
    pub reset: u64,
    /// Seconds to wait, when there was nothing left.
    pub retry_after: Option<u64>,
}

/// Counts requests. In process for a lone server; a cluster counts in one place.
#[async_trait]
pub trait Limits: Send + Sync {
    async fn take(&self, policy: Policy, key: Key) -> Left;

    /// Forgets who has all of the limit again, so that a flood of addresses cannot fill the memory.
    async fn sweep(&self);
}

type Limiter = RateLimiter<Key, HashMapStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// The generic cell rate algorithm (ITU-T I.371), in the memory of this process.
pub struct LocalLimits {
    default: Limiter,
    auth: Limiter,
    api_key: Limiter,
    clock: DefaultClock,
}

impl LocalLimits {
    /// A larger `factor` is laxer.
    pub fn new(factor: f64) -> Self {
        let limiter = |policy: Policy| {
            let amount = (policy.per_minute() * factor).clamp(1.0, 1_000_000_000.0) as u32;
            let amount = NonZeroU32::new(amount).unwrap_or(NonZeroU32::MIN);
            let period = WINDOW / amount.get();
            let quota = Quota::with_period(period).unwrap_or(Quota::per_minute(amount)).allow_burst(amount);
            RateLimiter::hashmap(quota).with_middleware::<StateInformationMiddleware>()
        };
        Self {
            default: limiter(Policy::Default),
            auth: limiter(Policy::Auth),
            api_key: limiter(Policy::ApiKey),
            clock: DefaultClock::default(),
        }
    }

    fn limiter(&self, policy: Policy) -> &Limiter {
        match policy {
            Policy::Default => &self.default,
            Policy::Auth => &self.auth,
            Policy::ApiKey => &self.api_key,
        }
    }
}

#[async_trait]
impl Limits for LocalLimits {
    async fn take(&self, policy: Policy, key: Key) -> Left {
        let limiter = self.limiter(policy);
        let (quota, remaining, retry_after) = match limiter.check_key(&key) {
            Ok(state) => (state.quota(), state.remaining_burst_capacity(), None),
            Err(not_yet) => {
                let wait = not_yet.wait_time_from(self.clock.now());
                (not_yet.quota(), 0, Some(seconds(wait).max(1)))
            }
        };
        let limit = quota.burst_size().get();
        let reset = seconds(quota.replenish_interval() * (limit - remaining.min(limit)));
        Left { policy, limit, remaining, reset, retry_after }
    }

    async fn sweep(&self) {
        for limiter in [&self.default, &self.auth, &self.api_key] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// Rounded up: who waits that long has waited long enough.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl Left {
    pub fn mark(&self, answer: &mut HeaderMap) {
        let name = self.policy.name();
        let texts = [
            (RATE_LIMIT, format!("\"{name}\";r={};t={}", self.remaining, self.reset)),
            (RATE_LIMIT_POLICY, format!("\"{name}\";q={};w={}", self.limit, WINDOW.as_secs())),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: u8) -> Key {
        Key::new(Policy::Auth, Actor::Nobody, Some(IpAddr::from([192, 0, 2, last])))
    }

    #[actix_web::test]
    async fn a_burst_is_allowed_and_no_more() {
        let limits = LocalLimits::new(0.1);
        for left in [2, 1, 0] {
            let state = limits.take(Policy::Auth, key(1)).await;
            assert_eq!((state.limit, state.remaining, state.retry_after), (3, left, None));
        }
        let refused = limits.take(Policy::Auth, key(1)).await;
        assert_eq!((refused.remaining, refused.retry_after, refused.reset), (0, Some(20), 60));
        assert_eq!(limits.take(Policy::Auth, key(2)).await.remaining, 2, "another address has its own");
        assert_eq!(limits.take(Policy::Default, key(1)).await.remaining, 299, "another policy counts apart");
    }

    #[actix_web::test]
    async fn the_factor_may_be_huge() {
        let state = LocalLimits::new(1e12).take(Policy::Default, key(1)).await;
        assert!(state.limit >= 100_000_000 && state.remaining >= state.limit - 1, "{state:?}");
    }

    #[actix_web::test]
    async fn a_sweep_keeps_only_who_is_still_counted() {
        let limits = LocalLimits::new(1.0);
        limits.take(Policy::Auth, key(1)).await;
        limits.sweep().await;
        assert_eq!(limits.auth.len(), 1);
    }

    #[test]
    fn neighbours_in_one_network_are_one_client() {
        let key = |address: &str| Key::new(Policy::Default, Actor::Nobody, Some(address.parse().unwrap()));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }
}
