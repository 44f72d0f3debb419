//! The command line as shells and programs use it: pipes that close, one document for programs, invalid settings.

use std::{
    fs::File,
    io::pipe,
    process::{Command, Stdio},
};

use clowder_tests::{
    Database, World,
    command::{clowder, run},
    on_both,
    server::binary,
};
use serde_json::json;

on_both!(documents_for_programs);
// Without a job runner, the email of a registration stays in the list of jobs.
on_both!(with [("JOB_CONCURRENCY", "0")]; whoever_reads_may_go_away);

/// Every command that prints something.
const PRINTING: &[&[&str]] = &[
    &["openapi"],
    &["asyncapi"],
    &["config", "print"],
    &["config", "default", "--json"],
    &["jobs", "list"],
    &["jobs", "list", "--json"],
    &["jobs", "retry", "--dead"],
    &["readers", "list"],
    &["readers", "rewind", "notifications", "--to", "0"],
    &["search", "status"],
    &["search", "rebuild"],
    &["files", "clean"],
    &["files", "check"],
    &["files", "move", "--to", "file:moved"],
    &["keys", "status"],
    &["keys", "rotate"],
    &["audit", "verify"],
    &["users", "receipt-key"],
    &["users", "import", "people.csv"],
    &["admin", "set-role", "ada", "moderator"],
    &["admin", "reset-link", "ada"],
    &["completions", "bash"],
    &["manual"],
    &["migrate"],
    &["doctor"],
];

async fn whoever_reads_may_go_away(world: World) {
    world.user("ada").await;
    let people = "username,email,password_hash\n";
    std::fs::write(world.database.folder.path().join("people.csv"), people).unwrap();
    for arguments in PRINTING {
        let prepared = || clowder(&world.database, arguments, &[]);
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let out = prepared().stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        // The exit code that a shell reports for a program killed by SIGPIPE.
        assert_eq!(out.status.code(), Some(141), "{arguments:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("roken pipe"), "{arguments:?}: {said}");
        // Nobody reads the output at all.
        let [(_, output), (_, errors)] = [pipe().unwrap(), pipe().unwrap()];
        let status = prepared().stdout(output).stderr(errors).status().unwrap();
        assert_eq!(status.code(), Some(141), "{arguments:?}");
        // Every other write error is reported.
        let full = File::options().write(true).open("/dev/full").unwrap();
        let out = prepared().stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(1) && said.contains("cannot write the output"), "{arguments:?}: {said}");
    }
    for arguments in
        [&["--help"][..], &["help", "serve"], &["--version"], &["nonsense"], &["config", "print", "--set", "x=1"]]
    {
        let [(_, output), (_, errors)] = [pipe().unwrap(), pipe().unwrap()];
        let status = clowder(&world.database, arguments, &[]).stdout(output).stderr(errors).status().unwrap();
        assert!(matches!(status.code(), Some(0 | 2)), "{arguments:?}: {status}");
    }
}

#[test]
fn help_fits_the_width_of_the_terminal() {
    let database = Database::sqlite();
    let lines = |columns: &str| -> Vec<String> {
        let said = run(clowder(&database, &["jobs", "list", "--help"], &[("COLUMNS", columns)]), b"");
        assert!(said.well, "{}", said.text);
        said.out.lines().map(str::to_owned).collect()
    };
    let widest = |lines: &[String]| lines.iter().map(|line| line.chars().count()).max().unwrap();
    let [narrow, wide] = [lines("60"), lines("200")];
    assert!(widest(&narrow) <= 60, "{narrow:#?}");
    assert!((61..=100).contains(&widest(&wide)), "longer lines are hard to read: {wide:#?}");
    let help = run(clowder(&database, &["--help"], &[]), b"").out;
    let written = help.lines().filter(|line| line.starts_with("  Each setting comes from")).collect::<Vec<_>>();
    assert!(written[0].ends_with(".env, the"), "the examples and settings fit as they are written: {help}");
    let manual = |columns| run(clowder(&database, &["manual"], &[("COLUMNS", columns)]), b"").out;
    assert_eq!(manual("60"), manual("200"), "the manual is the same on every terminal");
}

#[test]
fn the_first_line_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let piped = |command: &str| {
        let script = format!("set -o pipefail; \"$0\" {command} | head -n 1");
        let out = Command::new("bash").args(["-c", &script]).arg(binary()).current_dir(folder.path()).output().unwrap();
        let [out, err] = [&out.stdout, &out.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        (out, err)
    };
    assert_eq!(piped("openapi"), ("{\n".to_owned(), String::new()));
    assert_eq!(piped("asyncapi"), ("{\n".to_owned(), String::new()));
    let (out, err) = piped("config print");
    assert!(out.starts_with("# Every setting") && err.is_empty(), "{out}{err}");
}

/// The documents name the configured server.
#[test]
fn documents_name_the_server() {
    let database = Database::sqlite();
    for (settings, url, (protocol, host, path)) in [
        (&[("BIND", "127.0.0.1:8080")][..], "http://127.0.0.1:8080", ("ws", "127.0.0.1:8080", json!(null))),
        (&[("BIND", "0.0.0.0:8080"), ("PORT", "9000")], "http://127.0.0.1:9000", ("ws", "127.0.0.1:9000", json!(null))),
        (&[("BIND", "[::]:8080")], "http://[::1]:8080", ("ws", "[::1]:8080", json!(null))),
        (
            &[("BIND", "10.0.0.1:8080"), ("PUBLIC_URL", "https://chat.example/base")],
            "https://chat.example/base",
            ("wss", "chat.example", json!("/base")),
        ),
    ] {
        let document = |command: &str| {
            let said = run(clowder(&database, &[command], settings), b"");
            assert!(said.well, "{}", said.text);
            said.json()
        };
        assert_eq!(document("openapi")["servers"], json!([{"url": url}]));
        let server = document("asyncapi")["servers"]["main"].clone();
        assert_eq!(server["protocol"], protocol, "{server}");
        assert_eq!((&server["host"], &server["pathname"]), (&json!(host), &path), "{server}");
    }
    let said = run(clowder(&database, &["openapi"], &[("BIND", "nonsense")]), b"");
    assert!(said.code == Some(2) && said.text.contains("BIND") && said.out.is_empty(), "{}", said.text);
}

/// One document, and nothing else, however much is logged.
async fn documents_for_programs(world: World) {
    world.user("ada").await;
    let json = |arguments: &[&str]| {
        let said = world.command(&[arguments, &["--json"]].concat(), &[("LOG", "debug")]);
        assert!(said.well, "{arguments:?}: {}", said.text);
        said.json()
    };
    let jobs = json(&["jobs", "list", "--limit", "1"]);
    assert!(jobs["items"].is_array() && jobs["more"].is_boolean(), "{jobs}");
    let keys = json(&["keys", "status"]);
    assert_eq!(keys["active"], "secret-key");
    assert!(keys["columns"].as_array().unwrap().iter().all(|column| column["lost"] == 0), "{keys}");
    let chain = json(&["audit", "verify"]);
    assert!(chain["ok"] == true && chain["entries"].as_u64() > Some(0), "{chain}");
    let noted = world.command(&["audit", "verify", "--noted", chain["end"].as_str().unwrap()], &[]);
    assert!(noted.well, "{}", noted.text);
    assert_eq!(json(&["admin", "set-role", "ada", "admin"])["account"]["role"], "admin");
    let created = json(&["admin", "create", "--username", "bob", "--email", "bob@example.org"]);
    assert_eq!((&created["account"]["username"], &created["new_installation"]), (&json!("bob"), &json!(false)));
    assert!(created["database"].as_str().is_some_and(|place| !place.is_empty() && !place.contains('@')), "{created}");
    let login = json!({"username": "bob", "password": created["password"]});
    world.nobody().post("/api/auth/login", login).await.expect(200);
    assert!(json(&["admin", "reset-link", "bob"])["url"].as_str().unwrap().contains("#reset="));
    assert_eq!(json(&["migrate"]), json!({"ran": []}));
    assert_eq!(json(&["jobs", "retry", "--dead"]), json!({"retried": 0}));
    let rotated = json(&["keys", "rotate"]);
    assert_eq!((&rotated["active"], &rotated["lost"]), (&json!("secret-key"), &json!(0)), "{rotated}");
    assert!(rotated["columns"].as_array().unwrap().iter().all(|column| column["resealed"] == 0), "{rotated}");
    assert_eq!(json(&["users", "receipt-key"])["kty"], "OKP");
    let settings = json(&["config", "print"]);
    assert_eq!(settings["auth"]["secret_key"], "(secret)");
    assert_eq!(settings["database"]["url"], "(secret)");
    assert_eq!(settings["auth"]["bcrypt_cost"], 4);
    assert_eq!(json(&["config", "default"])["server"]["bind"], "127.0.0.1:8080");
    let people = "username,email,password_hash\ncem,cem@example.org,nonsense\n";
    std::fs::write(world.database.folder.path().join("people.csv"), people).unwrap();
    let said = world.command(&["users", "import", "people.csv", "--json"], &[]);
    assert_eq!(said.code, Some(1), "{}", said.text);
    assert!(said.json()["imported"] == 0 && said.json()["refused"][0]["line"] == 2, "{}", said.text);
    for (people, says) in [
        ("", "line 1: must name the columns"),
        ("username,email,password_hash,email_verifed\n", "line 1: unknown column `email_verifed`"),
        ("username,email\ncem,cem@example.org\n", "line 1: the column `password_hash` is missing"),
    ] {
        std::fs::write(world.database.folder.path().join("people.csv"), people).unwrap();
        let said = world.command(&["users", "import", "people.csv"], &[]);
        assert!(said.code == Some(2) && said.err.contains(says), "{}", said.text);
    }
    let key = world.command(&["users", "receipt-key"], &[]).json();
    assert_eq!(key["kty"], "OKP");
}

#[test]
fn wrong_settings_are_named_all_at_once() {
    let database = Database::sqlite();
    let settings = [
        ("DATABASE_URL", "postgress://ada:s3cret@db/clowder"),
        ("SMTP_URL", "smtp.example.org"),
        ("REDIS_URI", "redis://:s3cret@redis"),
        ("BCRYPT_COST", "3"),
        ("LOG", "info,loud"),
        ("CLOWDER__SERVER__BNID", "x"),
        ("DATA_DIR", "data"),
    ];
    let says = [
        "`loud` has no level",
        "did you mean `postgres://`?",
        "did you mean `smtp://smtp.example.org`?",
        "REDIS_URI is not a setting; did you mean REDIS_URL?",
        "BCRYPT_COST: `3` must be a whole number from 4 to 15",
        "did you mean CLOWDER__SERVER__BIND?",
        "unknown setting server.prot; did you mean server.port?",
    ];
    for command in [&["serve"][..], &["migrate"], &["jobs", "list"], &["config", "print"], &["keys", "rotate"]] {
        let arguments = [command, &["--set", "server.prot=1"]].concat();
        let said = run(clowder(&database, &arguments, &settings), b"");
        assert_eq!(said.code, Some(2), "{command:?}: {}", said.text);
        assert!(said.out.is_empty(), "{}", said.out);
        for says in says {
            assert!(said.err.contains(says), "{says} in {}", said.err);
        }
        assert!(!said.err.contains("s3cret"), "{}", said.err);
    }
    let left: Vec<_> = std::fs::read_dir(database.folder.path()).unwrap().collect();
    assert!(left.is_empty(), "nothing has begun: {left:?}");
}

/// Commands for existing installations: with the wrong DATA_DIR they name what is missing, and create nothing there.
const NEEDS_AN_INSTALLATION: &[&[&str]] = &[
    &["jobs", "list"],
    &["jobs", "retry", "--dead"],
    &["jobs", "drop", "01890a5d-ac96-774b-bcce-b302099a8057"],
    &["jobs", "run"],
    &["users", "verify-receipt", "receipt.txt"],
    &["users", "receipt-key"],
    &["keys", "rotate"],
    &["readers", "list"],
    &["readers", "rewind", "notifications", "--to", "0"],
    &["search", "status"],
    &["search", "rebuild"],
    &["keys", "status"],
    &["audit", "verify"],
    &["files", "clean"],
    &["files", "clean", "--dry-run"],
    &["files", "check"],
    &["files", "move", "--to", "elsewhere"],
    &["admin", "set-role", "ada", "admin"],
    &["admin", "suspend", "ada", "--reason", "spam"],
    &["admin", "lift", "ada"],
    &["admin", "reset-link", "ada"],
    &["admin", "remove-second-factor", "ada"],
    &["doctor"],
];
/// Commands that create an installation, or need none.
const NEEDS_NONE: &[&str] = &[
    "serve",
    "migrate",
    "admin create",
    "users import",
    "config print",
    "config default",
    "openapi",
    "asyncapi",
    "completions",
    "manual",
];

#[test]
fn no_installation_begins_by_being_looked_at() {
    let database = Database::sqlite();
    let folder = database.folder.path();
    std::fs::write(folder.join("receipt.txt"), "a.b.c").unwrap();
    for arguments in NEEDS_AN_INSTALLATION {
        for settings in [
            // The installation that DATA_DIR alone creates, with its own secret; and one named by DATABASE_URL.
            [("DATA_DIR", "wrong"), ("DATABASE_URL", ""), ("SECRET_KEY", "")],
            [("DATA_DIR", "wrong"), ("DATABASE_URL", "sqlite:wrong/other.db"), ("SECRET_KEY", "")],
        ] {
            let said = run(clowder(&database, arguments, &settings), b"");
            assert_eq!(said.code, Some(1), "{arguments:?}: {}", said.text);
            let names = ["wrong/clowder.db is missing", "wrong/other.db is missing", "wrong/secret.key is missing"];
            assert!(names.iter().any(|name| said.text.contains(name)), "{arguments:?}: {}", said.text);
            assert!(!folder.join("wrong").exists(), "{arguments:?}");
        }
    }
    // Every command is in one of the lists.
    let manual = run(clowder(&database, &["manual"], &[]), b"").out;
    let headings = manual.lines().filter(|line| line.starts_with('#'));
    let commands: Vec<_> =
        headings.filter_map(|line| line.trim_start_matches(['#', ' ']).strip_prefix("clowder ")).collect();
    assert!(commands.contains(&"jobs list") && commands.contains(&"doctor"), "{commands:?}");
    for command in &commands {
        let is_group = commands.iter().any(|other| other.starts_with(&format!("{command} ")));
        let looked_at = NEEDS_AN_INSTALLATION.iter().any(|arguments| arguments.join(" ").starts_with(command));
        assert!(is_group || looked_at || NEEDS_NONE.contains(command), "{command}: does it begin an installation?");
    }
}

#[test]
fn a_first_account_says_where_it_is() {
    let database = Database::sqlite();
    let settings = [("DATA_DIR", "here"), ("DATABASE_URL", ""), ("SECRET_KEY", "")];
    let create = |name: &str| {
        let email = format!("{name}@example.org");
        let arguments = ["admin", "create", "--username", name, "--email", &email];
        run(clowder(&database, &arguments, &settings), b"")
    };
    let first = create("ada");
    let place = database.folder.path().join("here/clowder.db");
    assert!(first.well && first.out.contains(&format!("database: {}", place.display())), "{}", first.text);
    assert!(first.out.contains("This is a new installation"), "{}", first.text);
    let second = create("bob");
    assert!(second.well && second.out.contains("database: "), "{}", second.text);
    assert!(!second.out.contains("new installation"), "{}", second.text);
}

#[test]
fn shells_complete_commands() {
    let script = |shell: &str| {
        let out = Command::new(binary()).args(["completions", shell]).output().unwrap();
        assert!(out.status.success());
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(script("zsh").starts_with("#compdef clowder"));
    assert!(script("fish").contains("complete -c clowder"));
    let asked = "COMP_WORDS=(clowder co); COMP_CWORD=1; _clowder clowder co clowder; echo \"${COMPREPLY[*]}\"
                 COMP_WORDS=(clowder jobs list --s); COMP_CWORD=3; _clowder clowder --s list; echo \"${COMPREPLY[*]}\"";
    let out = Command::new("bash").args(["--norc", "-c", &format!("{}\n{asked}", script("bash"))]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "config completions\n--state --set\n", "{out:?}");
}
