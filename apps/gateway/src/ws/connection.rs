//! One socket, from its first frame to its last: a single task that reads commands one after the other and sends what
//! is in its queue. A running command never delays deliveries.

use std::{collections::HashMap, io, ops::Deref, pin::Pin, sync::Arc, time::Duration};

use bytestring::ByteString;
use clowder_accounts::Identity;
use clowder_core::{Actor, Ctx, Input, Origin, Timestamp, Topic, UserId};
use clowder_infra::worker_pool::fair::Caller;
use tokio::{
    task::yield_now,
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{
    Ports,
    arrivals::Unconfirmed,
    close::{Close, Why},
    commands::{Call, Done},
    frame::{self, Durable, Heartbeat, Outgoing},
    opening::{Opening, refused as refused_token},
    request::{CommandId, Request},
    send_queue::{Next, SendQueue, WRITE_WITHIN},
    sockets::Held,
    subscription::{Left, Subscription, Wanted, Wire, expires},
    transport::{Message, Transport},
};
use crate::{
    clock,
    domains::realtime::Auth,
    front::{Key, Policy},
    problem::{Occasion, Problem},
    public_url::PublicUrl,
};

mod perform;

/// How long a socket may stay unauthenticated.
const AUTH_WITHIN: Duration = Duration::from_secs(10);
/// The number of invalid frames after which the socket is closed.
const MAX_BAD: u32 = 10;

/// The services that a socket uses.
pub struct SocketContext {
    pub ports: Arc<Ports>,
    /// Under whose name the socket is counted until it is authenticated.
    pub held: Held,
    pub request_id: Arc<str>,
    pub origin: Origin,
}

impl Deref for SocketContext {
    type Target = Ports;

    fn deref(&self) -> &Ports {
        &self.ports
    }
}

pub struct Connection {
    context: SocketContext,
    transport: Transport,
    bad: u32,
    /// What was written and has not been confirmed, once there is anything.
    unconfirmed: Option<Box<Unconfirmed>>,
    /// What has arrived according to the last pong.
    arrived: HashMap<Topic, i64>,
    /// When the client was last heard from, last sent something, and last pinged.
    heard: Instant,
    told: Instant,
    pinged: Instant,
}

/// An authenticated socket.
struct Bound {
    queue: Arc<SendQueue>,
    _left: Left,
    user: UserId,
    identity: Identity,
    expires: Instant,
}

/// A running command, which ends in a frame and possibly a new identity.
type Work = Pin<Box<dyn Future<Output = (ByteString, Option<Identity>)>>>;

impl Connection {
    pub fn new(context: SocketContext, transport: Transport) -> Self {
        let now = Instant::now();
        let (unconfirmed, arrived) = (None, HashMap::new());
        Self { context, transport, bad: 0, unconfirmed, arrived, heard: now, told: now, pinged: now }
    }

    pub async fn run(mut self, opening: Opening, cursor: Option<String>) {
        metrics::gauge!("clowder_sockets").increment(1);
        let close = match self.serve(opening, cursor).await {
            Ok(never) => match never {},
            Err(close) => close,
        };
        metrics::gauge!("clowder_sockets").decrement(1);
        metrics::counter!("clowder_sockets_closed_total", "code" => close.code().to_string()).increment(1);
        // Of those who never read why their sockets ended, there are not too many either.
        if let Some(_leaving) = self.context.held.leave() {
            self.transport.close(close).await;
        }
    }

    async fn serve(&mut self, opening: Opening, cursor: Option<String>) -> Result<std::convert::Infallible, Close> {
        let (identity, cursor) = match opening {
            Opening::Known(identity) => (identity, cursor),
            Opening::Refused(close) => return Err(close),
            Opening::Unknown => {
                let authenticated = Box::pin(timeout(AUTH_WITHIN, self.auth()));
                let (identity, own) = authenticated.await.unwrap_or(Err(Close::NoAuthInTime))?;
                // From now on the socket counts for this identity instead of its address.
                let (_, key) = payer(identity.actor, &self.context.origin);
                self.context.held = self.context.sockets.open(key).await.ok_or(Close::TooManySockets)?;
                self.transport.admit(self.context.frames.room(key));
                (identity, own.or(cursor))
            }
        };
        // State that is needed only for a moment is boxed: thousands of idle sockets need not keep room for it.
        let (_, key) = payer(identity.actor, &self.context.origin);
        let mut bound = Box::pin(Caller::from(key).scope(self.greet(identity, cursor))).await?;
        let queue = Arc::clone(&bound.queue);
        self.transport.forgive();
        let mut work: Option<Work> = None;
        let mut timer: Pin<Box<Sleep>> = Box::pin(sleep_until(self.next_alarm(&bound)));
        loop {
            self.flush(&queue, bound.expires).await?;
            if let Some(due) = self.due().filter(|due| *due < timer.deadline()) {
                timer.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                () = queue.ready() => {}
                (answer, renewed) = finished(&mut work) => {
                    work = None;
                    self.transport.forgive();
                    if let Some(identity) = renewed {
                        bound.renew(identity);
                        timer.as_mut().reset(self.next_alarm(&bound));
                    }
                    self.say(answer);
                    self.flush(&queue, bound.expires).await?;
                    // Those who share this thread take turns, however fast one of them asks.
                    yield_now().await;
                }
                message = self.transport.next(), if work.is_none() => {
                    let request = self.hear(message?)?;
                    self.note_arrivals(&bound);
                    if let Some(request) = request {
                        work = Some(self.begin(&bound, request));
                    }
                }
                () = timer.as_mut() => {
                    self.alarm(&bound)?;
                    timer.as_mut().reset(self.next_alarm(&bound));
                }
            }
        }
    }

    /// The first frame of a client that could not authenticate in the handshake.
    async fn auth(&mut self) -> Result<(Identity, Option<String>), Close> {
        loop {
            in_time(self.transport.flush()).await?;
            let message = self.transport.next().await?;
            let Some(text) = self.control(message) else { continue };
            let first = Request::parse(&text).ok().filter(|first| first.name == Auth::NAME);
            let first = first.ok_or(Close::NotAuthenticated(Why::NoAuth))?;
            let data = first.data.parse().await.map_err(|_| Close::NotAuthenticated(Why::NoAuth))?;
            let auth = Auth::from_json(data).map_err(|_| Close::NotAuthenticated(Why::NoAccess))?;
            let identity = self.context.store.accounts.identify(&auth.access, clock::now());
            return Ok((identity.map_err(|error| refused_token(&error, Why::TokenInvalid))?, auth.cursor));
        }
    }

    /// A message of the client; `None` if there is nothing to do about it.
    fn hear(&mut self, message: Message) -> Result<Option<Request>, Close> {
        let Some(text) = self.control(message) else { return Ok(None) };
        match Request::parse(&text) {
            Ok(request) => Ok(Some(request)),
            Err(problem) => {
                self.bad += 1;
                if self.bad >= MAX_BAD {
                    return Err(Close::BadFrames);
                }
                self.say(self.refused(&CommandId::none(), &problem));
                Ok(None)
            }
        }
    }

    /// Handles everything that is not text.
    fn control(&mut self, message: Message) -> Option<ByteString> {
        self.heard = Instant::now();
        match message {
            Message::Text(text) => return Some(text),
            Message::Ping(octets) => self.transport.pong(octets),
            Message::Pong(octets) => {
                if let Some(unconfirmed) = &mut self.unconfirmed {
                    self.arrived.extend(unconfirmed.answered(&octets));
                }
            }
        }
        None
    }

    /// Sends what was said, and everything in the queue.
    async fn flush(&mut self, queue: &SendQueue, expires: Instant) -> Result<(), Close> {
        loop {
            let is_all = self.gather(queue, expires)?;
            self.write(queue).await?;
            if is_all {
                return Ok(());
            }
        }
    }

    /// Takes frames from the queue that are written together; returns whether these are all.
    fn gather(&mut self, queue: &SendQueue, expires: Instant) -> Result<bool, Close> {
        while !self.transport.is_full() {
            match queue.next() {
                // A client that reads slowly must not outlive its access.
                Next::Send(_) if Instant::now() >= expires => return Err(Close::TokenExpired),
                Next::Send(frame) => {
                    if let Outgoing::Durable(durable) | Outgoing::Hidden(durable) = &frame {
                        self.wrote(queue.user, durable);
                    }
                    self.say(frame.text().clone());
                }
                Next::Close(close) => return Err(close),
                Next::Nothing => return Ok(true),
            }
        }
        Ok(false)
    }

    /// `hello`, what was missed, and from then on what is in the queue.
    async fn greet(&mut self, identity: Identity, cursor: Option<String>) -> Result<Bound, Close> {
        let ports = Arc::clone(&self.context.ports);
        let mut subscription =
            Subscription::open(&ports, &identity, cursor.as_deref(), Wanted::at_most(ports.resume_events)).await?;
        subscription.greet(&ports, self).await?;
        Ok(Bound::new(subscription.left, identity))
    }

    /// Adds a frame to those that are written next.
    fn say(&mut self, frame: ByteString) {
        self.transport.say(frame);
        self.told = Instant::now();
    }

    /// Writes what was said.
    async fn write(&mut self, queue: &SendQueue) -> Result<(), Close> {
        if self.transport.is_flushed() { Ok(()) } else { queue.written(self.transport.flush()).await }
    }

    /// An outdated timer only fires early and is then set again.
    fn next_alarm(&self, bound: &Bound) -> Instant {
        let alarm = bound.expires.min(self.told.min(self.pinged) + self.context.heartbeat);
        self.due().map_or(alarm, |due| due.min(alarm))
    }

    fn alarm(&mut self, bound: &Bound) -> Result<(), Close> {
        let now = Instant::now();
        if now >= bound.expires {
            return Err(Close::TokenExpired);
        }
        let heartbeat = self.context.heartbeat;
        if now.duration_since(self.heard) >= 2 * heartbeat {
            return Err(Close::Silent);
        }
        // What is nearly due is sent together, so that an idle socket wakes up once instead of twice.
        let due = heartbeat - heartbeat / 10;
        if now.duration_since(self.pinged) >= due || self.due().is_some_and(|due| due <= now) {
            let question = self.unconfirmed.as_mut().map(|unconfirmed| unconfirmed.ask()).unwrap_or_default();
            self.transport.ping(&question);
            self.pinged = now;
        }
        // Pages cannot see pings, but must be able to tell a quiet connection from a dead one.
        if now.duration_since(self.told) >= due {
            self.say(frame::said("heartbeat", clock::now(), Heartbeat {}));
        }
        Ok(())
    }

    /// A frame is being written, and may arrive.
    fn wrote(&mut self, user: UserId, frame: &Durable) {
        let topic = frame.recorded().topic;
        if let Some(number) = frame.arrives(user).filter(|_| !self.context.ports.arrived.is_unnoted(topic)) {
            self.unconfirmed.get_or_insert_default().wrote(topic, number);
        }
    }

    /// When the client should be asked whether it has received what was written.
    fn due(&self) -> Option<Instant> {
        self.unconfirmed.as_ref().and_then(|unconfirmed| unconfirmed.due())
    }

    /// Passes on what has arrived.
    fn note_arrivals(&mut self, bound: &Bound) {
        if self.arrived.is_empty() {
            return;
        }
        let mut ctx = Ctx::new(bound.identity.actor, clock::now(), Arc::clone(&self.context.request_id));
        ctx.origin = self.context.origin.clone();
        for (topic, number) in std::mem::take(&mut self.arrived) {
            self.context.ports.arrived.add(&ctx, topic, number);
        }
    }

    fn refused(&self, id: &CommandId, problem: &Problem) -> ByteString {
        refused(id, problem, &self.context.request_id, &self.context.public_url)
    }
}

/// The same problem as over REST.
fn refused(id: &CommandId, problem: &Problem, request_id: &str, public: &PublicUrl) -> ByteString {
    tracing::error_span!("command", request_id).in_scope(|| problem.log("a command failed"));
    let path = public.outer("/api/ws");
    frame::error(id, &problem.body(Occasion { base: public.base(), path: &path, request_id }))
}

/// The rate limit and key by which the holder of a socket is counted.
pub fn payer(actor: Actor, origin: &Origin) -> (Policy, Key) {
    let policy = Policy::Default.of(actor);
    (policy, Key::new(policy, actor, origin.address))
}

impl Wire for Connection {
    async fn write(&mut self, queue: &SendQueue, frame: ByteString, event: Option<&Durable>) -> Result<(), Close> {
        if let Some(event) = event {
            self.wrote(queue.user, event);
        }
        self.say(frame);
        // Events that were missed are written together, up to the frame that ends them.
        if event.is_none() || self.transport.is_full() { Self::write(self, queue).await } else { Ok(()) }
    }
}

/// Writes before there is a queue, or ends the socket of a client that does not read.
async fn in_time(written: impl Future<Output = io::Result<()>>) -> Result<(), Close> {
    match timeout(WRITE_WITHIN, written).await {
        Ok(written) => written.map_err(|_| Close::Goodbye),
        Err(_) => Err(Close::TooSlow),
    }
}

async fn finished(work: &mut Option<Work>) -> (ByteString, Option<Identity>) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

impl Bound {
    fn new(left: Left, identity: Identity) -> Self {
        let queue = Arc::clone(&left.queue);
        let user = queue.user;
        let mut bound = Self { queue, _left: left, user, identity: identity.clone(), expires: Instant::now() };
        bound.renew(identity);
        bound
    }

    fn renew(&mut self, identity: Identity) {
        self.expires = expires(&identity);
        self.identity = identity;
    }
}
