//! The rules of quotes, threads and forwarding.

use clowder_core::{Card, Error, FileId, Input, MessageId, Result, Timestamp, text::Flaw};
use serde_json::json;

use super::{ReplyTo, excerpt};
use crate::{
    Attachment, Message, MessageType, NewMessage, lifetimes::is_over, polls::Ballot, refusals::MESSAGE_NOT_FORWARDABLE,
};

/// A message that a new one names, as its sender sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub id: MessageId,
    pub seq: i64,
    pub kind: MessageType,
    pub deleted: bool,
    pub expires_at: Option<Timestamp>,
    /// Whether it is in a thread itself.
    pub in_thread: bool,
    /// Whether a thread begins with it already.
    pub is_root: bool,
    pub sender: Card,
    /// Whether whoever replies hides the messages of its sender.
    pub hidden: bool,
    /// Its text, or how that begins.
    pub content: Option<String>,
}

impl Target {
    fn is_gone(&self, now: Timestamp) -> bool {
        self.deleted || self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What a new message names, as far as its sender sees it in the chat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    pub reply_to: Option<Target>,
    pub thread_of: Option<Target>,
}

/// What a new message says of others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Related {
    pub reply_to: Option<Box<ReplyTo>>,
    pub thread_of: Option<MessageId>,
}

/// Whether a message can name these. Whoever is not there to correct the message (`lenient`) sends it without a quote that is
/// gone.
pub fn relate(
    now: Timestamp,
    names: (Option<MessageId>, Option<MessageId>),
    targets: Targets,
    lenient: bool,
) -> Result<Related> {
    let mut wrong = Vec::new();
    let (reply_to, thread_of) = names;
    let quoted = targets.reply_to.filter(|target| target.kind != MessageType::System && !target.is_gone(now));
    if reply_to.is_some() && quoted.is_none() && !lenient {
        let message = "must be a message of this chat that you see, not a deleted one, and none of the system";
        wrong.push(Flaw::new("no_message", message).at("/reply_to"));
    }
    let root = targets.thread_of.filter(|target| {
        target.kind != MessageType::System && !target.in_thread && (target.is_root || !target.is_gone(now))
    });
    if thread_of.is_some() && root.is_none() {
        let message = "must be a message of this chat that you see, which is not in a thread itself, and none of the \
                       system; a thread cannot begin with a deleted one";
        wrong.push(Flaw::new("no_root", message).at("/thread_of"));
    }
    if !wrong.is_empty() {
        return Err(Error::Invalid(wrong));
    }
    let quote = |target: Target| {
        Box::new(ReplyTo {
            sender: Some(target.sender),
            excerpt: target.content.as_deref().map(excerpt),
            hidden: target.hidden,
            expires_at: target.expires_at,
            ..ReplyTo::bare(target.id, target.seq)
        })
    };
    Ok(Related { reply_to: quoted.map(quote), thread_of: root.map(|root| root.id) })
}

/// Whether a message that somebody sees can be forwarded. In a poll that is closed, nobody could vote.
pub fn may_forward(message: &Message, now: Timestamp) -> Result<()> {
    let stays = message.lifetime.is_none() && message.deleted_at.is_none() && !is_over(message, now);
    let is_fit = match message.kind {
        MessageType::Text | MessageType::Image | MessageType::File | MessageType::Voice | MessageType::Video => {
            message.content.as_ref().is_some_and(|content| !content.is_empty())
                || message.attachments.iter().any(Attachment::is_usable)
        }
        MessageType::Poll => message.poll.as_ref().is_some_and(|poll| poll.ended(now).is_none()),
        MessageType::System => false,
    };
    if stays && is_fit { Ok(()) } else { Err(MESSAGE_NOT_FORWARDABLE.into()) }
}

/// The message that forwards another one. A poll asks the same again, without its votes. Files that nobody gets any more are
/// left out, so the type is what the others are.
pub fn forwarded(message: &Message) -> Result<NewMessage> {
    let poll = message.poll.as_deref().map(|poll| Ballot::from(poll).asked());
    let kind = poll.as_ref().map(|_| MessageType::Poll);
    let usable = message.attachments.iter().filter(|file| file.is_usable());
    let files: Vec<FileId> = usable.map(|file| file.id).collect();
    NewMessage::from_json(json!({ "content": message.content, "type": kind, "poll": poll, "attachments": files }))
}

/// Where the read mark of a thread is after a move, or `None` if it stays.
pub fn moved(read_seq: i64, wanted: i64, last: i64) -> Option<i64> {
    let wanted = wanted.min(last);
    (wanted > read_seq).then_some(wanted)
}
