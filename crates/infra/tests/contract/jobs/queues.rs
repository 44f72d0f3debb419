//! Queues: jobs of one queue never wait for those of another, and each has its own concurrency.

use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

use super::*;

/// Makes kinds of job that differ in their queue.
macro_rules! kinds {
    ($($name:ident, $kind:literal, $queue:ident;)*) => {
        $(
            #[derive(Serialize, Deserialize)]
            struct $name;

            impl Work for $name {
                const KIND: &'static str = $kind;
                const QUEUE: Queue = Queue::$queue;
            }
        )*
    };
}

kinds! {
    Email, "test.email", Mail;
    Export, "test.export", Exports;
    Chore, "test.chore", Default;
    Sweep, "test.sweep", Default;
}

/// No time passes, so no lease expires.
fn moment() -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000)
}

fn ctx() -> Ctx {
    Ctx::new(clowder_core::Actor::System, moment(), "test")
}

/// Runs jobs of one kind, each until it is released, and counts how many are running.
#[derive(Clone)]
struct Gated {
    kind: &'static str,
    queue: Queue,
    gate: Arc<Semaphore>,
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    begun: mpsc::UnboundedSender<&'static str>,
}

impl Gated {
    fn new<W: Work>(begun: &mpsc::UnboundedSender<&'static str>) -> Self {
        Self {
            kind: W::KIND,
            queue: W::QUEUE,
            gate: Arc::new(Semaphore::new(0)),
            running: Arc::default(),
            most: Arc::default(),
            begun: begun.clone(),
        }
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Worker for Gated {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn queue(&self) -> Queue {
        self.queue
    }

    async fn work(&self, _ctx: &Ctx, _job: &Taken) -> Result<()> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.begun.send(self.kind).unwrap();
        self.gate.acquire().await.unwrap().forget();
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

struct Queues {
    world: Arc<World>,
    mail: Gated,
    exports: Gated,
    chores: Gated,
    begun: mpsc::UnboundedReceiver<&'static str>,
    stop: oneshot::Sender<()>,
    runner: JoinHandle<()>,
}

impl Queues {
    async fn run(concurrency: &[(Queue, usize)]) -> Self {
        let world = World::sqlite().await;
        let (sender, begun) = mpsc::unbounded_channel();
        let (mail, exports, chores) =
            (Gated::new::<Email>(&sender), Gated::new::<Export>(&sender), Gated::new::<Chore>(&sender));
        let workers: Vec<Arc<dyn Worker>> =
            vec![Arc::new(mail.clone()), Arc::new(exports.clone()), Arc::new(chores.clone())];
        let concurrency = concurrency.iter().copied().collect();
        let runner = JobRunner::new(world.store.jobs.clone(), concurrency, moment).with(workers, Vec::new());
        let (stop, stopped) = oneshot::channel();
        let runner = tokio::spawn(runner.run(async move {
            let _ = stopped.await;
        }));
        Self { world, mail, exports, chores, begun, stop, runner }
    }

    async fn order<W: Work>(&self, work: W, times: usize) {
        for _ in 0..times {
            self.world.store.jobs.order(&ctx(), NewJob::new(&work, moment()).unwrap()).await.unwrap();
        }
    }

    /// The kinds of the next jobs that begin.
    async fn begin(&mut self, jobs: usize) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        for _ in 0..jobs {
            kinds.push(self.begun.recv().await.unwrap());
        }
        kinds.sort_unstable();
        kinds
    }

    /// How many jobs of each kind are in a state, and their numbers of tries.
    async fn listed(&self, state: Option<JobState>) -> Vec<(String, i16)> {
        let page = self.world.store.jobs.list(&ctx(), state, PageRequest::default()).await.unwrap();
        let mut listed: Vec<_> = page.items.into_iter().map(|job| (job.kind, job.attempts)).collect();
        listed.sort();
        listed
    }

    /// Waits until this many jobs are left.
    async fn left(&self, jobs: usize) {
        while self.listed(None).await.len() != jobs {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn exports_that_take_all_their_room_do_not_hold_up_mail() {
    let mut queues = Queues::run(&[(Queue::Mail, 3), (Queue::Exports, 2), (Queue::Default, 1)]).await;
    queues.order(Export, 6).await;
    assert_eq!(queues.begin(2).await, [Export::KIND; 2]);
    // The exports may run as long as they need.
    queues.mail.gate.add_permits(1);
    queues.order(Email, 1).await;
    assert_eq!(queues.begin(1).await, [Email::KIND]);
    queues.left(6).await;
    assert_eq!(queues.listed(Some(JobState::Running)).await, vec![(Export::KIND.to_owned(), 1); 2]);

    // All queues are full; each continues as soon as one of its own jobs has ended.
    queues.order(Email, 7).await;
    queues.order(Chore, 3).await;
    assert_eq!(queues.begin(4).await, [Chore::KIND, Email::KIND, Email::KIND, Email::KIND]);
    queues.chores.gate.add_permits(3);
    assert_eq!(queues.begin(2).await, [Chore::KIND; 2]);
    queues.mail.gate.add_permits(7);
    assert_eq!(queues.begin(4).await, [Email::KIND; 4]);
    queues.left(6).await;
    queues.exports.gate.add_permits(6);
    assert_eq!(queues.begin(4).await, [Export::KIND; 4]);
    queues.left(0).await;
    assert_eq!((queues.mail.most(), queues.exports.most(), queues.chores.most()), (3, 2, 1));
    queues.stop.send(()).unwrap();
    queues.runner.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_stops_gives_back_what_is_not_finished_in_all_queues() {
    let mut queues = Queues::run(&[(Queue::Mail, 2), (Queue::Exports, 2), (Queue::Default, 1)]).await;
    queues.order(Export, 3).await;
    queues.order(Email, 2).await;
    queues.order(Chore, 1).await;
    queues.begin(5).await;
    // Jobs that can finish in time do.
    queues.mail.gate.add_permits(1);
    queues.left(5).await;
    let Queues { world, stop, runner, .. } = queues;
    stop.send(()).unwrap();
    runner.await.unwrap();
    let page = world.store.jobs.list(&ctx(), None, PageRequest::default()).await.unwrap();
    let mut left: Vec<_> = page.items.into_iter().map(|job| (job.kind, job.state, job.attempts)).collect();
    left.sort_by(|one, other| one.0.cmp(&other.0));
    let waits = |kind: &str| (kind.to_owned(), JobState::Waiting, 0);
    let expected = [Chore::KIND, Email::KIND, Export::KIND, Export::KIND, Export::KIND].map(waits);
    assert_eq!(left, expected);
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_room_is_left_to_other_processes() {
    let mut queues = Queues::run(&[(Queue::Mail, 1), (Queue::Exports, 0)]).await;
    queues.order(Export, 1).await;
    queues.order(Chore, 1).await;
    queues.order(Email, 3).await;
    queues.mail.gate.add_permits(3);
    assert_eq!(queues.begin(3).await, [Email::KIND; 3]);
    queues.left(2).await;
    let untouched = vec![(Chore::KIND.to_owned(), 0), (Export::KIND.to_owned(), 0)];
    assert_eq!(queues.listed(Some(JobState::Waiting)).await, untouched);
    queues.stop.send(()).unwrap();
    queues.runner.await.unwrap();
}

on_both! {
    async fn of_several_kinds_the_longest_due_come_first(world: World) {
        let ctx = world.nobody();
        let later = |seconds| ctx.now.plus(Duration::from_secs(seconds));
        for (seconds, chore) in [(4, true), (1, false), (3, false), (2, true)] {
            let job = if chore { NewJob::new(&Chore, later(seconds)) } else { NewJob::new(&Sweep, later(seconds)) };
            world.store.jobs.order(&ctx, job.unwrap()).await.unwrap();
        }
        // From another queue.
        world.store.jobs.order(&ctx, NewJob::new(&Export, ctx.now).unwrap()).await.unwrap();
        world.wait(Duration::from_secs(10));
        let take = async |limit| {
            let jobs = world.store.jobs.take(&world.nobody(), vec![Chore::KIND, Sweep::KIND], limit).await.unwrap();
            jobs.into_iter().map(|job| job.kind).collect::<Vec<_>>()
        };
        assert_eq!(take(3).await, [Sweep::KIND, Chore::KIND, Sweep::KIND]);
        assert_eq!(take(3).await, [Chore::KIND], "what was looked at and not taken is free");
        assert!(take(3).await.is_empty());
    }
}
