//! The WebSocket: who may open one, and the table of what goes over it.

mod catalogue;
mod close;
mod command;
mod connection;
mod cursor;
mod frame;
mod guard;
mod hub;
mod opening;
mod outlet;

use std::{sync::Arc, time::Duration};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, dev,
    web::{Data, Payload},
};
use clowder_accounts::{Accounts, ApiKeys, Staff, Ticket};
use clowder_core::{Actor, ctx::TOKEN_MISSING};
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
    opening::Opening,
};
use crate::{
    answer::Created,
    auth::{self, Caller},
    call::Call,
    front,
    problem::Answer,
    public_url::PublicUrl,
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
    pub public_url: Arc<PublicUrl>,
    /// How often a socket hears from us at least; who is silent for twice as long is gone.
    pub heartbeat: Duration,
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

/// Opens a socket. A token or key that is presented in a header and refused is an HTTP 401; what pages present is
/// answered over the socket, and without any the first frame must bring a token.
pub async fn connect(request: HttpRequest, payload: Payload, ports: Data<Ports>, query: Query) -> Answer<HttpResponse> {
    let (ctx, presented) = Call::of(&request, |call| Ok((call.ctx.clone(), call.identity.clone())))?;
    let opening = match presented? {
        Some(identity) => {
            if let Actor::User { id, .. } = identity.actor
                && let Some(suspension) = ports.staff.standing(id, ctx.now).suspension
            {
                return Err(front::suspended(&suspension));
            }
            Opening::Known(identity)
        }
        None => opening::without_header(&request, &ctx, &*ports.accounts, &*ports.staff).await,
    };
    let cursor = query.text("cursor").map(str::to_owned);
    let mut guarded = dev::Payload::Stream { payload: Guard::new(payload.into_inner()).boxed_local() };
    let payload = Payload::from_request(&request, &mut guarded).await?;
    let (answer, session, stream) =
        actix_ws::handle_with_protocols(&request, payload, &[opening::subprotocol(&request)])
            .map_err(|_| crate::problem::Problem::new(refusals::UPGRADE_REQUIRED))?;
    let stream = stream.max_frame_size(MAX_FRAME).aggregate_continuations().max_continuation_size(MAX_FRAME);
    let parts = Parts { ports: Ports::clone(&ports), request_id: ctx.request_id, origin: ctx.origin };
    actix_web::rt::spawn(Connection::new(parts, session, stream).run(opening, cursor));
    Ok(answer)
}
