//! Checks the header of each frame before any of its payload is buffered: its length, its reserved bits, and the rate
//! of frames. The protocol layer checks a length only when the whole frame has arrived, and would buffer anything until
//! then, for anybody; it also handles control frames and empty fragments itself, so nobody could count them.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::super::{MAX_FRAME, close::Close};

/// How many frames of any kind a client may send per second.
const FRAMES: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// Reads frame headers (RFC 6455 §5.2) as they arrive.
pub struct Guard {
    rate: DefaultDirectRateLimiter,
    /// Octets of the header that is being read.
    header: [u8; 10],
    read: usize,
    /// Octets of mask and payload still to come.
    left: u64,
    /// Octets of the message so far, if it is fragmented.
    message: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self { rate: RateLimiter::direct(Quota::per_second(FRAMES)), header: [0; 10], read: 0, left: 0, message: 0 }
    }
}

impl Guard {
    /// Whether everything so far is allowed; if not, how many of these octets belong to earlier frames, and how the socket ends
    /// after these.
    pub fn pass(&mut self, whole: &[u8]) -> Result<(), (usize, Close)> {
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
                self.begin(length).map_err(|close| (before, close))?;
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

    fn begin(&mut self, length: u64) -> Result<(), Close> {
        let [kind, short, ..] = self.header;
        if kind & 0x70 != 0 {
            // No extension was negotiated.
            return Err(Close::Protocol);
        }
        if self.rate.check().is_err() {
            return Err(Close::TooManyFrames);
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
        if fits { Ok(()) } else { Err(Close::TooBig) }
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
                let mut frames = Guard::default();
                let passed = octets.chunks(step).try_for_each(|chunk| frames.pass(chunk).map_err(|(_, close)| close));
                assert_eq!(passed, if fits { Ok(()) } else { Err(Close::TooBig) }, "in steps of {step}");
            }
        }
    }

    #[test]
    fn frames_of_every_kind_are_counted() {
        let (text, more, ping, pong) = (0x81, 0x01, 0x89, 0x8a);
        for kinds in [[text; 4], [ping; 4], [pong; 4], [0; 4], [text, more, 0, ping]] {
            for length in [0, 3] {
                let mut frames = Guard::default();
                let flood = kinds.iter().cycle().map(|kind| frame(*kind, length)).take(1_000).collect::<Vec<_>>();
                let passed = flood.iter().take_while(|frame| frames.pass(frame).is_ok()).count();
                assert!((300..600).contains(&passed), "{kinds:?} of {length}: {passed}");
                let (before, close) = Guard::default().pass(&flood.concat()).unwrap_err();
                assert_eq!(close, Close::TooManyFrames, "all at once");
                let size = flood[0].len();
                assert!(before % size == 0 && before / size >= 300, "whole frames: {before} octets of {size} each");
            }
        }
    }

    #[test]
    fn reserved_bits_are_for_extensions() {
        for bit in [0x40, 0x20, 0x10] {
            assert_eq!(Guard::default().pass(&frame(0x81 | bit, 5)), Err((0, Close::Protocol)));
            let both = [frame(0x81, 5), frame(0x81 | bit, 5)].concat();
            assert_eq!(Guard::default().pass(&both), Err((both.len() / 2, Close::Protocol)));
        }
    }
}
