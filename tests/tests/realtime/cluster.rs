//! `make cluster`, as somebody uses it who tries it: by what it prints.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use clowder_tests::{Postgres, Redis, root, server::binary, until};

struct Cluster {
    script: Child,
    /// What it prints up to its last line.
    said: String,
    nodes: Vec<u32>,
}

impl Cluster {
    fn start(postgres: &str, redis: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut script = Command::new(root().join("scripts/cluster"));
        let script = script.arg(port.to_string()).env("CLOWDER_BIN", binary());
        let script = script.env("TEST_POSTGRES_URL", postgres).env("TEST_REDIS_URL", redis);
        let mut script = script.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut said, mut nodes) = (String::new(), Vec::new());
        for line in BufReader::new(script.stdout.take().unwrap()).lines().map_while(Result::ok) {
            said.extend([&line, "\n"]);
            if line.contains("Ctrl-C") {
                break;
            }
        }
        for line in BufReader::new(script.stderr.take().unwrap()).lines().map_while(Result::ok).take(3) {
            let process = line.split(" is process ").nth(1).and_then(|rest| rest.split(' ').next());
            nodes.push(process.unwrap_or_else(|| panic!("{line}")).parse().unwrap());
        }
        assert!(said.contains("3 gateways answer"), "{said}");
        Self { script, said, nodes }
    }

    /// Runs what it says to try, and returns what the stream says within a moment.
    fn tried(&self) -> String {
        let line = |begins: &str| self.said.lines().find(|line| line.starts_with(begins)).unwrap();
        let commands = format!("{}; timeout 3 {}", line("NAME="), line("curl -sN"));
        let tried = Command::new("bash").args(["-c", &commands]).output().unwrap();
        String::from_utf8(tried.stdout).unwrap()
    }
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

fn lives(process: u32) -> bool {
    Command::new("kill").args(["-0", &process.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_make_cluster_prints_works_as_pasted() {
    let (postgres, redis) = (Postgres::new(), Redis::start().await);
    let mut cluster = Cluster::start(&postgres.run("start"), &redis.url());
    assert!(cluster.tried().contains(r#""type":"hello""#), "{}", cluster.said);
    // The line says which.
    let first = cluster.nodes[0];
    assert!(cluster.said.contains(&format!("kill -9 {first}")), "{}", cluster.said);
    signal("-9", first);
    until("the others serve", async || cluster.tried().contains(r#""type":"hello""#)).await;
    signal("-INT", cluster.script.id());
    let nodes = cluster.nodes.clone();
    until("nothing is left", async || !nodes.iter().any(|node| lives(*node))).await;
    tokio::time::timeout(Duration::from_secs(20), tokio::task::spawn_blocking(move || cluster.script.wait()))
        .await
        .expect("the script goes on")
        .unwrap()
        .unwrap();
}
