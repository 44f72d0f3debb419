//! Limits the memory of responses in transit, so that a client that requests much and does not read takes none from
//! others.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use super::limits::Key;
use crate::{
    problem::{Answer, Problem},
    refusals,
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
/// A response costs a unit per this many octets; the first unit was taken when the call arrived.
const OCTETS_PER_UNIT: usize = 64 << 10;

/// The cost of a response of this many octets, beyond the unit that was already taken.
pub fn units(octets: usize) -> u32 {
    u32::try_from(octets / OCTETS_PER_UNIT).unwrap_or(u32::MAX)
}

/// The octets of all responses in transit.
#[derive(Default)]
pub struct Outgoing {
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
    used: Arc<Mutex<Used>>,
    key: Key,
    octets: usize,
}

impl Outgoing {
    /// Counts a response until it has been written or its connection is gone. A read is refused if there is no room; a
    /// write has already happened, so its response, which is small, is always sent.
    pub fn hold(&self, request: &HttpRequest, key: Key, answer: HttpResponse) -> Answer<HttpResponse> {
        let (head, body) = answer.into_parts();
        let body = match body.try_into_bytes() {
            Ok(body) if body.len() >= LEAST => body,
            Ok(body) => return Ok(head.set_body(BoxBody::new(body))),
            Err(streamed) => return Ok(head.set_body(streamed)),
        };
        let taken = self.take(key, body.len(), !request.method().is_safe())?;
        Ok(head.set_body(BoxBody::new(Held { left: body, _taken: taken })))
    }

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
        Ok(Taken { used: Arc::clone(&self.used), key, octets })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use actix_web::{body::to_bytes, http::Method, test::TestRequest};
    use clowder_core::UserId;

    use super::*;

    const LARGE: usize = 1 << 20;

    fn user(number: u128) -> Key {
        Key::User(UserId::from_uuid(uuid::Uuid::from_u128(number)))
    }

    fn held(outgoing: &Outgoing, method: Method, key: Key, octets: usize) -> Result<HttpResponse, &'static str> {
        let request = TestRequest::default().method(method).to_http_request();
        let answer = HttpResponse::Ok().body(vec![b'x'; octets]);
        outgoing.hold(&request, key, answer).map_err(|problem| problem.code)
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
        let used = outgoing.used.lock().unwrap();
        assert_eq!((used.known, used.nobody, used.each.len()), (0, 0, 0));
    }
}
