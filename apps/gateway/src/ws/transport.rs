//! The connection of one socket, without anything of HTTP. An idle socket has no buffers: what is read is kept only while a
//! frame or a message is incomplete, and what is written only until the system has taken it.

mod guard;
mod reader;
mod writer;

use std::{future::poll_fn, io, pin::Pin, time::Duration};

use actix_http::ws::OpCode;
use actix_web::web::Bytes;
use bytestring::ByteString;
use tokio::{
    net::TcpStream,
    time::{timeout, timeout_at},
};

pub use self::reader::{FRAMES, Message, Reader};
use self::writer::Writer;
use super::{MAX_FRAME, close::Close};
use crate::{
    connections::{self, LINGER, poll_arrived},
    front::Room,
};

/// How long a client may take to receive the close frame.
const GOODBYE_WITHIN: Duration = Duration::from_secs(30);
/// From this many octets on, frames are written before more are added.
const TOGETHER: usize = 16 << 10;

pub struct Transport {
    io: TcpStream,
    reader: Reader,
    writer: Writer,
}

impl Transport {
    /// `sent`: what the client has sent right after its handshake.
    pub fn new(io: TcpStream, sent: &[u8], mut reader: Reader) -> Self {
        reader.receive(sent);
        Self { io, reader, writer: Writer::default() }
    }

    /// The next message of the client, or why there is none. Nothing is lost if it is not waited for.
    pub async fn next(&mut self) -> Result<Message, Close> {
        loop {
            if let Some(message) = self.reader.message()? {
                return Ok(message);
            }
            let is_open = match self.reader.until() {
                None => self.receive().await,
                // Boxed, because an idle socket needs no timer.
                Some(until) => {
                    let received = Box::pin(timeout_at(until, self.receive())).await;
                    received.unwrap_or_else(|_| {
                        self.reader.give_up();
                        true
                    })
                }
            };
            if !is_open {
                return Err(Close::Goodbye);
            }
        }
    }

    /// The client is known by now: its messages may be as large as any, and their memory is its own.
    pub fn admit(&mut self, room: Room) {
        self.reader.admit(room, MAX_FRAME);
    }

    /// Nobody has waited for the next message for a while.
    pub fn forgive(&mut self) {
        self.reader.forgive();
    }

    /// Reads what has arrived; returns whether there may be more.
    async fn receive(&mut self) -> bool {
        let Self { io, reader, .. } = self;
        let arrived = poll_fn(|context| poll_arrived(io, context, |octets| reader.receive(octets))).await;
        arrived.is_ok_and(|octets| octets > 0)
    }

    /// Adds a text frame to those that are written next.
    pub fn say(&mut self, text: ByteString) {
        self.writer.add(OpCode::Text, text.into_bytes());
    }

    pub fn ping(&mut self, octets: &[u8]) {
        self.writer.add(OpCode::Ping, Bytes::copy_from_slice(octets));
    }

    pub fn pong(&mut self, octets: Bytes) {
        self.writer.add(OpCode::Pong, octets);
    }

    /// Whether so much waits that it should be written first.
    pub fn is_full(&self) -> bool {
        self.writer.octets() >= TOGETHER
    }

    /// Whether nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.writer.octets() == 0
    }

    /// Writes what was added. If it is not waited for, it goes on where it stopped.
    pub async fn flush(&mut self) -> io::Result<()> {
        let Self { io, writer, .. } = self;
        poll_fn(|context| writer.poll_write(Pin::new(&mut *io), context)).await
    }

    /// Writes what was added and the close frame. Then it waits until the client has said goodbye, too, or is gone: if the
    /// connection ended while something from the client is unread or still comes, such as the answer to a ping, the system
    /// would drop what a slow client has not received, and with it the reason.
    pub async fn close(mut self, close: Close) {
        let mut reason = close.code().to_be_bytes().to_vec();
        reason.extend_from_slice(close.says().as_bytes());
        self.writer.add(OpCode::Close, reason.into());
        // A client that does not read cannot be told the reason; it is disconnected all the same.
        if let Ok(Ok(())) = timeout(GOODBYE_WITHIN, self.flush()).await {
            let _ = timeout(LINGER, self.goodbye()).await;
            // Nobody waits for the clients of a node that stops; they come back elsewhere in any case.
            let within = if close == Close::Restart { LINGER } else { GOODBYE_WITHIN };
            let Self { io, reader, .. } = self;
            drop(reader);
            connections::end(io, within).await;
        }
    }

    /// Reads until the client says goodbye or is gone.
    async fn goodbye(&mut self) {
        loop {
            match self.reader.message() {
                Err(Close::Goodbye) => return,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) if self.receive().await => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
