//! All methods of all ports, as their sources say: each is listed by its domain.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clowder_tests::database::walk;

use crate::domains::DOMAINS;

/// The sources of all ports: of every domain crate each `port.rs` and what lies in a folder `port`, so that no new port is
/// forgotten.
fn sources() -> Vec<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let own = ["readers.rs", "seal.rs", "store.rs"].map(|file| crates.join("infra/base/src").join(file));
    let mut files = ["core/src/journal.rs", "core/src/job.rs"].map(|file| crates.join(file)).to_vec();
    files.extend(own);
    let is_port =
        |path: &PathBuf| path.ends_with("port.rs") || path.parent().is_some_and(|folder| folder.ends_with("port"));
    for domain in crates.read_dir().unwrap().map(|entry| entry.unwrap().path().join("src")) {
        files.extend(walk(domain).into_iter().filter(is_port));
    }
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// `Port::method` of all ports, as their sources say.
fn methods() -> BTreeSet<String> {
    let mut methods = BTreeSet::new();
    for source in sources() {
        let mut port = None;
        for line in source.lines() {
            if let Some(rest) = line.strip_prefix("pub trait ") {
                let name = rest.split([':', ' ', '<']).next().unwrap();
                // A worker is what runs a job; its jobs are run below.
                port = Some(name).filter(|name| !["Work", "Worker"].contains(name));
            } else if line == "}" {
                port = None;
            } else if let (Some(port), Some((_, rest))) = (port, line.split_once("fn ")) {
                let indented = line.starts_with("    fn ") || line.starts_with("    async fn ");
                if indented {
                    methods.insert(format!("{port}::{}", rest.split(['(', '<']).next().unwrap()));
                }
            }
        }
    }
    methods
}

#[test]
fn every_method_of_every_port_is_listed() {
    let listed: Vec<_> = DOMAINS.iter().flat_map(|domain| domain.writes.iter().chain(domain.reads)).collect();
    let count = listed.len();
    let listed: BTreeSet<String> = listed.into_iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed.len(), count, "one is listed twice");
    let methods = methods();
    assert!(methods.len() > 80, "{methods:?}");
    let missing: Vec<_> = methods.difference(&listed).collect();
    assert!(missing.is_empty(), "`writes` and `perform` of the domain, or its `reads`: {missing:?}");
    let gone: Vec<_> = listed.difference(&methods).collect();
    assert!(gone.is_empty(), "no port has {gone:?}");
}
