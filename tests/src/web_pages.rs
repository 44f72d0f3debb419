//! A web site of this machine, for tests of what the server does with pages to which people link.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The setting with which a server may call it.
pub const ALLOWED: (&str, &str) = ("EGRESS_ALLOW", "127.0.0.0/8");

/// Answers 404 for whatever it has no page of; stopped when the test ends.
pub struct WebPages {
    address: SocketAddr,
    pages: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl WebPages {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (pages, asked) = <(Arc<Mutex<HashMap<String, String>>>, Arc<Mutex<Vec<String>>>)>::default();
        let (had, noted) = (Arc::clone(&pages), Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&had), Arc::clone(&noted)));
            }
        });
        Self { address, pages, asked, serving }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Has this page from now on; returns where it is.
    pub fn put(&self, path: &str, html: impl Into<String>) -> String {
        self.pages.lock().unwrap().insert(path.to_owned(), html.into());
        self.url(path)
    }

    /// Has it no more.
    pub fn take(&self, path: &str) {
        self.pages.lock().unwrap().remove(path);
    }

    /// The paths that were asked for, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for WebPages {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: TcpStream, pages: Arc<Mutex<HashMap<String, String>>>, asked: Arc<Mutex<Vec<String>>>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(octet) => head.push(octet),
                Err(_) => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        asked.lock().unwrap().push(path.clone());
        let page = pages.lock().unwrap().get(&path).cloned();
        let (status, html) = page.map_or(("404 Not Found", String::new()), |html| ("200 OK", html));
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n{html}",
            html.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
