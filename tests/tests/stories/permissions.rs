//! The server's files are for its own user alone, from the start; files that were open before are closed.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use clowder_tests::{
    Client, Database, Server,
    command::{clowder, run},
    database::walk,
    until,
    world::PASSWORD,
};
use serde_json::json;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// All files and folders below, and the folder itself.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let files = walk(folder);
    let folders = files.iter().flat_map(|file| file.ancestors().skip(1).take_while(|above| above.starts_with(folder)));
    let mut all: Vec<_> = folders.map(Path::to_owned).collect();
    all.extend(files);
    all.sort();
    all.dedup();
    all
}

/// Registers somebody, whose email becomes a file.
async fn register(server: &Server, data: &Path) {
    let new = json!({"username": "ada", "email": "ada@example.org", "password": PASSWORD});
    Client::new(&server.address).post("/api/auth/register", new).await.expect(201);
    let is_written = || walk(data.join("mail")).iter().any(|path| path.extension().is_some_and(|end| end == "eml"));
    until("an email is written", async || is_written()).await;
}

#[tokio::test]
async fn what_the_server_creates_is_closed() {
    let database = Database::sqlite();
    let top = database.folder.path().join("new");
    let (data, log) = (top.join("data"), top.join("logs/clowder.log"));
    let (data_dir, log_file) = (data.to_str().unwrap().to_owned(), log.to_str().unwrap().to_owned());
    let settings =
        [("DATABASE_URL", ""), ("SECRET_KEY", ""), ("DATA_DIR", data_dir.as_str()), ("CLOWDER__LOG__FILE", &log_file)];
    let server = Server::start(&database, &settings).await;
    register(&server, &data).await;
    let found = everything(&top);
    let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_string_lossy()).collect();
    for name in ["data", "clowder.db", "clowder.db-wal", "clowder.db-shm", "secret.key", "mail", "logs"] {
        assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
    }
    assert!(
        names.iter().any(|name| name.ends_with(".eml")) && names.iter().any(|name| name.starts_with("clowder.log"))
    );
    for path in &found {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(path), expected, "{}", path.display());
    }
    assert!(server.stop().await.success());
}

/// Whatever the umask: commands create files, too.
#[test]
fn a_careless_umask_opens_nothing() {
    let database = Database::sqlite();
    let top = database.folder.path().join("new");
    let data = top.join("data");
    let url = format!("sqlite:{}", top.join("elsewhere/own.db").display());
    let settings = [("DATABASE_URL", url.as_str()), ("SECRET_KEY", ""), ("DATA_DIR", data.to_str().unwrap())];
    let plain = clowder(&database, &["admin", "create", "--username", "ada", "--email", "a@example.org"], &settings);
    let mut careless = Command::new("sh");
    careless.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(plain.get_program()).args(plain.get_args());
    careless.env_clear().current_dir(database.folder.path());
    careless.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = run(careless, b"");
    assert!(said.well, "{}", said.text);
    assert!(data.join("secret.key").exists() && top.join("elsewhere/own.db").exists());
    for path in everything(&top) {
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn what_is_open_is_closed_unless_a_group_is_let_in() {
    let database = Database::sqlite();
    let data = database.folder.path().join("data");
    let data_dir = data.to_str().unwrap().to_owned();
    let settings = [("DATABASE_URL", ""), ("SECRET_KEY", ""), ("DATA_DIR", data_dir.as_str())];
    let server = Server::start(&database, &settings).await;
    register(&server, &data).await;
    assert!(server.stop().await.success());
    let email = walk(data.join("mail")).into_iter().find(|path| path.extension().is_some_and(|e| e == "eml")).unwrap();
    let all = [(data.clone(), 0o755), (data.join("clowder.db"), 0o644), (data.join("secret.key"), 0o644)];
    let all = [&all[..], &[(data.join("mail"), 0o755), (email, 0o666)]].concat();
    all.iter().for_each(|(path, mode)| set(path, *mode));

    let said = run(clowder(&database, &["doctor"], &settings), b"");
    assert!(said.well, "{}", said.text);
    for (path, mode) in &all {
        let line = format!("WARN permissions: {} ({mode:04o}) is accessible to everybody", path.display());
        assert!(said.out.contains(&line), "{line} in {}", said.out);
    }
    let server = Server::start(&database, &settings).await;
    for (path, _) in &all {
        assert_eq!(mode(path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    // SQLite gives its companion files the same mode.
    assert_eq!(mode(&data.join("clowder.db-wal")), 0o600);
    assert!(
        server.log().contains("was accessible to everybody; it is now restricted to its owner"),
        "{}",
        server.log()
    );
    assert!(server.stop().await.success());
    let said = run(clowder(&database, &["doctor"], &settings), b"");
    assert!(said.out.contains("ok   permissions"), "{}", said.out);

    // Group access is deliberate, and a folder with other people's files is not ours to close.
    set(&data.join("clowder.db"), 0o640);
    fs::write(data.join("somebody.txt"), "").unwrap();
    set(&data, 0o755);
    let server = Server::start(&database, &settings).await;
    assert_eq!((mode(&data.join("clowder.db")), mode(&data)), (0o640, 0o755));
    assert_eq!(mode(&data.join("clowder.db-wal")), 0o640, "whoever may read the database needs its log, too");
    for says in ["clowder.db (0640) is accessible to its group", "data (0755) is accessible to everybody"] {
        assert!(server.log().contains(says), "{says} in {}", server.log());
    }
    assert!(server.stop().await.success());
}
