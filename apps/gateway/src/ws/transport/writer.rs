//! Frames on their way to a client. Those of the server are not masked (RFC 6455 §5.1), so all sockets that get a frame share
//! its octets; only the header before them is made for each.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_http::ws::OpCode;
use actix_web::web::Bytes;
use tokio::io::AsyncWrite;

/// How many pieces are written at once: a header and a payload of each frame.
const PIECES: usize = 64;

#[derive(Default)]
pub struct Writer {
    waiting: VecDeque<Frame>,
    /// How many octets wait.
    octets: usize,
    /// How many of the first frame are written.
    written: usize,
}

struct Frame {
    header: [u8; 10],
    /// The length of the header.
    length: u8,
    payload: Bytes,
}

impl Frame {
    fn new(kind: OpCode, payload: Bytes) -> Self {
        let mut header = [0; 10];
        let last = 0x80;
        let length = match payload.len() {
            short @ 0..126 => {
                header[1] = short as u8;
                2
            }
            length @ 126..0x1_0000 => {
                header[1] = 126;
                header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                4
            }
            length => {
                header[1] = 127;
                header[2..].copy_from_slice(&(length as u64).to_be_bytes());
                10
            }
        };
        header[0] = last | u8::from(kind);
        Self { header, length, payload }
    }

    fn pieces(&self) -> [&[u8]; 2] {
        [&self.header[..self.length.into()], &self.payload]
    }

    fn len(&self) -> usize {
        usize::from(self.length) + self.payload.len()
    }
}

impl Writer {
    pub fn add(&mut self, kind: OpCode, payload: Bytes) {
        let frame = Frame::new(kind, payload);
        self.octets += frame.len();
        self.waiting.push_back(frame);
    }

    /// How many octets wait to be written.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Writes everything that waits, several frames at a time.
    pub fn poll_write(&mut self, mut io: Pin<&mut impl AsyncWrite>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let mut slices = [IoSlice::new(&[]); PIECES];
            let (mut count, mut skip) = (0, self.written);
            for (slice, piece) in slices.iter_mut().zip(self.waiting.iter().flat_map(Frame::pieces)) {
                let rest = piece.get(skip..).unwrap_or_default();
                skip = skip.saturating_sub(piece.len());
                *slice = IoSlice::new(rest);
                count += 1;
            }
            match ready!(io.as_mut().poll_write_vectored(context, &slices[..count]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                octets => self.advance(octets),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, octets: usize) {
        self.octets -= octets;
        self.written += octets;
        while let Some(first) = self.waiting.front().map(Frame::len).filter(|first| *first <= self.written) {
            self.written -= first;
            self.waiting.pop_front();
        }
        if self.waiting.is_empty() {
            // An idle socket keeps no buffer.
            self.waiting = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use actix_codec::Encoder;
    use actix_http::ws::{Codec, Message};
    use actix_web::web::BytesMut;
    use bytestring::ByteString;

    use super::*;

    /// Takes so many octets at a time, and is not ready every second time.
    struct Narrow {
        room: usize,
        is_ready: bool,
        taken: Vec<u8>,
        calls: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(context, &[IoSlice::new(octets)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.is_ready = !self.is_ready;
            if !self.is_ready {
                return Poll::Pending;
            }
            self.calls += 1;
            let mut left = self.room;
            for slice in slices {
                let taken = slice.len().min(left);
                self.taken.extend_from_slice(&slice[..taken]);
                left -= taken;
            }
            Poll::Ready(Ok(self.room - left))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Writes everything, and returns how often that had to wait.
    fn write(writer: &mut Writer, io: &mut Narrow) -> usize {
        let mut context = Context::from_waker(Waker::noop());
        let pending = || writer.poll_write(Pin::new(&mut *io), &mut context).map(Result::unwrap).is_pending();
        std::iter::repeat_with(pending).take_while(|pending| *pending).count()
    }

    #[test]
    fn it_goes_on_where_it_stopped() {
        let texts: Vec<_> =
            [0, 1, 5, 125, 126, 127, 1_000, 65_535, 65_536, 70_000].map(|length| "x".repeat(length)).into();
        let mut expected = BytesMut::new();
        for text in &texts {
            Codec::new().encode(Message::Text(text.as_str().into()), &mut expected).unwrap();
        }
        Codec::new().encode(Message::Pong(Bytes::from_static(b"pong")), &mut expected).unwrap();
        for room in [1, 2, 3, 7, 127, 128, 129, 4_096, 65_536, 1 << 20] {
            let mut writer = Writer::default();
            for text in &texts {
                writer.add(OpCode::Text, ByteString::from(text.as_str()).into_bytes());
            }
            writer.add(OpCode::Pong, Bytes::from_static(b"pong"));
            assert_eq!(writer.octets(), expected.len());
            let mut io = Narrow { room, is_ready: true, taken: Vec::new(), calls: 0 };
            let waited = write(&mut writer, &mut io);
            assert!(io.taken == *expected, "{room} at a time");
            assert!(waited > 0 && (writer.octets(), writer.written, writer.waiting.capacity()) == (0, 0, 0));
        }
    }

    #[test]
    fn several_frames_are_written_at_once() {
        let mut writer = Writer::default();
        for _ in 0..PIECES + 1 {
            writer.add(OpCode::Text, Bytes::from_static(b"text"));
        }
        let mut io = Narrow { room: 1 << 20, is_ready: false, taken: Vec::new(), calls: 0 };
        while write(&mut writer, &mut io) > 0 {}
        assert_eq!((io.calls, io.taken.len()), (3, (PIECES + 1) * 6));
    }
}
