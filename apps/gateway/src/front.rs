//! What every request passes, in one straight line: its name, its route, who asks, how often, from where, the body,
//! the handler; and on the way back the headers, the count and the log line.

mod body;
mod client;
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
use clowder_accounts::{Accounts, Identity};
use clowder_core::{Actor, Ctx, Error, Origin, Role, Timestamp, UserId, ctx::TOKEN_MISSING};
use clowder_infra::keys::Keys;
use tracing::{Instrument, Span, field};

pub use client::Network;
pub use limits::{Limits, LocalLimits, Policy};
pub use meter::Meter;
pub use once::IDEMPOTENCY_KEY;

use crate::{
    auth,
    call::Call,
    clock::{self, Stopwatch},
    config::Config,
    problem::{Answer, Occasion, Problem},
    refusals,
    routes::{Access, Found, Router},
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
    limits: Arc<dyn Limits>,
    onces: Onces,
    hosts: Hosts,
    cors: Cors,
    proxies: Vec<Network>,
    public_url: String,
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
    pub fn new(
        config: &Config,
        router: Router,
        accounts: Arc<dyn Accounts>,
        limits: Arc<dyn Limits>,
        keys: Arc<Keys>,
        stop: Stop,
    ) -> Self {
        Self {
            router,
            accounts,
            limits,
            onces: Onces::new(keys),
            hosts: Hosts::new(config),
            cors: Cors::new(&config.server.cors_allowed_origins),
            proxies: config.server.trusted_proxies.clone(),
            public_url: config.server.public_url.trim_end_matches('/').to_owned(),
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
            problem.render(Occasion { base: &self.public_url, path: request.path(), request_id: &visit.id })
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
        let identity = auth::bearer(request).map(|access| self.accounts.identify(access, visit.now)).transpose();
        let actor = identity.as_ref().ok().copied().flatten().map_or(Actor::Nobody, |identity| identity.actor);
        let user = user_of(actor);

        let line = found.endpoint();
        let policy = line.map_or(Policy::Default, |line| line.policy);
        let left = self.limits.take(policy, Key::new(policy, user, address)).await;
        visit.left = Some(left);

        if !line.is_some_and(|line| line.any_host) && !self.hosts.know(request) {
            return Err(refusals::HOST_UNKNOWN.into());
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
        may_ask(endpoint.access, &identity)?;

        let mut payload = payload;
        let body = match endpoint.takes {
            Some(_) => tokio::time::timeout(BODY_WITHIN, body::read(request, &mut payload))
                .await
                .unwrap_or_else(|_| Err(refusals::BODY_CUT.into()))?,
            None => Default::default(),
        };
        let once = if endpoint.creates { self.onces.take(request, user, &body)? } else { None };
        // Until the handler is through, nobody else may run under the same key.
        let (once, _running) = once.unzip();
        let mut ctx = Ctx::new(actor, visit.now, visit.id.clone());
        ctx.origin = Origin { address, agent: agent(request.headers()) };
        ctx.once = once.clone();
        request.extensions_mut().insert(Call { ctx, identity, params, body });

        let mut answer = run::run(endpoint, request, payload).await?;
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

/// A bad token is an error only where one is needed: a client may well log in while it still sends an old one.
fn may_ask(access: Access, identity: &Result<Option<Identity>, Error>) -> Answer<()> {
    if access == Access::Public {
        return Ok(());
    }
    match identity.clone()?.map(|identity| identity.actor) {
        Some(Actor::User { role: Role::Admin, .. }) => Ok(()),
        Some(Actor::User { .. }) if access == Access::User => Ok(()),
        Some(Actor::User { .. }) => Err(refusals::PERMISSION_DENIED.into()),
        Some(Actor::Nobody | Actor::System) | None => Err(TOKEN_MISSING.into()),
    }
}

fn agent(headers: &HeaderMap) -> Option<Arc<str>> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.get(..256).unwrap_or(agent).into())
}

#[cfg(test)]
mod tests {
    use clowder_accounts::refusals::TOKEN_EXPIRED;
    use clowder_core::Id;

    use super::*;

    #[test]
    fn may_ask_table() {
        let now = Timestamp::from_micros(0);
        let user = |role| {
            let actor = Actor::User { id: Id::new(now), session: Id::new(now), role };
            Ok(Some(Identity { actor, expires_at: now }))
        };
        let bad = || Err(TOKEN_EXPIRED.into());
        for (access, identity, verdict) in [
            (Access::Public, Ok(None), None),
            (Access::Public, bad(), None),
            (Access::Public, user(Role::User), None),
            (Access::User, Ok(None), Some("token.missing")),
            (Access::User, bad(), Some("token.expired")),
            (Access::User, user(Role::User), None),
            (Access::User, user(Role::Admin), None),
            (Access::Admin, Ok(None), Some("token.missing")),
            (Access::Admin, user(Role::User), Some("permission.denied")),
            (Access::Admin, user(Role::Moderator), Some("permission.denied")),
            (Access::Admin, user(Role::Admin), None),
        ] {
            let refused = may_ask(access, &identity).err().map(|problem| problem.code);
            assert_eq!(refused, verdict, "{access:?} {identity:?}");
        }
    }
}
