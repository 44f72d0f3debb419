//! Which emails somebody was sent: exported, and erased with whatever waits for them or is about them.

use clowder_core::{Ctx, Result};
use clowder_notifications::mail::{NoticeId, NoticeMailId};
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    among::AmongIds,
    db::Tx,
    dialect::{self, Conn},
    notifications::READER,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
    },
};
use crate::{
    domains::notices::{
        NoticeMailRow, notice_addresses, notice_digests, notice_mails as mails, notice_queues, notices as table,
    },
    privacy::{erased, kept},
};

pub const PARTS: &[Part] = &[Part {
    name: "notices",
    phase: Phase::Content,
    references: &[
        erased("notices", "user_id"),
        erased("notices", "actor_id"),
        kept("notices", "target_id", "gone with the row, some days after it was told; the target may be a user"),
        erased("notice_mails", "user_id"),
        erased("notice_queues", "user_id"),
        erased("notice_digests", "user_id"),
        erased("notice_addresses", "user_id"),
    ],
    files: &[File {
        name: "notification_emails.json",
        about: "when you were sent emails about notifications in the last 40 days",
        shape: Shape::List,
        read: export,
    }],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: NoticeMailId = after(mark)?;
    let own = mails::table.filter(mails::user_id.eq(asking.user).and(mails::id.gt(next)));
    let rows: Vec<NoticeMailRow> = own.order(mails::id).limit(ROWS).select(NoticeMailRow::as_select()).load(conn)?;
    let item = |row: &NoticeMailRow| {
        json!({
            "id": row.id, "digest": row.period, "outcome": row.outcome, "created_at": row.created_at,
            "settled_at": row.settled_at,
        })
    };
    Ok(ExportPage::by_id(rows.iter().map(item).collect(), rows.last().map(|row| row.id)))
}

/// A bounded number of rows at a time. The reader that tells has either written before, and these rows are found, or it sees
/// that the account is erased.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    dialect::readers::lock_reader(tx.conn, READER)?;
    let told = table::table.filter(table::user_id.eq(user).or(table::actor_id.eq(user)));
    let told: Vec<NoticeId> = told.order(table::id).limit(ROWS).select(table::id).load(tx.conn)?;
    if !told.is_empty() {
        let gone = diesel::delete(table::table.filter(table::id.among(&told))).execute(tx.conn)?;
        return all_gone(gone, true);
    }
    let sent = mails::table.filter(mails::user_id.eq(user)).order(mails::id).limit(ROWS).select(mails::id);
    let sent: Vec<NoticeMailId> = sent.load(tx.conn)?;
    if !sent.is_empty() {
        let gone = diesel::delete(mails::table.filter(mails::id.among(&sent))).execute(tx.conn)?;
        return all_gone(gone, true);
    }
    let gone = diesel::delete(notice_queues::table.find(user)).execute(tx.conn)?
        + diesel::delete(notice_digests::table.find(user)).execute(tx.conn)?
        + diesel::delete(notice_addresses::table.find(user)).execute(tx.conn)?;
    all_gone(gone, false)
}
