//! What was done to somebody in chats, and what of theirs waits for review: exported, and erased.

use clowder_core::{Ctx, Id, Result, UserId};
use clowder_messaging::moderation::{PurgeId, ReviewId, SanctionId};
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    db::Tx,
    dialect::Conn,
    privacy::{
        Asking, Erasing,
        parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after},
    },
};
use crate::{
    domains::messaging::{ReviewRow, SanctionRow, chat_purges, chat_sanctions, message_reviews},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "chat_sanctions",
    phase: Phase::Content,
    references: &[
        erased("chat_purges", "by_id"),
        erased("chat_purges", "user_id"),
        erased("chat_sanctions", "by_id"),
        erased("chat_sanctions", "lifted_by"),
        erased("chat_sanctions", "user_id"),
        erased("message_reviews", "user_id"),
    ],
    files: &[
        File {
            name: "chat_sanctions.json",
            about: "what moderators did to you in chats, and why",
            shape: Shape::List,
            read: export_sanctions,
        },
        File {
            name: "held_messages.json",
            about: "messages of yours that wait until a moderator approves them",
            shape: Shape::List,
            read: export_held,
        },
    ],
    erase,
}];

fn export_sanctions(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: SanctionId = after(mark)?;
    let rows: Vec<SanctionRow> = chat_sanctions::table
        .filter(chat_sanctions::user_id.eq(asking.user).and(chat_sanctions::id.gt(next)))
        .order(chat_sanctions::id)
        .limit(ROWS)
        .select(SanctionRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let item = |row: SanctionRow| {
        json!({
            "id": row.id, "chat_id": row.chat_id, "type": row.kind, "reason": row.reason,
            "message_count": row.message_count, "since": row.since, "until": row.until, "lifted_at": row.lifted_at, "lift_reason": row.lift_reason
        })
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

fn export_held(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: ReviewId = after(mark)?;
    let rows: Vec<ReviewRow> = message_reviews::table
        .filter(message_reviews::user_id.eq(asking.user).and(message_reviews::id.gt(next)))
        .filter(message_reviews::content.is_not_null())
        .order(message_reviews::id)
        .limit(ROWS)
        .select(ReviewRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let item = |row: ReviewRow| {
        let said = row.said()?;
        Ok(json!({
            "chat_id": row.chat_id, "content": said, "client_id": row.client_id, "created_at": row.created_at
        }))
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect::<Result<_>>()?, last))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let (user, again) = (erasing.user, Some(String::new()));
    macro_rules! erase {
        ($table:ident, $owner:ident, $kind:ty) => {
            let own = $table::table.filter($table::$owner.eq(user));
            let some: Vec<$kind> = own.limit(ROWS).select($table::id).load(tx.conn)?;
            if !some.is_empty() {
                let rows = diesel::delete(own.filter($table::id.eq_any(some))).execute(tx.conn)?;
                tx.deleted_text = true;
                return Ok(EraseStep { rows: rows as u64, next: again });
            }
        };
    }
    // What they did to others stays, without them.
    macro_rules! clear {
        ($column:ident) => {
            let theirs = chat_sanctions::table.filter(chat_sanctions::$column.eq(user));
            let some: Vec<Id<_>> = theirs.limit(ROWS).select(chat_sanctions::id).load::<SanctionId>(tx.conn)?;
            if !some.is_empty() {
                let some = chat_sanctions::table.filter(chat_sanctions::id.eq_any(some));
                let rows = diesel::update(some).set(chat_sanctions::$column.eq(None::<UserId>)).execute(tx.conn)?;
                return Ok(EraseStep { rows: rows as u64, next: again });
            }
        };
    }
    erase!(message_reviews, user_id, ReviewId);
    erase!(chat_sanctions, user_id, SanctionId);
    erase!(chat_purges, user_id, PurgeId);
    // What they had begun to delete goes on, as if its author had begun it.
    let begun = chat_purges::table.filter(chat_purges::by_id.eq(user));
    let some: Vec<PurgeId> = begun.limit(ROWS).select(chat_purges::id).load(tx.conn)?;
    if !some.is_empty() {
        let some = chat_purges::table.filter(chat_purges::id.eq_any(some));
        let rows = diesel::update(some).set(chat_purges::by_id.eq(chat_purges::user_id)).execute(tx.conn)?;
        return Ok(EraseStep { rows: rows as u64, next: again });
    }
    clear!(by_id);
    clear!(lifted_by);
    Ok(EraseStep::default())
}
