//! What the front found out about a request, and the extractors by which handlers get at it.

use std::{
    cell::Cell,
    future::{Ready, ready},
    str::FromStr,
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web::Bytes};
use clowder_accounts::Identity;
use clowder_core::{Ctx, Error, Id, Input, Versions, input::has_vanishing_number};
use futures_util::future::LocalBoxFuture;

use crate::{
    cursor::Cursors,
    etag,
    front::{Key, Left, Limits, Policy, units},
    problem::{Answer, Problem},
    refusals,
};

/// The parameters that say which page of a list is asked for, and not which list.
const PAGING: [&str; 2] = ["cursor", "limit"];

/// A request that may be answered.
pub struct Call {
    pub ctx: Ctx,
    /// What the bearer token proved; on a public route a bad one is nobody's error yet.
    pub identity: Result<Option<Identity>, Error>,
    /// The variable segments of the path, in order.
    pub params: Vec<String>,
    pub body: Bytes,
    /// The template of the path that the endpoint is known by.
    pub route: &'static str,
    /// The parameters of the query string that the endpoint knows.
    pub asks: Vec<&'static str>,
    pub cursors: Arc<Cursors>,
    pub charge: Charge,
}

/// Who pays for a call, and what they have left. A unit is paid at the door.
pub struct Charge {
    pub limits: Arc<dyn Limits>,
    pub policy: Policy,
    pub key: Key,
    pub left: Cell<Left>,
}

impl Charge {
    /// Pays for a call that writes so many rows, before it does.
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
    /// The list that is asked for, of all that there are: cursors are good for one of them. Every parameter but `cursor`
    /// and `limit` makes it another list; their order does not matter.
    pub fn list(&self, query: &str) -> String {
        let viewer = self.ctx.user().map(|user| user.to_string()).unwrap_or_default();
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let mut filters = form_urlencoded::Serializer::new(String::new());
        for name in self.asks.iter().filter(|name| !PAGING.contains(name)) {
            // Of several of a name the first is read.
            if let Some((_, value)) = pairs.iter().find(|(known, _)| known == name) {
                filters.append_pair(name, value);
            }
        }
        format!("{viewer} {} {} {}", self.route, self.params.join(" "), filters.finish())
    }

    /// Says which segments of the path are not the ids that they should be.
    fn wrong_id(&self) -> Problem {
        let names = self.route.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        let wrong =
            names.zip(&self.params).filter(|(name, text)| name.ends_with("id") && text.parse::<Id<()>>().is_err());
        let wrong: Vec<_> = wrong.map(|(name, _)| format!("`{name}` must be a UUID.")).collect();
        let problem = Problem::new(refusals::ID_INVALID);
        if wrong.is_empty() { problem } else { problem.because(wrong.join(" ")) }
    }

    /// Reads from the call of a request.
    pub fn of<T>(request: &HttpRequest, read: impl FnOnce(&Self) -> Answer<T>) -> Answer<T> {
        match request.extensions().get::<Self>() {
            Some(call) => read(call),
            None => Err(Problem::new(refusals::INTERNAL).fault("the request did not pass the front")),
        }
    }
}

/// The variable segments of the path. An id that can be none is 404: nothing has it.
pub struct Path<T>(pub T);

/// What can be read from the segments of a path.
pub trait FromPath: Sized {
    fn from_path(params: &[String]) -> Option<Self>;
}

/// A segment that is taken as it stands.
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

/// An input, read from the JSON body that the front has fetched.
pub struct Json<T>(pub T);

impl<T: Input + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let input: T = Call::of(&request, |call| parse(&call.body))?;
            Charge::rows(&request, input.rows()).await?;
            Ok(Self(input))
        })
    }
}

/// Nesting is bounded by the parser (128 levels).
fn parse<T: Input>(body: &[u8]) -> Answer<T> {
    if body.is_empty() {
        return Err(
            Problem::new(refusals::BODY_UNPARSABLE).because("The body is empty; this call needs a JSON object.")
        );
    }
    let unparsable = |why: String| Problem::new(refusals::BODY_UNPARSABLE).because(why);
    let value = serde_json::from_slice(body).map_err(|error| unparsable(error.to_string()))?;
    if str::from_utf8(body).is_ok_and(has_vanishing_number) {
        return Err(unparsable("number out of range".into()));
    }
    Ok(T::from_json(value)?)
}

/// Like [`Json`], where everything in the body may be left out, and so the body as well.
pub struct MaybeJson<T>(pub T);

impl<T: Input> FromRequest for MaybeJson<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let read = |call: &Call| if call.body.is_empty() { parse(b"{}") } else { parse(&call.body) };
        ready(Call::of(request, read).map(Self))
    }
}

/// The versions that the caller has seen, from `If-Match`; `None` when any will do.
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

    use super::*;

    #[derive(Debug)]
    struct Named(String);

    impl Input for Named {
        fn read(fields: &mut Fields) -> Option<Self> {
            fields.required("name").map(Self)
        }
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
