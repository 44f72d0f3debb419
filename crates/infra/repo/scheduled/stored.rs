//! What is stored of messages that are sent later: what they say is encrypted with the key of their author.

use clowder_core::{Error, Page, PageRequest, Result, UserId, Word};
use clowder_messaging::{
    Scheduled,
    attachments::Files,
    refusals::SCHEDULED_UNKNOWN,
    scheduled::{Plan, Problem, ScheduledFilter, ScheduledId, ScheduledStatus, shown},
};
use diesel::prelude::*;

use super::super::{dialect::Conn, messaging::attached, user_keys};
use crate::{
    domains::messaging::{ScheduledRow, scheduled_messages as table},
    seal::{Column, KeyRing, Place, Sealed, Under, UserKey},
};

pub const PLAN: Column = Column::new("scheduled_messages", "plan", "id", Under::UserKey);

pub fn seal(key: &UserKey, id: ScheduledId, plan: &Plan) -> Result<Sealed> {
    key.seal(Place::new(PLAN, id), &serde_json::to_vec(plan)?)
}

/// What is kept of a plan that is over, if it was sent or cancelled: nothing of the text.
pub fn seal_past(key: &UserKey, id: ScheduledId, plan: &Plan) -> Result<Sealed> {
    seal(
        key,
        id,
        &Plan { content: String::new(), attachments: Vec::new(), poll: None, mentions: Vec::new(), ..plan.clone() },
    )
}

pub fn open(key: &UserKey, row: &ScheduledRow) -> Result<Plan> {
    Ok(serde_json::from_slice(&key.open(Place::new(PLAN, row.id), &row.plan)?)?)
}

/// A message as its author sees it; `files` are those that it names, as they are now.
pub fn view(row: ScheduledRow, plan: Plan, files: &Files) -> Result<Scheduled> {
    let status = ScheduledStatus::parse_word(&row.status)?;
    let says = matches!(status, ScheduledStatus::Waiting | ScheduledStatus::Refused);
    Ok(Scheduled {
        attachments: if says { shown(&plan.attachments, files) } else { Vec::new() },
        id: row.id,
        chat_id: row.chat_id,
        kind: plan.kind,
        content: says.then_some(plan.content),
        poll: plan.poll.filter(|_| says).map(|ballot| Box::new(ballot.into())),
        client_id: plan.client_id,
        lifetime: plan.lifetime,
        mentions: plan.mentions,
        reply_to: plan.reply_to,
        thread_of: plan.thread_of,
        send_at: row.send_at,
        repeat: plan.repeat,
        time_zone: plan.time_zone,
        status,
        message_id: row.message_id,
        problem: row.problem.map(Problem::of),
        created_at: row.created_at,
        version: row.version,
    })
}

fn key(conn: &mut Conn, ring: &KeyRing, owner: UserId) -> Result<UserKey> {
    user_keys::find(conn, ring, owner)?.ok_or_else(|| Error::internal("a scheduled message without a key"))
}

pub fn one(conn: &mut Conn, ring: &KeyRing, viewer: UserId, id: ScheduledId) -> Result<Scheduled> {
    let row = row(conn, viewer, id)?;
    let plan = open(&key(conn, ring, viewer)?, &row)?;
    let files = attached::found(conn, &plan.attachments)?;
    view(row, plan, &files)
}

/// A message of the viewer; others have none.
pub fn row(conn: &mut Conn, viewer: UserId, id: ScheduledId) -> Result<ScheduledRow> {
    let own = table::table.filter(table::id.eq(id).and(table::user_id.eq(viewer)));
    Ok(own.select(ScheduledRow::as_select()).first(conn).optional()?.ok_or(SCHEDULED_UNKNOWN)?)
}

pub fn list(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: UserId,
    filter: ScheduledFilter,
    page: &PageRequest,
) -> Result<Page<Scheduled>> {
    let status = filter.status.unwrap_or(ScheduledStatus::Waiting);
    let mut own = table::table
        .filter(table::user_id.eq(viewer).and(table::status.eq(status.as_str())))
        .order((table::send_at, table::id))
        .limit(page.fetch())
        .select(ScheduledRow::as_select())
        .into_boxed();
    if let Some(chat) = filter.chat {
        own = own.filter(table::chat_id.eq(chat));
    }
    if let Some((at, id)) = page.moment::<Scheduled>()? {
        own = own.filter(table::send_at.gt(at).or(table::send_at.eq(at).and(table::id.gt(id))));
    }
    let rows: Vec<ScheduledRow> = own.load(conn)?;
    if rows.is_empty() {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let key = key(conn, ring, viewer)?;
    let plans = rows.iter().map(|row| open(&key, row)).collect::<Result<Vec<_>>>()?;
    let files = attached::found(conn, plans.iter().flat_map(|plan| &plan.attachments))?;
    let shown = rows.into_iter().zip(plans).map(|(row, plan)| view(row, plan, &files));
    Page::fill(shown, page, |scheduled: &Scheduled| Page::<()>::place(scheduled.send_at, scheduled.id))
}
