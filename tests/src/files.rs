//! Files that people upload.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{Answer, PATIENCE, User};

/// Sends a form with these headers of the part, and this content.
pub async fn send(user: &User, query: &str, part: &str, content: &[u8]) -> Answer {
    let head = format!("--bound\r\nContent-Disposition: form-data; name=\"file\"{part}\r\n\r\n");
    let body = [head.as_bytes(), content, b"\r\n--bound--\r\n"].concat();
    let request = user.request("POST", &format!("/api/files/upload{query}"));
    Answer::to(request.header("content-type", "multipart/form-data; boundary=bound").body(body)).await
}

/// The same, of a file that is examined first; as it is afterwards.
pub async fn examined(user: &User, query: &str, part: &str, content: &[u8]) -> Value {
    let file = send(user, query, part, content).await.expect(202);
    assert_eq!(file["status"], "scanning");
    let path = format!("/api/files/{}", file["id"].as_str().unwrap());
    let known = async {
        loop {
            let known = user.get(&path).await.expect(200);
            if known["status"] != "scanning" {
                return known;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, known).await.expect("the file has been examined")
}
