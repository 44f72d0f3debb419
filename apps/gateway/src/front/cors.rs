//! Which pages of other origins may use the API from a browser (the CORS protocol of the Fetch standard §3.2).

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-api-key, x-request-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, idempotent-replayed, link, location, ratelimit, ratelimit-policy, retry-after, x-ratelimit-limit, \
     x-ratelimit-remaining, x-ratelimit-reset, x-request-id",
);
/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The origins that are let in, each exactly as a browser spells it.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Vec<String>,
    any: bool,
}

impl Cors {
    pub fn new(origins: &[String]) -> Self {
        let origins: Vec<_> = origins.iter().map(|origin| origin.trim_end_matches('/').to_owned()).collect();
        Self { any: origins.iter().any(|origin| origin == "*"), origins }
    }

    pub fn is_preflight(request: &HttpRequest) -> bool {
        request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ORIGIN)
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// An origin that is not let in gets an answer without permissions, which a browser reads as a no.
    pub fn preflight(&self, request: &HttpRequest) -> HttpResponse {
        let mut answer = HttpResponse::NoContent().finish();
        if self.origin(request.headers()).is_some() {
            let headers = answer.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        answer
    }

    /// Says on any answer whether the page that asked may read it.
    pub fn mark(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.origin(asked) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn origin<'h>(&self, asked: &'h HeaderMap) -> Option<&'h HeaderValue> {
        let origin = asked.get(header::ORIGIN)?;
        (self.any || self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes())).then_some(origin)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn allowed(cors: &Cors, origin: &'static str) -> bool {
        let request = TestRequest::with_uri("/")
            .method(Method::OPTIONS)
            .insert_header((header::ORIGIN, origin))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "POST"))
            .to_http_request();
        assert!(Cors::is_preflight(&request));
        let mut answer = cors.preflight(&request);
        let methods = answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_METHODS);
        cors.mark(request.headers(), answer.headers_mut());
        assert_eq!(answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), methods);
        methods
    }

    #[test]
    fn origins_are_exact() {
        let cors = Cors::new(&["https://app.example".to_owned(), "http://localhost:5173/".to_owned()]);
        assert!(allowed(&cors, "https://app.example"));
        assert!(allowed(&cors, "http://localhost:5173"));
        for foreign in ["http://app.example", "https://app.example:444", "https://x.app.example", "null"] {
            assert!(!allowed(&cors, foreign), "{foreign}");
        }
        assert!(!allowed(&Cors::new(&[]), "https://app.example"));
        assert!(allowed(&Cors::new(&["*".to_owned()]), "https://any.example"));
    }
}
