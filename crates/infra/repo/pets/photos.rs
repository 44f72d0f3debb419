//! The pictures of pets: an avatar, and photos in the order of whoever keeps the pet.

use std::collections::HashMap;

use clowder_core::{Ctx, FileId, Result, UserId};
use clowder_social::pets::{
    Change, PetId,
    change::{News, Version},
    policy::Sight,
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::Conn,
        domains::{Hold, Holder, Place},
        media::{
            attaching::loosen,
            pictures::{self, Chosen},
        },
        people::Viewer,
    },
    read,
    writes::{keepers, lock, rewritten, tell},
};
use crate::domains::pets::{PetRow, pet_photos as table, pets};

pub const HOLDER: Holder = Holder { shows, names: false, holds, lets_go, tells };

/// At how many pets is looked for whoever wants to see a file: few have the same.
const MOST: i64 = 200;

/// The photos of these pets, in their order; who has none is missing.
pub fn of(conn: &mut Conn, ids: impl IntoIterator<Item = PetId>) -> Result<HashMap<PetId, Vec<FileId>>> {
    let ids: Vec<PetId> = ids.into_iter().collect();
    let mut all = HashMap::<PetId, Vec<FileId>>::new();
    if ids.is_empty() {
        return Ok(all);
    }
    let some = table::table.filter(table::pet_id.among(&ids)).order((table::pet_id, table::place));
    for (pet, file) in some.select((table::pet_id, table::file_id)).load::<(PetId, FileId)>(conn)? {
        all.entry(pet).or_default().push(file);
    }
    Ok(all)
}

/// Holds the files that a pet is to have and did not have before; they must be this person's.
pub fn hold(
    tx: &mut Tx<'_>,
    owner: UserId,
    avatar: Option<FileId>,
    photos: &[FileId],
    new_avatar: Option<FileId>,
    new_photos: &[FileId],
) -> Result<()> {
    let mut chosen: Vec<Chosen> = Chosen::other("avatar", pictures::PET, avatar, new_avatar).into_iter().collect();
    let others = new_photos.iter().enumerate().filter(|(_, file)| !photos.contains(file));
    chosen.extend(others.map(|(place, file)| Chosen::new(&format!("photos/{place}"), pictures::PET, *file)));
    pictures::hold(tx, owner, &chosen)
}

/// Writes the photos of a pet that has none.
pub fn put(conn: &mut Conn, pet: PetId, photos: &[FileId]) -> Result<()> {
    let row = |(place, file): (i64, &FileId)| (table::pet_id.eq(pet), table::place.eq(place), table::file_id.eq(*file));
    let rows: Vec<_> = (0..).zip(photos).map(row).collect();
    diesel::insert_into(table::table).values(rows).execute(conn)?;
    Ok(())
}

/// Writes the photos of a locked pet anew.
pub fn replace(tx: &mut Tx<'_>, pet: PetId, before: &[FileId], after: &[FileId]) -> Result<()> {
    if before == after {
        return Ok(());
    }
    diesel::delete(table::table.filter(table::pet_id.eq(pet))).execute(tx.conn)?;
    put(tx.conn, pet, after)?;
    loosen(tx, before.iter().filter(|file| !after.contains(file)).copied());
    Ok(())
}

/// Takes all pictures from a locked pet that is being deleted.
pub fn take_away(tx: &mut Tx<'_>, pet: PetId) -> Result<()> {
    let photos = diesel::delete(table::table.filter(table::pet_id.eq(pet))).returning(table::file_id);
    let mut gone: Vec<FileId> = photos.load(tx.conn)?;
    gone.extend(pets::table.find(pet).select(pets::avatar_id).first::<Option<FileId>>(tx.conn).optional()?.flatten());
    loosen(tx, gone);
    Ok(())
}

/// The pets that have this file as their avatar, and those that have it among their photos.
fn with(conn: &mut Conn, file: FileId) -> Result<[Vec<PetId>; 2]> {
    let pictured = pets::table.filter(pets::avatar_id.eq(file)).order(pets::id).limit(MOST);
    let shown = table::table.filter(table::file_id.eq(file)).order(table::pet_id).limit(MOST);
    Ok([pictured.select(pets::id).load(conn)?, shown.select(table::pet_id).load(conn)?])
}

/// Whoever sees a pet sees its avatar, and whoever sees all of it its photos.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    let [pictured, shown] = with(conn, file)?;
    let all = || pictured.iter().chain(&shown).copied();
    let rows = pets::table.filter(pets::id.among(all().collect::<Vec<_>>().iter())).select(PetRow::as_select());
    let rows: Vec<PetRow> = if all().next().is_some() { rows.load(conn)? } else { Vec::new() };
    let is_shown = |seen: &read::Seen| pictured.contains(&seen.row.id) || seen.sight == Sight::Full;
    Ok(!rows.is_empty() && read::look(conn, viewer, rows)?.iter().any(is_shown))
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let pictured = exists(pets::table.filter(pets::avatar_id.eq(file)));
    let shown = exists(table::table.filter(table::file_id.eq(file)));
    let has = diesel::select(pictured).get_result::<bool>(conn)? || diesel::select(shown).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Firm))
}

/// Takes a file from one of the pets that have it, and tells whoever keeps the pet.
fn lets_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    let Some(pet) = with(tx.conn, file)?.concat().first().copied() else { return Ok(0) };
    let Some(before) = lock(tx, pet)? else { return Ok(1) };
    let had = of(tx.conn, [pet])?.remove(&pet).unwrap_or_default();
    let has: Vec<FileId> = had.iter().filter(|photo| **photo != file).copied().collect();
    let after = PetRow { avatar_id: before.avatar_id.filter(|avatar| *avatar != file), ..before.clone() };
    if after == before && has == had {
        return Ok(1);
    }
    replace(tx, pet, &had, &has)?;
    let told = rewritten(tx, &before, after)?;
    tell(tx, ctx, &told)?;
    Ok(1)
}

fn tells(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    pictures::tell(tx, ctx, file, after, lets_go, renew)
}

/// Tells whoever keeps the next pet that a picture of it can be read.
fn renew(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    let after = PetId::from_uuid(pictures::last(after));
    let pictured = pets::table.filter(pets::avatar_id.eq(file).and(pets::id.gt(after))).order(pets::id);
    let pictured = pictured.select(pets::id).first::<PetId>(tx.conn).optional()?;
    let shown = table::table.filter(table::file_id.eq(file).and(table::pet_id.gt(after))).order(table::pet_id);
    let shown = shown.select(table::pet_id).first::<PetId>(tx.conn).optional()?;
    let Some(pet) = pictured.into_iter().chain(shown).min() else { return Ok(None) };
    if let Some(row) = lock(tx, pet)? {
        let updated = News::Updated(Version { pet_id: pet, version: row.version });
        let told = Change::to_all(keepers(tx.conn, pet)?, updated);
        tell(tx, ctx, &told)?;
    }
    Ok(Some((pet.uuid(), 0)))
}
