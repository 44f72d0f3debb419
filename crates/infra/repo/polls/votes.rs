//! Votes of many people, written by one transaction, which shares its commit with messages, read marks and reactions.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use clowder_core::{Actor, ChatId, Ctx, Error, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    Change, ChatRole, ChatType, MessageType,
    polls::{Ballot, Choices, NewVote, Tally, VoteFacts, Voted, decide},
    refusals::{MESSAGE_GONE, MESSAGE_UNKNOWN, POLL_UNKNOWN},
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text},
};

use super::super::{
    batch::messaging::{self as batch, polls as statements, reactions::reactors},
    db::Tx,
    dialect::{Backend, Conn},
    group_commit::Outcome,
    messaging::send::Changes,
};
use crate::{
    domains::messaging::{MESSAGE_IS_SEEN, PollRow, VoteChanges, VoteFactsRow, VoteRow},
    statement::statement,
};
use clowder_core::sql::{Ts, Uid};

/// The plan for a vote.
pub enum Plan {
    /// It is already as it should be.
    Stay(Voted),
    Change(Box<PendingVote>),
}

/// A vote to write.
pub struct PendingVote {
    ctx: Ctx,
    /// When `ctx.now` was.
    arrived: Instant,
    /// Who tells others of it: in anonymous polls nobody, so that the journal does not name them either.
    teller: Ctx,
    user: UserId,
    kind: ChatType,
    ballot: Ballot,
    choices: Choices,
    /// Without its counts, which are known when it is written.
    voted: Voted,
}

/// A chat and what a message in it asks, with how the caller has voted and others have.
#[derive(Queryable)]
struct Asked {
    chat: ChatId,
    chat_kind: String,
    seq: i64,
    kind: String,
    data: Option<String>,
    deleted: bool,
    before: Option<i64>,
    poll: Option<PollRow>,
}

/// Finds the poll, and whether anything has to be written at all. What is asked never changes, so it is read without a lock.
pub fn plan(conn: &mut Conn, ctx: &Ctx, arrived: Instant, message: MessageId, new: &NewVote) -> Result<Plan> {
    let user = ctx.user()?;
    type Poll = (Uid, BigInt, Text, BigInt, Nullable<Ts>);
    let found: Option<Asked> = statement::<
        (Uid, Text, BigInt, Text, Nullable<Text>, Bool, Nullable<BigInt>, Nullable<Poll>),
        Backend,
    >(format!(
        "SELECT m.chat_id, h.type, m.seq, m.type, m.data, \
         m.deleted_at IS NOT NULL OR coalesce(m.expires_at <= ?, false), v.choices, \
         q.chat_id, q.seq, q.votes, q.voters, q.closed_at FROM messages m \
         JOIN chats h ON h.id = m.chat_id AND h.deleted_at IS NULL \
         JOIN participants p ON p.chat_id = m.chat_id AND p.user_id = ? AND {MESSAGE_IS_SEEN} \
         LEFT JOIN message_polls q ON q.chat_id = m.chat_id AND q.seq = m.seq \
         LEFT JOIN message_poll_votes v ON v.chat_id = m.chat_id AND v.seq = m.seq AND v.user_id = p.user_id \
         WHERE m.id = ?"
    ))
    .bind::<Ts, _>(ctx.now)
    .bind::<Uid, _>(user)
    .bind::<Uid, _>(message)
    .get_result(conn)
    .optional()?;
    let asked = found.ok_or(MESSAGE_UNKNOWN)?;
    if asked.kind != MessageType::Poll.as_str() {
        return Err(POLL_UNKNOWN.into());
    }
    let (Some(data), Some(poll), false) = (asked.data, asked.poll, asked.deleted) else {
        return Err(MESSAGE_GONE.into());
    };
    let ballot: Ballot = serde_json::from_str(&data)?;
    let choices = ballot.choices(&new.options)?;
    let Tally { votes, voters, .. } = poll.tally()?;
    let (chat_id, seq, options) = (asked.chat, asked.seq, Some(choices.indexes()));
    let voted = Voted { chat_id, message_id: message, seq, votes, voters, user_id: Some(user), options };
    if Choices::from_bits(asked.before.unwrap_or_default()) == choices {
        return Ok(Plan::Stay(voted));
    }
    let kind = ChatType::parse_word(&asked.chat_kind)?;
    let teller = if ballot.anonymous { ctx.by(Actor::System) } else { ctx.clone() };
    Ok(Plan::Change(Box::new(PendingVote { ctx: ctx.clone(), arrived, teller, user, kind, ballot, choices, voted })))
}

impl PendingVote {
    /// The membership in the chat of who votes.
    pub fn key(&self) -> (ChatId, UserId) {
        (self.voted.chat_id, self.user)
    }

    /// The time by now: a vote may have waited for the chat, and its poll may have ended meanwhile.
    fn now(&self) -> Timestamp {
        self.ctx.now.plus(self.arrived.elapsed())
    }

    fn place(&self) -> Place {
        (self.voted.chat_id, self.voted.seq)
    }
}

/// A message.
type Place = (ChatId, i64);
type Outcomes = Vec<Outcome<Voted>>;

/// Writes votes and returns their changes, which are not written yet. It locks what it needs without waiting.
pub fn write_batch<'v>(tx: &mut Tx<'_>, votes: &[&'v PendingVote]) -> Result<(Outcomes, Changes<'v>)> {
    let mut facts = Facts::load(tx.conn, votes)?;
    let mut written = VoteChanges::default();
    let mut changed = HashSet::new();
    let mut changes = Vec::with_capacity(votes.len());
    let mut outcomes = Vec::with_capacity(votes.len());
    for (index, pending) in (0_i64..).zip(votes.iter().copied()) {
        outcomes.push(match facts.attempt(index, pending)? {
            Attempt::Held => Outcome::Held,
            Attempt::Twin => Outcome::Again,
            Attempt::Refused(error) => Outcome::Done(Err(error)),
            Attempt::Stays(voted) => Outcome::Done(Ok(voted)),
            Attempt::Changed(voted) => {
                let ((chat_id, seq), user_id, choices) = (pending.place(), pending.user, pending.choices);
                changed.insert((chat_id, seq));
                match choices {
                    Choices::NONE => written.taken_back.push((chat_id, seq, user_id)),
                    _ => {
                        written.given.push(VoteRow { chat_id, seq, user_id, choices, voted_at: pending.ctx.now });
                    }
                }
                let told = voted.clone().told(pending.kind, pending.ballot.anonymous);
                changes.extend(told.into_iter().map(|(voted, to)| (&pending.teller, Change::PollVoted(voted, to))));
                Outcome::Done(Ok(voted))
            }
        });
    }
    if !changes.is_empty() {
        let polls = facts.tallies.iter().filter(|(place, _)| changed.contains(*place));
        let polls = polls.map(|((chat, seq), tally)| PollRow::of(*chat, *seq, tally));
        written.polls = polls.collect::<Result<_>>()?;
        statements::write_votes(tx.conn, &written)?;
    }
    Ok((outcomes, changes))
}

enum Attempt {
    /// Another transaction holds its chat.
    Held,
    /// Another vote of this batch is the same person's in the same poll.
    Twin,
    Refused(Error),
    Stays(Voted),
    Changed(Voted),
}

/// What is known of all votes of a batch, after their chats have been locked.
struct Facts {
    /// Whether nobody can write in it any more, of each chat that is locked.
    chats: HashMap<ChatId, bool>,
    held: HashSet<(ChatId, UserId)>,
    /// After which message each of them sees the chat.
    members: HashMap<(ChatId, UserId), i64>,
    rows: HashMap<i64, VoteFactsRow>,
    /// How everybody has voted, with the votes of this batch that are decided.
    tallies: HashMap<Place, Tally>,
    seen: HashSet<(Place, UserId)>,
}

impl Facts {
    fn load(conn: &mut Conn, votes: &[&PendingVote]) -> Result<Self> {
        let mut ids: Vec<_> = votes.iter().map(|pending| pending.voted.chat_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let locked = batch::lock_chats(conn, &ids)?;
        ids.retain(|id| locked.iter().all(|chat| chat.id != *id));
        let chats = locked.into_iter().filter(|chat| !chat.deleted).map(|chat| (chat.id, chat.closed)).collect();
        let held_chats = if ids.is_empty() { Vec::new() } else { batch::held_chats(conn, &ids)? };
        let (held, pairs): (HashSet<_>, HashSet<_>) =
            votes.iter().map(|pending| pending.key()).partition(|(chat, _)| held_chats.contains(chat));
        let members = reactors(conn, &pairs.into_iter().collect::<Vec<_>>())?;
        let members = members.into_iter().map(|(chat, user, from)| ((chat, user), from)).collect();
        let wanted: Vec<_> =
            votes.iter().map(|pending| (pending.voted.chat_id, pending.voted.seq, pending.user)).collect();
        let rows: HashMap<_, _> =
            statements::vote_facts(conn, &wanted)?.into_iter().map(|row| (row.index, row)).collect();
        let mut tallies = HashMap::new();
        for poll in rows.values().filter_map(|row| row.poll.as_ref()) {
            tallies.insert((poll.chat_id, poll.seq), poll.tally()?);
        }
        Ok(Self { chats, held, members, rows, tallies, seen: HashSet::new() })
    }

    /// Decides about the next vote of the batch.
    fn attempt(&mut self, index: i64, pending: &PendingVote) -> Result<Attempt> {
        let PendingVote { user, ballot, choices, voted, .. } = pending;
        let now = pending.now();
        if self.held.contains(&pending.key()) {
            return Ok(Attempt::Held);
        }
        let place = pending.place();
        if !self.seen.insert((place, *user)) {
            return Ok(Attempt::Twin);
        }
        let (Some(closed), Some(row)) = (self.chats.get(&place.0), self.rows.get(&index)) else {
            return Ok(Attempt::Refused(MESSAGE_UNKNOWN.into()));
        };
        let tally = self.tallies.get_mut(&place);
        // It may take a moment until a message is deleted whose time is over.
        let is_over = row.deleted || row.expires_at.is_some_and(|at| at <= now);
        let closed_at = tally.as_ref().and_then(|tally| tally.closed_at);
        let facts = VoteFacts {
            role: self.members.get(&pending.key()).filter(|from| place.1 > **from).map(|_| ChatRole::Member),
            closed: *closed,
            deleted: is_over || tally.is_none(),
            ended: ballot.ended(closed_at, now).is_some(),
            before: Choices::from_bits(row.before.unwrap_or_default()),
        };
        let changes = match decide(facts, *choices) {
            Ok(changes) => changes,
            Err(error) if error.is_ours() => return Err(error),
            Err(refused) => return Ok(Attempt::Refused(refused)),
        };
        let tally = tally.ok_or(MESSAGE_GONE)?;
        if changes {
            tally.change(facts.before, *choices);
        }
        let voted = Voted { votes: tally.votes.clone(), voters: tally.voters, ..voted.clone() };
        Ok(if changes { Attempt::Changed(voted) } else { Attempt::Stays(voted) })
    }
}
