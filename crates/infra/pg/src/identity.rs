//! Which journal a PostgreSQL server holds. Besides the stored id, its epoch depends on what changes by itself when a
//! standby is promoted or a backup is restored: the system identifier, the timeline, and the oids of the database and of
//! the table `streams`. None of them changes with a restart or a minor upgrade.

use std::sync::{Mutex, PoisonError};

use clowder_core::{Cause, Error, Id, Result, sql::Uid};
use diesel::{
    pg::Pg,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Bool, Integer},
};
use uuid::Uuid;

use super::dialect::{self, Conn, STREAMS};
use crate::{DatabaseUrl, domains::journal::StreamRow, high_water::epoch_of, statement::statement};

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

type Row = (Id<()>, StreamRow, (i64, i64, i64, i64));

/// The epoch of the journal, and of each stream head, floor and segment, all of one moment.
pub fn extent(conn: &mut Conn) -> Result<(Uuid, Vec<StreamRow>)> {
    let known = *ALLOWED.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = match known.map(|allowed| load(conn, allowed)) {
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
    let (stored, _, (table, database, system, timeline)) = first.ok_or_else(missing)?;
    let epoch = epoch_of(stored.uuid(), &[*table, *database, *system, *timeline]);
    Ok((epoch, rows.into_iter().map(|(_, stream, _)| stream).collect()))
}

/// `pg_control_checkpoint` learns of a promotion at the next checkpoint, so the timeline is taken from the name of the
/// segment of the log that is being written; only a standby writes none.
fn load(conn: &mut Conn, allowed: Allowed) -> QueryResult<Vec<Row>> {
    let system = if allowed.system { "(SELECT system_identifier FROM pg_control_system())" } else { "0::bigint" };
    let timeline = match allowed.timeline {
        true => {
            "(SELECT CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint()) \
             ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END)"
        }
        false => "0::bigint",
    };
    statement::<(Uid, (BigInt, BigInt, Integer), (BigInt, BigInt, BigInt, BigInt)), Pg>(format!(
        "SELECT e.id, s.head, s.floor, s.segment, s.tableoid::bigint, \
         (SELECT oid::bigint FROM pg_database WHERE datname = current_database()), {system}, {timeline} \
         FROM streams s CROSS JOIN epoch e ORDER BY s.stream"
    ))
    .load(conn)
}
