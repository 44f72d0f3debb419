//! A place of this machine that receives webhooks, and answers as it is told: well, badly, or never.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep},
};

/// How it answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// With this status, and these headers.
    Status(u16, &'static str),
    /// After a while, well.
    Slowly(Duration),
    /// Never.
    Hangs,
    /// It sends for ever.
    Streams,
    /// A length of 1 GB, and as much as is taken.
    Huge,
    /// It closes the connection in the middle of its answer.
    Breaks,
    /// What is no HTTP.
    Babbles,
}

/// A call that it got.
#[derive(Debug, Clone)]
pub struct Call {
    pub headers: HashMap<String, String>,
    pub body: Value,
    pub at: Instant,
}

impl Call {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// Stopped when the test ends.
pub struct Receiver {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    manner: Arc<Mutex<Manner>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (calls, manner) = (Arc::<Mutex<Vec<Call>>>::default(), Arc::new(Mutex::new(manner)));
        let (noted, told) = (Arc::clone(&calls), Arc::clone(&manner));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&noted), Arc::clone(&told)));
            }
        });
        Self { address, calls, manner, serving }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers like this from now on.
    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// What it got, in the order of its arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Until the connection ends; nothing that goes wrong matters here.
async fn serve(mut stream: TcpStream, calls: Arc<Mutex<Vec<Call>>>, manner: Arc<Mutex<Manner>>) {
    while let Some(call) = read(&mut stream).await {
        calls.lock().unwrap().push(call);
        let manner = manner.lock().unwrap().clone();
        if answer(&mut stream, manner).await.is_none() {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let headers: HashMap<_, _> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Call { headers, body: serde_json::from_slice(&body).ok()?, at: Instant::now() })
}

/// Nothing if the connection is of no more use.
async fn answer(stream: &mut TcpStream, manner: Manner) -> Option<()> {
    let mut say = async |text: &[u8]| stream.write_all(text).await.ok();
    match manner {
        Manner::Status(status, headers) => {
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{headers}\r\n");
            say(answer.as_bytes()).await
        }
        Manner::Slowly(wait) => {
            sleep(wait).await;
            say(b"HTTP/1.1 204 X\r\n\r\n").await
        }
        Manner::Hangs => std::future::pending().await,
        Manner::Streams => {
            say(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            loop {
                say(b"5\r\nhello\r\n").await?;
                sleep(Duration::from_millis(20)).await;
            }
        }
        Manner::Huge => {
            say(b"HTTP/1.1 200 X\r\ncontent-length: 1000000000\r\n\r\n").await?;
            let piece = vec![b'x'; 1 << 16];
            for _ in 0..1_000_000_000 / piece.len() {
                say(&piece).await?;
            }
            None
        }
        Manner::Breaks => {
            say(b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nin the mid").await?;
            None
        }
        Manner::Babbles => {
            say(b"hello, I am no server\r\n\r\n").await?;
            None
        }
    }
}
