//! Decides about what filters caught: a held message is sent or thrown away, a flagged one stays or is deleted.

use std::collections::HashSet;

use clowder_core::{
    Actor, ChatId, Ctx, Error, FileId, Id, MessageId, Refusal, Result, Role, Timestamp, UserId, Versions, Via,
    audit::{Entry, Target},
};
use clowder_messaging::{
    Change, Lifetime, Message, Status,
    attachments::{attach, attach_forwarded, type_of},
    edit::without_text,
    lifetimes::of_message,
    mentions::Marks,
    moderation::{
        FilterAction, NewReviewVerdict, Review, ReviewId, ReviewVerb, SanctionType,
        rules::{self, Outcome, SenderFacts},
    },
    policy::{Action, allow},
    polls::{Ballot, SentType},
    read::are_shown,
    refusals::{CHAT_UNKNOWN, MESSAGE_UNSENDABLE, REVIEW_UNKNOWN},
    relations::{ForwardedFrom, relate},
};
use diesel::{dsl::exists, prelude::*};
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{
        audit,
        cards::Cards,
        chats::hold::{self, hold, role},
        db::Tx,
        dialect::{self, Conn},
        journal,
        lifetimes::starting,
        messaging::{attached, edit, mentioned, messages, previews},
        polls,
        relations::threads::{self, Answered},
        scheduled::due,
    },
    files,
    reviews::{find, flag},
    sanctions,
    screening::{Look, Reading, caught_by_server},
};
use crate::{
    domains::messaging::{
        ClientIdRow, FaceRow, MessageRow, NewMessageRow, Origin, ReviewRow, chats, message_client_ids,
        message_reviews as table, messages as said, participants,
    },
    keys::Keys,
};

/// What has become of a decision.
pub enum Decided {
    Done,
    /// It has changed something, but not what was asked for.
    Refused(Refusal),
    /// Nothing is decided, because somebody has to look at the text first.
    Unread,
}

/// The text of a held message about which the caller decides in a chat.
pub fn held(conn: &mut Conn, ctx: &Ctx, chat: ChatId, id: ReviewId) -> Result<Option<String>> {
    match find(conn, ctx, Some(chat), id) {
        Ok((row, _)) => row.said(),
        Err(error) if error.is_ours() => Err(error),
        // The decision says why.
        Err(_) => Ok(None),
    }
}

pub fn decide(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: Option<ChatId>,
    id: ReviewId,
    version: Option<&Versions>,
    new: NewReviewVerdict,
    reading: &Reading,
) -> Result<Decided> {
    // Whose account and which chat is locked depends on it; it is read again below.
    let (row, _) = match chat {
        // Whoever may not see the chat learns nothing of what is in it.
        Some(chat) if role(tx.conn, chat, ctx.user()?)?.is_none() => return Err(CHAT_UNKNOWN.into()),
        chat => match find(tx.conn, ctx, chat, id) {
            Ok(found) => found,
            Err(error) => return unknown(tx, ctx, chat, error).map(|()| Decided::Done),
        },
    };
    let sender = row.user_id;
    if let (ReviewVerb::Approve, Some(client_id)) = (new.action, &row.client_id) {
        // Before all other locks, like everybody who writes a client id.
        dialect::lock_claim(tx.conn, claim_of(&tx.services.keys, sender, client_id))?;
    }
    let face = match chat {
        Some(chat) => {
            let held = hold(tx, ctx, chat, &[sender])?;
            allow(held.seat, Action::Review)?;
            held.row
        }
        None => hold::hold_any(tx, ctx, row.chat_id, &[sender])?.1,
    };
    let (row, review) = find(tx.conn, ctx, chat, id)?;
    let facts = sender_now(tx.conn, ctx.now, &face, sender)?;
    let outcome = rules::decide(Some(&review), version, new.action, facts, ctx.now)?;
    // A chat does not let through what the server would not.
    let caught = match screening(tx, &row, outcome, chat.is_some(), reading)? {
        Look::Found(caught) => caught,
        Look::Unread => return Ok(Decided::Unread),
    };
    match caught.map(|caught| caught.action) {
        Some(FilterAction::Block) => return Err(MESSAGE_UNSENDABLE.into()),
        Some(FilterAction::Hold) => {
            diesel::update(table::table.find(id)).set(table::by_server.eq(true)).execute(tx.conn)?;
            return Ok(Decided::Refused(MESSAGE_UNSENDABLE));
        }
        Some(FilterAction::Flag) | None => {}
    }
    let attachments = files::kept(tx.conn, id)?;
    if diesel::delete(table::table.find(id)).execute(tx.conn)? == 0 {
        // Its time is over, and the sweep was faster.
        return Err(REVIEW_UNKNOWN.into());
    }
    tx.deleted_text = true;
    let entry = match new.action {
        ReviewVerb::Approve => Entry::new("message_review.approved"),
        ReviewVerb::Reject => Entry::new("message_review.rejected"),
    };
    // What a chat decides is about the chat, whose staff may read it.
    let target = chat.map_or(Target::of("message_review", id), |chat| Target::of("chat", chat));
    let after = json!({"chat_id": row.chat_id, "review_id": id, "reason": new.reason.as_str()});
    audit::record(tx, ctx, &entry.on(target).about(sender).after(after))?;
    let author = ctx.by(Actor::User { id: sender, via: Via::Session(Id::from_uuid(Uuid::nil())), role: Role::User });
    match outcome {
        Outcome::Keep => {}
        Outcome::Send => {
            let message = send(tx, ctx, row, &face, &attachments)?;
            if let Some(caught) = caught {
                // Only that of the server is asked, of which the chat learns nothing.
                flag(tx, &message, caught)?;
            }
            journal::append(tx, &author, &Change::MessageSent(Box::new(message.for_everybody())))?;
        }
        Outcome::Discard | Outcome::Delete => {
            // What the server decides, the chat sees as if the author had done it.
            let (by, teller) = if chat.is_some() { (ctx.user()?, ctx) } else { (sender, &author) };
            let deleted = if outcome == Outcome::Delete { delete(tx, ctx, &review, by)? } else { None };
            let (place, reason) = (row.chat_id, new.reason.into_string());
            let noted = sanctions::note(tx, ctx, place, sender, SanctionType::Rejection, reason)?;
            let mut told: Vec<(&Ctx, &Change)> = deleted.iter().map(|change| (teller, change)).collect();
            told.extend(noted.iter().map(|change| (ctx, change)));
            journal::append_all(tx, &told)?;
        }
    }
    Ok(Decided::Done)
}

/// What the filter of the server finds in a message that a chat is about to send.
fn screening(tx: &mut Tx<'_>, row: &ReviewRow, outcome: Outcome, by_chat: bool, reading: &Reading) -> Result<Look> {
    if outcome != Outcome::Send || !by_chat {
        return Ok(Look::Found(None));
    }
    if !reading.is_of(row.said()?.as_deref()) {
        return Err(Error::unavailable("the message was not there a moment ago"));
    }
    caught_by_server(tx, row.chat_id, reading)
}

/// There is no such thing: whoever may not decide is told so first.
fn unknown(tx: &mut Tx<'_>, ctx: &Ctx, chat: Option<ChatId>, error: Error) -> Result<()> {
    if let Some(chat) = chat {
        allow(hold(tx, ctx, chat, &[])?.seat, Action::Review)?;
    }
    Err(error)
}

/// What a locked chat lets the sender of a message do now.
fn sender_now(conn: &mut Conn, now: Timestamp, chat: &FaceRow, sender: UserId) -> Result<SenderFacts> {
    let mut place: Option<(String, Option<Timestamp>)> = None;
    if hold::is_alive(conn, sender)? {
        let one = participants::table.find((chat.id, sender));
        place = one.select((participants::role, participants::silent_until)).first(conn).optional()?;
    }
    let seat = place.as_ref().map(|(role, _)| messages::seat(chat, role)).transpose()?;
    // Whose account is suspended writes nothing anywhere.
    let suspended = !due::suspended(conn, now, HashSet::from([sender]))?.is_empty();
    Ok(SenderFacts { seat, closed: chat.closed || suspended, silent_until: place.and_then(|(_, until)| until) })
}

/// The claim on a client id, as sends compute it (`PendingSend::new`).
fn claim_of(keys: &Keys, sender: UserId, client_id: &str) -> i64 {
    let print = keys.fingerprint(&[b"client id", sender.uuid().as_bytes(), client_id.as_bytes()]);
    i64::from_be_bytes(std::array::from_fn(|index| print[index]))
}

/// Gives a message its place at the end of a locked chat.
fn send(tx: &mut Tx<'_>, ctx: &Ctx, row: ReviewRow, face: &FaceRow, attachments: &[FileId]) -> Result<Message> {
    let (chat, sender) = (row.chat_id, row.user_id);
    let text = row.content.clone().unwrap_or_default();
    let given: Vec<UserId> = row.mentions.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    let role: String = participants::table.find((chat, sender)).select(participants::role).first(tx.conn)?;
    let seat = messages::seat(face, &role)?;
    let end = (chats::last_seq, chats::active_at, chats::lifetime, chats::participant_count);
    let (last_seq, active_at, lifetime, people): (i64, Timestamp, Option<i64>, i64) =
        chats::table.find(chat).select(end).first(tx.conn)?;
    let created_at = ctx.now.max(active_at);
    let stay = of_message(row.lifetime.map(Lifetime::from_number), lifetime.map(Lifetime::from_number));
    // Its sender may have used the id for another message since.
    let client_id = match &row.client_id {
        Some(client_id) => {
            let used = message_client_ids::table.find((sender, client_id));
            let used: bool = diesel::select(exists(used)).get_result(tx.conn)?;
            row.client_id.clone().filter(|_| !used)
        }
        None => None,
    };
    // A poll that closes at a time is not opened after it.
    let ballot: Option<Ballot> = row.poll.as_deref().map(serde_json::from_str).transpose()?;
    if ballot.as_ref().is_some_and(|ballot| ballot.ended(None, ctx.now).is_some()) {
        return Err(MESSAGE_UNSENDABLE.into());
    }
    // Nothing is marked in a poll.
    let wanted = ballot.is_none().then(|| mentioned::wanted(&text, &given));
    let marks = match &wanted {
        Some(wanted) => mentioned::marks(tx.conn, (chat, last_seq + 1), &text, wanted, (seat.role, seat.rights))?,
        None => Marks::default(),
    };
    // What it replies to may be gone; without its thread, it has no place.
    let names = (row.reply_id, row.thread_id);
    let targets = threads::targets(tx.conn, chat, sender, names)?;
    let root = targets.thread_of.clone();
    let related = relate(ctx.now, names, targets, true).map_err(|_| Error::from(MESSAGE_UNSENDABLE))?;
    // What only pointed to a file that is gone cannot be sent.
    let files = attached::held(tx.conn, attachments)?;
    let attachments = match row.forwarded_id {
        Some(_) => attach_forwarded(attachments, &files, !text.is_empty()),
        None => attach(attachments, &files, sender, &[]),
    };
    let attachments = attachments.map_err(|_| Error::from(MESSAGE_UNSENDABLE))?;
    let kind = if ballot.is_some() { SentType::Poll } else { type_of(None, &attachments, &files)? };
    let message = Message {
        id: MessageId::new(ctx.now),
        chat_id: chat,
        seq: last_seq + 1,
        kind: kind.into(),
        sender: Cards::of(tx.conn, None, [sender])?.card(sender)?,
        content: row.content,
        status: Status::Sent,
        client_id,
        created_at,
        edited_at: None,
        deleted_at: None,
        version: 1,
        hidden: false,
        muted: false,
        pinned: false,
        attachments,
        reactions: Vec::new(),
        entities: marks.entities,
        mentions: marks.people,
        previews: Vec::new(),
        reply_to: related.reply_to,
        thread_of: related.thread_of,
        thread: None,
        forwarded_from: row.forwarded_id.map(|_| Box::new(ForwardedFrom::UNKNOWN)),
        lifetime: stay.lifetime,
        expires_at: stay.end(created_at, are_shown(people)),
        system: None,
        poll: ballot.map(|ballot| Box::new(ballot.into())),
    };
    let origin = Origin::of(row.forwarded_id, row.forwarded_public);
    let new = NewMessageRow::new(&message)?.forwarded(origin);
    diesel::insert_into(said::table).values(new).execute(tx.conn)?;
    mentioned::write(tx.conn, wanted.iter().map(|wanted| (&message, wanted.given())))?;
    attached::write(tx, std::iter::once(&message))?;
    polls::open(tx.conn, std::iter::once(&message))?;
    previews::order(tx, ctx, &message)?;
    let answered = root.map(|root| Answered::new(chat, &root, (sender, message.seq, message.created_at)));
    threads::keep(tx.conn, answered.as_slice())?;
    if let (Some(client_id), Some(fingerprint)) = (message.client_id.clone(), row.fingerprint) {
        let used = ClientIdRow { sender_id: sender, client_id, message_id: message.id, fingerprint };
        diesel::insert_into(message_client_ids::table).values(used).execute(tx.conn)?;
    }
    diesel::update(chats::table.find(chat))
        .set((chats::last_seq.eq(message.seq), chats::active_at.eq(message.created_at)))
        .execute(tx.conn)?;
    diesel::update(participants::table.find((chat, sender)))
        .set(participants::own_after_read.eq(participants::own_after_read + 1))
        .execute(tx.conn)?;
    starting::note_sent(tx.conn, std::iter::once(&message))?;
    Ok(message)
}

/// Deletes a message that was sent, in a locked chat.
fn delete(tx: &mut Tx<'_>, ctx: &Ctx, review: &Review, by: UserId) -> Result<Option<Change>> {
    let at = (review.chat_id, review.seq.unwrap_or_default());
    let row: Option<MessageRow> = said::table.find(at).select(MessageRow::as_select()).first(tx.conn).optional()?;
    let Some(row) = row else { return Ok(None) };
    let message = row.message(review.sender.clone(), Status::Sent, Vec::new())?;
    let Some(after) = without_text(ctx.now, message) else { return Ok(None) };
    Ok(Some(Change::MessageDeleted(edit::remove(tx, ctx, by, after)?)))
}
