//! The log of a pet: weights and notes, for those who keep it.

use clowder_core::{Ctx, Page, PageRequest, Result, UserId, Word};
use clowder_social::{
    Prose,
    pets::{
        Entry, EntryId, NewEntry, PetId,
        policy::{MOST_ENTRIES, may_be_about, may_delete_entry, may_keep},
        refusals::{ENTRY_UNKNOWN, PET_LOG},
    },
};
use diesel::{dsl::count_star, prelude::*};

use super::{
    super::{cards::Cards, db::Tx, dialect::Conn, people::Viewer},
    read,
    writes::hold,
};
use crate::domains::pets::{EntryRow, pet_log as table};

pub fn list(conn: &mut Conn, viewer: Viewer, pet: PetId, page: &PageRequest) -> Result<Page<Entry>> {
    may_keep(read::seen(conn, viewer, pet)?.role)?;
    let mut entries = table::table
        .filter(table::pet_id.eq(pet))
        .order((table::at.desc(), table::id.desc()))
        .limit(page.fetch())
        .select(EntryRow::as_select())
        .into_boxed();
    if let Some((at, id)) = page.moment()? {
        let id: EntryId = id;
        entries = entries.filter(table::at.lt(at).or(table::at.eq(at).and(table::id.lt(id))));
    }
    let rows: Vec<EntryRow> = entries.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().filter_map(|row| row.author_id).collect::<Vec<_>>())?;
    let items = rows.into_iter().map(|row| view(row, &cards));
    Page::fill(items, page, |entry| Page::<()>::place(entry.at, entry.id))
}

fn view(row: EntryRow, cards: &Cards) -> Result<Entry> {
    let author = row.author_id.map(|author| cards.card(author)).transpose()?;
    row.entry(author)
}

fn find(conn: &mut Conn, pet: PetId, entry: EntryId) -> Result<EntryRow> {
    let one = table::table.find(entry).filter(table::pet_id.eq(pet)).select(EntryRow::as_select());
    Ok(one.first(conn).optional()?.ok_or(ENTRY_UNKNOWN)?)
}

pub fn one(conn: &mut Conn, viewer: Viewer, pet: PetId, entry: EntryId) -> Result<Entry> {
    may_keep(read::seen(conn, viewer, pet)?.role)?;
    let row = find(conn, pet, entry)?;
    let cards = Cards::of(conn, None, row.author_id)?;
    view(row, &cards)
}

pub fn write(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, new: NewEntry) -> Result<Entry> {
    let held = hold(tx, ctx, pet, &[])?;
    may_keep(held.role)?;
    let at = new.at.unwrap_or(ctx.now);
    may_be_about(ctx.now, at)?;
    let count: i64 = table::table.filter(table::pet_id.eq(pet)).select(count_star()).first(tx.conn)?;
    if count >= MOST_ENTRIES {
        return Err(PET_LOG.into());
    }
    let row = EntryRow {
        id: EntryId::new(ctx.now),
        pet_id: pet,
        author_id: Some(held.caller),
        kind: new.kind.as_str().to_owned(),
        grams: new.grams.map(|grams| grams.0),
        text: new.text.map(Prose::into_string),
        at,
        created_at: ctx.now,
    };
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    let author: UserId = held.caller;
    view(row, &Cards::of(tx.conn, None, [author])?)
}

pub fn erase(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, entry: EntryId) -> Result<()> {
    let held = hold(tx, ctx, pet, &[])?;
    may_keep(held.role)?;
    let row = find(tx.conn, pet, entry)?;
    may_delete_entry(held.role, row.author_id == Some(held.caller))?;
    diesel::delete(table::table.find(entry)).execute(tx.conn)?;
    tx.deleted_text = true;
    Ok(())
}
