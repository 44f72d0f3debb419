//! What the tests call: servers that do exactly what a test says, octet by octet, and resolvers that answer what it says.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use clowder_egress::{Bounds, Call, Egress, Options, Resolve, Url, networks};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server that counts its connections.
pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
}

impl Server {
    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    pub fn named(&self, scheme: &str, name: &str) -> Url {
        Url::parse(&format!("{scheme}://{name}:{}/", self.address.port())).unwrap()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Listens at this address and gives every connection to `serve`.
pub async fn serve_at<F, S>(address: &str, serve: S) -> Server
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(TcpStream) -> F + Send + 'static,
{
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    Server { address, connections }
}

pub async fn serve<F, S>(serve: S) -> Server
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(TcpStream) -> F + Send + 'static,
{
    serve_at("127.0.0.1:0", serve).await
}

/// A server that reads a request, sends these octets, and closes.
pub async fn says(answer: impl Into<Vec<u8>>) -> Server {
    let answer: Vec<u8> = answer.into();
    let answer: Arc<[u8]> = answer.into();
    serve(move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// The head of a request; empty when the client has gone.
pub async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

/// Answers every request of a connection with this text.
pub async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &str) {
    while !head(&mut stream).await.is_empty() {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Waits until the client has closed the connection.
pub async fn closed(mut stream: impl AsyncRead + Unpin) {
    let mut read = [0; 1024];
    while matches!(stream.read(&mut read).await, Ok(1..)) {}
}

pub fn options() -> Options {
    Options { allow: networks("127.0.0.1").unwrap(), ..Options::default() }
}

pub fn egress() -> Egress {
    Egress::new(options()).unwrap()
}

pub fn bounds() -> Bounds {
    Bounds { time: Duration::from_secs(5), octets: 1 << 20, redirects: 0, cut: false }
}

/// Bounds for a call that runs out of time.
pub fn short() -> Bounds {
    Bounds { time: Duration::from_millis(400), ..bounds() }
}

pub fn get(url: Url) -> Call {
    Call::get(url, bounds())
}

/// A resolver that gives one answer after the other, and the last one for ever.
pub struct Answers {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    pub asked: AtomicUsize,
}

impl Answers {
    pub fn new(answers: &[&[&str]]) -> Arc<Self> {
        let read = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().map(read).collect()), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.front().cloned().unwrap_or_default();
        if answers.len() > 1 {
            answers.pop_front();
        }
        Ok(answer)
    }
}

/// A resolver that never answers.
pub struct Silent;

#[async_trait]
impl Resolve for Silent {
    async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        std::future::pending().await
    }
}
