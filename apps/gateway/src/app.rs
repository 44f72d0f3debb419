//! The only place where the parts are put together.

use std::{
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    rc::Rc,
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle, ServiceRequest, fn_factory, fn_service},
    web::{self, Data, ServiceConfig},
};
use clowder_core::{Actor, Ctx, Error, Result};
use clowder_infra::{DatabaseUrl, Options, Store, Upkeep};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;

use crate::{
    clock,
    config::Config,
    docs,
    front::{Front, Limits, LocalLimits, Meter},
    http::{self, docs::Documents},
    routes::{self, Router},
    stop::{self, Stop, Stopper},
    telemetry,
    ws::{self, Hub, Sealer},
};

/// How long requests may take to finish once the end is announced.
const FINISH_SECONDS: u64 = 25;

/// A server at work.
pub struct Running {
    /// Where it listens; of interest when port 0 was asked for.
    pub addr: SocketAddr,
    pub metrics_addr: Option<SocketAddr>,
    pub store: Store,
    stopper: Stopper,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    chores: Vec<JoinHandle<()>>,
}

impl Running {
    /// Announces the end, finishes what has begun and lets go of everything. The order matters: first no new work
    /// is taken and sockets are told to go elsewhere, then the rest is waited for.
    pub async fn stop(self) {
        self.stopper.stop();
        for (handle, served) in self.servers {
            handle.stop(true).await;
            if let Ok(Err(error)) = served.await {
                tracing::error!(%error, "the server ended badly");
            }
        }
        for chore in self.chores {
            let _ = chore.await;
        }
    }
}

/// Opens the store as the settings say. The embedded default looks after its own schema; a shared database is
/// migrated by `clowder migrate`, once, before its nodes start.
pub async fn open(config: &Config) -> Result<Store> {
    let url = DatabaseUrl::parse(&config.database_url())?;
    if let DatabaseUrl::Sqlite(path) = &url
        && let Some(folder) = path.parent()
    {
        std::fs::create_dir_all(folder).map_err(|error| Error::internal(format!("{}: {error}", folder.display())))?;
    }
    if url.is_embedded() {
        for name in Store::migrate(&url)? {
            tracing::info!(name, "migrated");
        }
    } else if let pending @ [_, ..] = Store::pending(&url)?.as_slice() {
        let names = pending.join(", ");
        return Err(Error::internal(format!("the schema is behind; run `clowder migrate` first (pending: {names})")));
    }
    let secret = config.secret_key().map_err(|error| Error::internal(format!("SECRET_KEY: {error}")))?;
    let (auth, database) = (&config.auth, &config.database);
    let options = Options {
        access_for: Duration::from_secs(auth.access_token_seconds),
        refresh_for: Duration::from_secs(auth.refresh_token_seconds),
        bcrypt_cost: auth.bcrypt_cost,
        lanes: database.lanes,
        read_lanes: database.read_lanes,
        queue: database.queue,
        batch: database.batch,
        ..Options::new(url, secret.expose())
    };
    Store::open(options, clock::now()).await
}

/// Starts serving and returns as soon as it listens.
pub async fn start(config: Config) -> Result<Running> {
    let store = open(&config).await?;
    let recorder = telemetry::recorder()?;
    let limits: Arc<dyn Limits> = Arc::new(LocalLimits::new(config.server.rate_limit_factor));
    let (stopper, stop) = stop::channel();

    let table = routes::table(config.server.metrics_bind.is_none());
    let documents = Data::new(Documents::new(
        &docs::openapi(&table, &config.server.public_url),
        &docs::asyncapi(&ws::frames(), &config.server.public_url),
    ));
    let router = Router::new(table).map_err(Error::internal)?;
    let front = Front::new(&config, router, store.accounts.clone(), limits.clone(), store.keys.clone(), stop.clone());

    let listener = listen(config.address())?;
    let addr = listener.local_addr().map_err(|error| Error::internal(error.to_string()))?;
    let (hub, following) = hub(&store, stop.clone()).await?;
    let parts = Parts { store: store.clone(), hub, recorder: recorder.clone(), documents, stop: stop.clone() };
    let mut servers = vec![spawn(main_server(listener, Arc::new(front), parts, workers(&config))?)];
    let mut metrics_addr = None;
    if let Some(address) = config.server.metrics_bind {
        let listener = listen(address)?;
        metrics_addr = listener.local_addr().ok();
        servers.push(spawn(metrics_server(listener, recorder.clone())?));
    }

    let chores = tokio::spawn(chores(store.upkeep.clone(), limits, recorder, config.journal.retention_days, stop));
    Ok(Running { addr, metrics_addr, store, stopper, servers, chores: vec![following, chores] })
}

/// The hub, following the journal from now on.
async fn hub(store: &Store, stop: Stop) -> Result<(Data<Hub>, JoinHandle<()>)> {
    let follower = store.follow().await?;
    let sealer = Sealer::new(&store.keys, store.journal.extent().await?.epoch);
    let hub = Hub::new(sealer, store.journal.clone(), store.messaging.clone(), follower.known());
    let hub = Arc::new(hub);
    let following = tokio::spawn(Arc::clone(&hub).run(follower, stop));
    Ok((Data::from(hub), following))
}

/// What handlers can ask for.
#[derive(Clone)]
struct Parts {
    store: Store,
    hub: Data<Hub>,
    recorder: PrometheusHandle,
    documents: Data<Documents>,
    stop: Stop,
}

impl Parts {
    fn hand_over(self, app: &mut ServiceConfig) {
        app.app_data(Data::from(self.store.accounts))
            .app_data(Data::from(self.store.messaging))
            .app_data(Data::from(self.store.upkeep))
            .app_data(self.hub)
            .app_data(Data::new(self.recorder))
            .app_data(Data::new(self.stop))
            .app_data(self.documents);
    }
}

fn main_server(listener: TcpListener, front: Arc<Front>, parts: Parts, workers: usize) -> Result<Server> {
    let server = HttpServer::new(move || {
        let front = Arc::clone(&front);
        App::new().configure(|app| parts.clone().hand_over(app)).default_service(fn_factory(move || {
            let (front, meter) = (Arc::clone(&front), Rc::new(Meter::default()));
            let serve = move |request: ServiceRequest| {
                let (front, meter) = (Arc::clone(&front), Rc::clone(&meter));
                async move { Ok(front.serve(&meter, request).await) }
            };
            async move { Ok::<_, ()>(fn_service(serve)) }
        }))
    });
    // Answers and events are small and written whole: waiting for more would only cost a round trip.
    let server = server.tcp_nodelay(true);
    let server = server.workers(workers).disable_signals().shutdown_timeout(FINISH_SECONDS);
    Ok(server.listen(listener).map_err(|error| Error::internal(error.to_string()))?.run())
}

fn metrics_server(listener: TcpListener, recorder: PrometheusHandle) -> Result<Server> {
    let recorder = Data::new(recorder);
    let server = HttpServer::new(move || {
        App::new().app_data(recorder.clone()).route("/metrics", web::get().to(http::metrics::all))
    });
    let server = server.workers(1).disable_signals().shutdown_timeout(1);
    Ok(server.listen(listener).map_err(|error| Error::internal(error.to_string()))?.run())
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| Error::internal(format!("cannot listen on {address}: {error}")))
}

fn spawn(server: Server) -> (ServerHandle, JoinHandle<std::io::Result<()>>) {
    (server.handle(), tokio::spawn(server))
}

fn workers(config: &Config) -> usize {
    match config.server.workers {
        0 => available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    }
}

/// What has to be done now and then.
async fn chores(
    upkeep: Arc<dyn Upkeep>,
    limits: Arc<dyn Limits>,
    recorder: PrometheusHandle,
    retention_days: u32,
    mut stop: Stop,
) {
    let mut often = tokio::time::interval(Duration::from_secs(10));
    let mut seldom = tokio::time::interval(Duration::from_secs(600));
    loop {
        tokio::select! {
            () = stop.wait() => return,
            _ = often.tick() => {
                limits.sweep().await;
                recorder.run_upkeep();
            }
            _ = seldom.tick() => sweep(&*upkeep, retention_days, &stop).await,
        }
    }
}

/// Bounded pieces, so that other writers get their turn in between.
async fn sweep(upkeep: &dyn Upkeep, retention_days: u32, stop: &Stop) {
    let ctx = Ctx::new(Actor::System, clock::now(), "sweep");
    let until = ctx.now.minus(Duration::from_secs(u64::from(retention_days) * 24 * 3600));
    while !stop.is_stopping() {
        match upkeep.sweep(&ctx, until).await {
            Ok(0) => return,
            Ok(rows) => tracing::debug!(rows, "swept"),
            Err(error) => {
                tracing::warn!(%error, "the sweep failed and will be tried again");
                return;
            }
        }
    }
}
