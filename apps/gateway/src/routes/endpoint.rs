//! One entry of the table of routes: what is requested, what answers, and everything that the documents and the front
//! need to know about it.

use std::sync::Arc;

use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Responder, dev::Payload, http::Method};
use clowder_core::{Permission, Refusal, Scope, page::MAX_LIMIT};
use futures_util::future::LocalBoxFuture;
use utoipa::ToSchema;

use super::{
    asked::{Asked, AskedHeader},
    shape::Shape,
};
use crate::{
    cursor,
    front::{self, Policy},
    problem::{Answer, Problem, failure_of},
    refusals::Failure,
};

/// Accepted by PATCH and PUT alike.
const PARTIAL: &str = "PATCH and PUT are the same and take a partial body: members that are absent stay as they are. A body \
    that changes nothing is answered 200 with the current `version`, and causes no event.";
/// The same for an input with a single member.
const WHOLE: &str = "PATCH and PUT are the same. A body that changes nothing is answered 200 with the current `version`, and \
    causes no event.";

/// A handler without its type. The front has checked access and read the body before it runs.
pub type Run = Arc<dyn Fn(HttpRequest, Payload) -> LocalBoxFuture<'static, Answer<HttpResponse>> + Send + Sync>;

/// Who may call. The front enforces it, so that a handler cannot forget it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody; a valid token is still recognised.
    Public,
    /// Anybody with a valid token.
    User,
    /// A user whose role has this permission.
    Needs(Permission),
}

/// One successful response of an endpoint.
pub struct Given {
    pub status: u16,
    pub content_type: &'static str,
    pub shape: Option<Shape>,
    pub says: &'static str,
    /// An example of a text; objects have the example of their schema.
    pub example: Option<&'static str>,
}

/// What HEAD does: the same as GET, without a body in the answer.
pub struct Head {
    pub operation_id: &'static str,
    pub summary: &'static str,
    /// Headers of the request that it reads beside those of GET.
    pub headers: &'static [AskedHeader],
}

pub struct Endpoint {
    /// The first is the canonical one.
    pub methods: Vec<Method>,
    pub path: &'static str,
    /// Other paths for the same endpoint.
    pub aliases: Vec<&'static str>,
    /// The handler's domain and name, `messaging.send`: what the operation is called everywhere.
    pub name: String,
    pub summary: &'static str,
    /// Its name in generated clients: `sendMessage`.
    pub operation_id: &'static str,
    /// What HEAD does, where that deserves an operation of its own. HEAD works wherever GET does.
    pub head: Option<Head>,
    /// Its tag in the documents.
    pub tag: &'static str,
    /// Further notes, in sentences.
    pub notes: Vec<&'static str>,
    pub access: Access,
    /// What the role needs if it is about somebody else; the handler decides that.
    pub others: Option<Permission>,
    /// The scope that opens it to API keys; without one it is for people.
    pub scope: Option<Scope>,
    /// Whether suspended accounts may call it: only what is needed to read the reason, and to leave.
    pub even_suspended: bool,
    /// Whether it reaches others, so that a server may require a confirmed address first.
    pub reaches_others: bool,
    pub policy: Policy,
    /// Whether any `Host` is accepted: probes use addresses.
    pub any_host: bool,
    pub takes: Option<Shape>,
    /// How large a body with a file can be, in octets: then the handler reads it as it arrives.
    pub uploads: Option<usize>,
    /// The type of the body.
    pub media: &'static str,
    /// Whether the body may be missing.
    pub or_nothing: bool,
    /// Whether unknown members are refused; otherwise they are ignored.
    pub nothing_else: bool,
    pub gives: Vec<Given>,
    pub asks: Vec<Asked>,
    /// Headers of the request that it reads, beside those that follow from its kind.
    pub headers: &'static [AskedHeader],
    /// Headers of its successful answers, likewise.
    pub shows: &'static [&'static str],
    /// Whether other parameters of the query string are ignored: links to pages get some on their way, and probes bring
    /// their own. Everywhere else they are refused.
    pub ignores_others: bool,
    /// Parameters of which at most one can be given.
    pub exclusive: &'static [&'static str],
    /// Parameters, or `name=value`, of which at least one must be given.
    pub needs_one_of: &'static [&'static str],
    pub refusals: Vec<Failure>,
    /// Codes that only the answer to a repeated `Idempotency-Key` has.
    pub only_again: Vec<&'static str>,
    /// Whether it creates something and so honours `Idempotency-Key`.
    pub creates: bool,
    /// Whether its answer is to be saved as a file.
    pub downloads: bool,
    /// Whether it begins something that goes on afterwards, and says in `Location` where its status is.
    pub starts_job: bool,
    /// Whether it edits something that has an `ETag`.
    pub edits: bool,
    /// Whether it shows something that has an `ETag`.
    pub tagged: bool,
    /// Whether clients call it by themselves, so that it is no sign that somebody is there.
    pub by_itself: bool,
    /// Whether it waits for something to happen, meanwhile without a turn of those who read.
    pub waits: bool,
    /// Whether a GET shows a credential, so that its response must not be compressed.
    pub shows_secret: bool,
    pub run: Run,
}

/// A function that can answer a route: an async function over extractors that returns an [`Answer`].
pub trait Verb<Args> {
    fn run(self) -> Run;
    /// Its module and name: `clowder_gateway::domains::messaging::handlers::send` is called `messaging.send`.
    fn name() -> String;
}

impl<F, Args, R> Verb<Args> for F
where
    F: Handler<Args, Output = Answer<R>> + Send + Sync,
    Args: FromRequest + 'static,
    R: Responder + 'static,
{
    fn run(self) -> Run {
        Arc::new(move |request, mut payload| {
            let handler = self.clone();
            Box::pin(async move {
                let read = Args::from_request(&request, &mut payload).await;
                let answer = handler.call(read.map_err(|error| Problem::from(error.into()))?).await?;
                Ok(answer.respond_to(&request).map_into_boxed_body())
            })
        })
    }

    fn name() -> String {
        let mut words = std::any::type_name::<F>().rsplit("::").filter(|word| *word != "handlers");
        let (verb, noun) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        format!("{noun}.{verb}")
    }
}

pub fn get<Args>(path: &'static str, verb: impl Verb<Args>) -> Endpoint {
    Endpoint::new(Method::GET, path, verb)
}

pub fn post<Args>(path: &'static str, verb: impl Verb<Args>) -> Endpoint {
    Endpoint::new(Method::POST, path, verb)
}

pub fn patch<Args>(path: &'static str, verb: impl Verb<Args>) -> Endpoint {
    Endpoint::new(Method::PATCH, path, verb)
}

pub fn put<Args>(path: &'static str, verb: impl Verb<Args>) -> Endpoint {
    Endpoint::new(Method::PUT, path, verb)
}

/// OPTIONS, where it says more than the methods.
pub fn options<Args>(path: &'static str, verb: impl Verb<Args>) -> Endpoint {
    Endpoint::new(Method::OPTIONS, path, verb)
}

pub fn delete<Args>(path: &'static str, verb: impl Verb<Args>) -> Endpoint {
    Endpoint::new(Method::DELETE, path, verb)
}

impl Endpoint {
    fn new<Args, V: Verb<Args>>(method: Method, path: &'static str, verb: V) -> Self {
        Self {
            methods: vec![method],
            path,
            aliases: Vec::new(),
            name: V::name(),
            summary: "",
            operation_id: "",
            head: None,
            tag: "",
            notes: Vec::new(),
            access: Access::User,
            others: None,
            scope: None,
            even_suspended: false,
            reaches_others: false,
            policy: Policy::Default,
            any_host: false,
            takes: None,
            uploads: None,
            media: "application/json",
            or_nothing: false,
            nothing_else: false,
            gives: Vec::new(),
            asks: Vec::new(),
            headers: &[],
            shows: &[],
            ignores_others: false,
            exclusive: &[],
            needs_one_of: &[],
            refusals: Vec::new(),
            only_again: Vec::new(),
            creates: false,
            downloads: false,
            starts_job: false,
            edits: false,
            tagged: false,
            by_itself: false,
            waits: false,
            shows_secret: false,
            run: verb.run(),
        }
    }

    /// What it does, in a few words.
    pub fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// Its name in generated clients: `listChats`, `sendMessage`.
    pub fn called(mut self, operation_id: &'static str) -> Self {
        self.operation_id = operation_id;
        self
    }

    /// Describes HEAD as an operation of its own.
    pub fn head(mut self, head: Head) -> Self {
        self.head = Some(head);
        self
    }

    pub(super) fn tagged_as(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// Further notes; a sentence or two.
    pub fn notes(mut self, notes: &'static str) -> Self {
        self.notes.push(notes);
        self
    }

    pub fn public(mut self) -> Self {
        self.access = Access::Public;
        self
    }

    /// Only for users whose role has this permission.
    pub fn needs(mut self, permission: Permission) -> Self {
        self.access = Access::Needs(permission);
        self
    }

    /// Everybody may do it with their own, and whose role has this permission with others'.
    pub fn others_need(mut self, permission: Permission) -> Self {
        self.others = Some(permission);
        self
    }

    /// API keys with this scope may call it, too.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    pub fn even_suspended(mut self) -> Self {
        self.even_suspended = true;
        self
    }

    /// Refused to users with an unconfirmed address, if the server requires confirmation.
    pub fn reaches_others(mut self) -> Self {
        self.reaches_others = true;
        self
    }

    /// PUT does what PATCH does: absent fields stay unchanged.
    pub fn or_put(mut self) -> Self {
        self.methods.push(Method::PUT);
        self.notes(PARTIAL)
    }

    /// PUT does what PATCH does, but needs the whole body.
    pub fn or_put_whole(mut self) -> Self {
        self.methods.push(Method::PUT);
        self.notes(WHOLE)
    }

    /// The same under another path.
    pub fn also(mut self, path: &'static str) -> Self {
        self.aliases.push(path);
        self
    }

    /// Has a stricter limit, because it can be used to guess secrets.
    pub fn guarded(mut self) -> Self {
        self.policy = Policy::Auth;
        self
    }

    pub fn any_host(mut self) -> Self {
        self.any_host = true;
        self.ignores_others()
    }

    /// Parameters of the query string that it does not know are ignored.
    pub fn ignores_others(mut self) -> Self {
        self.ignores_others = true;
        self
    }

    pub fn gives<T: ToSchema>(mut self, status: u16, says: &'static str) -> Self {
        self.gives.push(Given {
            status,
            content_type: "application/json",
            shape: Some(Shape::of::<T>()),
            says,
            example: None,
        });
        self
    }

    /// Its answer is to be saved as a file.
    pub fn downloads(mut self) -> Self {
        self.downloads = true;
        self
    }

    /// A job, whose status is at `Location`.
    pub fn starts<T: ToSchema>(mut self, says: &'static str) -> Self {
        self.starts_job = true;
        self.gives::<T>(202, says)
    }

    /// A whole list, of any length.
    pub fn gives_list<T: ToSchema>(mut self, status: u16, says: &'static str) -> Self {
        self.gives.push(Given {
            status,
            content_type: "application/json",
            shape: Some(Shape::list_of::<T>()),
            says,
            example: None,
        });
        self
    }

    /// One page of a list.
    pub fn lists<T: ToSchema>(mut self) -> Self {
        let shape = Some(Shape::page_of::<T>());
        self.gives.push(Given {
            status: 200,
            content_type: "application/json",
            shape,
            says: "One page",
            example: None,
        });
        let limit = "How many items at most: 50 when absent. More than 200 counts as 200";
        self.asks_number("limit", 1, i64::from(MAX_LIMIT), limit).asks_long(
            "cursor",
            cursor::LONGEST,
            "The `next_cursor` of the page before. It is valid for the same caller and the same other parameters except `limit`",
        )
    }

    /// A list that is always one page.
    pub fn gives_page<T: ToSchema>(mut self) -> Self {
        let shape = Some(Shape::page_of::<T>());
        self.gives.push(Given {
            status: 200,
            content_type: "application/json",
            shape,
            says: "All of it",
            example: None,
        });
        self
    }

    /// Only a status.
    pub fn gives_nothing(mut self, status: u16, says: &'static str) -> Self {
        self.gives.push(Given { status, content_type: "", shape: None, says, example: None });
        self
    }

    /// An HTML page, or another text without a schema.
    pub fn gives_text(mut self, content_type: &'static str, says: &'static str) -> Self {
        self.gives.push(Given { status: 200, content_type, shape: None, says, example: None });
        self
    }

    /// A part of such a text (206).
    pub fn gives_part(mut self, content_type: &'static str, says: &'static str) -> Self {
        self.gives.push(Given { status: 206, content_type, shape: None, says, example: None });
        self
    }

    /// The pattern of the last text response.
    pub fn such_as(mut self, example: &'static str) -> Self {
        if let Some(given) = self.gives.last_mut() {
            given.example = Some(example);
        }
        self
    }

    pub fn refuses(mut self, refusals: &[Refusal]) -> Self {
        self.refusals.extend(refusals.iter().copied().map(failure_of));
        self
    }

    /// Refusals of a repeated call alone: what the first one created is gone.
    pub fn refuses_again(mut self, refusals: &[Refusal]) -> Self {
        self.only_again.extend(refusals.iter().map(|refusal| refusal.code));
        self.refuses(refusals)
    }

    pub fn fails(mut self, failures: &[Failure]) -> Self {
        self.refusals.extend(failures);
        self
    }

    /// It creates something, once per `Idempotency-Key`.
    pub fn creates(mut self) -> Self {
        self.creates = true;
        self
    }

    /// It changes something, if `If-Match` still matches.
    pub fn edits(mut self) -> Self {
        self.edits = true;
        self
    }

    /// It returns something with an `ETag`, so it may answer that the caller already has it.
    pub fn tagged(mut self) -> Self {
        self.tagged = true;
        self.gives_nothing(304, "The version in `If-None-Match` is current; values that are not edited (counts, the last message, a status) may have changed")
    }

    /// The maximum size of a body: it is small for unauthenticated callers.
    pub fn most_octets(&self) -> usize {
        let usual = if self.access == Access::Public { front::MOST_OF_NOBODY } else { front::MOST_OF_ALL };
        self.uploads.unwrap_or(usual)
    }

    /// Clients call it by themselves: who is away stays away.
    pub fn by_itself(mut self) -> Self {
        self.by_itself = true;
        self
    }

    /// It may wait for something to happen, and holds up no other read of its caller.
    pub fn waits(mut self) -> Self {
        self.waits = true;
        self
    }

    /// Its response contains a secret beside text that others may have written: never compressed (see
    /// `front::compress`).
    pub fn shows_secret(mut self) -> Self {
        self.shows_secret = true;
        self
    }

    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.path).chain(self.aliases.iter().copied())
    }
}
