//! Reads the whole JSON body of a request, as long as there is memory for it and it keeps arriving. Bodies with files are
//! left to their handlers, which get them as they arrive.

use std::{io, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header::{self, HeaderValue},
    web::{Bytes, BytesMut},
};
use clowder_core::text;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::rooms::{Full, Room, Sizes};
use crate::{
    problem::{Answer, Problem},
    refusals,
};

/// The maximum body size on public routes.
pub const MOST_OF_NOBODY: usize = 16 << 10;
/// The maximum body size on other routes.
pub const MOST: usize = 1 << 20;
/// The memory for all bodies of unauthenticated callers together.
const ROOM_OF_NOBODY: usize = 16 << 20;
/// The memory for all other bodies together.
const ROOM: usize = 64 << 20;

/// How long a body may take to begin, and how long it may pause, however fast it came before.
pub const PAUSE: Duration = Duration::from_secs(5);
/// After that, this many octets must arrive per second.
const SLOWEST: u64 = 1 << 10;

/// How much of a type that a client names is repeated, in characters.
const LONGEST_TYPE: usize = 127;

/// The memory for all bodies that are being read or processed.
pub const BODIES: Sizes = Sizes { nobody: ROOM_OF_NOBODY, known: ROOM };

fn full(_: Full) -> Problem {
    metrics::counter!("clowder_bodies_refused_total").increment(1);
    Problem::new(refusals::BODIES_FULL).retry_after(1)
}

/// The whole body of at most `most` octets.
pub async fn read(request: &HttpRequest, payload: &mut Payload, most: usize, room: &mut Room) -> Answer<Bytes> {
    may_be_read(request, most)?;
    let (mut pace, mut whole) = (Pace(PAUSE), BytesMut::new());
    while let Some(chunk) = pace.next(payload).await.map_err(failed)? {
        if whole.len() + chunk.len() > most {
            return Err(too_large(most));
        }
        room.take(chunk.len()).map_err(full)?;
        whole.extend_from_slice(&chunk);
    }
    checked(request, whole.freeze())
}

/// A body of at most `most` octets, for a handler that reads it as it arrives and meanwhile takes its time. What is wrong
/// with it is the error of a payload: [`failed`] says which problem that is.
pub fn stream(request: &HttpRequest, payload: Payload, most: usize) -> Answer<Payload> {
    may_be_read(request, most)?;
    let body = stream::unfold(Some((payload, Pace(PAUSE), most)), move |state| async move {
        let (mut payload, mut pace, left) = state?;
        match pace.next(&mut payload).await.transpose()? {
            Ok(chunk) => match left.checked_sub(chunk.len()) {
                Some(left) => Some((Ok(chunk), Some((payload, pace, left)))),
                None => Some((Err(overflow(most)), None)),
            },
            Err(error) => Some((Err(error), None)),
        }
    });
    // Whoever reads it may ask again after its end.
    Ok(Payload::Stream { payload: body.fuse().boxed_local() })
}

/// How long the next octets of a body may take.
struct Pace(Duration);

impl Pace {
    async fn next(&mut self, payload: &mut Payload) -> Result<Option<Bytes>, PayloadError> {
        let deadline = Instant::now() + self.0;
        let slow = |_| PayloadError::Io(io::ErrorKind::TimedOut.into());
        let chunk = timeout_at(deadline, payload.next()).await.map_err(slow)?.transpose()?;
        let left = deadline.saturating_duration_since(Instant::now());
        self.0 = (left + time_for(chunk.as_ref().map_or(0, Bytes::len))).min(PAUSE);
        Ok(chunk)
    }
}

/// What the headers decide.
fn may_be_read(request: &HttpRequest, most: usize) -> Answer<()> {
    let plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
    let codings = request.headers().get_all(header::CONTENT_ENCODING);
    if !codings.into_iter().all(|codings| codings.to_str().is_ok_and(|codings| codings.split(',').all(plain))) {
        const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
        return Err(Problem::new(refusals::CONTENT_ENCODING).header(header::ACCEPT_ENCODING, IDENTITY));
    }
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > most) {
        return Err(too_large(most));
    }
    Ok(())
}

/// How long this many octets may take.
pub fn time_for(octets: usize) -> Duration {
    Duration::from_millis(octets as u64 * 1_000 / SLOWEST)
}

fn checked(request: &HttpRequest, body: Bytes) -> Answer<Bytes> {
    let kind = request.content_type();
    let is_json = kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json");
    if is_json || body.is_empty() { Ok(body) } else { Err(other_type(request, "application/json")) }
}

/// The problem of a body that is not of the type that this call takes.
pub fn other_type(request: &HttpRequest, taken: &str) -> Problem {
    let found = match request.content_type() {
        "" => "it has no `Content-Type`".to_owned(),
        kind => format!("it is {}", text::cut(kind, LONGEST_TYPE)),
    };
    Problem::new(refusals::MEDIA_TYPE).because(format!("The body must be {taken} here, and {found}"))
}

fn too_large(most: usize) -> Problem {
    Problem::new(refusals::BODY_TOO_LARGE).because(says_too_large(most))
}

fn says_too_large(most: usize) -> String {
    format!("The body must have at most {} KiB here", most >> 10)
}

/// The error of a payload that is longer than it can be here, and says so.
fn overflow(most: usize) -> PayloadError {
    PayloadError::Io(io::Error::new(io::ErrorKind::FileTooLarge, says_too_large(most)))
}

/// The problem of a body that was not received.
pub fn failed(error: PayloadError) -> Problem {
    match error {
        PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => refusals::BODY_SLOW.into(),
        PayloadError::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Problem::new(refusals::BODY_TOO_LARGE).because(error.to_string())
        }
        PayloadError::Overflow => refusals::BODY_TOO_LARGE.into(),
        error => Problem::new(refusals::BODY_CUT).because(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use actix_web::test::TestRequest;
    use clowder_core::UserId;
    use futures_util::stream;

    use super::{
        super::{
            limits::Key,
            rooms::{LARGE, Rooms},
        },
        *,
    };

    /// The result for a body that arrives in these pieces, each after so many milliseconds.
    async fn came_to(pieces: &[(u64, usize)], most: usize, room: &mut Room) -> Result<usize, &'static str> {
        let request = TestRequest::post().insert_header(header::ContentType::json()).to_http_request();
        let pieces = stream::iter(pieces.to_vec()).then(|(after, length)| async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            Ok(Bytes::from(vec![b' '; length]))
        });
        let mut payload = Payload::Stream { payload: pieces.boxed_local() };
        read(&request, &mut payload, most, room).await.map(|body| body.len()).map_err(|problem| problem.code)
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_sending_may_take_long_and_who_does_not_is_let_go() {
        let (bodies, slow) = (Rooms::new(BODIES), Err("body.slow"));
        for (pieces, expected) in [
            (vec![], Ok(0)),
            (vec![(4_900, 1)], Ok(1)),
            (vec![(5_100, 1)], slow),
            (vec![(1_000, 1); 6], slow),
            (vec![(4_000, 4_096), (4_900, 1)], Ok(4_097)),
            (vec![(4_000, 4_096), (5_100, 1)], slow),
            (vec![(1_000, 1_024); 60], Ok(61_440)),
            (vec![(1_000, 512); 60], slow),
            // A fast start allows neither a longer pause nor a slow rest.
            (vec![(0, 100_000), (4_900, 1)], Ok(100_001)),
            (vec![(0, 100_000), (5_100, 1)], slow),
            (vec![(0, 100_000), (2_500, 1), (2_600, 1)], slow),
        ] {
            assert_eq!(came_to(&pieces, MOST, &mut bodies.room(user(1))).await, expected, "{pieces:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_handler_reads_keeps_the_same_pace_and_has_a_limit() {
        let came = async |pieces: &[(u64, usize)], handler: u64| {
            let request = TestRequest::post().to_http_request();
            let pieces = stream::iter(pieces.to_vec()).then(|(after, length)| async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                Ok(Bytes::from(vec![b' '; length]))
            });
            let payload = Payload::Stream { payload: pieces.boxed_local() };
            let mut payload = super::stream(&request, payload, 10_000).unwrap();
            let mut sum = 0;
            while let Some(chunk) = payload.next().await {
                sum += chunk.map_err(|error| failed(error).code)?.len();
                tokio::time::sleep(Duration::from_millis(handler)).await;
            }
            Ok(sum)
        };
        for (pieces, handler, expected) in [
            (vec![], 0, Ok(0)),
            (vec![(0, 10_000)], 0, Ok(10_000)),
            (vec![(0, 10_000), (0, 1)], 0, Err("body.too_large")),
            (vec![(4_900, 1)], 0, Ok(1)),
            (vec![(5_100, 1)], 0, Err("body.slow")),
            // What the handler takes is not the client's fault.
            (vec![(1_000, 1); 4], 10_000, Ok(4)),
            (vec![(1_000, 1); 6], 10_000, Err("body.slow")),
        ] {
            assert_eq!(came(&pieces, handler).await, expected, "{pieces:?} {handler}");
        }
        let told = failed(overflow(200 << 20));
        assert_eq!(
            (told.code, told.detail.as_deref().unwrap_or_default().contains("204800 KiB")),
            ("body.too_large", true)
        );
        let announced = TestRequest::post().insert_header(("content-length", "10001")).to_http_request();
        let refused = super::stream(&announced, Payload::None, 10_000).err().map(|problem| problem.code);
        assert_eq!(refused, Some("body.too_large"));
    }

    fn user(number: u128) -> Key {
        Key::User(UserId::from_uuid(uuid::Uuid::from_u128(number)))
    }

    fn place(last: u8) -> Key {
        Key::Address(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test]
    async fn all_bodies_share_the_room_of_their_kind_and_nobody_takes_it_all() {
        let bodies = Rooms::new(BODIES);
        for (of, piece) in
            [(user as fn(u128) -> Key, MOST), ((|number: u128| place(number as u8)) as fn(u128) -> Key, 256 << 10)]
        {
            let mut held = Vec::new();
            for caller in 0..8 {
                for _ in 0..8 {
                    let mut room = bodies.room(of(caller));
                    assert_eq!(came_to(&[(0, piece)], piece, &mut room).await, Ok(piece));
                    held.push(room);
                }
                let more = came_to(&[(0, LARGE + 1)], piece, &mut bodies.room(of(caller))).await;
                assert_eq!(more, Err("bodies.full"), "an eighth is enough for one");
            }
            assert_eq!(came_to(&[(0, 1)], piece, &mut bodies.room(of(8))).await, Err("bodies.full"));
            drop(held.pop());
            assert_eq!(came_to(&[(0, piece), (0, 1)], piece, &mut bodies.room(of(8))).await, Err("body.too_large"));
            assert_eq!(came_to(&[(0, piece)], piece, &mut bodies.room(of(8))).await, Ok(piece));
        }
        assert!(bodies.is_empty(), "whatever became of them");
    }
}
