//! Sends what is due: a message is sent and marked as sent by one transaction, so it is sent once, whatever dies and however
//! many nodes try.
//!
//! Rows that another node is sending, and chats that somebody else holds, are passed over until the next call. So this takes
//! its locks in another order than other writes, and cannot deadlock with them. Only for the chat of a message that is late,
//! a transaction waits before it holds anything: a busy chat cannot be passed over for ever.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clowder_core::{Actor, ChatId, Ctx, Id, Made, Result, Role, Timestamp, UserId, Via, Word};
use clowder_messaging::{
    Change,
    change::ScheduledChanged,
    refusals::{SCHEDULED_AUTHOR, SCHEDULED_FAILED},
    scheduled::{Outcome, Plan, Problem, ScheduledId, ScheduledStatus, Turns, outcome, refused},
};
use diesel::{dsl::exists, prelude::*, sql_types::Bool};
use uuid::Uuid;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        fragment::Fragment,
        group_commit::{self, LOCK_WAIT},
        journal,
        messaging::send::{self, PendingSend},
        moderation::screening::Reading,
        user_keys,
    },
    stored,
    writes::keep,
};
use crate::{
    domains::{
        accounts::users,
        messaging::{ScheduledRow, chats, scheduled_messages as table},
    },
    seal::{SealedBy, UserKey},
};

/// The condition of the index of messages that wait, as constant text, so that the databases use it.
const WAITS: Fragment<Bool> = Fragment::new("(scheduled_messages.status = 'waiting')");

pub fn is_due(conn: &mut Conn, now: Timestamp) -> Result<bool> {
    let due = table::table.filter(WAITS).filter(table::send_at.le(now));
    Ok(diesel::select(exists(due)).get_result(conn)?)
}

/// What became of a piece of what is due.
pub struct Sent {
    /// How many were sent or refused.
    pub done: usize,
    /// Those that have to wait for others.
    pub held: Vec<ScheduledId>,
    /// The chat of one of them that is late: it is worth waiting for.
    pub late: Option<ChatId>,
}

/// After what time something that is due is worth waiting for.
pub const LATE: Duration = Duration::from_secs(1);

/// Which messages to send.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    pub size: usize,
    pub skipped: Vec<ScheduledId>,
    /// A chat whose lock is waited for, while nothing else is held.
    pub late: Option<ChatId>,
    /// Is told which message is sent, of a piece of one.
    pub taken: Arc<Mutex<Option<ScheduledId>>>,
}

/// One of a piece, and what is known about it.
struct Due {
    row: ScheduledRow,
    author: Ctx,
    /// Nothing if it cannot be read.
    plan: Option<(Plan, UserKey)>,
    /// Whether its author may write at all.
    is_free: bool,
}

pub fn send(tx: &mut Tx<'_>, ctx: &Ctx, piece: &Piece) -> Result<Sent> {
    dialect::wait_at_most(tx.conn, LOCK_WAIT)?;
    if let Some(chat) = piece.late {
        dialect::messaging::lock_chat(tx.conn, chat)?;
    }
    let rows = due_rows(tx.conn, ctx.now, piece)?;
    let dues = read(tx, ctx, rows)?;
    *piece.taken.lock().unwrap_or_else(PoisonError::into_inner) = dues.first().map(|due| due.row.id);
    let mut decided: HashMap<ScheduledId, Result<Outcome, ()>> = HashMap::new();
    let (mut sends, mut senders) = (Vec::new(), Vec::new());
    for due in &dues {
        let readable = due.plan.as_ref().and_then(|(plan, _)| Some((plan, plan.message().ok()?)));
        let paced = || tx.services.paces.take(due.row.chat_id, due.row.user_id, ctx.now).err();
        let after = match readable {
            Some((plan, message)) if due.is_free => {
                // Whatever has gathered is sent no faster than its author could send it.
                if let Some(wait) = paced() {
                    decided.insert(due.row.id, Ok(Outcome::Later(ctx.now.plus(wait))));
                    continue;
                }
                let reading = Arc::new(Reading::new(&message.said()));
                // Before the chats are locked.
                reading.look_here(&tx.services.screens, due.row.chat_id);
                let send = PendingSend::new(&due.author, due.row.chat_id, message, &tx.services.keys)?;
                sends.push(send.leniently().in_place(reading));
                senders.push((due.row.id, plan));
                continue;
            }
            Some((plan, _)) => refused(ctx.now, plan, SCHEDULED_AUTHOR)?,
            None => Outcome::Refused(SCHEDULED_FAILED),
        };
        decided.insert(due.row.id, Ok(after));
    }
    let (outcomes, changes) =
        if sends.is_empty() { Default::default() } else { send::write_batch(tx, &sends.iter().collect::<Vec<_>>())? };
    for ((id, plan), attempt) in senders.into_iter().zip(outcomes) {
        let after = match attempt {
            group_commit::Outcome::Done(sent) => {
                Ok(outcome(ctx.now, plan, sent.map(Made::into_inner).map(|message| message.id))?)
            }
            // Somebody else holds what it needs, or another message of this piece has its id.
            group_commit::Outcome::Held | group_commit::Outcome::Again => Err(()),
        };
        decided.insert(id, after);
    }
    // Several of one person that have to wait do not all come back at the same time, to be moved again but for one.
    let pauses = pauses(tx.conn, &dues, &decided)?;
    let mut turns = Turns::default();
    let (mut told, mut held, mut late) = (Vec::new(), Vec::new(), None);
    for due in &dues {
        match decided.remove(&due.row.id) {
            Some(Ok(after)) => {
                let (chat, author) = (due.row.chat_id, due.row.user_id);
                let after = match after {
                    Outcome::Later(until) => {
                        let pause = pauses.get(&chat).copied().unwrap_or_default().max(tx.services.paces.interval());
                        Outcome::Later(turns.next(chat, author, until, pause))
                    }
                    after => after,
                };
                told.push((&due.author, settle(tx.conn, ctx.now, due, after)?));
            }
            Some(Err(())) | None => {
                tx.services.paces.give_back(due.row.chat_id, due.row.user_id);
                held.push(due.row.id);
                if due.row.send_at.plus(LATE) <= ctx.now {
                    late.get_or_insert(due.row.chat_id);
                }
            }
        }
    }
    let done = told.len();
    tx.deleted_text |= done > 0;
    let all: Vec<_> = changes.iter().chain(&told).map(|(author, change)| (*author, change)).collect();
    journal::append_all(tx, &all)?;
    Ok(Sent { done, held, late })
}

/// The pauses of the chats in which some of these have to wait.
fn pauses(
    conn: &mut Conn,
    dues: &[Due],
    decided: &HashMap<ScheduledId, Result<Outcome, ()>>,
) -> Result<HashMap<ChatId, Duration>> {
    let waits = |due: &&Due| matches!(decided.get(&due.row.id), Some(Ok(Outcome::Later(_))));
    let places: Vec<ChatId> = dues.iter().filter(waits).map(|due| due.row.chat_id).collect();
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let pauses = chats::table.filter(chats::id.eq_any(places)).select((chats::id, chats::slow_seconds));
    let pauses: Vec<(ChatId, i64)> = pauses.load(conn)?;
    let seconds = |pause: i64| Duration::from_secs(pause.try_into().unwrap_or(0));
    Ok(pauses.into_iter().map(|(chat, pause)| (chat, seconds(pause))).collect())
}

/// What is needed to send these.
fn read(tx: &mut Tx<'_>, ctx: &Ctx, rows: Vec<ScheduledRow>) -> Result<Vec<Due>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let keys = user_keys::for_values(tx.conn, &tx.services.ring, rows.iter().map(|row| &row.plan))?;
    let authors: HashSet<UserId> = rows.iter().map(|row| row.user_id).collect();
    let suspended = suspended(tx.conn, ctx.now, authors)?;
    let mut dues = Vec::with_capacity(rows.len());
    for row in rows {
        let key = match row.plan.by() {
            Ok(SealedBy::User(id)) => keys.get(&id).cloned(),
            _ => None,
        };
        let plan = key.and_then(|key| Some((stored::open(&key, &row).ok()?, key)));
        let via = Via::Session(Id::from_uuid(Uuid::nil()));
        let author = ctx.by(Actor::User { id: row.user_id, via, role: Role::User });
        let is_free = !suspended.contains(&row.user_id);
        dues.push(Due { row, author, plan, is_free });
    }
    Ok(dues)
}

/// The first that are due and that nobody else is sending, locked until the end of the transaction.
fn due_rows(conn: &mut Conn, now: Timestamp, piece: &Piece) -> Result<Vec<ScheduledRow>> {
    let due = table::table
        .filter(WAITS)
        .filter(table::send_at.le(now).and(table::id.ne_all(piece.skipped.clone())))
        .order((table::send_at, table::id))
        .limit(piece.size as i64)
        .select(ScheduledRow::as_select());
    Ok(dialect::unclaimed!(due).load(conn)?)
}

/// Those of them whose accounts are suspended now.
pub fn suspended(conn: &mut Conn, now: Timestamp, authors: HashSet<UserId>) -> Result<HashSet<UserId>> {
    let lasts = users::suspended_until.is_null().or(users::suspended_until.gt(now));
    let some = users::table.filter(users::id.eq_any(authors)).filter(users::suspension_reason.is_not_null());
    let some: Vec<UserId> = some.filter(lasts).select(users::id).load(conn)?;
    Ok(some.into_iter().collect())
}

/// Notes what became of a message, and answers the change.
fn settle(conn: &mut Conn, now: Timestamp, due: &Due, after: Outcome) -> Result<Change> {
    let ScheduledRow { id, user_id, send_at, version, .. } = due.row;
    let version = version + 1;
    let mut row = ScheduledRow { version, ..due.row.clone() };
    match after {
        Outcome::Sent(message, Some(next)) => {
            (row.message_id, row.send_at, row.problem) = (Some(message), next, None);
        }
        Outcome::Sent(message, None) => {
            ScheduledStatus::Sent.as_str().clone_into(&mut row.status);
            (row.message_id, row.send_at, row.finished_at) = (Some(message), send_at, Some(now));
            row.problem = None;
            // Its files are the message's from now on.
            keep(conn, id, &[])?;
            if let Some((plan, key)) = &due.plan {
                row.plan = stored::seal_past(key, id, plan)?;
            }
        }
        Outcome::Later(until) => row.send_at = until,
        Outcome::Skipped(refusal, next) => (row.problem, row.send_at) = (Some(refusal.code.to_owned()), next),
        Outcome::Refused(refusal) => {
            ScheduledStatus::Refused.as_str().clone_into(&mut row.status);
            // The author may use their id for it again.
            (row.problem, row.finished_at, row.client_key) = (Some(refusal.code.to_owned()), Some(now), None);
            // Nobody sends its files any more.
            keep(conn, id, &[])?;
        }
    }
    diesel::update(table::table.find(id))
        .set((
            table::status.eq(&row.status),
            table::send_at.eq(row.send_at),
            table::plan.eq(&row.plan),
            table::client_key.eq(&row.client_key),
            table::message_id.eq(row.message_id),
            table::problem.eq(&row.problem),
            table::finished_at.eq(row.finished_at),
            table::version.eq(row.version),
        ))
        .execute(conn)?;
    let changed = ScheduledChanged {
        id,
        chat_id: row.chat_id,
        status: ScheduledStatus::parse_word(&row.status)?,
        send_at: row.send_at,
        message_id: row.message_id,
        problem: row.problem.map(Problem::of),
        version,
    };
    Ok(Change::MessageScheduled(user_id, changed))
}

/// Refuses a message that still waits, because sending it by itself failed by a fault of ours: it must not keep others from
/// being sent. Its author is told.
pub fn give_up(tx: &mut Tx<'_>, ctx: &Ctx, id: ScheduledId) -> Result<usize> {
    let row = table::table.filter(WAITS).filter(table::id.eq(id)).select(ScheduledRow::as_select());
    let rows: Vec<ScheduledRow> = dialect::unclaimed!(row).load(tx.conn)?;
    let Some(due) = read(tx, ctx, rows)?.pop() else { return Ok(0) };
    let told = settle(tx.conn, ctx.now, &due, Outcome::Refused(SCHEDULED_FAILED))?;
    journal::append(tx, &due.author, &told)?;
    Ok(1)
}
