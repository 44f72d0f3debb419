//! The writes that share commits in chats: messages, marks, reactions and votes. They share one queue, so that within a node
//! none finds a chat locked by another.

use std::sync::Arc;

use clowder_core::{ChatId, Error, Made, Result, Topic, UserId};
use clowder_messaging::{CHAT, Delivered, Message, Reaction, Read, polls::Voted};

use super::{
    super::{
        db::Tx,
        dialect,
        group_commit::{LOCK_WAIT, Outcome, Queued},
        journal,
        polls::{self, PendingVote},
    },
    reactions::{self, PendingReaction},
    read::{self, PendingMark},
    receipts::{self, PendingDelivery},
    send::{self, PendingSend},
};

#[allow(clippy::large_enum_variant, reason = "nearly all of them are messages")]
pub enum ChatWrite {
    Send(Arc<PendingSend>),
    Mark(PendingMark),
    React(PendingReaction),
    Deliver(PendingDelivery),
    Vote(Box<PendingVote>),
}

#[allow(clippy::large_enum_variant, reason = "nearly all of them are messages")]
pub enum Written {
    /// `None` if somebody has to look at its text first.
    Sent(Option<Made<Message>>),
    /// `None` if the mark is no longer where it was.
    Marked(Option<Read>),
    Reacted(Reaction),
    Delivered(Delivered),
    Voted(Voted),
}

impl Written {
    pub fn sent(self) -> Result<Option<Made<Message>>> {
        match self {
            Self::Sent(made) => Ok(made),
            _ => Err(mixed_up()),
        }
    }

    pub fn marked(self) -> Result<Option<Read>> {
        match self {
            Self::Marked(read) => Ok(read),
            _ => Err(mixed_up()),
        }
    }

    pub fn reacted(self) -> Result<Reaction> {
        match self {
            Self::Reacted(reaction) => Ok(reaction),
            _ => Err(mixed_up()),
        }
    }

    pub fn delivered(self) -> Result<Delivered> {
        match self {
            Self::Delivered(delivered) => Ok(delivered),
            _ => Err(mixed_up()),
        }
    }

    pub fn voted(self) -> Result<Voted> {
        match self {
            Self::Voted(voted) => Ok(voted),
            _ => Err(mixed_up()),
        }
    }
}

fn mixed_up() -> Error {
    Error::internal("a write has the outcome of another kind of write")
}

/// All locks that a write needs.
pub struct Locks {
    chat: ChatId,
    user: UserId,
    claims: Vec<i64>,
    /// Whether it needs the chat.
    holds_chat: bool,
    /// Whether it needs the lowest marks of the others.
    keeps_lowest: bool,
}

impl Queued for ChatWrite {
    /// Somebody's membership in a chat.
    type Key = (ChatId, UserId);
    type Locks = Locks;
    type Answer = Written;

    fn note_batch<'a>(writes: impl Iterator<Item = &'a Self>) {
        let (mut sends, mut marks, mut reactions, mut votes) = (0_u32, 0_u32, 0_u32, 0_u32);
        for write in writes {
            match write {
                Self::Send(_) => sends += 1,
                Self::Mark(_) | Self::Deliver(_) => marks += 1,
                Self::React(_) => reactions += 1,
                Self::Vote(_) => votes += 1,
            }
        }
        if sends > 0 {
            metrics::histogram!("clowder_send_batch_messages").record(sends);
        }
        if marks > 0 {
            metrics::histogram!("clowder_read_batch_marks").record(marks);
        }
        if reactions > 0 {
            metrics::histogram!("clowder_reaction_batch_reactions").record(reactions);
        }
        if votes > 0 {
            metrics::histogram!("clowder_vote_batch_votes").record(votes);
        }
    }

    fn key(&self) -> (ChatId, UserId) {
        match self {
            Self::Send(send) => send.key(),
            Self::Mark(mark) => mark.key(),
            Self::React(reaction) => reaction.key(),
            Self::Deliver(delivery) => delivery.key(),
            Self::Vote(vote) => vote.key(),
        }
    }

    fn stream(&self) -> usize {
        let (chat, _) = self.key();
        usize::from(dialect::stream_of(Topic::new(CHAT, chat)).unsigned_abs())
    }

    fn octets(&self) -> usize {
        match self {
            Self::Send(send) => send.octets(),
            Self::Mark(_) | Self::React(_) | Self::Deliver(_) | Self::Vote(_) => 0,
        }
    }

    fn claims(&self) -> usize {
        match self {
            Self::Send(send) => send.claims().len(),
            Self::Mark(_) | Self::React(_) | Self::Deliver(_) | Self::Vote(_) => 0,
        }
    }

    fn locks(&self) -> Locks {
        let (chat, user) = self.key();
        let claims = Vec::new();
        let chat_only = Locks { chat, user, claims, holds_chat: true, keeps_lowest: false };
        match self {
            Self::Send(send) => Locks { claims: send.claims().to_vec(), ..chat_only },
            Self::Mark(mark) => {
                let counts = mark.counts();
                Locks { holds_chat: counts, keeps_lowest: counts, ..chat_only }
            }
            Self::React(_) | Self::Vote(_) => chat_only,
            Self::Deliver(_) => Locks { holds_chat: false, ..chat_only },
        }
    }

    fn lock(tx: &mut Tx<'_>, locks: Locks) -> Result<()> {
        let Locks { chat, user, claims, holds_chat, keeps_lowest } = locks;
        dialect::wait_at_most(tx.conn, LOCK_WAIT)?;
        for claim in claims {
            dialect::lock_claim(tx.conn, claim)?;
        }
        if holds_chat {
            dialect::messaging::lock_chat(tx.conn, chat)?;
        }
        dialect::messaging::lock_participant(tx.conn, chat, user)?;
        dialect::accounts::keep_user_id(tx.conn, user)?;
        if keeps_lowest { read::keep_lowest(tx.conn, chat, user) } else { Ok(()) }
    }

    fn write_batch(tx: &mut Tx<'_>, writes: &[&Self]) -> Result<Vec<Outcome<Written>>> {
        let (mut sends, mut marks, mut reactions) = (Vec::new(), Vec::new(), Vec::new());
        let (mut deliveries, mut votes) = (Vec::new(), Vec::new());
        for write in writes {
            match write {
                Self::Send(send) => sends.push(&**send),
                Self::Mark(mark) => marks.push(mark),
                Self::React(reaction) => reactions.push(reaction),
                Self::Deliver(delivery) => deliveries.push(delivery),
                Self::Vote(vote) => votes.push(&**vote),
            }
        }
        let (sent, mut changes) = if sends.is_empty() { Default::default() } else { send::write_batch(tx, &sends)? };
        let (marked, read) = if marks.is_empty() { Default::default() } else { read::write_batch(tx, &marks)? };
        changes.extend(read);
        let reacted = if reactions.is_empty() { Default::default() } else { reactions::write_batch(tx, &reactions)? };
        let (reacted, added) = reacted;
        changes.extend(added);
        // After the read marks, with which the marks of what has arrived move, too.
        let (arrived, told) =
            if deliveries.is_empty() { Default::default() } else { receipts::write_batch(tx, &deliveries)? };
        changes.extend(told);
        let (voted, told) = if votes.is_empty() { Default::default() } else { polls::write_batch(tx, &votes)? };
        changes.extend(told);
        let (mut arrived, mut voted) = (arrived.into_iter(), voted.into_iter());
        let changes: Vec<_> = changes.iter().map(|(ctx, change)| (*ctx, change)).collect();
        journal::append_all(tx, &changes)?;
        let (mut sent, mut marked, mut reacted) = (sent.into_iter(), marked.into_iter(), reacted.into_iter());
        let outcome = |write: &&Self| match write {
            Self::Send(send) => sent.next().map(|outcome| match outcome {
                Outcome::Held if send.reading().is_unread() => Outcome::Done(Ok(Written::Sent(None))),
                outcome => outcome.map(|made| Written::Sent(Some(made))),
            }),
            Self::Mark(_) => marked.next().map(|outcome| outcome.map(Written::Marked)),
            Self::React(_) => reacted.next().map(|outcome| outcome.map(Written::Reacted)),
            Self::Deliver(_) => arrived.next().map(|outcome| outcome.map(Written::Delivered)),
            Self::Vote(_) => voted.next().map(|outcome| outcome.map(Written::Voted)),
        };
        let outcomes: Option<Vec<_>> = writes.iter().map(outcome).collect();
        outcomes.ok_or_else(|| Error::internal("a write without an outcome"))
    }
}
