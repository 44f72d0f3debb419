//! Announces the shutdown to everything that has to finish.

use std::{thread, time::Duration};

use tokio::sync::watch;

/// How long a shutdown may take at most, even if something hangs.
const AT_MOST: Duration = Duration::from_secs(28);

/// Ends the process after a while if it is still running: something that cannot be interrupted, such as a disk that
/// does not respond, must not keep it alive.
pub fn end_at_the_latest() {
    let wait = || {
        let begun = std::time::Instant::now();
        while let Some(left) = AT_MOST.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
        tracing::error!(seconds = AT_MOST.as_secs(), "the shutdown does not finish; ending the process");
        #[expect(clippy::disallowed_methods, reason = "a destructor may be what hangs")]
        std::process::exit(1);
    };
    if let Err(error) = thread::Builder::new().name("last-resort".to_owned()).spawn(wait) {
        tracing::error!(%error, "cannot limit how long the shutdown may take");
    }
}

/// Announces the shutdown.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Is notified of the shutdown. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the shutdown begins, or when the `Stopper` is gone.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// The same, for callers that don't keep a `Stop`.
    pub async fn waited(mut self) {
        self.wait().await;
    }
}
