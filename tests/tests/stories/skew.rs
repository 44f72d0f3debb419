//! A node whose clock is more than a second off the database's refuses work and says so; `clowder doctor` says the
//! same.

use std::fs;

use clowder_tests::{Database, World, answer, until};
use serde_json::Value;

/// A server whose clock is off by the content of a file.
struct Skewed {
    world: World,
    file: String,
}

impl Skewed {
    async fn start(database: Database, seconds: f64) -> Self {
        let file = database.folder.path().join("clock").display().to_string();
        fs::write(&file, seconds.to_string()).unwrap();
        let settings = [("DEBUG", "true"), ("TEST_CLOCK_FILE", file.as_str())];
        Self { world: World::with_wrong_clock(database, &settings).await, file }
    }

    fn off_by(&self, seconds: f64) {
        let draft = format!("{}.draft", self.file);
        fs::write(&draft, seconds.to_string()).unwrap();
        fs::rename(draft, &self.file).unwrap();
    }

    /// The problem of a server that is not ready for this reason alone.
    async fn unready(&self) -> String {
        let problem = answer("it is not ready", async || {
            let ready = self.world.nobody().may_fail().get("/api/health/ready").await;
            (ready.status == 503).then(|| ready.refused(503, "not_ready"))
        });
        let problem = problem.await;
        let failing = problem["errors"].as_array().unwrap();
        assert!(failing.len() == 1 && failing[0]["pointer"] == "clock", "{problem}");
        failing[0]["message"].as_str().unwrap().to_owned()
    }

    async fn ready(&self) {
        let ready = async || self.world.nobody().may_fail().get("/api/health/ready").await.status == 200;
        until("it is ready", ready).await;
    }

    /// The result of `clowder doctor` with the same clock: exit code, and the finding about the clock.
    fn doctor(&self) -> (Option<i32>, Value) {
        let settings =
            [("DEBUG", "true"), ("TEST_CLOCK_FILE", self.file.as_str()), ("BIND", self.world.server.address.as_str())];
        let said = self.world.command(&["doctor", "--json"], &settings);
        let report = said.json();
        let mut found = report["findings"].as_array().unwrap().iter().filter(|finding| finding["name"] == "clock");
        let finding = found.next().unwrap_or_else(|| panic!("no clock in {report}")).clone();
        assert!(found.next().is_none(), "told twice: {report}");
        (said.code, finding)
    }
}

/// The seconds in a sentence.
fn seconds(text: &str) -> f64 {
    let (number, _) = text.strip_prefix("this node's clock is ").unwrap().split_once(" s ").unwrap();
    number.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_second_from_the_database_is_not_ready() {
    let node = Skewed::start(Database::postgres(), 1.5).await;
    for (off, word) in [(1.5, "ahead of the database's"), (-1.5, "behind the database's")] {
        node.off_by(off);
        let says = answer("it says by how much", async || {
            let says = node.unready().await;
            says.contains(word).then_some(says)
        });
        let says = says.await;
        assert!((seconds(&says) - 1.5).abs() < 0.4 && says.contains("NTP"), "{says}");
        node.world.nobody().get("/api/health/live").await.expect(200);
        let (code, finding) = node.doctor();
        let detail = finding["detail"].as_str().unwrap();
        assert!(code == Some(1) && finding["status"] == "failed" && detail.contains(word), "{finding}");
        assert!((seconds(detail) - 1.5).abs() < 0.4, "{finding}");
    }
    for off in [0.5, -0.5, 0.0] {
        node.off_by(off);
        node.ready().await;
        let (code, finding) = node.doctor();
        assert!(code == Some(0) && finding["status"] == "ok", "{finding}");
    }
    // A readiness check measures it; the file with the clock's error is read from time to time.
    let follows = async || {
        node.ready().await;
        let measured = node.world.nobody().get("/metrics").await.text;
        let skew =
            measured.lines().find_map(|line| line.strip_prefix("clowder_clock_skew_seconds ")).expect("no gauge");
        skew.parse::<f64>().unwrap().abs() < 0.4
    };
    until("the gauge follows the clock", follows).await;
}

/// SQLite is on the same machine, with the same clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_embedded_database_has_the_same_clock() {
    let node = Skewed::start(Database::sqlite(), 100_000.0).await;
    node.ready().await;
    let (_, finding) = node.doctor();
    assert!(finding["status"] == "ok" && finding["detail"] == "the database is on this machine", "{finding}");
}
