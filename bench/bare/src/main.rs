//! A server that checks nothing and stores nothing: the same framework, the same frames, no token, no database. The
//! difference to Clowder is the cost of its guarantees.
//!
//!     bare ADDRESS WORLD [OCTETS]    OCTETS: how long an event is at least

use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_ws::Message;
use bytestring::ByteString;
use futures_util::{StreamExt, future::Either};
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELLO: &str = r#"{"type":"hello","data":{"heartbeat_ms":30000,"resumed":false}}"#;
const ME: &str = r#"{"id":"01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10","username":"bench0","display_name":"bench0","bio":null,"status_text":null,"email":"bench0@bench.example","email_verified":false,"role":"user","visibility":"public","created_at":"2026-01-01T00:00:00.000Z","version":1}"#;

/// The world file of the load generator.
#[derive(Deserialize)]
struct World {
    users: Vec<User>,
    send: Vec<Chat>,
    fanout: HashMap<String, Chat>,
}

#[derive(Deserialize)]
struct User {
    token: String,
}

#[derive(Deserialize)]
struct Chat {
    id: String,
    members: Vec<usize>,
}

struct House {
    tokens: HashMap<String, usize>,
    chats: HashMap<String, Vec<usize>>,
    online: Vec<RwLock<Vec<UnboundedSender<ByteString>>>>,
    seq: AtomicU64,
    /// How long an event is at least, so that it can be as long as one of Clowder.
    octets: usize,
}

#[derive(Deserialize)]
struct Command<'a> {
    id: &'a str,
    data: Send<'a>,
}

#[derive(Deserialize)]
struct Send<'a> {
    chat_id: &'a str,
    content: &'a str,
}

impl House {
    fn new(world: World, octets: usize) -> Self {
        let chats = world.send.into_iter().chain(world.fanout.into_values());
        Self {
            octets,
            online: world.users.iter().map(|_| RwLock::default()).collect(),
            tokens: world.users.into_iter().enumerate().map(|(i, user)| (user.token, i)).collect(),
            chats: chats.map(|chat| (chat.id, chat.members)).collect(),
            seq: AtomicU64::new(0),
        }
    }

    fn user(&self, request: &HttpRequest) -> usize {
        let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        header.and_then(|value| self.tokens.get(value.strip_prefix("Bearer ")?)).copied().unwrap_or(0)
    }

    /// Sends to the chat, and answers with the acknowledgement.
    fn send(&self, frame: &str) -> Option<String> {
        let command: Command = serde_json::from_str(frame).ok()?;
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let (chat, content) = (command.data.chat_id, command.data.content);
        let message = format!(r#"{{"chat_id":"{chat}","seq":{seq},"content":"{content}"}}"#);
        let padding = " ".repeat(self.octets.saturating_sub(message.len()));
        let event = ByteString::from(format!(r#"{{"type":"message.sent","data":{message}{padding}}}"#));
        for member in self.chats.get(chat)? {
            for socket in self.online[*member].read().ok()?.iter() {
                let _ = socket.send(event.clone());
            }
        }
        Some(format!(r#"{{"type":"ack","id":"{}","data":{message}}}"#, command.id))
    }
}

async fn me() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(ME)
}

async fn socket(request: HttpRequest, body: web::Payload, house: web::Data<Arc<House>>) -> actix_web::Result<HttpResponse> {
    let (answer, mut session, mut frames) = actix_ws::handle(&request, body)?;
    let house = Arc::clone(&house);
    let (sender, mut events) = unbounded_channel::<ByteString>();
    if let Ok(mut online) = house.online[house.user(&request)].write() {
        online.push(sender);
    }
    rt::spawn(async move {
        if session.text(HELLO).await.is_err() {
            return;
        }
        loop {
            let event = std::pin::pin!(events.recv());
            match futures_util::future::select(frames.next(), event).await {
                Either::Left((Some(Ok(Message::Text(text))), _)) => {
                    if let Some(ack) = house.send(&text)
                        && session.text(ack).await.is_err()
                    {
                        return;
                    }
                }
                Either::Left((Some(Ok(_)), _)) => {}
                Either::Right((Some(event), _)) => {
                    if session.text(event).await.is_err() {
                        return;
                    }
                }
                Either::Left(_) | Either::Right((None, _)) => return,
            }
        }
    });
    Ok(answer)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (address, world) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let octets = arguments.next().map_or(0, |octets| octets.parse().unwrap_or_default());
    let world: World = serde_json::from_slice(&std::fs::read(world)?)?;
    let house = Arc::new(House::new(world, octets));
    let app = move || {
        App::new()
            .app_data(web::Data::new(Arc::clone(&house)))
            .route("/api/auth/me", web::get().to(me))
            .route("/api/ws", web::get().to(socket))
    };
    HttpServer::new(app).workers(2).bind(address)?.run().await
}
