//! What filters caught: kept until somebody decides about it.

use clowder_core::{
    Actor, ChatId, Ctx, Error, Id, MessageId, Page, PageRequest, Refusal, Result, Role, Timestamp, UserId, Via, Word,
    audit::{Entry, Target},
};
use clowder_messaging::{
    Change, Lifetime, Message, MessageType, Status,
    edit::without_text,
    lifetimes::{end_when_sent, of_message},
    moderation::{
        MOST_FLAGGED, MOST_HELD, NewReviewVerdict, Review, ReviewId, ReviewType, ReviewVerb, SanctionType,
        rules::{self, Caught, Outcome},
    },
    policy::{Action, allow},
    read::are_shown,
    refusals::{CHAT_UNKNOWN, MESSAGE_HELD, MESSAGE_REVIEWS, REVIEW_UNKNOWN},
    send::Fingerprint,
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
    sql_types::Bool,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    super::{
        audit,
        cards::Cards,
        chats::hold::{self, hold, role},
        db::Tx,
        dialect::{self, Conn},
        fragment::Fragment,
        journal,
        messaging::{edit, messages},
    },
    sanctions,
};
use crate::domains::{
    accounts::users,
    messaging::{
        ClientIdRow, MessageRow, NewMessageRow, ReviewRow, chats, message_client_ids, message_reviews as table,
        messages as said, participants,
    },
};

/// The conditions of the indexes of what a chat, and what the server decides, as constant text, so that the databases use
/// them.
const OF_CHAT: Fragment<Bool> = Fragment::new("(NOT message_reviews.by_server)");
const OF_SERVER: Fragment<Bool> = Fragment::new("(message_reviews.by_server)");

/// A message that a filter keeps from being sent.
pub struct Held<'s> {
    pub chat: ChatId,
    pub sender: UserId,
    pub content: &'s str,
    pub client_id: Option<&'s str>,
    pub lifetime: Option<Lifetime>,
    pub fingerprint: Fingerprint,
    pub caught: Caught,
}

/// Whether somebody's account stays as it is until the end of the transaction, without waiting for it.
pub fn keeps(tx: &mut Tx<'_>, user: UserId) -> Result<bool> {
    if dialect::accounts::keep_free_users(tx.conn, &[user])?.is_empty() {
        return Ok(false);
    }
    Ok(diesel::select(exists(users::table.find(user).filter(users::deleted_at.is_null()))).get_result(tx.conn)?)
}

/// Keeps a message in a locked chat, whose sender stays as they are, until somebody decides about it; the same one only
/// once. Answers what the sender is told.
pub fn keep_back(tx: &mut Tx<'_>, ctx: &Ctx, held: &Held<'_>) -> Result<Refusal> {
    let own = || {
        let own = table::table.filter(table::chat_id.eq(held.chat).and(table::user_id.eq(held.sender)));
        own.filter(table::kind.eq(ReviewType::Held.as_str()))
    };
    let same = own().filter(table::fingerprint.eq(held.fingerprint.to_vec()));
    if diesel::select(exists(same)).get_result(tx.conn)? {
        return Ok(MESSAGE_HELD);
    }
    if own().select(count_star()).first::<i64>(tx.conn)? >= MOST_HELD {
        return Ok(MESSAGE_REVIEWS);
    }
    let row = ReviewRow {
        id: ReviewId::new(ctx.now),
        chat_id: held.chat,
        user_id: held.sender,
        by_server: held.caught.by_server,
        kind: ReviewType::Held.as_str().to_owned(),
        seq: None,
        content: Some(held.content.to_owned()),
        client_id: held.client_id.map(str::to_owned),
        lifetime: held.lifetime.map(Lifetime::to_number),
        fingerprint: Some(held.fingerprint.to_vec()),
        created_at: ctx.now,
    };
    diesel::insert_into(table::table).values(row).execute(tx.conn)?;
    Ok(MESSAGE_HELD)
}

/// Lists a message for review that has been sent, or edited.
pub fn flag(tx: &mut Tx<'_>, message: &Message, caught: Caught) -> Result<()> {
    let own = table::table.filter(table::chat_id.eq(message.chat_id).and(table::user_id.eq(message.sender.id)));
    let listed = own.filter(table::kind.eq(ReviewType::Flagged.as_str())).select(count_star());
    if listed.first::<i64>(tx.conn)? >= MOST_FLAGGED {
        return Ok(());
    }
    let row = ReviewRow {
        id: ReviewId::new(message.edited_at.unwrap_or(message.created_at)),
        chat_id: message.chat_id,
        user_id: message.sender.id,
        by_server: caught.by_server,
        kind: ReviewType::Flagged.as_str().to_owned(),
        seq: Some(message.seq),
        content: None,
        client_id: None,
        lifetime: None,
        fingerprint: None,
        created_at: message.edited_at.unwrap_or(message.created_at),
    };
    diesel::insert_into(table::table).values(row).on_conflict_do_nothing().execute(tx.conn)?;
    Ok(())
}

/// How many wait for a chat to decide.
pub fn count(conn: &mut Conn, chat: ChatId) -> Result<i64> {
    let own = table::table.filter(table::chat_id.eq(chat)).filter(OF_CHAT);
    Ok(own.select(count_star()).first(conn)?)
}

/// `chat`: whose list it is; without one that of the server, which shows no texts.
pub fn list(
    conn: &mut Conn,
    now: Timestamp,
    viewer: UserId,
    chat: Option<ChatId>,
    page: &PageRequest,
) -> Result<Page<Review>> {
    let mut query = table::table.order(table::id).limit(page.fetch()).select(ReviewRow::as_select()).into_boxed();
    match chat {
        Some(chat) => {
            let membership = messages::Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
            allow(membership.seat, Action::Review)?;
            query = query.filter(table::chat_id.eq(chat)).filter(OF_CHAT);
        }
        None => query = query.filter(OF_SERVER),
    }
    if let Some(last) = page.id()? {
        let last: ReviewId = last;
        query = query.filter(table::id.gt(last));
    }
    let rows: Vec<ReviewRow> = query.load(conn)?;
    let (cards, flagged) = (Cards::of(conn, None, rows.iter().map(|row| row.user_id))?, flagged(conn, now, &rows)?);
    let reviews = rows.into_iter().map(|row| {
        let message = row.seq.and_then(|seq| flagged.iter().find(|(of, at, ..)| (*of, *at) == (row.chat_id, seq)));
        let review = review(row, &cards, message)?;
        Ok(if chat.is_some() { review } else { Review { content: None, ..review } })
    });
    Page::fill(reviews, page, |review: &Review| review.id.to_string())
}

type Flagged = (ChatId, i64, MessageId, Option<String>);

/// The messages that are listed; of one whose time is over, nobody sees the text any more.
fn flagged(conn: &mut Conn, now: Timestamp, rows: &[ReviewRow]) -> Result<Vec<Flagged>> {
    let mut chats: Vec<ChatId> = rows.iter().filter(|row| row.seq.is_some()).map(|row| row.chat_id).collect();
    chats.sort_unstable();
    chats.dedup();
    let mut found = Vec::new();
    // In the list of a chat it is one query, in that of the server one for each chat of the page.
    for chat in chats {
        let seqs: Vec<i64> = rows.iter().filter(|row| row.chat_id == chat).filter_map(|row| row.seq).collect();
        let some = said::table.filter(said::chat_id.eq(chat).and(said::seq.eq_any(seqs)));
        let some = some.select((said::chat_id, said::seq, said::id, said::content, said::expires_at));
        let some: Vec<(ChatId, i64, MessageId, Option<String>, Option<Timestamp>)> = some.load(conn)?;
        let shown = |(chat, seq, id, content, ends): (_, _, _, Option<String>, Option<Timestamp>)| {
            (chat, seq, id, content.filter(|_| ends.is_none_or(|ends| ends > now)))
        };
        found.extend(some.into_iter().map(shown));
    }
    Ok(found)
}

fn review(row: ReviewRow, cards: &Cards, message: Option<&Flagged>) -> Result<Review> {
    Ok(Review {
        id: row.id,
        chat_id: row.chat_id,
        kind: ReviewType::parse_word(&row.kind)?,
        sender: cards.card(row.user_id)?,
        content: row.content.or_else(|| message?.3.clone()),
        message_id: message.map(|(_, _, id, _)| *id),
        seq: row.seq,
        created_at: row.created_at,
    })
}

/// What is listed under this id for a chat or for the server.
fn find(conn: &mut Conn, now: Timestamp, chat: Option<ChatId>, id: ReviewId) -> Result<(ReviewRow, Review)> {
    let row = table::table.find(id).select(ReviewRow::as_select()).first(conn).optional()?;
    let row: ReviewRow = row
        .filter(|row: &ReviewRow| match chat {
            Some(chat) => row.chat_id == chat && !row.by_server,
            None => row.by_server,
        })
        .ok_or(REVIEW_UNKNOWN)?;
    let (cards, flagged) = (Cards::of(conn, None, [row.user_id])?, flagged(conn, now, std::slice::from_ref(&row))?);
    let review = review(row.clone(), &cards, flagged.first())?;
    Ok((row, review))
}

pub fn examine(tx: &mut Tx<'_>, ctx: &Ctx, id: ReviewId) -> Result<Review> {
    let (row, review) = find(tx.conn, ctx.now, None, id)?;
    let entry = Entry::new("message_review.read").on(Target::of("message_review", id)).about(row.user_id);
    audit::record(tx, ctx, &entry.after(json!({"chat_id": row.chat_id})))?;
    Ok(review)
}

pub fn decide(tx: &mut Tx<'_>, ctx: &Ctx, chat: Option<ChatId>, id: ReviewId, new: NewReviewVerdict) -> Result<()> {
    // Whose account and which chat is locked depends on it; it is read again below.
    let (row, _) = match chat {
        // Whoever may not see the chat learns nothing of what is in it.
        Some(chat) if role(tx.conn, chat, ctx.user()?)?.is_none() => return Err(CHAT_UNKNOWN.into()),
        chat => match find(tx.conn, ctx.now, chat, id) {
            Ok(found) => found,
            Err(error) => return unknown(tx, ctx, chat, error),
        },
    };
    let sender = row.user_id;
    match chat {
        Some(chat) => allow(hold(tx, ctx, chat, &[sender])?.seat, Action::Review)?,
        None => {
            hold::hold_any(tx, ctx, row.chat_id, &[sender])?;
        }
    }
    let (row, review) = find(tx.conn, ctx.now, chat, id)?;
    let present = role(tx.conn, row.chat_id, sender)?.is_some() && is_there(tx.conn, sender)?;
    let outcome = rules::decide(Some(&review), new.action, present)?;
    tx.deleted_text |= diesel::delete(table::table.find(id)).execute(tx.conn)? > 0;
    let entry = match new.action {
        ReviewVerb::Approve => Entry::new("message_review.approved"),
        ReviewVerb::Reject => Entry::new("message_review.rejected"),
    };
    let entry = entry.on(Target::of("message_review", id)).about(sender);
    audit::record(tx, ctx, &entry.after(json!({"chat_id": row.chat_id, "reason": new.reason.as_str()})))?;
    let author = ctx.by(Actor::User { id: sender, via: Via::Session(Id::from_uuid(Uuid::nil())), role: Role::User });
    match outcome {
        Outcome::Keep => Ok(()),
        Outcome::Send => {
            let sent = send(tx, ctx, row)?;
            journal::append(tx, &author, &sent)
        }
        Outcome::Discard | Outcome::Delete => {
            let mut told = Vec::new();
            if outcome == Outcome::Delete {
                told.extend(delete(tx, ctx, &review)?);
            }
            told.push(sanctions::note(
                tx,
                ctx,
                row.chat_id,
                sender,
                SanctionType::Rejection,
                new.reason.into_string(),
            )?);
            journal::append_all(tx, &told.iter().map(|change| (ctx, change)).collect::<Vec<_>>())
        }
    }
}

/// There is no such thing: whoever may not decide is told so first.
fn unknown(tx: &mut Tx<'_>, ctx: &Ctx, chat: Option<ChatId>, error: Error) -> Result<()> {
    if let Some(chat) = chat {
        allow(hold(tx, ctx, chat, &[])?.seat, Action::Review)?;
    }
    Err(error)
}

fn is_there(conn: &mut Conn, user: UserId) -> Result<bool> {
    Ok(diesel::select(exists(users::table.find(user).filter(users::deleted_at.is_null()))).get_result(conn)?)
}

/// Gives a message its place at the end of a locked chat.
fn send(tx: &mut Tx<'_>, ctx: &Ctx, row: ReviewRow) -> Result<Change> {
    let (chat, sender) = (row.chat_id, row.user_id);
    let end = (chats::last_seq, chats::active_at, chats::lifetime, chats::participant_count);
    let (last_seq, active_at, lifetime, people): (i64, Timestamp, Option<i64>, i64) =
        chats::table.find(chat).select(end).first(tx.conn)?;
    let created_at = ctx.now.max(active_at);
    let lifetime = of_message(row.lifetime.map(Lifetime::from_number), lifetime.map(Lifetime::from_number));
    // Its sender may have used the id for another message since.
    let client_id = match &row.client_id {
        Some(client_id) => {
            let used = message_client_ids::table.find((sender, client_id));
            let used: bool = diesel::select(exists(used)).get_result(tx.conn)?;
            row.client_id.clone().filter(|_| !used)
        }
        None => None,
    };
    let message = Message {
        id: MessageId::new(ctx.now),
        chat_id: chat,
        seq: last_seq + 1,
        kind: MessageType::Text,
        sender: Cards::of(tx.conn, None, [sender])?.card(sender)?,
        content: row.content,
        status: Status::Sent,
        client_id,
        created_at,
        edited_at: None,
        deleted_at: None,
        version: 1,
        hidden: false,
        reactions: Vec::new(),
        lifetime,
        expires_at: end_when_sent(lifetime, created_at, are_shown(people)),
        system: None,
    };
    diesel::insert_into(said::table).values(NewMessageRow::new(&message)?).execute(tx.conn)?;
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
    Ok(Change::MessageSent(Box::new(message)))
}

/// Deletes a message that was sent, in a locked chat.
fn delete(tx: &mut Tx<'_>, ctx: &Ctx, review: &Review) -> Result<Option<Change>> {
    let at = (review.chat_id, review.seq.unwrap_or_default());
    let row: Option<MessageRow> = said::table.find(at).select(MessageRow::as_select()).first(tx.conn).optional()?;
    let Some(row) = row else { return Ok(None) };
    let message = row.message(review.sender.clone(), Status::Sent, Vec::new())?;
    let Some(after) = without_text(ctx.now, message) else { return Ok(None) };
    Ok(Some(Change::MessageDeleted(edit::remove(tx, ctx, ctx.user()?, after)?)))
}
