//! What a source file looks like: short, opened by a sentence, named after its subject, finished.

use std::{collections::BTreeSet, fs, path::PathBuf};

use clowder_tests::{database::walk, root};

const LONGEST: usize = 500;

/// Every Rust file of ours, by its path from the root.
fn sources() -> Vec<(String, String)> {
    let folders = ["crates", "apps", "tests", "examples", "fuzz", "bench"];
    let files = folders.iter().flat_map(|folder| walk(root().join(folder)));
    let ours = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "rs") && !path.iter().any(|part| part == "target")
    };
    let below = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    files.filter(ours).map(|path| (below(&path), fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn every_file_opens_with_what_it_is() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "these open without a sentence: {silent:#?}");
}

#[test]
fn no_file_is_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > LONGEST)
        .map(|(path, text)| format!("{path}: {}", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "split these by use case: {long:#?}");
}

#[test]
fn files_are_called_after_their_subject() {
    // Included by `#[path]` once per database, which needs a file of this name.
    let allowed = |path: &str| path == "crates/infra/repo/mod.rs";
    let vague = ["mod", "utils", "util", "common", "helpers", "helper", "types", "misc"];
    for (path, _) in sources() {
        let parts = path.trim_end_matches(".rs").split('/');
        let named = parts.into_iter().find(|part| vague.contains(part));
        assert!(named.is_none() || allowed(&path), "{path}: '{}' says nothing", named.unwrap_or_default());
    }
}

#[test]
fn nothing_is_left_unfinished() {
    // Assembled here, so that this file does not match itself.
    let signs = ["unimplemented", "todo"].map(|name| format!("{name}!("));
    let ignored = format!("#[{}", "ignore");
    for (path, text) in sources() {
        for sign in signs.iter().chain([&ignored]) {
            assert!(!text.contains(sign.as_str()), "{path} has {sign}");
        }
    }
}

/// [`clowder_core::Timestamp::left`] calculates how much of a period is left, because a clock may have been ahead:
/// `at.plus(period).since(now)` would wait for as long as it was.
#[test]
fn what_is_left_of_a_period_is_asked_in_one_place() {
    let asked = |line: &&str| line.find(".plus(").is_some_and(|plus| line[plus..].contains(").since("));
    let own = |path: &str| path.ends_with("core/src/time.rs") || path.starts_with("tests/");
    let found: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| !own(path))
        .flat_map(|(path, text)| text.lines().filter(asked).map(|line| format!("{path}: {line}")).collect::<Vec<_>>())
        .collect();
    assert!(found.is_empty(), "use Timestamp::left: {found:#?}");
}

/// What one domain is about is known in its own files alone, so that another is added without touching them. Accounts are
/// known everywhere: everything is done by somebody.
#[test]
fn a_domain_is_known_in_its_own_files_alone() {
    let shared = ["crates/infra/base/src/domains.rs"];
    let folders = ["apps/gateway/src/", "crates/infra/repo/", "crates/infra/base/src/", "crates/infra/src/"];
    let domains: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["core", "accounts", "infra"].contains(&name.as_str()))
        .collect();
    assert!(domains.iter().any(|name| name == "messaging"), "{domains:?}");
    let mut strange = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| folders.iter().any(|folder| path.starts_with(folder))) {
        let code: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for domain in &domains {
            // A crate may have several domains, each a folder with its port.
            let has_port = |part: &str| {
                let plain = part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                plain && root().join(format!("crates/{domain}/src/{part}/port.rs")).exists()
            };
            let is_own =
                path.split('/').map(|part| part.trim_end_matches(".rs")).any(|part| part == domain || has_port(part));
            let named = code.iter().any(|line| line.contains(&format!("clowder_{domain}::")));
            if named && !is_own && !shared.contains(&path.as_str()) {
                strange.push(format!("{path} names {domain}"));
            }
        }
        // The journal knows no domain at all: it stores and replays the changes of all.
        if path.starts_with("crates/infra/repo/journal") {
            let accounts = code.iter().any(|line| line.contains("clowder_accounts") || line.contains("accounts::"));
            assert!(!accounts, "{path} names accounts");
        }
    }
    let known = [
        // Friends hear of each other's presence, under the scope of friends.
        "apps/gateway/src/domains/presence/events.rs names social",
        // Whoever is in a chat with somebody learns that their account was erased, under the scope of chats.
        "apps/gateway/src/domains/accounts/events.rs names messaging",
        // An API key gets those suggestions that its scopes let it list.
        "apps/gateway/src/domains/profiles/handlers.rs names messaging",
        "apps/gateway/src/domains/profiles/handlers.rs names social",
        // The catalogue of problems needs one as an example.
        "apps/gateway/src/domains/operation/examples.rs names messaging",
    ];
    strange.retain(|line| !known.contains(&line.as_str()));
    assert!(strange.is_empty(), "move this into the files of the domain: {strange:#?}");
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> {
        let top = root().join("migrations").join(database);
        walk(&top).iter().map(|path| path.strip_prefix(&top).unwrap().to_string_lossy().into_owned()).collect()
    };
    let postgres = names("postgres");
    assert!(!postgres.is_empty(), "no migrations");
    assert_eq!(postgres, names("sqlite"));
    // Of two with the same time, only one would run.
    let times = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names.iter().map(|name| name.split('_').next().unwrap().to_owned()).collect()
    };
    let folders: BTreeSet<_> = postgres.iter().map(|name| name.split('/').next().unwrap().to_owned()).collect();
    assert_eq!(times(&folders).len(), folders.len(), "two migrations have one time: {folders:#?}");
}

/// From here on, nodes of the version before run beside new ones on the new schema.
const ROLLING: &str = "2026-12-01";

/// What the version before could not work with: it reads and writes what a statement takes away, and leaves out what one
/// demands.
fn breaks_the_version_before(statement: &str) -> bool {
    let statement = statement.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let takes = ["DROP TABLE", "DROP COLUMN", "RENAME ", "SET NOT NULL"].iter().any(|part| statement.contains(part));
    let demands = statement.split("ADD COLUMN").skip(1).any(|add| add.contains("NOT NULL") && !add.contains("DEFAULT"));
    takes || demands
}

/// Several nodes work on PostgreSQL alone, so a migration of SQLite may do more.
#[test]
fn the_version_before_can_work_with_each_migration() {
    for (statement, breaks) in [
        ("CREATE TABLE pets (id uuid NOT NULL)", false),
        ("ALTER TABLE pets ADD COLUMN name text", false),
        ("ALTER TABLE pets ADD COLUMN name text NOT NULL DEFAULT ''", false),
        ("ALTER TABLE pets DROP CONSTRAINT pets_name_check", false),
        ("ALTER TABLE pets ADD COLUMN name text NOT NULL", true),
        ("ALTER TABLE pets ADD COLUMN age int DEFAULT 0,\n  ADD COLUMN name text NOT NULL", true),
        ("ALTER TABLE pets ALTER COLUMN name SET NOT NULL", true),
        ("ALTER TABLE pets RENAME COLUMN name TO called", true),
        ("alter table pets drop column name", true),
        ("DROP TABLE pets", true),
    ] {
        assert_eq!(breaks_the_version_before(statement), breaks, "{statement}");
    }
    let mut looked = 0;
    for path in walk(root().join("migrations/postgres")) {
        let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        if *folder < *ROLLING || !path.ends_with("up.sql") {
            continue;
        }
        looked += 1;
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().map(|line| line.split("--").next().unwrap()).collect::<Vec<_>>().join("\n");
        let breaking: Vec<_> = code.split(';').filter(|statement| breaks_the_version_before(statement)).collect();
        assert!(breaking.is_empty(), "{folder}: take it away in a later version, or give it a default: {breaking:#?}");
    }
    assert!(looked > 5, "{looked}");
}

/// The queries are compiled once per database, in packages without unit tests: a unit test there would never run.
#[test]
fn the_queries_have_no_unit_tests() {
    // Assembled here, so that this file does not match itself.
    let sign = ["#[cfg(", "test)]"].concat();
    let halves = ["crates/infra/repo/", "crates/infra/pg/", "crates/infra/lite/"];
    let queries: Vec<_> =
        sources().into_iter().filter(|(path, _)| halves.iter().any(|half| path.starts_with(half))).collect();
    assert!(queries.len() > 60, "{}", queries.len());
    let found: Vec<_> = queries.into_iter().filter(|(_, text)| text.contains(&sign)).map(|(path, _)| path).collect();
    assert!(found.is_empty(), "what can be tested by itself belongs into crates/infra/base: {found:#?}");
}
