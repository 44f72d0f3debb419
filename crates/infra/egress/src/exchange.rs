//! One request over one connection, and its answer within bounds.

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri,
    header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT},
    response::Parts,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};

use crate::{
    Bounds, Call, Failure,
    connection::{Body, Connection, Sender},
    destination::Destination,
};

/// How much of the body of a redirect is read, so that its connection can be used again.
const OF_A_REDIRECT: usize = 4 << 10;

/// Fields that belong to the connection, or that follow from the rest.
const OWN: &[HeaderName] = &[CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// How a request was lost.
pub(crate) enum Lost {
    /// Nothing of it was sent, so it can be sent again.
    Unsent(Failure),
    /// The other side may have taken it.
    Sent(Failure),
}

impl Lost {
    pub fn failure(self) -> Failure {
        match self {
            Self::Unsent(failure) | Self::Sent(failure) => failure,
        }
    }
}

/// What came back, and whether the connection is at the end of it.
pub(crate) struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub is_cut: bool,
}

pub(crate) async fn exchange(
    connection: &mut Connection,
    to: &Destination,
    call: &Call,
    user_agent: &str,
) -> Result<Reply, Lost> {
    let request = request(call, to, user_agent, matches!(connection.sender, Sender::Two(_))).map_err(Lost::Unsent)?;
    let sent = match &mut connection.sender {
        Sender::One(sender) => sender.try_send_request(request).await,
        Sender::Two(sender) => sender.try_send_request(request).await,
    };
    let (head, body) = match sent {
        Ok(answer) => answer.into_parts(),
        Err(mut error) => {
            let is_unsent = error.take_message().is_some();
            let failure = failure_of(&error.into_error());
            return Err(if is_unsent { Lost::Unsent(failure) } else { Lost::Sent(failure) });
        }
    };
    let Parts { status, headers, .. } = head;
    let bounds = match status.is_redirection() {
        true => Bounds { octets: call.bounds.octets.min(OF_A_REDIRECT), cut: true, ..call.bounds },
        false => call.bounds,
    };
    let (body, is_cut) = read(body, bounds).await.map_err(Lost::Sent)?;
    Ok(Reply { status, headers, body, is_cut })
}

fn request(call: &Call, to: &Destination, user_agent: &str, is_two: bool) -> Result<Request<Body>, Failure> {
    let path = &call.url[url::Position::BeforePath..url::Position::AfterQuery];
    // In HTTP/2, the host is a part of the target.
    let target = match is_two {
        true => format!("{}://{}{path}", call.url.scheme(), to.authority()),
        false => path.to_owned(),
    };
    let mut request = Request::new(Full::new(call.body.clone()));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = target.parse::<Uri>().map_err(|_| Failure::Url)?;
    let headers = request.headers_mut();
    headers.clone_from(&call.headers);
    for field in OWN {
        headers.remove(field);
    }
    if !is_two {
        headers.insert(HOST, HeaderValue::try_from(to.authority()).map_err(|_| Failure::Url)?);
    }
    // A compressed answer could be a thousand times as long as what was sent.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if !headers.contains_key(USER_AGENT)
        && let Ok(user_agent) = HeaderValue::from_str(user_agent)
    {
        headers.insert(USER_AGENT, user_agent);
    }
    Ok(request)
}

/// The body, and whether it was cut off.
async fn read(mut body: Incoming, bounds: Bounds) -> Result<(Bytes, bool), Failure> {
    let announced = body.size_hint().lower();
    if !bounds.cut && announced > bounds.octets as u64 {
        return Err(Failure::TooLarge);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failure_of(&error))?;
        // Trailers are of no use here.
        let Ok(data) = frame.into_data() else { continue };
        let room = bounds.octets - read.len();
        if data.len() > room {
            if !bounds.cut {
                return Err(Failure::TooLarge);
            }
            read.extend_from_slice(&data[..room]);
            return Ok((read.freeze(), true));
        }
        read.extend_from_slice(&data);
    }
    Ok((read.freeze(), false))
}

fn failure_of(error: &hyper::Error) -> Failure {
    match () {
        () if error.is_parse_too_large() => Failure::TooLarge,
        () if error.is_timeout() => Failure::Time,
        () => Failure::Protocol,
    }
}
