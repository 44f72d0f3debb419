//! Tickets for sockets: encrypted, short-lived, accepted once in the whole cluster.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_accounts::{
    Ticket,
    policy::TICKET_FOR,
    refusals::{SESSION_ENDED, TICKET_INVALID},
};
use clowder_core::{Actor, Ctx, Id, Result, Timestamp, Via};
use diesel::{dsl::exists, prelude::*};
use serde::{Deserialize, Serialize};

use super::super::{db::Tx, dialect};
use crate::{
    domains::{accounts::sessions, idempotency::answers},
    keys::{Keys, Purpose},
    tokens::Tokens,
};

/// The content of a ticket: the access token it was requested with, so that its socket ends with that token.
#[derive(Clone, Serialize, Deserialize)]
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

/// `None` for an invalid or expired ticket.
pub fn read(now: Timestamp, keys: &Keys, ticket: &str) -> Option<Stub> {
    let sealed = URL_SAFE_NO_PAD.decode(ticket).ok()?;
    let stub: Stub = serde_json::from_slice(&keys.unseal(Purpose::Ticket, b"", &sealed).ok()?).ok()?;
    Some(stub).filter(|stub| stub.until > now)
}

/// Stores among the answers that this ticket is used, for longer than it is valid. Another node may have ended the
/// session without this process knowing yet.
pub fn take_in(tx: &mut Tx<'_>, ctx: &Ctx, stub: &Stub, holder: Actor) -> Result<()> {
    if let Actor::User { via: Via::Session(session), .. } = holder {
        dialect::accounts::lock_session(tx.conn, session)?;
        let open = sessions::table.find(session).filter(sessions::ended_at.is_null());
        if !diesel::select(exists(open)).get_result(tx.conn)? {
            return Err(SESSION_ENDED.into());
        }
    }
    let first = diesel::insert_into(answers::table)
        .values((
            answers::id.eq(stub.id),
            answers::fingerprint.eq(Vec::new()),
            answers::answer.eq(Vec::new()),
            answers::created_at.eq(ctx.now),
        ))
        .on_conflict_do_nothing()
        .execute(tx.conn)?;
    if first == 1 { Ok(()) } else { Err(TICKET_INVALID.into()) }
}
