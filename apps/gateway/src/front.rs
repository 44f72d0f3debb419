//! What every request passes, in one straight line: its name, its route, who asks, how often, from where, the body,
//! the handler; and on the way back the headers, the count and the log line.

mod access;
mod body;
mod client;
mod compress;
mod cors;
mod host;
mod limits;
mod meter;
mod once;
mod run;
mod trace;

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
};
use clowder_accounts::{Accounts, ApiKeys, Staff};
use clowder_core::{Actor, Ctx, Origin, Timestamp, UserId};
use clowder_infra::Store;
use tracing::{Instrument, Span, field};

pub use access::suspended;
pub use client::Network;
pub use cors::WebOrigin;
pub use host::HostName;
pub use limits::{Limits, LocalLimits, Policy};
pub use meter::Meter;
pub use once::IDEMPOTENCY_KEY;

use crate::{
    call::Call,
    clock::{self, Stopwatch},
    config::Config,
    problem::{Answer, Occasion, Problem},
    public_url::PublicUrl,
    refusals,
    routes::{Found, Router},
    stop::Stop,
};
use cors::Cors;
use host::Hosts;
use limits::{Key, Left};
use once::Onces;

/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The gate to all handlers. One per process, shared by its workers.
pub struct Front {
    router: Router,
    accounts: Arc<dyn Accounts>,
    staff: Arc<dyn Staff>,
    api_keys: Arc<dyn ApiKeys>,
    limits: Arc<dyn Limits>,
    onces: Onces,
    hosts: Hosts,
    cors: Cors,
    proxies: Vec<Network>,
    public_url: PublicUrl,
    stop: Stop,
}

/// What is known of a request whatever becomes of it; the way back needs it.
struct Visit {
    id: Arc<str>,
    now: Timestamp,
    /// The template of the path, or `none`.
    route: &'static str,
    left: Option<Left>,
}

impl Front {
    pub fn new(config: &Config, router: Router, store: &Store, limits: Arc<dyn Limits>, stop: Stop) -> Self {
        Self {
            router,
            accounts: Arc::clone(&store.accounts),
            staff: Arc::clone(&store.staff),
            api_keys: Arc::clone(&store.api_keys),
            limits,
            onces: Onces::new(Arc::clone(&store.keys)),
            hosts: Hosts::new(config),
            cors: Cors::new(&config.server.cors_allowed_origins),
            proxies: config.server.trusted_proxies.clone(),
            public_url: config.server.public_url.clone(),
            stop,
        }
    }

    pub async fn serve(&self, meter: &Meter, request: ServiceRequest) -> ServiceResponse {
        let watch = Stopwatch::start();
        let (request, payload) = request.into_parts();
        let now = clock::now();
        let id = trace::request_id(request.headers(), now);
        let span = span(&request, &id);
        let mut visit = Visit { id, now, route: "none", left: None };

        let answered = self.answer(&request, payload, &mut visit).instrument(span.clone()).await;
        let mut answer = answered.unwrap_or_else(|problem| {
            log_fault(&span, &problem);
            let path = self.public_url.outer(request.path());
            problem.render(Occasion { base: self.public_url.base(), path: &path, request_id: &visit.id })
        });
        self.mark(&request, &visit, answer.headers_mut());
        if self.stop.is_stopping() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            // A busy connection would otherwise hold up the end.
            answer.head_mut().set_connection_type(ConnectionType::Close);
        }

        let (status, seconds) = (answer.status(), watch.seconds());
        meter.count(visit.route, request.method(), status, seconds);
        tracing::info!(parent: &span, status = status.as_u16(), ms = (seconds * 1e6).round() / 1e3, "answered");
        ServiceResponse::new(request, answer)
    }

    async fn answer(&self, request: &HttpRequest, payload: Payload, visit: &mut Visit) -> Answer<HttpResponse> {
        let found = self.router.find(request.method(), request.path());
        visit.route = found.template();
        let address = client::address(request.peer_addr().map(|peer| peer.ip()), request.headers(), &self.proxies);
        let identity = self.identify(request, address, visit.now).await;
        let actor = identity.as_ref().ok().copied().flatten().map_or(Actor::Nobody, |identity| identity.actor);
        let user = user_of(actor);

        let line = found.endpoint();
        let policy = line.map_or(Policy::Default, |line| line.policy).of(actor);
        let left = self.limits.take(policy, Key::new(policy, actor, address)).await;
        visit.left = Some(left);

        if !line.is_some_and(|line| line.any_host) {
            self.hosts.admit(request)?;
        }
        if Cors::is_preflight(request) {
            return Ok(self.cors.preflight(request));
        }
        if let Some(seconds) = left.retry_after {
            return Err(Problem::new(refusals::TOO_MANY).retry_after(seconds));
        }
        let (endpoint, params) = match found {
            Found::Endpoint { endpoint, params, .. } => (endpoint, params),
            Found::OtherMethods { allow, .. } if *request.method() == Method::OPTIONS => {
                return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
            }
            Found::OtherMethods { allow, .. } => return Err(Problem::new(refusals::METHOD_NOT_ALLOWED).allow(allow)),
            Found::Nothing => return Err(refusals::ROUTE_UNKNOWN.into()),
        };
        self.admit(endpoint, &identity, visit.now)?;

        let mut payload = payload;
        let body = match endpoint.takes {
            Some(_) => tokio::time::timeout(BODY_WITHIN, body::read(request, &mut payload))
                .await
                .unwrap_or_else(|_| Err(refusals::BODY_CUT.into()))?,
            None => Default::default(),
        };
        let once = if endpoint.creates { self.onces.take(request, user, address, &body)? } else { None };
        // Until the handler is through, nobody else may run under the same key.
        let (once, _running) = once.unzip();
        let mut ctx = Ctx::new(actor, visit.now, visit.id.clone());
        ctx.origin = Origin { address, agent: agent(request.headers()) };
        ctx.once = once.clone();
        if endpoint.reaches_others {
            self.accounts.may_reach_others(&ctx).await?;
        }
        request.extensions_mut().insert(Call { ctx, identity, params, body });

        let answer = run::run(endpoint, request, payload).await?;
        let mut answer = compress::shrink(endpoint, request, answer).await;
        if once.is_some_and(|once| once.was_replayed()) {
            answer.headers_mut().insert(once::REPLAYED, once::TRUE);
        }
        Ok(answer)
    }

    /// The headers that every answer has.
    fn mark(&self, request: &HttpRequest, visit: &Visit, answer: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&visit.id) {
            answer.insert(trace::REQUEST_ID, id);
        }
        if let Some(left) = &visit.left {
            left.mark(answer);
        }
        answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if !answer.contains_key(header::CACHE_CONTROL) {
            answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        self.cors.mark(request.headers(), answer);
    }
}

/// One per request. It is at the level of errors so that whichever filter is set, a line that is logged has its id.
fn span(request: &HttpRequest, id: &str) -> Span {
    let span = tracing::error_span!(
        "request",
        %id,
        method = %request.method(),
        path = request.path(),
        trace_id = field::Empty,
        parent_id = field::Empty,
    );
    if let Some(trace) = trace::trace(request.headers()) {
        span.record("trace_id", trace.id).record("parent_id", trace.parent);
    }
    span
}

fn log_fault(span: &Span, problem: &Problem) {
    let fault = problem.fault.as_deref().unwrap_or_default();
    if problem.status.as_u16() == 500 {
        tracing::error!(parent: span, code = problem.code, fault, "failed");
    } else if problem.status.is_server_error() {
        tracing::warn!(parent: span, code = problem.code, fault, "failed");
    } else {
        tracing::debug!(parent: span, code = problem.code, "refused");
    }
}

fn user_of(actor: Actor) -> Option<UserId> {
    match actor {
        Actor::User { id, .. } => Some(id),
        Actor::Nobody | Actor::System => None,
    }
}

fn agent(headers: &HeaderMap) -> Option<Arc<str>> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.get(..256).unwrap_or(agent).into())
}
