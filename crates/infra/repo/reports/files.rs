//! The files that people attach to their reports. They are theirs, and whoever may decide about a report sees them.

use std::collections::HashMap;

use clowder_core::{Ctx, FileId, Result, UserId};
use clowder_social::reports::ReportId;
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::Conn,
        domains::{Hold, Holder},
        media::{
            attaching,
            pictures::{self, Chosen},
        },
        people::Viewer,
    },
    read,
};
use crate::domains::reports::{ReportRow, report_files as table, reports};

/// A report ends without a word, and takes its files along: whether it still has one is asked again.
pub const HOLDER: Holder = Holder { shows, holds, lets_go, tells: |_, _, _, _| Ok(None) };

/// At how many reports is looked for a moderator who wants to see a file.
const MOST: i64 = 200;

/// Holds these files until the end of the transaction; they must be this person's.
pub fn hold(tx: &mut Tx<'_>, owner: UserId, files: &[FileId]) -> Result<()> {
    let chosen = files.iter().enumerate();
    let chosen = chosen.map(|(place, file)| Chosen::new(&format!("attachments/{place}"), pictures::ANY, *file));
    pictures::hold(tx, owner, &chosen.collect::<Vec<_>>())
}

pub fn put(conn: &mut Conn, report: ReportId, files: &[FileId]) -> Result<()> {
    let row =
        |(place, file): (i64, &FileId)| (table::report_id.eq(report), table::place.eq(place), table::file_id.eq(*file));
    let rows: Vec<_> = (0..).zip(files).map(row).collect();
    diesel::insert_into(table::table).values(rows).execute(conn)?;
    Ok(())
}

/// The files of these reports, in their order; what has none is missing.
pub fn of(conn: &mut Conn, ids: impl IntoIterator<Item = ReportId>) -> Result<HashMap<ReportId, Vec<FileId>>> {
    let ids: Vec<ReportId> = ids.into_iter().collect();
    let mut all = HashMap::<ReportId, Vec<FileId>>::new();
    if ids.is_empty() {
        return Ok(all);
    }
    let some = table::table.filter(table::report_id.among(&ids)).order((table::report_id, table::place));
    for (report, file) in some.select((table::report_id, table::file_id)).load::<(ReportId, FileId)>(conn)? {
        all.entry(report).or_default().push(file);
    }
    Ok(all)
}

/// A report has no files any more.
pub fn take_away(tx: &mut Tx<'_>, report: ReportId) -> Result<()> {
    let gone = diesel::delete(table::table.filter(table::report_id.eq(report))).returning(table::file_id);
    let gone: Vec<FileId> = gone.get_results(tx.conn)?;
    attaching::loosen(tx, gone)
}

/// Moderators see the files of reports that they can open: those in which they have no part.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    if !viewer.staff {
        return Ok(false);
    }
    let with = table::table.inner_join(reports::table).filter(table::file_id.eq(file));
    let rows: Vec<ReportRow> = with.order(table::report_id).limit(MOST).select(ReportRow::as_select()).load(conn)?;
    if rows.is_empty() {
        return Ok(false);
    }
    let involved = read::involved(conn, viewer.id, &rows)?;
    for row in rows.iter().filter(|row| row.reported_id != Some(viewer.id) && !involved.contains(&row.id)) {
        if !read::owns(conn, viewer.id, row)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let has = diesel::select(exists(table::table.filter(table::file_id.eq(file)))).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Waiting))
}

/// The database takes a deleted file from its reports.
fn lets_go(_: &mut Tx<'_>, _: &Ctx, _: FileId) -> Result<usize> {
    Ok(0)
}
