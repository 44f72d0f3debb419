//! The writes that share commits in chats: messages and read marks. They share one queue, so that within a node neither
//! finds a chat locked by the other.

use clowder_core::{ChatId, Error, Made, Result, Topic, UserId};
use clowder_messaging::{CHAT, Message, Read};

use super::{
    super::{
        db::Tx,
        dialect,
        group_commit::{LOCK_WAIT, Outcome, Queued},
        journal,
    },
    read::{self, PendingMark},
    send::{self, PendingSend},
};

pub enum ChatWrite {
    Send(PendingSend),
    Mark(PendingMark),
}

pub enum Written {
    Sent(Made<Message>),
    /// `None` if the mark is no longer where it was.
    Marked(Option<Read>),
}

impl Written {
    pub fn sent(self) -> Result<Made<Message>> {
        match self {
            Self::Sent(made) => Ok(made),
            Self::Marked(_) => Err(Error::internal("a read mark is the outcome of a send")),
        }
    }

    pub fn marked(self) -> Result<Option<Read>> {
        match self {
            Self::Marked(read) => Ok(read),
            Self::Sent(_) => Err(Error::internal("a message is the outcome of a read mark")),
        }
    }
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
        let (mut sends, mut marks) = (0_u32, 0_u32);
        for write in writes {
            match write {
                Self::Send(_) => sends += 1,
                Self::Mark(_) => marks += 1,
            }
        }
        if sends > 0 {
            metrics::histogram!("clowder_send_batch_messages").record(sends);
        }
        if marks > 0 {
            metrics::histogram!("clowder_read_batch_marks").record(marks);
        }
    }

    fn key(&self) -> (ChatId, UserId) {
        match self {
            Self::Send(send) => send.key(),
            Self::Mark(mark) => mark.key(),
        }
    }

    fn stream(&self) -> usize {
        let (chat, _) = self.key();
        usize::from(dialect::stream_of(Topic::new(CHAT, chat)).unsigned_abs())
    }

    fn octets(&self) -> usize {
        match self {
            Self::Send(send) => send.octets(),
            Self::Mark(_) => 0,
        }
    }

    fn claims(&self) -> usize {
        match self {
            Self::Send(send) => send.claims().len(),
            Self::Mark(_) => 0,
        }
    }

    fn locks(&self) -> Locks {
        let (chat, user) = self.key();
        match self {
            Self::Send(send) => {
                Locks { chat, user, claims: send.claims().to_vec(), holds_chat: true, keeps_lowest: false }
            }
            Self::Mark(mark) => {
                let counts = mark.counts();
                Locks { chat, user, claims: Vec::new(), holds_chat: counts, keeps_lowest: counts }
            }
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
        let (mut sends, mut marks) = (Vec::new(), Vec::new());
        for write in writes {
            match write {
                Self::Send(send) => sends.push(send),
                Self::Mark(mark) => marks.push(mark),
            }
        }
        let (sent, mut changes) = if sends.is_empty() { Default::default() } else { send::write_batch(tx, &sends)? };
        let (marked, read) = if marks.is_empty() { Default::default() } else { read::write_batch(tx, &marks)? };
        changes.extend(read);
        let changes: Vec<_> = changes.iter().map(|(ctx, change)| (*ctx, change)).collect();
        journal::append_all(tx, &changes)?;
        let (mut sent, mut marked) = (sent.into_iter(), marked.into_iter());
        let outcome = |write: &&Self| match write {
            Self::Send(_) => sent.next().map(|outcome| outcome.map(Written::Sent)),
            Self::Mark(_) => marked.next().map(|outcome| outcome.map(Written::Marked)),
        };
        let outcomes: Option<Vec<_>> = writes.iter().map(outcome).collect();
        outcomes.ok_or_else(|| Error::internal("a write without an outcome"))
    }
}
