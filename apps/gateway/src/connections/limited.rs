//! A connection whose client has only so much time: for the head of a request, and for reading what waits for it.
//!
//! actix-http limits the head of the first request of a connection only, and waits for ever for a client that reads.

use std::{
    cell::Cell,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a client may take for the head of a request, from its first octet on. actix-http counts 5 seconds for the first
/// one and answers with 408, so this comes later.
const HEAD_WITHIN: Duration = Duration::from_secs(6);
/// How long nothing may be accepted of what is written. The system accepts more once a third of its buffer is free again, so
/// a client has to read about a kilobyte a second.
const STALLED: Duration = Duration::from_secs(60);

/// What is served on a connection.
#[derive(Default)]
pub struct Serving {
    /// How many requests have begun.
    begun: Cell<u64>,
    /// How many of them are not answered completely.
    open: Cell<u32>,
}

/// A request, until its answer is written or nobody wants it.
pub struct Served(Rc<Serving>);

impl Serving {
    pub fn begin(self: &Rc<Self>) -> Served {
        self.begun.set(self.begun.get() + 1);
        self.open.set(self.open.get() + 1);
        Served(Rc::clone(self))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// The body of an answer. It is dropped when all of it is on its way.
pub struct Answer<B> {
    pub body: B,
    pub served: Option<Served>,
}

impl<B: MessageBody + Unpin> MessageBody for Answer<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, served } = self;
        body.try_into_bytes().map_err(|body| Self { body, served })
    }
}

pub struct Limited<S> {
    pub io: S,
    pub serving: Rc<Serving>,
    /// How long a connection may be idle, and a little more: it ends before.
    idle: Duration,
    head: Option<Head>,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// The head that is awaited.
struct Head {
    /// How many requests had begun before.
    after: u64,
    /// Whether some of it has arrived.
    has_begun: bool,
    until: Pin<Box<Sleep>>,
}

impl<S> Limited<S> {
    pub fn new(io: S, idle: Duration) -> Self {
        Self { io, serving: Rc::default(), idle: idle + HEAD_WITHIN, head: None, stalled: None }
    }

    /// Whether the next head takes too long. `arrived`: something has just arrived.
    fn is_late(&mut self, context: &mut Context<'_>, arrived: bool) -> bool {
        let after = self.serving.begun.get();
        if self.serving.open.get() > 0 {
            self.head = None;
            return false;
        }
        let known = self.head.as_ref().filter(|head| head.after == after && (head.has_begun || !arrived));
        if known.is_none() {
            let within = if arrived { HEAD_WITHIN } else { self.idle };
            self.head = Some(Head { after, has_begun: arrived, until: Box::pin(sleep(within)) });
        }
        !arrived && self.head.as_mut().is_some_and(|head| head.until.as_mut().poll(context).is_ready())
    }

    /// Whether the client has accepted nothing for too long.
    fn is_stalled(&mut self, context: &mut Context<'_>, is_pending: bool) -> bool {
        if !is_pending {
            self.stalled = None;
            return false;
        }
        self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED))).as_mut().poll(context).is_ready()
    }

    fn written(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if self.is_stalled(context, polled.is_pending()) { late("read") } else { polled }
    }
}

fn late<T>(what: &str) -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, format!("the client takes too long to {what}"))))
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        let arrived = buffer.filled().len() > before;
        if (arrived || polled.is_pending()) && self.is_late(context, arrived) { late("ask") } else { polled }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(context, octets);
        self.written(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(context, octets);
        self.written(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::{Instant, timeout},
    };

    use super::*;

    const IDLE: Duration = Duration::from_secs(90);

    /// How long it waits for octets that do not come, in seconds.
    async fn ends_after(server: &mut Limited<tokio::io::DuplexStream>) -> u64 {
        let began = Instant::now();
        let error = timeout(IDLE * 2, server.read_u64()).await.expect("it waits for ever").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn every_head_has_its_time_and_no_request_that_is_served_has_one() {
        let (mut client, server) = duplex(1024);
        let mut server = Limited::new(server, IDLE);
        for _ in 0..2 {
            client.write_all(b"GET").await.unwrap();
            let (mut head, serving) = ([0; 3], Rc::clone(&server.serving));
            server.read_exact(&mut head).await.unwrap();
            let served = serving.begin();
            assert!(timeout(IDLE * 2, server.read_u8()).await.is_err(), "a request that is served has no limit");
            drop(served);
            assert!(timeout(IDLE, server.read_u8()).await.is_err(), "an idle connection has its time");
        }
        // A head of which nothing more comes, and one that comes octet by octet.
        client.write_all(b"GET").await.unwrap();
        assert_eq!(ends_after(&mut server).await, HEAD_WITHIN.as_secs());
        drop(server.serving.begin());
        let drip = async {
            loop {
                client.write_all(b"G").await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        };
        let read = async {
            let began = Instant::now();
            let error = loop {
                if let Err(error) = server.read_u8().await {
                    break error;
                }
            };
            (error.kind(), began.elapsed().as_secs())
        };
        let (kind, after) = tokio::select! { () = drip => unreachable!(), ended = read => ended };
        assert_eq!((kind, after), (ErrorKind::TimedOut, HEAD_WITHIN.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_of_the_request_before_has_a_limit_too() {
        let (_client, server) = duplex(1024);
        let mut server = Limited::new(server, IDLE);
        drop(server.serving.begin());
        assert_eq!(ends_after(&mut server).await, (IDLE + HEAD_WITHIN).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_has_its_time() {
        let (mut client, server) = duplex(1024);
        let mut server = Limited::new(server, IDLE);
        let began = Instant::now();
        let write = async { server.write_all(&[0; 4096]).await.unwrap_err().kind() };
        let read = async {
            sleep(STALLED / 2).await;
            client.read_exact(&mut [0; 1024]).await.unwrap();
            std::future::pending::<()>().await;
        };
        let ended = tokio::select! { ended = write => ended, () = read => unreachable!() };
        assert_eq!((ended, began.elapsed()), (ErrorKind::TimedOut, STALLED + STALLED / 2), "from the last octets on");
    }
}
