//! What tus 1.0.0 asks of all calls of resumable uploads, whoever answers them (<https://tus.io/protocols/resumable-upload>).

use actix_web::{
    dev::ServiceRequest,
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
};

pub const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
/// The version of the protocol.
pub const VERSION: &str = "1.0.0";

const METHOD: HeaderName = HeaderName::from_static("x-http-method-override");
const PATH: &str = "/api/files/resumable";

fn is_path(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Some environments let a client send neither PATCH nor DELETE: it names the method in a header of a POST. Only for
/// resumable uploads, and before anything else, so that access, limits, logs and metrics see the method that is meant.
pub fn override_method(request: &mut ServiceRequest) {
    if *request.method() != Method::POST || !is_path(request.path()) {
        return;
    }
    let meant = request.headers().get(METHOD).and_then(|value| value.to_str().ok()).map(str::trim);
    let known = [Method::PATCH, Method::DELETE];
    if let Some(method) = known.into_iter().find(|known| meant == Some(known.as_str())) {
        request.head_mut().method = method;
    }
}

/// Every response says which version of the protocol it is of, also one that refuses the call.
pub fn mark(path: &str, answer: &mut HeaderMap) {
    if is_path(path) {
        answer.insert(RESUMABLE, HeaderValue::from_static(VERSION));
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_method_is_overridden_only_where_the_protocol_asks_for_it() {
        for (method, path, meant, expected) in [
            (Method::POST, "/api/files/resumable/1", "PATCH", Method::PATCH),
            (Method::POST, "/api/files/resumable/1/", " DELETE ", Method::DELETE),
            (Method::POST, "/api/files/resumable", "PATCH", Method::PATCH),
            (Method::POST, "/api/files/resumable?x=y", "DELETE", Method::DELETE),
            (Method::POST, "/api/files/resumable/1", "patch", Method::POST),
            (Method::POST, "/api/files/resumable/1", "GET", Method::POST),
            (Method::POST, "/api/files/resumable/1", "", Method::POST),
            // A page of any origin can make a browser send GET.
            (Method::GET, "/api/files/resumable/1", "DELETE", Method::GET),
            (Method::POST, "/api/files/resumables/1", "DELETE", Method::POST),
            (Method::POST, "/api/chats/1", "DELETE", Method::POST),
            (Method::POST, "/api/files/1?/api/files/resumable", "DELETE", Method::POST),
        ] {
            let request = TestRequest::with_uri(path).method(method).insert_header((METHOD, meant));
            let mut request = request.to_srv_request();
            override_method(&mut request);
            assert_eq!(*request.method(), expected, "{path} {meant}");
        }
    }

    #[test]
    fn answers_about_uploads_name_the_version() {
        for (path, is_named) in
            [("/api/files/resumable", true), ("/api/files/resumable/1", true), ("/api/files/resumables", false)]
        {
            let mut answer = HeaderMap::new();
            mark(path, &mut answer);
            assert_eq!(answer.contains_key(RESUMABLE), is_named, "{path}");
        }
    }
}
