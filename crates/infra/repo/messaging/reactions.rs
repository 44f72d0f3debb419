//! Reactions of many people, written by one transaction, which shares its commit with messages and read marks.

use std::collections::{HashMap, HashSet};

use clowder_core::{ChatId, Ctx, Error, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    Change, ChatRole, ChatType, Emoji, Reaction,
    reactions::{ReactFacts, decide_add, decide_remove},
    refusals::MESSAGE_UNKNOWN,
};
use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Text},
};

use super::{
    super::{
        batch::messaging::{self as batch, reactions as statements},
        db::Tx,
        dialect::{Backend, Conn},
        group_commit::Outcome,
    },
    send::Changes,
};
use crate::{
    domains::messaging::{MESSAGE_IS_SEEN, ReactFactsRow, ReactionChanges, ReactionRow},
    statement::statement,
};
use clowder_core::sql::{Ts, Uid};

/// The plan for a reaction.
pub enum Plan {
    /// It is already as it should be.
    Stay(Reaction),
    Change(PendingReaction),
}

/// A reaction to add or to remove.
pub struct PendingReaction {
    ctx: Ctx,
    user: UserId,
    kind: ChatType,
    /// Without its count, which is known when it is written.
    reaction: Reaction,
    add: bool,
}

/// Finds the message, and whether anything has to be written at all.
pub fn plan(conn: &mut Conn, ctx: &Ctx, message: MessageId, emoji: Emoji, add: bool) -> Result<Plan> {
    let (user, emoji) = (ctx.user()?, emoji.into_string());
    type Row = (ChatId, String, i64, bool, i64, bool);
    let found: Option<Row> = statement::<(Uid, Text, BigInt, Bool, BigInt, Bool), Backend>(format!(
        "SELECT m.chat_id, h.type, m.seq, r.user_id IS NOT NULL, coalesce(c.people, 0), \
         m.deleted_at IS NOT NULL OR coalesce(m.expires_at <= ?, false) FROM messages m \
         JOIN chats h ON h.id = m.chat_id AND h.deleted_at IS NULL \
         JOIN participants p ON p.chat_id = m.chat_id AND p.user_id = ? AND {MESSAGE_IS_SEEN} \
         LEFT JOIN message_reaction_counts c ON c.chat_id = m.chat_id AND c.seq = m.seq AND c.emoji = ? \
         LEFT JOIN message_reactions r ON r.chat_id = m.chat_id AND r.seq = m.seq AND r.emoji = ? \
         AND r.user_id = p.user_id WHERE m.id = ?"
    ))
    .bind::<Ts, _>(ctx.now)
    .bind::<Uid, _>(user)
    .bind::<Text, _>(emoji.clone())
    .bind::<Text, _>(emoji.clone())
    .bind::<Uid, _>(message)
    .get_result(conn)
    .optional()?;
    let (chat_id, kind, seq, reacted, count, deleted) = found.ok_or(MESSAGE_UNKNOWN)?;
    let reaction = Reaction { chat_id, message_id: message, seq, user_id: Some(user), emoji, count };
    // Reactions to a deleted message may take a while to go.
    if reacted == add && !deleted {
        return Ok(Plan::Stay(reaction));
    }
    let kind = ChatType::parse_word(&kind)?;
    Ok(Plan::Change(PendingReaction { ctx: ctx.clone(), user, kind, reaction, add }))
}

impl PendingReaction {
    /// The membership in the chat of who reacts.
    pub fn key(&self) -> (ChatId, UserId) {
        (self.reaction.chat_id, self.user)
    }

    fn message(&self) -> (ChatId, i64) {
        (self.reaction.chat_id, self.reaction.seq)
    }
}

type Outcomes = Vec<Outcome<Reaction>>;

/// Writes reactions and returns their changes, which are not written yet. It locks what it needs without waiting.
pub fn write_batch<'r>(tx: &mut Tx<'_>, reactions: &[&'r PendingReaction]) -> Result<(Outcomes, Changes<'r>)> {
    let mut facts = Facts::load(tx.conn, reactions)?;
    let mut written = Written::default();
    let mut changes = Vec::with_capacity(reactions.len());
    let mut outcomes = Vec::with_capacity(reactions.len());
    for (index, pending) in (0_i64..).zip(reactions.iter().copied()) {
        outcomes.push(match facts.attempt(index, pending)? {
            Attempt::Held => Outcome::Held,
            Attempt::Twin => Outcome::Again,
            Attempt::Refused(error) => Outcome::Done(Err(error)),
            Attempt::Stays(reaction) => Outcome::Done(Ok(reaction)),
            Attempt::Changed(reaction) => {
                written.note(pending, &reaction);
                let change = if pending.add { Change::ReactionAdded } else { Change::ReactionRemoved };
                let told = reaction.clone().told(pending.kind);
                changes.extend(told.into_iter().map(|(reaction, to)| (&pending.ctx, change(reaction, to))));
                Outcome::Done(Ok(reaction))
            }
        });
    }
    if !changes.is_empty() {
        statements::write_reactions(tx.conn, &written.changes(&facts))?;
    }
    Ok((outcomes, changes))
}

enum Attempt {
    /// Another transaction holds its chat.
    Held,
    /// Another reaction of this batch is the same person's with the same emoji.
    Twin,
    Refused(Error),
    Stays(Reaction),
    Changed(Reaction),
}

/// The state of a message while the reactions of a batch are decided.
#[derive(Clone, Copy)]
struct Kinds {
    now: i64,
    before: i64,
}

/// What is known of all reactions of a batch, after their chats have been locked.
struct Facts {
    /// Whether nobody can write in it any more, of each chat that is locked.
    chats: HashMap<ChatId, bool>,
    held: HashSet<(ChatId, UserId)>,
    rows: HashMap<i64, ReactFactsRow>,
    kinds: HashMap<(ChatId, i64), Kinds>,
    counts: HashMap<(ChatId, i64, String), (i64, Timestamp)>,
    seen: HashSet<(ChatId, i64, UserId, String)>,
}

impl Facts {
    fn load(conn: &mut Conn, reactions: &[&PendingReaction]) -> Result<Self> {
        let mut ids: Vec<_> = reactions.iter().map(|pending| pending.reaction.chat_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let locked = batch::lock_chats(conn, &ids)?;
        let chats: HashMap<_, _> = locked.iter().map(|chat| (chat.id, (chat.closed, chat.deleted))).collect();
        ids.retain(|id| !chats.contains_key(id));
        let chats = chats.into_iter().filter(|(_, (_, deleted))| !deleted).map(|(id, (closed, _))| (id, closed));
        let chats = chats.collect();
        let held_chats = if ids.is_empty() { Vec::new() } else { batch::held_chats(conn, &ids)? };
        let held = reactions.iter().map(|pending| pending.key()).filter(|(chat, _)| held_chats.contains(chat));
        let held = held.collect();
        let wanted: Vec<_> = reactions
            .iter()
            .map(|PendingReaction { user, reaction, .. }| {
                (reaction.chat_id, reaction.seq, *user, reaction.emoji.as_str())
            })
            .collect();
        let rows = statements::react_facts(conn, &wanted)?.into_iter().map(|row| (row.index, row)).collect();
        let (kinds, counts, seen) = (HashMap::new(), HashMap::new(), HashSet::new());
        Ok(Self { chats, held, rows, kinds, counts, seen })
    }

    /// Decides about the next reaction of the batch.
    fn attempt(&mut self, index: i64, pending: &PendingReaction) -> Result<Attempt> {
        let PendingReaction { ctx, user, reaction, add, .. } = pending;
        if self.held.contains(&pending.key()) {
            return Ok(Attempt::Held);
        }
        let (chat, seq) = pending.message();
        if !self.seen.insert((chat, seq, *user, reaction.emoji.clone())) {
            return Ok(Attempt::Twin);
        }
        let (Some(closed), Some(row)) = (self.chats.get(&chat), self.rows.get(&index)) else {
            return Ok(Attempt::Refused(MESSAGE_UNKNOWN.into()));
        };
        let kinds = self.kinds.entry((chat, seq)).or_insert(Kinds { now: row.kinds, before: row.kinds });
        let key = (chat, seq, reaction.emoji.clone());
        // It may take a moment until a message is deleted whose time is over.
        let deleted = row.deleted || row.expires_at.is_some_and(|at| at <= ctx.now);
        let first = (if deleted { 0 } else { row.people }, row.since.unwrap_or(ctx.now));
        let (count, _) = self.counts.entry(key).or_insert(first);
        let facts = ReactFacts {
            role: row.from.filter(|from| seq > *from).map(|_| ChatRole::Member),
            closed: *closed,
            deleted,
            reacted: row.reacted && !deleted,
            count: *count,
            kinds: kinds.now,
        };
        let decided = if *add { decide_add(facts) } else { decide_remove(facts) };
        Ok(match decided {
            Ok(None) => Attempt::Stays(Reaction { count: *count, ..reaction.clone() }),
            Ok(Some(people)) => {
                match (*count, people) {
                    (0, _) => kinds.now += 1,
                    (_, 0) => kinds.now -= 1,
                    _ => {}
                }
                *count = people;
                Attempt::Changed(Reaction { count: people, ..reaction.clone() })
            }
            Err(error) if error.is_ours() => return Err(error),
            Err(refused) => Attempt::Refused(refused),
        })
    }
}

/// The rows to write.
#[derive(Default)]
struct Written {
    added: Vec<ReactionRow>,
    removed: Vec<(ChatId, i64, String, UserId)>,
    /// The emoji whose counts change.
    touched: HashSet<(ChatId, i64, String)>,
}

impl Written {
    fn note(&mut self, pending: &PendingReaction, reaction: &Reaction) {
        let Reaction { chat_id, seq, emoji, .. } = reaction.clone();
        let user_id = pending.user;
        self.touched.insert((chat_id, seq, emoji.clone()));
        match pending.add {
            true => self.added.push(ReactionRow { chat_id, seq, emoji, user_id, reacted_at: pending.ctx.now }),
            false => self.removed.push((chat_id, seq, emoji, user_id)),
        }
    }

    fn changes(self, facts: &Facts) -> ReactionChanges {
        let Self { added, removed, touched } = self;
        let count = |key: (ChatId, i64, String)| {
            let (people, since) = *facts.counts.get(&key)?;
            let (chat, seq, emoji) = key;
            Some((chat, seq, emoji, people, since))
        };
        let counts = touched.into_iter().filter_map(count).collect();
        let kinds = facts.kinds.iter().filter(|(_, kinds)| kinds.now != kinds.before);
        let kinds = kinds.map(|((chat, seq), kinds)| (*chat, *seq, kinds.now)).collect();
        ReactionChanges { added, removed, counts, kinds }
    }
}
