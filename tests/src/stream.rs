//! A stream of Server-Sent Events from a client's perspective, read as WHATWG HTML §9.2.6 says.

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::timeout;

use crate::{Answer, Client, PATIENCE, documented, socket::comes_at_any_time};

pub struct Stream {
    response: Response,
    lines: Lines,
    /// The last event id: from here the client can resume.
    pub last: Option<String>,
    /// After how many milliseconds the server wants the client back.
    pub retry: Option<u64>,
}

impl Stream {
    /// Opens a stream; `query` and the id of the last event may be empty.
    pub async fn open(client: &Client, query: &str, last: &str) -> Result<Self, Answer> {
        let mut request = client.request("GET", &format!("/api/stream{query}")).header("accept", "text/event-stream");
        if !last.is_empty() {
            request = request.header("last-event-id", last);
        }
        let response = timeout(PATIENCE, request.send()).await.expect("no answer").expect("no connection");
        if response.status() != 200 {
            let refusal = Answer::read(&Method::GET, "/api/stream", false, response).await;
            return Err(refusal.expect("half a refusal"));
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        documented::seen("openStream 200");
        Ok(Self { response, lines: Lines::default(), last: None, retry: None })
    }

    /// The next frame, or `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        let mut data = None;
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("id", id)) => self.last = Some(id.to_owned()),
                Some(("retry", retry)) => self.retry = Some(retry.parse().unwrap()),
                Some(("data", text)) => assert!(data.replace(text.to_owned()).is_none(), "two lines of data"),
                None if line.is_empty() => match data.take() {
                    Some(text) => {
                        let frame: Value = serde_json::from_str(&text).expect("a frame that is no JSON");
                        documented::check_frame(&frame, &[]);
                        return Some(frame);
                    }
                    None => continue,
                },
                // A comment.
                None if line.starts_with(':') => continue,
                _ => panic!("not a line of a stream: {line}"),
            }
        }
    }

    /// The next frame, which there must be. Who is online is told at any time.
    pub async fn frame(&mut self) -> Value {
        loop {
            let frame = self.next().await.expect("the stream has ended");
            if !comes_at_any_time(&frame) {
                return frame;
            }
        }
    }

    /// The next frame of a type; others are skipped.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The code in the last event, after which nothing comes.
    pub async fn closed(&mut self) -> u64 {
        let closed = self.until("closed").await;
        assert_eq!(self.next().await, None, "something after the end");
        closed["data"]["code"].as_u64().unwrap()
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.lines.take() {
                return Some(line);
            }
            self.lines.push(&timeout(PATIENCE, self.response.chunk()).await.expect("nothing came").ok()??);
        }
    }
}

/// What has arrived, line by line. A piece may end anywhere, also within a character.
#[derive(Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    pub fn push(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
    }

    /// The next whole line, without its end.
    pub fn take(&mut self) -> Option<String> {
        let end = self.0.iter().position(|octet| *octet == b'\n')?;
        let line = self.0.drain(..=end).take(end).collect();
        Some(String::from_utf8(line).expect("a line that is no text"))
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn a_character_may_come_in_pieces() {
        let mut lines = Lines::default();
        let mut taken = Vec::new();
        for piece in "data: 🐈\n\ndata: x".as_bytes().chunks(1) {
            lines.push(piece);
            taken.extend(lines.take());
        }
        assert_eq!(taken, ["data: 🐈", ""]);
    }
}
