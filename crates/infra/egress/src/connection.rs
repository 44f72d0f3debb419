//! Opening a connection: resolve, check every address, dial those that were checked, then TLS and HTTP.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use http_body_util::Full;
use hyper::{
    client::conn::{http1, http2},
    rt::{Executor, Read, Write},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    task::AbortHandle,
    time::{Instant, sleep, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    Failure, Options,
    address::is_allowed,
    destination::{Destination, Place},
    tls,
};

/// The longest head of an answer, all header fields together.
const LONGEST_HEAD: usize = 64 << 10;
/// The most header fields of an answer.
const MOST_FIELDS: usize = 128;
/// How many addresses of a name are tried.
const TRIED: usize = 6;
/// After this, the next address is tried beside the one that does not answer.
const STAGGER: Duration = Duration::from_millis(300);
/// A connection of HTTP/2 on which nothing arrives is asked whether it lives.
const PING: Duration = Duration::from_secs(20);

pub(crate) type Body = Full<Bytes>;

/// A connection to a server. Dropping its last copy closes it, whatever the other side is doing.
pub(crate) struct Connection {
    pub sender: Sender,
    pub opened: Instant,
    pub tasks: Arc<Tasks>,
}

pub(crate) enum Sender {
    One(http1::SendRequest<Body>),
    Two(http2::SendRequest<Body>),
}

/// The tasks that drive a connection.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Vec<AbortHandle>>);

impl Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let started = tokio::spawn(task).abort_handle();
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() >= 32 {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(started);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

/// Spawns what a connection of HTTP/2 needs among its tasks. It must not keep them alive: they keep it.
#[derive(Clone)]
struct Spawner(std::sync::Weak<Tasks>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawner {
    fn execute(&self, task: F) {
        if let Some(tasks) = self.0.upgrade() {
            tasks.spawn(task);
        }
    }
}

/// Opens connections.
pub(crate) struct Opener {
    pub options: Options,
    pub tls: TlsConnector,
}

impl Opener {
    pub async fn open(&self, to: &Destination) -> Result<Connection, Failure> {
        let until = Instant::now() + self.options.connect_time;
        let stream = self.dial(to, until).await?;
        let _ = stream.set_nodelay(true);
        let opening = async {
            if !to.tls {
                return one(stream).await;
            }
            let stream = tls::handshake(&self.tls, to.name(), stream).await?;
            match stream.get_ref().1.alpn_protocol() {
                Some(tls::H2) => two(stream).await,
                _ => one(stream).await,
            }
        };
        timeout_at(until, opening).await.unwrap_or(Err(Failure::Tls))
    }

    async fn dial(&self, to: &Destination, until: Instant) -> Result<TcpStream, Failure> {
        if let (Some(proxy), false) = (&self.options.proxy, self.is_near(to)) {
            // It resolves the name, so whether that leads inside cannot be seen from here.
            if !to.tls {
                return Err(Failure::Forbidden("http"));
            }
            let authority = match &to.host {
                Place::Name(name) => format!("{name}:{}", to.port),
                Place::Address(address) => SocketAddr::new(*address, to.port).to_string(),
            };
            let tunnel = async {
                let mut stream = proxy.connect().await?;
                proxy.tunnel(&mut stream, &authority).await?;
                Ok(stream)
            };
            return timeout_at(until, tunnel).await.unwrap_or(Err(Failure::Connect));
        }
        let addresses = match &to.host {
            Place::Address(address) => vec![*address],
            Place::Name(name) => match timeout_at(until, self.options.resolver.resolve(name)).await {
                Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
                _ => return Err(Failure::Resolve),
            },
        };
        // One that is closed refuses the whole name: no public service is half inside.
        for address in &addresses {
            to.check(*address, &self.options.allow)?;
        }
        let addresses = in_turn(&addresses).into_iter().take(TRIED);
        let addresses = addresses.map(|address| SocketAddr::new(address.to_canonical(), to.port)).collect();
        timeout_at(until, first(addresses)).await.unwrap_or(Err(Failure::Connect))
    }

    /// Whether it is an address that the operator has opened: that is not reached through the proxy.
    fn is_near(&self, to: &Destination) -> bool {
        matches!(to.host, Place::Address(address) if is_allowed(address, &self.options.allow))
    }
}

/// The two families take turns, so that one that leads nowhere does not hold up the other.
fn in_turn(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let starts_with_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (same, other): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == starts_with_v6);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut turns = Vec::with_capacity(addresses.len());
    loop {
        let pair = (same.next(), other.next());
        if pair == (None, None) {
            return turns;
        }
        turns.extend(pair.0);
        turns.extend(pair.1);
    }
}

/// The first of these that can be connected to.
async fn first(addresses: Vec<SocketAddr>) -> Result<TcpStream, Failure> {
    let mut left = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    loop {
        match left.next() {
            Some(address) => trying.push(TcpStream::connect(address)),
            None if trying.is_empty() => return Err(Failure::Connect),
            None => {}
        }
        tokio::select! {
            Some(tried) = trying.next() => if let Ok(stream) = tried {
                return Ok(stream);
            },
            () = sleep(STAGGER), if left.len() > 0 => {}
        }
    }
}

async fn one<S>(stream: S) -> Result<Connection, Failure>
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(LONGEST_HEAD).max_headers(MOST_FIELDS);
    let (sender, driver) = http.handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Protocol)?;
    let tasks = Arc::new(Tasks::default());
    tasks.spawn(async move {
        let _ = driver.await;
    });
    Ok(Connection { sender: Sender::One(sender), opened: Instant::now(), tasks })
}

async fn two<S>(stream: S) -> Result<Connection, Failure>
where
    TokioIo<S>: Read + Write + Unpin + Send + 'static,
{
    let tasks = Arc::new(Tasks::default());
    let mut http = http2::Builder::new(Spawner(Arc::downgrade(&tasks)));
    http.timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_header_list_size(LONGEST_HEAD as u32)
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20);
    let (sender, driver) = http.handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Protocol)?;
    tasks.spawn(async move {
        let _ = driver.await;
    });
    Ok(Connection { sender: Sender::Two(sender), opened: Instant::now(), tasks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let read = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(in_turn(&read(&["::1", "::2", "1.1.1.1"])), read(&["::1", "1.1.1.1", "::2"]));
        assert_eq!(in_turn(&read(&["1.1.1.1", "1.1.1.2"])), read(&["1.1.1.1", "1.1.1.2"]));
        assert!(in_turn(&[]).is_empty());
    }
}
