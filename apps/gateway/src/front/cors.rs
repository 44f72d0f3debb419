//! Which pages of other origins may use the API from a browser (the CORS protocol of the Fetch standard §3.2).

use std::{fmt, str::FromStr};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

use crate::public_url::is_authority;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-match, if-modified-since, if-none-match, if-range, range, traceparent, tus-resumable, upload-checksum, upload-length, upload-metadata, upload-offset, x-api-key, x-http-method-override, x-request-id",
);
/// Response headers that pages of other origins may read in addition to the CORS-safelisted ones (Fetch §2.2.1.3).
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "accept-encoding, accept-ranges, allow, clowder-file-id, content-disposition, content-range, etag, idempotent-replayed, link, location, ratelimit, ratelimit-policy, retry-after, \
     tus-checksum-algorithm, tus-extension, tus-max-size, tus-resumable, tus-version, \
     upload-expires, upload-length, upload-metadata, upload-offset, www-authenticate, \
     x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-request-id",
);
/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// An origin exactly as browsers spell it, `https://app.example` or `http://localhost:4200`; or `*` for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

impl WebOrigin {
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WebOrigin {
    type Err = String;

    /// An origin that no browser sends would never match, so it is refused with the valid spelling.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let wrong = || "must be an origin, as in https://app.example or http://localhost:4200".to_owned();
        let Some((scheme, rest)) = text.split_once("://") else {
            let is_host = !text.is_empty() && text.chars().all(is_of_authority);
            let local = text.starts_with("localhost") || text.starts_with("127.");
            let scheme = if local { "http" } else { "https" };
            return Err(if is_host && text != "null" {
                format!("has no scheme: it must be {scheme}://{text}")
            } else {
                wrong()
            });
        };
        let (scheme, rest) = (scheme.to_ascii_lowercase(), rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase());
        if let Some((authority, _)) = rest.split_once(['/', '?', '#']) {
            return Err(format!("has a path: an origin ends after the host, as in {scheme}://{authority}"));
        }
        if !rest.is_ascii() {
            return Err("must be spelled as browsers send it, in ASCII (xn--…)".to_owned());
        }
        let port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => "",
        };
        // Browsers omit the default port of a scheme.
        let rest = rest.strip_suffix(port).unwrap_or(&rest);
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        if is_scheme && is_authority(rest) && rest.chars().all(is_of_authority) {
            Ok(Self(format!("{scheme}://{rest}")))
        } else {
            Err(wrong())
        }
    }
}

fn is_of_authority(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']')
}

/// The allowed origins.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Vec<WebOrigin>,
    any: bool,
}

impl Cors {
    pub fn new(origins: &[WebOrigin]) -> Self {
        Self { any: origins.iter().any(WebOrigin::is_any), origins: origins.to_vec() }
    }

    pub fn is_preflight(request: &HttpRequest) -> bool {
        request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ORIGIN)
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// For other origins the answer has no permission headers, so the browser refuses the call.
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

    /// Adds to a response whether the requesting page may read it.
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
        (self.any || self.origins.iter().any(|known| known.0.as_bytes() == origin.as_bytes())).then_some(origin)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors::new(&origins.iter().map(|origin| origin.parse().unwrap()).collect::<Vec<_>>())
    }

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

    /// A player of recordings asks for ranges, and goes on with what it has only if that has stayed the same.
    #[test]
    fn pages_may_ask_for_ranges() {
        let request = TestRequest::default()
            .method(Method::OPTIONS)
            .insert_header((header::ORIGIN, "https://app.example"))
            .insert_header((header::ACCESS_CONTROL_REQUEST_METHOD, "GET"))
            .to_http_request();
        let answer = cors(&["*"]).preflight(&request);
        let named = answer.headers().get(header::ACCESS_CONTROL_ALLOW_HEADERS).unwrap().to_str().unwrap();
        for needed in
            ["range", "if-range", "if-none-match", "if-modified-since", "authorization", "x-http-method-override"]
        {
            assert!(named.split(", ").any(|name| name == needed), "{needed}: {named}");
        }
    }

    #[test]
    fn origins_are_exact() {
        let known = cors(&["https://app.example", "http://localhost:5173/"]);
        assert!(allowed(&known, "https://app.example"));
        assert!(allowed(&known, "http://localhost:5173"));
        for foreign in ["http://app.example", "https://app.example:444", "https://x.app.example", "null"] {
            assert!(!allowed(&known, foreign), "{foreign}");
        }
        assert!(!allowed(&cors(&[]), "https://app.example"));
        assert!(allowed(&cors(&["*"]), "https://any.example"));
    }

    #[test]
    fn an_origin_is_spelled_as_browsers_do() {
        for (text, spelled) in [
            ("https://app.example", "https://app.example"),
            ("https://app.example/", "https://app.example"),
            ("HTTPS://App.Example:443", "https://app.example"),
            ("http://localhost:4200", "http://localhost:4200"),
            ("http://[::1]:80", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("*", "*"),
        ] {
            assert_eq!(text.parse::<WebOrigin>().map(|origin| origin.0).as_deref(), Ok(spelled), "{text}");
        }
        for (text, says) in [
            ("localhost:4200", "http://localhost:4200"),
            ("app.example", "https://app.example"),
            ("https://app.example/path", "ends after the host, as in https://app.example"),
            ("not an origin", "must be an origin"),
            ("null", "must be an origin"),
            ("", "must be an origin"),
            ("https://", "must be an origin"),
            ("https://a b", "must be an origin"),
            ("https://me@app.example", "must be an origin"),
            ("https://*.app.example", "must be an origin"),
            ("https://app.example:port", "must be an origin"),
            ("https://bücher.example", "xn--"),
        ] {
            let fault = text.parse::<WebOrigin>().unwrap_err();
            assert!(fault.contains(says), "{text}: {fault}");
        }
    }
}
