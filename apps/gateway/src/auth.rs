//! Finds the access token or the API key of a request, and builds the context of the call.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header};
use clowder_core::{Ctx, Scope, Scopes, ctx::TOKEN_MISSING};

use crate::{call::Call, problem::Problem};

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1). An empty token, or a header that is not text, is invalid
/// rather than absent.
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let Ok(value) = request.headers().get(header::AUTHORIZATION)?.to_str() else { return Some("") };
    if value.trim().is_empty() {
        return Some("");
    }
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The key of `X-API-Key: …`; a header that is not text is an invalid key.
pub fn api_key(request: &HttpRequest) -> Option<&str> {
    request.headers().get("x-api-key").map(|value| value.to_str().unwrap_or_default())
}

/// Who calls, and when. On a public route there may be no user.
pub struct Caller(pub Ctx);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Call::of(request, |call| Ok(Self(call.ctx.clone()))))
    }
}

/// What the caller may do besides what the route needs. A person may do everything, an API key what its scopes allow.
pub struct Granted(Option<Scopes>);

impl Granted {
    pub fn has(&self, scope: Scope) -> bool {
        self.0.as_ref().is_none_or(|scopes| scopes.contains(scope))
    }
}

impl FromRequest for Granted {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let scopes = |call: &Call| match &call.identity {
            Ok(Some(identity)) => Ok(Self(identity.scopes.clone())),
            Ok(None) => Err(TOKEN_MISSING.into()),
            Err(error) => Err(error.clone().into()),
        };
        ready(Call::of(request, scopes))
    }
}
