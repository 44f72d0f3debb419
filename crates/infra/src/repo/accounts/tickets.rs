//! Tickets for sockets: sealed, short-lived, taken in once in the whole cluster.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_accounts::{Ticket, policy::TICKET_FOR, refusals::TOKEN_INVALID};
use clowder_core::{Ctx, Id, Result, Timestamp};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::db::Tx;
use crate::{
    keys::{Keys, Purpose},
    schema::answers,
    tokens::Tokens,
};

/// What a ticket holds: the access token it was asked with, so that its socket ends when that token does.
#[derive(Serialize, Deserialize)]
pub struct Stub {
    id: Id<()>,
    pub access: String,
    until: Timestamp,
}

pub fn issue(ctx: &Ctx, keys: &Keys, tokens: &Tokens, access: &str) -> Result<Ticket> {
    let until = tokens.identify(access, ctx.now)?.expires_at.min(ctx.now.plus(TICKET_FOR));
    let stub = Stub { id: Id::new(ctx.now), access: access.to_owned(), until };
    let ticket = URL_SAFE_NO_PAD.encode(keys.seal(Purpose::Ticket, b"", &serde_json::to_vec(&stub)?)?);
    Ok(Ticket { ticket, expires_in: until.since(ctx.now).as_secs() })
}

pub fn read(ctx: &Ctx, keys: &Keys, ticket: &str) -> Result<Stub> {
    let opened = URL_SAFE_NO_PAD.decode(ticket).ok().and_then(|sealed| keys.unseal(Purpose::Ticket, b"", &sealed).ok());
    let stub: Option<Stub> = opened.and_then(|plain| serde_json::from_slice(&plain).ok());
    stub.filter(|stub| stub.until > ctx.now).ok_or_else(|| TOKEN_INVALID.into())
}

/// Notes among the stored answers that this ticket is used, for longer than it could be.
pub fn take_in(tx: &mut Tx<'_>, ctx: &Ctx, stub: &Stub) -> Result<()> {
    let first = diesel::insert_into(answers::table)
        .values((
            answers::caller_id.eq(stub.id),
            answers::key.eq("ticket"),
            answers::fingerprint.eq(Vec::new()),
            answers::answer.eq(Vec::new()),
            answers::created_at.eq(ctx.now),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn)?;
    if first == 1 { Ok(()) } else { Err(TOKEN_INVALID.into()) }
}
