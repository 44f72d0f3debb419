//! What the front has found out about a request, and the extractors that give it to handlers.

use std::{
    cell::Cell,
    future::{Ready, ready},
    str::FromStr,
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web::Bytes};
use clowder_accounts::Identity;
use clowder_core::{Ctx, Error, Id, Input, Timestamp, Versions};
use futures_util::future::LocalBoxFuture;

use crate::{
    cursor::Cursors,
    etag,
    front::{Key, Left, Limits, Policy, units},
    parse,
    problem::{Answer, Problem},
    refusals,
};

/// The parameters that select a page of a list, as opposed to a list.
const PAGING: [&str; 2] = ["cursor", "limit"];

/// A request that was accepted.
pub struct Call {
    pub ctx: Ctx,
    /// Whom the bearer token belongs to; on a public route an invalid one is not an error yet.
    pub identity: Result<Option<Identity>, Error>,
    /// The variable segments of the path, in order.
    pub params: Vec<String>,
    pub body: Bytes,
    /// The path template of the endpoint.
    pub route: &'static str,
    /// The query parameters that the endpoint accepts.
    pub asks: Vec<&'static str>,
    /// Whether it ignores all others.
    pub ignores_others: bool,
    pub cursors: Arc<Cursors>,
    pub charge: Charge,
}

/// Whose rate limit a call counts against, and what is left of it. One unit was taken when the request arrived.
pub struct Charge {
    pub limits: Arc<dyn Limits>,
    pub policy: Policy,
    pub key: Key,
    pub left: Cell<Left>,
}

impl Charge {
    /// Takes the units for a call that writes this many rows, before it writes them.
    async fn rows(request: &HttpRequest, rows: usize) -> Answer<()> {
        let more = units(rows) - 1;
        if more == 0 {
            return Ok(());
        }
        let pay = |call: &Call| Ok((Arc::clone(&call.charge.limits), call.charge.policy, call.charge.key));
        let (limits, policy, key) = Call::of(request, pay)?;
        let left = limits.take(policy, key, more).await;
        Call::of(request, |call| {
            call.charge.left.set(left);
            Ok(())
        })?;
        left.allowed()
    }
}

impl Call {
    /// Identifies the requested list; a cursor is valid for one list only. Every parameter except `cursor` and `limit`
    /// makes it another list, whatever their order.
    pub fn list(&self, query: &str) -> String {
        let viewer = self.ctx.user().map(|user| user.to_string()).unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let mut filters = form_urlencoded::Serializer::new(String::new());
        for name in self.asks.iter().filter(|name| !PAGING.contains(name)) {
            // If a parameter is repeated, the first one is read.
            if let Some((_, value)) = pairs.iter().find(|(known, _)| known == name) {
                filters.append_pair(name, value);
            }
        }
        format!("{viewer} {} {} {}", self.route, self.params.join(" "), filters.finish())
    }

    /// Reports which path segments are not valid ids.
    fn wrong_id(&self) -> Problem {
        let names = self.route.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let wrong =
            names.zip(&self.params).filter(|(name, text)| name.ends_with("id") && text.parse::<Id<()>>().is_err());
        let wrong: Vec<_> = wrong.map(|(name, _)| format!("`{name}` must be a UUID.")).collect();
        let problem = Problem::new(refusals::ID_INVALID);
        if wrong.is_empty() { problem } else { problem.because(wrong.join(" ")) }
    }

    /// Extracts a value from the call of a request.
    pub fn of<T>(request: &HttpRequest, read: impl FnOnce(&Self) -> Answer<T>) -> Answer<T> {
        match request.extensions().get::<Self>() {
            Some(call) => read(call),
            None => Err(Problem::new(refusals::INTERNAL).fault("the request did not pass the front")),
        }
    }
}

/// The variable segments of the path. A malformed id is 404, since nothing can have it.
pub struct Path<T>(pub T);

/// Types that can be parsed from the path segments.
pub trait FromPath: Sized {
    fn from_path(params: &[String]) -> Option<Self>;
}

/// A segment that is used as it is.
impl FromPath for String {
    fn from_path(params: &[String]) -> Option<Self> {
        match params {
            [text] => Some(text.clone()),
            _ => None,
        }
    }
}

impl<T> FromPath for Id<T> {
    fn from_path(params: &[String]) -> Option<Self> {
        match params {
            [id] => id.parse().ok(),
            _ => None,
        }
    }
}

impl<A: FromStr, B: FromStr> FromPath for (A, B) {
    fn from_path(params: &[String]) -> Option<Self> {
        match params {
            [a, b] => Some((a.parse().ok()?, b.parse().ok()?)),
            _ => None,
        }
    }
}

impl<T: FromPath> FromRequest for Path<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Call::of(request, |call| T::from_path(&call.params).map(Self).ok_or_else(|| call.wrong_id())))
    }
}

/// An input, parsed from the JSON body that the front has read.
pub struct Json<T>(pub T);

impl<T: Input + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (body, now) = Call::of(&request, |call| Ok((call.body.clone(), call.ctx.now)))?;
            let input: T = parse(body, now).await?;
            Charge::rows(&request, input.rows()).await?;
            Ok(Self(input))
        })
    }
}

async fn parse<T: Input>(body: Bytes, now: Timestamp) -> Answer<T> {
    if body.is_empty() {
        return Err(
            Problem::new(refusals::BODY_UNPARSABLE).because("The body is empty; this call needs a JSON object.")
        );
    }
    let value = parse::json(body).await;
    let value = value.map_err(|why| Problem::new(refusals::BODY_UNPARSABLE).because(why))?;
    Ok(T::from_json_at(value, now)?)
}

/// Like [`Json`], for bodies whose members are all optional: the body itself may be missing, too.
pub struct MaybeJson<T>(pub T);

impl<T: Input + 'static> FromRequest for MaybeJson<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let (mut body, now) = Call::of(&request, |call| Ok((call.body.clone(), call.ctx.now)))?;
            if body.is_empty() {
                body = Bytes::from_static(b"{}");
            }
            let input: T = parse(body, now).await?;
            Charge::rows(&request, input.rows()).await?;
            Ok(Self(input))
        })
    }
}

/// The versions that the caller has seen, from `If-Match`; `None` if any version is accepted.
pub struct IfMatch(pub Option<Versions>);

impl FromRequest for IfMatch {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match etag::if_match(request.headers()) {
            Ok(versions) => Ok(Self(versions)),
            Err(flaw) => Err(Error::Invalid(vec![flaw.at("If-Match")]).into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{ChatId, Fields};
    use futures_util::FutureExt;

    use super::*;

    #[derive(Debug)]
    struct Named(String);

    impl Input for Named {
        fn read(fields: &mut Fields) -> Option<Self> {
            fields.required("name").map(Self)
        }
    }

    fn parse<T: Input>(body: &[u8]) -> Answer<T> {
        // What is small does not wait for anything.
        let parsed = super::parse(Bytes::copy_from_slice(body), Timestamp::from_micros(0));
        parsed.now_or_never().expect("it is parsed at once")
    }

    #[test]
    fn bodies_are_parsed_or_refused() {
        assert_eq!(parse::<Named>(br#"{"name": "a"}"#).unwrap().0, "a");
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (body, status) in [
            ("", 400),
            ("{", 400),
            ("{\"name\": \"a\0\"}", 400),
            (deep.as_str(), 400),
            ("[]", 422),
            ("17", 422),
            ("{}", 422),
            (r#"{"name": 1}"#, 422),
        ] {
            assert_eq!(parse::<Named>(body.as_bytes()).unwrap_err().status.as_u16(), status, "{body}");
        }
        assert!(parse::<Named>(b"").unwrap_err().detail.as_deref().unwrap().starts_with("The body is empty"));
        assert_eq!(parse::<Named>(b"{\"name\": \"\xff\"}").unwrap_err().status.as_u16(), 400, "not UTF-8");
    }

    #[test]
    fn segments_become_ids_or_nothing() {
        let id = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
        let params = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        assert!(ChatId::from_path(&params(&[id])).is_some());
        assert!(ChatId::from_path(&params(&["x\0"])).is_none());
        assert!(<(ChatId, String)>::from_path(&params(&[id, "🐈"])).is_some());
        assert!(<(ChatId, ChatId)>::from_path(&params(&[id, "1"])).is_none());
    }
}
