//! The bytes of files that are evidence. They stay in the store as long as a report has them, whatever becomes of the files.

use clowder_core::{FileId, Id, Result, Word};
use clowder_media::{FileStatus, ObjectId};
use diesel::prelude::*;

use super::super::{among::AmongIds, db::Tx, dialect, dialect::Conn};
use crate::domains::media::{file_objects, files, held_objects as table};

/// Keeps the bytes of those of these files that exist, as long as there is the report. It waits for whoever is deleting one of
/// them, so all other locks but those of the journal are taken before.
pub fn keep(tx: &mut Tx<'_>, report: Id<()>, ids: &[FileId]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let kept = dialect::media::keep_files(tx.conn, &ids)?;
    let of_these = files::table.inner_join(file_objects::table).filter(files::id.among(&kept));
    let of_these: Vec<(FileId, ObjectId, String)> =
        of_these.order(files::id).select((files::id, file_objects::id, file_objects::status)).load(tx.conn)?;
    let row = |(file, object, status): (FileId, ObjectId, String)| {
        (
            table::report_id.eq(report),
            table::file_id.eq(file),
            table::object_id.eq(object),
            table::ready.eq(status == FileStatus::Ready.as_str()),
        )
    };
    let rows: Vec<_> = of_these.into_iter().map(row).collect();
    diesel::insert_into(table::table).values(rows).execute(tx.conn)?;
    Ok(())
}

/// These reports have no evidence any more. The next purge finds what nothing else holds.
pub fn release(conn: &mut Conn, reports: impl Iterator<Item = Id<()>>) -> Result<()> {
    let reports: Vec<Id<()>> = reports.collect();
    diesel::delete(table::table.filter(table::report_id.among(&reports))).execute(conn)?;
    Ok(())
}

/// A report that has a file, the object of the file, and whether that could be read then.
pub type Held = (Id<()>, Id<()>, bool);

/// Some reports that have this file.
pub fn of(conn: &mut Conn, file: FileId, most: i64) -> Result<Vec<Held>> {
    let with = table::table.filter(table::file_id.eq(file)).order(table::report_id).limit(most);
    Ok(with.select((table::report_id, table::object_id, table::ready)).load(conn)?)
}
