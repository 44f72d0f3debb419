//! Checks the header of each frame before any of its payload is buffered: its length, its reserved bits, and the rate
//! of frames. The protocol layer checks a length only when the whole frame has arrived, and would buffer anything until
//! then, for anybody; it also handles control frames and empty fragments itself, so nobody could count them.

use std::{
    fmt, io,
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{dev::Payload, error::PayloadError, web::Bytes};
use futures_util::Stream;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::MAX_FRAME;

/// How many frames of any kind a client may send per second.
const FRAMES: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// What a client must not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A frame, or a fragmented message, above [`MAX_FRAME`].
    TooBig,
    TooMany,
    /// A reserved bit is set, although no extension was negotiated (RFC 6455 §5.2).
    Reserved,
}

impl Fault {
    /// The violation that ended the stream, if any.
    pub fn of(error: &io::Error) -> Option<Self> {
        let error = error.get_ref()?;
        match error.downcast_ref::<PayloadError>() {
            Some(PayloadError::Io(error)) => Self::of(error),
            Some(_) => None,
            None => error.downcast_ref().copied(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Fault {}

/// Parses frame headers (RFC 6455 §5.2) as they pass through.
pub struct Guard {
    payload: Payload,
    frames: Frames,
    /// The violation that ends the stream after the frames before it have been passed on.
    fault: Option<Fault>,
}

impl Guard {
    pub fn new(payload: Payload) -> Self {
        Self { payload, frames: Frames::default(), fault: None }
    }
}

impl Stream for Guard {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let ended = |fault| Poll::Ready(Some(Err(PayloadError::Io(io::Error::other(fault)))));
        if let Some(fault) = self.fault.take() {
            return ended(fault);
        }
        match ready!(Pin::new(&mut self.payload).poll_next(context)) {
            Some(Ok(octets)) => match self.frames.pass(&octets) {
                Ok(()) => Poll::Ready(Some(Ok(octets))),
                Err((0, fault)) => ended(fault),
                Err((before, fault)) => {
                    self.fault = Some(fault);
                    Poll::Ready(Some(Ok(octets.slice(..before))))
                }
            },
            other => Poll::Ready(other),
        }
    }
}

struct Frames {
    rate: DefaultDirectRateLimiter,
    /// Octets of the header that is being read.
    header: [u8; 10],
    read: usize,
    /// Octets of mask and payload still to come.
    left: u64,
    /// Octets of the message so far, if it is fragmented.
    message: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self { rate: RateLimiter::direct(Quota::per_second(FRAMES)), header: [0; 10], read: 0, left: 0, message: 0 }
    }
}

impl Frames {
    /// Whether everything so far is allowed; if not, how many of these octets belong to earlier frames.
    fn pass(&mut self, whole: &[u8]) -> Result<(), (usize, Fault)> {
        let (mut octets, mut before) = (whole, 0);
        while let Some((first, rest)) = octets.split_first() {
            if self.left > 0 {
                let passed = (octets.len() as u64).min(self.left);
                self.left -= passed;
                octets = octets.get(passed as usize..).unwrap_or_default();
                continue;
            }
            if self.read == 0 {
                before = whole.len() - octets.len();
            }
            if let Some(place) = self.header.get_mut(self.read) {
                *place = *first;
            }
            self.read += 1;
            octets = rest;
            if let Some(length) = self.announced() {
                self.begin(length).map_err(|fault| (before, fault))?;
            }
        }
        Ok(())
    }

    /// The length of the payload, once enough of the header is there.
    fn announced(&self) -> Option<u64> {
        let [_, short, rest @ ..] = self.header;
        match (short & 0x7f, self.read) {
            (127, 10) => Some(u64::from_be_bytes(rest)),
            (126, 4) => Some(u64::from(u16::from_be_bytes([rest[0], rest[1]]))),
            (short @ 0..=125, 2) => Some(short.into()),
            _ => None,
        }
    }

    fn begin(&mut self, length: u64) -> Result<(), Fault> {
        let [kind, short, ..] = self.header;
        if kind & 0x70 != 0 {
            return Err(Fault::Reserved);
        }
        if self.rate.check().is_err() {
            return Err(Fault::TooMany);
        }
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
        if fits { Ok(()) } else { Err(Fault::TooBig) }
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
            ([frame(text, 0), frame(text, 5), frame(text, 200), frame(text, 131_072)].concat(), true),
            (header(text, 131_073), false),
            (header(text, u64::MAX), false),
            ([frame(text, 10), header(text, 1 << 40)].concat(), false),
            ([frame(more, 60_000), frame(ping, 9), frame(0, 60_000), frame(end, 11_072)].concat(), true),
            ([frame(more, 60_000), frame(ping, 9), frame(0, 60_000), header(end, 11_073)].concat(), false),
            ([frame(more, 60_000), frame(end, 5_000), frame(text, 60_000)].concat(), true),
        ] {
            for step in [1, 7, 1000, octets.len()] {
                let mut frames = Frames::default();
                let passed = octets.chunks(step).try_for_each(|chunk| frames.pass(chunk).map_err(|(_, fault)| fault));
                assert_eq!(passed, if fits { Ok(()) } else { Err(Fault::TooBig) }, "in steps of {step}");
            }
        }
    }

    #[test]
    fn frames_of_every_kind_are_counted() {
        let (text, more, ping, pong) = (0x81, 0x01, 0x89, 0x8a);
        for kinds in [[text; 4], [ping; 4], [pong; 4], [0; 4], [text, more, 0, ping]] {
            for length in [0, 3] {
                let mut frames = Frames::default();
                let flood = kinds.iter().cycle().map(|kind| frame(*kind, length)).take(1_000).collect::<Vec<_>>();
                let passed = flood.iter().take_while(|frame| frames.pass(frame).is_ok()).count();
                assert!((300..600).contains(&passed), "{kinds:?} of {length}: {passed}");
                let (before, fault) = Frames::default().pass(&flood.concat()).unwrap_err();
                assert_eq!(fault, Fault::TooMany, "all at once");
                let size = flood[0].len();
                assert!(before % size == 0 && before / size >= 300, "whole frames: {before} octets of {size} each");
            }
        }
    }

    #[test]
    fn reserved_bits_are_for_extensions() {
        for bit in [0x40, 0x20, 0x10] {
            assert_eq!(Frames::default().pass(&frame(0x81 | bit, 5)), Err((0, Fault::Reserved)));
            let both = [frame(0x81, 5), frame(0x81 | bit, 5)].concat();
            assert_eq!(Frames::default().pass(&both), Err((both.len() / 2, Fault::Reserved)));
        }
    }

    #[test]
    fn what_ended_a_stream_is_found_again() {
        let wrapped = io::Error::other(PayloadError::Io(io::Error::other(Fault::TooMany)));
        assert_eq!(Fault::of(&wrapped), Some(Fault::TooMany));
        assert_eq!(Fault::of(&io::Error::other(PayloadError::Overflow)), None);
        assert_eq!(Fault::of(&io::Error::other("else")), None);
    }
}
