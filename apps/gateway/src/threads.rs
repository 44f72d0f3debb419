//! Dedicated threads for work that must not wait for anything else.

use clowder_core::{Error, Result};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
};

/// Named threads and the work that runs on them. They end when this is dropped.
pub struct Threads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Threads {
    pub fn new(name: &str, count: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(count).thread_name(name).enable_all().build();
        let runtime = runtime.map_err(|error| Error::internal(format!("no threads for {name}: {error}")))?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(task)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // An async context must not block while threads end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn tasks_run_on_threads_of_their_own() {
        let threads = Threads::new("apart", 1).unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        threads.spawn(async { tell.send(thread::current().name().map(str::to_owned)).unwrap() }).await.unwrap();
        assert_eq!(told.await.unwrap().as_deref(), Some("apart"));
        drop(threads);
    }
}
