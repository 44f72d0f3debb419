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

use std::sync::Arc;

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, dev,
    http::header,
    web::{Data, Payload},
};
use clowder_accounts::{Accounts, ApiKeys, Identity, Staff, Ticket};
use clowder_core::{Actor, Ctx, ctx::TOKEN_MISSING};
use clowder_messaging::Messaging;
use futures_util::StreamExt;

pub use catalogue::frames;
pub use close::Close;
pub use command::{COMMAND_SCOPES, Request};
pub use cursor::Sealer;
pub use hub::Hub;

use self::{
    connection::{Connection, Parts},
    guard::Guard,
};
use crate::{
    answer::Created,
    auth::{self, Caller},
    call::Call,
    front,
    problem::Answer,
    query::Query,
    refusals,
};

/// The subprotocol that we speak.
const PROTOCOL: &str = "clowder.v1";
/// The largest frame a client may send, in octets.
pub const MAX_FRAME: usize = 64 * 1024;

/// What a socket asks.
#[derive(Clone)]
pub struct Ports {
    pub accounts: Arc<dyn Accounts>,
    pub staff: Arc<dyn Staff>,
    pub api_keys: Arc<dyn ApiKeys>,
    pub messaging: Arc<dyn Messaging>,
    pub hub: Arc<Hub>,
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
pub async fn connect(request: HttpRequest, payload: Payload, ports: Data<Ports>, query: Query) -> Answer<HttpResponse> {
    let (ctx, presented) = Call::of(&request, |call| Ok((call.ctx.clone(), call.identity.clone())))?;
    let identity = match presented? {
        Some(identity) => Some(identity),
        None => other_ways(&request, &ctx, &*ports.accounts, &query).await?,
    };
    if let Some(Identity { actor: Actor::User { id, .. }, .. }) = identity
        && let Some(suspension) = ports.staff.standing(id, ctx.now).suspension
    {
        return Err(front::suspended(&suspension));
    }
    let cursor = query.text("cursor").map(str::to_owned);
    let mut guarded = dev::Payload::Stream { payload: Guard::new(payload.into_inner()).boxed_local() };
    let payload = Payload::from_request(&request, &mut guarded).await?;
    let (answer, session, stream) = actix_ws::handle_with_protocols(&request, payload, &[PROTOCOL])
        .map_err(|_| crate::problem::Problem::new(refusals::UPGRADE_REQUIRED))?;
    let stream = stream.max_frame_size(MAX_FRAME).aggregate_continuations().max_continuation_size(MAX_FRAME);
    let parts = Parts { ports: Ports::clone(&ports), request_id: ctx.request_id, origin: ctx.origin };
    actix_web::rt::spawn(Connection::new(parts, session, stream).run(identity, cursor));
    Ok(answer)
}

/// The ways in besides the `Authorization` header.
async fn other_ways(
    request: &HttpRequest,
    ctx: &Ctx,
    accounts: &dyn Accounts,
    query: &Query,
) -> Answer<Option<Identity>> {
    if let Some(access) = subprotocol_token(request) {
        return Ok(Some(accounts.identify(access, ctx.now)?));
    }
    match query.credential("ticket") {
        Some(ticket) => Ok(Some(accounts.redeem(ctx, ticket).await?)),
        None => Ok(None),
    }
}

/// `Sec-WebSocket-Protocol: clowder.v1, bearer.<access>`: the only header that a browser lets a page set.
fn subprotocol_token(request: &HttpRequest) -> Option<&str> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).find_map(|protocol| protocol.trim().strip_prefix("bearer."))
}
