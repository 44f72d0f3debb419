//! The pipeline that every request passes: its id, route, caller, rate limit, origin, body and handler; and on the way
//! back headers, metrics and the log line.

mod access;
mod body;
mod client;
pub mod compress;
mod cors;
mod host;
mod idempotency;
mod limits;
mod meter;
mod outgoing;
mod reads;
mod rooms;
mod run;
mod trace;
mod tus;

use std::{cell::Cell, sync::Arc, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    body::{BodySize, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    web::Bytes,
};
use clowder_accounts::{Accounts, ApiKeys, Staff};
use clowder_core::{Actor, Ctx, Origin, Timestamp, UserId};
use clowder_infra::{Store, online::Online, worker_pool::fair::Caller};
use tracing::{Instrument, Span, field};

pub use access::suspended;
pub use body::{MOST as MOST_OF_ALL, MOST_OF_NOBODY, PAUSE, failed as body_failed, other_type, time_for};
pub use client::Network;
pub use cors::WebOrigin;
pub use host::HostName;
pub use idempotency::IDEMPOTENCY_KEY;
pub use limits::{Key, Left, Limits, LocalLimits, Policy, RedisLimits, counting_of, limits_of, units};
pub use meter::Meter;
pub use rooms::{Full, Room, Rooms, Sizes};
pub use tus::{RESUMABLE as TUS_RESUMABLE, VERSION as TUS_VERSION};

use crate::{
    call::{Call, Charge},
    clock::{self, Stopwatch},
    config::Config,
    cursor::Cursors,
    problem::{Answer, Occasion, Problem},
    public_url::PublicUrl,
    query::Query,
    refusals,
    routes::{Endpoint, Found, Router},
    stop::Stop,
};
use body::BODIES;
use cors::Cors;
use host::Hosts;
use idempotency::IdempotencyKeys;
use outgoing::Outgoing;
use reads::Reads;

/// The maximum length of path and query in octets, because answers repeat them.
const LONGEST_URI: usize = 8 << 10;

/// How many downloads of one caller may begin at a time.
const BEGINNINGS: usize = 8;

/// Entry point to all handlers. One per process, shared by its workers.
pub struct Front {
    router: Router,
    accounts: Arc<dyn Accounts>,
    staff: Arc<dyn Staff>,
    online: Arc<Online>,
    api_keys: Arc<dyn ApiKeys>,
    limits: Arc<dyn Limits>,
    bodies: Rooms,
    outgoing: Outgoing,
    reads: Reads,
    /// Downloads that begin. They have turns of their own, so that a store of files that is slow or away delays no other
    /// read of whoever asks for files.
    beginnings: Reads,
    cursors: Arc<Cursors>,
    idempotency_keys: IdempotencyKeys,
    hosts: Hosts,
    cors: Cors,
    proxies: Vec<Network>,
    public_url: PublicUrl,
    stop: Stop,
}

/// What is known of every request; the response needs it.
struct Visit {
    id: Arc<str>,
    now: Timestamp,
    /// The path template, or `none`.
    route: &'static str,
    left: Option<Left>,
}

impl Front {
    pub fn new(config: &Config, router: Router, store: &Store, limits: Arc<dyn Limits>, stop: Stop) -> Self {
        Self {
            router,
            accounts: Arc::clone(&store.accounts),
            staff: Arc::clone(&store.staff),
            online: Arc::clone(&store.online),
            api_keys: Arc::clone(&store.api_keys),
            limits,
            bodies: Rooms::new(BODIES),
            outgoing: Outgoing::default(),
            reads: Reads::new(store.read_connections / 2, Duration::from_secs(config.database.wait_seconds)),
            beginnings: Reads::new(BEGINNINGS, Duration::from_secs(config.database.wait_seconds)),
            cursors: Arc::new(Cursors::new(&store.keys)),
            idempotency_keys: IdempotencyKeys::new(Arc::clone(&store.keys)),
            hosts: Hosts::new(config),
            cors: Cors::new(&config.server.cors_allowed_origins),
            proxies: config.server.trusted_proxies.clone(),
            public_url: config.server.public_url.clone(),
            stop,
        }
    }

    pub async fn serve(&self, meter: &Meter, mut request: ServiceRequest) -> ServiceResponse {
        let watch = Stopwatch::start();
        // Before anybody looks at the method.
        tus::override_method(&mut request);
        let (request, payload) = request.into_parts();
        let now = clock::now();
        let id = trace::request_id(request.headers(), now);
        let span = span(&request, &id);
        let mut visit = Visit { id, now, route: "none", left: None };

        let answered = self.answer(&request, payload, &mut visit).instrument(span.clone()).await;
        let mut answer = answered.unwrap_or_else(|problem| {
            span.in_scope(|| problem.log("failed"));
            let path = self.public_url.outer(request.path());
            problem.render(Occasion { base: self.public_url.base(), path: &path, request_id: &visit.id })
        });
        self.mark(&request, &visit, answer.headers_mut());
        let is_over = self.stop.is_stopping() && answer.status() != StatusCode::SWITCHING_PROTOCOLS;
        // Otherwise a busy connection would delay the shutdown; the rest of a slow body is not waited for.
        if is_over || answer.status() == StatusCode::REQUEST_TIMEOUT {
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
        if Cors::is_preflight(request) {
            // A preflight does nothing, and browsers send one before nearly every call.
            let key = Key::new(Policy::Default, Actor::Nobody, address);
            visit.left = Some(self.limits.look(Policy::Default, key).await);
            self.expect_host(request, &found)?;
            return Ok(self.cors.preflight(request));
        }
        // Until the caller is known, the address counts.
        let nobody = Key::new(Policy::Default, Actor::Nobody, address);
        let identity = Caller::from(nobody).scope(self.identify(request, address, visit.now)).await;
        let actor = identity.as_ref().ok().and_then(Option::as_ref).map_or(Actor::Nobody, |identity| identity.actor);
        let user = user_of(actor);

        let line = found.endpoint();
        let policy = line.map_or(Policy::Default, |line| line.policy).of(actor);
        let key = Key::new(policy, actor, address);
        let left = self.limits.take(policy, key, 1).await;
        visit.left = Some(left);

        self.expect_host(request, &found)?;
        left.allowed()?;
        if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > LONGEST_URI) {
            return Err(refusals::URI_TOO_LONG.into());
        }
        let (endpoint, params) = match found {
            Found::Endpoint { endpoint, params, .. } => (endpoint, params),
            Found::OtherMethods { allow, .. } if *request.method() == Method::OPTIONS => {
                return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
            }
            Found::OtherMethods { allow, .. } => {
                let says = format!("This path answers to {allow}.");
                return Err(Problem::new(refusals::METHOD_NOT_ALLOWED).because(says).allow(allow));
            }
            Found::Nothing if matches!(request.path(), "/api/docs" | "/api/docs/") => {
                return Err(Problem::new(refusals::ROUTE_UNKNOWN).because("See /api/swagger for the API."));
            }
            Found::Nothing => return Err(refusals::ROUTE_UNKNOWN.into()),
        };
        self.admit(endpoint, &identity, visit.now)?;
        let params = with_own_id(endpoint, params, user);
        if endpoint.asks.is_empty() && !endpoint.ignores_others {
            // Its handler reads no query, so nobody else would notice.
            Query::parse(request.query_string()).know(&[]).check()?;
        }

        let mut payload = payload;
        // Held until the call is answered, because the body lives that long.
        let caller = Key::new(Policy::Default.of(actor), actor, address);
        let mut room = self.bodies.room(caller);
        let mut body = Bytes::new();
        if endpoint.uploads.is_some() {
            payload = body::stream(request, payload, endpoint.most_octets())?;
        } else if endpoint.takes.is_some() {
            body = body::read(request, &mut payload, endpoint.most_octets(), &mut room).await?;
        }
        let idempotency_key =
            if endpoint.creates { self.idempotency_keys.take(request, user, address, &body)? } else { None };
        // Until the handler has finished, no other call may run under the same key.
        let (idempotency_key, _running) = idempotency_key.unzip();
        let mut ctx = Ctx::new(actor, visit.now, visit.id.clone());
        ctx.origin = Origin { address, agent: agent(request.headers()) };
        ctx.idempotency_key = idempotency_key.clone();
        let waits_as = Caller::from(caller);
        if endpoint.reaches_others {
            waits_as.scope(self.accounts.may_reach_others(&ctx)).await?;
        }
        let charge = Charge { limits: Arc::clone(&self.limits), policy, key, left: Cell::new(left) };
        let (route, cursors) = (endpoint.path, Arc::clone(&self.cursors));
        let asks = endpoint.asks.iter().map(|asked| asked.name).collect();
        let ignores_others = endpoint.ignores_others;
        request.extensions_mut().insert(Call {
            ctx,
            identity,
            params,
            body,
            route,
            asks,
            ignores_others,
            cursors,
            charge,
        });

        // Held until the response has been created and compressed. Probes don't wait.
        let turns = if endpoint.downloads { &self.beginnings } else { &self.reads };
        let _reading = if endpoint.any_host || endpoint.waits { None } else { turns.turn(request, caller).await? };
        let answer = waits_as.scope(run::run(endpoint, request, payload)).await;
        visit.left = Call::of(request, |call| Ok(call.charge.left.get())).ok().or(visit.left);
        let answer = answer?;
        if let BodySize::Sized(octets) = answer.body().size()
            && let more @ 1.. = outgoing::units(usize::try_from(octets).unwrap_or(usize::MAX))
        {
            visit.left = Some(self.limits.owe(policy, key, more).await);
            // Serialising a large response occupied this thread. It accepts new calls only when nothing else is ready,
            // so yield once.
            tokio::task::yield_now().await;
        }
        let answer = compress::shrink(endpoint, request, answer).await;
        let mut answer = self.outgoing.hold(endpoint, request, caller, answer)?;
        if idempotency_key.is_some_and(|key| key.was_replayed()) {
            answer.headers_mut().insert(idempotency::REPLAYED, idempotency::TRUE);
        }
        Ok(answer)
    }

    fn expect_host(&self, request: &HttpRequest, found: &Found<'_>) -> Answer<()> {
        if found.endpoint().is_some_and(|line| line.any_host) { Ok(()) } else { self.hosts.admit(request) }
    }

    /// Headers of every response.
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
        tus::mark(request.path(), answer);
        self.cors.mark(request.headers(), answer);
    }
}

/// One span per request. It has the level ERROR, so every logged line has its id, whatever the filter.
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

/// `/api/users/me/…` is about the caller, wherever the path of an endpoint names a user.
fn with_own_id(endpoint: &Endpoint, mut params: Vec<String>, caller: Option<UserId>) -> Vec<String> {
    if endpoint.path.starts_with("/api/users/{user_id}")
        && let (Some(user), Some(caller)) = (params.first_mut(), caller)
        && user == "me"
    {
        *user = caller.to_string();
    }
    params
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
