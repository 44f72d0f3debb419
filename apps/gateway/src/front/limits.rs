//! Rate limits, and the headers that report them (draft-ietf-httpapi-ratelimit-headers-10, and the older
//! `X-RateLimit-*`).

use std::{
    convert::Infallible,
    fmt,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use async_trait::async_trait;
use clowder_core::{Actor, ApiKeyId, UserId, Via, ctx::place};
use clowder_infra::worker_pool::fair::Caller;
use governor::{
    InsufficientCapacity, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{
        StateStore,
        keyed::{DashMapStateStore, ShrinkableKeyedStateStore},
    },
};

use crate::{
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

/// Counts calls over HTTP and sockets together. A single server counts in its own process; a cluster would count in one
/// place.
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

/// The usage of all callers, spread over shards with a lock each.
#[derive(Clone, Default)]
struct Used(Arc<DashMapStateStore<Key>>);

impl StateStore for Used {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.measure_and_replace(key, measure)
    }
}

impl ShrinkableKeyedStateStore<Key> for Used {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        self.0.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A read-only view: measures usage without changing it.
struct Seen(Used);

impl StateStore for Seen {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // Without usage there is no entry.
        if !self.0.0.contains_key(key) {
            return measure(None).map(|(value, _)| value);
        }
        let measured = self.0.measure_and_replace(key, |used| Err::<(Infallible, _), _>(measure(used)));
        match measured {
            Ok(never) => match never {},
            Err(measured) => measured.map(|(value, _)| value),
        }
    }
}

type Limiter<S> = RateLimiter<Key, S, DefaultClock, StateInformationMiddleware>;

/// One policy.
struct Budget {
    taking: Limiter<Used>,
    looking: Limiter<Seen>,
    used: Used,
    /// The time in which one unit is refilled.
    period: Duration,
}

impl Budget {
    fn new(policy: Policy, factor: f64, clock: &DefaultClock) -> Self {
        let amount = (policy.per_minute() * factor).clamp(1.0, 1_000_000_000.0) as u32;
        let amount = NonZeroU32::new(amount).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(amount.get() / BURST).unwrap_or(NonZeroU32::MIN);
        let period = MINUTE / amount.get();
        let quota = Quota::with_period(period).unwrap_or(Quota::per_minute(amount)).allow_burst(burst);
        let used = Used::default();
        Self {
            looking: RateLimiter::new(quota, Seen(used.clone()), clock.clone()),
            taking: RateLimiter::new(quota, used.clone(), clock.clone()),
            used,
            period,
        }
    }
}

/// The generic cell rate algorithm (ITU-T I.371), in the memory of this process.
pub struct LocalLimits {
    default: Budget,
    auth: Budget,
    api_key: Budget,
    clock: DefaultClock,
}

impl LocalLimits {
    /// A larger `factor` allows more.
    pub fn new(factor: f64) -> Self {
        let clock = DefaultClock::default();
        let budget = |policy| Budget::new(policy, factor, &clock);
        Self { default: budget(Policy::Default), auth: budget(Policy::Auth), api_key: budget(Policy::ApiKey), clock }
    }

    fn budget(&self, policy: Policy) -> &Budget {
        match policy {
            Policy::Default => &self.default,
            Policy::Auth => &self.auth,
            Policy::ApiKey => &self.api_key,
        }
    }
}

#[async_trait]
impl Limits for LocalLimits {
    async fn take(&self, policy: Policy, key: Key, units: u32) -> Left {
        let limiter = &self.budget(policy).taking;
        let units = NonZeroU32::new(units).unwrap_or(NonZeroU32::MIN);
        let (units, taken) = match limiter.check_key_n(&key, units) {
            Ok(taken) => (units, taken),
            // A cost above the burst is allowed if nothing else was used.
            Err(InsufficientCapacity(burst)) => {
                let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
                (burst, limiter.check_key_n(&key, burst).unwrap_or_else(|_| limiter.check_key(&key)))
            }
        };
        let (quota, remaining, retry_after) = match taken {
            Ok(state) => (state.quota(), state.remaining_burst_capacity(), None),
            Err(not_yet) => {
                let (wait, quota) = (not_yet.wait_time_from(self.clock.now()), not_yet.quota());
                // The units that come back in that time; the rest is available.
                let missing = wait.as_nanos().div_ceil(quota.replenish_interval().as_nanos().max(1));
                let there = u128::from(units.get()).saturating_sub(missing) as u32;
                (quota, there, Some(seconds(wait).max(1)))
            }
        };
        left(policy, key, quota, remaining, retry_after)
    }

    async fn owe(&self, policy: Policy, key: Key, units: u32) -> Left {
        let Budget { taking, used, period, .. } = self.budget(policy);
        // Taking a unit brings the stored state up to the present.
        let owed = match taking.check_key(&key) {
            Ok(_) => units.saturating_sub(1),
            Err(not_yet) if not_yet.wait_time_from(self.clock.now()) < MINUTE => units,
            Err(_) => 0,
        };
        let more = Nanos::from(*period) * u64::from(owed);
        let add = |until: Option<Nanos>| Ok::<_, Infallible>(((), until.unwrap_or_else(|| Nanos::new(0)) + more));
        match used.measure_and_replace(&key, add) {
            Ok(()) => self.look(policy, key).await,
            Err(never) => match never {},
        }
    }

    async fn look(&self, policy: Policy, key: Key) -> Left {
        match self.budget(policy).looking.check_key(&key) {
            // This reports what would be left after taking one unit.
            Ok(state) => left(policy, key, state.quota(), state.remaining_burst_capacity() + 1, None),
            Err(not_yet) => left(policy, key, not_yet.quota(), 0, None),
        }
    }

    async fn sweep(&self) {
        for budget in [&self.default, &self.auth, &self.api_key] {
            budget.taking.retain_recent();
            budget.taking.shrink_to_fit();
        }
    }
}

fn left(policy: Policy, key: Key, quota: Quota, remaining: u32, retry_after: Option<u64>) -> Left {
    let limit = quota.burst_size().get();
    let reset = seconds(quota.replenish_interval() * (limit - remaining.min(limit)));
    let window = seconds(quota.replenish_interval() * limit);
    Left { policy, key, limit, window, remaining, reset, retry_after }
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
mod tests {
    use clowder_core::{Id, Role, Timestamp};

    use super::*;

    fn key(last: u8) -> Key {
        Key::new(Policy::Auth, Actor::Nobody, Some(IpAddr::from([192, 0, 2, last])))
    }

    #[actix_web::test]
    async fn a_third_of_a_minute_is_there_at_once_and_no_more() {
        let limits = LocalLimits::new(0.3);
        for left in [2, 1, 0] {
            let state = limits.take(Policy::Auth, key(1), 1).await;
            assert_eq!((state.limit, state.window, state.remaining, state.retry_after), (3, 20, left, None));
        }
        let refused = limits.take(Policy::Auth, key(1), 1).await;
        assert_eq!((refused.remaining, refused.retry_after, refused.reset), (0, Some(7), 20));
        assert_eq!(limits.take(Policy::Auth, key(2), 1).await.remaining, 2, "another address has its own");
        assert_eq!(limits.take(Policy::Default, key(1), 1).await.remaining, 299, "another policy counts apart");
    }

    #[actix_web::test]
    async fn what_costs_more_takes_more_or_nothing() {
        let limits = LocalLimits::new(0.1);
        assert_eq!(limits.take(Policy::Default, key(1), 60).await.remaining, 40);
        let refused = limits.take(Policy::Default, key(1), 60).await;
        assert!(refused.retry_after.is_some_and(|seconds| (3..=4).contains(&seconds)), "{refused:?}");
        assert_eq!(refused.remaining, 40, "who was refused still has what was left");
        assert_eq!(limits.take(Policy::Default, key(1), 40).await.remaining, 0, "who was refused paid nothing");
        let all = limits.take(Policy::Default, key(2), 5_000).await;
        assert_eq!((all.remaining, all.retry_after), (0, None), "more than can ever be there is all that there is");
    }

    #[actix_web::test]
    async fn what_was_done_is_paid_even_if_too_little_is_left() {
        let limits = LocalLimits::new(0.1);
        assert_eq!(limits.take(Policy::Default, key(1), 95).await.remaining, 5);
        assert_eq!(limits.owe(Policy::Default, key(1), 3).await.remaining, 2);
        assert_eq!(limits.owe(Policy::Default, key(1), 27).await.remaining, 0);
        let wait = limits.take(Policy::Default, key(1), 1).await.retry_after;
        assert!(wait.is_some_and(|seconds| (5..=6).contains(&seconds)), "25 units are owed: {wait:?}");
        for _ in 0..100 {
            limits.owe(Policy::Default, key(1), 50).await;
        }
        let wait = limits.take(Policy::Default, key(1), 1).await.retry_after;
        assert!(wait.is_some_and(|seconds| (60..=71).contains(&seconds)), "{wait:?}");
    }

    #[actix_web::test]
    async fn looking_takes_nothing() {
        let limits = LocalLimits::new(0.3);
        let looked = |left: Left| (left.limit, left.remaining, left.reset, left.retry_after);
        assert_eq!(looked(limits.look(Policy::Auth, key(1)).await), (3, 3, 0, None));
        assert_eq!(limits.auth.taking.len(), 0, "looking leaves no trace");
        for there in [3, 2, 1, 0] {
            for _ in 0..2 {
                assert_eq!(limits.look(Policy::Auth, key(1)).await.remaining, there);
            }
            limits.take(Policy::Auth, key(1), 1).await;
        }
    }

    #[actix_web::test]
    async fn a_refusal_names_the_limit() {
        let now = Timestamp::from_micros(1);
        let user = |via| Actor::User { id: Id::new(now), via, role: Role::User };
        let (person, program) = (user(Via::Session(Id::new(now))), user(Via::Key(Id::new(now))));
        let limits = LocalLimits::new(1e-9);
        for (policy, actor, whose) in [
            (Policy::Default, person, "of this account was"),
            (Policy::Default, program, "of this API key was"),
            (Policy::Default, Actor::Nobody, "of this address for clients that are not signed in was"),
            (Policy::Auth, person, "of this address for signing up, signing in and managing credentials was"),
        ] {
            let policy = policy.of(actor);
            let key = Key::new(policy, actor, Some(IpAddr::from([192, 0, 2, 1])));
            limits.take(policy, key, 1).await.allowed().unwrap();
            let problem = limits.take(policy, key, 1).await.allowed().unwrap_err();
            let detail = problem.detail.as_deref().unwrap();
            assert!(detail.contains(whose) && detail.contains("1 units at once"), "{detail}");
            assert!(detail.ends_with("Try again in 60 seconds."), "{detail}");
        }
    }

    #[test]
    fn units_table() {
        for (rows, cost) in [(0, 1), (1, 1), (25, 1), (26, 2), (500, 20), (usize::MAX, u32::MAX)] {
            assert_eq!(units(rows), cost, "{rows}");
        }
    }

    #[actix_web::test]
    async fn the_headers_say_what_holds() {
        for (policy, said) in [
            (Policy::Default, "\"default\";q=1000;w=20"),
            (Policy::Auth, "\"auth\";q=10;w=20"),
            (Policy::ApiKey, "\"api_key\";q=400;w=20"),
        ] {
            let mut headers = HeaderMap::new();
            LocalLimits::new(1.0).take(policy, key(1), 1).await.mark(&mut headers);
            assert_eq!(headers.get(RATE_LIMIT_POLICY).unwrap(), said);
            assert_eq!(headers.get(X_RESET).unwrap(), if policy == Policy::Auth { "2" } else { "1" });
        }
    }

    #[actix_web::test]
    async fn the_factor_may_be_huge_or_tiny() {
        let state = LocalLimits::new(1e12).take(Policy::Default, key(1), 1).await;
        assert!(state.limit >= 100_000_000 && state.remaining >= state.limit - 1, "{state:?}");
        let state = LocalLimits::new(1e-9).take(Policy::Default, key(1), 1).await;
        assert_eq!((state.limit, state.window, state.remaining), (1, 60, 0));
    }

    #[actix_web::test]
    async fn a_sweep_keeps_only_who_is_still_counted() {
        let limits = LocalLimits::new(1.0);
        limits.take(Policy::Auth, key(1), 1).await;
        limits.sweep().await;
        assert_eq!(limits.auth.taking.len(), 1);
    }

    #[test]
    fn neighbours_in_one_network_are_one_client() {
        let key = |address: &str| Key::new(Policy::Default, Actor::Nobody, Some(address.parse().unwrap()));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }
}
