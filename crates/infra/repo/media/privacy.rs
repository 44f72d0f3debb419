//! Somebody's files: exported to them, and deleted with them. The bytes go as soon as the job that purges them runs.

use std::time::Duration;

use clowder_core::{Ctx, Result, Timestamp, UserId, Word};
use clowder_media::{FileId, FileStatus, ObjectId};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        domains::{Hold, holds_file, let_file_go},
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
        },
    },
    attaching, posters, purging,
};
use crate::{
    domains::media::{FileRow, ObjectRow, file_links, file_objects, file_usage, files},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "files",
    phase: Phase::Content,
    references: &[
        erased("files", "owner_id"),
        erased("file_objects", "owner_id"),
        erased("file_usage", "user_id"),
        erased("file_links", "user_id"),
    ],
    files: &[File { name: "files.json", about: "the files that you have uploaded", shape: Shape::List, read: export }],
    erase,
}];

/// How long the bytes of an upload may still arrive after its row is gone.
const ARRIVES_LATE: Duration = Duration::from_secs(24 * 3600);

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: FileId = after(mark)?;
    let own = files::table.inner_join(file_objects::table);
    let own = own.filter(files::owner_id.eq(asking.user).and(files::id.gt(next)));
    let rows: Vec<(FileRow, ObjectRow)> =
        own.order(files::id).limit(ROWS).select((FileRow::as_select(), ObjectRow::as_select())).load(conn)?;
    let last = rows.last().map(|(row, _)| row.id);
    let posters = posters::of(conn, &rows.iter().map(|(row, _)| row.id).collect::<Vec<_>>())?;
    let item = |(row, object): (FileRow, ObjectRow)| {
        let poster = posters.get(&row.id);
        Ok(json!(posters::file(row, &object, poster)?))
    };
    let items = rows.into_iter().map(item).collect::<Result<_>>()?;
    Ok(ExportPage::by_id(items, last))
}

/// A bounded number of rows at a time: first the files, then what says whose the bytes were.
fn erase(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    let some = files::table.filter(files::owner_id.eq(user)).order(files::id).limit(ROWS);
    let some: Vec<FileId> = some.select(files::id).load(tx.conn)?;
    if !some.is_empty() {
        // Others may have forwarded them.
        for file in &some {
            let gone = let_file_go(tx, ctx, *file)?;
            if gone > 0 {
                return all_gone(gone, true);
            }
        }
        // Whoever is attaching one is done then, and whoever does so later finds none.
        for file in &some {
            dialect::media::lock_file(tx.conn, *file)?;
        }
        for file in &some {
            // It was attached meanwhile. Chats are locked before files, so another step lets it go.
            if holds_file(tx.conn, *file)? == Some(Hold::Firm) {
                return all_gone(0, true);
            }
        }
        attaching::fasten(tx, some.iter().copied());
        tx.deleted_text = true;
        return all_gone(diesel::delete(files::table.filter(files::id.eq_any(some))).execute(tx.conn)?, true);
    }
    let some = file_objects::table.filter(file_objects::owner_id.eq(user)).order(file_objects::id).limit(ROWS);
    let some: Vec<(ObjectId, String)> = some.select((file_objects::id, file_objects::status)).load(tx.conn)?;
    let usage = diesel::delete(file_usage::table.find(user)).execute(tx.conn)?
        + diesel::delete(file_links::table.find(user)).execute(tx.conn)?;
    if some.is_empty() {
        return all_gone(usage, false);
    }
    let arriving = FileStatus::Uploading.as_str();
    for (purge_at, late) in [(ctx.now, false), (ctx.now.plus(ARRIVES_LATE), true)] {
        let these = some.iter().filter(|(_, status)| (status == arriving) == late).map(|(object, _)| *object);
        let gone = (
            file_objects::owner_id.eq(None::<UserId>),
            file_objects::refs.eq(0),
            file_objects::status.eq(FileStatus::Failed.as_str()),
            file_objects::purge_at.eq(purge_at),
            file_objects::late.eq(late),
            file_objects::arriving_until.eq(None::<Timestamp>),
            file_objects::scanning_since.eq(None::<Timestamp>),
        );
        let these = file_objects::table.filter(file_objects::id.eq_any(these.collect::<Vec<_>>()));
        diesel::update(these).set(gone).execute(tx.conn)?;
    }
    purging::order(tx, ctx)?;
    all_gone(usage + some.len(), true)
}
