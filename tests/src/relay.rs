//! A faulty network path to a server: packets get lost, connections are cut. It also counts what PostgreSQL is asked.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// Relays connections to one address; stopped when the test ends.
pub struct Relay {
    address: SocketAddr,
    state: watch::Sender<State>,
    asked: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// Connections are numbered in the order of their arrival.
#[derive(Debug, Clone, Default)]
struct State {
    /// How many have arrived so far.
    came: u64,
    /// Those that are still open.
    open: BTreeSet<u64>,
    /// Earlier ones silently drop all data.
    silent_before: u64,
    /// Earlier ones are closed.
    cut_before: u64,
    /// Earlier ones are dead, which a client notices only when it sends something.
    dead_before: u64,
    /// How long data is on its way, in each direction.
    delay: Duration,
}

impl Relay {
    /// To the server of a URL.
    pub async fn to(url: &str) -> Self {
        let target = host_of(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (state, watched) = watch::channel(State::default());
        let counted = state.clone();
        let asked = Arc::<AtomicUsize>::default();
        let statements = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut number = 0;
                counted.send_modify(|state| {
                    number = state.came;
                    state.came += 1;
                    state.open.insert(number);
                });
                let (relayed, closed) =
                    (relay(number, client, target.clone(), watched.clone(), Arc::clone(&statements)), counted.clone());
                tokio::spawn(async move {
                    relayed.await;
                    closed.send_modify(|state| {
                        state.open.remove(&number);
                    });
                });
            }
        });
        Self { address, state, asked, accepting }
    }

    /// How many statements the clients of PostgreSQL have had executed so far.
    pub fn statements(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The URL of the server through this relay.
    pub fn through(&self, url: &str) -> String {
        url.replacen(host_of(url), &self.address.to_string(), 1)
    }

    /// Open connections silently drop all data; new ones work.
    pub fn silence_present(&self) {
        self.state.send_modify(|state| state.silent_before = state.came);
    }

    /// No data gets through at all: new connections are accepted, and then nothing happens.
    pub fn silence(&self) {
        self.state.send_modify(|state| state.silent_before = u64::MAX);
    }

    /// New connections work again.
    pub fn speak(&self) {
        self.silence_present();
    }

    /// Closes open connections, and new ones as soon as they come, as if the server was away.
    pub fn close(&self) {
        self.state.send_modify(|state| state.cut_before = u64::MAX);
    }

    /// New connections work again.
    pub fn reopen(&self) {
        self.state.send_modify(|state| state.cut_before = state.came);
    }

    /// From now on data is on its way for so long, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Open connections are dead, as if a middlebox had forgotten them: the next packet of the client is answered with
    /// a reset, and until then nobody notices. New ones work.
    pub fn forget_present(&self) {
        self.state.send_modify(|state| state.dead_before = state.came);
    }

    /// Closes open connections, and returns when they are closed; new ones work.
    pub async fn cut_present(&self) {
        let mut before = 0;
        self.state.send_modify(|state| {
            state.cut_before = state.came;
            before = state.came;
        });
        let mut watched = self.state.subscribe();
        let closed = watched.wait_for(|state| state.open.range(..before).next().is_none()).await;
        closed.expect("the relay is gone");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// `host:port` of a URL that names both.
pub(crate) fn host_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let (authority, _) = rest.split_once('/').unwrap();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

async fn relay(number: u64, client: TcpStream, target: String, state: watch::Receiver<State>, asked: Arc<AtomicUsize>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // A forgotten connection ends at once on both sides.
    let _ = tokio::try_join!(
        pump(number, from_client, to_server, state.clone(), Some(Statements::counted_by(asked))),
        pump(number, from_server, to_client, state.clone(), None),
    );
}

/// Somebody has sent something on a dead connection.
struct Forgotten;

async fn pump(
    number: u64,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    mut statements: Option<Statements>,
) -> Result<(), Forgotten> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let State { silent_before, cut_before, dead_before, delay, .. } = *state.borrow_and_update();
        if number < cut_before {
            return Ok(());
        }
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return Ok(()) },
            read = from.read(&mut buffer), if number >= silent_before => match read {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) if number < dead_before => {
                    let _ = from.as_ref().set_zero_linger();
                    return Err(Forgotten);
                }
                Ok(read) => {
                    if let Some(statements) = &mut statements {
                        statements.look(&buffer[..read]);
                    }
                    if !delay.is_zero() {
                        sleep(delay).await;
                    }
                    if to.write_all(&buffer[..read]).await.is_err() {
                        return Ok(());
                    }
                }
            },
        }
    }
}

/// Finds the statements in what a client of PostgreSQL sends, without encryption.
struct Statements {
    asked: Arc<AtomicUsize>,
    /// The beginning of a message of which the rest has not come yet.
    begun: Vec<u8>,
    /// How many octets of a message are still to come that say nothing.
    rest: usize,
    /// Whether messages have a type: all but those at the start of a connection have one.
    typed: bool,
}

impl Statements {
    /// What asks for the third version of the protocol; before it, a client may ask for encryption.
    const STARTUP: [u8; 4] = [0, 3, 0, 0];

    const fn counted_by(asked: Arc<AtomicUsize>) -> Self {
        Self { asked, begun: Vec::new(), rest: 0, typed: false }
    }

    fn look(&mut self, mut sent: &[u8]) {
        while !sent.is_empty() {
            if self.rest > 0 {
                let skipped = self.rest.min(sent.len());
                self.rest -= skipped;
                sent = &sent[skipped..];
                continue;
            }
            // The type and the length, or the length and what is asked for.
            let whole = if self.typed { 5 } else { 8 };
            let taken = (whole - self.begun.len()).min(sent.len());
            self.begun.extend_from_slice(&sent[..taken]);
            sent = &sent[taken..];
            if self.begun.len() < whole {
                return;
            }
            let length_at = usize::from(self.typed);
            let length: [u8; 4] = self.begun[length_at..length_at + 4].try_into().unwrap();
            self.rest = (u32::from_be_bytes(length) as usize).saturating_sub(whole - length_at);
            if self.typed {
                // A simple query, or the execution of a prepared one.
                let is_statement = matches!(self.begun[0], b'Q' | b'E');
                self.asked.fetch_add(usize::from(is_statement), Ordering::SeqCst);
            } else {
                self.typed = self.begun[4..8] == Self::STARTUP;
            }
            self.begun.clear();
        }
    }
}
