//! Serves connections: as HTTP/1.1, until the answer to a request takes its connection over, as the opening of a WebSocket
//! does. From then on nothing of HTTP is kept, neither its buffers nor the request.

mod limited;

use std::{
    cell::{Cell, RefCell},
    future::{poll_fn, ready},
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_codec::{Encoder, Framed, FramedParts};
use actix_http::{
    Extensions, HttpMessage, HttpServiceBuilder, Request, Response,
    body::{BodySize, BoxBody, MessageBody},
    error::{DispatchError, PayloadError},
    h1::{Codec, Message},
};
use actix_service::{Service, ServiceFactory, fn_factory, fn_service};
use actix_web::{
    Error, HttpRequest, HttpResponse,
    dev::{AppConfig, Payload, ServiceResponse},
    http::{ConnectionType, StatusCode, header},
    web::BytesMut,
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};

use self::limited::{Answer, Limited, Serving};

/// How long a client may take to close its side of a connection after the last octets.
pub const LINGER: Duration = Duration::from_secs(1);
/// The clock of actix-http goes forward in such steps, so it could end an idle connection that much too early.
const CLOCK: Duration = Duration::from_millis(500);
/// How many octets are read at once.
const ARRIVED: usize = 16 << 10;
/// From this size on, a response is written before more of it is asked for.
const TOGETHER: usize = 32 << 10;

type GoOn = dyn FnOnce(TcpStream, &[u8]) -> LocalBoxFuture<'static, ()>;

/// An extension of a response with the status 101: goes on with the connection, and with what the client has already sent
/// after its request.
pub struct Takeover(Box<GoOn>);

impl Takeover {
    pub fn new<F: Future<Output = ()> + 'static>(go_on: impl FnOnce(TcpStream, &[u8]) -> F + 'static) -> Self {
        Self(Box::new(move |io: TcpStream, sent: &[u8]| go_on(io, sent).boxed_local()))
    }
}

/// An extension of requests whose connection can be taken over.
struct Upgradable;

/// Whether the connection of a request can be taken over.
pub fn can_be_taken_over(request: &HttpRequest) -> bool {
    request.extensions().contains::<Upgradable>()
}

/// The service of all connections of a worker. `stopping` returns when idle connections are to be closed.
pub fn factory<A, F>(
    app: A,
    keep_alive: Duration,
    stopping: impl Fn() -> F + Clone + 'static,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
where
    A: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse, Error = Error, InitError = ()>,
    A: 'static,
    A::Service: 'static,
    <A::Service as Service<Request>>::Future: 'static,
    F: Future<Output = ()> + 'static,
{
    let app = Rc::new(app);
    fn_factory(move || {
        let (app, stopping) = (Rc::clone(&app), stopping.clone());
        async move {
            let app = Rc::new(app.new_service(AppConfig::default()).await?);
            // Filled and emptied while one connection is polled.
            let handed_over = Rc::new(Cell::new(None));
            let (served, hand_over) = (Rc::clone(&app), Rc::clone(&handed_over));
            let http = HttpServiceBuilder::default()
                .keep_alive(keep_alive + CLOCK)
                .client_disconnect_timeout(LINGER)
                .graceful_shutdown_signal(stopping)
                .on_connect_ext(|io: &Limited<TcpStream>, data: &mut Extensions| {
                    data.insert(Rc::clone(&io.serving));
                })
                .upgrade(fn_service(move |upgrade: (Request, Framed<Limited<TcpStream>, Codec>)| {
                    hand_over.set(Some(upgrade));
                    ready(Ok::<_, Error>(()))
                }))
                .h1::<_, Answer<BoxBody>>(fn_factory(move || {
                    let app = Rc::clone(&served);
                    ready(Ok::<_, ()>(fn_service(move |request: Request| {
                        let served = request.conn_data::<Rc<Serving>>().map(Serving::begin);
                        let answer = app.call(request);
                        async move {
                            let answer: Response<BoxBody> = answer.await?.into();
                            Ok::<_, Error>(answer.map_body(|_, body| Answer { body, served }))
                        }
                    })))
                }));
            let http = Rc::new(http.new_service(()).await?);
            Ok::<_, ()>(fn_service(move |io: TcpStream| {
                // What is sent is small and written as a whole, so Nagle's algorithm would only cost a round trip.
                let _ = io.set_nodelay(true);
                let peer = io.peer_addr().ok();
                // Boxed, so that it is released when the connection is handed over.
                let http = Box::pin(http.call((Limited::new(io, keep_alive + CLOCK), peer)));
                let (app, handed_over) = (Rc::clone(&app), Rc::clone(&handed_over));
                async move {
                    let ended = http.await;
                    let Some((request, framed)) = handed_over.take() else { return ended };
                    if let Some(taken_over) = Box::pin(answer(&*app, request, framed.into_parts())).await? {
                        taken_over.await;
                    }
                    Ok(())
                }
            }))
        }
    })
}

/// Answers a request for an upgrade. Returns what goes on with its connection, if that is taken over.
async fn answer(
    app: &impl Service<Request, Response = ServiceResponse, Error = Error>,
    mut request: Request,
    parts: FramedParts<Limited<TcpStream>, Codec>,
) -> io::Result<Option<LocalBoxFuture<'static, ()>>> {
    let FramedParts { mut io, mut codec, read_buf, mut write_buf, .. } = parts;
    if request.head().expect() {
        io.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let client = Rc::new(RefCell::new(Some(Client { io, octets: read_buf })));
    request.extensions_mut().insert(Upgradable);
    if let Some(length) = length(&request) {
        *request.payload() = body(Rc::clone(&client), length);
    }
    let answer = app.call(request).await;
    let mut answer = answer.map_or_else(|error| error.error_response(), HttpResponse::from);
    let Some(Client { mut io, octets }) = client.take() else { return Ok(None) };
    let takeover = answer.extensions_mut().remove::<Takeover>();
    if let Some(takeover) = takeover.filter(|_| answer.status() == StatusCode::SWITCHING_PROTOCOLS) {
        codec.encode(Message::Item((Response::<BoxBody>::from(answer).drop_body(), BodySize::None)), &mut write_buf)?;
        io.write_all_buf(&mut write_buf).await?;
        return Ok(Some((takeover.0)(io.io, &octets)));
    }
    // What the client sends next was read by nobody yet; it may ask again over another connection.
    answer.head_mut().set_connection_type(ConnectionType::Close);
    write(&mut io, &mut codec, &mut write_buf, answer.into()).await?;
    end(io.io, LINGER).await;
    Ok(None)
}

/// Writes a whole response.
async fn write(
    io: &mut Limited<TcpStream>,
    codec: &mut Codec,
    buffer: &mut BytesMut,
    answer: Response<BoxBody>,
) -> io::Result<()> {
    let (head, body) = answer.into_parts();
    let size = body.size();
    codec.encode(Message::Item((head, size)), buffer)?;
    if !matches!(size, BodySize::None | BodySize::Sized(0)) {
        let mut body = pin!(body);
        loop {
            let next = poll_fn(|context| match body.as_mut().poll_next(context) {
                Poll::Ready(next) => Poll::Ready(Some(next)),
                Poll::Pending if buffer.is_empty() => Poll::Pending,
                // What there is of a stream does not wait for what comes next.
                Poll::Pending => Poll::Ready(None),
            });
            match next.await {
                Some(Some(octets)) => {
                    let octets = octets.map_err(|error| io::Error::other(error.to_string()))?;
                    codec.encode(Message::Chunk(Some(octets)), buffer)?;
                    if buffer.len() >= TOGETHER {
                        io.write_all_buf(buffer).await?;
                    }
                }
                Some(None) => break,
                None => io.write_all_buf(buffer).await?,
            }
        }
        codec.encode(Message::Chunk(None), buffer)?;
    }
    io.write_all_buf(buffer).await
}

/// A connection, and what the client has sent after the head of its request.
struct Client {
    io: Limited<TcpStream>,
    octets: BytesMut,
}

/// The length of the body of a request.
fn length(request: &Request) -> Option<usize> {
    let length = request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()?;
    Some(length).filter(|length| *length > 0)
}

/// The body of a request whose `Upgrade` may be ignored (RFC 9110 §7.8).
fn body(client: Rc<RefCell<Option<Client>>>, mut left: usize) -> Payload {
    let body = stream::poll_fn(move |context| {
        let mut client = client.borrow_mut();
        let Some(Client { io, octets }) = client.as_mut().filter(|_| left > 0) else { return Poll::Ready(None) };
        if octets.is_empty() && ready!(poll_arrived(&mut io.io, context, |more| octets.extend_from_slice(more)))? == 0 {
            left = 0;
            return Poll::Ready(Some(Err(PayloadError::Incomplete(None))));
        }
        let octets = octets.split_to(left.min(octets.len())).freeze();
        left -= octets.len();
        Poll::Ready(Some(Ok(octets)))
    });
    Payload::Stream { payload: body.boxed_local() }
}

/// Reads what has arrived and returns how much, 0 at the end. There is no buffer that would be kept while nothing arrives.
pub fn poll_arrived(
    io: &mut TcpStream,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]),
) -> Poll<io::Result<usize>> {
    let mut space = [const { MaybeUninit::uninit() }; ARRIVED];
    let mut arrived = ReadBuf::uninit(&mut space);
    ready!(Pin::new(io).poll_read(context, &mut arrived))?;
    take(arrived.filled());
    Poll::Ready(Ok(arrived.filled().len()))
}

/// Ends a connection, and reads for so long what the client still sends: otherwise the system would reset the connection, and
/// the client could lose what was written last.
pub async fn end(mut io: TcpStream, within: Duration) {
    let gone = async {
        io.shutdown().await?;
        while poll_fn(|context| poll_arrived(&mut io, context, |_| ())).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(within, gone).await;
}
