//! Push services that check what a protocol demands, in a process of their own (`scripts/push/services.mjs`).

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{client, process, setting, wait};

pub struct PushServices {
    _process: Child,
    _folder: TempDir,
    /// Where they are, and with which keys.
    at: Value,
}

impl PushServices {
    pub async fn start() -> Self {
        let program = setting("TEST_PUSH_SERVICES");
        let program = program.unwrap_or_else(|| {
            panic!("TEST_PUSH_SERVICES is not set: run `make test`, or `make services` for a shell")
        });
        let folder = tempfile::tempdir().unwrap();
        let (process, said) = process::start(Command::new("node").arg(program).arg(folder.path())).await;
        let at = serde_json::from_str(&said.unwrap_or_default()).expect("push services say where they are");
        Self { _process: process, _folder: folder, at }
    }

    pub fn text(&self, name: &str) -> String {
        let value = &self.at[name];
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// With which a server reaches them.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("EGRESS_ALLOW", "127.0.0.0/8".into()),
            ("EGRESS_CA_FILE", self.text("ca_file")),
            ("PUSH_CONTACT", "mailto:ops@chat.example".into()),
            ("PUSH_DELAY_SECONDS", "0".into()),
            // So that another process soon goes on with what a killed one has begun.
            ("JOB_LEASE_SECONDS", "2".into()),
            ("FCM_CREDENTIALS", self.text("fcm_credentials")),
            ("FCM_URL", self.text("fcm")),
            ("APNS_KEY", self.text("apns_key")),
            ("APNS_KEY_ID", self.text("apns_key_id")),
            ("APNS_TEAM_ID", self.text("apns_team_id")),
            ("APNS_TOPICS", self.text("apns_topic")),
            ("APNS_URL", self.text("apns")),
        ]
    }

    async fn control(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let request = client::http().build().unwrap().request(method, format!("{}{path}", self.text("control")));
        let answer = request.body(body.to_string()).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// A browser that has subscribed: its name at the service, and what it gives to the server.
    pub async fn browser(&self) -> (String, Value) {
        let made = self.control(reqwest::Method::POST, "/subscriptions", &json!({})).await;
        let new = json!({"kind": "web", "endpoint": made["endpoint"], "keys": made["keys"]});
        (made["name"].as_str().unwrap().to_owned(), new)
    }

    /// How the next call to a device is answered; with `always` all of them, and without anything as usual again.
    pub async fn behave(&self, device: &str, mut how: Value) {
        how["device"] = json!(device);
        self.control(reqwest::Method::POST, "/behave", &how).await;
    }

    /// Lets everybody sign in to FCM again.
    pub async fn forget_tokens(&self) {
        self.control(reqwest::Method::POST, "/forget-tokens", &json!({})).await;
    }

    /// What a device has got so far.
    pub async fn received(&self, device: &str) -> Vec<Value> {
        let all = self.counts().await;
        let all = all["received"].as_array().unwrap().iter();
        all.filter(|one| one["device"] == device).cloned().collect()
    }

    /// All that was received, how often the server signed in to FCM, and its connections to APNs.
    pub async fn counts(&self) -> Value {
        self.control(reqwest::Method::GET, "/received", &Value::Null).await
    }

    /// What was not as a protocol demands.
    pub async fn faults(&self) -> Value {
        self.control(reqwest::Method::GET, "/faults", &Value::Null).await
    }

    /// Waits until a call to a device is not answered.
    pub async fn until_asked(&self, device: &str) {
        wait::until("a call to the device hangs", async || {
            let hanging = self.counts().await;
            hanging["hanging"].as_array().unwrap().iter().any(|one| one == device)
        })
        .await;
    }

    /// Waits until a device has got so many, and returns them.
    pub async fn until(&self, device: &str, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        wait::until("the device gets a push", async || {
            found = self.received(device).await;
            found.len() >= count
        })
        .await;
        found
    }
}
