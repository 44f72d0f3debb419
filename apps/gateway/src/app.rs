//! Assembles the application state and starts the server; nothing else does.

mod chores;
mod server;

use std::{
    collections::HashMap,
    fs,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use actix_web::{
    dev::ServerHandle,
    web::{Data, ServiceConfig},
};
use clowder_accounts::policy::EMAILS_CAUSED;
use clowder_core::{
    Error, Mail, Result,
    job::{Queue, Work},
};
use clowder_infra::{
    DatabaseUrl, EachPort, JobRunner, Options, Store, Upkeep,
    clock::Evidence,
    emails::EmailTemplates,
    mail,
    notices::{NoticeSender, Post},
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;

use self::server::{listen, main_server, metrics_server, spawn, workers};
use crate::{
    clock::{self, Finding, Notebook, Watch},
    config::Config,
    docs,
    domains::{
        api_keys::handlers::Scopes,
        messaging::{search, timers},
        operation::docs::Documents,
        webhooks,
    },
    front::{Front, Limits, Rooms, counting_of, limits_of},
    public_url::{Cdn, PublicUrl},
    readers,
    routes::{self, Router},
    stop::{self, Stop, Stopper},
    telemetry,
    threads::Threads,
    ws::{self, Canary, Hub, Place, Sealer, Sockets},
};

/// A running server.
pub struct Running {
    /// The address it listens on; needed when port 0 was requested.
    pub addr: SocketAddr,
    pub metrics_addr: Option<SocketAddr>,
    pub store: Store,
    stopper: Stopper,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    chores: Vec<JoinHandle<()>>,
    _threads: [Threads; 2],
}

impl Running {
    /// Shuts down gracefully. The order matters: first new work is refused and sockets are told to reconnect elsewhere,
    /// then the work in progress is finished.
    pub async fn stop(self) {
        self.stopper.stop();
        for (handle, served) in self.servers {
            handle.stop(true).await;
            if let Ok(Err(error)) = served.await {
                tracing::error!(%error, "the server ended with an error");
            }
        }
        for chore in self.chores {
            let _ = chore.await;
        }
    }
}

/// Opens the store as configured. An embedded database is migrated at the start; a shared one is migrated once by
/// `clowder migrate` before its nodes start.
pub async fn open(config: &Config) -> Result<Store> {
    if let Some(file) = &config.test_clock_file {
        clock::move_by(file);
    }
    let url = DatabaseUrl::parse(&config.database_url())?;
    if url.is_embedded() {
        for name in Store::migrate(&url)? {
            tracing::info!(name, "migrated");
        }
    } else if let pending @ [_, ..] = Store::pending(&url)?.as_slice() {
        let names = pending.join(", ");
        return Err(Error::internal(format!("the schema is behind; run `clowder migrate` first (pending: {names})")));
    }
    let created = config.missing_secret_file();
    let secret = config.secret_key().map_err(|error| Error::internal(format!("SECRET_KEY: {error}")))?;
    let mut options = Options::new(url, secret.expose());
    config.encryption_keys().clone_into(&mut options.encryption_keys);
    options.email_templates = EmailTemplates {
        account_url: config.account_url(),
        server_url: config.server_url(),
        sender: mail::sender(&config.mail.from)?,
    };
    options.credentials.emails_an_hour =
        (f64::from(EMAILS_CAUSED) * config.server.rate_limit_factor).clamp(1.0, 1e9) as u32;
    config.database.apply_to(&mut options);
    config.auth.apply_to(&mut options);
    config.accounts.apply_to(&mut options);
    config.messaging.apply_to(config.server.rate_limit_factor, &mut options);
    config.groups.apply_to(&mut options);
    config.notifications.apply_to(&mut options);
    config.media.apply_to(&config.media_root(), &config.data_dir, &mut options)?;
    config.egress.apply_to(&config.server_url(), &mut options)?;
    let pushes = config.jobs.queues_of_worker().get(&Queue::Push).copied().unwrap_or_default();
    config.push.apply_to(&config.server_url(), pushes, &mut options)?;
    config.mail.apply_to(&config.server_url(), &mut options);
    config.jobs.apply_to(&mut options);
    config.audit.apply_to(&mut options);
    config.journal.apply_to(&mut options);
    options.webhooks.catalogue = webhooks::catalogue::catalogue();
    let store = Store::open(options, clock::now()).await?;
    // A database that was restored without its secret must not get another one.
    if let Some(file) = created
        && let Err(error) = store.sealing.try_keys().await
    {
        fs::remove_file(&file).map_err(|error| Error::internal(format!("{}: {error}", file.display())))?;
        let file = file.display();
        return Err(Error::internal(format!(
            "{file} is missing; restore it from the backup, with the database: {error}"
        )));
    }
    Ok(store)
}

/// Opens the store of an existing installation. If there is none, the command was given the wrong place and must not
/// create a new one there.
pub async fn open_existing(config: &Config) -> Result<Store> {
    database_exists(config)?;
    secret_exists(config)?;
    open(config).await
}

/// Fails and names the file if the embedded database does not exist.
pub fn database_exists(config: &Config) -> Result<()> {
    match DatabaseUrl::parse(&config.database_url())? {
        DatabaseUrl::Sqlite(path) => exists(&path, "DATA_DIR and DATABASE_URL"),
        DatabaseUrl::Postgres(_) => Ok(()),
    }
}

/// Fails and names the file if the secret is kept in one that does not exist.
pub fn secret_exists(config: &Config) -> Result<()> {
    match config.auth.secret_key {
        Some(_) => Ok(()),
        None => exists(&config.data_dir.join("secret.key"), "DATA_DIR and SECRET_KEY"),
    }
}

fn exists(path: &Path, settings: &str) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Err(Error::internal(format!(
        "{} is missing; check {settings}, or run `clowder serve` to create it",
        path.display()
    )))
}

/// The queue for jobs of this kind; `None` if this version does not know the kind.
pub fn queue_of(store: &Store, kind: &str) -> Option<Queue> {
    if kind == Mail::KIND || kind == Post::KIND {
        return Some(Queue::Mail);
    }
    store.workers.iter().find(|worker| worker.kind() == kind).map(|worker| worker.queue())
}

/// Creates the job runner, with this concurrency per queue.
pub fn job_runner(config: &Config, store: &Store, concurrency: HashMap<Queue, usize>) -> Result<JobRunner> {
    let mailer = mail::mailer(&config.mail_route(), &config.mail.from)?;
    let mut workers = store.workers.clone();
    workers.push(Arc::new(NoticeSender::new(Arc::clone(&store.notices), Arc::clone(&mailer))));
    workers.push(Arc::new(mail::Postman(mailer)));
    let runner =
        JobRunner::new(store.jobs.clone(), concurrency, clock::now).comparing_clocks(Arc::clone(&store.upkeep));
    Ok(runner.with(workers, store.crons.clone()))
}

/// Starts the server and returns as soon as it listens.
pub async fn start(config: Config) -> Result<Running> {
    // Telemetry comes first: threads that start before it would report nothing.
    let recorder = telemetry::recorder()?;
    let store = open(&config).await?;
    store.sealing.try_keys().await?;
    let counting = counting_of(&config, &store)?;
    let limits = limits_of(&config, counting.as_ref());
    let sockets = Sockets::new(counting)?;
    let (stopper, stop) = stop::channel();

    let table = routes::table(config.server.metrics_bind.is_none());
    let documents = Data::new(Documents::new(
        &docs::openapi(&table, &config.server.public_url),
        // Without `PUBLIC_URL`, the host of the request is used.
        docs::asyncapi(&config.server.public_url),
    ));
    let scopes = Data::new(Scopes::new(&table));
    let router = Router::new(table).map_err(Error::internal)?;
    let front = Front::new(&config, router, &store, limits.clone(), stop.clone());

    let unread = Duration::from_secs(config.server.unread_seconds);
    let listener = listen(config.address(), unread)?;
    let addr = listener.local_addr().map_err(|error| Error::internal(error.to_string()))?;
    // The hub has threads of its own, so sockets get events at once however busy the server is.
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let (hub_threads, job_threads) = (Threads::new("hub", cores.div_ceil(4))?, Threads::new("jobs", 1)?);
    let (hub, following) = hub(&store, &hub_threads, config.server.socket_queue_kib * 1024, stop.clone()).await?;
    store.join(&DatabaseUrl::parse(&config.direct_url())?, config.redis.address()).await?;
    let canary = Canary::new(Arc::clone(&hub), Arc::clone(&store.upkeep));
    let arrived = Arc::<ws::arrivals::Notes>::default();
    let state = AppState {
        store: store.clone(),
        hub,
        canary,
        limits: limits.clone(),
        sockets: sockets.clone(),
        frames: Arc::new(Rooms::new(ws::FRAMES)),
        catching_up: Arc::new(Rooms::new(ws::CATCHING_UP)),
        arrived: Arc::clone(&arrived),
        public_url: Arc::new(config.server.public_url.clone()),
        cdn: Data::new(Cdn(config.media.cdn_url.clone())),
        heartbeat: Duration::from_secs(config.server.heartbeat_seconds),
        resume_events: config.journal.resume_events,
        recorder: recorder.clone(),
        documents,
        scopes,
        stop: stop.clone(),
    };
    let keep_alive = Duration::from_secs(config.server.keep_alive_seconds);
    let mut servers = vec![spawn(main_server(listener, Arc::new(front), state, workers(&config), keep_alive)?)];
    let mut metrics_addr = None;
    if let Some(address) = config.server.metrics_bind {
        let listener = listen(address, unread)?;
        metrics_addr = listener.local_addr().ok();
        servers.push(spawn(metrics_server(listener, recorder.clone())?));
    }

    let mut chores = vec![
        following,
        job_threads.spawn(chores::maintain(limits, sockets, recorder, Arc::clone(&store.upkeep), stop.clone())),
    ];
    chores.push(job_threads.spawn(chores::chain_audit(Arc::clone(&store.audit), stop.clone())));
    chores.push(job_threads.spawn(readers::run(Arc::clone(&store.readers), stop.clone())));
    let (scheduled, lifetimes) = (Arc::clone(&store.scheduled), Arc::clone(&store.lifetimes));
    chores.push(job_threads.spawn(timers::send(scheduled, Arc::clone(&store.upkeep), stop.clone())));
    chores.push(job_threads.spawn(timers::end(lifetimes, Arc::clone(&store.upkeep), stop.clone())));
    chores.push(job_threads.spawn(search::keep(Arc::clone(&store.search), stop.clone())));
    let (hooks, egress) = (Arc::clone(&store.webhooks), store.egress().clone());
    chores.push(job_threads.spawn(webhooks::sending::run(hooks, egress, stop.clone())));
    let (noting, mut until) = (store.clone(), stop.clone());
    chores.push(job_threads.spawn(async move { arrived.run(&noting, &mut until).await }));
    let (online, exchange) = (Arc::clone(&store.online), Arc::clone(store.exchange()));
    online.idle_after(Duration::from_secs(config.server.away_seconds));
    chores.push(job_threads.spawn(ws::presence::run(Arc::clone(&store.presence), online, exchange, stop.clone())));
    chores.push(job_threads.spawn(watch_clock(Arc::clone(&store.upkeep), config.data_dir.clone(), stop.clone())));
    let queues = config.jobs.queues();
    if queues.values().any(|room| *room > 0) {
        chores.push(job_threads.spawn(job_runner(&config, &store, queues)?.run(stop.waited())));
    }
    Ok(Running { addr, metrics_addr, store, stopper, servers, chores, _threads: [hub_threads, job_threads] })
}

/// The hub, which follows the journal from now on.
async fn hub(store: &Store, threads: &Threads, room: usize, stop: Stop) -> Result<(Arc<Hub>, JoinHandle<()>)> {
    // Its timers must belong to the runtime that follows the journal.
    let following = store.clone();
    let follower = threads.spawn(async move { following.follow().await }).await;
    let follower = follower.map_err(|error| Error::internal(error.to_string()))??;
    let known = Place::new(follower.epoch(), follower.known().clone());
    let hub = Hub::new(
        Sealer::new(&store.keys),
        store.journal.clone(),
        Arc::clone(&store.online),
        Arc::clone(store.exchange()),
        &known,
        store.read_connections,
        room,
    );
    let hub = Arc::new(hub);
    hub.hear_others();
    let following = threads.spawn(Arc::clone(&hub).run(follower, stop));
    Ok((hub, following))
}

/// The state that handlers can use.
#[derive(Clone)]
struct AppState {
    store: Store,
    hub: Arc<Hub>,
    canary: Arc<Canary>,
    limits: Arc<dyn Limits>,
    sockets: Sockets,
    frames: Arc<Rooms>,
    catching_up: Arc<Rooms>,
    arrived: Arc<ws::arrivals::Notes>,
    public_url: Arc<PublicUrl>,
    cdn: Data<Cdn>,
    heartbeat: Duration,
    resume_events: usize,
    recorder: PrometheusHandle,
    documents: Data<Documents>,
    scopes: Data<Scopes>,
    stop: Stop,
}

/// Hands every port to the handlers, which ask for those they need.
struct Handlers<'a>(&'a mut ServiceConfig);

impl EachPort for Handlers<'_> {
    fn port<P: ?Sized + 'static>(&mut self, port: &Arc<P>) {
        self.0.app_data(Data::from(Arc::clone(port)));
    }
}

impl AppState {
    fn hand_over(self, app: &mut ServiceConfig) {
        self.store.each_port(&mut Handlers(app));
        let ports = ws::Ports {
            store: self.store,
            hub: self.hub,
            limits: self.limits,
            sockets: self.sockets,
            frames: self.frames,
            catching_up: self.catching_up,
            arrived: Arc::clone(&self.arrived),
            public_url: Arc::clone(&self.public_url),
            heartbeat: self.heartbeat,
            resume_events: self.resume_events,
        };
        app.app_data(Data::new(ports))
            .app_data(Data::new(self.recorder))
            .app_data(Data::new(self.stop))
            .app_data(Data::from(self.canary))
            .app_data(Data::from(self.public_url))
            .app_data(self.cdn)
            .app_data(Data::from(self.arrived))
            .app_data(self.scopes)
            .app_data(self.documents);
    }
}

/// Corrects times that were written while a clock was ahead: all of them if this process, or the one before it, saw its
/// clock run ahead and return. Otherwise (at the start, and when the clock went back) only what is safe: this clock may
/// be behind, and some corrections could not be undone.
async fn watch_clock(upkeep: Arc<dyn Upkeep>, data_dir: PathBuf, mut stop: Stop) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut notebook = Notebook::open(&data_dir).await;
    let mut watch = Watch::start(notebook.noted());
    match upkeep.was_ahead(clock::now()).await {
        Ok(true) => {
            tracing::warn!(
                "the database contains times in the future: this clock is behind, or another clock was ahead"
            );
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "cannot check for times in the future right now"),
    }
    let mut to_do = Some(Evidence::Unclear);
    loop {
        let stops = tokio::select! {
            () = stop.wait() => true,
            _ = second.tick() => false,
        };
        match watch.look() {
            Finding::WasAhead(_) => to_do = Some(Evidence::Returned),
            Finding::WentBack(by) => {
                tracing::warn!(
                    ?by,
                    "the clock went back and may now be behind, so only times that are safe to change are corrected"
                );
                to_do = to_do.or(Some(Evidence::Unclear));
            }
            Finding::Steady => {}
        }
        // While a correction is pending, the note stays, so that the next process can finish it.
        if to_do != Some(Evidence::Returned) {
            notebook.keep(watch.note()).await;
        }
        if stops {
            return;
        }
        let Some(evidence) = to_do else { continue };
        match upkeep.put_clock_right(clock::now(), evidence).await {
            Ok(rows) => {
                if evidence == Evidence::Returned {
                    tracing::warn!(rows, "the clock was ahead; the times it wrote have been corrected");
                } else if rows > 0 {
                    tracing::info!(rows, "times in the future were set to now");
                }
                to_do = None;
            }
            Err(error) => tracing::warn!(%error, "cannot correct the times of a clock that was ahead right now"),
        }
    }
}
