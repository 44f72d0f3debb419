//! Who may import whom: core imports none of our packages, domains only core; databases and other external systems are
//! reached only through infra, whose inner packages are private, and HTTP only in the gateway.

use std::{collections::BTreeSet, process::Command};

use clowder_tests::root;
use serde_json::Value;

/// Crates for external systems; only infra may depend on them.
const OUTSIDE: &[&str] = &[
    "bcrypt",
    "deadpool",
    "deadpool-redis",
    "diesel",
    "diesel_migrations",
    "image",
    "jsonwebtoken",
    "lettre",
    "libsqlite3-sys",
    "object_store",
    "pq-sys",
    "r2d2",
    "redis",
];

/// Crates that core and the domains must not use: they never wait, and read neither a clock nor randomness.
const RUNTIME: &[&str] = &["flume", "futures-util", "getrandom", "rand", "reqwest", "tokio", "tracing-subscriber"];

struct Package {
    name: String,
    /// The path below the repository's root: `crates/core`.
    folder: String,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    dev: bool,
    optional: bool,
    features: Vec<String>,
}

fn packages() -> Vec<Package> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let package = |package: &Value| Package {
        name: text(&package["name"]),
        folder: {
            let manifest = text(&package["manifest_path"]);
            let below = manifest.strip_prefix(&format!("{}/", root().display())).unwrap_or(&manifest).to_owned();
            below.trim_end_matches("/Cargo.toml").to_owned()
        },
        dependencies: list(&package["dependencies"])
            .iter()
            .map(|dependency| Dependency {
                name: text(&dependency["name"]),
                dev: dependency["kind"] == "dev",
                optional: dependency["optional"] == true,
                features: list(&dependency["features"]).iter().map(text).collect(),
            })
            .collect(),
    };
    list(&metadata["packages"]).iter().map(package).collect()
}

/// Infra and its inner packages.
fn is_infra(package: &Package) -> bool {
    package.folder == "crates/infra" || package.folder.starts_with("crates/infra/")
}

/// Which of our packages a package may depend on.
fn may_import(package: &Package, other: &str) -> bool {
    let above = ["clowder-gateway", "clowder-tests"].contains(&other);
    let inner = other.starts_with("clowder-infra-");
    match package.folder.as_str() {
        // Egress knows none of us: what it may call is said by its options.
        "crates/core" | "crates/infra/egress" => false,
        "crates/infra" => !above,
        "crates/infra/base" => !above && !other.starts_with("clowder-infra"),
        // Neither half may depend on the other.
        "crates/infra/pg" | "crates/infra/lite" => {
            !above && (other == "clowder-infra-base" || !other.starts_with("clowder-infra"))
        }
        // Leaves: the ports of files, and nothing of the databases.
        "crates/infra/blobs" | "crates/infra/inspect" => ["clowder-core", "clowder-media"].contains(&other),
        "apps/gateway" | "tests" if other == "clowder-egress" => false,
        "apps/gateway" => other != "clowder-tests" && !inner,
        "tests" => !inner,
        _ => other == "clowder-core",
    }
}

#[test]
fn packages_are_called_after_their_folders() {
    for package in packages() {
        let below = ["crates/", "apps/"].iter().find_map(|top| package.folder.strip_prefix(top));
        // Egress is no part of the databases, and is called by what it does.
        let below = below.map(|below| below.strip_prefix("infra/egress").map_or(below, |_| "egress"));
        let folder = below.unwrap_or(&package.folder).replace('/', "-");
        assert_eq!(package.name, format!("clowder-{folder}"), "{}", package.folder);
    }
}

#[test]
fn ours_import_only_what_lies_below() {
    let packages = packages();
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    for package in &packages {
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(dependency.name.as_str())) {
            // Examples of a domain crate may open a store; only the tests may import the gateway.
            let allowed = match dependency.dev {
                true => {
                    let inner = dependency.name.starts_with("clowder-infra-");
                    !inner && (dependency.name != "clowder-gateway" || package.folder == "tests")
                }
                false => may_import(package, &dependency.name),
            };
            assert!(allowed, "{} must not import {}", package.name, dependency.name);
        }
    }
}

#[test]
fn the_outside_is_reached_through_infra_alone() {
    for package in packages().iter().filter(|package| !is_infra(package)) {
        for dependency in &package.dependencies {
            // Only infra enables the SQL mapping of core, and its error classification.
            let of_core = package.folder == "crates/core" && dependency.optional;
            let sql_of_core = of_core && ["diesel", "pq-sys"].contains(&dependency.name.as_str());
            let outside = OUTSIDE.contains(&dependency.name.as_str()) && !sql_of_core;
            assert!(!outside, "{} must not import {}: only infra does", package.name, dependency.name);
            let sql =
                dependency.name == "clowder-core" && dependency.features.iter().any(|feature| feature == "diesel");
            assert!(!sql, "{} must not turn on the SQL mapping of core: only infra does", package.name);
        }
    }
}

#[test]
fn http_is_spoken_in_the_gateway_alone() {
    for package in packages().iter().filter(|package| package.folder != "apps/gateway") {
        for dependency in &package.dependencies {
            assert!(!dependency.name.starts_with("actix"), "{} must not import {}", package.name, dependency.name);
        }
    }
}

#[test]
fn core_and_domains_have_no_runtime() {
    for package in packages().iter().filter(|package| package.folder.starts_with("crates/")) {
        if is_infra(package) {
            continue;
        }
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.dev) {
            let runtime = RUNTIME.contains(&dependency.name.as_str());
            assert!(!runtime, "{} must not import {}: rules neither wait nor look", package.name, dependency.name);
        }
    }
}
