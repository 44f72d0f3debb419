//! Refusals that end by themselves say when to try again.

use clowder_core::Error;
use clowder_media::refusals::{FILE_BUSY, FILE_UPLOADS};

use crate::{front::PAUSE, problem::Problem};

/// After how many seconds: as long as a body may pause. So whoever writes without a client is gone by then.
const SOON: u64 = PAUSE.as_secs();

pub fn told_when(error: Error) -> Problem {
    match error.refusal() {
        Some(FILE_BUSY | FILE_UPLOADS) => Problem::from(error).retry_after(SOON),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use clowder_media::refusals::FILE_QUOTA;

    use super::*;

    #[test]
    fn who_waits_learns_how_long() {
        for (refusal, seconds) in [(FILE_BUSY, Some(5)), (FILE_UPLOADS, Some(5)), (FILE_QUOTA, None)] {
            assert_eq!(told_when(refusal.into()).retry_after, seconds, "{refusal:?}");
        }
    }
}
