//! Limits how many reads of one caller run at a time, to half of the connections that read. Further reads of this
//! caller wait here and not in the queues and threads that all share.

use std::time::Duration;

use actix_web::HttpRequest;
use clowder_infra::turns::Turns;
use tokio::sync::OwnedSemaphorePermit;

use super::limits::Key;
use crate::problem::Answer;

/// The running reads.
pub struct Reads {
    turns: Turns<Key>,
}

impl Reads {
    /// At most `at_once` reads of one caller run at a time, and at least one. A call waits at most `patience` for its turn.
    pub fn new(at_once: usize, patience: Duration) -> Self {
        Self { turns: Turns::new(at_once.max(1), patience) }
    }

    /// Waits for the caller's turn, which lasts until the returned value is dropped. Writes don't wait: they share
    /// commits, so many at once are cheap.
    pub async fn turn(&self, request: &HttpRequest, caller: Key) -> Answer<Option<OwnedSemaphorePermit>> {
        if !request.method().is_safe() {
            return Ok(None);
        }
        let turn = self.turns.one(caller).await.inspect_err(|_| {
            metrics::counter!("clowder_reads_given_up_total").increment(1);
        });
        Ok(Some(turn?))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{http::Method, test::TestRequest};
    use clowder_core::UserId;
    use futures_util::poll;

    use super::*;

    fn user(number: u128) -> Key {
        Key::User(UserId::from_uuid(uuid::Uuid::from_u128(number)))
    }

    #[tokio::test]
    async fn whoever_reads_much_waits_for_themselves() {
        let reads = Reads::new(2, Duration::from_millis(200));
        let [get, post] = [Method::GET, Method::POST].map(|of| TestRequest::default().method(of).to_http_request());
        let (first, second) = (reads.turn(&get, user(1)).await.unwrap(), reads.turn(&get, user(1)).await.unwrap());
        assert!(first.is_some() && second.is_some());
        let mut third = Box::pin(reads.turn(&get, user(1)));
        assert!(poll!(&mut third).is_pending());
        assert!(reads.turn(&get, user(2)).await.unwrap().is_some(), "nobody else waits");
        assert!(reads.turn(&post, user(1)).await.unwrap().is_none(), "nor does what writes");
        drop(first);
        let _third = third.await.unwrap();
        let refused = reads.turn(&get, user(1)).await.unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.code), (503, "unavailable"));
    }
}
