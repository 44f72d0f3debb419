//! A real headless Chromium, driven over its DevTools protocol; and sites that serve its pages.

use std::{collections::VecDeque, path::PathBuf, process::Stdio, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::{PATIENCE, setting};

/// One browser with one page.
pub struct Browser {
    child: Child,
    _profile: TempDir,
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    page: String,
    commands: u64,
    events: VecDeque<Value>,
    /// Failed requests of the page, and violations of its security policy.
    pub failures: Vec<String>,
}

impl Browser {
    /// Starts a browser with an empty page.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--autoplay-policy=no-user-gesture-required",
                "--no-proxy-server",
            ])
            .arg("--remote-debugging-port=0")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("Chromium does not start");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some(address) = line.strip_prefix("DevTools listening on ") {
                    return address.to_owned();
                }
            }
            panic!("Chromium ended before it listened");
        });
        let address = address.await.expect("Chromium does not say where it listens");
        // Its later messages must not fill a pipe that nobody reads.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (stream, _) = connect_async(address).await.unwrap();
        let mut browser = Self {
            child,
            _profile: profile,
            stream,
            page: String::new(),
            commands: 0,
            events: VecDeque::new(),
            failures: Vec::new(),
        };
        let target = browser.command("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.command("Target.attachToTarget", attach).await;
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.page);
        for domain in ["Page.enable", "Network.enable", "Log.enable", "Runtime.enable"] {
            browser.command(domain, json!({})).await;
        }
        browser
    }

    /// Opens a URL and waits until the page has loaded.
    pub async fn open(&mut self, url: &str) {
        // Changing only the hash would load nothing.
        for url in ["about:blank", url] {
            let opened = self.command("Page.navigate", json!({"url": url})).await;
            assert!(opened["errorText"].is_null(), "{url}: {opened}");
            self.event("Page.loadEventFired").await;
        }
    }

    /// Runs a script in the page, the body of an async function, and returns its result as JSON.
    pub async fn run(&mut self, script: &str) -> Value {
        let expression = format!("(async () => {{ {script} }})()");
        let run = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let ran = self.command("Runtime.evaluate", run).await;
        assert!(ran["exceptionDetails"].is_null(), "{script}\n{:#}", ran["exceptionDetails"]);
        ran["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&mut self, expression: &str) {
        let patience = PATIENCE.as_millis();
        let script = format!(
            "const end = performance.now() + {patience}; \
             while (!({expression})) {{ \
                 if (performance.now() > end) return document.documentElement.outerHTML.slice(0, 2000); \
                 await new Promise((next) => setTimeout(next, 10)); \
             }} \
             return true;"
        );
        let held = self.run(&script).await;
        assert_eq!(held, true, "never: {expression}; {:?}", self.failures);
    }

    /// Emulates a screen of this width, in CSS pixels, and a preference for `light` or `dark`.
    pub async fn looks(&mut self, width: u32, scheme: &str) {
        let screen = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", screen).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.command("Emulation.setEmulatedMedia", features).await;
    }

    /// A screenshot of the page, as PNG in Base64.
    pub async fn picture(&mut self) -> String {
        let taken = self.command("Page.captureScreenshot", json!({"format": "png"})).await;
        taken["data"].as_str().unwrap().to_owned()
    }

    async fn command(&mut self, method: &str, parameters: Value) -> Value {
        self.commands += 1;
        let id = self.commands;
        let mut command = json!({"id": id, "method": method, "params": parameters});
        if !self.page.is_empty() {
            command["sessionId"] = json!(self.page);
        }
        self.stream.send(Message::text(command.to_string())).await.unwrap();
        loop {
            let heard = self.hear(method).await;
            if heard["id"] == id {
                assert!(heard["error"].is_null(), "{method}: {}", heard["error"]);
                return heard["result"].clone();
            }
            self.note(heard);
        }
    }

    /// Waits for the next event of this kind.
    async fn event(&mut self, method: &str) {
        loop {
            while let Some(event) = self.events.pop_front() {
                if event["method"] == method {
                    return;
                }
            }
            let heard = self.hear(method).await;
            self.note(heard);
        }
    }

    async fn hear(&mut self, waiting_for: &str) -> Value {
        let heard = timeout(PATIENCE * 2, self.stream.next()).await;
        let heard = heard.unwrap_or_else(|_| panic!("Chromium says nothing: {waiting_for}")).expect("Chromium ended");
        serde_json::from_str(heard.unwrap().to_text().unwrap()).unwrap()
    }

    fn note(&mut self, event: Value) {
        let parameters = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            // What a browser requests at the root of any site is not the page's fault.
            "Network.responseReceived" if parameters["response"]["url"].as_str().unwrap().ends_with("/favicon.ico") => {
            }
            "Network.responseReceived" if parameters["response"]["status"].as_u64() >= Some(400) => {
                self.failures.push(format!("{} {}", parameters["response"]["status"], parameters["response"]["url"]));
            }
            // Network errors have already been recorded.
            "Log.entryAdded"
                if parameters["entry"]["level"] == "error" && parameters["entry"]["source"] != "network" =>
            {
                self.failures.push(parameters["entry"]["text"].to_string());
            }
            "Page.loadEventFired" => self.events.push_back(event),
            _ => {}
        }
    }
}

/// The program may be a script that starts the browser, so all of its group end.
impl Drop for Browser {
    fn drop(&mut self) {
        let Some(group) = self.child.id() else { return };
        let killed = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
        assert!(killed.is_ok_and(|killed| killed.success()) || std::thread::panicking(), "Chromium goes on");
    }
}

/// `TEST_CHROMIUM`, or an installed one.
fn program() -> PathBuf {
    if let Some(given) = setting("TEST_CHROMIUM") {
        return given.into();
    }
    let folders = setting("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-headless-shell", "chromium-browser", "google-chrome"];
    let mut programs = names.iter().flat_map(|name| std::env::split_paths(&folders).map(move |it| it.join(name)));
    programs.find(|program| program.is_file()).expect("no Chromium: run `make test`, or set TEST_CHROMIUM")
}

const PAGE: &str = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><title>A page</title>";

/// A site that answers every request with one page: an origin of its own.
pub struct Site {
    /// `http://127.0.0.1:port`
    pub origin: String,
    serving: JoinHandle<()>,
}

impl Site {
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// With this in the page.
    pub async fn with(content: &str) -> Self {
        let page: Arc<str> = format!("{PAGE}{content}").into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&page)));
            }
        });
        Self { origin, serving }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream, page: Arc<str>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => head.push(octet),
            Err(_) => return,
        }
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
