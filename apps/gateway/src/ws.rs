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

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, dev,
    http::header,
    web::{Data, Payload},
};
use clowder_accounts::{Accounts, Identity, Ticket};
use clowder_core::{Ctx, ctx::TOKEN_MISSING};
use clowder_messaging::Messaging;
use futures_util::StreamExt;

pub use catalogue::frames;
pub use close::Close;
pub use command::Request;
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
    problem::Answer,
    query::Query,
    refusals,
};

/// The subprotocol that we speak.
const PROTOCOL: &str = "clowder.v1";
/// The largest frame a client may send, in octets.
pub const MAX_FRAME: usize = 64 * 1024;

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
    accounts: Data<dyn Accounts>,
    messaging: Data<dyn Messaging>,
    hub: Data<Hub>,
    query: Query,
) -> Answer<HttpResponse> {
    let (ctx, presented) = Call::of(&request, |call| Ok((call.ctx.clone(), call.identity.clone())))?;
    let identity = match presented? {
        Some(identity) => Some(identity),
        None => other_ways(&request, &ctx, &**accounts, &query).await?,
    };
    let cursor = query.text("cursor").map(str::to_owned);
    let mut guarded = dev::Payload::Stream { payload: Guard::new(payload.into_inner()).boxed_local() };
    let payload = Payload::from_request(&request, &mut guarded).await?;
    let (answer, session, stream) = actix_ws::handle_with_protocols(&request, payload, &[PROTOCOL])
        .map_err(|_| crate::problem::Problem::new(refusals::UPGRADE_REQUIRED))?;
    let stream = stream.max_frame_size(MAX_FRAME).aggregate_continuations().max_continuation_size(MAX_FRAME);
    let parts = Parts {
        accounts: accounts.into_inner(),
        messaging: messaging.into_inner(),
        hub: hub.into_inner(),
        request_id: ctx.request_id,
        origin: ctx.origin,
    };
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
    match query.text("ticket") {
        Some(ticket) => Ok(Some(accounts.redeem(ctx, ticket).await?)),
        None => Ok(None),
    }
}

/// `Sec-WebSocket-Protocol: clowder.v1, bearer.<access>`: the only header that a browser lets a page set.
fn subprotocol_token(request: &HttpRequest) -> Option<&str> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).find_map(|protocol| protocol.trim().strip_prefix("bearer."))
}
