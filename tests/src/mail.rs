//! Mail as it arrives: a real SMTP server in a process of its own, and the folder to which it or Clowder writes emails.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command as Blocking,
    sync::Mutex,
};

use mail_parser::{Address, MessageParser};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{PATIENCE, process, root, setting};

/// An email as mail programs show it.
#[derive(Debug, Clone)]
pub struct ReceivedEmail {
    pub id: String,
    pub to: String,
    pub to_name: String,
    pub from: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// RFC 3339.
    pub date: String,
    /// The raw text.
    pub raw: String,
}

impl ReceivedEmail {
    fn parse(octets: &[u8]) -> Self {
        let message = MessageParser::default().parse(octets).expect("that is no message");
        let first = |address: Option<&Address<'_>>| {
            let first = address.and_then(Address::first).expect("an address is missing");
            let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
            (text(first.address()), text(first.name()))
        };
        let (to, to_name) = first(message.to());
        Self {
            id: message.message_id().expect("no Message-ID").to_owned(),
            to,
            to_name,
            from: first(message.from()).0,
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).expect("no text").into_owned(),
            html: message.body_html(0).expect("no HTML").into_owned(),
            date: message.date().expect("no Date").to_rfc3339(),
            raw: String::from_utf8_lossy(octets).into_owned(),
        }
    }

    /// The first header of this name, raw.
    pub fn header(&self, name: &str) -> &str {
        let head = self.raw.split("\r\n\r\n").next().unwrap_or_default();
        let found = head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        found.unwrap_or_default()
    }

    /// The token of its link: `verify` or `reset`.
    #[track_caller]
    pub fn token(&self, purpose: &str) -> String {
        let (_, rest) = self.text.split_once(&format!("#{purpose}=")).unwrap_or_else(|| panic!("{}", self.text));
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

/// A folder of emails.
pub struct Mailbox {
    folder: PathBuf,
    read: Mutex<HashSet<PathBuf>>,
}

impl Mailbox {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), read: Mutex::default() }
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        files
    }

    /// Everything that has arrived.
    pub fn all(&self) -> Vec<ReceivedEmail> {
        self.files().iter().map(|file| ReceivedEmail::parse(&fs::read(file).unwrap())).collect()
    }

    /// What another program makes of everything that has arrived over SMTP for this address: `headers`, `parts`, `plain`,
    /// `html` and `defects`.
    pub fn parsed(&self, to: &str) -> Vec<Value> {
        let files = self.files().into_iter().filter(|file| email_to(to, file).is_some());
        files.map(|file| serde_json::from_slice(&fs::read(file.with_extension("json")).unwrap()).unwrap()).collect()
    }

    /// Everything that has arrived for this address.
    pub fn to(&self, to: &str) -> Vec<ReceivedEmail> {
        self.files().iter().filter_map(|file| email_to(to, file)).collect()
    }

    /// The next email to this address that was not returned before; waits for it.
    pub async fn next(&self, to: &str) -> ReceivedEmail {
        let mut others = HashSet::new();
        crate::answer(&format!("an email to {to}"), async || {
            for file in self.files() {
                if others.contains(&file) || self.read.lock().unwrap().contains(&file) {
                    continue;
                }
                if let Some(email) = email_to(to, &file) {
                    self.read.lock().unwrap().insert(file);
                    return Some(email);
                }
                others.insert(file);
            }
            None
        })
        .await
    }

    /// Waits until this many have arrived.
    pub async fn count(&self, count: usize) {
        crate::within(PATIENCE * 2, &format!("{count} emails"), async || self.files().len() >= count).await;
    }
}

/// The email in this file, if it is to this address.
fn email_to(to: &str, file: &Path) -> Option<ReceivedEmail> {
    let octets = fs::read(file).unwrap();
    // A shared folder has hundreds of emails to others, which need not be parsed. Other addresses are encoded.
    if to.is_ascii() && !String::from_utf8_lossy(&octets).contains(to) {
        return None;
    }
    Some(ReceivedEmail::parse(&octets)).filter(|email| email.to == to)
}

/// A certificate that this machine trusts only if it is told to.
pub struct Certificate(TempDir);

impl Certificate {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Blocking::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(folder.path())
            .output()
            .expect("openssl is not installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self(folder)
    }

    /// For `SSL_CERT_FILE`.
    pub fn file(&self) -> String {
        self.0.path().join("cert.pem").display().to_string()
    }

    pub fn key(&self) -> String {
        self.0.path().join("key.pem").display().to_string()
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

/// An SMTP server, stopped when the test ends.
pub struct Post {
    pub port: u16,
    pub mailbox: Mailbox,
    folder: TempDir,
    child: Child,
}

impl Post {
    /// Starts one on a free port, with options of `tests/smtp_server.py`.
    pub async fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, port) = spawn(folder.path(), options).await;
        Self { port, mailbox: Mailbox::new(folder.path()), folder, child }
    }

    /// With TLS: `starttls` or `implicit`.
    pub async fn with_tls(how: &str, certificate: &Certificate, options: &[&str]) -> Self {
        let folder = certificate.0.path().to_string_lossy();
        Self::start(&[&["--tls", how, "--certificate", &folder], options].concat()).await
    }

    /// Stops it; the received emails stay.
    pub async fn stop(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again at the same address.
    pub async fn again(&mut self, options: &[&str]) {
        let port = self.port.to_string();
        self.child = spawn(self.folder.path(), &[&["--port", &port], options].concat()).await.0;
    }

    /// `smtp://localhost:…`
    pub fn url(&self) -> String {
        format!("smtp://localhost:{}", self.port)
    }
}

async fn spawn(folder: &Path, options: &[&str]) -> (Child, u16) {
    let python = setting("TEST_SMTP_PYTHON")
        .expect("TEST_SMTP_PYTHON is not set: run `make test`, or `make services` for a shell");
    let (child, said) =
        process::start(Command::new(python).arg(root().join("tests/smtp_server.py")).arg(folder).args(options)).await;
    let port = said.as_deref().and_then(|said| said.strip_prefix("listening on ")).expect("the SMTP server ended");
    (child, port.parse().unwrap())
}
