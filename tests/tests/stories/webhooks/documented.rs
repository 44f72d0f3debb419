//! The programs in docs/webhooks.md that check signatures do what it says, as far as they run here.

use std::{fs, process::Stdio};

use clowder_core::Timestamp;
use clowder_notifications::webhooks::{Keys, Secret, SigningKeys};
use clowder_tests::{root, setting};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

/// The first block of this language.
fn block(language: &str) -> String {
    let page = fs::read_to_string(root().join("docs/webhooks.md")).unwrap();
    let (_, rest) = page.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no {language}"));
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// What becomes of a line of JSON for each call: `true` if it is accepted.
const PYTHON: &str = r#"
import sys
for line in sys.stdin:
    call = json.loads(line)
    try:
        print(json.dumps(verify(call["secret"], call["headers"], call["body"].encode()) == json.loads(call["body"])))
    except Exception:
        print("false")
"#;
const JAVASCRIPT: &str = r#"
import { createInterface } from "node:readline";
for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  let same = false;
  try {
    same = JSON.stringify(verify(call.secret, call.headers, call.body)) === JSON.stringify(JSON.parse(call.body));
  } catch {}
  console.log(same);
}
"#;

async fn run(program: &str, arguments: &[&str], calls: &[Value]) -> Vec<bool> {
    let mut process = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let lines: String = calls.iter().map(|call| format!("{call}\n")).collect();
    process.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
    let output = process.wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(|line| line == "true").collect()
}

#[tokio::test]
async fn the_programs_of_the_page_accept_what_is_ours_and_nothing_else() {
    #[expect(clippy::disallowed_methods, reason = "the programs compare with the clock of this machine")]
    let now = Timestamp::from(jiff::Timestamp::now());
    let keys = |octet| Keys { secret: Secret::new([octet; 32]).unwrap(), pair: None };
    let before = SigningKeys { current: keys(1), former: None };
    let both = before.rotated(keys(2), now.plus(std::time::Duration::from_secs(60)));
    let (id, body) = ("01993c52-0c3e-7a19-b6d0-1f6a2e9c4b85", r#"{"type":"a.b","data":{"text":"ü \" 🐾"}}"#);
    let call = |signer: &SigningKeys, at: Timestamp, signed: &str, secret: u8| {
        let signatures = signer.sign(at, id, signed.as_bytes()).unwrap();
        json!({
            "secret": keys(secret).secret.expose(), "body": body,
            "headers": {
                "webhook-id": id, "webhook-timestamp": at.as_seconds().to_string(), "webhook-signature": signatures,
            },
        })
    };
    let old = now.minus(std::time::Duration::from_secs(400));
    let mut unsigned = call(&before, now, body, 1);
    unsigned["headers"] = json!({});
    let calls = [
        (call(&before, now, body, 1), true),
        (call(&both, now, body, 1), true),
        (call(&both, now, body, 2), true),
        (call(&before, now, body, 2), false),
        (call(&before, now, "{}", 1), false),
        (call(&before, old, body, 1), false),
        (unsigned, false),
    ];
    let (calls, expected): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("check.py");
    fs::write(&python, block("python") + PYTHON).unwrap();
    let javascript = folder.path().join("check.mjs");
    fs::write(&javascript, block("javascript") + JAVASCRIPT).unwrap();
    let with = setting("TEST_SMTP_PYTHON").unwrap_or_else(|| "python3".to_owned());
    assert_eq!(run(&with, &[python.to_str().unwrap()], &calls).await, expected, "Python");
    assert_eq!(run("node", &[javascript.to_str().unwrap()], &calls).await, expected, "JavaScript");
}
