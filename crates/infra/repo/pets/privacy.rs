//! Somebody's pets: exported, and handed on or deleted when they are erased.

use clowder_core::{Ctx, Id, Result, Timestamp, UserId, Word};
use clowder_social::pets::{EntryId, PetId, model::EntryKind, policy::sees_microchip};
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
    },
    clearing::piece,
    keepers::{hand_over, heir, take_out},
    microchips, photos,
    writes::{lock, remove, tell},
};
use crate::{
    domains::pets::{EntryRow, KeeperRow, PetRow, pet_attempts, pet_keepers, pet_log, pets},
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "pets",
    phase: Phase::Content,
    references: &[
        erased("pets", "owner_id"),
        erased("pets", "written_by"),
        erased("pet_keepers", "user_id"),
        erased("pet_log", "author_id"),
        erased("pet_attempts", "by_id"),
        erased("pet_attempts", "user_id"),
    ],
    files: &[
        File {
            name: "pets.json",
            about: "the pets that you keep or are invited to keep",
            shape: Shape::List,
            read: export,
        },
        File {
            name: "pet_log.json",
            about: "what you wrote into the logs of pets",
            shape: Shape::List,
            read: export_log,
        },
        File {
            name: "declined_pets.json",
            about: "invitations to keep a pet that you declined lately (invitations are known for 40 days)",
            shape: Shape::List,
            read: export_declines,
        },
    ],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: PetId = after(mark)?;
    let rows: Vec<(KeeperRow, PetRow)> = pet_keepers::table
        .inner_join(pets::table)
        .filter(pet_keepers::user_id.eq(asking.user).and(pet_keepers::pet_id.gt(after)))
        .order(pet_keepers::pet_id)
        .limit(ROWS)
        .select((KeeperRow::as_select(), PetRow::as_select()))
        .load(conn)?;
    let last = rows.last().map(|(keeper, _)| keeper.pet_id);
    let mut photos = photos::of(conn, rows.iter().map(|(keeper, _)| keeper.pet_id))?;
    let item = |(keeper, pet): (KeeperRow, PetRow)| -> Result<_> {
        let role = Some(keeper.role()?).filter(|_| keeper.accepted);
        // What the owners wrote is theirs.
        if !sees_microchip(role) {
            return Ok(json!({
                "id": pet.id, "role": keeper.role, "accepted": keeper.accepted, "since": keeper.since,
                "name": pet.name, "species": pet.species,
            }));
        }
        let shown = photos.remove(&pet.id).unwrap_or_default();
        let chip = pet.microchip.as_ref();
        let chip = chip.and_then(|sealed| microchips::read(&asking.ring, pet.id, sealed));
        let lost = pet.lost_since.map(|since| {
            json!({
                "since": since, "text": pet.lost_text, "place": pet.lost_place,
                "lat": pet.lost_lat.map(|degrees| f64::from(degrees) / 1e6),
                "lng": pet.lost_lng.map(|degrees| f64::from(degrees) / 1e6),
            })
        });
        Ok(json!({
            "id": pet.id, "role": keeper.role, "accepted": keeper.accepted, "since": keeper.since, "name": pet.name,
            "species": pet.species, "breed": pet.breed, "sex": pet.sex, "birth_date": pet.birth_date, "bio": pet.bio,
            "visibility": pet.visibility, "avatar": pet.avatar_id, "photos": shown, "microchip": chip, "lost": lost, "created_at": pet.created_at,
        }))
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect::<Result<_>>()?, last))
}

fn export_log(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: EntryId = after(mark)?;
    let rows: Vec<EntryRow> = pet_log::table
        .filter(pet_log::author_id.eq(asking.user).and(pet_log::id.gt(after)))
        .order(pet_log::id)
        .limit(ROWS)
        .select(EntryRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let item = |row: EntryRow| {
        json!({
            "id": row.id, "pet_id": row.pet_id, "kind": row.kind, "grams": row.grams, "text": row.text, "at": row.at,
            "created_at": row.created_at,
        })
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

fn export_declines(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: Id<()> = after(mark)?;
    let own = pet_attempts::table.filter(pet_attempts::user_id.eq(asking.user).and(pet_attempts::id.gt(next)));
    let rows: Vec<(Id<()>, PetId, Option<Timestamp>)> = own
        .filter(pet_attempts::refused_at.is_not_null())
        .order(pet_attempts::id)
        .limit(ROWS)
        .select((pet_attempts::id, pet_attempts::pet_id, pet_attempts::refused_at))
        .load(conn)?;
    let last = rows.last().map(|(id, ..)| *id);
    let items = rows.into_iter().map(|(_, pet, at)| json!({"pet_id": pet, "declined_at": at})).collect();
    Ok(ExportPage::by_id(items, last))
}

/// One pet in a piece, because each is locked and others are told; then what they wrote into logs.
fn erase(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let (user, again) = (erasing.user, Some(String::new()));
    let own = pet_keepers::table.filter(pet_keepers::user_id.eq(user)).order(pet_keepers::pet_id);
    if let Some(pet) = own.select(pet_keepers::pet_id).first::<PetId>(tx.conn).optional()? {
        let rows = leave(tx, ctx, user, pet)?;
        return Ok(EraseStep { rows, next: again });
    }
    // From now on, the owner answers for what they wrote about pets of others.
    let wrote = pets::table.filter(pets::written_by.eq(user)).order(pets::id).limit(ROWS).select(pets::id);
    let wrote: Vec<PetId> = wrote.load(tx.conn)?;
    if !wrote.is_empty() {
        for pet in &wrote {
            lock(tx, *pet)?;
        }
        let own = pets::table.filter(pets::id.eq_any(&wrote).and(pets::written_by.eq(user)));
        let rows = diesel::update(own).set(pets::written_by.eq(None::<UserId>)).execute(tx.conn)?;
        return Ok(EraseStep { rows: rows as u64, next: again });
    }
    let attempts = forget_attempts(tx, user)?;
    if attempts > 0 {
        return Ok(EraseStep { rows: attempts, next: again });
    }
    let written: Vec<(EntryId, String)> = pet_log::table
        .filter(pet_log::author_id.eq(user))
        .order(pet_log::id)
        .limit(ROWS)
        .select((pet_log::id, pet_log::kind))
        .load(tx.conn)?;
    // Weights are about the pet, which others keep; notes are the author's words, and so are remarks on weights.
    let (weights, notes): (Vec<_>, Vec<_>) =
        written.into_iter().partition(|(_, kind)| kind == EntryKind::Weight.as_str());
    let [weights, notes] = [weights, notes].map(|some| some.into_iter().map(|(id, _)| id).collect::<Vec<EntryId>>());
    let rows = weights.len() + notes.len();
    let nobody = (pet_log::author_id.eq(None::<UserId>), pet_log::text.eq(None::<String>));
    diesel::update(pet_log::table.filter(pet_log::id.eq_any(weights))).set(nobody).execute(tx.conn)?;
    diesel::delete(pet_log::table.filter(pet_log::id.eq_any(notes))).execute(tx.conn)?;
    tx.deleted_text |= rows > 0;
    Ok(EraseStep { rows: rows as u64, next: again.filter(|_| rows > 0) })
}

/// Some of the invitations to them, which go, and of those that they made, of which only that there was one stays.
fn forget_attempts(tx: &mut Tx<'_>, user: UserId) -> Result<u64> {
    let own = pet_attempts::table.filter(pet_attempts::user_id.eq(user)).order(pet_attempts::id).limit(ROWS);
    let own: Vec<Id<()>> = own.select(pet_attempts::id).load(tx.conn)?;
    let mut rows = diesel::delete(pet_attempts::table.filter(pet_attempts::id.eq_any(own))).execute(tx.conn)?;
    let made = pet_attempts::table.filter(pet_attempts::by_id.eq(user)).order(pet_attempts::id).limit(ROWS);
    let made: Vec<Id<()>> = made.select(pet_attempts::id).load(tx.conn)?;
    let made = pet_attempts::table.filter(pet_attempts::id.eq_any(made));
    rows += diesel::update(made).set(pet_attempts::by_id.eq(None::<UserId>)).execute(tx.conn)?;
    Ok(rows as u64)
}

/// A pet that they own goes to the longest-serving co-owner; if there is none, it is deleted, its log first and in pieces.
fn leave(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, pet: PetId) -> Result<u64> {
    // Its owner may have deleted it meanwhile.
    let Some(pet_row) = lock(tx, pet)? else { return Ok(0) };
    let mut told = Vec::new();
    if pet_row.owner_id == user {
        let Some(heir) = heir(tx.conn, pet)? else {
            let gone = piece(tx, pet)?;
            if gone > 0 {
                return Ok(gone as u64);
            }
            told.extend(remove(tx, ctx, pet)?);
            tell(tx, ctx, &told)?;
            return Ok(1);
        };
        told.extend(hand_over(tx, pet, user, heir)?);
    }
    let own = pet_keepers::table.find((pet, user)).select(KeeperRow::as_select()).first(tx.conn).optional()?;
    if let Some(own) = own {
        told.extend(take_out(tx, &own)?);
    }
    tell(tx, ctx, &told)?;
    Ok(1)
}
