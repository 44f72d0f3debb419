//! Authentication of sockets without a header. Pages can set no header and see no status, so an invalid credential is
//! reported by opening the socket and closing it at once, with a code and a reason.

use std::borrow::Cow;

use actix_web::{HttpRequest, http::header};
use clowder_accounts::{
    Accounts, Identity, Staff,
    refusals::{SESSION_ENDED, TOKEN_EXPIRED},
};
use clowder_core::{Actor, Ctx, Error, Result, Timestamp, input::Opaque, text};

use super::{
    PROTOCOL,
    close::{Close, Why},
};

/// The initial state of a socket.
pub enum Opening {
    /// It is already authenticated.
    Known(Identity),
    /// The first frame must authenticate it.
    Unknown,
    Refused(Close),
}

/// Query parameters in which clients of other systems put a token, where it would end up in logs.
const TOKENS_IN_ADDRESSES: &[&str] = &["token", "access_token", "access"];

/// Whose socket it would be, before a ticket is spent.
pub fn holder(request: &HttpRequest, now: Timestamp, accounts: &dyn Accounts) -> Actor {
    let identity = match presented(request) {
        Presented::Nothing | Presented::Wrong(_) => return Actor::Nobody,
        Presented::Access(access) => accounts.identify(access, now),
        Presented::Ticket(ticket) => accounts.ticket_holder(&ticket, now),
    };
    identity.map_or(Actor::Nobody, |identity| identity.actor)
}

/// The ticket in the URL; one that is too long is no ticket.
pub fn ticket(request: &HttpRequest) -> Option<Cow<'_, str>> {
    match presented(request) {
        Presented::Ticket(ticket) => Some(ticket),
        _ => None,
    }
}

/// The credentials apart from headers: a subprotocol, or a ticket in the URL.
pub async fn without_header(request: &HttpRequest, ctx: &Ctx, accounts: &dyn Accounts, staff: &dyn Staff) -> Opening {
    let identity = match presented(request) {
        Presented::Nothing => return Opening::Unknown,
        Presented::Wrong(why) => return Opening::Refused(Close::NotAuthenticated(why)),
        Presented::Access(access) => {
            accounts.identify(access, ctx.now).map_err(|error| refused(&error, Why::TokenInvalid))
        }
        Presented::Ticket(ticket) => redeem(ctx, accounts, &ticket).await,
    };
    match identity {
        Ok(Identity { actor: Actor::User { id, .. }, .. }) if staff.standing(id, ctx.now).suspension.is_some() => {
            Opening::Refused(Close::SessionEnded)
        }
        Ok(identity) => Opening::Known(identity),
        Err(close) => Opening::Refused(close),
    }
}

async fn redeem(ctx: &Ctx, accounts: &dyn Accounts, ticket: &str) -> Result<Identity, Close> {
    accounts.redeem(ctx, ticket).await.map_err(|error| refused(&error, Why::TicketInvalid))
}

/// Why a token or ticket is invalid, or that this cannot be determined right now.
pub fn refused(error: &Error, otherwise: Why) -> Close {
    match error {
        Error::Refused(TOKEN_EXPIRED) => Close::NotAuthenticated(Why::TokenExpired),
        Error::Refused(SESSION_ENDED) => Close::NotAuthenticated(Why::SessionEnded),
        Error::Refused(_)
        | Error::Explained { .. }
        | Error::Pointed { .. }
        | Error::Stale { .. }
        | Error::TooEarly { .. }
        | Error::Invalid(_) => Close::NotAuthenticated(otherwise),
        // The seconds of `Retry-After`.
        Error::TooMany { retry_after, .. } => Close::TooManyAttempts { seconds: retry_after.as_secs().max(1) },
        Error::Unavailable(_) => Close::busy(),
        Error::Internal(_) => Close::Fault,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Presented<'r> {
    Nothing,
    Access(&'r str),
    Ticket(Cow<'r, str>),
    Wrong(Why),
}

/// An empty credential is invalid rather than absent.
fn presented(request: &HttpRequest) -> Presented<'_> {
    let (speaks, bearer) = offered(request);
    if let Some((_, access)) = bearer {
        return if speaks { Presented::Access(access) } else { Presented::Wrong(Why::BearerAlone) };
    }
    let parameter = |known: &dyn Fn(&str) -> bool| {
        let mut pairs = form_urlencoded::parse(request.query_string().as_bytes());
        pairs.find(|(name, _)| known(name)).map(|(_, value)| value)
    };
    if let Some(ticket) = parameter(&|name| name == "ticket") {
        return match text::at_most(&ticket, Opaque::MAX) {
            Ok(()) => Presented::Ticket(ticket),
            Err(_) => Presented::Wrong(Why::TicketInvalid),
        };
    }
    match parameter(&|name| TOKENS_IN_ADDRESSES.contains(&name)) {
        Some(_) => Presented::Wrong(Why::TokenInAddress),
        None => Presented::Nothing,
    }
}

/// The subprotocol of the response. A client that offers only `bearer.…` gets that one back: browsers fail a handshake
/// that accepts none of the offered subprotocols, and the page would never see the reason.
pub fn subprotocol(request: &HttpRequest) -> Option<&str> {
    match offered(request) {
        (true, _) => Some(PROTOCOL),
        (false, bearer) => bearer.map(|(whole, _)| whole),
    }
}

/// Whether our subprotocol was offered, and the one that contains a token, with the token.
fn offered(request: &HttpRequest) -> (bool, Option<(&str, &str)>) {
    let lines = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let offers = || lines.clone().flat_map(|line| line.split(',')).map(str::trim);
    let bearer = offers().find_map(|offer| Some((offer, offer.strip_prefix("bearer.")?)));
    (offers().any(|offer| offer == PROTOCOL), bearer)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn what_a_page_presents() {
        let longest = "t".repeat(Opaque::MAX);
        let (full, over) = (format!("ticket={longest}"), format!("ticket={longest}t"));
        for (protocols, query, expected, answered) in [
            (&[][..], "", Presented::Nothing, None),
            (&["clowder.v1"], "cursor=c", Presented::Nothing, Some(PROTOCOL)),
            (&["clowder.v1, bearer.a.b.c"], "", Presented::Access("a.b.c"), Some(PROTOCOL)),
            (&["bearer.a.b.c", "clowder.v1"], "", Presented::Access("a.b.c"), Some(PROTOCOL)),
            (&["bearer.a.b.c"], "", Presented::Wrong(Why::BearerAlone), Some("bearer.a.b.c")),
            (&["graphql-ws, bearer.a"], "", Presented::Wrong(Why::BearerAlone), Some("bearer.a")),
            (&["clowder.v1, bearer."], "", Presented::Access(""), Some(PROTOCOL)),
            (&[], "cursor=c&ticket=a%2Bb", Presented::Ticket("a+b".into()), None),
            (&[], &full, Presented::Ticket(longest.as_str().into()), None),
            (&[], &over, Presented::Wrong(Why::TicketInvalid), None),
            (&[], "ticket=", Presented::Ticket("".into()), None),
            (&["clowder.v1, bearer.a"], "ticket=t", Presented::Access("a"), Some(PROTOCOL)),
            (&["clowder.v1"], "token=a.b.c", Presented::Wrong(Why::TokenInAddress), Some(PROTOCOL)),
            (&[], "access_token=", Presented::Wrong(Why::TokenInAddress), None),
        ] {
            let mut request = TestRequest::with_uri(&format!("/api/ws?{query}"));
            for line in protocols {
                request = request.append_header((header::SEC_WEBSOCKET_PROTOCOL, *line));
            }
            let request = request.to_http_request();
            assert_eq!(presented(&request), expected, "{protocols:?} {query}");
            assert_eq!(subprotocol(&request), answered, "{protocols:?}");
        }
    }
}
