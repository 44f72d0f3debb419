//! The WebSocket: who may open one, and the tables of commands and events.

mod admission;
pub(crate) mod arrivals;
mod close;
pub(crate) mod commands;
mod connection;
mod cursor;
pub(crate) mod events;
pub(crate) mod frame;
mod hub;
pub(crate) mod journal;
mod opening;
mod polls;
pub(crate) mod presence;
mod request;
mod send_queue;
mod sockets;
pub(crate) mod stream;
mod subscription;
mod transport;

use std::{sync::Arc, time::Duration};

use actix_http::{
    Response,
    ws::{handshake_response, verify_handshake},
};
use actix_web::{
    HttpRequest, HttpResponse,
    body::BoxBody,
    http::{
        Version,
        header::{self, HeaderValue},
    },
    web::Data,
};
use clowder_accounts::{Accounts, Ticket};
use clowder_core::{Actor, Origin, Timestamp, UserId, Via, ctx::TOKEN_MISSING, input::Opaque};
use clowder_infra::Store;

pub use close::Close;
pub use commands::{Command, Reply, all as commands};
pub use cursor::{Place, Sealer};
pub use events::{Event, Kind, all as events};
pub use hub::{Canary, Hearers, Hub, Passed, Signal};
pub use request::Request;
pub use sockets::Sockets;
pub use subscription::CATCHING_UP;
pub use transport::{FRAMES, Message, Reader};

use self::{
    connection::{Connection, SocketContext, payer},
    opening::Opening,
    transport::Transport,
};
use crate::{
    answer::Created,
    auth::{self, Caller},
    call::Call,
    connections::{Takeover, can_be_taken_over},
    front::{Limits, Rooms},
    problem::{Answer, Problem},
    public_url::PublicUrl,
    query::Query,
    refusals,
};

/// The version of the protocol (RFC 6455 §4.1).
const VERSION: &str = "13";
/// The subprotocol that the server speaks.
const PROTOCOL: &str = "clowder.v1";
/// The maximum size of a client's frame, and of a fragmented message, in octets: enough for the longest text with each
/// character written as two escapes (8,000 × 12).
pub const MAX_FRAME: usize = 128 * 1024;
/// The same for a client that is not authenticated: enough for the longest token and cursor.
pub const MAX_FRAME_OF_NOBODY: usize = 16 * 1024;

/// The services that a socket uses.
#[derive(Clone)]
pub struct Ports {
    pub store: Store,
    pub hub: Arc<Hub>,
    /// The same rate limits as for requests.
    pub limits: Arc<dyn Limits>,
    pub sockets: Sockets,
    /// The memory for what is incomplete.
    pub frames: Arc<Rooms>,
    /// The memory for what waits for clients that catch up.
    pub catching_up: Arc<Rooms>,
    /// What has arrived at devices and is to be noted.
    pub arrived: Arc<arrivals::Notes>,
    pub public_url: Arc<PublicUrl>,
    /// The longest time between two signs of life from the server; a client that is silent for twice as long is
    /// disconnected.
    pub heartbeat: Duration,
    /// A socket or stream that has missed more events than this is to load its state anew.
    pub resume_events: usize,
}

impl Ports {
    /// Whether this process knows that an identity has been revoked.
    fn is_over(&self, user: UserId, via: Via, now: Timestamp) -> bool {
        let ended = match via {
            Via::Session(session) => self.store.accounts.is_ended(session),
            Via::Key(key) => self.store.api_keys.is_revoked(key),
        };
        ended || self.store.staff.standing(user, now).suspension.is_some()
    }
}

/// A ticket for a socket, for clients that can set neither headers nor subprotocols.
pub async fn ticket(
    accounts: Data<dyn Accounts>,
    Caller(ctx): Caller,
    request: HttpRequest,
) -> Answer<Created<Ticket>> {
    let access = auth::bearer(&request).ok_or(TOKEN_MISSING)?;
    Ok(Created(accounts.ticket(&ctx, access).await?))
}

/// Opens a socket. A token or key in a header that is refused is an HTTP 401 or 403; for credentials of pages the
/// answer comes over the socket; without credentials the first frame must contain a token.
pub async fn connect(request: HttpRequest, ports: Data<Ports>, mut query: Query) -> Answer<HttpResponse> {
    let cursor = query.any_text("cursor", Opaque::MAX);
    query.check()?;
    // Checked before a ticket is spent on a request that is not a handshake.
    if !asks_to_upgrade(&request) {
        return Err(upgrade_required());
    }
    let (ctx, presented) = Call::of(&request, |call| Ok((call.ctx.clone(), call.identity.clone())))?;
    let (held, opening) = match presented? {
        Some(identity) => (admission::enter(&ports, &identity, &ctx).await?, Opening::Known(identity)),
        None => {
            // Checked before a ticket is spent on a socket for which there is no room.
            let holder = opening::holder(&request, ctx.now, &*ports.store.accounts);
            let held = admission::hold(&ports, holder, &ctx.origin).await?;
            (held, opening::without_header(&request, &ctx, &*ports.store.accounts, &*ports.store.staff).await)
        }
    };
    let mut answer = handshake_response(request.head());
    if let Some(protocol) = opening::subprotocol(&request) {
        answer.insert_header((header::SEC_WEBSOCKET_PROTOCOL, protocol));
    }
    let mut answer: Response<BoxBody> = answer.finish().map_into_boxed_body();
    let ports = ports.into_inner();
    let reader = reader_for(&ports, &opening, &ctx.origin);
    let context = SocketContext { ports, held, request_id: ctx.request_id, origin: ctx.origin };
    let socket = move |io, sent: &[u8]| Connection::new(context, Transport::new(io, sent, reader)).run(opening, cursor);
    answer.extensions_mut().insert(Takeover::new(socket));
    Ok(answer.into())
}

/// What reads the frames of a socket.
fn reader_for(ports: &Ports, opening: &Opening, origin: &Origin) -> Reader {
    let (actor, most) = match opening {
        Opening::Known(identity) => (identity.actor, MAX_FRAME),
        Opening::Unknown | Opening::Refused(_) => (Actor::Nobody, MAX_FRAME_OF_NOBODY),
    };
    let (_, key) = payer(actor, origin);
    Reader::new(ports.frames.room(key), most)
}

/// RFC 6455 §4.2.1.
fn asks_to_upgrade(request: &HttpRequest) -> bool {
    let is_empty = |length: &HeaderValue| length.as_bytes() == b"0";
    let has_body = request.headers().contains_key(header::TRANSFER_ENCODING)
        || !request.headers().get_all(header::CONTENT_LENGTH).all(is_empty);
    // What follows a body, or an answer that is not of HTTP/1.1, would not be read as frames.
    request.version() == Version::HTTP_11
        && !has_body
        && can_be_taken_over(request)
        && verify_handshake(request.head()).is_ok()
}

fn upgrade_required() -> Problem {
    Problem::new(refusals::UPGRADE_REQUIRED)
        .header(header::UPGRADE, HeaderValue::from_static("websocket"))
        .header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION))
}
