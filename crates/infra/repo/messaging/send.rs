//! The hottest path: messages of many senders, written by one transaction.

mod answers;
mod screened;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use clowder_core::{Card, ChatId, Ctx, Error, FileId, Made, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    Change, ChatRole, Lifetime, Message, NewMessage, Rights,
    attachments::Files,
    mentions::{Marks, Wanted, may_mention_all},
    moderation::rules::Caught,
    polls::NewPoll,
    read::are_shown,
    refusals::CHAT_UNKNOWN,
    relations::{Target, Targets},
    send::{Bounds, Fingerprint, Last, SendFacts, Verdict, decide},
};

use super::{
    super::{
        batch,
        db::Tx,
        group_commit::Outcome,
        idempotency::{self, AnswerId, Answers},
        lifetimes::starting,
        moderation::{reviews, screening::Reading},
        polls,
        relations::threads::{self, Answered},
    },
    attached,
    mentioned::{self, People},
    previews,
};
use crate::{
    domains::messaging::{ClientIdRow, LockedChatRow, NewMessageRow, Origin, SeatRow},
    keys::Keys,
};

/// One message to send.
pub struct PendingSend {
    ctx: Ctx,
    sender: UserId,
    chat: ChatId,
    new: NewMessage,
    /// The message that it is forwarded from.
    forwarded: Option<Origin>,
    /// Whether its sender is not there to correct it.
    lenient: bool,
    fingerprint: Fingerprint,
    /// Where the answer for its `Idempotency-Key` is stored.
    answer_id: Option<AnswerId>,
    /// What it claims before it writes: its client id, and its key.
    claims: Vec<i64>,
    /// What word filters find in it.
    reading: Arc<Reading>,
    /// Whether its transaction cannot be left to look at it.
    in_place: bool,
    /// What is to be marked in it, if there is anything.
    wanted: Option<Box<Wanted>>,
}

impl PendingSend {
    pub fn new(ctx: &Ctx, chat: ChatId, new: NewMessage, keys: &Keys) -> Result<Self> {
        let lifetime = new.lifetime.map(|lifetime| lifetime.to_number().to_be_bytes());
        let place = chat.uuid();
        let parts: [&[u8]; 2] = [place.as_bytes(), new.content.as_str().as_bytes()];
        // Only what it has, so that what was sent before messages had it is still found.
        let mentions = mentioned::print(&new.mentions);
        let poll = new.poll.as_deref().map(NewPoll::to_octets);
        let parts = parts.into_iter().chain(lifetime.as_ref().map(<[u8; 8]>::as_slice));
        let files = attached::print(&new.attachments, new.kind);
        let parts = parts.chain(mentions.as_deref()).chain(poll.as_deref());
        let mut parts: Vec<_> = parts.chain(files.as_deref()).collect();
        let names = [("reply_to", new.reply_to), ("thread_of", new.thread_of)];
        let names = names.map(|(name, id)| id.map(|id| (name, id.uuid())));
        for (name, id) in names.iter().flatten() {
            parts.extend([name.as_bytes(), id.as_bytes()]);
        }
        let print = keys.fingerprint(&parts);
        let fingerprint = std::array::from_fn(|index| print[index]);
        let answer_id =
            ctx.idempotency_key.as_ref().map(|idempotency_key| idempotency::id_of(keys, ctx, idempotency_key));
        let sender = ctx.user()?;
        // The same on all nodes, because they have the same keys.
        let client_id = new.client_id.as_ref().map(|client_id| {
            let print = keys.fingerprint(&[b"client id", sender.uuid().as_bytes(), client_id.as_str().as_bytes()]);
            i64::from_be_bytes(std::array::from_fn(|index| print[index]))
        });
        let claims = client_id.into_iter().chain(answer_id.map(idempotency::claim_of)).collect();
        // Here, because locks are held later. Nothing is marked in a poll.
        let wanted = new.poll.is_none().then(|| mentioned::wanted(new.content.as_str(), &new.mentions));
        let wanted = wanted.filter(|wanted| !wanted.is_empty()).map(Box::new);
        let reading = Arc::new(Reading::new(&new.said()));
        Ok(Self {
            ctx: ctx.clone(),
            sender,
            chat,
            new,
            forwarded: None,
            lenient: false,
            fingerprint,
            answer_id,
            claims,
            reading,
            in_place: false,
            wanted,
        })
    }

    /// Says that it is forwarded from this message.
    pub fn forwarded(mut self, from: Origin) -> Self {
        self.forwarded = Some(from);
        self
    }

    /// Its sender is not there to correct it.
    pub fn leniently(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Its transaction cannot be left to look at it; `reading` is of its text.
    pub fn in_place(mut self, reading: Arc<Reading>) -> Self {
        (self.reading, self.in_place) = (reading, true);
        self
    }

    /// The messages that it names.
    fn names(&self) -> impl Iterator<Item = (ChatId, UserId, MessageId)> {
        let (chat, sender) = self.key();
        self.new.reply_to.into_iter().chain(self.new.thread_of).map(move |id| (chat, sender, id))
    }

    pub fn reading(&self) -> &Arc<Reading> {
        &self.reading
    }

    /// The sender's membership in the chat.
    pub fn key(&self) -> (ChatId, UserId) {
        (self.chat, self.sender)
    }

    /// How much it adds to a batch. Each person whom it may mention is a look-up and a row, and so is each file.
    pub fn octets(&self) -> usize {
        let people = self.wanted.as_ref().map_or(0, |wanted| wanted.names().count() + wanted.given().len());
        self.new.said().len() + (people + self.new.attachments.len()) * 256
    }

    /// The claims it needs before it is written.
    pub fn claims(&self) -> &[i64] {
        &self.claims
    }

    /// The stored answer: the id of the message, so that a repeated call returns the message as it is then, and no text
    /// is stored that may be deleted.
    fn answered(&self, answers: &Answers) -> Result<Option<Made<MessageId>>> {
        match (self.answer_id, &self.ctx.idempotency_key) {
            (Some(id), Some(idempotency_key)) => answers.get(id, &self.ctx, idempotency_key),
            _ => Ok(None),
        }
    }
}

type Outcomes = Vec<Outcome<Made<Message>>>;
/// The change to write to the journal, and its author.
pub type Changes<'w> = Vec<(&'w Ctx, Change)>;

/// Writes messages and returns their changes, which are not written yet. It locks what it needs without waiting.
pub fn write_batch<'s>(tx: &mut Tx<'_>, sends: &[&'s PendingSend]) -> Result<(Outcomes, Changes<'s>)> {
    let mut facts = Facts::load(tx, sends)?;
    let mut accepted = Vec::new();
    let mut answers = Vec::new();
    let (mut flagged, mut told) = (Vec::new(), Vec::new());
    let mut outcomes = Vec::with_capacity(sends.len());
    for (index, send) in sends.iter().enumerate() {
        outcomes.push(match facts.attempt(tx, send)? {
            Attempt::Held => Outcome::Held,
            Attempt::Twin => Outcome::Again,
            Attempt::Refused(error) => Outcome::Done(Err(error)),
            Attempt::Caught(caught) => {
                let (refusal, waiting) = reviews::keep_back(tx, &send.ctx, &send.held(caught))?;
                told.extend(waiting.into_iter().map(|change| (&send.ctx, change)));
                Outcome::Done(Err(refusal.into()))
            }
            Attempt::New(message, caught) => {
                if let Some(caught) = caught {
                    flagged.push((&send.ctx, message.clone(), caught));
                }
                answers.push((*send, Made::New(message.id)));
                accepted.push((index, message));
                // Overwritten below, once it has been written.
                Outcome::Again
            }
            Attempt::Replayed(made) => {
                let answer = send.message(tx, made)?;
                if let (Ok(_), Some(idempotency_key)) = (&answer, &send.ctx.idempotency_key) {
                    idempotency_key.mark_replayed();
                }
                Outcome::Done(answer)
            }
            Attempt::Repeated(id) => {
                let answer = send.message(tx, Made::Found(id))?;
                if answer.is_ok() {
                    answers.push((*send, Made::Found(id)));
                }
                Outcome::Done(answer)
            }
        });
    }
    facts.store(tx, &answers)?;
    if accepted.is_empty() {
        return Ok((outcomes, told));
    }
    facts.advance_chats(tx, &accepted)?;
    let mut rows = Vec::with_capacity(accepted.len());
    for (index, message) in &accepted {
        rows.push(NewMessageRow::new(message)?.forwarded(sends[*index].forwarded));
    }
    let client_ids = accepted.iter().filter_map(|(index, message)| {
        let (client_id, fingerprint) = (message.client_id.clone()?, sends[*index].fingerprint.to_vec());
        Some(ClientIdRow { sender_id: message.sender.id, client_id, message_id: message.id, fingerprint })
    });
    batch::messaging::insert_messages(tx.conn, &rows, &client_ids.collect::<Vec<_>>())?;
    mentioned::write(
        tx.conn,
        accepted.iter().filter_map(|(index, message)| Some((&**message, sends[*index].wanted.as_ref()?.given()))),
    )?;
    attached::write(tx, accepted.iter().map(|(_, message)| &**message))?;
    let answered = accepted.iter().filter_map(|(_, message)| facts.answered(message));
    threads::keep(tx.conn, &answered.collect::<Vec<_>>())?;
    polls::open(tx.conn, accepted.iter().map(|(_, message)| &**message))?;
    starting::note_sent(tx.conn, accepted.iter().map(|(_, message)| &**message))?;
    for (index, message) in &accepted {
        previews::order(tx, &sends[*index].ctx, message)?;
    }
    told.extend(reviews::flag_all(tx, &flagged)?);
    let sent = accepted
        .into_iter()
        .map(|(index, message)| {
            outcomes[index] = Outcome::Done(Ok(Made::New((*message).clone().for_sender())));
            let names = message.reply_to.is_some() || message.forwarded_from.is_some();
            let told = if names { Box::new(message.for_everybody()) } else { message };
            (&sends[index].ctx, Change::MessageSent(told))
        })
        .collect::<Vec<_>>();
    // Whoever decides has the message by then.
    Ok((outcomes, sent.into_iter().chain(told).collect()))
}

/// The decision about one send of a batch.
enum Attempt {
    /// Another transaction holds its chat or the sender's membership, or is writing its client id or the answer for its
    /// key.
    Held,
    /// Another send of this batch has the same client id or key.
    Twin,
    Refused(Error),
    /// It has to be approved before it is sent.
    Caught(Caught),
    /// With what has caught it, if it is listed for review.
    New(Box<Message>, Option<Caught>),
    /// Its key has an answer already.
    Replayed(Made<MessageId>),
    /// Its client id has a message already.
    Repeated(MessageId),
}

/// A membership in a chat.
#[derive(Clone)]
struct Sender {
    role: ChatRole,
    card: Card,
    silent_until: Option<Timestamp>,
    spoke_at: Option<Timestamp>,
}

impl TryFrom<SeatRow> for Sender {
    type Error = Error;

    fn try_from(SeatRow { role, silent_until, spoke_at, card, .. }: SeatRow) -> Result<Self> {
        Ok(Self { role: ChatRole::parse_word(&role)?, card: card.into(), silent_until, spoke_at })
    }
}

/// What is known of all sends of a batch. The chats and the senders' memberships are locked before anything else is
/// loaded, so that it stays true until the commit.
struct Facts {
    chats: HashMap<ChatId, LockedChatRow>,
    held: HashSet<(ChatId, UserId)>,
    /// The claims held by other transactions.
    claimed: HashSet<i64>,
    answers: Answers,
    memberships: HashMap<(ChatId, UserId), Sender>,
    earlier: HashMap<(UserId, String), (MessageId, Fingerprint)>,
    /// The messages that the sends name, as far as their senders see them.
    targets: HashMap<(ChatId, UserId, MessageId), Target>,
    /// The files that the sends name, and those of them that somebody is deleting right now.
    files: Files,
    leaving: HashSet<FileId>,
    /// The client ids and keys of earlier sends in this batch.
    clients: HashSet<(UserId, String)>,
    /// Those whom the messages may mention.
    people: People,
    answer_ids: HashSet<AnswerId>,
    /// Whether the accounts of those whose messages were caught stay as they are.
    kept: HashMap<UserId, bool>,
}

impl Facts {
    fn load(tx: &mut Tx<'_>, sends: &[&PendingSend]) -> Result<Self> {
        let mut ids: Vec<_> = sends.iter().map(|send| send.chat).collect();
        ids.sort_unstable();
        ids.dedup();
        let chats: HashMap<_, _> =
            batch::messaging::lock_chats(tx.conn, &ids)?.into_iter().map(|chat| (chat.id, chat)).collect();
        ids.retain(|id| !chats.contains_key(id));
        let held_chats = if ids.is_empty() { Vec::new() } else { batch::messaging::held_chats(tx.conn, &ids)? };
        let (held, mut pairs): (HashSet<_>, HashSet<_>) =
            sends.iter().map(|send| send.key()).partition(|(chat, _)| held_chats.contains(chat));
        let mut memberships = HashMap::with_capacity(pairs.len());
        for row in batch::messaging::lock_seats(tx.conn, &pairs.iter().copied().collect::<Vec<_>>())? {
            memberships.insert((row.chat_id, row.card.id), Sender::try_from(row)?);
        }
        pairs.retain(|pair| !memberships.contains_key(pair));
        let pairs: Vec<_> = pairs.into_iter().collect();
        let held_seats = if pairs.is_empty() { Vec::new() } else { batch::messaging::held_seats(tx.conn, &pairs)? };
        let held: HashSet<_> = held.into_iter().chain(held_seats).collect();

        let free = || sends.iter().filter(|send| !held.contains(&send.key()));
        // Whoever writes a client id or an answer holds this claim first, so that no insert waits for another
        // transaction.
        let claims: Vec<_> = free().flat_map(|send| send.claims.iter().copied()).collect();
        let claimed = if claims.is_empty() { Vec::new() } else { batch::try_claims(tx.conn, claims)? };
        let claimed = claimed.into_iter().collect();
        let answers = Answers::load(tx, free().filter_map(|send| send.answer_id))?;
        let clients: HashSet<_> =
            free().filter_map(|send| Some((send.sender, send.new.client_id.as_ref()?.as_str()))).collect();
        let mut earlier = HashMap::new();
        for row in batch::messaging::client_ids(tx.conn, &clients.into_iter().collect::<Vec<_>>())? {
            let print = row.fingerprint.try_into().map_err(|_| Error::internal("a fingerprint of another length"))?;
            earlier.insert((row.sender_id, row.client_id), (row.message_id, print));
        }
        let marking = free().filter_map(|send| Some((send.chat, &**send.wanted.as_ref()?)));
        let people = People::load(tx.conn, marking)?;
        let named: HashSet<_> = free().flat_map(|send| send.names()).collect();
        let named: Vec<_> = named.into_iter().collect();
        let mut targets = HashMap::with_capacity(named.len());
        for row in batch::messaging::relations::targets(tx.conn, &named)? {
            let place = usize::try_from(row.index).ok().and_then(|index| named.get(index).copied());
            targets.insert(place.ok_or_else(|| Error::internal("a message that nobody named"))?, row.target()?);
        }
        let (files, leaving) = attached::free(tx.conn, free().flat_map(|send| &send.new.attachments))?;
        let (clients, answer_ids) = (HashSet::new(), HashSet::new());
        let kept = HashMap::new();
        Ok(Self {
            chats,
            held,
            claimed,
            answers,
            memberships,
            earlier,
            targets,
            files,
            leaving,
            clients,
            people,
            answer_ids,
            kept,
        })
    }

    /// Decides about the next send of the batch.
    fn attempt(&mut self, tx: &mut Tx<'_>, send: &PendingSend) -> Result<Attempt> {
        if self.held.contains(&send.key()) {
            return Ok(Attempt::Held);
        }
        let leaves = |file: &FileId| self.leaving.contains(file);
        if send.claims.iter().any(|claim| self.claimed.contains(claim)) || send.new.attachments.iter().any(leaves) {
            // Later sends for the same row stay behind it.
            self.held.insert(send.key());
            return Ok(Attempt::Held);
        }
        let client = send.new.client_id.as_ref().map(|client_id| (send.sender, client_id.as_str().to_owned()));
        let earlier = client.as_ref().and_then(|client| self.earlier.get(client)).copied();
        let new_client = client.is_none_or(|client| self.clients.insert(client));
        let new_key = send.answer_id.is_none_or(|id| self.answer_ids.insert(id));
        if !new_client || !new_key {
            return Ok(Attempt::Twin);
        }
        let is_there = self.chats.get(&send.chat).is_some_and(|chat| !chat.deleted);
        let sender = self.memberships.get(&send.key()).filter(|_| is_there).cloned();
        match send.answered(&self.answers) {
            Ok(Some(_)) if sender.is_none() => return Ok(Attempt::Refused(CHAT_UNKNOWN.into())),
            Ok(Some(made)) => return Ok(Attempt::Replayed(made)),
            Ok(None) => {}
            Err(error) if error.is_ours() => return Err(error),
            Err(refused) => return Ok(Attempt::Refused(refused)),
        }
        let bounds = self.bounds(send, sender.as_ref());
        let role = sender.as_ref().map_or(ChatRole::Subscriber, |sender| sender.role);
        let membership = sender.map(|sender| (sender.role, sender.card));
        let chat = self.chats.get(&send.chat);
        let last =
            chat.map_or(Last { seq: 0, at: send.ctx.now }, |chat| Last { seq: chat.last_seq, at: chat.active_at });
        let closed = chat.is_some_and(|chat| chat.closed);
        let rights = Rights::from_bits(chat.map_or(0, |chat| chat.rights));
        let lifetime = chat.and_then(|chat| chat.lifetime).map(Lifetime::from_number);
        let shows_marks = chat.is_some_and(|chat| are_shown(chat.participant_count));
        let marks = send.wanted.as_ref().map_or_else(Marks::default, |wanted| {
            let may_mention_all = may_mention_all(role, rights);
            self.people.marks(send.chat, last.seq + 1, send.new.content.as_str(), wanted, may_mention_all)
        });
        let target = |id: Option<MessageId>| Some(self.targets.get(&(send.chat, send.sender, id?))?.clone());
        let targets = Targets { reply_to: target(send.new.reply_to), thread_of: target(send.new.thread_of) };
        let files = send.new.attachments.iter().filter_map(|id| Some((*id, self.files.get(id)?.clone()))).collect();
        let (fingerprint, forwarded, lenient) = (send.fingerprint, send.forwarded.is_some(), send.lenient);
        let facts = SendFacts {
            membership,
            earlier,
            fingerprint,
            closed,
            rights,
            bounds,
            lifetime,
            shows_marks,
            marks,
            targets,
            files,
            forwarded,
            lenient,
            last,
        };
        let verdict = decide(&send.ctx, send.chat, send.new.clone(), facts);
        let Some((verdict, caught)) = self.screened(tx, send, verdict)? else { return Ok(Attempt::Held) };
        Ok(match verdict {
            Ok(Verdict::New(message)) => {
                let chat = self.chats.get_mut(&send.chat);
                let chat = chat.ok_or_else(|| Error::internal("a participant without a chat"))?;
                (chat.last_seq, chat.active_at) = (message.seq, message.created_at);
                if let Some(sender) = self.memberships.get_mut(&send.key()) {
                    sender.spoke_at = Some(message.created_at);
                }
                Attempt::New(message, caught)
            }
            Ok(Verdict::Hold(caught)) => Attempt::Caught(caught),
            Ok(Verdict::Repeat(id)) => Attempt::Repeated(id),
            Err(refused) => Attempt::Refused(refused),
        })
    }

    /// The thread of which a message is part that is sent.
    fn answered(&self, message: &Message) -> Option<Answered> {
        let Message { chat_id: chat, seq, created_at: at, ref sender, .. } = *message;
        let root = self.targets.get(&(chat, sender.id, message.thread_of?))?;
        Some(Answered::new(chat, root, (sender.id, seq, at)))
    }

    /// What keeps somebody from writing in a locked chat just now, whatever they write.
    fn bounds(&self, send: &PendingSend, sender: Option<&Sender>) -> Bounds {
        let (Some(sender), Some(chat)) = (sender, self.chats.get(&send.chat)) else { return Bounds::default() };
        let Sender { silent_until, spoke_at, .. } = *sender;
        Bounds { silent_until, spoke_at, slow_seconds: chat.slow_seconds }
    }

    /// Stores under their keys which messages were sent.
    fn store(&self, tx: &mut Tx<'_>, sent: &[(&PendingSend, Made<MessageId>)]) -> Result<()> {
        let keyed = sent.iter().filter_map(|(send, made)| {
            let (id, idempotency_key) = (send.answer_id?, send.ctx.idempotency_key.as_ref()?);
            Some((id, &send.ctx, idempotency_key, *made))
        });
        self.answers.store(tx, &keyed.collect::<Vec<_>>())
    }

    /// Updates the ends of the chats, the counts of own messages, and when everybody last wrote.
    fn advance_chats(&self, tx: &mut Tx<'_>, accepted: &[(usize, Box<Message>)]) -> Result<()> {
        let mut own = BTreeMap::<_, (i64, Timestamp)>::new();
        for (_, message) in accepted {
            let (count, last) = own.entry((message.chat_id, message.sender.id)).or_insert((0, message.created_at));
            (*count, *last) = (*count + 1, message.created_at);
        }
        let ids: HashSet<_> = own.keys().map(|(chat, _)| *chat).collect();
        let chats: Vec<_> = self.chats.values().filter(|chat| ids.contains(&chat.id)).copied().collect();
        let own: Vec<_> = own.into_iter().map(|((chat, sender), (n, last))| (chat, sender, n, last)).collect();
        batch::messaging::advance_chats(tx.conn, &chats, &own)
    }
}
