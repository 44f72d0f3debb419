//! Puts the messages of a client together (RFC 6455 §5) from octets as they arrive.

use actix_codec::Decoder;
use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use actix_web::web::{Bytes, BytesMut};
use bytestring::ByteString;

use super::{
    super::{MAX_FRAME, close::Close},
    guard::Guard,
};

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
    /// The text so far of a fragmented message.
    text: BytesMut,
    /// Why nothing follows after the frames that have arrived.
    end: Option<Close>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            guard: Guard::default(),
            codec: Codec::new().max_size(MAX_FRAME),
            octets: BytesMut::new(),
            text: BytesMut::new(),
            end: None,
        }
    }
}

impl Reader {
    /// Takes what has arrived, up to the first frame that is not allowed.
    pub fn receive(&mut self, octets: &[u8]) {
        if self.end.is_some() {
            return;
        }
        let allowed = match self.guard.pass(octets) {
            Ok(()) => octets,
            Err((before, close)) => {
                self.end = Some(close);
                octets.get(..before).unwrap_or_default()
            }
        };
        self.octets.extend_from_slice(allowed);
    }

    /// The next message, if all of it has arrived; earlier ones come before the reason why there are no more.
    pub fn message(&mut self) -> Result<Option<Message>, Close> {
        loop {
            let message = match self.codec.decode(&mut self.octets) {
                Ok(Some(frame)) => self.take(frame),
                Ok(None) => match self.end {
                    Some(close) => return Err(close),
                    None => {
                        if self.octets.len() <= FEW {
                            self.octets = BytesMut::from(&*self.octets);
                        }
                        return Ok(None);
                    }
                },
                Err(ProtocolError::Overflow) => Err(Close::TooBig),
                Err(_) => Err(Close::Protocol),
            };
            match message {
                Ok(None) => {}
                Ok(message) => return Ok(message),
                Err(close) => {
                    self.end = Some(close);
                    self.octets = BytesMut::new();
                    return Err(close);
                }
            }
        }
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

    use super::*;

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
}
