//! Everything that goes over a socket, for the AsyncAPI document.

use clowder_accounts::{
    ApiKey, Own, Suspension,
    change::{ApiKeyRevoked, SessionEnded},
    model::Settings,
};
use clowder_messaging::{Chat, Deleted, Message, MessagePatch, NewMessage, NewRead, Read, Typing};
use utoipa::ToSchema;

use super::{
    command::{Auth, InChat, OfMessage, Renew},
    frame::{Heartbeat, Hello, Reset, Resumed},
};
use crate::{
    docs::{Direction, Frame},
    problem::Body,
    routes::Shape,
};

pub fn frames() -> Vec<Frame> {
    vec![
        said::<Hello>("hello", "The first frame of every connection"),
        said::<Resumed>("resumed", "Everything that was missed has been sent"),
        said::<Reset>("reset", "What was missed cannot be told; reload over REST"),
        said::<Heartbeat>("heartbeat", "Nothing else was said for `heartbeat_ms`; the connection is alive"),
        answer(Shape::any(), "ack", "A command was carried out; `data` is what it made or changed"),
        answer(Shape::of::<Body<'_>>(), "error", "A command was refused; `data` is the problem"),
        durable::<Chat>("chat.created", "A chat that the user takes part in from now on"),
        durable::<Message>("message.sent", "Something was said"),
        durable::<Message>("message.updated", "A message was edited"),
        durable::<Deleted>("message.deleted", "A message was taken back"),
        durable::<Read>("message.read", "Somebody has read a chat up to here"),
        durable::<clowder_core::Card>("user.registered", "The account was made"),
        durable::<Own>("user.updated", "Your profile was edited"),
        durable::<SessionEnded>("session.ended", "A device of the user was signed out"),
        durable::<Settings>("settings.updated", "The user changed their settings, on whichever device"),
        durable::<clowder_core::Card>(
            "user.deleted",
            "Somebody in a chat is a deleted user from now on; the card says how they are shown",
        ),
        durable::<Suspension>("user.suspended", "The account can do nothing any more; the socket closes"),
        durable::<ApiKey>("api_key.created", "An API key of the user was made"),
        durable::<ApiKeyRevoked>("api_key.revoked", "An API key of the user was revoked"),
        said::<Typing>(
            "typing.start",
            "Somebody types; ends by itself after 6 seconds. One typing event per person and chat in 2 seconds",
        ),
        said::<Typing>("typing.stop", "Somebody has stopped typing; up to 2 seconds late"),
        command(Shape::of::<Auth>(), "auth", "Says who it is; the first frame when the handshake did not"),
        command(Shape::both::<InChat, NewMessage>(), "message.send", "Says something; acked with the message"),
        command(Shape::both::<OfMessage, MessagePatch>(), "message.edit", "Edits a message; acked with it"),
        command(Shape::of::<OfMessage>(), "message.delete", "Takes a message back"),
        command(Shape::both::<InChat, NewRead>(), "message.read", "Moves the read mark"),
        command(Shape::of::<InChat>(), "typing.start", "Somebody types; repeat every few seconds"),
        command(Shape::of::<InChat>(), "typing.stop", "Stops typing"),
        command(Shape::of::<Renew>(), "token.renew", "Keeps the socket beyond the expiry of its token"),
        command(Shape::any(), "ping", "Asks for an ack"),
    ]
}

fn said<T: ToSchema>(name: &'static str, summary: &'static str) -> Frame {
    Frame { name, direction: Direction::FromServer, summary, schema: Shape::of::<T>().framed(name, &["at"]) }
}

fn durable<T: ToSchema>(name: &'static str, summary: &'static str) -> Frame {
    let schema = Shape::of::<T>().framed(name, &["at", "cursor"]);
    Frame { name, direction: Direction::FromServer, summary, schema }
}

fn answer(data: Shape, name: &'static str, summary: &'static str) -> Frame {
    Frame { name, direction: Direction::FromServer, summary, schema: data.framed(name, &["id"]) }
}

fn command(data: Shape, name: &'static str, summary: &'static str) -> Frame {
    Frame { name, direction: Direction::FromClient, summary, schema: data.framed(name, &["id"]) }
}
