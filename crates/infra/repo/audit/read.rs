//! Reading the audit log: pages for administrators, chunks for an export, the timeline of one user.

use std::collections::HashMap;

use clowder_accounts::{
    AuditFilter, AuditRecord, SecurityEvent,
    audit::{ActorFilter, ActorType, AuditActor, AuditTarget, REPORT_MADE},
};
use clowder_core::{Error, Id, Page, PageRequest, Result, UserId, Word};
use data_encoding::HEXLOWER;
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    super::{
        dialect::{Backend, Conn},
        user_keys,
    },
    Detail,
};
use crate::{
    domains::audit::{AuditRow, audit, audit_head},
    seal::{Column, KeyRing, Place, Sealed, SealedBy, UserKey, unreadable},
};

type Query = audit::BoxedQuery<'static, Backend>;

/// The newest first.
pub fn page(conn: &mut Conn, ring: &KeyRing, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditRecord>> {
    let query = before(filtered(filter), page)?;
    let rows: Vec<AuditRow> = query.select(AuditRow::as_select()).load(conn)?;
    let records = opened(conn, ring, rows)?.into_iter().map(|record| Ok(record.for_readers()));
    Page::fill(records, page, |record| record.position.to_string())
}

/// The oldest first.
pub fn piece(
    conn: &mut Conn,
    ring: &KeyRing,
    filter: &AuditFilter,
    after: i64,
    until: i64,
    limit: u32,
) -> Result<Vec<AuditRecord>> {
    let query = filtered(filter).filter(audit::position.gt(after).and(audit::position.le(until)));
    let rows: Vec<AuditRow> =
        query.order(audit::position).limit(limit.into()).select(AuditRow::as_select()).load(conn)?;
    Ok(opened(conn, ring, rows)?.into_iter().map(AuditRecord::for_readers).collect())
}

pub fn end(conn: &mut Conn) -> Result<i64> {
    Ok(audit_head::table.select(audit_head::position).first(conn)?)
}

/// What concerns one account, as its owner sees it: the origin of others' actions is hidden.
pub fn timeline(conn: &mut Conn, ring: &KeyRing, user: UserId, page: &PageRequest) -> Result<Page<SecurityEvent>> {
    let query = before(audit::table.filter(audit::subject_id.eq(user)).into_boxed(), page)?;
    let rows: Vec<AuditRow> = query.select(AuditRow::as_select()).load(conn)?;
    let records = opened(conn, ring, rows)?;
    let positions: HashMap<_, _> = records.iter().map(|record| (record.id, record.position)).collect();
    let events = records.into_iter().map(|record| Ok(SecurityEvent::new(user, record)));
    Page::fill(events, page, |event| positions.get(&event.id).copied().unwrap_or_default().to_string())
}

/// What was done to one thing by some actions, the newest first.
pub fn about(
    conn: &mut Conn,
    ring: &KeyRing,
    target: Uuid,
    actions: impl Iterator<Item = &'static str>,
    page: &PageRequest,
) -> Result<Page<AuditRecord>> {
    let of_it = audit::target_id.eq(Id::<()>::from_uuid(target)).and(audit::action.eq_any(actions.collect::<Vec<_>>()));
    let query = before(audit::table.filter(of_it).into_boxed(), page)?;
    let rows: Vec<AuditRow> = query.select(AuditRow::as_select()).load(conn)?;
    let records = opened(conn, ring, rows)?.into_iter().map(|record| Ok(record.for_readers()));
    Page::fill(records, page, |record| record.position.to_string())
}

fn before(query: Query, page: &PageRequest) -> Result<Query> {
    let query = query.order(audit::position.desc()).limit(page.fetch());
    let Some(position) = page.number()? else { return Ok(query) };
    Ok(query.filter(audit::position.lt(position)))
}

fn filtered(filter: &AuditFilter) -> Query {
    let mut query = audit::table.into_boxed();
    match filter.actor {
        Some(ActorFilter::Type(kind)) => query = query.filter(audit::actor_type.eq(kind.as_str())),
        Some(ActorFilter::Id(id)) => {
            // Where the actor is not shown, nobody finds the entry by them.
            query = query.filter(audit::actor_id.eq(Id::<()>::from_uuid(id)).and(audit::action.ne(REPORT_MADE)));
        }
        None => {}
    }
    if let Some(action) = &filter.action {
        query = match action.strip_suffix('*') {
            // Actions consist of letters, dots and underscores; the underscore is a wildcard in LIKE.
            Some(family) => query.filter(audit::action.like(format!("{}%", family.replace('_', "\\_"))).escape('\\')),
            None => query.filter(audit::action.eq(action.clone())),
        };
    }
    if let Some(target) = &filter.target {
        query = query.filter(audit::target_id.eq(Id::<()>::from_uuid(target.id)));
        if let Some(kind) = &target.kind {
            query = query.filter(audit::target_type.eq(kind.clone()));
        }
    }
    if let Some(from) = filter.from {
        query = query.filter(audit::at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(audit::at.lt(to));
    }
    query
}

/// The rows as records, as far as the keys that encrypted them still exist.
fn opened(conn: &mut Conn, ring: &KeyRing, rows: Vec<AuditRow>) -> Result<Vec<AuditRecord>> {
    let values = rows.iter().flat_map(|row| [&row.address, &row.agent, &row.request, &row.detail]).flatten();
    let keys = user_keys::for_values(conn, ring, values)?;
    rows.into_iter().map(|row| record(row, &keys)).collect()
}

fn record(row: AuditRow, keys: &HashMap<Uuid, UserKey>) -> Result<AuditRecord> {
    let open = |column: Column, value: &Option<Sealed>| -> Option<String> {
        let value = value.as_ref()?;
        let opened = || -> Result<Option<String>> {
            let SealedBy::User(id) = value.by()? else {
                return Err(Error::internal("an audit entry under the key ring"));
            };
            // The key was destroyed, and with it what it encrypted.
            let Some(key) = keys.get(&id) else { return Ok(None) };
            let text = key.open(Place::new(column, row.id), value)?;
            String::from_utf8(text).map(Some).map_err(|_| Error::internal("an audit entry that is not text"))
        };
        // A value that cannot be read must not hide the rest of its entry or the page.
        opened().unwrap_or_else(|error| unreadable(&error))
    };
    let detail = open(super::DETAIL, &row.detail);
    let detail = detail.and_then(|text| serde_json::from_str(&text).map_err(|error| unreadable::<()>(&error)).ok());
    let Detail { before, after } = detail.unwrap_or_default();
    let earlier = Some(row.request_id).filter(|id| !id.is_empty());
    Ok(AuditRecord {
        address: open(super::ADDRESS, &row.address),
        agent: open(super::AGENT, &row.agent),
        before,
        after,
        position: row.position,
        id: row.id,
        at: row.at,
        actor: AuditActor {
            kind: ActorType::parse_word(&row.actor_type)?,
            id: row.actor_id.map(|id| id.uuid()),
            owner_id: row.owner_id,
        },
        session_id: row.session_id,
        subject_id: row.subject_id,
        action: row.action,
        target: row.target_type.zip(row.target_id).map(|(kind, id)| AuditTarget { kind, id: id.uuid() }),
        request_id: open(super::REQUEST, &row.request).or(earlier),
        hash: HEXLOWER.encode(&row.hash),
    })
}
