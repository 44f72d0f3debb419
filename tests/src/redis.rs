//! A Redis of a test's own, which it can end and start again.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::{mail::Certificate, until};

pub struct Redis {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
    /// What it is told besides.
    more: Vec<String>,
}

/// A port that nobody uses now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Redis {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with these arguments.
    pub async fn start_with(more: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more).await
    }

    async fn start_in(folder: TempDir, more: &[&str]) -> Self {
        let more = more.iter().map(|&argument| argument.to_owned()).collect();
        let mut redis = Self { port: free_port(), folder, child: None, more };
        redis.start_again().await;
        redis
    }

    /// One that speaks TLS at `rediss://localhost:…`, and wants a password; returns its address, too.
    pub async fn start_tls(certificate: &Certificate, password: &str) -> (Self, String) {
        let port = free_port();
        let (cert, key) = (certificate.file(), certificate.key());
        let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-auth-clients", "no"];
        let own = ["--tls-port", &port.to_string(), "--requirepass", password];
        let redis = Self::start_with(&[&files[..], &own[..]].concat()).await;
        (redis, format!("rediss://:{password}@localhost:{port}/0"))
    }

    /// A Sentinel that watches the primary at a port, `main`, with two others.
    pub(crate) async fn start_sentinel(primary: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // It writes into this file what it learns.
        let file = folder.path().join("sentinel.conf");
        let watched = format!(
            "sentinel monitor main 127.0.0.1 {primary} 2\nsentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 3000\n"
        );
        std::fs::write(&file, watched).unwrap();
        let file = file.display().to_string();
        Self::start_in(folder, &[&file, "--sentinel"]).await
    }

    /// On the same port.
    pub async fn start_again(&mut self) {
        let child = Command::new("redis-server")
            .args(&self.more)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let address = format!("127.0.0.1:{}", self.port);
        until("Redis listens", async || TcpStream::connect(&address).await.is_ok()).await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGSTOP: it is frozen until it is thawed.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.child.as_ref().expect("Redis is not running").id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// It forgets everything.
    pub async fn flush(&self) {
        assert_eq!(self.order("FLUSHALL").await, "+OK");
    }

    /// Carries out a command; returns the first line of the answer.
    pub async fn order(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    /// Carries out a command; returns the whole of its answer, which is one text.
    pub async fn all(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
