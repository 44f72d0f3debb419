//! Compresses larger responses if the client accepts it (RFC 9110 §12.5.3).
//!
//! An attacker who sees the length of a compressed response, and can place text of their own beside a secret in it, can
//! guess the secret bit by bit (BREACH). So only responses to GET are compressed: tokens, keys, codes and tickets are
//! returned by POST alone, and the few routes that show a secret to a GET are marked in the table of routes. Errors are
//! not compressed either, because they repeat the requested path.

use std::io::{Read, Write};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    http::{
        Method, StatusCode,
        header::{self, AcceptEncoding, ContentEncoding, Encoding, Header, HeaderValue},
    },
    web::{self, Bytes},
};

use crate::{etag, routes::Endpoint};

/// Below this size, the headers cost more than compression saves.
const LEAST: usize = 1024;
/// Above this size, compressing would block the thread for others.
const ASIDE: usize = 64 * 1024;

/// Compresses a response, or returns it unchanged.
pub async fn shrink(endpoint: &Endpoint, request: &HttpRequest, mut answer: HttpResponse) -> HttpResponse {
    let asked = matches!(*request.method(), Method::GET | Method::HEAD) && !endpoint.shows_secret;
    if asked && answer.status() == StatusCode::NOT_MODIFIED {
        // What it stands for was another one for another client, too.
        answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        return answer;
    }
    let asked = asked && answer.status() == StatusCode::OK;
    if !asked || !is_text(&answer) || answer.headers().contains_key(header::CONTENT_ENCODING) {
        return answer;
    }
    // Another client may get another representation.
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let Some(coding) = chosen(request) else { return answer };
    let (head, body) = answer.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) if body.len() >= LEAST => body,
        Ok(body) => return head.set_body(BoxBody::new(body)),
        Err(streamed) => return head.set_body(streamed),
    };
    let shrunk = if body.len() > ASIDE {
        let whole = body.clone();
        web::block(move || encode(coding, &whole)).await.ok().flatten()
    } else {
        encode(coding, &body)
    };
    let Some(shrunk) = shrunk else { return head.set_body(BoxBody::new(body)) };
    let mut answer = head.set_body(BoxBody::new(Bytes::from(shrunk)));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    if let Some(tag) = headers.get(header::ETAG).and_then(|tag| etag::encoded(tag, coding.as_str())) {
        headers.insert(header::ETAG, tag);
    }
    answer
}

/// Text formats; images and archives are compressed already.
fn is_text(answer: &HttpResponse) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/") || kind.ends_with("json") || kind == "image/svg+xml"
}

/// The content coding for a client that accepts several.
pub fn chosen(request: &HttpRequest) -> Option<ContentEncoding> {
    let supported = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok()?;
    match accepted.negotiate(supported.iter())? {
        Encoding::Known(coding @ (ContentEncoding::Brotli | ContentEncoding::Gzip)) => Some(coding),
        Encoding::Known(_) | Encoding::Unknown(_) => None,
    }
}

/// `None` if compression does not make it smaller.
fn encode(coding: ContentEncoding, body: &[u8]) -> Option<Vec<u8>> {
    let mut shrunk = Vec::with_capacity(body.len() / 4);
    match coding {
        ContentEncoding::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(shrunk, flate2::Compression::new(GZIP));
            writer.write_all(body).ok()?;
            shrunk = writer.finish().ok()?;
        }
        _ => {
            let mut reader = brotli::CompressorReader::new(body, 4096, BROTLI, WINDOW);
            reader.read_to_end(&mut shrunk).ok()?;
        }
    }
    (shrunk.len() < body.len()).then_some(shrunk)
}

/// Measured on a page of fifty messages: higher levels take several times as long and save a few percent.
const GZIP: u32 = 3;
const BROTLI: u32 = 3;
/// 2^18 octets: nearly every response fits, and the encoder does not allocate megabytes for each.
const WINDOW: u32 = 18;

#[cfg(test)]
mod tests {
    use actix_web::{body::to_bytes, test::TestRequest};

    use super::*;
    use crate::{problem::Answer, routes::get};

    async fn nothing() -> Answer<&'static str> {
        Ok("")
    }

    /// A page of messages as clients get it.
    fn page(messages: usize) -> String {
        let words =
            ["lunch", "tomorrow", "the", "train", "is", "late", "again", "see", "you", "at", "eight", "perhaps"];
        let items: Vec<_> = (0..messages)
            .map(|n| {
                let content: Vec<_> = (0..8 + n % 17).map(|w| words[(n * 7 + w * 5 + w * w) % words.len()]).collect();
                serde_json::json!({
                    "id": format!("01993c4e-7a2b-7c31-9a51-{:012x}", (n as u64 + 1) * 0x9e37_79b9), "seq": n,
                    "chat_id": "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10", "type": "text", "content": content.join(" "),
                    "sender": {"id": "01993c4e-0000-7c31-9a51-3f0c8a8f2d10", "username": "ada", "display_name": "Ada"},
                    "status": "read", "client_id": null, "created_at": format!("2026-11-26T07:{:02}:00.000Z", n % 60),
                    "edited_at": null, "deleted_at": null
                })
            })
            .collect();
        serde_json::json!({"items": items, "next_cursor": null}).to_string()
    }

    async fn shrunk(endpoint: &Endpoint, method: Method, accepts: &str, answer: HttpResponse) -> (HttpResponse, Bytes) {
        let mut request = TestRequest::default().method(method);
        if !accepts.is_empty() {
            request = request.insert_header((header::ACCEPT_ENCODING, accepts));
        }
        let answer = shrink(endpoint, &request.to_http_request(), answer).await;
        let (head, body) = answer.into_parts();
        (head.set_body(BoxBody::new(())), to_bytes(body).await.unwrap())
    }

    fn json(body: String) -> HttpResponse {
        HttpResponse::Ok().insert_header((header::ETAG, "\"3\"")).content_type("application/json").body(body)
    }

    fn header_of(answer: &HttpResponse, name: header::HeaderName) -> &str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[actix_web::test]
    async fn what_is_taken_and_worth_it_is_compressed() {
        let (line, long) = (get("/page", nothing), page(50));
        for (accepts, coding, tag) in [
            ("gzip, deflate, br, zstd", "br", "\"3-br\""),
            ("gzip", "gzip", "\"3-gzip\""),
            ("br;q=0.5, gzip", "gzip", "\"3-gzip\""),
            ("gzip;q=0", "", "\"3\""),
            ("identity", "", "\"3\""),
            ("zstd", "", "\"3\""),
            ("", "", "\"3\""),
            ("nonsense;;q=x", "", "\"3\""),
        ] {
            let (answer, body) = shrunk(&line, Method::GET, accepts, json(long.clone())).await;
            assert_eq!(header_of(&answer, header::CONTENT_ENCODING), coding, "{accepts}");
            assert_eq!(header_of(&answer, header::ETAG), tag, "{accepts}");
            assert_eq!(header_of(&answer, header::VARY), "Accept-Encoding", "{accepts}");
            let mut plain = String::new();
            match coding {
                "br" => drop(brotli::Decompressor::new(&*body, 4096).read_to_string(&mut plain).unwrap()),
                "gzip" => drop(flate2::read::GzDecoder::new(&*body).read_to_string(&mut plain).unwrap()),
                _ => plain = String::from_utf8(body.to_vec()).unwrap(),
            }
            assert!(plain == long, "{accepts}");
            assert!(coding.is_empty() || body.len() * 3 < long.len(), "{accepts}: {} of {}", body.len(), long.len());
        }
    }

    #[actix_web::test]
    async fn what_is_small_secret_an_error_or_no_text_is_not() {
        let long = page(50);
        let plain = async |line: &Endpoint, method: Method, answer: HttpResponse| {
            let (answer, _) = shrunk(line, method, "gzip, br", answer).await;
            assert_eq!(header_of(&answer, header::CONTENT_ENCODING), "");
            header_of(&answer, header::VARY).to_owned()
        };
        let line = get("/page", nothing);
        assert_eq!(plain(&line, Method::GET, json("{}".to_owned())).await, "Accept-Encoding", "a small one");
        assert_eq!(plain(&line, Method::POST, json(long.clone())).await, "", "a POST may give a token");
        assert_eq!(plain(&get("/page", nothing).shows_secret(), Method::GET, json(long.clone())).await, "");
        let image = HttpResponse::Ok().content_type("image/png").body(long.clone());
        assert_eq!(plain(&line, Method::GET, image).await, "");
        let problem = HttpResponse::NotFound().content_type("application/problem+json").body(long);
        assert_eq!(plain(&line, Method::GET, problem).await, "");
        let large = json("x".repeat(10 * ASIDE));
        let (answer, body) = shrunk(&line, Method::HEAD, "br", large).await;
        assert!(header_of(&answer, header::CONTENT_ENCODING) == "br" && body.len() < 1000);
    }
}
