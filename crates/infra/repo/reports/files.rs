//! The files that people attach to their reports. They are theirs, and whoever may decide about a report sees them.

use std::collections::HashMap;

use clowder_core::{
    Ctx, FileId, Id, Result, UserId,
    audit::{Entry, Target},
};
use clowder_social::reports::{ReportId, ReportedFile};
use diesel::{dsl::exists, prelude::*};
use serde_json::json;

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::Conn,
        domains::{Evidence, Hold, Holder},
        media::{
            attaching, held,
            pictures::{self, Chosen},
        },
        people::Viewer,
    },
    read,
};
use crate::domains::reports::{ReportRow, report_files as table, reports};

/// The database takes a file that is erased from its reports, so a report holds up no erasure.
pub const HOLDER: Holder = Holder { shows, names: true, holds, lets_go, tells: |_, _, _, _| Ok(None) };

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

/// These reports have no files any more, of their reporters or as evidence.
pub fn take_away(tx: &mut Tx<'_>, reports: &[ReportId]) -> Result<()> {
    held::release(tx.conn, reports.iter().map(|report| Id::from_uuid(report.uuid())))?;
    let gone = diesel::delete(table::table.filter(table::report_id.among(reports))).returning(table::file_id);
    let gone: Vec<FileId> = gone.get_results(tx.conn)?;
    attaching::loosen(tx, gone);
    Ok(())
}

/// Moderators see the files of reports that they can open.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    if !viewer.staff {
        return Ok(false);
    }
    let with = table::table.inner_join(reports::table).filter(table::file_id.eq(file));
    let rows: Vec<ReportRow> = with.order(table::report_id).limit(MOST).select(ReportRow::as_select()).load(conn)?;
    Ok(opens(conn, viewer, &rows)?.is_some())
}

/// The first of these reports that a moderator can open: one in which they have no part.
fn opens(conn: &mut Conn, viewer: Viewer, rows: &[ReportRow]) -> Result<Option<ReportId>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let involved = read::involved(conn, viewer.id, rows)?;
    for row in rows.iter().filter(|row| row.reported_id != Some(viewer.id) && !involved.contains(&row.id)) {
        if !read::owns(conn, viewer.id, row)? {
            return Ok(Some(row.id));
        }
    }
    Ok(None)
}

/// What a report shows of the reported thing is for the same moderators. Each look is recorded, as opening the report is.
pub fn evidence(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<Option<Evidence>> {
    if !viewer.staff {
        return Ok(None);
    }
    let with = held::of(conn, file, MOST)?;
    let ids: Vec<ReportId> = with.iter().map(|(report, ..)| ReportId::from_uuid(report.uuid())).collect();
    let rows = reports::table.filter(reports::id.among(&ids)).order(reports::id).select(ReportRow::as_select());
    let rows: Vec<ReportRow> = if ids.is_empty() { Vec::new() } else { rows.load(conn)? };
    let Some(report) = opens(conn, viewer, &rows)? else { return Ok(None) };
    let found = with.into_iter().find(|(of, ..)| of.uuid() == report.uuid());
    Ok(found.map(|(_, object, ready)| {
        let look = Entry::new("report.file_read").on(Target::of("report", report)).after(json!({"file_id": file}));
        Evidence { object, ready, look }
    }))
}

/// These pictures as evidence, as far as they exist. Their owners' names for them are nobody's business.
pub fn pictured(conn: &mut Conn, files: &[FileId]) -> Result<Vec<ReportedFile>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut facts = attaching::facts(conn, files)?;
    let found = files.iter().filter_map(|id| Some((*id, facts.remove(id)?)));
    Ok(found.map(|(id, facts)| ReportedFile { id, name: None, kind: facts.kind }).collect())
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let has = diesel::select(exists(table::table.filter(table::file_id.eq(file)))).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Waiting))
}

/// The database takes a deleted file from its reports.
fn lets_go(_: &mut Tx<'_>, _: &Ctx, _: FileId) -> Result<usize> {
    Ok(0)
}
