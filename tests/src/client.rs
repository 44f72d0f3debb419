//! A client that checks every response for what must hold everywhere.

use reqwest::{Method, Request, RequestBuilder, Response, header::HeaderMap};
use serde_json::Value;

use crate::documented;

/// A caller of the API: a user, or nobody.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// Sent as `X-Forwarded-For`: where failed attempts are counted.
    place: Option<String>,
    pub access: Option<String>,
    /// Sent as `X-API-Key`.
    pub key: Option<String>,
    may_fail: bool,
}

/// A client of HTTP without proxies. The store of files has reqwest built with TLS. No address here begins with https, so
/// this client trusts nobody: reading the certificates of the system would take it longer than many stories.
pub fn http() -> reqwest::ClientBuilder {
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls)
}

/// Marks a request whose response may be a server error; removed before the request is sent.
const MAY_FAIL: &str = "x-test-may-fail";

/// Adds a body of this form, of which `file` is a file (multipart/form-data).
pub fn form(request: RequestBuilder, members: &Value) -> RequestBuilder {
    const BOUNDARY: &str = "----clowder-tests";
    let mut body = String::new();
    for (name, value) in members.as_object().into_iter().flatten() {
        let file = if name == "file" { "; filename=\"chat.json\"" } else { "" };
        let value = value.as_str().unwrap();
        body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n");
    }
    let request = request.header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
    request.body(format!("{body}--{BOUNDARY}--\r\n"))
}

impl Client {
    pub fn new(address: &str) -> Self {
        // Without redirects and proxies, so that stories see the real responses.
        let http = http().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base: base(address), place: None, access: None, key: None, may_fail: false }
    }

    /// The same client at another address of the internet, as far as a server behind a proxy can tell.
    pub fn from_place(&self, place: &str) -> Self {
        Self { place: Some(place.to_owned()), ..self.clone() }
    }

    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// The same client of another server.
    pub fn at(&self, address: &str) -> Self {
        Self { base: base(address), ..self.clone() }
    }

    /// The same client where the server may fail (5xx): its database is down, its disk is full. Anywhere else such a
    /// response fails the test.
    pub fn may_fail(&self) -> Self {
        Self { may_fail: true, ..self.clone() }
    }

    /// The same connection pool for another user.
    pub fn with(&self, access: impl Into<String>) -> Self {
        Self { access: Some(access.into()), key: None, ..self.clone() }
    }

    /// The same connection pool for an API key.
    pub fn with_key(&self, key: impl Into<String>) -> Self {
        Self { access: None, key: Some(key.into()), ..self.clone() }
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.base));
        let request = if self.may_fail { request.header(MAY_FAIL, "1") } else { request };
        let request = match &self.place {
            Some(place) => request.header("x-forwarded-for", place),
            None => request,
        };
        match (&self.access, &self.key) {
            (Some(access), _) => request.bearer_auth(access),
            (None, Some(key)) => request.header("x-api-key", key),
            (None, None) => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request("GET", path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request("POST", path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request("PATCH", path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request("PUT", path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::to(self.request("DELETE", path)).await
    }
}

fn base(address: &str) -> String {
    format!("http://{address}")
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The JSON body, `null` if there is none.
    pub body: Value,
}

/// The method of a call as the server takes it: calls of resumable uploads can name theirs in a header.
fn meant(request: &Request) -> Method {
    let is_upload = *request.method() == Method::POST && request.url().path().starts_with("/api/files/resumable/");
    let named = request.headers().get("x-http-method-override").filter(|_| is_upload);
    let known =
        [Method::PATCH, Method::DELETE].into_iter().find(|known| named.is_some_and(|named| named == known.as_str()));
    known.unwrap_or_else(|| request.method().clone())
}

impl Answer {
    pub async fn to(request: RequestBuilder) -> Self {
        Self::try_to(request).await.expect("no answer")
    }

    /// For stories in which the server dies.
    pub async fn try_to(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let (client, request) = request.build_split();
        let mut request = request?;
        let may_fail = request.headers_mut().remove(MAY_FAIL).is_some();
        let (method, path) = (meant(&request), request.url().path().to_owned());
        let response = client.execute(request).await?;
        Self::read(&method, &path, may_fail, response).await
    }

    /// Reads the rest of an answer of which the status is known, and checks it like any other.
    pub async fn read(method: &Method, path: &str, may_fail: bool, response: Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Self { status, headers, text, body };
        answer.holds_everywhere(method);
        // Not a failure: on a busy machine a check may take too long for a node to say that it is ready.
        let not_ready = answer.status == 503 && path == "/api/health/ready";
        assert!(answer.status < 500 || may_fail || not_ready, "the server failed: {answer:?}");
        documented::check_answer(method.as_str(), path, &answer);
        Ok(answer)
    }

    /// Contract §1: what holds for every response of every route.
    fn holds_everywhere(&self, method: &Method) {
        assert!(!self.header("x-request-id").is_empty(), "no X-Request-Id: {self:?}");
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{self:?}");
        // A server that is not ready says what is missing, for monitoring.
        let report = self.status == 503 && self.body["checks"].is_array();
        if self.status >= 400 && !report {
            let media = self.header("content-type");
            assert!(media.starts_with("application/problem+json"), "an error that is no problem: {self:?}");
            self.is_problem(method);
        }
        match self.status {
            401 => assert!(self.header("www-authenticate").starts_with("Bearer"), "{self:?}"),
            405 => assert!(!self.header("allow").is_empty(), "{self:?}"),
            429 | 503 | 507 => assert!(self.header("retry-after").parse::<u32>().is_ok(), "{self:?}"),
            _ => {}
        }
    }

    /// The body of a refusal. A response to HEAD has none, whatever its headers say.
    fn is_problem(&self, method: &Method) {
        if *method == Method::HEAD {
            assert_eq!(self.text, "", "{self:?}");
            return;
        }
        for field in ["type", "title", "detail", "code", "request_id"] {
            assert!(self.body[field].is_string(), "a problem without {field}: {self:?}");
        }
        assert_eq!(self.body["status"], self.status, "{self:?}");
        assert!(self.text.len() <= 64 << 10, "a refusal of {} octets", self.text.len());
        assert_eq!(self.body["request_id"], self.header("x-request-id"), "{self:?}");
    }

    /// The value of the header, empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, if the response has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The problem, if it has this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        self.body
    }

    /// The pointers of the fields that a 422 names.
    #[track_caller]
    pub fn wrong_fields(self) -> Vec<String> {
        assert_eq!(self.status, 422, "{}", self.text);
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
    }
}
