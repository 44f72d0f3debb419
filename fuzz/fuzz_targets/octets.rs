//! Whatever a client sends after the handshake, and however it arrives, it means the same, and the reader never panics.
#![no_main]

use clowder_gateway::ws::{Close, Message, Reader};
use libfuzzer_sys::fuzz_target;

fn heard<'o>(pieces: impl Iterator<Item = &'o [u8]>) -> (Vec<Message>, Option<Close>) {
    let (mut reader, mut heard) = (Reader::default(), Vec::new());
    for piece in pieces {
        reader.receive(piece);
        loop {
            match reader.message() {
                Ok(Some(message)) => heard.push(message),
                Ok(None) => break,
                Err(close) => return (heard, Some(close)),
            }
        }
    }
    (heard, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, octets) = input;
    assert_eq!(heard(octets.chunks(usize::from(piece).max(1))), heard([octets].into_iter()));
});
