//! The WebSocket: who may open one, and the table of what goes over it.

mod catalogue;
mod close;
mod command;
mod connection;
mod cursor;
mod frame;
mod guard;
mod hub;
mod outlet;
mod sockets;

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, dev,
    http::header::{self, HeaderValue},
    web::{Data, Payload},
};
use clowder_accounts::{Accounts, ApiKeys, Identity, Staff, Ticket};
use clowder_core::{Actor, Ctx, ctx::TOKEN_MISSING, input::Opaque};
use clowder_messaging::Messaging;
use futures_util::StreamExt;

pub use catalogue::frames;
pub use close::Close;
pub use command::{COMMAND_SCOPES, Request};
pub use cursor::Sealer;
pub use hub::Hub;
pub use sockets::Sockets;

use self::{
    connection::{Connection, Parts, payer},
    guard::Guard,
};
use crate::{
    answer::Created,
    auth::{self, Caller},
    call::Call,
    front::{self, Limits},
    problem::{Answer, Problem},
    query::Query,
    refusals,
};

/// The version of the protocol (RFC 6455 §4.1).
const VERSION: &str = "13";
/// The subprotocol that we speak.
const PROTOCOL: &str = "clowder.v1";
/// The largest frame a client may send, and the largest message of several, in octets: room for the longest text with each
/// character written as two escapes (8,000 × 12).
pub const MAX_FRAME: usize = 128 * 1024;
/// When to knock again who has too many sockets, in seconds: who they are has to close one first.
const LATER: u64 = 10;

/// What a socket asks.
#[derive(Clone)]
pub struct Ports {
    pub accounts: Arc<dyn Accounts>,
    pub staff: Arc<dyn Staff>,
    pub api_keys: Arc<dyn ApiKeys>,
    pub messaging: Arc<dyn Messaging>,
    pub hub: Arc<Hub>,
    /// The same that count requests.
    pub limits: Arc<dyn Limits>,
    pub sockets: Sockets,
}

/// A ticket for a socket, for clients that can set neither headers nor subprotocols.
pub async fn ticket(
    accounts: Data<dyn Accounts>,
    Caller(ctx): Caller,
    request: HttpRequest,
) -> Answer<Created<Ticket>> {
    let access = auth::bearer(&request).ok_or(TOKEN_MISSING)?;
    Ok(Created::New(accounts.ticket(&ctx, access).await?))
}

/// Opens a socket. A token that is presented and refused is an HTTP 401; without any, the first frame must bring one.
pub async fn connect(
    request: HttpRequest,
    payload: Payload,
    ports: Data<Ports>,
    mut query: Query,
) -> Answer<HttpResponse> {
    let (ticket, cursor) = (query.credential("ticket"), query.long_text("cursor", Opaque::MAX));
    query.check()?;
    // Before a ticket is spent on what can be no handshake.
    if !asks_to_upgrade(&request) {
        return Err(upgrade_required());
    }
    let (ctx, presented) = Call::of(&request, |call| Ok((call.ctx.clone(), call.identity.clone())))?;
    let identity = match presented? {
        Some(identity) => Some(identity),
        None => other_ways(&request, &ctx, &*ports.accounts, ticket.as_deref()).await?,
    };
    if let Some(Identity { actor: Actor::User { id, .. }, .. }) = identity
        && let Some(suspension) = ports.staff.standing(id, ctx.now).suspension
    {
        return Err(front::suspended(&suspension));
    }
    let (_, key) = payer(identity.map_or(Actor::Nobody, |identity| identity.actor), &ctx.origin);
    let held = ports.sockets.open(key).ok_or_else(|| Problem::new(refusals::SOCKETS).retry_after(LATER))?;
    let mut guarded = dev::Payload::Stream { payload: Guard::new(payload.into_inner()).boxed_local() };
    let payload = Payload::from_request(&request, &mut guarded).await?;
    let (answer, session, stream) =
        actix_ws::handle_with_protocols(&request, payload, &[PROTOCOL]).map_err(|_| upgrade_required())?;
    let stream = stream.max_frame_size(MAX_FRAME).aggregate_continuations().max_continuation_size(MAX_FRAME);
    let parts = Parts { ports: Ports::clone(&ports), held, request_id: ctx.request_id, origin: ctx.origin };
    actix_web::rt::spawn(Connection::new(parts, session, stream).run(identity, cursor));
    Ok(answer)
}

/// RFC 6455 §4.2.1; the rest of a handshake is checked when it is answered.
fn asks_to_upgrade(request: &HttpRequest) -> bool {
    let upgrade = request.headers().get_all(header::UPGRADE).filter_map(|value| value.to_str().ok());
    let version = request.headers().get(header::SEC_WEBSOCKET_VERSION);
    let mut protocols = upgrade.flat_map(|value| value.split(','));
    protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
        && version.is_some_and(|version| version.as_bytes() == VERSION.as_bytes())
}

fn upgrade_required() -> Problem {
    Problem::new(refusals::UPGRADE_REQUIRED)
        .header(header::UPGRADE, HeaderValue::from_static("websocket"))
        .header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION))
}

/// The ways in besides the `Authorization` header.
async fn other_ways(
    request: &HttpRequest,
    ctx: &Ctx,
    accounts: &dyn Accounts,
    ticket: Option<&str>,
) -> Answer<Option<Identity>> {
    if let Some(access) = subprotocol_token(request) {
        return Ok(Some(accounts.identify(access, ctx.now)?));
    }
    match ticket {
        Some(ticket) => Ok(Some(accounts.redeem(ctx, ticket).await?)),
        None => Ok(None),
    }
}

/// `Sec-WebSocket-Protocol: clowder.v1, bearer.<access>`: the only header that a browser lets a page set.
fn subprotocol_token(request: &HttpRequest) -> Option<&str> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).find_map(|protocol| protocol.trim().strip_prefix("bearer."))
}
