//! The one place where the gateway reads the time. Everything else is given `now`.

use std::time::Instant;

use clowder_core::Timestamp;

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

/// Measures how long something takes, whatever happens to the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
