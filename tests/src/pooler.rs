//! A real pooler before PostgreSQL: PgBouncer, which gives each transaction any of a few connections.

use std::process::{Command as Blocking, Stdio};

use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{redis::free_port, relay::host_of, root, setting, until};

/// Stopped when the test ends.
pub struct Pooler {
    port: u16,
    _child: Child,
    _folder: TempDir,
}

impl Pooler {
    /// How many connections it has to each database.
    pub const CONNECTIONS: usize = 4;

    /// Before the server of a URL, with the settings of docs/performance.md.
    pub async fn before(url: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let (login, _) = url.split_once("://").unwrap().1.split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let (host, its_port) = host_of(url).split_once(':').unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("users"), format!("\"{user}\" \"{password}\"\n")).unwrap();
        let config = format!(
            "[databases]
* = host={host} port={its_port} connect_query='SET jit = off; SET lock_timeout = 1500; SET statement_timeout = 10000; SET idle_in_transaction_session_timeout = 10000'

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {}
pool_mode = transaction
default_pool_size = {}
max_prepared_statements = 1000
",
            path("users"),
            Self::CONNECTIONS,
        );
        std::fs::write(path("pgbouncer.ini"), config).unwrap();
        // It does not run as root.
        assert!(Blocking::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status().unwrap().success());
        let is_root = Blocking::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let child = Command::new(program())
            .args(if is_root { &["-u", "nobody"][..] } else { &[] })
            .arg(path("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("no PgBouncer: run `make test`, or set TEST_PGBOUNCER");
        until("PgBouncer listens", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
        Self { port, _child: child, _folder: folder }
    }

    /// The URL of the database through it.
    pub fn through(&self, url: &str) -> String {
        url.replacen(host_of(url), &format!("127.0.0.1:{}", self.port), 1)
    }
}

fn program() -> String {
    setting("TEST_PGBOUNCER").unwrap_or_else(|| {
        let found = Blocking::new(root().join("scripts/pgbouncer")).output().unwrap();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        String::from_utf8_lossy(&found.stdout).trim().to_owned()
    })
}
