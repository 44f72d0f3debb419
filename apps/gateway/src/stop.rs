//! The end of the process, announced to whoever has to finish something.

use tokio::sync::watch;

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
