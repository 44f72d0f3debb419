//! Looks at the length that each frame announces before any of it is kept. The protocol layer checks it only when the
//! whole frame is there, and would collect whatever comes until then, from anybody.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{dev::Payload, error::PayloadError, web::Bytes};
use futures_util::Stream;

use super::MAX_FRAME;

/// Reads frame headers (RFC 6455 §5.2) as they pass by.
pub struct Guard {
    payload: Payload,
    frames: Frames,
}

impl Guard {
    pub fn new(payload: Payload) -> Self {
        Self { payload, frames: Frames::default() }
    }
}

impl Stream for Guard {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(Pin::new(&mut self.payload).poll_next(context)) {
            Some(Ok(octets)) if self.frames.pass(&octets) => Some(Ok(octets)),
            Some(Ok(_)) => Some(Err(PayloadError::Overflow)),
            other => other,
        })
    }
}

#[derive(Default)]
struct Frames {
    /// Of the header that is being read.
    header: [u8; 10],
    read: usize,
    /// Octets of mask and payload still to come.
    left: u64,
    /// Octets of the message so far, when it comes in fragments.
    message: u64,
}

impl Frames {
    /// Whether everything announced so far is small enough.
    fn pass(&mut self, mut octets: &[u8]) -> bool {
        while let Some((first, rest)) = octets.split_first() {
            if self.left > 0 {
                let passed = (octets.len() as u64).min(self.left);
                self.left -= passed;
                octets = octets.get(passed as usize..).unwrap_or_default();
                continue;
            }
            if let Some(place) = self.header.get_mut(self.read) {
                *place = *first;
            }
            self.read += 1;
            octets = rest;
            if let Some(length) = self.announced()
                && !self.begin(length)
            {
                return false;
            }
        }
        true
    }

    /// The length of the payload, once the header is complete up to it.
    fn announced(&self) -> Option<u64> {
        let [_, short, rest @ ..] = self.header;
        match (short & 0x7f, self.read) {
            (127, 10) => Some(u64::from_be_bytes(rest)),
            (126, 4) => Some(u64::from(u16::from_be_bytes([rest[0], rest[1]]))),
            (short @ 0..=125, 2) => Some(short.into()),
            _ => None,
        }
    }

    fn begin(&mut self, length: u64) -> bool {
        let [kind, short, ..] = self.header;
        let masked = if short & 0x80 != 0 { 4 } else { 0 };
        let (last, opcode) = (kind & 0x80 != 0, kind & 0x0f);
        // Control frames may stand between the fragments of a message.
        if opcode < 8 {
            self.message = if opcode == 0 { self.message.saturating_add(length) } else { length };
        }
        let fits = length <= MAX_FRAME as u64 && self.message <= MAX_FRAME as u64;
        if opcode < 8 && last {
            self.message = 0;
        }
        self.read = 0;
        self.left = length.saturating_add(masked);
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a masked frame, with its mask.
    fn header(kind: u8, length: u64) -> Vec<u8> {
        let mut header = vec![kind];
        match length {
            0..=125 => header.push(0x80 | length as u8),
            126..=0xffff => {
                header.push(0x80 | 126);
                header.extend((length as u16).to_be_bytes());
            }
            _ => {
                header.push(0x80 | 127);
                header.extend(length.to_be_bytes());
            }
        }
        header.extend([1, 2, 3, 4]);
        header
    }

    fn frame(kind: u8, length: u64) -> Vec<u8> {
        let mut frame = header(kind, length);
        frame.extend(vec![0x81; length as usize]);
        frame
    }

    #[test]
    fn what_is_announced_is_measured_however_it_arrives() {
        let (text, more, end, ping) = (0x81, 0x01, 0x80, 0x89);
        for (octets, fits) in [
            ([frame(text, 0), frame(text, 5), frame(text, 200), frame(text, 65_536)].concat(), true),
            (header(text, 65_537), false),
            (header(text, u64::MAX), false),
            ([frame(text, 10), header(text, 1 << 40)].concat(), false),
            ([frame(more, 30_000), frame(ping, 9), frame(0, 30_000), frame(end, 5_536)].concat(), true),
            ([frame(more, 30_000), frame(ping, 9), frame(0, 30_000), header(end, 5_537)].concat(), false),
            ([frame(more, 60_000), frame(end, 5_000), frame(text, 60_000)].concat(), true),
        ] {
            for step in [1, 7, 1000, octets.len()] {
                let mut frames = Frames::default();
                assert_eq!(octets.chunks(step).all(|chunk| frames.pass(chunk)), fits, "in steps of {step}");
            }
        }
    }
}
