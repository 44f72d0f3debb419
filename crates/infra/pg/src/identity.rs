//! Which journal a PostgreSQL server holds. Besides the stored id, its epoch depends on what changes by itself when a
//! backup is restored: the system identifier, and the oids of the database and of the table `streams`. None of them changes
//! with a restart or a minor upgrade.
//!
//! The timeline changes by itself when a standby is promoted. The one on which changes are appended is stored beside the
//! id, so that the first who appends on another one notices: see [`crate::epochs`].

use std::sync::{Mutex, PoisonError};

use clowder_core::{Cause, Error, Id, Result, sql::Uid};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Bool, Integer, Nullable},
};

use super::dialect::{self, Conn, STREAMS};
use crate::{
    DatabaseUrl,
    domains::journal::StreamRow,
    epochs::{Look, Timelines},
    high_water::epoch_of,
    statement::statement,
};

/// Which functions the role may call; some managed services refuse them, and some systems lack them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
struct Allowed {
    #[diesel(sql_type = Bool)]
    system: bool,
    #[diesel(sql_type = Bool)]
    timeline: bool,
}

/// Every connection of a process leads to the same database, or to one that has replaced it.
static ALLOWED: Mutex<Option<Allowed>> = Mutex::new(None);

fn ask(conn: &mut Conn) -> Result<Allowed> {
    let may = |function: &str| {
        format!("coalesce(has_function_privilege(to_regprocedure('pg_catalog.{function}'), 'EXECUTE'), false)")
    };
    let timeline =
        ["pg_is_in_recovery()", "pg_walfile_name(pg_lsn)", "pg_current_wal_lsn()", "pg_control_checkpoint()"];
    let (system, timeline) = (may("pg_control_system()"), timeline.map(may).join(" AND "));
    Ok(sql_query(format!("SELECT {system} AS system, {timeline} AS timeline")).get_result(conn)?)
}

/// The functions that this database refuses to its role, so that a promotion or a restore by copying files may go
/// unnoticed.
pub fn refused(url: &DatabaseUrl) -> Result<Vec<&'static str>> {
    let allowed = ask(&mut *dialect::connect(url)?)?;
    let mut refused = Vec::new();
    if !allowed.system {
        refused.push("pg_control_system()");
    }
    if !allowed.timeline {
        refused.push("pg_walfile_name(pg_lsn)");
    }
    Ok(refused)
}

/// The stored id, a stream, what changes by itself, the timeline that is noted, and whether this is a standby.
type Row = (Id<()>, StreamRow, (i64, i64, i64, i64), (Option<i64>, bool));

/// The timeline of a server that writes. `pg_control_checkpoint` learns of a promotion at the next checkpoint, so it is taken
/// from the name of the segment of the log that is being written.
const WRITTEN: &str = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint";

/// What the role may call, as far as it was asked.
fn allowed() -> Option<Allowed> {
    *ALLOWED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In SQL, the timeline of a server that this process has looked at and that writes; empty if the role may not ask.
pub fn timeline() -> &'static str {
    match allowed() {
        Some(Allowed { timeline: true, .. }) => WRITTEN,
        _ => "NULL::bigint",
    }
}

/// The epoch of the journal, and of each stream head, floor and segment, all of one moment.
pub fn extent(conn: &mut Conn) -> Result<Look> {
    let rows = match allowed().map(|allowed| load(conn, allowed)) {
        Some(Ok(rows)) => rows,
        // Permissions may have changed.
        None | Some(Err(_)) => {
            let allowed = ask(conn)?;
            let rows = load(conn, allowed)?;
            *ALLOWED.lock().unwrap_or_else(PoisonError::into_inner) = Some(allowed);
            rows
        }
    };
    let first = rows.first().filter(|_| rows.len() == STREAMS);
    // While a restore is running, tables may be empty.
    let missing = || Error::outage(Cause::Other, "the journal has no streams; is the database being restored?");
    let (stored, _, (table, database, system, timeline), (noted, is_standby)) = *first.ok_or_else(missing)?;
    let stored = stored.uuid();
    let epoch = epoch_of(stored, &[table, database, system, noted.unwrap_or(timeline)]);
    // On a standby nothing is appended: what is noted comes with everything else.
    let present = if is_standby { noted } else { Some(timeline).filter(|timeline| *timeline != UNKNOWN) };
    let streams = rows.into_iter().map(|(_, stream, ..)| stream).collect();
    Ok(Look { epoch, stored, streams, timelines: Timelines { noted, present } })
}

/// Stands for what the role may not ask for.
const UNKNOWN: i64 = 0;

fn load(conn: &mut Conn, allowed: Allowed) -> QueryResult<Vec<Row>> {
    let system = if allowed.system { "(SELECT system_identifier FROM pg_control_system())" } else { "0::bigint" };
    let (timeline, is_standby) = match allowed.timeline {
        true => (
            format!(
                "(SELECT CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint()) \
                 ELSE {WRITTEN} END)"
            ),
            "(SELECT pg_is_in_recovery())",
        ),
        false => ("0::bigint".to_owned(), "false"),
    };
    type Parts = (BigInt, BigInt, BigInt, BigInt);
    statement::<(Uid, (BigInt, BigInt, Integer), Parts, (Nullable<BigInt>, Bool)), Pg>(format!(
        "SELECT e.id, s.head, s.floor, s.segment, s.tableoid::bigint, \
         (SELECT oid::bigint FROM pg_database WHERE datname = current_database()), {system}, {timeline}, \
         e.timeline, {is_standby} FROM streams s CROSS JOIN epoch e ORDER BY s.stream"
    ))
    .load(conn)
}
