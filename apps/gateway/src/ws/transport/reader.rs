//! Puts the messages of a client together (RFC 6455 §5) from octets as they arrive.

use std::net::Ipv4Addr;

use actix_codec::Decoder;
use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use actix_web::web::{Bytes, BytesMut};
use bytestring::ByteString;
use tokio::time::Instant;

use super::{
    super::{MAX_FRAME, close::Close},
    guard::{Guard, Passed},
};
use crate::front::{Key, PAUSE, Room, Rooms, Sizes, time_for};

/// The memory for all frames and messages that are not complete, and for the large ones that are carried out.
pub const FRAMES: Sizes = Sizes { nobody: 16 << 20, known: 64 << 20 };
/// So few octets are moved to a buffer of their own, instead of keeping a large one.
const FEW: usize = 1 << 10;

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Text(ByteString),
    Ping(Bytes),
    Pong(Bytes),
}

pub struct Reader {
    guard: Guard,
    codec: Codec,
    /// What has arrived of a frame, until it is complete.
    octets: BytesMut,
    /// Whether the memory of `octets` has earlier frames in it.
    is_shared: bool,
    /// The text so far of a fragmented message.
    text: BytesMut,
    /// The memory for both.
    room: Room,
    /// When more of what has begun must have arrived.
    until: Option<Instant>,
    /// Why nothing follows after the frames that have arrived.
    end: Option<Close>,
}

/// With memory of its own.
impl Default for Reader {
    fn default() -> Self {
        let nobody = Key::Address(Ipv4Addr::LOCALHOST.into());
        Self::new(Rooms::new(FRAMES).room(nobody), MAX_FRAME)
    }
}

impl Reader {
    /// `most`: the maximum size of a message.
    pub fn new(room: Room, most: usize) -> Self {
        Self {
            guard: Guard::new(most),
            codec: Codec::new().max_size(MAX_FRAME),
            octets: BytesMut::new(),
            is_shared: false,
            text: BytesMut::new(),
            room,
            until: None,
            end: None,
        }
    }

    /// From now on messages may be so large, and their memory is another's.
    pub fn admit(&mut self, room: Room, most: usize) {
        self.guard.allow(most);
        self.room = room;
    }

    /// Takes what has arrived, up to the first frame that is not allowed.
    pub fn receive(&mut self, octets: &[u8]) {
        if self.end.is_some() {
            return;
        }
        let allowed = match self.guard.pass(octets) {
            Ok(passed) => {
                self.keep_time(passed);
                octets
            }
            Err((before, close)) => {
                self.end = Some(close);
                octets.get(..before).unwrap_or_default()
            }
        };
        self.octets.extend_from_slice(allowed);
    }

    /// A message may take as long as the body of a request of the same size, whatever comes between its fragments.
    fn keep_time(&mut self, passed: Passed) {
        if self.guard.is_idle() {
            self.until = None;
            return;
        }
        let latest = Instant::now() + PAUSE;
        let until = self.until.filter(|_| !passed.was_idle).map(|until| until + time_for(passed.said));
        self.until = Some(until.map_or(latest, |until| until.min(latest)));
    }

    /// When more must have arrived, if something is incomplete.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// While nobody read, the client could not go on.
    pub fn forgive(&mut self) {
        self.until = self.until.map(|_| Instant::now() + PAUSE);
    }

    /// More has not arrived in time.
    pub fn give_up(&mut self) {
        self.end.get_or_insert(Close::Stalled);
    }

    /// The next message, if all of it has arrived; earlier ones come before the reason why there are no more. The memory of a
    /// message stays reserved until the next one is asked for.
    pub fn message(&mut self) -> Result<Option<Message>, Close> {
        loop {
            // The protocol layer would reserve memory for whatever the header of an incomplete frame announces.
            let is_complete = self.end.is_some() || self.octets.len() > self.guard.begun();
            let decoded = if is_complete { self.codec.decode(&mut self.octets) } else { Ok(None) };
            let message = match decoded {
                Ok(Some(frame)) => {
                    self.is_shared = true;
                    self.take(frame)
                }
                Ok(None) => match self.end {
                    Some(close) => return self.fail(close),
                    None => return self.wait(),
                },
                Err(ProtocolError::Overflow) => Err(Close::TooBig),
                Err(_) => Err(Close::Protocol),
            };
            match message {
                Ok(None) => {}
                Ok(message) => return Ok(message),
                Err(close) => return self.fail(close),
            }
        }
    }

    /// Keeps no more than what is incomplete, as long as there is memory for it.
    fn wait(&mut self) -> Result<Option<Message>, Close> {
        if self.is_shared || self.octets.len() <= FEW {
            self.octets = BytesMut::from(&*self.octets);
            self.is_shared = false;
        }
        match self.room.hold(self.octets.len() + self.text.len()) {
            Ok(()) => Ok(None),
            Err(_) => {
                metrics::counter!("clowder_frames_refused_total").increment(1);
                self.fail(Close::busy())
            }
        }
    }

    /// Nothing follows.
    fn fail(&mut self, close: Close) -> Result<Option<Message>, Close> {
        (self.octets, self.text, self.until, self.end) = (BytesMut::new(), BytesMut::new(), None, Some(close));
        let _ = self.room.hold(0);
        Err(close)
    }

    /// What a frame says, if it completes a message.
    fn take(&mut self, frame: Frame) -> Result<Option<Message>, Close> {
        let text = match frame {
            Frame::Text(text) => text,
            Frame::Continuation(Item::FirstText(part) | Item::Continue(part)) => {
                self.text.extend_from_slice(&part);
                return Ok(None);
            }
            Frame::Continuation(Item::Last(part)) => {
                self.text.extend_from_slice(&part);
                std::mem::take(&mut self.text).freeze()
            }
            Frame::Ping(octets) => return Ok(Some(Message::Ping(octets))),
            Frame::Pong(octets) => return Ok(Some(Message::Pong(octets))),
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => return Err(Close::Binary),
            Frame::Close(_) => return Err(Close::Goodbye),
        };
        ByteString::try_from(text).map(|text| Some(Message::Text(text))).map_err(|_| Close::NotText)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use std::time::Duration;

    use super::*;
    use crate::ws::MAX_FRAME_OF_NOBODY;

    fn rooms() -> Rooms {
        Rooms::new(FRAMES)
    }

    fn user(number: u128) -> Key {
        Key::User(clowder_core::UserId::from_uuid(uuid::Uuid::from_u128(number)))
    }

    /// A frame with a mask.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length @ 126..0x1_0000 => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        let mask = [0x11, 0xf0, 0x0d, 0x5a];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(octet, mask)| octet ^ mask));
        frame
    }

    /// What a client is understood to say, and how that ends, if its octets arrive in pieces of this size.
    fn heard(octets: &[u8], piece: usize) -> (Vec<String>, Option<Close>) {
        let (mut reader, mut heard) = (Reader::default(), Vec::new());
        for piece in octets.chunks(piece) {
            reader.receive(piece);
            loop {
                match reader.message() {
                    Ok(None) => break,
                    Ok(Some(Message::Text(text))) => heard.push(text.to_string()),
                    Ok(Some(Message::Ping(octets))) => heard.push(format!("ping {}", octets.escape_ascii())),
                    Ok(Some(Message::Pong(octets))) => heard.push(format!("pong {}", octets.escape_ascii())),
                    Err(close) => {
                        assert_eq!(reader.message(), Err(close), "there is nothing after the end");
                        return (heard, Some(close));
                    }
                }
            }
        }
        (heard, None)
    }

    #[test]
    fn however_it_arrives_it_says_the_same() {
        let (text, first, more, last, binary, ping, pong, close) = (0x81, 0x01, 0x00, 0x80, 0x82, 0x89, 0x8a, 0x88);
        let long = "猫".repeat(40_000);
        let (half, rest) = long.as_bytes().split_at(50_000);
        for (frames, said, end) in [
            (vec![], vec![], None),
            (vec![frame(text, b"one"), frame(text, b""), frame(text, b"two")], vec!["one", "", "two"], None),
            (
                vec![frame(ping, b"a"), frame(pong, b""), frame(ping, &[0; 3])],
                vec!["ping a", "pong ", "ping \\x00\\x00\\x00"],
                None,
            ),
            (vec![frame(text, long.as_bytes()), frame(text, b"then")], vec![&*long, "then"], None),
            (
                vec![frame(first, half), frame(ping, b"x"), frame(last, rest), frame(text, b"then")],
                vec!["ping x", &*long, "then"],
                None,
            ),
            (
                vec![frame(first, b"a"), frame(more, b""), frame(more, b"b"), frame(last, b"c"), frame(text, b"d")],
                vec!["abc", "d"],
                None,
            ),
            (vec![frame(text, b"bye"), frame(close, &[]), frame(text, b"more")], vec!["bye"], Some(Close::Goodbye)),
            (vec![frame(text, b"bye"), frame(close, b"\x0f\xa0why")], vec!["bye"], Some(Close::Goodbye)),
            (vec![frame(text, b"a"), frame(close, b"x")], vec!["a"], Some(Close::Protocol)),
            (vec![frame(text, b"a"), frame(binary, b"x")], vec!["a"], Some(Close::Binary)),
            (vec![frame(0x02, b"x")], vec![], Some(Close::Binary)),
            (vec![frame(text, b"a"), frame(text, b"\xff")], vec!["a"], Some(Close::NotText)),
            (vec![frame(first, b"\xe7\x8c"), frame(last, b"\xab")], vec!["猫"], None),
            (vec![frame(first, b"\xe7\x8c"), frame(last, b"\x00")], vec![], Some(Close::NotText)),
            (vec![frame(text, b"a"), frame(more, b"x")], vec!["a"], Some(Close::Protocol)),
            (vec![frame(first, b"a"), frame(text, b"x")], vec![], Some(Close::Protocol)),
            (vec![frame(text, b"a"), frame(0xc1, b"x")], vec!["a"], Some(Close::Protocol)),
            (vec![frame(0xc1, &[b'x'; 300])], vec![], Some(Close::Protocol)),
            (vec![frame(0x83, b"x")], vec![], Some(Close::Protocol)),
            (vec![frame(0x09, b"x")], vec![], Some(Close::Protocol)),
            (vec![frame(ping, &[b'x'; 126])], vec![], Some(Close::Protocol)),
            (vec![vec![0x81, 3, b'a', b'b', b'c']], vec![], Some(Close::Protocol)),
            (vec![frame(text, b"a"), frame(text, &vec![b'x'; MAX_FRAME + 1])], vec!["a"], Some(Close::TooBig)),
        ] {
            let octets = frames.concat();
            for piece in [1, 2, 3, 7, 1_000, 16 << 10, octets.len().max(1)] {
                let heard = heard(&octets, piece);
                assert!(
                    heard == (said.iter().map(|&said| said.to_owned()).collect(), end),
                    "{end:?} in pieces of {piece}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn any_frames_say_the_same_however_they_arrive(
            frames in vec((select(&[0x81, 0x01, 0x00, 0x80, 0x89, 0x8a, 0x82, 0xc1, 0x88][..]), vec(any::<u8>(), 0..200)), 0..6),
            wrong in any::<Option<(u16, u8)>>(),
            piece in 1_usize..300,
        ) {
            let mut octets: Vec<u8> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
            if let Some((at, octet)) = wrong && !octets.is_empty() {
                let at = usize::from(at) % octets.len();
                octets[at] = octet;
            }
            prop_assert_eq!(heard(&octets, piece), heard(&octets, octets.len().max(1)));
        }
    }

    #[test]
    fn what_is_idle_keeps_no_buffer_and_what_waits_a_small_one() {
        let mut reader = Reader::default();
        let long = frame(0x81, &[b'x'; MAX_FRAME]);
        for _ in 0..3 {
            reader.receive(&long);
            assert!(matches!(reader.message(), Ok(Some(Message::Text(text))) if text.len() == MAX_FRAME));
            assert_eq!(reader.message(), Ok(None));
            assert_eq!(reader.octets.capacity(), 0);
        }
        reader.receive(&[long.as_slice(), &long[..100]].concat());
        assert!(matches!(reader.message(), Ok(Some(Message::Text(_)))));
        assert_eq!(reader.message(), Ok(None));
        assert_eq!((reader.octets.len(), reader.octets.capacity()), (100, 100), "whatever the frame announces");
        reader.receive(&long[100..]);
        assert!(matches!(reader.message(), Ok(Some(Message::Text(_)))));
        assert_eq!((reader.message(), reader.octets.capacity(), reader.text.capacity()), (Ok(None), 0, 0));
    }

    /// What arrives, and what the reader says to it.
    fn takes(reader: &mut Reader, octets: &[u8]) -> Result<Option<Message>, Close> {
        for octets in octets.chunks(16 << 10) {
            reader.receive(octets);
            match reader.message() {
                Ok(None) => {}
                said => return said,
            }
        }
        Ok(None)
    }

    #[test]
    fn what_is_incomplete_has_room_for_all_together() {
        let rooms = rooms();
        let fragment = frame(0x01, &[b'x'; 131_000]);
        let ping = &frame(0x89, &[b'x'; 100])[..50];
        let address = |last| Key::Address(std::net::IpAddr::from([192, 0, 2, last]));
        for (callers, each, all) in [
            ((1..=9).map(user).collect::<Vec<_>>(), 8 << 20, FRAMES.known),
            ((1..=9).map(address).collect(), 2 << 20, FRAMES.nobody),
        ] {
            let (mut held, mut octets) = (Vec::new(), 0);
            for caller in &callers {
                let begun = octets;
                loop {
                    let mut reader = Reader::new(rooms.room(*caller), MAX_FRAME);
                    let said = takes(&mut reader, &fragment).and_then(|_| takes(&mut reader, ping));
                    if let Err(close) = said {
                        assert!(matches!(close, Close::Busy { .. }), "{close:?}");
                        assert_eq!(reader.message(), Err(close));
                        break;
                    }
                    octets += 131_000 + ping.len();
                    held.push(reader);
                }
                assert!(octets - begun <= each && octets <= all);
            }
            assert!(octets > all / 10 * 9, "{octets} of {all}");
            // Whoever says something small and whole needs no room.
            let mut other = Reader::new(rooms.room(callers[0]), MAX_FRAME);
            assert!(matches!(takes(&mut other, &frame(0x81, b"hello")), Ok(Some(_))));
            held.pop();
            let mut other = Reader::new(rooms.room(callers[8]), MAX_FRAME);
            assert_eq!(takes(&mut other, &fragment), Ok(None));
            drop((held, other));
            assert!(rooms.is_empty());
        }
    }

    #[test]
    fn a_large_message_has_its_room_until_the_next_is_asked_for() {
        let rooms = rooms();
        let mut reader = Reader::new(rooms.room(user(1)), MAX_FRAME);
        assert!(matches!(takes(&mut reader, &frame(0x81, &[b'x'; 100_000])), Ok(Some(_))));
        assert!(!rooms.is_empty());
        assert_eq!(reader.message(), Ok(None));
        assert!(rooms.is_empty());
        let _ = takes(&mut reader, &frame(0x01, &[b'x'; 100_000]));
        assert!(!rooms.is_empty());
        assert!(matches!(takes(&mut reader, &frame(0x80, b"end")), Ok(Some(_))));
        assert_eq!(reader.message(), Ok(None));
        assert!(rooms.is_empty());
    }

    #[test]
    fn what_a_header_announces_takes_no_memory() {
        let mut reader = Reader::default();
        let long = frame(0x81, &[b'x'; MAX_FRAME]);
        assert_eq!(takes(&mut reader, &long[..5_000]), Ok(None));
        assert!(reader.octets.capacity() < 20_000, "{}", reader.octets.capacity());
    }

    #[test]
    fn who_is_not_authenticated_says_little_at_a_time() {
        let rooms = rooms();
        let mut reader = Reader::new(rooms.room(user(1)), MAX_FRAME_OF_NOBODY);
        let most = frame(0x81, &[b'x'; MAX_FRAME_OF_NOBODY]);
        assert!(matches!(takes(&mut reader, &most), Ok(Some(_))));
        reader.admit(rooms.room(user(2)), MAX_FRAME);
        assert!(matches!(takes(&mut reader, &frame(0x81, &[b'x'; MAX_FRAME])), Ok(Some(_))));
        let mut reader = Reader::new(rooms.room(user(1)), MAX_FRAME_OF_NOBODY);
        assert_eq!(takes(&mut reader, &frame(0x81, &[b'x'; MAX_FRAME_OF_NOBODY + 1])), Err(Close::TooBig));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_begun_must_go_on() {
        let (first, more, last, ping) = (0x01, 0x00, 0x80, 0x89);
        let long = frame(0x81, &[b'x'; 4_000]);
        let (seconds, few) = (Duration::from_secs, Duration::from_millis(100));
        // How long more may take after these pieces have arrived, one a second.
        for (pieces, left) in [
            (vec![frame(0x81, b"whole"), frame(ping, b"")], None),
            (vec![vec![0x81]], Some(seconds(5))),
            (vec![long[..100].to_vec(), long[100..200].to_vec()], Some(seconds(4) + few)),
            // What comes fast allows no longer pause later.
            (vec![long[..3_000].to_vec()], Some(seconds(5))),
            (vec![long[..100].to_vec(), long[100..].to_vec()], None),
            // Nor do control frames and empty fragments, of however many octets.
            (
                vec![frame(first, b"a"), frame(ping, &[b'x'; 125]).repeat(8), frame(more, b"").repeat(150)],
                Some(seconds(3)),
            ),
            (vec![frame(first, b"a"), frame(last, b"b")], None),
            (vec![frame(first, b"a"), [frame(last, b"b"), vec![0x81]].concat()], Some(seconds(5))),
        ] {
            let mut reader = Reader::default();
            for (number, piece) in pieces.iter().enumerate() {
                if number > 0 {
                    tokio::time::advance(seconds(1)).await;
                }
                reader.receive(piece);
                while let Ok(Some(_)) = reader.message() {}
            }
            let until = reader.until().map(|until| until - Instant::now());
            let is_near = |left: Duration| until.is_some_and(|until| until.abs_diff(left) < few);
            assert!(left.map_or(until.is_none(), is_near), "{until:?} {left:?}");
        }
        let mut reader = Reader::default();
        reader.receive(&[0x81]);
        tokio::time::advance(seconds(4)).await;
        reader.forgive();
        assert_eq!(reader.until(), Some(Instant::now() + PAUSE));
        reader.give_up();
        assert_eq!(reader.message(), Err(Close::Stalled));
    }
}
