//! One server per suite, database and list of settings, for tests that need none of their own: the first test starts it,
//! and other tests of the run use it. It ends when no test has used it for a while, so that it takes no time from others,
//! and with the run, however that ends.
//!
//! nextest runs each test in a process of its own, and its setup scripts cannot run until the end; so a keeper, a small
//! shell in a process group of its own, owns the server and waits until the runner is gone. Interrupts, failures or
//! killed tests don't change that. Under `cargo test` the process of the suite is the run.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{Database, Server, database, server, setting, unique, until};

/// Starts the server, waits for the end of the run or until nobody uses it, and cleans up. Whoever uses it holds a lock; the
/// other lock belongs to whoever starts or ends a server. Without `flock`, it stays until the end of the run.
const KEEPER: &str = r#"
trap '' INT HUP
"$CLOWDER" serve >"$DATA_DIR/log" 2>&1 &
server=$!
unused=0
while kill -0 "$RUN" 2>/dev/null; do
    sleep 1
    if flock -n "$SHARED/use" true 2>/dev/null; then unused=$((unused + 1)); else unused=0; fi
    [ "$unused" -ge 8 ] || continue
    unused=0
    flock "$SHARED/lock" flock -n "$SHARED/use" rm -f "$SHARED/server.json" && break
done
kill "$server"; wait "$server"
[ -z "$DROP" ] || psql -XqAt -c "$DROP" "$ADMIN_URL"
rm -rf "$DATA_DIR"
tail --pid="$RUN" -s 0.5 -f /dev/null 2>/dev/null || while kill -0 "$RUN" 2>/dev/null; do sleep 1; done
rm -rf "$SHARED"
"#;

/// The test runner: its process, and a name that no other run has.
fn run() -> (u32, String) {
    match setting("NEXTEST_RUN_ID") {
        Some(run) => (parent_id(), run),
        None => (std::process::id(), std::process::id().to_string()),
    }
}

/// The suite that this test is part of: its binary, whose name ends with a hash.
fn suite() -> String {
    let binary = std::env::current_exe().unwrap();
    let name = binary.file_stem().unwrap().to_string_lossy().into_owned();
    name.rsplit_once('-').map_or(name.clone(), |(suite, _)| suite.to_owned())
}

const SETTINGS: &[(&str, &str)] = &[
    // Each test sends an address of its own in `X-Forwarded-For`, so that none waits because others guessed passwords.
    ("TRUSTED_PROXIES", "127.0.0.1"),
    // All tests of a suite share one writer of SQLite, and a disk that may be busy with the files of others for seconds.
    ("DATABASE_WAIT_SECONDS", "30"),
];

/// The suite's server over a database of this kind, with these settings.
pub async fn server(embedded: bool, settings: &[(&str, &str)]) -> (Server, Database) {
    let (runner, run) = run();
    let kind = if embedded { "sqlite" } else { "postgres" };
    let mut hasher = DefaultHasher::new();
    settings.hash(&mut hasher);
    let folder = std::env::temp_dir().join(format!("clowder-{}-{kind}-{:x}-{run}", suite(), hasher.finish()));
    fs::create_dir_all(&folder).unwrap();
    // The first test starts it, and all others wait. The lock ends with its holder.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let note = folder.join("server.json");
    if !note.exists() {
        let started = start(embedded, settings, runner, &folder).await;
        fs::write(&note, started.to_string()).unwrap();
    }
    let started: Value = serde_json::from_str(&fs::read_to_string(&note).unwrap()).unwrap();
    // Before anybody can end it, and until this process ends.
    let used = File::create(folder.join("use")).unwrap();
    used.lock_shared().unwrap();
    mem::forget(used);
    let text = |name: &str| started[name].as_str().unwrap().to_owned();
    let data = PathBuf::from(text("data"));
    (Server::of_the_suite(text("address"), data.join("log")), Database::of_the_suite(text("url"), data))
}

async fn start(embedded: bool, settings: &[(&str, &str)], runner: u32, folder: &Path) -> Value {
    // If a test is killed here, the next one starts again; leftovers do no harm.
    let data = folder.join(unique());
    fs::create_dir(&data).unwrap();
    let (url, name) = if embedded {
        let file = data.join("clowder.db");
        database::copy_of_sqlite_template(&file);
        (format!("sqlite:{}", file.display()), None)
    } else {
        let (url, name) = database::copy_of_template(server::migrate);
        (url, Some(name))
    };
    let drop = name.map(|name| format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).unwrap_or_default();
    let mut keeper = Command::new("sh");
    keeper
        .args(["-c", KEEPER])
        .current_dir(&data)
        .env_clear()
        .envs([server::SETTINGS, SETTINGS, settings].concat())
        .env("PATH", setting("PATH").unwrap())
        .env("DATABASE_URL", &url)
        .env("DATA_DIR", &data)
        .env("CLOWDER", server::binary())
        .env("RUN", runner.to_string())
        .env("SHARED", folder)
        .env("DROP", drop)
        .env("ADMIN_URL", setting("TEST_POSTGRES_URL").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    keeper.spawn().unwrap();
    let log = data.join("log");
    let mut address = None;
    let said = async || {
        address = fs::read_to_string(&log).unwrap_or_default().lines().find_map(server::address_in);
        address.is_some()
    };
    until("the suite's server says where it listens", said).await;
    let address = address.unwrap();
    Server::of_the_suite(address.clone(), log).wait_until_ready(&[]).await;
    json!({"address": address, "url": url, "data": data})
}
