//! Waiting for conditions: checked repeatedly, but not forever.

use std::time::Duration;

use tokio::time::{interval, timeout};

use crate::PATIENCE;

/// Checks until it is true.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    within(PATIENCE, what, holds).await;
}

/// Checks until there is a result.
pub async fn answer<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    asked(PATIENCE, what, ask).await
}

/// Checks until it is true, which must happen in time.
pub async fn within(time: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    asked(time, what, async || holds().await.then_some(())).await;
}

async fn asked<T>(time: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let mut tick = interval(Duration::from_millis(20));
    let comes = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tick.tick().await;
        }
    };
    timeout(time, comes).await.unwrap_or_else(|_| panic!("not within {time:?}: {what}"))
}
