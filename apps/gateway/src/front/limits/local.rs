//! Limits that one process counts for itself.

use std::{convert::Infallible, num::NonZeroU32, sync::Arc};

use async_trait::async_trait;
use clowder_infra::rates::Rate;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{
        StateStore,
        keyed::{DashMapStateStore, ShrinkableKeyedStateStore},
    },
};

use super::{Key, Left, Limits, MINUTE, Policy, left, refused};

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
    rate: Rate,
}

impl Budget {
    fn new(rate: Rate, clock: &DefaultClock) -> Self {
        let quota = Quota::with_period(rate.period).unwrap_or(Quota::per_minute(rate.burst)).allow_burst(rate.burst);
        let used = Used::default();
        Self {
            looking: RateLimiter::new(quota, Seen(used.clone()), clock.clone()),
            taking: RateLimiter::new(quota, used.clone(), clock.clone()),
            used,
            rate,
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
        let budget = |policy: Policy| Budget::new(policy.rate(factor), &clock);
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
        let Budget { taking, rate, .. } = self.budget(policy);
        // A cost above the burst is allowed if nothing else was used.
        let units = NonZeroU32::new(units).unwrap_or(NonZeroU32::MIN).min(rate.burst);
        // No more is taken than fits.
        let taken = taking.check_key_n(&key, units).unwrap_or_else(|_| taking.check_key(&key));
        match taken {
            Ok(state) => left(policy, key, *rate, state.remaining_burst_capacity(), None),
            Err(not_yet) => refused(policy, key, *rate, units.get(), not_yet.wait_time_from(self.clock.now())),
        }
    }

    async fn owe(&self, policy: Policy, key: Key, units: u32) -> Left {
        let Budget { taking, used, rate, .. } = self.budget(policy);
        let units = units.max(1);
        // Taking a unit brings the stored state up to the present.
        let owed = match taking.check_key(&key) {
            Ok(_) => units - 1,
            Err(not_yet) if not_yet.wait_time_from(self.clock.now()) < MINUTE => units,
            Err(_) => 0,
        };
        let more = Nanos::from(rate.period) * u64::from(owed);
        let add = |until: Option<Nanos>| Ok::<_, Infallible>(((), until.unwrap_or_else(|| Nanos::new(0)) + more));
        match used.measure_and_replace(&key, add) {
            Ok(()) => self.look(policy, key).await,
            Err(never) => match never {},
        }
    }

    async fn look(&self, policy: Policy, key: Key) -> Left {
        let Budget { looking, rate, .. } = self.budget(policy);
        let remaining = match looking.check_key(&key) {
            // This reports what would be left after taking one unit.
            Ok(state) => state.remaining_burst_capacity() + 1,
            Err(_) => 0,
        };
        left(policy, key, *rate, remaining, None)
    }

    async fn sweep(&self) {
        for budget in [&self.default, &self.auth, &self.api_key] {
            budget.taking.retain_recent();
            budget.taking.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::key, *};

    #[actix_web::test]
    async fn looking_leaves_no_trace_and_a_sweep_keeps_only_who_is_still_counted() {
        let limits = LocalLimits::new(1.0);
        limits.look(Policy::Auth, key(1)).await;
        assert_eq!(limits.auth.taking.len(), 0);
        limits.take(Policy::Auth, key(1), 1).await;
        limits.sweep().await;
        assert_eq!(limits.auth.taking.len(), 1);
    }
}
