//! The end of the process, announced to whoever has to finish something.

use std::{thread, time::Duration};

use tokio::sync::watch;

/// How long an ending may take, however stuck what it waits for is.
const AT_MOST: Duration = Duration::from_secs(28);

/// Ends the process after a while, should it still be there: something that nobody can wake, such as a disk that does not
/// answer, must not keep it.
pub fn end_at_the_latest() {
    let wait = || {
        let begun = std::time::Instant::now();
        while let Some(left) = AT_MOST.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
        tracing::error!(seconds = AT_MOST.as_secs(), "what was begun does not end; giving up on it");
        #[expect(clippy::disallowed_methods, reason = "a destructor may be what does not end")]
        std::process::exit(1);
    };
    if let Err(error) = thread::Builder::new().name("last-resort".to_owned()).spawn(wait) {
        tracing::error!(%error, "the end has no limit");
    }
}

/// Announces the end.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Hears of the end. Cheap to clone.
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

    /// Returns when the process is to end; also when nobody is left to say so.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// The same, for whoever keeps no hold of it.
    pub async fn waited(mut self) {
        self.wait().await;
    }
}
