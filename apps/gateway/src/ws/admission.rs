//! Who may follow the hub: a socket, a stream or a poll that is authenticated, not suspended, and for which there is room.

use actix_web::HttpRequest;
use clowder_accounts::{
    Identity,
    refusals::{SESSION_ENDED, TOKEN_INVALID},
};
use clowder_core::{Actor, Ctx, Error, Origin, Timestamp, ctx::TOKEN_MISSING};

use super::{Ports, Sockets, close::Close, connection::payer, opening, sockets::Held};
use crate::{
    call::Call,
    clock, front,
    problem::{Answer, Problem},
    refusals,
};

/// Seconds after which a client with too many sockets should try again; it has to close one first.
const LATER: u64 = 10;

/// The caller of a request, by its header or by a ticket in its URL.
pub async fn admit(request: &HttpRequest, ports: &Ports) -> Answer<(Identity, Held)> {
    let (ctx, presented) = Call::of(request, |call| Ok((call.ctx.clone(), call.identity.clone())))?;
    if let Some(identity) = presented? {
        let held = enter(ports, &identity, &ctx).await?;
        return Ok((identity, held));
    }
    let Some(ticket) = opening::ticket(request) else { return Err(TOKEN_MISSING.into()) };
    // Checked before a ticket is spent on a stream for which there is no room.
    let holder = opening::holder(request, ctx.now, &*ports.store.accounts);
    let held = hold(ports, holder, &ctx.origin).await?;
    let identity = ports.store.accounts.redeem(&ctx, &ticket).await?;
    not_suspended(ports, &identity, ctx.now)?;
    Ok((identity, held))
}

/// Counts somebody who is known.
pub async fn enter(ports: &Ports, identity: &Identity, ctx: &Ctx) -> Answer<Held> {
    not_suspended(ports, identity, ctx.now)?;
    hold(ports, identity.actor, &ctx.origin).await
}

/// Counts a socket, if there is room for it.
pub async fn hold(ports: &Ports, actor: Actor, origin: &Origin) -> Answer<Held> {
    let (_, key) = payer(actor, origin);
    let held = ports.sockets.open(key).await;
    held.ok_or_else(|| Problem::too_many(refusals::SOCKETS, Sockets::limit(key), LATER))
}

fn not_suspended(ports: &Ports, identity: &Identity, now: Timestamp) -> Answer<()> {
    match identity.actor {
        Actor::User { id, .. } => match ports.store.staff.standing(id, now).suspension {
            Some(suspension) => Err(front::suspended(&suspension)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The answer to a request that cannot follow the hub, or not any longer.
pub fn refused(ports: &Ports, identity: &Identity, close: Close) -> Problem {
    match close {
        // A session also ends because its account was suspended.
        Close::SessionEnded => match not_suspended(ports, identity, clock::now()) {
            Err(suspended) => suspended,
            Ok(()) => SESSION_ENDED.into(),
        },
        Close::NotAuthenticated(_) => TOKEN_INVALID.into(),
        close => Error::unavailable(close.says().into_owned()).into(),
    }
}
