//! The chain: each entry contains the hash of the previous one, so that none can be changed, removed or inserted.

use clowder_accounts::audit::{Chain, Chained, Walked};
use clowder_core::Result;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::{super::dialect::Conn, retention};
use crate::{
    domains::audit::{AuditRow, audit, audit_checkpoint, audit_head, audit_pending},
    keys::Keys,
};

/// How many entries are verified at a time.
const PIECE: i64 = 1_000;

/// SHA-256 over the stored columns in their order, ciphertexts as they are. Each is preceded by its length in 8 octets
/// (big endian); an absent one has the length 2^64 - 1. Numbers are 8 octets (big endian), times microseconds since
/// 1970, ids their 16 octets. Since version 2 the encrypted request id is included, at the end.
pub fn hash(row: &AuditRow) -> Vec<u8> {
    let uuid = |id: Option<uuid::Uuid>| id.map(|id| id.as_bytes().to_vec());
    let sealed = |value: &Option<crate::seal::Sealed>| value.as_ref().map(|value| value.as_bytes().to_vec());
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let mut parts = vec![
        text(if row.request.is_some() { "clowder audit 2" } else { "clowder audit 1" }),
        Some(row.previous.clone()),
        Some(row.position.to_be_bytes().to_vec()),
        uuid(Some(row.id.uuid())),
        Some(row.at.as_micros().to_be_bytes().to_vec()),
        text(&row.actor_type),
        uuid(row.actor_id.map(|id| id.uuid())),
        uuid(row.owner_id.map(|id| id.uuid())),
        uuid(row.session_id.map(|id| id.uuid())),
        uuid(row.subject_id.map(|id| id.uuid())),
        text(&row.action),
        row.target_type.as_deref().and_then(text),
        uuid(row.target_id.map(|id| id.uuid())),
        sealed(&row.address),
        sealed(&row.agent),
        text(&row.request_id),
        sealed(&row.detail),
    ];
    if row.request.is_some() {
        parts.push(sealed(&row.request));
    }
    let mut sha = Sha256::new();
    for part in &parts {
        let length = part.as_ref().map_or(u64::MAX, |part| part.len() as u64);
        sha.update(length.to_be_bytes());
        sha.update(part.as_deref().unwrap_or_default());
    }
    sha.finalize().to_vec()
}

/// The extent of the chain, and what is pending.
pub fn state(conn: &mut Conn, keys: &Keys) -> Result<Chain> {
    let pending: i64 = audit_pending::table.count().get_result(conn)?;
    let pending_since =
        audit_pending::table.order(audit_pending::seq).select(audit_pending::at).first(conn).optional()?;
    Ok(Chain { checkpoint: retention::checkpoint(conn, keys)?, end: head(conn)?, pending, pending_since })
}

/// Where the chain ends.
pub fn head(conn: &mut Conn) -> Result<Chained> {
    let (position, hash) = audit_head::table.select((audit_head::position, audit_head::hash)).first(conn)?;
    Ok(Chained { position, hash })
}

/// The link of an entry, if it is intact and follows this one.
pub fn follow(link: &Chained, row: &AuditRow) -> Option<Chained> {
    let follows = row.position == link.position + 1 && row.previous == link.hash && row.hash == hash(row);
    follows.then(|| Chained { position: row.position, hash: row.hash.clone() })
}

/// The position of an entry outside the chain: before the first entry, or after the last one. Read in one statement,
/// because both ends move.
fn outside(conn: &mut Conn) -> Result<Option<i64>> {
    let position = || audit::position.nullable();
    let dropped = position().le(audit_checkpoint::table.select(audit_checkpoint::position).single_value());
    let beyond = position().gt(audit_head::table.select(audit_head::position).single_value());
    let stray = audit::table.filter(audit::position.le(0).nullable().or(dropped).or(beyond));
    Ok(stray.order(audit::position).select(audit::position).first(conn).optional()?)
}

/// Verifies the entries after `from`, a piece at a time, up to `until`.
pub fn walk(conn: &mut Conn, from: Chained, until: &Chained) -> Result<Walked> {
    let rows: Vec<AuditRow> = audit::table
        .filter(audit::position.gt(from.position).and(audit::position.le(until.position)))
        .order(audit::position)
        .limit(PIECE)
        .select(AuditRow::as_select())
        .load(conn)?;
    let mut link = from;
    for row in &rows {
        // After a gap, the missing entry is the broken one.
        let Some(next) = follow(&link, row) else { return Ok(Walked::Broken { position: link.position + 1 }) };
        link = next;
    }
    Ok(match (rows.is_empty(), link.position == until.position) {
        (_, true) if link.hash == until.hash => {
            outside(conn)?.map_or(Walked::Whole, |position| Walked::Broken { position })
        }
        // According to the head, there was another entry here.
        (_, true) => Walked::Broken { position: link.position.max(1) },
        (true, false) => Walked::Broken { position: link.position + 1 },
        (false, false) => Walked::Further(link),
    })
}
