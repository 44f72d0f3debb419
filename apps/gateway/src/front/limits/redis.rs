//! Limits that the nodes over one database count together, in Redis. While it does not answer, each counts for itself.

use std::time::Duration;

use async_trait::async_trait;
use clowder_infra::rates::{Ask, Counted, Rate, SharedRates};

use super::{Key, Left, Limits, LocalLimits, MINUTE, Policy, left, refused};

pub struct RedisLimits {
    shared: SharedRates,
    local: LocalLimits,
    factor: f64,
}

impl RedisLimits {
    /// A call waits no longer for Redis, and the next ones do not wait at all.
    pub const PATIENCE: Duration = Duration::from_millis(50);

    /// A larger `factor` allows more; it must be the same on all nodes.
    pub fn new(shared: SharedRates, factor: f64) -> Self {
        Self { shared, local: LocalLimits::new(factor), factor }
    }

    async fn count(&self, ask: Ask, policy: Policy, key: Key, units: u32) -> Option<(Rate, Counted)> {
        let rate = policy.rate(self.factor);
        let counted = self.shared.count(ask, &who(policy, key), rate, units).await?;
        Some((rate, counted))
    }
}

#[async_trait]
impl Limits for RedisLimits {
    async fn take(&self, policy: Policy, key: Key, units: u32) -> Left {
        // A cost above the burst is allowed if nothing else was used.
        let fitting = units.clamp(1, policy.rate(self.factor).burst.get());
        match self.count(Ask::Take, policy, key, fitting).await {
            Some((rate, Counted { taken: true, full_in })) => left(policy, key, rate, available(rate, full_in), None),
            Some((rate, Counted { taken: false, full_in })) => {
                let there_in = full_in + rate.period * fitting;
                let wait = there_in.saturating_sub(rate.period * rate.burst.get());
                refused(policy, key, rate, fitting, wait)
            }
            None => self.local.take(policy, key, units).await,
        }
    }

    async fn owe(&self, policy: Policy, key: Key, units: u32) -> Left {
        match self.count(Ask::Owe(MINUTE), policy, key, units.max(1)).await {
            Some((rate, counted)) => left(policy, key, rate, available(rate, counted.full_in), None),
            None => self.local.owe(policy, key, units).await,
        }
    }

    async fn look(&self, policy: Policy, key: Key) -> Left {
        match self.count(Ask::Look, policy, key, 1).await {
            Some((rate, counted)) => left(policy, key, rate, available(rate, counted.full_in), None),
            None => self.local.look(policy, key).await,
        }
    }

    /// Redis does that itself.
    async fn sweep(&self) {
        self.local.sweep().await;
    }
}

/// The whole units that can be used now.
fn available(rate: Rate, full_in: Duration) -> u32 {
    let room = (rate.period * rate.burst.get()).saturating_sub(full_in);
    u32::try_from(room.as_nanos() / rate.period.as_nanos().max(1)).unwrap_or(u32::MAX)
}

/// Names whose limit it is.
fn who(policy: Policy, key: Key) -> String {
    let policy = policy.name();
    match key {
        Key::User(id) => format!("{policy}:user:{id}"),
        Key::Program(id) => format!("{policy}:key:{id}"),
        Key::Address(address) => format!("{policy}:address:{address}"),
    }
}

#[cfg(test)]
mod tests;
