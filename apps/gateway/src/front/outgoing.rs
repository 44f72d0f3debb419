//! Limits the memory of responses in transit, so that a client that requests much and does not read takes none from
//! others. Downloads, which are streamed, have a room of their own: many of them leave the room for other responses alone.

use std::{
    collections::HashMap,
    error::Error,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        Method,
        header::{self, HeaderMap},
    },
    web::Bytes,
};

use super::limits::Key;
use crate::{
    problem::{Answer, Problem},
    refusals,
    routes::Endpoint,
};

/// The limit for all responses in transit to authenticated callers.
const ROOM: usize = 256 << 20;
/// The limit for all others together.
const ROOM_OF_NOBODY: usize = 64 << 20;
/// The limit for one person, API key or address.
const SHARE: usize = 16 << 20;
/// Smaller responses are not counted: a connection has a buffer of about this size anyway.
const LEAST: usize = 16 << 10;
/// A response is passed to its connection in pieces of this size, so that it counts until nearly all of it has been
/// written.
const PIECE: usize = 16 << 10;
/// What a download that nobody reads keeps in memory, in octets: a piece that is being sent, and one that has been read
/// ahead. It also keeps a file or a connection open.
const DOWNLOAD: usize = 512 << 10;
/// A response costs a unit per this many octets; the first unit was taken when the call arrived.
const OCTETS_PER_UNIT: usize = 64 << 10;

/// The cost of a response of this many octets, beyond the unit that was already taken.
pub fn units(octets: usize) -> u32 {
    u32::try_from(octets / OCTETS_PER_UNIT).unwrap_or(u32::MAX)
}

/// The octets of all responses in transit.
#[derive(Default)]
pub struct Outgoing {
    answers: Room,
    downloads: Room,
}

#[derive(Clone, Default)]
struct Room {
    used: Arc<Mutex<Used>>,
}

#[derive(Default)]
struct Used {
    known: usize,
    nobody: usize,
    each: HashMap<Key, usize>,
}

/// The memory that a response uses; released on drop.
struct Taken {
    room: Room,
    key: Key,
    octets: usize,
}

impl Outgoing {
    /// Counts a response until it has been written or its connection is gone. A read is refused if there is no room; a
    /// write has already happened, so its response, which is small, is always sent. What is streamed counts if it is a
    /// download; open streams of events are counted as sockets.
    pub fn hold(
        &self,
        endpoint: &Endpoint,
        request: &HttpRequest,
        key: Key,
        answer: HttpResponse,
    ) -> Answer<HttpResponse> {
        let (head, body) = answer.into_parts();
        let body = match body.try_into_bytes() {
            Ok(body) if body.len() >= LEAST => body,
            Ok(body) => return Ok(head.set_body(BoxBody::new(body))),
            Err(streamed) if !endpoint.downloads || *request.method() == Method::HEAD => {
                return Ok(head.set_body(streamed));
            }
            Err(streamed) => {
                let octets = length(head.headers()).unwrap_or(DOWNLOAD).min(DOWNLOAD);
                let taken = if octets < LEAST { None } else { Some(self.downloads.take(key, octets, false)?) };
                return Ok(head.set_body(BoxBody::new(Download { body: streamed, _taken: taken })));
            }
        };
        let taken = self.answers.take(key, body.len(), !request.method().is_safe())?;
        Ok(head.set_body(BoxBody::new(Held { left: body, _taken: taken })))
    }
}

/// How long a streamed body is, if that is known before.
fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Room {
    fn take(&self, key: Key, octets: usize, in_any_case: bool) -> Answer<Taken> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let Used { known, nobody, each } = &mut *used;
        let (all, most) = if matches!(key, Key::Address(_)) { (nobody, ROOM_OF_NOBODY) } else { (known, ROOM) };
        let theirs = each.get(&key).copied().unwrap_or_default();
        if !in_any_case && (theirs + octets > SHARE || *all + octets > most) {
            metrics::counter!("clowder_answers_refused_total").increment(1);
            return Err(Problem::new(refusals::ANSWERS_FULL).retry_after(1));
        }
        *all += octets;
        each.insert(key, theirs + octets);
        Ok(Taken { room: self.clone(), key, octets })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut used = self.room.used.lock().unwrap_or_else(PoisonError::into_inner);
        let all = if matches!(self.key, Key::Address(_)) { &mut used.nobody } else { &mut used.known };
        *all -= self.octets;
        if let Some(theirs) = used.each.get_mut(&self.key) {
            *theirs -= self.octets;
            if *theirs == 0 {
                used.each.remove(&self.key);
            }
        }
    }
}

/// A body that is counted.
struct Held {
    left: Bytes,
    _taken: Taken,
}

impl MessageBody for Held {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.left.len() as u64)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let left = &mut self.get_mut().left;
        if left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = left.split_to(PIECE.min(left.len()));
        Poll::Ready(Some(Ok(piece)))
    }
}

/// A streamed body that is counted.
struct Download {
    body: BoxBody,
    _taken: Option<Taken>,
}

impl MessageBody for Download {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use actix_web::{body::to_bytes, test::TestRequest};
    use clowder_core::UserId;
    use futures_util::stream;

    use super::*;
    use crate::routes::get;

    const LARGE: usize = 1 << 20;

    fn user(number: u128) -> Key {
        Key::User(UserId::from_uuid(uuid::Uuid::from_u128(number)))
    }

    async fn nothing() -> Answer<&'static str> {
        Ok("")
    }

    fn held(outgoing: &Outgoing, method: Method, key: Key, octets: usize) -> Result<HttpResponse, &'static str> {
        let request = TestRequest::default().method(method).to_http_request();
        let answer = HttpResponse::Ok().body(vec![b'x'; octets]);
        outgoing.hold(&get("/", nothing), &request, key, answer).map_err(|problem| problem.code)
    }

    fn download(outgoing: &Outgoing, method: Method, key: Key, octets: u64) -> Result<HttpResponse, &'static str> {
        let request = TestRequest::default().method(method).to_http_request();
        let pieces = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x"))]);
        let answer = HttpResponse::Ok().no_chunking(octets).streaming(pieces);
        outgoing.hold(&get("/", nothing).downloads(), &request, key, answer).map_err(|problem| problem.code)
    }

    #[actix_web::test]
    async fn downloads_have_a_room_of_their_own_whatever_their_length() {
        let outgoing = Outgoing::default();
        let mut downloads = Vec::new();
        for person in 0..16 {
            for _ in 0..32 {
                downloads.push(download(&outgoing, Method::GET, user(person), 1 << 40).unwrap());
            }
            assert_eq!(
                download(&outgoing, Method::GET, user(person), 1 << 40).unwrap_err(),
                "answers.full",
                "their share"
            );
        }
        assert_eq!(download(&outgoing, Method::GET, user(99), 1 << 20).unwrap_err(), "answers.full", "all of it");
        download(&outgoing, Method::GET, user(0), 10_000).expect("short ones always fit");
        download(&outgoing, Method::HEAD, user(0), 1 << 40).expect("nothing is sent for it");
        held(&outgoing, Method::GET, user(0), LARGE).expect("other answers have theirs");
        let address = Key::Address(IpAddr::from([192, 0, 2, 1]));
        for _ in 0..32 {
            downloads.push(download(&outgoing, Method::GET, address, 1 << 40).unwrap());
        }
        assert_eq!(download(&outgoing, Method::GET, address, 1 << 40).unwrap_err(), "answers.full");
        let read = to_bytes(downloads.remove(0).into_body()).await.unwrap();
        assert_eq!(&read[..], b"x");
        download(&outgoing, Method::GET, user(0), 1 << 40).expect("room again, once one was read");
        drop(downloads);
        let used = outgoing.downloads.used.lock().unwrap();
        assert_eq!((used.known, used.nobody, used.each.len()), (0, 0, 0));
    }

    #[test]
    fn a_large_answer_costs_more() {
        for (octets, cost) in [(0, 0), (65_535, 0), (65_536, 1), (LARGE, 16)] {
            assert_eq!(units(octets), cost);
        }
    }

    #[actix_web::test]
    async fn answers_share_their_room_and_nobody_takes_it_all() {
        let outgoing = Outgoing::default();
        let mut answers = Vec::new();
        for person in 0..16 {
            for _ in 0..16 {
                answers.push(held(&outgoing, Method::GET, user(person), LARGE).unwrap());
            }
            assert_eq!(held(&outgoing, Method::GET, user(person), LEAST).unwrap_err(), "answers.full", "their share");
        }
        assert_eq!(held(&outgoing, Method::GET, user(99), LEAST).unwrap_err(), "answers.full", "all of it");
        held(&outgoing, Method::GET, user(99), LEAST - 1).unwrap();
        held(&outgoing, Method::POST, user(99), LARGE).expect("what is done is told");
        let address = Key::Address(IpAddr::from([192, 0, 2, 1]));
        held(&outgoing, Method::GET, address, LARGE).expect("others have a room of their own");
        let read = to_bytes(answers.pop().unwrap().into_body()).await.unwrap();
        assert_eq!(read.len(), LARGE);
        held(&outgoing, Method::GET, user(99), LARGE).expect("room again, once one was written");
        drop(answers);
        let used = outgoing.answers.used.lock().unwrap();
        assert_eq!((used.known, used.nobody, used.each.len()), (0, 0, 0));
    }
}
