//! A real headless Firefox, which opens one page and is left alone: what the page does has to be seen at the server.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::setting;

/// Sounds play without a click, the microphone is one that hums, and nothing is asked or fetched at the start.
const PREFERENCES: &str = r#"
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"#;

pub struct Firefox {
    child: Child,
    _profile: TempDir,
}

impl Firefox {
    /// Opens this page.
    pub fn start(url: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        std::fs::write(profile.path().join("user.js"), PREFERENCES).unwrap();
        let child = Command::new(program())
            .args(["--headless", "--no-remote", "--profile"])
            .arg(profile.path())
            .arg(url)
            // It refuses the home of somebody else.
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("Firefox does not start");
        Self { child, _profile: profile }
    }
}

/// Its processes are one group.
impl Drop for Firefox {
    fn drop(&mut self) {
        let killed = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
        assert!(killed.is_ok_and(|killed| killed.success()) || std::thread::panicking(), "Firefox goes on");
    }
}

/// `TEST_FIREFOX`, or an installed one.
fn program() -> PathBuf {
    if let Some(given) = setting("TEST_FIREFOX") {
        return given.into();
    }
    let folders = setting("PATH").unwrap_or_default();
    let names = ["firefox-esr", "firefox"];
    let mut programs = names.iter().flat_map(|name| std::env::split_paths(&folders).map(move |it| it.join(name)));
    programs.find(|program| program.is_file()).expect("no Firefox: run `make test`, or set TEST_FIREFOX")
}
