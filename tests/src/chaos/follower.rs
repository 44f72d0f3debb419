//! People who listen in every way there is, now here and now there, and go on where they were.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::{
    Dice,
    cluster::{Addresses, any},
    record::{Deed, Heard},
    writer::Person,
};
use crate::{client::http, stream::Lines};

/// Whoever hears nothing for so long tries another node.
const SILENCE: Duration = Duration::from_secs(10);

/// Each of so many stalls while the chats are flooded.
const STALLING: usize = 8;

/// A socket of a client.
pub type Ws = WebSocketStream<TcpStream>;

/// Opens a socket as a page does, without a header. Over a narrow one, little waits in the system that is not read.
pub async fn open(address: &str, query: &str, access: &str, narrow: bool) -> Option<Ws> {
    let opening = async {
        let tcp = if narrow { narrow_way(address).ok()? } else { TcpStream::connect(address).await.ok()? };
        let (mut socket, _) = client_async(format!("ws://{address}/api/ws{query}"), tcp).await.ok()?;
        let auth = json!({"type": "auth", "data": {"access": access}}).to_string();
        socket.send(Message::text(auth)).await.ok()?;
        Some(socket)
    };
    timeout(SILENCE, opening).await.ok()?
}

fn narrow_way(address: &str) -> std::io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_tcp_mss(600)?;
    socket.set_recv_buffer_size(4_096)?;
    let address: std::net::SocketAddr = address.parse().map_err(std::io::Error::other)?;
    socket.connect_timeout(&address.into(), Duration::from_secs(1))?;
    socket.set_nonblocking(true)?;
    TcpStream::from_std(socket.into())
}

pub struct Follower {
    access: String,
    chats: Vec<String>,
    addresses: Addresses,
    http: reqwest::Client,
    way: Way,
    /// They read nothing while the others flood their chats, and have not done so yet.
    stalls: bool,
    flood: watch::Receiver<bool>,
    cursor: Option<String>,
    heard: Arc<Mutex<Heard>>,
    dice: Dice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Socket,
    Stream,
    Poll,
}

/// The connection is over; what follows is another one.
struct Over;

impl Follower {
    pub fn new(number: usize, person: &Person, addresses: Addresses, flood: watch::Receiver<bool>, dice: Dice) -> Self {
        let heard = Heard::of(&person.id, person.chats.clone());
        let way = [Way::Socket, Way::Socket, Way::Stream, Way::Poll][number % 4];
        Self {
            access: person.access.clone(),
            chats: person.chats.keys().cloned().collect(),
            addresses,
            http: http().connect_timeout(SILENCE).build().unwrap(),
            way,
            stalls: number.is_multiple_of(STALLING),
            flood,
            cursor: None,
            heard: Arc::new(Mutex::new(heard)),
            dice,
        }
    }

    pub fn heard(&self) -> Arc<Mutex<Heard>> {
        Arc::clone(&self.heard)
    }

    pub async fn run(mut self, mut ended: watch::Receiver<bool>) {
        loop {
            let address = any(&self.addresses, &mut self.dice).await;
            let follow = async {
                let Err(Over) = match self.way {
                    Way::Socket => self.by_socket(&address).await,
                    Way::Stream => self.by_stream(&address).await,
                    Way::Poll => self.by_polls(&address).await,
                };
            };
            tokio::select! {
                () = follow => {}
                _ = ended.wait_for(|ended| *ended) => return,
            }
            sleep(Duration::from_millis(self.dice.below(500))).await;
        }
    }

    fn connected(&self, way: &'static str) {
        *self.heard.lock().unwrap().connections.entry(way).or_default() += 1;
    }

    async fn by_socket(&mut self, address: &str) -> Result<std::convert::Infallible, Over> {
        // Without a header, so that the handshake is that of a page.
        let cursor = self.cursor.as_ref().map_or_else(String::new, |cursor| format!("?cursor={cursor}"));
        let mut socket = open(address, &cursor, &self.access, self.stalls).await.ok_or(Over)?;
        self.connected("sockets");
        loop {
            match timeout(SILENCE, socket.next()).await.map_err(|_| Over)? {
                Some(Ok(Message::Text(text))) => self.hear(&serde_json::from_str(&text).map_err(|_| Over)?),
                Some(Ok(Message::Close(close))) => {
                    let is_too_slow = close.is_some_and(|close| u16::from(close.code) == 4009);
                    self.heard.lock().unwrap().overflows += usize::from(is_too_slow);
                    return Err(Over);
                }
                Some(Err(_)) | None => return Err(Over),
                Some(Ok(_)) => {}
            }
            // Passing events go between durable ones, and nobody counts on them.
            if self.dice.below(50) == 0 {
                let chat = self.dice.one(&self.chats);
                let typing = json!({"id": 1, "type": "typing.start", "data": {"chat_id": chat}}).to_string();
                socket.send(Message::text(typing)).await.map_err(|_| Over)?;
            }
            if self.stalls && *self.flood.borrow() {
                // Reads on only when much was said. The next socket is as wide as others: a narrow one would not carry
                // what is said to them.
                let _ = self.flood.wait_for(|floods| !floods).await;
                self.stalls = false;
            }
            self.dawdle().await?;
        }
    }

    async fn by_stream(&mut self, address: &str) -> Result<std::convert::Infallible, Over> {
        let request = self.http.get(format!("http://{address}/api/stream")).bearer_auth(&self.access);
        let mut request = request.header("accept", "text/event-stream");
        if let Some(cursor) = &self.cursor {
            request = request.header("last-event-id", cursor);
        }
        let answer = timeout(SILENCE, request.send()).await.map_err(|_| Over)?.map_err(|_| Over)?;
        let mut answer = answer.error_for_status().map_err(|_| Over)?;
        self.connected("streams");
        let mut lines = Lines::default();
        loop {
            let piece = timeout(SILENCE, answer.chunk()).await.map_err(|_| Over)?.map_err(|_| Over)?.ok_or(Over)?;
            lines.push(&piece);
            while let Some(line) = lines.take() {
                if let Some(data) = line.strip_prefix("data: ") {
                    self.hear(&serde_json::from_str(data).expect("an event that is no JSON"));
                }
            }
            self.dawdle().await?;
        }
    }

    async fn by_polls(&mut self, address: &str) -> Result<std::convert::Infallible, Over> {
        self.connected("polls");
        loop {
            let cursor = self.cursor.as_ref().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let url = format!("http://{address}/api/journal?wait=5&limit=100{cursor}");
            let answer = timeout(SILENCE, self.http.get(url).bearer_auth(&self.access).send()).await;
            let answer = answer.map_err(|_| Over)?.map_err(|_| Over)?.error_for_status().map_err(|_| Over)?;
            let page: Value = timeout(SILENCE, answer.json()).await.map_err(|_| Over)?.map_err(|_| Over)?;
            if page["reset"].is_string() {
                self.heard.lock().unwrap().resets += 1;
            }
            page["events"].as_array().unwrap().iter().for_each(|frame| self.hear(frame));
            self.cursor = Some(page["cursor"].as_str().unwrap().to_owned());
            self.heard.lock().unwrap().ready = true;
            self.dawdle().await?;
        }
    }

    /// Now and then a client stalls, or goes elsewhere without a word.
    async fn dawdle(&mut self) -> Result<(), Over> {
        match self.dice.below(400) {
            0 => sleep(Duration::from_secs(3)).await,
            1 => return Err(Over),
            _ => {}
        }
        Ok(())
    }

    fn hear(&mut self, frame: &Value) {
        let (kind, data) = (frame["type"].as_str().unwrap(), &frame["data"]);
        let mut heard = self.heard.lock().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        heard.learn(frame);
        match kind {
            "hello" => {
                self.cursor = Some(text(&data["cursor"]));
                heard.ready = true;
            }
            "reset" => heard.resets += 1,
            "message.sent" => heard.message(&text(&data["chat_id"]), data["seq"].as_i64().unwrap(), &text(&data["id"])),
            "message.updated" if data["edited_at"].is_string() => {
                heard.deed(Deed { kind: "message.updated", message: text(&data["id"]), more: String::new() });
            }
            "message.deleted" => {
                heard.deed(Deed { kind: "message.deleted", message: text(&data["message_id"]), more: String::new() });
            }
            "reaction.added" => {
                let (message, more) = (text(&data["message_id"]), text(&data["user_id"]));
                heard.deed(Deed { kind: "reaction.added", message, more });
            }
            "message.pinned" | "message.unpinned" => {
                let kind = if kind == "message.pinned" { "message.pinned" } else { "message.unpinned" };
                heard.deed(Deed { kind, message: text(&data["message_id"]), more: String::new() });
            }
            "friend_request" => heard.between("friend_request", &text(&data["id"])),
            "friend.added" => heard.between("friend.added", &text(&data["user"]["id"])),
            "friend.removed" => heard.between("friend.removed", &text(&data["user_id"])),
            "block.added" => heard.between("block.added", &text(&data["user"]["id"])),
            "block.removed" => heard.between("block.removed", &text(&data["user_id"])),
            "message.read" => {
                heard.mark(&text(&data["chat_id"]), &text(&data["user_id"]), data["seq"].as_i64().unwrap());
            }
            _ => {}
        }
        if let Some(cursor) = frame["cursor"].as_str() {
            heard.delivered(cursor);
            drop(heard);
            self.cursor = Some(cursor.to_owned());
        }
    }
}
