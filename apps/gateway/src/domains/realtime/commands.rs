//! Commands about the socket itself.

use clowder_accounts::refusals::TOKEN_INVALID;
use clowder_core::{Actor, Fields, Input, Timestamp, input::Opaque};
use serde_json::{Value, json};

use crate::{
    problem::Problem,
    refusals,
    routes::Shape,
    ws::commands::{Call, Command, Done, Reply, done, nothing},
};

pub const COMMANDS: &[Command] = &[
    Command {
        name: Auth::NAME,
        about: "Authenticates the socket; the first frame when the handshake did not",
        scope: None,
        reaches_others: false,
        takes: Some(Shape::of::<Auth>),
        example: || json!({"access": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmVk"}),
        reply: Reply::Event("hello"),
        // The connection itself reads the first frame.
        run: |_, _| Box::pin(async { Err(refusals::FRAME_UNEXPECTED.into()) }),
    },
    Command {
        name: "token.renew",
        about: "Keeps the socket beyond the expiry of its token",
        scope: None,
        reaches_others: false,
        takes: Some(Shape::of::<Renew>),
        example: || json!({"access": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmVk"}),
        reply: Reply::Ack(Shape::of::<Renewed>),
        run: |call, data| Box::pin(renew(call, data)),
    },
    Command {
        name: "ping",
        about: "Asks for an ack",
        scope: None,
        reaches_others: false,
        takes: None,
        example: || json!({}),
        reply: Reply::Ack(Shape::any),
        run: |_, _| Box::pin(async { nothing() }),
    },
];

/// The first frame of a connection that was opened without a token.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = AuthData)]
pub struct Auth {
    pub access: String,
    /// Resumes from here.
    pub cursor: Option<String>,
}

impl Auth {
    pub const NAME: &'static str = "auth";
}

impl Input for Auth {
    fn read(fields: &mut Fields) -> Option<Self> {
        let access = fields.required::<Opaque>("access");
        let cursor = fields.optional::<Opaque>("cursor");
        Some(Self { access: access?.0, cursor: cursor?.map(|cursor| cursor.0) })
    }
}

/// A fresh access token of the same session, before the old one expires.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = TokenRenewData)]
struct Renew {
    access: String,
}

impl Input for Renew {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("access").map(|Opaque(access)| Self { access })
    }
}

/// The ack of `token.renew`.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"expires_at": "2026-11-26T18:14:05.678Z"}))]
struct Renewed {
    /// When the socket expires.
    expires_at: Timestamp,
}

/// Only a token of the same session keeps the socket open: another session would be another device.
async fn renew(call: Call, data: Value) -> Result<Done, Problem> {
    let Renew { access } = Renew::from_json(data)?;
    let identity = call.ports.store.accounts.identify(&access, call.ctx.now)?;
    if !is_same(identity.actor, call.identity.actor) {
        let says = "Must be a token of the session that opened this socket";
        return Err(Problem::from(TOKEN_INVALID).because(says));
    }
    let renewed = done(Renewed { expires_at: identity.expires_at })?;
    Ok(Done { renewed: Some(identity), ..renewed })
}

/// Whether both have the same user and session, whatever their roles.
fn is_same(one: Actor, other: Actor) -> bool {
    match (one, other) {
        (Actor::User { id: a, via: one, .. }, Actor::User { id: b, via: other, .. }) => (a, one) == (b, other),
        _ => false,
    }
}
