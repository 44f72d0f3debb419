//! The files of messages that a filter keeps back. Those who decide about a message see them; with a file goes what is noted
//! of it here.

use std::collections::HashMap;

use clowder_core::{FileId, Result, Word};
use clowder_messaging::{
    Attachment,
    moderation::{ReviewId, ReviewType},
};
use diesel::{dsl::exists, prelude::*};

use super::super::{
    among::AmongIds,
    chats::hold::IS_STAFF,
    dialect::Conn,
    domains::{Hold, Holder},
    messaging::attached,
    people::Viewer,
};
use crate::domains::messaging::{
    ReviewAttachmentRow, ReviewRow, message_reviews as reviews, participants, review_attachments as table,
};

pub const HOLDER: Holder = Holder { shows, names: true, holds, lets_go: |_, _, _| Ok(0), tells: |_, _, _, _| Ok(None) };

/// Keeps the files of a message, which stay until the end of the transaction.
pub fn keep(conn: &mut Conn, review: ReviewId, files: &[FileId]) -> Result<()> {
    let there = if files.is_empty() { Vec::new() } else { attached::there(conn, files)? };
    for (place, file) in (0..).zip(files).filter(|(_, file)| there.contains(file)) {
        let row = ReviewAttachmentRow { review_id: review, place, file_id: *file };
        diesel::insert_into(table::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// The files of a message, in their order.
pub fn kept(conn: &mut Conn, review: ReviewId) -> Result<Vec<FileId>> {
    let own = table::table.filter(table::review_id.eq(review)).order(table::place);
    Ok(own.select(table::file_id).load(conn)?)
}

/// The files of those of these messages that were not sent, as they are now.
pub fn of(conn: &mut Conn, rows: &[ReviewRow]) -> Result<HashMap<ReviewId, Vec<Attachment>>> {
    let held: Vec<ReviewId> =
        rows.iter().filter(|row| row.kind == ReviewType::Held.as_str()).map(|row| row.id).collect();
    if held.is_empty() {
        return Ok(HashMap::new());
    }
    let some = table::table.filter(table::review_id.among(&held)).order((table::review_id, table::place));
    let some: Vec<ReviewAttachmentRow> = some.select(ReviewAttachmentRow::as_select()).load(conn)?;
    let files = attached::found(conn, some.iter().map(|row| &row.file_id))?;
    let mut all = HashMap::<_, Vec<_>>::new();
    for row in some {
        let shown = files.get(&row.file_id).and_then(|found| found.shown.clone());
        all.entry(row.review_id).or_default().push(shown.unwrap_or(Attachment::deleted(row.file_id)));
    }
    Ok(all)
}

/// Those who decide: the staff of the chat about what its filter holds, and moderators of the server about the rest.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    let by_server =
        table::table.inner_join(reviews::table).filter(table::file_id.eq(file)).filter(reviews::by_server.eq(true));
    if viewer.staff && diesel::select(exists(by_server)).get_result(conn)? {
        return Ok(true);
    }
    let own = participants::chat_id.eq(reviews::chat_id).and(participants::user_id.eq(viewer.id));
    let decides = table::table
        .inner_join(reviews::table)
        .inner_join(participants::table.on(own))
        .filter(table::file_id.eq(file))
        .filter(reviews::by_server.eq(false))
        .filter(IS_STAFF);
    Ok(diesel::select(exists(decides)).get_result(conn)?)
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let has = diesel::select(exists(table::table.filter(table::file_id.eq(file)))).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Waiting))
}
