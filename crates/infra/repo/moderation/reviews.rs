//! What filters caught: kept until somebody decides about it.

use std::collections::{HashMap, HashSet};

use clowder_core::{
    ChatId, Ctx, Error, FileId, Id, MessageId, Page, PageRequest, Refusal, Result, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use clowder_messaging::{
    Change, Lifetime, Message,
    change::ReviewWaiting,
    invitations::MOST_TOLD,
    moderation::{LISTED_FOR, MOST_FLAGGED, MOST_HELD, MOST_HELD_IN_CHAT, Review, ReviewId, ReviewType, rules::Caught},
    policy::{Action, allow},
    polls::{Ballot, NewPoll, ask},
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
        among::AmongIds,
        audit,
        cards::Cards,
        chats::hold::{IS_STAFF, hold_any},
        db::Tx,
        dialect::{self, Conn},
        fragment::Fragment,
        messaging::{mentioned, messages, removed::ENTERED_FROM},
        upkeep::forget,
    },
    files,
};
use crate::domains::{
    accounts::users,
    messaging::{Origin, ReviewRow, message_reviews as table, messages as said, participants, said as all_said},
};

/// The conditions of the indexes, as constant text, so that the databases use them: what a chat and what the server
/// decides, and what was not sent and what was.
const OF_CHAT: Fragment<Bool> = Fragment::new("(NOT message_reviews.by_server)");
const OF_SERVER: Fragment<Bool> = Fragment::new("(message_reviews.by_server)");
const HELD: Fragment<Bool> = Fragment::new("(message_reviews.kind = 'held')");
const FLAGGED: Fragment<Bool> = Fragment::new("(message_reviews.kind = 'flagged')");

/// Forgets what nobody has decided about for long. Ids begin with their time, so the first rows are the oldest.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    Ok(forget!(tx, table by id: ReviewId, table::id.lt(first_at(ctx.now.minus(LISTED_FOR)))))
}

/// All ids that were made before this time are less.
fn first_at(time: Timestamp) -> ReviewId {
    let millis = u128::from((time.as_micros() / 1_000).unsigned_abs());
    Id::from_uuid(Uuid::from_u128(millis << 80))
}

/// A message that a filter keeps from being sent.
pub struct Held<'s> {
    pub chat: ChatId,
    pub sender: UserId,
    pub content: &'s str,
    pub client_id: Option<&'s str>,
    pub lifetime: Option<Lifetime>,
    /// Whom it mentions beside its text.
    pub mentions: &'s [UserId],
    pub attachments: &'s [FileId],
    pub reply_to: Option<MessageId>,
    pub thread_of: Option<MessageId>,
    pub forwarded: Option<Origin>,
    pub poll: Option<&'s NewPoll>,
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
/// once. Answers what the sender is told, and what those who decide are.
pub fn keep_back(tx: &mut Tx<'_>, ctx: &Ctx, held: &Held<'_>) -> Result<(Refusal, Vec<Change>)> {
    let in_chat = || table::table.filter(table::chat_id.eq(held.chat)).filter(HELD);
    let own = || in_chat().filter(table::user_id.eq(held.sender));
    let same = own().filter(table::fingerprint.eq(held.fingerprint.to_vec()));
    if diesel::select(exists(same)).get_result(tx.conn)? {
        return Ok((MESSAGE_HELD, Vec::new()));
    }
    if own().select(count_star()).first::<i64>(tx.conn)? >= MOST_HELD
        || in_chat().select(count_star()).first::<i64>(tx.conn)? >= MOST_HELD_IN_CHAT
    {
        return Ok((MESSAGE_REVIEWS, Vec::new()));
    }
    let mentions = (!held.mentions.is_empty()).then(|| serde_json::to_string(held.mentions)).transpose()?;
    let poll = held.poll.map(|poll| ask(ctx.now, poll.clone())).transpose()?;
    let poll = poll.map(|poll| serde_json::to_string(&Ballot::from(&*poll))).transpose()?;
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
        mentions,
        reply_id: held.reply_to,
        thread_id: held.thread_of,
        forwarded_id: held.forwarded.map(|from| from.id),
        forwarded_public: held.forwarded.is_some_and(|from| from.public),
        poll,
    };
    let told = told(tx.conn, &row)?;
    let id = row.id;
    diesel::insert_into(table::table).values(row).execute(tx.conn)?;
    files::keep(tx.conn, id, held.attachments)?;
    Ok((MESSAGE_HELD, told))
}

/// What those who decide for a chat are told of a message that is listed there from now on, if they may see it; what the
/// server decides, the chat does not learn.
fn told(conn: &mut Conn, row: &ReviewRow) -> Result<Vec<Change>> {
    if row.by_server {
        return Ok(Vec::new());
    }
    let staff: Vec<UserId> = participants::table
        .filter(participants::chat_id.eq(row.chat_id))
        .filter(IS_STAFF)
        .filter(ENTERED_FROM.lt(row.seq.unwrap_or(i64::MAX)))
        .order((participants::joined_at, participants::user_id))
        .limit(MOST_TOLD)
        .select(participants::user_id)
        .load(conn)?;
    let waiting = ReviewWaiting { chat_id: row.chat_id, review_id: row.id, kind: ReviewType::parse_word(&row.kind)? };
    Ok(staff.into_iter().map(|to| Change::ReviewWaiting(to, waiting)).collect())
}

/// Lists a message for review that has been sent, or edited; answers what those who decide are told.
pub fn flag(tx: &mut Tx<'_>, message: &Message, caught: Caught) -> Result<Vec<Change>> {
    let own = table::table.filter(table::chat_id.eq(message.chat_id).and(table::user_id.eq(message.sender.id)));
    if caught.by_server {
        // What the chat has listed already is for the server to decide from now on.
        let same = own.filter(FLAGGED).filter(table::seq.eq(message.seq));
        if diesel::update(same).set(table::by_server.eq(true)).execute(tx.conn)? > 0 {
            return Ok(Vec::new());
        }
    }
    // Each has room of its own, so that what a chat lists keeps nothing from the server.
    let listed = own.filter(FLAGGED).filter(table::by_server.eq(caught.by_server)).select(count_star());
    if listed.first::<i64>(tx.conn)? >= MOST_FLAGGED {
        return Ok(Vec::new());
    }
    let row = flagged_row(message, caught);
    let told = told(tx.conn, &row)?;
    let new = diesel::insert_into(table::table).values(row).on_conflict_do_nothing().execute(tx.conn)?;
    Ok(if new > 0 { told } else { Vec::new() })
}

/// The same for messages that have just been sent, with few statements for all of them.
pub fn flag_all<'s>(tx: &mut Tx<'_>, flagged: &[(&'s Ctx, Box<Message>, Caught)]) -> Result<Vec<(&'s Ctx, Change)>> {
    if flagged.is_empty() {
        return Ok(Vec::new());
    }
    let chats: HashSet<ChatId> = flagged.iter().map(|(_, message, _)| message.chat_id).collect();
    let senders: HashSet<UserId> = flagged.iter().map(|(_, message, _)| message.sender.id).collect();
    let listed = table::table.filter(table::chat_id.among(&chats)).filter(table::user_id.among(&senders));
    let listed = listed.filter(FLAGGED).group_by((table::chat_id, table::user_id, table::by_server));
    let listed: Vec<(ChatId, UserId, bool, i64)> =
        listed.select((table::chat_id, table::user_id, table::by_server, count_star())).load(tx.conn)?;
    let mut counts: HashMap<_, _> =
        listed.into_iter().map(|(chat, sender, by_server, n)| ((chat, sender, by_server), n)).collect();
    let (mut rows, mut changes) = (Vec::new(), Vec::new());
    for (ctx, message, caught) in flagged {
        let count = counts.entry((message.chat_id, message.sender.id, caught.by_server)).or_default();
        if *count < MOST_FLAGGED {
            *count += 1;
            let row = flagged_row(message, *caught);
            changes.extend(told(tx.conn, &row)?.into_iter().map(|change| (*ctx, change)));
            rows.push(row);
        }
    }
    if !rows.is_empty() {
        diesel::insert_into(table::table).values(rows).execute(tx.conn)?;
    }
    Ok(changes)
}

fn flagged_row(message: &Message, caught: Caught) -> ReviewRow {
    ReviewRow {
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
        mentions: None,
        reply_id: None,
        thread_id: None,
        forwarded_id: None,
        forwarded_public: false,
        poll: None,
    }
}

/// Forgets what was kept back of people who leave a locked chat, or whose messages there are deleted.
pub fn forget_held(tx: &mut Tx<'_>, chat: ChatId, people: &[UserId]) -> Result<()> {
    let theirs = table::table.filter(table::chat_id.eq(chat).and(table::user_id.among(people))).filter(HELD);
    tx.deleted_text |= diesel::delete(theirs).execute(tx.conn)? > 0;
    Ok(())
}

/// Takes messages of locked chats out of the list, because they are gone: they count no more, and there is nothing to
/// decide.
pub fn unlist(tx: &mut Tx<'_>, gone: &[Message]) -> Result<()> {
    if let [message] = gone {
        let this = table::table.filter(table::chat_id.eq(message.chat_id)).filter(FLAGGED);
        let this = this.filter(table::user_id.eq(message.sender.id)).filter(table::seq.eq(message.seq));
        diesel::delete(this).execute(tx.conn)?;
        return Ok(());
    }
    // Hardly ever is one of them listed, so most pieces of a sweep only look.
    let chats: HashSet<ChatId> = gone.iter().map(|message| message.chat_id).collect();
    let (people, seqs): (HashSet<UserId>, HashSet<i64>) =
        gone.iter().map(|message| (message.sender.id, message.seq)).unzip();
    let seqs: Vec<i64> = seqs.into_iter().collect();
    let listed = table::table.filter(table::chat_id.among(&chats)).filter(FLAGGED);
    let listed = listed.filter(table::user_id.among(&people)).filter(table::seq.eq_any(seqs));
    let listed: Vec<(ReviewId, ChatId, Option<i64>)> =
        listed.select((table::id, table::chat_id, table::seq)).load(tx.conn)?;
    if listed.is_empty() {
        return Ok(());
    }
    let gone: HashSet<(ChatId, i64)> = gone.iter().map(|message| (message.chat_id, message.seq)).collect();
    let listed = listed.into_iter().filter_map(|(id, chat, seq)| Some((id, (chat, seq?))));
    let ids: Vec<ReviewId> = listed.filter(|(_, place)| gone.contains(place)).map(|(id, _)| id).collect();
    if !ids.is_empty() {
        diesel::delete(table::table.filter(table::id.eq_any(ids))).execute(tx.conn)?;
    }
    Ok(())
}

/// How many wait for a chat to decide, of those that somebody in it sees.
pub fn count(conn: &mut Conn, chat: ChatId, viewer: UserId) -> Result<i64> {
    let from = entered_from(conn, chat, viewer)?;
    let own = table::table.filter(table::chat_id.eq(chat)).filter(OF_CHAT);
    let own = own.filter(table::seq.is_null().or(table::seq.gt(from)));
    Ok(own.select(count_star()).first(conn)?)
}

/// After which message somebody sees what is said in a chat, whatever they have cleared since; whoever is not in it sees
/// nothing.
fn entered_from(conn: &mut Conn, chat: ChatId, viewer: UserId) -> Result<i64> {
    let from = participants::table.find((chat, viewer)).select(ENTERED_FROM);
    Ok(from.first::<i64>(conn).optional()?.unwrap_or(i64::MAX))
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
            let from = entered_from(conn, chat, viewer)?;
            query = query.filter(table::seq.is_null().or(table::seq.gt(from)));
        }
        None => query = query.filter(OF_SERVER),
    }
    if let Some(last) = page.id()? {
        let last: ReviewId = last;
        query = query.filter(table::id.gt(last));
    }
    let rows: Vec<ReviewRow> = query.load(conn)?;
    let (cards, flagged) = (Cards::of(conn, None, rows.iter().map(|row| row.user_id))?, flagged(conn, now, &rows)?);
    let mut files = files::of(conn, &rows)?;
    let reviews = rows.into_iter().map(|row| {
        let message = row.seq.and_then(|seq| flagged.get(&(row.chat_id, seq)));
        let attachments = files.remove(&row.id).unwrap_or_default();
        let review = Review { attachments, ..review(row, &cards, message)? };
        let bare = |review: Review| Review { content: None, mentions: Vec::new(), attachments: Vec::new(), ..review };
        Ok(if chat.is_some() { review } else { bare(review) })
    });
    Page::fill(reviews, page, |review: &Review| review.id.to_string())
}

/// What somebody has written that was not sent, whoever decides about it. One that is over is only not swept yet.
pub fn own(conn: &mut Conn, now: Timestamp, viewer: UserId, page: &PageRequest) -> Result<Page<Review>> {
    let mut query = table::table.filter(table::user_id.eq(viewer)).filter(HELD).order(table::id).into_boxed();
    query = query.filter(table::id.ge(first_at(now.minus(LISTED_FOR))));
    if let Some(last) = page.id()? {
        let last: ReviewId = last;
        query = query.filter(table::id.gt(last));
    }
    let rows: Vec<ReviewRow> = query.limit(page.fetch()).select(ReviewRow::as_select()).load(conn)?;
    let (cards, mut files) = (Cards::of(conn, None, [viewer])?, files::of(conn, &rows)?);
    let reviews = rows.into_iter().map(|row| {
        let attachments = files.remove(&row.id).unwrap_or_default();
        Ok(Review { attachments, ..review(row, &cards, None)? })
    });
    Page::fill(reviews, page, |review: &Review| review.id.to_string())
}

/// Its author takes back what was not sent. Whoever decides about it holds the chat, so it is either taken back or decided.
pub fn withdraw(tx: &mut Tx<'_>, ctx: &Ctx, id: ReviewId) -> Result<()> {
    let own = table::table.find(id).filter(table::user_id.eq(ctx.user()?)).filter(HELD);
    let chat = own.select(table::chat_id).first::<ChatId>(tx.conn).optional()?.ok_or(REVIEW_UNKNOWN)?;
    hold_any(tx, ctx, chat, &[]).map_err(|error| match error {
        Error::Refused(CHAT_UNKNOWN) => REVIEW_UNKNOWN.into(),
        error => error,
    })?;
    if diesel::delete(own).execute(tx.conn)? == 0 {
        return Err(REVIEW_UNKNOWN.into());
    }
    tx.deleted_text = true;
    Ok(())
}

/// A message that is listed, as it is now; of one whose time is over, nobody sees the text any more.
struct Flagged {
    id: MessageId,
    version: i64,
    content: Option<String>,
    mentions: Vec<UserId>,
}

/// A message with its type and what it asks, and when its time is over.
type Said = (i64, MessageId, i64, String, Option<String>, Option<String>, Option<Timestamp>);

fn flagged(conn: &mut Conn, now: Timestamp, rows: &[ReviewRow]) -> Result<HashMap<(ChatId, i64), Flagged>> {
    let mut places = HashMap::<ChatId, Vec<i64>>::new();
    for row in rows {
        places.entry(row.chat_id).or_default().extend(row.seq);
    }
    let mut found = HashMap::new();
    // In the list of a chat it is one query, in that of the server one for each chat of the page.
    for (chat, seqs) in places.into_iter().filter(|(_, seqs)| !seqs.is_empty()) {
        let some = said::table.filter(said::chat_id.eq(chat).and(said::seq.eq_any(seqs)));
        let some =
            some.select((said::seq, said::id, said::version, said::kind, said::content, said::data, said::expires_at));
        let some: Vec<Said> = some.load(conn)?;
        for (seq, id, version, kind, content, data, ends) in some {
            let content = all_said(&kind, content, data.as_deref())?;
            let content = content.filter(|_| ends.is_none_or(|ends| ends > now));
            found.insert((chat, seq), Flagged { id, version, content, mentions: Vec::new() });
        }
    }
    let shown = found.iter().filter(|(_, message)| message.content.is_some()).map(|(place, _)| *place);
    for row in mentioned::given_at(conn, &shown.collect::<Vec<_>>())? {
        if let Some(message) = found.get_mut(&(row.chat_id, row.seq)) {
            message.mentions.push(row.user_id);
        }
    }
    Ok(found)
}

fn review(row: ReviewRow, cards: &Cards, message: Option<&Flagged>) -> Result<Review> {
    let said = row.said()?;
    let held: Option<Vec<UserId>> = row.mentions.as_deref().map(serde_json::from_str).transpose()?;
    Ok(Review {
        id: row.id,
        chat_id: row.chat_id,
        kind: ReviewType::parse_word(&row.kind)?,
        sender: cards.card(row.user_id)?,
        content: said.or_else(|| message?.content.clone()),
        message_id: message.map(|message| message.id),
        seq: row.seq,
        mentions: held.or_else(|| Some(message?.mentions.clone())).unwrap_or_default(),
        attachments: Vec::new(),
        created_at: row.created_at,
        // What is held cannot be edited.
        version: message.map_or(1, |message| message.version),
    })
}

/// What is listed under this id for the caller in a chat, or for the server.
pub fn find(conn: &mut Conn, ctx: &Ctx, chat: Option<ChatId>, id: ReviewId) -> Result<(ReviewRow, Review)> {
    let from = match chat {
        Some(chat) => entered_from(conn, chat, ctx.user()?)?,
        None => 0,
    };
    let row = table::table.find(id).select(ReviewRow::as_select()).first(conn).optional()?;
    let row: ReviewRow = row
        .filter(|row: &ReviewRow| match chat {
            Some(chat) => row.chat_id == chat && !row.by_server && row.seq.is_none_or(|seq| seq > from),
            None => row.by_server,
        })
        .ok_or(REVIEW_UNKNOWN)?;
    let (cards, flagged) = (Cards::of(conn, None, [row.user_id])?, flagged(conn, ctx.now, std::slice::from_ref(&row))?);
    let attachments = files::of(conn, std::slice::from_ref(&row))?.remove(&row.id).unwrap_or_default();
    let review = Review { attachments, ..review(row.clone(), &cards, flagged.values().next())? };
    Ok((row, review))
}

pub fn examine(tx: &mut Tx<'_>, ctx: &Ctx, id: ReviewId) -> Result<Review> {
    let (row, review) = find(tx.conn, ctx, None, id)?;
    let entry = Entry::new("message_review.read").on(Target::of("message_review", id)).about(row.user_id);
    audit::record(tx, ctx, &entry.after(json!({"chat_id": row.chat_id})))?;
    Ok(review)
}
