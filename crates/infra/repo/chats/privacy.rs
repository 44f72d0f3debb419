//! Somebody's own notes about chats, and what they have to do with chats that they are not in: exported, and erased.

use clowder_core::{ChatId, Ctx, Id, Result, UserId};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        db::Tx,
        dialect::Conn,
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after},
        },
        user_keys,
    },
    notes,
};
use clowder_messaging::{ChatPreferences, invitations::LinkId};

use crate::{
    domains::messaging::{
        ChatLinkRow, ChatNoteRow, GuestRow, chat_attempts, chat_deletions, chat_guests, chat_links, chat_notes,
    },
    privacy::erased,
    seal::unreadable,
};

pub const PARTS: &[Part] = &[Part {
    name: "chat_notes",
    phase: Phase::Content,
    references: &[
        erased("chat_notes", "user_id"),
        erased("chat_attempts", "by_id"),
        erased("chat_attempts", "user_id"),
        erased("chat_deletions", "user_id"),
        erased("chat_guests", "user_id"),
        erased("chat_guests", "invited_by"),
        erased("chat_links", "created_by"),
    ],
    files: &[
        File {
            name: "chat-notes.json",
            about: "your own titles of chats, and your drafts",
            shape: Shape::List,
            read: export,
        },
        File {
            name: "chat-invitations.json",
            about: "the chats you are invited to, or asked to join",
            shape: Shape::List,
            read: export_guests,
        },
        File { name: "chat-links.json", about: "links to chats that you made", shape: Shape::List, read: export_links },
    ],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: Id<()> = after(mark)?;
    let own = chat_notes::table.filter(chat_notes::user_id.eq(asking.user).and(chat_notes::id.gt(next)));
    let rows: Vec<ChatNoteRow> = own.order(chat_notes::id).limit(ROWS).select(ChatNoteRow::as_select()).load(conn)?;
    let (last, full) = (rows.last().map(|row| row.id), rows.len() as i64 == ROWS);
    let sealed = rows.iter().flat_map(|row| [&row.title, &row.draft]).flatten();
    let keys = user_keys::for_values(conn, &asking.ring, sealed)?;
    let Some(key) = keys.into_values().next() else { return Ok(ExportPage::default()) };
    let item = |row: ChatNoteRow| {
        let mut note = ChatPreferences::default();
        notes::read(&row, &key, &mut note).map_err(|error| unreadable::<()>(&error)).ok()?;
        let ChatPreferences { title, draft, drafted_at, .. } = note;
        Some(json!({"chat_id": row.chat_id, "title": title, "draft": draft, "drafted_at": drafted_at}))
    };
    let items = rows.into_iter().filter_map(item).collect();
    Ok(ExportPage { items, next: last.filter(|_| full).map(|last| last.to_string()), seen: 0 })
}

fn export_guests(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: ChatId = after(mark)?;
    let rows: Vec<GuestRow> = chat_guests::table
        .filter(chat_guests::user_id.eq(asking.user).and(chat_guests::chat_id.gt(next)))
        .order(chat_guests::chat_id)
        .limit(ROWS)
        .select(GuestRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.chat_id);
    let item =
        |row: GuestRow| json!({"chat_id": row.chat_id, "status": row.status, "role": row.role, "since": row.since});
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

fn export_links(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: LinkId = after(mark)?;
    let rows: Vec<ChatLinkRow> = chat_links::table
        .filter(chat_links::created_by.eq(asking.user).and(chat_links::id.gt(next)))
        .order(chat_links::id)
        .limit(ROWS)
        .select(ChatLinkRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let items = rows.into_iter().map(|row| Ok(serde_json::to_value(row.link()?)?)).collect::<Result<_>>()?;
    Ok(ExportPage::by_id(items, last))
}

fn erase(tx: &mut Tx<'_>, _: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let (user, again) = (erasing.user, Some(String::new()));
    macro_rules! erase {
        ($table:ident, $owner:ident, $id:ident, $kind:ty) => {
            let own = $table::table.filter($table::$owner.eq(user));
            let some: Vec<$kind> = own.limit(ROWS).select($table::$id).load(tx.conn)?;
            if !some.is_empty() {
                let rows = diesel::delete(own.filter($table::$id.eq_any(some))).execute(tx.conn)?;
                return Ok(EraseStep { rows: rows as u64, next: again });
            }
        };
    }
    erase!(chat_notes, user_id, id, Id<()>);
    erase!(chat_guests, user_id, chat_id, ChatId);
    erase!(chat_guests, invited_by, chat_id, ChatId);
    erase!(chat_links, created_by, id, Id<()>);
    erase!(chat_attempts, user_id, id, Id<()>);
    // Of whom they invited stays only that somebody did.
    let made = chat_attempts::table.filter(chat_attempts::by_id.eq(user)).order(chat_attempts::id).limit(ROWS);
    let made: Vec<Id<()>> = made.select(chat_attempts::id).load(tx.conn)?;
    if !made.is_empty() {
        let made = chat_attempts::table.filter(chat_attempts::id.eq_any(made));
        let rows = diesel::update(made).set(chat_attempts::by_id.eq(None::<UserId>)).execute(tx.conn)?;
        return Ok(EraseStep { rows: rows as u64, next: again });
    }
    diesel::delete(chat_deletions::table.filter(chat_deletions::user_id.eq(user))).execute(tx.conn)?;
    Ok(EraseStep::default())
}
