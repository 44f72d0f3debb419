//! Checks the header of each frame before any of its payload is buffered: its kind, its length, its reserved bits, and the
//! rate of frames. The protocol layer checks a frame only when all of it has arrived, and would buffer anything until then,
//! for anybody; it also handles control frames and empty fragments itself, so nobody could count them.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::super::close::Close;

/// How many frames of any kind a client may send per second.
const FRAMES: NonZeroU32 = NonZeroU32::new(300).unwrap();
/// The maximum payload of a control frame.
const CONTROL: u64 = 125;

/// Reads frame headers (RFC 6455 §5.2) as they arrive.
pub struct Guard {
    rate: DefaultDirectRateLimiter,
    /// The maximum size of a frame, and of a fragmented message.
    most: u64,
    /// Octets of the header that is being read.
    header: [u8; 10],
    read: usize,
    /// Octets of mask and payload still to come, and how many the payload has in all.
    left: u64,
    length: u64,
    /// Octets of the message so far, if it is fragmented.
    message: u64,
    /// Whether more fragments of the message are to come.
    is_open: bool,
    /// How many octets of the frame have arrived that is not complete.
    begun: usize,
}

/// What has passed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Octets of the payload of messages, without what control frames carry.
    pub said: usize,
    /// Whether everything that had begun was complete in between.
    pub was_idle: bool,
}

impl Guard {
    /// `most`: the maximum size of a message.
    pub fn new(most: usize) -> Self {
        Self {
            rate: RateLimiter::direct(Quota::per_second(FRAMES)),
            most: most as u64,
            header: [0; 10],
            read: 0,
            left: 0,
            length: 0,
            message: 0,
            is_open: false,
            begun: 0,
        }
    }

    /// From now on messages may be so large.
    pub fn allow(&mut self, most: usize) {
        self.most = most as u64;
    }

    /// How many octets of the frame have arrived that is not complete.
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// Whether no frame and no message has begun that is not complete.
    pub fn is_idle(&self) -> bool {
        self.begun == 0 && !self.is_open
    }

    /// Whether everything so far is allowed; if not, how many of these octets belong to earlier frames, and how the socket ends
    /// after these.
    pub fn pass(&mut self, whole: &[u8]) -> Result<Passed, (usize, Close)> {
        let (mut octets, mut before) = (whole, 0);
        let mut passed = Passed { said: 0, was_idle: self.is_idle() };
        while let Some((first, rest)) = octets.split_first() {
            if self.left > 0 {
                let arrived = (octets.len() as u64).min(self.left);
                octets = octets.get(arrived as usize..).unwrap_or_default();
                passed.said += self.carry(arrived);
                passed.was_idle |= self.is_idle();
                continue;
            }
            if self.read == 0 {
                before = whole.len() - octets.len();
            }
            if let Some(place) = self.header.get_mut(self.read) {
                *place = *first;
            }
            self.read += 1;
            self.begun += 1;
            octets = rest;
            if let Some(length) = self.announced() {
                self.begin(length).map_err(|close| (before, close))?;
            }
        }
        Ok(passed)
    }

    /// So many octets of mask and payload have arrived; returns how many of them belong to the payload of a message.
    fn carry(&mut self, arrived: u64) -> usize {
        let of_payload = |left: u64| left.min(self.length);
        let said = of_payload(self.left) - of_payload(self.left - arrived);
        self.left -= arrived;
        self.begun = if self.left == 0 { 0 } else { self.begun + arrived as usize };
        if is_control(self.header[0]) { 0 } else { said as usize }
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
        let (last, opcode) = (kind & 0x80 != 0, kind & 0x0f);
        let is_known = matches!(opcode, 0..=2 | 8..=10);
        // No extension was negotiated, and all frames of clients have a mask.
        if kind & 0x70 != 0 || !is_known || short & 0x80 == 0 {
            return Err(Close::Protocol);
        }
        // Control frames may stand between the fragments of a message, but have none of their own (RFC 6455 §5.5).
        if is_control(kind) && (length > CONTROL || !last) {
            return Err(Close::Protocol);
        }
        if self.rate.check().is_err() {
            return Err(Close::TooManyFrames);
        }
        if !is_control(kind) {
            self.message = if opcode == 0 { self.message.saturating_add(length) } else { length };
            if length > self.most || self.message > self.most {
                return Err(Close::TooBig);
            }
            self.is_open = !last;
            if last {
                self.message = 0;
            }
        }
        let mask = 4;
        (self.read, self.length, self.left) = (0, length, length + mask);
        Ok(())
    }
}

/// Whether a frame that begins with this octet is no part of a message.
const fn is_control(first: u8) -> bool {
    first & 0x08 != 0
}

#[cfg(test)]
mod tests {
    use super::{super::super::MAX_FRAME, *};

    fn guard() -> Guard {
        Guard::new(MAX_FRAME)
    }

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
        let (text, more, end, close, ping, pong) = (0x81, 0x01, 0x80, 0x88, 0x89, 0x8a);
        let (fits, big, wrong) = (Ok(()), Err(Close::TooBig), Err(Close::Protocol));
        for (octets, expected) in [
            ([frame(text, 0), frame(text, 5), frame(text, 200), frame(text, 131_072)].concat(), fits),
            (header(text, 131_073), big),
            (header(text, u64::MAX), big),
            ([frame(text, 10), header(text, 1 << 40)].concat(), big),
            ([frame(more, 60_000), frame(ping, 9), frame(0, 60_000), frame(end, 11_072)].concat(), fits),
            ([frame(more, 60_000), frame(ping, 9), frame(0, 60_000), header(end, 11_073)].concat(), big),
            ([frame(more, 60_000), frame(end, 5_000), frame(text, 60_000)].concat(), fits),
            // Control frames are small and whole.
            ([frame(close, 125), frame(ping, 125), frame(pong, 125)].concat(), fits),
            ([frame(more, 131_000), header(ping, 131_072)].concat(), wrong),
            (header(ping, 126), wrong),
            (header(pong, u64::MAX), wrong),
            (header(close, 126), wrong),
            (header(0x09, 5), wrong),
            (header(0x83, 5), wrong),
            (header(0x8b, 5), wrong),
            (vec![text, 126, 0xff, 0xff], wrong),
        ] {
            for step in [1, 7, 1000, octets.len()] {
                let mut frames = guard();
                let mut chunks = octets.chunks(step);
                let passed = chunks.try_for_each(|chunk| frames.pass(chunk).map(drop).map_err(|(_, close)| close));
                assert_eq!(passed, expected, "in steps of {step}");
            }
        }
    }

    #[test]
    fn frames_of_every_kind_are_counted() {
        let (text, more, ping, pong) = (0x81, 0x01, 0x89, 0x8a);
        for kinds in [[text; 4], [ping; 4], [pong; 4], [0; 4], [text, more, 0, ping]] {
            for length in [0, 3] {
                let mut frames = guard();
                let flood = kinds.iter().cycle().map(|kind| frame(*kind, length)).take(1_000).collect::<Vec<_>>();
                let passed = flood.iter().take_while(|frame| frames.pass(frame).is_ok()).count();
                assert!((300..600).contains(&passed), "{kinds:?} of {length}: {passed}");
                let (before, close) = guard().pass(&flood.concat()).unwrap_err();
                assert_eq!(close, Close::TooManyFrames, "all at once");
                let size = flood[0].len();
                assert!(before % size == 0 && before / size >= 300, "whole frames: {before} octets of {size} each");
            }
        }
    }

    #[test]
    fn reserved_bits_are_for_extensions() {
        for bit in [0x40, 0x20, 0x10] {
            assert_eq!(guard().pass(&frame(0x81 | bit, 5)), Err((0, Close::Protocol)));
            let both = [frame(0x81, 5), frame(0x81 | bit, 5)].concat();
            assert_eq!(guard().pass(&both), Err((both.len() / 2, Close::Protocol)));
        }
    }

    #[test]
    fn what_is_said_is_counted_without_what_comes_around_it() {
        let (text, more, end, ping) = (0x81, 0x01, 0x80, 0x89);
        let pass = |frames: &mut Guard, octets: &[u8]| {
            let Passed { said, was_idle } = frames.pass(octets).unwrap();
            (said, was_idle, frames.is_idle(), frames.begun())
        };
        let mut frames = guard();
        assert_eq!(pass(&mut frames, &frame(text, 300)), (300, true, true, 0));
        assert_eq!(pass(&mut frames, &header(more, 300)), (0, true, false, 8));
        assert_eq!(pass(&mut frames, &[0; 299]), (299, false, false, 307));
        assert_eq!(pass(&mut frames, &[0; 1]), (1, false, false, 0), "the message goes on");
        let between = [frame(ping, 125), frame(0, 0), frame(ping, 0)].concat();
        assert_eq!(pass(&mut frames, &between), (0, false, false, 0));
        let next = [frame(end, 7), header(text, 9)].concat();
        assert_eq!(pass(&mut frames, &next), (7, true, false, 6), "one has ended, and another has begun");
        assert_eq!(pass(&mut frames, &[0; 9]), (9, true, true, 0));
        assert_eq!(pass(&mut frames, &[0x81]), (0, true, false, 1));
    }

    #[test]
    fn who_is_not_known_says_less() {
        let text = 0x81;
        let mut frames = Guard::new(1_000);
        assert!(frames.pass(&frame(text, 1_000)).is_ok());
        frames.allow(2_000);
        assert!(frames.pass(&frame(text, 2_000)).is_ok());
        assert_eq!(Guard::new(1_000).pass(&header(text, 1_001)), Err((0, Close::TooBig)));
    }
}
