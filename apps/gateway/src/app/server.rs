//! The HTTP servers: what they listen on, and the application behind them.

use std::{
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    rc::Rc,
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use actix_service::IntoServiceFactory;
use actix_web::{
    App, HttpServer,
    dev::{Server, ServerHandle, ServiceRequest, fn_factory, fn_service},
    web::{self, Data},
};
use clowder_core::{Error, Result};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;

use super::AppState;
use crate::{
    config::Config,
    connections,
    domains::operation::metrics,
    front::{Front, Meter},
    open_files,
};

/// How long requests may take to finish after a shutdown has begun.
const FINISH_SECONDS: u64 = 25;

/// How many octets of unsent data the kernel buffers per client. By default it is 4 MiB per connection, which no limit
/// would count.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

pub fn main_server(
    listener: TcpListener,
    front: Arc<Front>,
    state: AppState,
    workers: usize,
    keep_alive: Duration,
) -> Result<Server> {
    let server = Server::build();
    let stopping = server.graceful_shutdown_signal();
    let room = usize::try_from(open_files::raise()).unwrap_or(usize::MAX);
    let server = server.workers(workers).max_concurrent_connections((room / workers).max(1));
    let server = server.disable_signals().shutdown_timeout(FINISH_SECONDS);
    let server = server.listen("main", listener, move || {
        let (front, state) = (Arc::clone(&front), state.clone());
        let app = App::new().configure(|app| state.hand_over(app)).default_service(fn_factory(move || {
            let (front, meter) = (Arc::clone(&front), Rc::new(Meter::default()));
            let serve = move |request: ServiceRequest| {
                let (front, meter) = (Arc::clone(&front), Rc::clone(&meter));
                async move { Ok(front.serve(&meter, request).await) }
            };
            async move { Ok::<_, ()>(fn_service(serve)) }
        }));
        let stopping = stopping.clone();
        let stopping = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        connections::factory(app.into_factory(), keep_alive, stopping)
    });
    Ok(server.map_err(|error| Error::internal(error.to_string()))?.run())
}

pub fn metrics_server(listener: TcpListener, recorder: PrometheusHandle) -> Result<Server> {
    let recorder = Data::new(recorder);
    let server =
        HttpServer::new(move || App::new().app_data(recorder.clone()).route("/metrics", web::get().to(metrics::all)));
    let server = server.workers(1).disable_signals().shutdown_timeout(1);
    Ok(server.listen(listener).map_err(|error| Error::internal(error.to_string()))?.run())
}

/// Cuts off clients that stop reading but still acknowledge keep-alives; otherwise they would keep their connections
/// forever. Every accepted connection inherits this option (tcp(7), TCP_USER_TIMEOUT).
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only Linux has it"))]
pub fn listen(address: SocketAddr, unread: Duration) -> Result<TcpListener> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        #[cfg(target_os = "linux")]
        {
            let socket = socket2::SockRef::from(&listener);
            socket.set_tcp_user_timeout(Some(unread))?;
            socket.set_tcp_notsent_lowat(UNSENT)?;
        }
        Ok(listener)
    };
    listen().map_err(|error: std::io::Error| Error::internal(format!("cannot listen on {address}: {error}")))
}

pub fn spawn(server: Server) -> (ServerHandle, JoinHandle<std::io::Result<()>>) {
    (server.handle(), tokio::spawn(server))
}

pub fn workers(config: &Config) -> usize {
    match config.server.workers {
        0 => available_parallelism().map_or(1, NonZeroUsize::get),
        workers => workers,
    }
}
