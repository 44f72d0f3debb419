//! Everything that goes over a socket, for the AsyncAPI document.

use clowder_accounts::{
    ApiKey, Own, Suspension,
    change::{ApiKeyRevoked, SessionEnded},
    model::Settings,
};
use clowder_messaging::{Chat, Deleted, Message, MessagePatch, NewMessage, NewRead, Read, Typing};
use utoipa::ToSchema;

use super::{
    command::{Auth, InChat, OfMessage, OfVersion, Renew},
    connection::Renewed,
    frame::{Heartbeat, Hello, Reset, Resumed},
};
use crate::{
    docs::{Direction, Frame, Reply},
    problem::Body,
    routes::Shape,
};

pub fn frames() -> Vec<Frame> {
    vec![
        said::<Hello>("hello", "The first frame of every connection"),
        said::<Resumed>("resumed", "Everything that was missed has been sent"),
        said::<Reset>("reset", "What was missed cannot be told; reload over REST"),
        said::<Heartbeat>("heartbeat", "Nothing else was said for `heartbeat_ms`; the connection is alive"),
        said_by(
            Shape::of::<Body<'_>>().framed("error", &["id"]),
            "error",
            "A command was refused; `data` is the problem",
        ),
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
        command(Shape::of::<Auth>(), "auth", "Says who it is; the first frame when the handshake did not")
            .answered(Reply::Frame("hello")),
        command(Shape::both::<InChat, NewMessage>(), "message.send", "Sends a message").acked(Shape::of::<Message>()),
        command(Shape::both::<OfVersion, MessagePatch>(), "message.edit", "Edits a message")
            .acked(Shape::of::<Message>()),
        command(Shape::of::<OfMessage>(), "message.delete", "Deletes a message").acked(Shape::of::<Deleted>()),
        command(Shape::both::<InChat, NewRead>(), "message.read", "Moves the read mark").acked(Shape::of::<Read>()),
        command(Shape::of::<InChat>(), "typing.start", "Somebody types; repeat every few seconds").acked(Shape::any()),
        command(Shape::of::<InChat>(), "typing.stop", "Stops typing").acked(Shape::any()),
        command(Shape::of::<Renew>(), "token.renew", "Keeps the socket beyond the expiry of its token")
            .acked(Shape::of::<Renewed>()),
        Frame {
            schema: Shape::any().commanding("ping", false),
            ..command(Shape::any(), "ping", "Asks for an ack").acked(Shape::any())
        },
    ]
}

fn said_by(schema: Shape, name: &'static str, summary: &'static str) -> Frame {
    Frame { name, direction: Direction::FromServer, summary, schema, reply: None }
}

fn said<T: ToSchema>(name: &'static str, summary: &'static str) -> Frame {
    said_by(Shape::of::<T>().framed(name, &["at"]), name, summary)
}

fn durable<T: ToSchema>(name: &'static str, summary: &'static str) -> Frame {
    said_by(Shape::of::<T>().framed(name, &["at", "cursor"]), name, summary)
}

fn command(data: Shape, name: &'static str, summary: &'static str) -> Frame {
    Frame { name, direction: Direction::FromClient, summary, schema: data.commanding(name, true), reply: None }
}

impl Frame {
    fn answered(self, reply: Reply) -> Self {
        Self { reply: Some(reply), ..self }
    }

    fn acked(self, data: Shape) -> Self {
        self.answered(Reply::Ack(data.framed("ack", &["id"])))
    }
}
