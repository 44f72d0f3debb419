//! The kinds of responses that handlers return.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder,
    body::BoxBody,
    http::{StatusCode, header},
    web::Data,
};
use clowder_core::{Made, Page};
use serde::Serialize;

use crate::{call::Call, etag, front::compress, public_url::PublicUrl};

/// 200 with a value.
pub struct Shown<T>(pub T);

/// 201 with a new value.
pub struct Created<T>(pub T);

/// 201 with a new value that has a version, or 200 with the existing one. The `ETag` lets the client edit it without
/// reading it again.
pub struct CreatedVersioned<T>(pub Made<T>);

/// 201 with a new value, or 200 with the existing one.
pub struct CreatedOr<T>(pub Made<T>);

/// The version of the value.
pub trait Version {
    fn version(&self) -> i64;
}

/// 202 with what has to happen before the value exists.
pub struct Accepted<T>(pub T);

/// 202 with a job, and in `Location` the path that tells its status.
pub struct Started<T> {
    pub job: T,
    pub status_at: String,
}

/// A value with a version: 200 with its `ETag`, or 304 if the caller already has this version.
pub struct Versioned<T>(pub i64, pub T);

/// 204.
pub struct Done;

/// One page of a list, with a link to the next one (RFC 8288): an absolute URL if `PUBLIC_URL` is set, otherwise a
/// path.
pub struct Listed<T>(pub Page<T>);

impl<T: Serialize> Responder for Shown<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(StatusCode::OK, &self.0)
    }
}

impl<T: Serialize> Responder for Created<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(StatusCode::CREATED, &self.0)
    }
}

impl<T: Serialize> Responder for CreatedOr<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        match self.0 {
            Made::New(thing) => json(StatusCode::CREATED, &thing),
            Made::Found(thing) => json(StatusCode::OK, &thing),
        }
    }
}

impl<T: Serialize> Responder for Accepted<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        json(StatusCode::ACCEPTED, &self.0)
    }
}

impl<T: Serialize> Responder for Started<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut answer = json(StatusCode::ACCEPTED, &self.job);
        if let Ok(location) = header::HeaderValue::try_from(format!("{}{}", public_base(request), self.status_at)) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        answer
    }
}

impl<T: Serialize + Version> Responder for CreatedVersioned<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let (status, thing) = match self.0 {
            Made::New(thing) => (StatusCode::CREATED, thing),
            Made::Found(thing) => (StatusCode::OK, thing),
        };
        let mut answer = json(status, &thing);
        if answer.status() == status {
            answer.headers_mut().insert(header::ETAG, etag::of(thing.version()));
        }
        answer
    }
}

impl<T: Serialize> Responder for Versioned<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let Self(version, thing) = self;
        let coding = || compress::chosen(request).map(header::ContentEncoding::as_str);
        let known = || etag::known(request.headers(), version, coding);
        let (mut answer, tag) = match request.method().is_safe().then(known).flatten() {
            Some(tag) => (HttpResponse::NotModified().finish(), tag),
            None => (json(StatusCode::OK, &thing), etag::of(version)),
        };
        answer.headers_mut().insert(header::ETAG, tag);
        answer
    }
}

impl Responder for Done {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::NoContent().finish()
    }
}

impl<T: Serialize> Responder for Listed<T> {
    type Body = BoxBody;

    fn respond_to(mut self, request: &HttpRequest) -> HttpResponse {
        let page = &mut self.0;
        // Clients get the key of the next page only as a sealed cursor.
        if let Some(place) = page.next_cursor.take() {
            match Call::of(request, |call| Ok(call.cursors.seal(&call.list(request.query_string()), &place))) {
                Ok(cursor) => page.next_cursor = Some(cursor),
                Err(problem) => return HttpResponse::from_error(problem),
            }
        }
        let mut answer = json(StatusCode::OK, page);
        if let Some(cursor) = &page.next_cursor {
            let link =
                next_link(&format!("{}{}", public_base(request), request.path()), request.query_string(), cursor);
            if let Ok(link) = header::HeaderValue::try_from(link) {
                answer.headers_mut().insert(header::LINK, link);
            }
        }
        answer
    }
}

/// What stands before a path in links: nothing, if `PUBLIC_URL` is not set.
fn public_base(request: &HttpRequest) -> &str {
    request.app_data::<Data<PublicUrl>>().map_or("", |public| public.base())
}

/// The same query, for the next page.
fn next_link(path: &str, query: &str, cursor: &str) -> String {
    let mut next = form_urlencoded::Serializer::new(String::new());
    next.extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "cursor"));
    next.append_pair("cursor", cursor);
    format!("<{path}?{}>; rel=\"next\"", next.finish())
}

fn json(status: StatusCode, thing: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(thing) {
        Ok(body) => HttpResponseBuilder::new(status).content_type("application/json").body(body),
        Err(error) => HttpResponse::from_error(crate::problem::Problem::from(clowder_core::Error::from(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_asks_the_same() {
        assert_eq!(
            next_link("/api/chats", "type=group&cursor=old&limit=2", "a+b/c"),
            "</api/chats?type=group&limit=2&cursor=a%2Bb%2Fc>; rel=\"next\""
        );
    }
}
