//! What somebody notes about another person: encrypted with the key of its author.

use clowder_core::{Ctx, Error, Id, Result, UserId};
use clowder_social::{
    NewNote, Note,
    blocks::{
        policy::AboutFacts,
        refusals::{NOTE_LIMIT, NOTE_UNKNOWN},
    },
};
use diesel::prelude::*;

use super::super::{db::Tx, dialect::Conn, user_keys};
use crate::{
    domains::blocks::{NoteRow, user_notes as table},
    seal::{Column, KeyRing, Place, Under},
};

pub const TEXT: Column = Column::new("user_notes", "text", "id", Under::UserKey);

pub fn one(conn: &mut Conn, ring: &KeyRing, ctx: &Ctx, about: UserId) -> Result<Note> {
    let author = ctx.user()?;
    let known = super::knows(conn, ctx, about)?;
    let row = of(conn, author, about)?.filter(|_| known).ok_or(NOTE_UNKNOWN)?;
    let key = user_keys::find(conn, ring, author)?.ok_or_else(|| Error::internal("a note without a key"))?;
    read(row, &key)
}

/// A note in plain text.
pub fn read(row: NoteRow, key: &crate::seal::UserKey) -> Result<Note> {
    let text = key.open(Place::new(TEXT, row.id), &row.text)?;
    let text = String::from_utf8(text).map_err(|_| Error::internal("a note that is not text"))?;
    Ok(Note { user_id: row.about_id, text, updated_at: row.updated_at })
}

pub fn write(tx: &mut Tx<'_>, ctx: &Ctx, about: UserId, new: NewNote) -> Result<Note> {
    let author = ctx.user()?;
    let card = super::lock_both(tx, author, about)?;
    let before = of(tx.conn, author, about)?;
    let facts = AboutFacts {
        known: super::knows(tx.conn, ctx, about)?,
        new: before.is_none(),
        count: table::table.filter(table::user_id.eq(author)).count().get_result(tx.conn)?,
    };
    super::decided(author, about, facts, card, NOTE_LIMIT)?;
    let id = before.as_ref().map_or_else(|| Id::new(ctx.now), |before| before.id);
    let text = new.text.into_string();
    let sealed = user_keys::of(tx, ctx, author)?.seal(Place::new(TEXT, id), text.as_bytes())?;
    let row = NoteRow { id, user_id: author, about_id: about, text: sealed, updated_at: ctx.now };
    diesel::insert_into(table::table)
        .values(&row)
        .on_conflict((table::user_id, table::about_id))
        .do_update()
        .set((table::text.eq(&row.text), table::updated_at.eq(row.updated_at)))
        .execute(tx.conn)?;
    Ok(Note { user_id: about, text, updated_at: ctx.now })
}

pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, about: UserId) -> Result<()> {
    let author = ctx.user()?;
    super::lock_both(tx, author, about)?;
    diesel::delete(table::table.filter(table::user_id.eq(author).and(table::about_id.eq(about)))).execute(tx.conn)?;
    Ok(())
}

fn of(conn: &mut Conn, author: UserId, about: UserId) -> Result<Option<NoteRow>> {
    let one = table::table.filter(table::user_id.eq(author).and(table::about_id.eq(about)));
    Ok(one.select(NoteRow::as_select()).first(conn).optional()?)
}
