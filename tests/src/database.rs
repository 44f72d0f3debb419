//! A database per test: a new SQLite file, or a copy of a migrated PostgreSQL template.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::{Scribe, root, server, setting, unique};

/// Removed with the test: the folder is deleted, the PostgreSQL database dropped.
pub struct Database {
    pub url: String,
    /// The server's `DATA_DIR` and working folder.
    pub folder: Folder,
    /// The name of our PostgreSQL database, to drop it.
    name: Option<String>,
}

/// A folder that is deleted on drop.
pub struct Folder {
    path: PathBuf,
    _owned: Option<TempDir>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { path: folder.path().to_owned(), _owned: Some(folder) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Database {
    /// The database that the tests of a suite share, with the server's folder.
    pub(crate) fn of_the_suite(url: String, folder: PathBuf) -> Self {
        Self { url, folder: Folder { path: folder, _owned: None }, name: None }
    }

    pub fn sqlite() -> Self {
        let folder = Folder::new();
        Self { url: format!("sqlite:{}", folder.path().join("clowder.db").display()), folder, name: None }
    }

    pub fn postgres() -> Self {
        Self::postgres_migrated(server::migrate)
    }

    /// For tests without a server, which say how to migrate a database. That happens once for all of them.
    pub fn postgres_migrated(migrate: impl FnOnce(&str)) -> Self {
        let (url, name) = copy_of_template(migrate);
        Self { url, folder: Folder::new(), name: Some(name) }
    }

    /// The same for SQLite: a copy of a file in this folder.
    pub fn sqlite_migrated(kept_in: &Path, migrate: impl FnOnce(&str)) -> Self {
        let database = Self::sqlite();
        fs::copy(sqlite_template(kept_in, migrate), database.folder.path().join("clowder.db")).unwrap();
        database
    }

    /// Before a server starts that is not about an empty database: gives a SQLite database of our own the current schema. One
    /// of PostgreSQL has it already.
    pub(crate) fn prepare(&self) {
        let file = self.folder.path().join("clowder.db");
        if self.url == format!("sqlite:{}", file.display()) && !file.exists() {
            copy_of_sqlite_template(&file);
        }
    }

    /// Runs a statement that bypasses the server, on PostgreSQL.
    pub fn psql(&self, statement: &str) {
        psql(&self.url, statement);
    }

    /// Runs a statement in a transaction that stays open until the returned value is dropped, which rolls it back.
    pub fn holding(&self, statement: &str) -> Held {
        let mut psql = psql_program()
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", &self.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql is not installed");
        let mut stdin = psql.stdin.take().unwrap();
        writeln!(stdin, "BEGIN; {statement}; SELECT 'it is held';").unwrap();
        let mut lines = BufReader::new(psql.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "it is held"), "{statement}");
        Held { psql, stdin: Some(stdin) }
    }

    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// An id as written in a statement for this database.
    pub fn literal(&self, id: &str) -> String {
        if self.is_sqlite() { format!("X'{}'", id.replace('-', "")) } else { format!("'{id}'::uuid") }
    }

    /// Runs statements that bypass the server, on either database.
    pub fn run(&self, statements: &str) {
        let Some(file) = self.url.strip_prefix("sqlite:") else { return self.psql(statements) };
        const SCRIPT: &str = "import sqlite3, sys\n\
            base = sqlite3.connect(sys.argv[1], timeout=20)\n\
            base.executescript('BEGIN IMMEDIATE;' + sys.stdin.read() + ';COMMIT')";
        let python = setting("TEST_SMTP_PYTHON").expect("TEST_SMTP_PYTHON is not set: run `make test`");
        let mut command = Command::new(python);
        command.args(["-c", SCRIPT, file]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the Python of TEST_SMTP_PYTHON cannot be run");
        child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// Backs the database up, while anybody may use it, as docs/backup.md says.
    pub fn back_up(&self, to: &Path) {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => copy_sqlite(Path::new(file), to),
            None => run(postgres_program("pg_dump").args(["--format=custom", "--file"]).arg(to).arg(&self.url)),
        }
    }

    /// Restores a backup into the same database, while a server may use it.
    pub fn restore(&self, from: &Path) {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => copy_sqlite(from, Path::new(file)),
            None => run(postgres_program("pg_restore")
                .args(["--clean", "--if-exists", "--single-transaction", "--no-owner", "--dbname", &self.url])
                .arg(from)),
        }
    }

    /// Puts the file of a backup in the place of a SQLite database that nobody uses.
    pub fn put_back(&self, from: &Path) {
        let file = self.url.strip_prefix("sqlite:").unwrap();
        for companion in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{file}{companion}"));
        }
        fs::copy(from, file).unwrap();
    }

    /// Somebody who writes into the journal.
    pub fn scribe(&self) -> Scribe<'_> {
        Scribe::new(self.is_sqlite(), |statements| self.run(statements))
    }

    /// A separate empty database, migrated now.
    pub fn at(url: String) -> Self {
        Self::of_version(server::binary(), url)
    }

    /// The same, migrated by this version of the server.
    pub fn of_version(binary: &Path, url: String) -> Self {
        server::migrate_by(binary, &url);
        Self::of_another(url)
    }

    /// One that somebody else migrates and drops.
    pub fn of_another(url: String) -> Self {
        Self { url, folder: Folder::new(), name: None }
    }
}

/// An open transaction of another client.
pub struct Held {
    psql: Child,
    stdin: Option<ChildStdin>,
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing its input ends its session.
        drop(self.stdin.take());
        let _ = self.psql.wait();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = try_psql(&admin_url(), &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

fn admin_url() -> String {
    setting("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run `make test`, or `make services` for a shell")
}

/// Copies a SQLite database page by page, as `.backup` and `.restore` of `sqlite3` do.
fn copy_sqlite(from: &Path, to: &Path) {
    const SCRIPT: &str = "import sqlite3, sys\n\
        sqlite3.connect(sys.argv[1], timeout=20).backup(sqlite3.connect(sys.argv[2], timeout=20))";
    let python = setting("TEST_SMTP_PYTHON").expect("TEST_SMTP_PYTHON is not set: run `make test`");
    run(Command::new(python).args(["-c", SCRIPT]).args([from, to]));
}

fn run(command: &mut Command) {
    loop {
        let out = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = String::from_utf8_lossy(&out.stderr);
        // What restores a database locks all tables, beside a server that reads some of them.
        if said.contains("deadlock detected") {
            continue;
        }
        return assert!(out.status.success(), "{command:?}: {said}");
    }
}

/// PostgreSQL's client.
pub fn psql_program() -> Command {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| path_of("psql"));
    Command::new(&*PROGRAM)
}

/// A program of PostgreSQL.
pub fn postgres_program(name: &str) -> Command {
    Command::new(path_of(name))
}

/// The program itself where the system's command is a script in front of it, which takes four times as long.
fn path_of(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs = versions.map(|version| version.path().join("bin").join(name)).filter(|program| program.exists());
    programs.max().unwrap_or_else(|| name.into())
}

/// The same server, another database.
fn url_of(name: &str) -> String {
    let admin = admin_url();
    let (head, query) = admin.split_once('?').map_or((admin.as_str(), String::new()), |(h, q)| (h, format!("?{q}")));
    let (server, _) = head.rsplit_once('/').unwrap();
    format!("{server}/{name}{query}")
}

/// Runs one statement on a PostgreSQL server; returns its result.
pub fn psql(url: &str, statement: &str) -> String {
    try_psql(url, statement).unwrap_or_else(|said| panic!("{statement}: {said}"))
}

fn try_psql(url: &str, statement: &str) -> Result<String, String> {
    let out = psql_program()
        .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement, url])
        .output()
        .expect("psql is not installed");
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&out.stderr).into_owned())
    }
}

/// Copies a SQLite database with the current schema to this place, as the server has migrated it once for all tests. All
/// migrations are half of what the first start of a server costs.
pub(crate) fn copy_of_sqlite_template(to: &Path) {
    // The test binary is in target/debug/deps.
    let here = std::env::current_exe().unwrap();
    let kept_in = here.ancestors().nth(2).unwrap().join("templates");
    fs::copy(sqlite_template(&kept_in, server::migrate), to).unwrap();
}

/// The file in this folder that SQLite databases are copied from, which is made once per state of the migrations.
fn sqlite_template(kept_in: &Path, migrate: impl FnOnce(&str)) -> PathBuf {
    let template = kept_in.join(format!("template_{:016x}.db", migrations("sqlite")));
    if !template.exists() {
        fs::create_dir_all(kept_in).unwrap();
        let building = tempfile::tempdir_in(kept_in).unwrap();
        let file = building.path().join("clowder.db");
        migrate(&format!("sqlite:{}", file.display()));
        fs::rename(file, &template).unwrap();
    }
    template
}

/// A new database with the current schema: its URL and its name.
pub(crate) fn copy_of_template(migrate: impl FnOnce(&str)) -> (String, String) {
    let name = format!("test_{}", unique());
    let template = format!("template_{:016x}", migrations("postgres"));
    let copy = format!("CREATE DATABASE {name} TEMPLATE {template}");
    // All but the first test of a run find the template there. PostgreSQL 14 copies files without being told, and does not
    // know the option.
    let copied = try_psql(&admin_url(), &format!("{copy} STRATEGY file_copy"));
    if copied.is_err() && try_psql(&admin_url(), &copy).is_err() {
        make_template(&template, migrate);
        psql(&admin_url(), &copy);
    }
    (url_of(&name), name)
}

/// Makes the database that all others are copied from, once per state of the migrations. It gets its name when it is
/// complete, so that of several test processes that make it at once one wins and none sees half of it.
fn make_template(name: &str, migrate: impl FnOnce(&str)) {
    let admin = admin_url();
    let there = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    if psql(&admin, &there) == "1" {
        return;
    }
    let building = format!("building_{}", unique());
    psql(&admin, &format!("CREATE DATABASE {building}"));
    migrate(&url_of(&building));
    if try_psql(&admin, &format!("ALTER DATABASE {building} RENAME TO {name}")).is_err() {
        psql(&admin, &format!("DROP DATABASE {building}"));
        assert_eq!(psql(&admin, &there), "1", "the template could not be made");
    }
}

/// Identifies a state of the migrations.
fn migrations(of: &str) -> u64 {
    let mut files: Vec<_> = walk(root().join("migrations").join(of));
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(&file).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}

/// All files below a folder.
pub fn walk(folder: impl Into<std::path::PathBuf>) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.into()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
