//! Calls: each hop is checked, sent within bounds, and counted.

use std::{fmt, sync::Arc};

use http::{
    HeaderMap, Method,
    header::{ACCEPT, ACCEPT_LANGUAGE, LOCATION, USER_AGENT},
};
use tokio::time::timeout;
use url::Url;

use crate::{
    Answer, Call, Failure, Options,
    connection::Opener,
    destination::{Destination, Place},
    exchange::{Lost, Reply, exchange},
    pool::{Pool, Waiting},
    tls,
};

/// The client. Cheap to clone: all clones share its connections. The default one calls nobody.
#[derive(Clone)]
pub struct Egress {
    pool: Option<Arc<Pool>>,
    /// What its calls are counted under.
    purpose: &'static str,
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

impl Default for Egress {
    fn default() -> Self {
        Self { pool: None, purpose: "other" }
    }
}

impl Egress {
    /// Fails if the file of authorities cannot be read; the text says why.
    pub fn new(options: Options) -> Result<Self, String> {
        let tls = tls::connector(options.ca_file.as_deref())?;
        Ok(Self { pool: Some(Pool::new(Opener { options, tls })), ..Self::default() })
    }

    /// The same client, whose calls are counted under this word (`clowder_egress_calls_total`).
    pub fn for_purpose(&self, purpose: &'static str) -> Self {
        Self { pool: self.pool.clone(), purpose }
    }

    /// Whether a URL may be called, as far as it says itself: its scheme, its port, and the address if it has one instead
    /// of a name.
    pub fn check(&self, url: &Url) -> Result<(), Failure> {
        destination(self.pool()?, url).map(drop)
    }

    /// Sends a request and reads the answer. Statuses are for the caller to judge; an error means that there is none.
    pub async fn call(&self, call: Call) -> Result<Answer, Failure> {
        let waiting = Waiting::default();
        let answer = match timeout(call.bounds.time, self.follow(call, &waiting)).await {
            Ok(answer) => answer,
            Err(_) if waiting.is_on() => Err(Failure::Busy),
            Err(_) => Err(Failure::Time),
        };
        let outcome = match &answer {
            Ok(answer) => match answer.status.as_u16() {
                ..400 => "ok",
                400..500 => "client_error",
                _ => "server_error",
            },
            Err(failure) => failure.word(),
        };
        metrics::counter!("clowder_egress_calls_total", "purpose" => self.purpose, "outcome" => outcome).increment(1);
        answer
    }

    async fn follow(&self, mut call: Call, waiting: &Waiting) -> Result<Answer, Failure> {
        let mut left = call.bounds.redirects;
        let follows = left > 0 && [Method::GET, Method::HEAD].contains(&call.method);
        loop {
            let answer = self.once(&call, waiting).await?;
            let location = answer.headers.get(LOCATION).filter(|_| follows && is_redirect(&answer));
            let Some(location) = location else { return Ok(answer) };
            left = left.checked_sub(1).ok_or(Failure::Redirects)?;
            let location = location.to_str().map_err(|_| Failure::Redirects)?;
            let mut next = call.url.join(location).map_err(|_| Failure::Redirects)?;
            next.set_fragment(None);
            if call.url.scheme() == "https" && next.scheme() != "https" {
                return Err(Failure::Redirects);
            }
            if next.origin() != call.url.origin() {
                call.headers = harmless(&call.headers);
            }
            call.url = next;
        }
    }

    async fn once(&self, call: &Call, waiting: &Waiting) -> Result<Answer, Failure> {
        let pool = self.pool()?;
        let to = destination(pool, &call.url)?;
        let user_agent = &pool.opener().options.user_agent;
        let mut fresh = false;
        loop {
            let mut lease = pool.lease(&to, fresh, waiting).await?;
            match exchange(&mut lease.connection, &to, call, user_agent).await {
                Ok(Reply { status, headers, body, is_cut }) => {
                    // What was not read would stand before the next answer, unless each answer has a stream of its own.
                    if !is_cut || lease.is_shared() {
                        pool.keep(lease);
                    }
                    return Ok(Answer { status, headers, body, is_cut, url: call.url.clone() });
                }
                Err(lost) => {
                    let is_reused = lease.is_reused;
                    let is_safe = match &lost {
                        Lost::Unsent(_) => true,
                        // It was closed just when the request was written; reading twice does no harm.
                        Lost::Sent(Failure::Protocol) => [Method::GET, Method::HEAD].contains(&call.method),
                        Lost::Sent(_) => false,
                    };
                    lease.discard();
                    if fresh || !is_reused || !is_safe {
                        return Err(lost.failure());
                    }
                    fresh = true;
                }
            }
        }
    }

    fn pool(&self) -> Result<&Arc<Pool>, Failure> {
        self.pool.as_ref().ok_or(Failure::Forbidden("off"))
    }
}

fn destination(pool: &Pool, url: &Url) -> Result<Destination, Failure> {
    let options = &pool.opener().options;
    let to = Destination::of(url, &options.allow)?;
    // Where a name leads is known to the proxy alone.
    if options.proxy.is_some() && !to.tls && matches!(to.host, Place::Name(_)) {
        return Err(Failure::Forbidden("http"));
    }
    Ok(to)
}

fn is_redirect(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What another host may be told: nothing that could be a credential.
fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT];
    kept.into_iter().filter_map(|name| headers.get(&name).map(|value| (name.clone(), value.clone()))).collect()
}
