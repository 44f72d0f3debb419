//! Forwarding: the text of a message, or what a poll asks, is sent into other chats, as if the caller had written it there.

use std::sync::Arc;

use clowder_core::{Cause, ChatId, Ctx, Error, Made, MessageId, Result, Timestamp, Word, error::Limit};
use clowder_messaging::{
    ChatVisibility, Message,
    lifetimes::conceal,
    refusals::{CHAT_UNKNOWN, MESSAGE_UNKNOWN},
    relations::{Forward, Forwards, forwarded, may_forward},
    scheduled::Problem,
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{
    among::AmongIds,
    chats::hold::is_alive,
    db::Tx,
    dialect::{self, Conn},
    group_commit::{LOCK_WAIT, Outcome},
    idempotency::Stub,
    journal,
    messaging::{
        messages,
        send::{self, PendingSend},
    },
    moderation::screening::Reading,
};
use crate::domains::messaging::{Origin, chats, messages as said, participants, said as all_said};

/// What is stored to answer a call again: the message in each chat, or why there is none.
#[derive(Clone, Serialize, Deserialize)]
pub struct Stored(Vec<(ChatId, Result<MessageId, Refused>)>);

impl Stub for Stored {}

/// The code of a refusal, and from when on the same call may succeed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Noted")]
struct Refused(String, Option<Timestamp>);

/// As it was stored: earlier versions knew only the code.
#[derive(Deserialize)]
#[serde(untagged)]
enum Noted {
    Code(String),
    Refused(String, Option<Timestamp>),
}

impl From<Noted> for Refused {
    fn from(noted: Noted) -> Self {
        match noted {
            Noted::Code(code) => Self(code, None),
            Noted::Refused(code, until) => Self(code, until),
        }
    }
}

/// Into one chat; `paced` if the caller sends too much there, until then.
#[derive(Debug, Clone, Copy)]
pub struct Into {
    pub chat: ChatId,
    pub paced: Option<Timestamp>,
}

pub fn forward(tx: &mut Tx<'_>, ctx: &Ctx, id: MessageId, targets: &[Into]) -> Result<(Forwards, Stored)> {
    let user = ctx.user()?;
    // What moderation notes of it belongs to the sender.
    dialect::accounts::keep_users(tx.conn, &[user])?;
    if !is_alive(tx.conn, user)? {
        return Err(MESSAGE_UNKNOWN.into());
    }
    // Before the chats are locked.
    let text = said::table.filter(said::id.eq(id)).select((said::kind, said::content, said::data));
    let text: Option<(String, Option<String>, Option<String>)> = text.first(tx.conn).optional()?;
    let text = text.map(|(kind, content, data)| all_said(&kind, content, data.as_deref())).transpose()?.flatten();
    let read = Arc::new(Reading::new(&text.unwrap_or_default()));
    targets.iter().for_each(|into| read.look_here(&tx.services.screens, into.chat));
    // Only chats that the caller is in, and none for long, because each keeps those before it waiting.
    dialect::wait_at_most(tx.conn, LOCK_WAIT)?;
    let own = participants::table.filter(participants::user_id.eq(user));
    let own = own.filter(participants::chat_id.among(targets.iter().map(|into| &into.chat)));
    let ids: Vec<ChatId> = own.order(participants::chat_id).select(participants::chat_id).load(tx.conn)?;
    for chat in &ids {
        dialect::messaging::lock_chat(tx.conn, *chat)?;
    }
    for chat in &ids {
        dialect::messaging::lock_participant(tx.conn, *chat, user)?;
    }
    let mut source = messages::one(tx.conn, None, user, ctx.now, id)?;
    conceal(&mut source, ctx.now);
    may_forward(&source, ctx.now)?;
    let origin = origin(tx.conn, id)?;
    // It may have been edited meanwhile.
    let new = forwarded(&source)?;
    let text = new.said();
    let read = if read.is_of(Some(&text)) { read } else { Arc::new(Reading::new(&text)) };
    // The key belongs to the whole call.
    let author = Ctx { idempotency_key: None, ..ctx.clone() };
    let mut sends = Vec::new();
    for into in targets.iter().filter(|into| into.paced.is_none()) {
        let new = forwarded(&source)?;
        let send = PendingSend::new(&author, into.chat, new, &tx.services.keys)?;
        sends.push(send.forwarded(origin).in_place(Arc::clone(&read)));
    }
    let (outcomes, changes) =
        if sends.is_empty() { Default::default() } else { send::write_batch(tx, &sends.iter().collect::<Vec<_>>())? };
    journal::append_all(tx, &changes.iter().map(|(author, change)| (*author, change)).collect::<Vec<_>>())?;
    let mut outcomes = outcomes.into_iter();
    let mut stored = Vec::with_capacity(targets.len());
    for into in targets {
        let sent = if into.paced.is_some() { None } else { outcomes.next() };
        stored.push((
            into.chat,
            match sent {
                None => Err(Refused(PACED.to_owned(), into.paced)),
                Some(Outcome::Done(sent)) => outcome(sent)?,
                Some(Outcome::Held | Outcome::Again) => {
                    return Err(Error::outage(Cause::Contended, "a chat is held by somebody else"));
                }
            },
        ));
    }
    let stored = Stored(stored);
    Ok((again(tx, ctx, &stored)?, stored))
}

/// What a message is forwarded from: itself, or what it was forwarded from. Who may learn of that is decided now, and a copy of a
/// copy shows no more than the first one.
fn origin(conn: &mut Conn, id: MessageId) -> Result<Origin> {
    let one = said::table.inner_join(chats::table).filter(said::id.eq(id));
    let one = one.select((said::forwarded_id, said::forwarded_public, chats::visibility));
    let (first, public, visibility): (Option<MessageId>, bool, String) = one.first(conn)?;
    match Origin::of(first, public) {
        Some(origin) => Ok(origin),
        None => Ok(Origin { id, public: ChatVisibility::parse_word(&visibility)? == ChatVisibility::Public }),
    }
}

/// The code of the refusal of a caller who sends too much.
const PACED: &str = "rate.limited";

fn outcome(sent: Result<Made<Message>>) -> Result<Result<MessageId, Refused>> {
    Ok(match sent {
        Ok(sent) => Ok(sent.into_inner().id),
        Err(Error::Refused(refusal) | Error::Explained { refusal, .. }) => Err(Refused(refusal.code.to_owned(), None)),
        Err(Error::TooEarly { refusal, until }) => Err(Refused(refusal.code.to_owned(), Some(until))),
        Err(error) => return Err(error),
    })
}

/// The answer, with the messages as they are now.
pub fn again(tx: &mut Tx<'_>, ctx: &Ctx, stored: &Stored) -> Result<Forwards> {
    let mut items = Vec::with_capacity(stored.0.len());
    for (chat_id, sent) in &stored.0 {
        let sent = match sent {
            Ok(id) => match messages::one(tx.conn, None, ctx.user()?, ctx.now, *id) {
                Ok(mut message) => {
                    conceal(&mut message, ctx.now);
                    Ok(message)
                }
                Err(error) if error.is_ours() => return Err(error),
                // The caller has left the chat since.
                Err(_) => Err(Problem::of(CHAT_UNKNOWN.code.to_owned())),
            },
            Err(Refused(code, until)) => {
                let mut problem = Problem { until: *until, ..Problem::of(code.clone()) };
                if code == PACED {
                    problem.title = Limit::Messages.says().to_owned();
                }
                Err(problem)
            }
        };
        let (message, problem) = match sent {
            Ok(message) => (Some(message), None),
            Err(problem) => (None, Some(problem)),
        };
        items.push(Forward { chat_id: *chat_id, message, problem });
    }
    Ok(Forwards { items })
}
