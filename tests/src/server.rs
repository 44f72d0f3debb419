//! The real binary, started on a free port and ended with the test.

use std::{
    path::{Path, PathBuf},
    process::{Command as Blocking, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    time::timeout,
};

use crate::{Database, PATIENCE, client::http, root, setting};

/// The settings of a test's server, unless the test says otherwise.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("BIND", "127.0.0.1:0"),
    ("SECRET_KEY", "a-secret-for-tests-only-0123456789abcdef"),
    ("BCRYPT_COST", "4"),
    ("RATE_LIMIT_FACTOR", "100000"),
    ("CORS_ALLOWED_ORIGINS", "https://app.example"),
    ("LOG", "info"),
    // Links in the texts of tests lead nowhere; a story about previews turns them on.
    ("LINK_PREVIEWS", "false"),
    // Each connection to PostgreSQL is a process, and hundreds of tests start a server each.
    ("DATABASE_WRITE_CONNECTIONS", "4"),
    ("DATABASE_READ_CONNECTIONS", "3"),
];

pub struct Server {
    /// `127.0.0.1:port`
    pub address: String,
    /// `None` for the server of the whole suite, which no test may stop.
    child: Option<Child>,
    log: Log,
}

/// The file with the server's output.
enum Log {
    Lines(Arc<Mutex<Vec<String>>>),
    File(PathBuf),
}

impl Server {
    /// The server that the tests of a suite share.
    pub(crate) fn of_the_suite(address: String, log: PathBuf) -> Self {
        Self { address, child: None, log: Log::File(log) }
    }

    /// Starts the server and waits until it prints its address and is ready.
    pub async fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        Self::start_binary(binary(), database, settings).await
    }

    /// The same with another binary, of another version.
    pub async fn start_binary(binary: &Path, database: &Database, settings: &[(&str, &str)]) -> Self {
        Self::start_by(database, settings, Command::new(binary), &[]).await
    }

    /// The same with a wrong clock, which may keep the server from ever being ready.
    pub async fn start_with_wrong_clock(database: &Database, settings: &[(&str, &str)]) -> Self {
        Self::start_by(database, settings, Command::new(binary()), &["clock"]).await
    }

    /// The same with a small file system of its own mounted on a folder, removed with the server. Other processes reach
    /// it by [`Server::inside`].
    pub async fn start_on_small_disk(database: &Database, settings: &[(&str, &str)], folder: &Path) -> Self {
        // Without the right to mount, a user namespace allows it, if the system supports that.
        let is_root = Blocking::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = Command::new("unshare");
        command.arg(if is_root { "-m" } else { "-Urm" }).args(["sh", "-c"]);
        command.arg(r#"mount -t tmpfs -o size=16m,mode=700 tmpfs "$SMALL_DISK" && exec "$0" "$@""#).arg(binary());
        let mut settings = settings.to_vec();
        let path = setting("PATH").unwrap();
        settings.extend([("PATH", path.as_str()), ("SMALL_DISK", folder.to_str().unwrap())]);
        Self::start_by(database, &settings, command, &[]).await
    }

    /// A path as the server sees it, whatever is mounted for it alone.
    pub fn inside(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.pid(), path.display()))
    }

    /// `excused` are the checks that may fail.
    async fn start_by(database: &Database, settings: &[(&str, &str)], mut command: Command, excused: &[&str]) -> Self {
        let mut child = command
            .arg("serve")
            .current_dir(database.folder.path())
            .env_clear()
            .envs(SETTINGS.iter().copied())
            .env("DATABASE_URL", &database.url)
            .env("DATA_DIR", database.folder.path())
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, mut address) = watch::channel(None);
        tokio::spawn(listen(child.stdout.take().unwrap(), Arc::clone(&log), found.clone()));
        tokio::spawn(listen(child.stderr.take().unwrap(), Arc::clone(&log), found));
        let said = timeout(PATIENCE, address.wait_for(Option::is_some)).await;
        let address = match said {
            Ok(Ok(address)) => address.clone().unwrap(),
            _ => panic!("the server did not say where it listens:\n{}", log.lock().unwrap().join("\n")),
        };
        let server = Self { address, child: Some(child), log: Log::Lines(log) };
        server.wait_until_ready(excused).await;
        server
    }

    pub(crate) async fn wait_until_ready(&self, excused: &[&str]) {
        let (http, ready) = (http().build().unwrap(), format!("http://{}/api/health/ready", self.address));
        let is_ready = async || {
            let Ok(answer) = http.get(&ready).send().await else { return false };
            if answer.status().is_success() {
                return true;
            }
            let problem: serde_json::Value = answer.json().await.unwrap_or_default();
            let failing = problem["errors"].as_array();
            failing
                .is_some_and(|failing| failing.iter().all(|check| excused.iter().any(|name| check["pointer"] == *name)))
        };
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
        let became = timeout(PATIENCE, async {
            while !is_ready().await {
                tick.tick().await;
            }
        });
        assert!(became.await.is_ok(), "the server never became ready:\n{}", self.log());
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn log(&self) -> String {
        match &self.log {
            Log::Lines(lines) => lines.lock().unwrap().join("\n"),
            Log::File(file) => String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned(),
        }
    }

    /// SIGTERM, without waiting.
    pub fn ask_to_stop(&self) {
        assert!(Blocking::new("kill").args(["-TERM", &self.pid()]).status().unwrap().success());
    }

    /// SIGSTOP: it is frozen until it is thawed.
    pub fn freeze(&self) {
        assert!(Blocking::new("kill").args(["-STOP", &self.pid()]).status().unwrap().success());
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        assert!(Blocking::new("kill").args(["-CONT", &self.pid()]).status().unwrap().success());
    }

    /// The number of open sockets of its process, including listening ones.
    pub fn sockets(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        let targets = open.flatten().filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// How much memory its process uses, without what is only mapped from files, in octets.
    pub fn memory(&self) -> usize {
        self.memory_of("RssAnon:")
    }

    /// The most memory that its process has had, in octets.
    pub fn peak_memory(&self) -> usize {
        self.memory_of("VmHWM:")
    }

    fn memory_of(&self, line: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let size = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
        size.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
    }

    fn pid(&self) -> String {
        let child = self.child.as_ref().expect("the server of the whole suite");
        child.id().expect("the server has ended already").to_string()
    }

    /// SIGTERM; returns the exit status.
    pub async fn stop(self) -> ExitStatus {
        self.ask_to_stop();
        self.ended().await
    }

    /// Waits for the end of a server that was asked to stop.
    pub async fn ended(mut self) -> ExitStatus {
        timeout(PATIENCE * 2, self.own().wait()).await.expect("the server does not stop").unwrap()
    }

    /// SIGKILL: no destructor runs, nothing is flushed.
    pub async fn kill(mut self) {
        self.own().kill().await.unwrap();
    }

    fn own(&mut self) -> &mut Child {
        self.child.as_mut().expect("the server of the whole suite must not be ended")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            // The output of a whole suite's server is mostly about other tests.
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(2_000)..];
            eprintln!("--- the server said:\n{}\n---", last.join("\n"));
        }
    }
}

/// Collects the server's output and looks for the address in it.
async fn listen(from: impl AsyncRead + Unpin, log: Arc<Mutex<Vec<String>>>, found: watch::Sender<Option<String>>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if found.borrow().is_none()
            && let Some(address) = address_in(&line)
        {
            found.send_replace(Some(address));
        }
        log.lock().unwrap().push(line);
    }
}

/// The server's address, if this line contains it.
pub(crate) fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty() && port != "0").then(|| format!("127.0.0.1:{port}"))
}

/// Migrates a database, as an operator would.
pub fn migrate(url: &str) {
    migrate_by(binary(), url);
}

/// The same by another version.
pub fn migrate_by(binary: &Path, url: &str) {
    let folder = tempfile::tempdir().unwrap();
    let out = Blocking::new(binary)
        .arg("migrate")
        .current_dir(folder.path())
        .env_clear()
        .envs(SETTINGS.iter().copied())
        .env("DATABASE_URL", url)
        .env("DATA_DIR", folder.path())
        .output()
        .unwrap();
    assert!(out.status.success(), "migrate failed:\n{}", String::from_utf8_lossy(&out.stderr));
}

/// `CLOWDER_BIN`, or else a binary built now, so that a plain `cargo test` never uses an outdated one.
pub fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(given) = setting("CLOWDER_BIN") {
            return given.into();
        }
        let built = Blocking::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "clowder-gateway", "--bin", "clowder"])
            .current_dir(root())
            .status()
            .unwrap();
        assert!(built.success(), "the server does not build");
        // The test binary is in target/debug/deps.
        let here = std::env::current_exe().unwrap();
        here.ancestors().nth(2).unwrap().join("clowder")
    })
}
