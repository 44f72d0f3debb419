//! Where the readers of the journal stand, and how an operator sets one back.

use clowder_core::{Error, Journal, Result};
use diesel::{dsl::min, prelude::*};

use super::{
    super::{Repo, db::Tx, dialect, domains},
    AUDIT, Reader, put, stored,
};
use crate::{
    domains::{
        audit::{audit, audit_head},
        journal::journal,
    },
    readers::{ReaderState, Rewind, behind},
};

/// What the operator is told of a name that no reader has.
fn unknown() -> Error {
    let names: Vec<_> = domains::readers().map(|reader| reader.name).collect();
    Error::field("/name", "choice", format!("must be one of: {}", names.join(", ")))
}

pub async fn list(repo: &Repo) -> Result<Vec<ReaderState>> {
    let extent = Journal::extent(repo).await?;
    let states = repo.db.read(move |conn| {
        let head: i64 = audit_head::table.select(audit_head::position).first(conn)?;
        let mut states = Vec::new();
        for reader in domains::readers() {
            let found = stored(conn, reader.name)?;
            let of_audit = |at: i64| if reader.actions.is_empty() { 0 } else { (head - at).max(0) };
            let (changes, entries) = match &found {
                Some(found) if found.place.epoch == extent.epoch => {
                    let left = behind(&found.at, &extent).iter().map(|behind| behind.head - behind.from).sum();
                    (left, of_audit(found.audit))
                }
                // It has not begun in this journal.
                _ => (extent.heads.as_slice().iter().sum(), of_audit(0)),
            };
            let held_until = found.and_then(|found| found.place.held).map(|(_, until)| until);
            states.push(ReaderState { name: reader.name, changes, entries, held_until, repeats: reader.repeats });
        }
        Ok(states)
    });
    states.await
}

pub async fn rewind(repo: &Repo, name: String, to: Rewind) -> Result<i64> {
    let reader = domains::readers().find(|reader| reader.name == name).ok_or_else(unknown)?;
    if !reader.repeats {
        let says = "counts what it reads, and would count it twice";
        return Err(Error::field("/name", "unfit", says));
    }
    repo.db.write(move |tx| set_back(tx, reader, to)).await
}

/// Never forward: what lies before its place was handled, what lies after it was not.
fn set_back(tx: &mut Tx<'_>, reader: &Reader, to: Rewind) -> Result<i64> {
    dialect::readers::lock_reader(tx.conn, reader.name)?;
    // A reader without places begins with the oldest change anyway.
    let Some(found) = stored(tx.conn, reader.name)? else { return Ok(0) };
    let mut again = 0;
    for (stream, at) in (0_i16..).zip(found.at.as_slice().to_vec()) {
        let target = match to {
            Rewind::To(position) => position,
            Rewind::Since(since) => {
                let of_stream = journal::table.filter(journal::stream.eq(stream).and(journal::at.ge(since)));
                let first: Option<i64> = of_stream.select(min(journal::position)).first(tx.conn)?;
                first.map_or(at, |first| first - 1)
            }
        };
        let target = target.clamp(0, at);
        again += at - target;
        put(tx, reader.name, stream, target)?;
    }
    if let (Rewind::Since(since), false) = (to, reader.actions.is_empty()) {
        let first: Option<i64> =
            audit::table.filter(audit::at.ge(since)).select(min(audit::position)).first(tx.conn)?;
        let target = first.map_or(found.audit, |first| first - 1).clamp(0, found.audit);
        again += found.audit - target;
        put(tx, reader.name, AUDIT, target)?;
    }
    Ok(again)
}
