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

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> {
        let top = root().join("migrations").join(database);
        walk(&top).iter().map(|path| path.strip_prefix(&top).unwrap().to_string_lossy().into_owned()).collect()
    };
    let postgres = names("postgres");
    assert!(!postgres.is_empty(), "no migrations");
    assert_eq!(postgres, names("sqlite"));
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
