//! `clowder jobs run`: a process that only runs jobs.

use std::process::{Command as Blocking, ExitStatus};

use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{
    Database, PATIENCE, process,
    server::{SETTINGS, binary},
};

pub struct JobProcess(Child);

impl JobProcess {
    /// Starts it over a database and waits until it is running.
    pub async fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        let (child, said) = process::start(
            Command::new(binary())
                .args(["jobs", "run"])
                .current_dir(database.folder.path())
                .env_clear()
                .envs(SETTINGS.iter().copied())
                .env("DATABASE_URL", &database.url)
                .env("DATA_DIR", database.folder.path())
                .env("LOG", "off")
                .envs(settings.iter().copied()),
        )
        .await;
        assert_eq!(said.as_deref(), Some("running jobs"));
        Self(child)
    }

    /// SIGTERM; returns the exit status.
    pub async fn stop(mut self) -> ExitStatus {
        let pid = self.0.id().expect("it has ended already").to_string();
        assert!(Blocking::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        timeout(PATIENCE * 2, self.0.wait()).await.expect("it does not stop").unwrap()
    }

    /// SIGKILL, whatever it is doing.
    pub async fn kill(mut self) {
        self.0.kill().await.unwrap();
    }
}
