//! Scheduling a message, changing it and cancelling it.

use std::time::Duration;

use clowder_core::{ChatId, Ctx, FileId, Id, Refusal, Repeat, Result, TimeZone, Timestamp, UserId, Versions, Word};
use clowder_messaging::{
    Change, ChatRole, Lifetime, NewMessage, Rights, Scheduled,
    polls::NewPoll,
    refusals::{CHAT_UNKNOWN, SCHEDULED_UNKNOWN},
    scheduled::{
        self as rules, MOST_PAST, Plan, ScheduleFacts, ScheduledId, ScheduledPatch, ScheduledStatus, Stored, Verdict,
    },
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        journal,
        messaging::{attached, mentioned},
        relations::threads,
        user_keys,
    },
    stored,
};
use crate::{
    domains::{
        accounts::users,
        messaging::{
            FaceRow, ScheduledAttachmentRow, ScheduledRow, chats, message_client_ids, participants,
            scheduled_attachments as kept, scheduled_messages as table,
        },
    },
    keys::Keys,
    seal::UserKey,
};

/// Locks the author, and refuses whoever is erased.
fn hold_author(tx: &mut Tx<'_>, ctx: &Ctx, refusal: Refusal) -> Result<UserId> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let is_there = users::table.find(user).filter(users::deleted_at.is_null());
    if diesel::select(exists(is_there)).get_result::<bool>(tx.conn)? { Ok(user) } else { Err(refusal.into()) }
}

/// `first` is when it is sent first.
pub fn schedule(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    new: NewMessage,
    first: Option<Timestamp>,
) -> Result<Scheduled> {
    let user = hold_author(tx, ctx, CHAT_UNKNOWN)?;
    let client_key = client_key(&tx.services.keys, user, &new);
    let fingerprint = fingerprint(&tx.services.keys, chat, &new);
    let facts = facts(tx, user, chat, &new, client_key.as_deref(), fingerprint, first)?;
    let planned = match rules::decide(ctx.now, new, first, &facts)? {
        Verdict::New(planned) => planned,
        Verdict::Repeat(id) => return stored::one(tx.conn, &tx.services.ring, user, id),
    };
    forget_past(tx, user)?;
    let (id, key) = (Id::new(ctx.now), user_keys::of(tx, ctx, user)?);
    let row = ScheduledRow {
        id,
        user_id: user,
        chat_id: chat,
        status: ScheduledStatus::Waiting.as_str().to_owned(),
        send_at: planned.send_at,
        plan: stored::seal(&key, id, &planned.plan)?,
        client_key,
        fingerprint: fingerprint.to_vec(),
        message_id: None,
        problem: None,
        created_at: ctx.now,
        finished_at: None,
        version: 1,
    };
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    keep(tx.conn, id, &planned.plan.attachments)?;
    told(tx, ctx, row, planned.plan)
}

/// Finds a message of the same author by the id that they gave it, without containing it.
fn client_key(keys: &Keys, user: UserId, new: &NewMessage) -> Option<Vec<u8>> {
    let client_id = new.client_id.as_ref()?.as_str().as_bytes();
    Some(keys.fingerprint(&[b"scheduled client id", user.uuid().as_bytes(), client_id]).to_vec())
}

/// What the message is for, in which nothing may differ when it is scheduled again.
fn fingerprint(keys: &Keys, chat: ChatId, new: &NewMessage) -> [u8; 16] {
    let at = new.send_at.map_or(0, Timestamp::as_micros).to_be_bytes();
    let lifetime = new.lifetime.map_or(0, Lifetime::to_number).to_be_bytes();
    let repeat = new.repeat.as_ref().map_or("", Repeat::as_str);
    let zone = new.time_zone.as_ref().map_or("", TimeZone::as_str);
    let (place, content) = (chat.uuid(), new.content.as_str().as_bytes());
    let parts: [&[u8]; 6] = [place.as_bytes(), content, &at, &lifetime, repeat.as_bytes(), zone.as_bytes()];
    // Only if it has some, so that what was scheduled before messages had them is still found.
    let mentions = mentioned::print(&new.mentions);
    let poll = new.poll.as_deref().map(NewPoll::to_octets);
    let files = attached::print(&new.attachments, new.kind);
    let parts = parts.into_iter().chain(mentions.as_deref()).chain(poll.as_deref());
    let mut parts: Vec<_> = parts.chain(files.as_deref()).collect();
    let names = [("reply_to", new.reply_to), ("thread_of", new.thread_of)];
    let names = names.map(|(name, id)| id.map(|id| (name, id.uuid())));
    for (name, id) in names.iter().flatten() {
        parts.extend([name.as_bytes(), id.as_bytes()]);
    }
    let print = keys.fingerprint(&parts);
    std::array::from_fn(|index| print[index])
}

fn facts(
    tx: &mut Tx<'_>,
    user: UserId,
    chat: ChatId,
    new: &NewMessage,
    client_key: Option<&[u8]>,
    fingerprint: [u8; 16],
    first: Option<Timestamp>,
) -> Result<ScheduleFacts> {
    let (conn, most) = (&mut *tx.conn, tx.services.options.messaging.scheduled_per_person);
    let seat: Option<(String, FaceRow)> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .filter(chats::deleted_at.is_null())
        .select((participants::role, FaceRow::as_select()))
        .first(conn)
        .optional()?;
    let role = seat.as_ref().map(|(role, _)| ChatRole::parse_word(role)).transpose()?;
    let (rights, closed) = seat.map_or((0, false), |(_, face)| (face.rights, face.closed));
    let (mut earlier, mut used) = (None, false);
    if let (Some(client_key), Some(client_id)) = (client_key, &new.client_id) {
        let known = table::table.filter(table::user_id.eq(user).and(table::client_key.eq(client_key)));
        let known: Option<(ScheduledId, Vec<u8>)> =
            known.select((table::id, table::fingerprint)).first(conn).optional()?;
        // One of another length is of another version, and another message.
        earlier = known.map(|(id, print)| (id, print.try_into().unwrap_or_default()));
        let sent = message_client_ids::table.find((user, client_id.as_str()));
        used = diesel::select(exists(sent)).get_result(conn)?;
    }
    let waiting = table::table.filter(table::user_id.eq(user).and(table::status.eq(WAITING)));
    let waiting = waiting.select(count_star()).first(conn)?;
    let near = first.map_or(Ok(Vec::new()), |at| near(conn, user, chat, at))?.len();
    let targets = threads::targets(conn, chat, user, (new.reply_to, new.thread_of))?;
    let rights = Rights::from_bits(rights);
    let (author, files) = (user, attached::held(conn, &new.attachments)?);
    Ok(ScheduleFacts { role, rights, closed, earlier, fingerprint, used, waiting, most, near, targets, author, files })
}

/// The messages of somebody that wait for a chat less than a minute before or after a time.
fn near(conn: &mut Conn, user: UserId, chat: ChatId, at: Timestamp) -> Result<Vec<ScheduledId>> {
    let near = table::table.filter(table::user_id.eq(user).and(table::status.eq(WAITING)));
    let near = near.filter(table::send_at.gt(at.minus(MINUTE)).and(table::send_at.lt(at.plus(MINUTE))));
    Ok(near.filter(table::chat_id.eq(chat)).select(table::id).load(conn)?)
}

const WAITING: &str = "waiting";
const MINUTE: Duration = Duration::from_secs(60);

/// So that nobody's past grows without end.
fn forget_past(tx: &mut Tx<'_>, user: UserId) -> Result<()> {
    let past = table::table.filter(table::user_id.eq(user).and(table::status.ne(WAITING)));
    let count: i64 = past.select(count_star()).first(tx.conn)?;
    if count >= MOST_PAST {
        let first = past.order((table::finished_at, table::id)).limit(count - MOST_PAST + 1).select(table::id);
        let first: Vec<ScheduledId> = first.load(tx.conn)?;
        diesel::delete(table::table.filter(table::id.eq_any(first))).execute(tx.conn)?;
        tx.deleted_text = true;
    }
    Ok(())
}

/// Keeps these files, which stay until the end of the transaction, for a message that waits, in place of others.
pub fn keep(conn: &mut Conn, id: ScheduledId, files: &[FileId]) -> Result<()> {
    diesel::delete(kept::table.filter(kept::scheduled_id.eq(id))).execute(conn)?;
    let there: Vec<FileId> = if files.is_empty() { Vec::new() } else { attached::there(conn, files)? };
    for file_id in there {
        diesel::insert_into(kept::table).values(ScheduledAttachmentRow { scheduled_id: id, file_id }).execute(conn)?;
    }
    Ok(())
}

/// Tells the author's devices of a message as it is now.
fn told(tx: &mut Tx<'_>, ctx: &Ctx, row: ScheduledRow, plan: Plan) -> Result<Scheduled> {
    let user = row.user_id;
    let files = attached::found(tx.conn, &plan.attachments)?;
    let scheduled = stored::view(row, plan, &files)?;
    journal::append(tx, ctx, &Change::MessageScheduled(user, (&scheduled).into()))?;
    Ok(scheduled)
}

/// A message of the caller, locked; it cannot be sent meanwhile.
fn held(tx: &mut Tx<'_>, ctx: &Ctx, id: ScheduledId, new: &[FileId]) -> Result<(ScheduledRow, UserKey, Stored)> {
    let user = hold_author(tx, ctx, SCHEDULED_UNKNOWN)?;
    dialect::messaging::lock_scheduled(tx.conn, id)?;
    let row = stored::row(tx.conn, user, id)?;
    let key = user_keys::of(tx, ctx, user)?;
    let plan = stored::open(&key, &row)?;
    let status = ScheduledStatus::parse_word(&row.status)?;
    let named: Vec<FileId> = plan.attachments.iter().chain(new).copied().collect();
    let (author, files) = (user, attached::held(tx.conn, &named)?);
    let facts = Stored { status, version: row.version, plan, send_at: row.send_at, author, files };
    Ok((row, key, facts))
}

pub fn edit(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    id: ScheduledId,
    version: Option<&Versions>,
    patch: ScheduledPatch,
) -> Result<Scheduled> {
    let (row, key, before) = held(tx, ctx, id, patch.attachments.as_deref().unwrap_or_default())?;
    let targets = threads::targets(tx.conn, row.chat_id, row.user_id, patch.names())?;
    let Some(planned) = rules::edit(ctx.now, version, patch, &before, targets)? else {
        return stored::view(row, before.plan, &before.files);
    };
    if planned.send_at != before.send_at {
        let near = near(tx.conn, row.user_id, row.chat_id, planned.send_at)?;
        rules::may_join(near.into_iter().filter(|other| *other != id).count())?;
    }
    let plan = stored::seal(&key, id, &planned.plan)?;
    diesel::update(table::table.find(id))
        .set((table::send_at.eq(planned.send_at), table::plan.eq(&plan), table::version.eq(row.version + 1)))
        .execute(tx.conn)?;
    if planned.plan.attachments != before.plan.attachments {
        keep(tx.conn, id, &planned.plan.attachments)?;
    }
    tx.deleted_text |= (&planned.plan.content, &planned.plan.poll) != (&before.plan.content, &before.plan.poll);
    let row = ScheduledRow { send_at: planned.send_at, version: row.version + 1, plan, ..row };
    told(tx, ctx, row, planned.plan)
}

pub fn cancel(tx: &mut Tx<'_>, ctx: &Ctx, id: ScheduledId, version: Option<&Versions>) -> Result<Scheduled> {
    let (row, key, before) = held(tx, ctx, id, &[])?;
    if !rules::may_cancel(version, before.status, before.version)? {
        return stored::view(row, before.plan, &before.files);
    }
    keep(tx.conn, id, &[])?;
    let plan = stored::seal_past(&key, id, &before.plan)?;
    let cancelled = ScheduledStatus::Cancelled.as_str();
    diesel::update(table::table.find(id))
        .set((
            table::status.eq(cancelled),
            table::plan.eq(&plan),
            // The author may use it for another message.
            table::client_key.eq(None::<Vec<u8>>),
            table::finished_at.eq(ctx.now),
            table::version.eq(row.version + 1),
        ))
        .execute(tx.conn)?;
    tx.deleted_text = true;
    let row = ScheduledRow { status: cancelled.to_owned(), version: row.version + 1, plan, ..row };
    told(tx, ctx, row, before.plan)
}
