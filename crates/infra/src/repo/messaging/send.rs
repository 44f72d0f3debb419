//! The hottest path: messages of many senders, written by one transaction.
//!
//! A sender puts a line into the outbox and waits. Whoever finds the outbox idle queues one job on the writing lane;
//! that job takes all lines that wait by then, and writes them with one commit. A lone line waits for nobody, and no
//! timer runs. When a transaction fails, its lines are tried one by one, so that a bad one refuses itself only.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clowder_core::{Card, Cause, ChatId, Ctx, Error, MessageId, Result, Timestamp, UserId};
use clowder_messaging::{
    Change, ChatRole, Made, Message, NewMessage,
    send::{Fingerprint, SendFacts, Verdict, decide},
};
use tokio::sync::oneshot;

use super::{
    super::{
        batch,
        db::{Db, House, Tx, commit},
        dialect::{Conn, Seat},
        journal,
    },
    messages,
};
use crate::{keys::Keys, rows::NewMessageRow};

/// One message on its way.
pub struct Line {
    ctx: Ctx,
    sender: UserId,
    chat: ChatId,
    new: NewMessage,
    fingerprint: Fingerprint,
}

impl Line {
    pub fn new(ctx: &Ctx, chat: ChatId, new: NewMessage, keys: &Keys) -> Result<Self> {
        let print = keys.fingerprint(&[chat.uuid().as_bytes(), new.content.as_str().as_bytes()]);
        let fingerprint = std::array::from_fn(|index| print[index]);
        Ok(Self { ctx: ctx.clone(), sender: ctx.user()?, chat, new, fingerprint })
    }
}

type Answer = oneshot::Sender<Result<Made<Message>>>;

/// Lines that wait for the next commit.
pub struct Outbox {
    waiting: Arc<Mutex<Waiting>>,
    /// The most lines in one transaction.
    max: usize,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<(Line, Answer)>,
    /// Whether a job is queued or at work that will come back for the rest.
    at_work: bool,
}

/// More than this many waiting lines are refused: whoever sends has to slow down.
const ROOM: usize = 10_000;

impl Outbox {
    pub fn new(max: usize) -> Self {
        Self { waiting: Arc::default(), max: max.max(1) }
    }

    pub async fn send(&self, db: &Db, line: Line) -> Result<Made<Message>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.lines.len() >= ROOM {
                return Err(Error::unavailable("too many messages wait to be written"));
            }
            waiting.lines.push_back((line, answer));
            if !std::mem::replace(&mut waiting.at_work, true) {
                drop(waiting);
                Turn::queue(db, &self.waiting, self.max);
            }
        }
        answered.await.unwrap_or_else(|_| Err(Error::internal("a send was dropped")))
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One batch. Dropping it, also by a panic, hands the rest to the next turn or ends the work.
struct Turn {
    db: Db,
    waiting: Arc<Mutex<Waiting>>,
    max: usize,
}

impl Turn {
    /// The turn comes to be on the lane: a job that the full queue turned away takes nothing with it.
    fn queue(db: &Db, waiting: &Arc<Mutex<Waiting>>, max: usize) {
        let (own_db, own_waiting) = (db.clone(), Arc::clone(waiting));
        let job = move |seat: Result<&mut Seat>| Self { db: own_db, waiting: own_waiting, max }.take(seat);
        if let Err(error) = db.writers().push(Box::new(job)) {
            let mut waiting = lock(waiting);
            waiting.at_work = false;
            refuse_all(&mut waiting, &error);
        }
    }

    fn take(self, seat: Result<&mut Seat>) -> bool {
        let lines: Vec<_> = {
            let mut waiting = lock(&self.waiting);
            let n = waiting.lines.len().min(self.max);
            waiting.lines.drain(..n).filter(|(_, answer)| !answer.is_closed()).collect()
        };
        metrics::histogram!("clowder_send_batch_messages").record(lines.len() as f64);
        match seat {
            Ok(seat) => write(seat, self.db.house(), lines),
            // Without a database nobody needs to wait for their turn to hear so.
            Err(error) => {
                for (_, answer) in lines {
                    let _ = answer.send(Err(error.clone()));
                }
                refuse_all(&mut lock(&self.waiting), &error);
                true
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        if waiting.lines.is_empty() {
            waiting.at_work = false;
            return;
        }
        drop(waiting);
        Self::queue(&self.db, &self.waiting, self.max);
    }
}

fn refuse_all(waiting: &mut Waiting, error: &Error) {
    for (_, answer) in waiting.lines.drain(..) {
        let _ = answer.send(Err(error.clone()));
    }
}

/// Writes a batch, answers everybody, and says whether the connection is still good.
fn write(seat: &mut Seat, house: &House, lines: Vec<(Line, Answer)>) -> bool {
    let (lines, answers): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
    let mut healthy = true;
    let said = match commit(seat, house, |tx| say(tx, &lines)) {
        Ok(said) => said,
        // Trying one by one would only take longer to say so, except where the lines are in one another's way.
        Err(error @ Error::Unavailable(_)) if error.cause() != Some(Cause::Contended) => {
            healthy = !error.costs_connection();
            lines.iter().map(|_| Some(Err(error.clone()))).collect()
        }
        Err(_) => lines.iter().map(|_| None).collect(),
    };
    for ((line, answer), said) in lines.iter().zip(answers).zip(said) {
        let said = said.unwrap_or_else(|| {
            // A client id that another node commits at the same moment is found at the second look.
            match commit(seat, house, |tx| say_alone(tx, line)) {
                Err(error) if error.is_ours() => commit(seat, house, |tx| say_alone(tx, line)),
                said => said,
            }
        });
        healthy &= !matches!(&said, Err(error) if error.costs_connection());
        let _ = answer.send(said);
    }
    healthy
}

pub fn say_alone(tx: &mut Tx<'_>, line: &Line) -> Result<Made<Message>> {
    say(tx, std::slice::from_ref(line))?
        .pop()
        .flatten()
        .unwrap_or_else(|| Err(Error::internal("a lone line has no twin")))
}

type Said = Option<Result<Made<Message>>>;

/// Decides each line and writes those that are accepted; `None` for a line whose client id is in this batch twice,
/// which must come again on its own.
fn say(tx: &mut Tx<'_>, lines: &[Line]) -> Result<Vec<Said>> {
    let mut facts = Facts::load(tx.conn, lines)?;
    let mut said = Vec::with_capacity(lines.len());
    let mut accepted = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        said.push(match facts.of(line) {
            None => None,
            Some(facts) => match decide(&line.ctx, line.chat, line.new.clone(), facts) {
                Ok(Verdict::Say(message)) => {
                    accepted.push((index, message));
                    None
                }
                Ok(Verdict::Repeat(id)) => Some(messages::one(tx.conn, None, line.sender, id).map(Made::Found)),
                Err(refused) => Some(Err(refused)),
            },
        });
    }
    if accepted.is_empty() {
        return Ok(said);
    }
    number(tx.conn, lines, &mut accepted)?;
    let rows: Vec<_> =
        accepted.iter().map(|(index, message)| NewMessageRow::new(message, &lines[*index].fingerprint)).collect();
    batch::insert_messages(tx.conn, &rows)?;
    let changes: Vec<_> = accepted
        .into_iter()
        .map(|(index, message)| {
            said[index] = Some(Ok(Made::New((*message).clone())));
            (&lines[index].ctx, Change::MessageSent(message))
        })
        .collect();
    let changes: Vec<_> = changes.iter().map(|(ctx, change)| (*ctx, change)).collect();
    journal::append_all(tx, &changes)?;
    Ok(said)
}

/// Gives every accepted message its `seq`, in the order in which they came.
fn number(conn: &mut Conn, lines: &[Line], accepted: &mut [(usize, Box<Message>)]) -> Result<()> {
    let mut per_chat = BTreeMap::<ChatId, i64>::new();
    let mut per_sender = BTreeMap::<(ChatId, UserId), i64>::new();
    for (_, message) in accepted.iter() {
        *per_chat.entry(message.chat_id).or_default() += 1;
        *per_sender.entry((message.chat_id, message.sender.id)).or_default() += 1;
    }
    let now = lines.iter().map(|line| line.ctx.now).max().unwrap_or(Timestamp::from_micros(0));
    let counts: Vec<_> = per_chat.iter().map(|(chat, n)| (*chat, *n)).collect();
    for (chat, last) in batch::bump_seqs(conn, &counts, now)? {
        if let Some(next) = per_chat.get_mut(&chat) {
            *next = last - *next + 1;
        }
    }
    for (_, message) in accepted {
        let next = per_chat.get_mut(&message.chat_id).ok_or_else(|| Error::internal("a chat without room"))?;
        message.seq = *next;
        *next += 1;
    }
    let own: Vec<_> = per_sender.into_iter().map(|((chat, sender), n)| (chat, sender, n)).collect();
    batch::count_own(conn, &own)
}

/// What is known of all lines of a batch, loaded in two queries.
struct Facts {
    seats: HashMap<(ChatId, UserId), (ChatRole, Card)>,
    earlier: HashMap<(UserId, String), (MessageId, Fingerprint)>,
    met: HashSet<(UserId, String)>,
}

impl Facts {
    fn load(conn: &mut Conn, lines: &[Line]) -> Result<Self> {
        let pairs: HashSet<_> = lines.iter().map(|line| (line.chat, line.sender)).collect();
        let pairs: Vec<_> = pairs.into_iter().collect();
        let ids: HashSet<_> =
            lines.iter().filter_map(|line| Some((line.sender, line.new.client_id.as_ref()?.as_str()))).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut seats = HashMap::with_capacity(pairs.len());
        for (chat, role, card) in batch::seats(conn, &pairs)? {
            let role = <ChatRole as clowder_core::Word>::parse_word(&role)?;
            seats.insert((chat, card.id), (role, card.into()));
        }
        let mut earlier = HashMap::new();
        for row in batch::earlier(conn, &ids)? {
            let print = row.fingerprint.try_into().map_err(|_| Error::internal("a fingerprint of another length"))?;
            earlier.insert((row.sender_id, row.client_id), (row.id, print));
        }
        Ok(Self { seats, earlier, met: HashSet::new() })
    }

    /// The facts of one line; `None` when an earlier line of this batch has the same client id.
    fn of(&mut self, line: &Line) -> Option<SendFacts> {
        let name = line.new.client_id.as_ref().map(|client_id| (line.sender, client_id.as_str().to_owned()));
        let earlier = name.as_ref().and_then(|name| self.earlier.get(name)).copied();
        if let Some(name) = name
            && !self.met.insert(name)
        {
            return None;
        }
        let seat = self.seats.get(&(line.chat, line.sender)).cloned();
        Some(SendFacts { seat, earlier, fingerprint: line.fingerprint })
    }
}
