//! Adding, editing and deleting pets, losing and finding them, and what all writes of pets begin with.

use clowder_accounts::refusals::SESSION_ENDED;
use clowder_core::{Ctx, Result, UserId, Versions, Visibility, Word, job::NewJob, versions, words::words};
use clowder_social::{
    groups::model::Optional,
    pets::{
        Change, LostPatch, NewPet, Pet, PetId, PetPatch, Role,
        change::{Gone, News, Version},
        model::{BirthDate, Degrees},
        policy::{self, birth_date},
        refusals::PET_STALE,
    },
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        jobs, journal,
        media::pictures,
        messaging::change,
        people::Viewer,
    },
    clearing::Clear,
    microchips, photos, read,
};
use crate::domains::{
    accounts::users,
    pets::{KeeperRow, PetRow, pet_keepers, pet_log, pet_words, pets},
};

/// The name of a pet whose texts were taken away.
const NO_NAME: &str = "Pet";

/// A pet that the caller may see, locked.
pub struct Held {
    pub caller: UserId,
    pub viewer: Viewer,
    pub row: PetRow,
    pub role: Option<Role>,
}

/// Locks the caller and the others, so that none of them is erased meanwhile, and then the pet.
/// Only an owner does something about others; nobody else holds them up, nor does who cannot see the pet.
pub fn hold(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, others: &[UserId]) -> Result<Held> {
    let viewer = Viewer::of(ctx)?;
    let before = read::seen(tx.conn, viewer, pet)?;
    if others.iter().any(|user| *user != viewer.id) {
        policy::may_own(before.role)?;
    }
    lock_people(tx, viewer.id, others)?;
    dialect::pets::lock_pet(tx.conn, pet)?;
    let seen = read::seen(tx.conn, viewer, pet)?;
    Ok(Held { caller: viewer.id, viewer, row: seen.row, role: seen.role })
}

fn lock_people(tx: &mut Tx<'_>, caller: UserId, others: &[UserId]) -> Result<()> {
    dialect::accounts::lock_users(tx.conn, &[others, &[caller]].concat())?;
    let present = users::table.find(caller).filter(users::deleted_at.is_null()).select(users::id);
    present.first::<UserId>(tx.conn).optional()?.ok_or(SESSION_ENDED)?;
    Ok(())
}

/// How many pets somebody keeps.
pub fn kept(conn: &mut Conn, user: UserId) -> Result<i64> {
    let own = pet_keepers::user_id.eq(user).and(pet_keepers::accepted.eq(true));
    Ok(pet_keepers::table.filter(own).select(count_star()).first(conn)?)
}

/// Who keeps a pet and is told of it.
pub fn keepers(conn: &mut Conn, pet: PetId) -> Result<Vec<UserId>> {
    let keepers = pet_keepers::table.filter(pet_keepers::pet_id.eq(pet).and(pet_keepers::accepted.eq(true)));
    Ok(keepers.order(pet_keepers::user_id).select(pet_keepers::user_id).load(conn)?)
}

/// The last statement of a write.
pub fn tell(tx: &mut Tx<'_>, ctx: &Ctx, told: &[Change]) -> Result<()> {
    journal::append_all(tx, &told.iter().map(|change| (ctx, change)).collect::<Vec<_>>())
}

pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, new: NewPet) -> Result<Pet> {
    let viewer = Viewer::of(ctx)?;
    lock_people(tx, viewer.id, &[])?;
    policy::has_room(kept(tx.conn, viewer.id)?)?;
    let id = PetId::new(ctx.now);
    let birth_date = birth_date(ctx.now, None, new.birth_date.map(Some), new.birth_date_precision)?;
    let (microchip, microchip_index) = microchips::columns(tx, id, new.microchip.as_ref())?;
    let row = PetRow {
        id,
        owner_id: viewer.id,
        name: new.name.into_string(),
        species: new.species.as_str().to_owned(),
        breed: new.breed.map(clowder_core::Name::into_string),
        sex: new.sex.as_str().to_owned(),
        birth_date: birth_date.map(BirthDate::into_string),
        bio: new.bio.and_then(Optional::into_option),
        visibility: new.visibility.as_str().to_owned(),
        microchip,
        microchip_index,
        lost_since: None,
        lost_text: None,
        lost_place: None,
        lost_lat: None,
        lost_lng: None,
        created_at: ctx.now,
        version: 1,
        written_by: Some(viewer.id),
        avatar_id: new.avatar,
    };
    photos::hold(tx, viewer.id, None, &[], new.avatar, &new.photos)?;
    diesel::insert_into(pets::table).values(&row).execute(tx.conn)?;
    let owner = KeeperRow {
        pet_id: id,
        user_id: viewer.id,
        role: Role::Owner.as_str().to_owned(),
        accepted: true,
        since: ctx.now,
    };
    diesel::insert_into(pet_keepers::table).values(owner).execute(tx.conn)?;
    photos::put(tx.conn, id, &new.photos)?;
    index(tx.conn, id, &row.name)?;
    tell(tx, ctx, &[Change { to: viewer.id, news: News::Created(Version { pet_id: id, version: 1 }) }])?;
    read::one(tx.conn, &tx.services.ring, viewer, id)
}

pub fn index(conn: &mut Conn, pet: PetId, name: &str) -> Result<()> {
    let rows: Vec<_> =
        words(name).into_iter().map(|word| (pet_words::word.eq(word), pet_words::pet_id.eq(pet))).collect();
    diesel::insert_into(pet_words::table).values(rows).execute(conn)?;
    Ok(())
}

fn unindex(tx: &mut Tx<'_>, pet: PetId) -> Result<()> {
    diesel::delete(pet_words::table.filter(pet_words::pet_id.eq(pet))).execute(tx.conn)?;
    tx.deleted_text = true;
    Ok(())
}

pub fn edit(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, version: Option<&Versions>, patch: PetPatch) -> Result<Pet> {
    let held = hold(tx, ctx, pet, &[])?;
    policy::may_edit(held.role)?;
    versions::check(version, held.row.version, PET_STALE)?;
    let mut after = held.row.clone();
    let given = patch.birth_date.map(|date| date.0);
    let date = birth_date(ctx.now, after.birth_date()?, given, patch.birth_date_precision)?;
    after.birth_date = date.map(BirthDate::into_string);
    if let Some(name) = patch.name {
        after.name = name.into_string();
    }
    if let Some(species) = patch.species {
        after.species = species.as_str().to_owned();
    }
    if let Some(breed) = patch.breed {
        after.breed = breed.0.map(clowder_core::Name::into_string);
    }
    if let Some(sex) = patch.sex {
        after.sex = sex.as_str().to_owned();
    }
    if let Some(bio) = patch.bio {
        after.bio = bio.into_option();
    }
    if let Some(visibility) = patch.visibility {
        after.visibility = visibility.as_str().to_owned();
    }
    if let Some(microchip) = patch.microchip {
        let (sealed, index) = microchips::columns(tx, pet, microchip.0.as_ref())?;
        // The same number is encrypted otherwise each time.
        if index != after.microchip_index {
            (after.microchip, after.microchip_index) = (sealed, index);
        }
    }
    if let Some(avatar) = patch.avatar {
        after.avatar_id = avatar.0;
    }
    let had = photos::of(tx.conn, [pet])?.remove(&pet).unwrap_or_default();
    let has = patch.photos.unwrap_or_else(|| had.clone());
    let after = written(&held.row, after, held.caller);
    if after == held.row && has == had {
        return read::one(tx.conn, &tx.services.ring, held.viewer, pet);
    }
    photos::hold(tx, held.caller, held.row.avatar_id, &had, after.avatar_id, &has)?;
    change(tx, ctx, pet)?;
    photos::replace(tx, pet, &had, &has)?;
    let told = rewritten(tx, &held.row, after)?;
    tell(tx, ctx, &told)?;
    read::one(tx.conn, &tx.services.ring, held.viewer, pet)
}

/// Whoever changes a text answers for it.
fn written(before: &PetRow, after: PetRow, by: UserId) -> PetRow {
    let written_by = if after.texts() == before.texts() { before.written_by } else { Some(by) };
    PetRow { written_by, ..after }
}

/// Takes the texts and the pictures of a pet away by the decision of another domain, and hides it. Answers the changes, which
/// the caller appends; nothing if the pet is gone.
pub fn blank_by_decision(tx: &mut Tx<'_>, pet: PetId) -> Result<Vec<Change>> {
    let Some(before) = lock(tx, pet)? else { return Ok(Vec::new()) };
    let after = PetRow {
        name: NO_NAME.to_owned(),
        breed: None,
        bio: None,
        visibility: Visibility::Private.as_str().to_owned(),
        lost_since: None,
        lost_text: None,
        lost_place: None,
        lost_lat: None,
        lost_lng: None,
        written_by: None,
        avatar_id: None,
        ..before.clone()
    };
    let had = photos::of(tx.conn, [pet])?.remove(&pet).unwrap_or_default();
    if after == before && had.is_empty() {
        return Ok(Vec::new());
    }
    photos::replace(tx, pet, &had, &[])?;
    rewritten(tx, &before, after)
}

/// Writes a changed row, if it is another, and tells everybody who keeps the pet.
fn put(tx: &mut Tx<'_>, ctx: &Ctx, before: &PetRow, after: PetRow) -> Result<()> {
    if after != *before {
        change(tx, ctx, before.id)?;
    }
    let told = changed(tx, before, after)?;
    tell(tx, ctx, &told)
}

fn changed(tx: &mut Tx<'_>, before: &PetRow, after: PetRow) -> Result<Vec<Change>> {
    if after == *before { Ok(Vec::new()) } else { rewritten(tx, before, after) }
}

/// Writes the next version of a locked pet, whatever of it changes, and answers what those who keep it are told.
pub fn rewritten(tx: &mut Tx<'_>, before: &PetRow, after: PetRow) -> Result<Vec<Change>> {
    let after = PetRow { version: before.version + 1, ..after };
    diesel::update(pets::table.find(after.id)).set(&after).execute(tx.conn)?;
    if after.name != before.name {
        unindex(tx, after.id)?;
        index(tx.conn, after.id, &after.name)?;
    }
    tx.deleted_text |= after.texts() != before.texts();
    pictures::replace(tx, &[before.avatar_id], &[after.avatar_id]);
    let updated = News::Updated(Version { pet_id: after.id, version: after.version });
    Ok(Change::to_all(keepers(tx.conn, after.id)?, updated))
}

pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, version: Option<&Versions>) -> Result<()> {
    let held = hold(tx, ctx, pet, &[])?;
    policy::may_own(held.role)?;
    versions::check(version, held.row.version, PET_STALE)?;
    let told = remove(tx, ctx, pet)?;
    tell(tx, ctx, &told)
}

/// Deletes a locked pet, and what its log has up to now: a job deletes that, which nobody reads any more. Those who are
/// invited are told, too.
pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId) -> Result<Vec<Change>> {
    let concerned = pet_keepers::table.filter(pet_keepers::pet_id.eq(pet)).order(pet_keepers::user_id);
    let concerned: Vec<UserId> = concerned.select(pet_keepers::user_id).load(tx.conn)?;
    diesel::delete(pet_keepers::table.filter(pet_keepers::pet_id.eq(pet))).execute(tx.conn)?;
    unindex(tx, pet)?;
    photos::take_away(tx, pet)?;
    diesel::delete(pets::table.find(pet)).execute(tx.conn)?;
    let log = pet_log::table.filter(pet_log::pet_id.eq(pet));
    if diesel::select(exists(log)).get_result::<bool>(tx.conn)? {
        jobs::order(tx, ctx, &NewJob::new(&Clear { pet }, ctx.now)?)?;
    }
    Ok(Change::to_all(concerned, News::Deleted(Gone { pet_id: pet })))
}

pub fn lose(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, version: Option<&Versions>, lost: LostPatch) -> Result<Pet> {
    let held = hold(tx, ctx, pet, &[])?;
    policy::may_edit(held.role)?;
    versions::check(version, held.row.version, PET_STALE)?;
    let after = PetRow {
        lost_since: held.row.lost_since.or(Some(ctx.now)),
        lost_text: Some(lost.text.into_string()),
        lost_lat: lost.place.as_ref().and_then(|place| place.lat).map(Degrees::millionths),
        lost_lng: lost.place.as_ref().and_then(|place| place.lng).map(Degrees::millionths),
        lost_place: lost.place.map(|place| place.text.into_string()),
        ..held.row.clone()
    };
    let after = written(&held.row, after, held.caller);
    put(tx, ctx, &held.row, after)?;
    read::one(tx.conn, &tx.services.ring, held.viewer, pet)
}

pub fn find(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, version: Option<&Versions>) -> Result<()> {
    let held = hold(tx, ctx, pet, &[])?;
    policy::may_edit(held.role)?;
    versions::check(version, held.row.version, PET_STALE)?;
    let after = PetRow {
        lost_since: None,
        lost_text: None,
        lost_place: None,
        lost_lat: None,
        lost_lng: None,
        ..held.row.clone()
    };
    put(tx, ctx, &held.row, after)
}

/// The next version of a locked pet, because of who keeps it.
pub fn touch(conn: &mut Conn, pet: PetId) -> Result<()> {
    diesel::update(pets::table.find(pet)).set(pets::version.eq(pets::version + 1)).execute(conn)?;
    Ok(())
}

/// A pet, locked, for those who do not look at it as somebody, if it is still there.
pub fn lock(tx: &mut Tx<'_>, pet: PetId) -> Result<Option<PetRow>> {
    dialect::pets::lock_pet(tx.conn, pet)?;
    read::row(tx.conn, pet)
}
