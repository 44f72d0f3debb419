//! What somebody decided about others, and others about them: exported to who decided it, and erased with either.

use std::collections::HashMap;

use clowder_core::{Card, Ctx, Id, Result, UserId};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        cards::Cards,
        db::Tx,
        dialect::Conn,
        lifetimes::starting,
        people::Viewer,
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
        },
        user_keys,
    },
    known_among, notes,
};
use crate::{
    domains::blocks::{BlockRow, MuteRow, NoteRow, blocks, mutes, user_notes},
    privacy::erased,
    seal::unreadable,
};

pub const PARTS: &[Part] = &[Part {
    name: "blocks",
    phase: Phase::Content,
    references: &[
        erased("blocks", "user_id"),
        erased("blocks", "blocked_id"),
        erased("mutes", "user_id"),
        erased("mutes", "muted_id"),
        erased("user_notes", "user_id"),
        erased("user_notes", "about_id"),
    ],
    files: &[
        File { name: "blocks.json", about: "whom you have blocked", shape: Shape::List, read: export_blocks },
        File { name: "mutes.json", about: "whom you have muted", shape: Shape::List, read: export_mutes },
        File { name: "notes.json", about: "your notes on other people", shape: Shape::List, read: export_notes },
    ],
    erase,
}];

fn export_blocks(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: UserId = after(mark)?;
    let own = blocks::table.filter(blocks::user_id.eq(asking.user).and(blocks::blocked_id.gt(next)));
    let rows: Vec<BlockRow> = own.order(blocks::blocked_id).limit(ROWS).select(BlockRow::as_select()).load(conn)?;
    let last = rows.last().map(|row| row.blocked_id);
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.blocked_id))?;
    let item = |row: BlockRow| {
        let user = cards.card(row.blocked_id)?;
        Ok(json!({"user": user, "hide_messages": row.hide_messages, "since": row.since}))
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect::<Result<_>>()?, last))
}

fn export_mutes(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: UserId = after(mark)?;
    let own = mutes::table.filter(mutes::user_id.eq(asking.user).and(mutes::muted_id.gt(next)));
    let rows: Vec<MuteRow> = own.order(mutes::muted_id).limit(ROWS).select(MuteRow::as_select()).load(conn)?;
    let last = rows.last().map(|row| row.muted_id);
    let known = known_cards(conn, asking, rows.iter().map(|row| row.muted_id))?;
    let item = |row: MuteRow| {
        let (id, since, until) = (row.muted_id, row.since, row.until);
        json!({"user_id": id, "user": known.get(&id), "since": since, "until": until})
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

/// The cards of those of whom the owner of an export knows. Whoever has hidden since then is in it by their id alone.
pub fn known_cards(
    conn: &mut Conn,
    asking: &Asking,
    people: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, Card>> {
    let viewer = Viewer { id: asking.user, staff: false, now: asking.now };
    let known = known_among(conn, viewer, &people.into_iter().collect::<Vec<_>>())?;
    let cards = Cards::of(conn, None, known.iter().copied())?;
    known.into_iter().map(|user| Ok((user, cards.card(user)?))).collect()
}

fn export_notes(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: UserId = after(mark)?;
    let own = user_notes::table.filter(user_notes::user_id.eq(asking.user).and(user_notes::about_id.gt(next)));
    let rows: Vec<NoteRow> = own.order(user_notes::about_id).limit(ROWS).select(NoteRow::as_select()).load(conn)?;
    let last = rows.last().map(|row| row.about_id);
    let keys = user_keys::for_values(conn, &asking.ring, rows.iter().map(|row| &row.text))?;
    let Some(key) = keys.into_values().next() else { return Ok(ExportPage::default()) };
    let item = |row: NoteRow| {
        let note = notes::read(row, &key).map_err(|error| unreadable::<()>(&error)).ok()?;
        Some(json!(note))
    };
    let items: Vec<_> = rows.into_iter().map(item).collect();
    let full = items.len() as i64 == ROWS;
    let items: Vec<_> = items.into_iter().flatten().collect();
    Ok(ExportPage { items, next: last.filter(|_| full).map(|last: Id<_>| last.to_string()), seen: 0 })
}

/// A bounded number of rows at a time, in both directions: one person can be blocked by very many.
fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    let mut gone = 0;
    macro_rules! erase {
        ($table:ident, $other:ident) => {{
            let either = $table::user_id.eq(user).or($table::$other.eq(user));
            let rows: Vec<(UserId, UserId)> = $table::table
                .filter(either)
                .order(($table::user_id, $table::$other))
                .limit(ROWS)
                .select(($table::user_id, $table::$other))
                .load(tx.conn)?;
            for (one, other) in &rows {
                let row = $table::table.filter($table::user_id.eq(*one).and($table::$other.eq(*other)));
                gone += diesel::delete(row).execute(tx.conn)?;
            }
            rows
        }};
    }
    let parted = erase!(blocks, blocked_id);
    if !parted.is_empty() {
        let others: Vec<_> = parted.into_iter().map(|(one, other)| if one == user { other } else { one }).collect();
        starting::note_shared(tx.conn, user, &others)?;
    }
    erase!(mutes, muted_id);
    erase!(user_notes, about_id);
    all_gone(gone, gone > 0)
}
