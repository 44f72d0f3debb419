//! A WebSocket from a client's perspective: commands wait for their answers, everything else is queued in order.

use std::collections::{HashMap, VecDeque};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use crate::{PATIENCE, documented};

/// The ways to authenticate.
pub enum Auth<'a> {
    Header(&'a str),
    Key(&'a str),
    Subprotocol(&'a str),
    Ticket(&'a str),
    /// These subprotocols, unchanged.
    Protocols(&'a str),
    /// This query string, unchanged.
    Query(&'a str),
    /// In the first frame, after the socket is open.
    Later,
}

/// What a socket receives.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Frame(Value),
    Closed(u16),
}

pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    kept: VecDeque<Value>,
    commands: u64,
    /// The commands that were sent with each id.
    asked: HashMap<String, Vec<String>>,
    /// Of the last frame that had one: from here the client can resume.
    pub cursor: Option<String>,
    /// The subprotocol in the response.
    pub protocol: Option<String>,
    /// Why the socket was closed, if it was.
    pub reason: Option<String>,
    pings: usize,
}

/// Whether a frame comes some time after what it is about: it says who is online, or tells somebody of something.
pub fn comes_at_any_time(frame: &Value) -> bool {
    let kind = frame["type"].as_str().unwrap_or_default();
    ["user.online", "user.offline", "user.status", "notification"].contains(&kind) || kind.starts_with("notification.")
}

impl Socket {
    /// Opens a socket. A refused handshake returns its status and problem.
    pub async fn open(address: &str, auth: Auth<'_>, cursor: Option<&str>) -> Result<Self, (u16, Value)> {
        Self::open_from(None, address, auth, cursor).await
    }

    /// The same for a client at another address of the internet ([`crate::Client::from_place`]).
    pub(crate) async fn open_from(
        place: Option<&str>,
        address: &str,
        auth: Auth<'_>,
        cursor: Option<&str>,
    ) -> Result<Self, (u16, Value)> {
        // Behind a proxy, a path may follow.
        let host = address.split('/').next().unwrap_or(address);
        let stream = TcpStream::connect(host).await.expect("no connection");
        Self::open_over(stream, place, address, auth, cursor).await
    }

    /// The same over this connection.
    pub async fn open_over(
        stream: TcpStream,
        place: Option<&str>,
        address: &str,
        auth: Auth<'_>,
        cursor: Option<&str>,
    ) -> Result<Self, (u16, Value)> {
        let mut query = Vec::new();
        if let Auth::Ticket(ticket) = auth {
            query.push(format!("ticket={ticket}"));
        }
        if let Auth::Query(given) = auth {
            query.push(given.to_owned());
        }
        if let Some(cursor) = cursor {
            query.push(format!("cursor={cursor}"));
        }
        let mut request = format!("ws://{address}/api/ws?{}", query.join("&")).into_client_request().unwrap();
        if let Some(place) = place {
            request.headers_mut().insert("x-forwarded-for", place.parse().unwrap());
        }
        match auth {
            Auth::Header(access) => {
                request.headers_mut().insert("authorization", format!("Bearer {access}").parse().unwrap());
            }
            Auth::Key(key) => {
                request.headers_mut().insert("x-api-key", key.parse().unwrap());
            }
            Auth::Subprotocol(access) => {
                let offer = format!("clowder.v1, bearer.{access}").parse().unwrap();
                request.headers_mut().insert("sec-websocket-protocol", offer);
            }
            Auth::Protocols(offer) => {
                request.headers_mut().insert("sec-websocket-protocol", offer.parse().unwrap());
            }
            Auth::Ticket(_) | Auth::Query(_) | Auth::Later => {}
        }
        match timeout(PATIENCE, client_async(request, stream)).await.expect("no handshake") {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|protocol| protocol.to_str().unwrap().to_owned());
                documented::seen("openSocket 101");
                Ok(Self {
                    stream,
                    kept: VecDeque::new(),
                    commands: 0,
                    asked: HashMap::new(),
                    cursor: None,
                    protocol,
                    reason: None,
                    pings: 0,
                })
            }
            Err(tungstenite::Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err((response.status().as_u16(), serde_json::from_slice(body).unwrap_or(Value::Null)))
            }
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    /// The next frame or the end, queued ones first.
    pub async fn next(&mut self) -> Heard {
        match self.kept.pop_front() {
            Some(frame) => Heard::Frame(frame),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Heard {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("a frame that is no JSON");
                    let commands = self.asked.get(&frame["id"].to_string()).map(Vec::as_slice);
                    documented::check_frame(&frame, commands.unwrap_or_default());
                    let failed = frame["type"] == "error" && frame["data"]["status"].as_u64() >= Some(500);
                    assert!(!failed, "the server failed: {frame}");
                    if let Some(cursor) = frame["cursor"].as_str().or(frame["data"]["cursor"].as_str()) {
                        self.cursor = Some(cursor.to_owned());
                    }
                    return Heard::Frame(frame);
                }
                Some(Ok(Message::Close(frame))) => {
                    self.reason = frame.as_ref().map(|frame| frame.reason.to_string());
                    return Heard::Closed(frame.map_or(CloseCode::Status, |frame| frame.code).into());
                }
                Some(Ok(Message::Ping(_))) => self.pings += 1,
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("the socket broke: {error}"),
                None => panic!("the socket ended without a close frame"),
            }
        }
    }

    /// The next frame, which must exist. Who is online, and notifications, come at any time, and are asked for with [`Self::until`].
    pub async fn frame(&mut self) -> Value {
        loop {
            let frame = self.any_frame().await;
            if !comes_at_any_time(&frame) {
                return frame;
            }
        }
    }

    /// The next frame, whatever it is.
    pub async fn any_frame(&mut self) -> Value {
        match self.next().await {
            Heard::Frame(frame) => frame,
            Heard::Closed(code) => panic!("closed with {code} instead of a frame"),
        }
    }

    /// The next text, raw, for details that JSON parsing would lose.
    pub async fn text(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("nothing came") {
                Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    /// The next frame that is not about one's own registration: a socket that is opened at once may still hear of it.
    pub async fn after_registering(&mut self) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] != "user.registered" {
                return frame;
            }
        }
    }

    /// The next frame of this type; earlier ones are skipped.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.any_frame().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The close code of the socket; earlier frames are skipped.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Heard::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// The very next frame must be `hello`.
    pub async fn hello(&mut self) -> Value {
        let hello = self.frame().await;
        assert_eq!(hello["type"], "hello", "{hello}");
        hello["data"].clone()
    }

    pub async fn send(&mut self, message: Message) {
        self.stream.send(message).await.unwrap();
    }

    pub async fn say(&mut self, frame: Value) {
        if let Some(command) = frame["type"].as_str() {
            self.asked.entry(frame["id"].to_string()).or_default().push(command.to_owned());
        }
        self.send(Message::text(frame.to_string())).await;
    }

    /// Sends a command and waits for its answer: the data of the ack, or the problem. Events that arrive in between are
    /// queued.
    pub async fn command(&mut self, kind: &str, data: Value) -> Result<Value, Value> {
        self.commands += 1;
        let id = format!("c{}", self.commands);
        self.say(json!({"id": id, "type": kind, "data": data})).await;
        loop {
            match self.read().await {
                Heard::Frame(frame) if frame["id"] == *id => {
                    let data = frame["data"].clone();
                    return if frame["type"] == "ack" { Ok(data) } else { Err(data) };
                }
                Heard::Frame(frame) => self.kept.push_back(frame),
                Heard::Closed(code) => panic!("closed with {code} instead of an answer"),
            }
        }
    }

    /// How many pings were received so far.
    pub fn pings(&self) -> usize {
        self.pings
    }

    /// How many frames arrived while commands waited for their answers.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Everything that has arrived before a `ping` is answered.
    pub async fn drain(&mut self) -> Vec<Value> {
        self.command("ping", json!({})).await.unwrap();
        self.kept.drain(..).collect()
    }
}
