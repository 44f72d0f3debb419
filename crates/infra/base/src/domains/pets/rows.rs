//! The rows of pets.

use clowder_core::{Card, FileId, Picture, Result, Timestamp, UserId, Visibility, Word};
use clowder_social::pets::{
    Entry, EntryId, Lost, LostPlace, Pet, PetId, Role, Sex, Species,
    model::{BirthDate, Degrees, EntryKind},
    policy::Sight,
};
use diesel::prelude::*;

use super::schema::{pet_keepers, pet_log, pets};
use crate::seal::Sealed;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = pets)]
#[diesel(treat_none_as_default_value = false)]
#[diesel(treat_none_as_null = true)]
pub struct PetRow {
    pub id: PetId,
    pub owner_id: UserId,
    pub name: String,
    pub species: String,
    pub breed: Option<String>,
    pub sex: String,
    pub birth_date: Option<String>,
    pub bio: Option<String>,
    pub visibility: String,
    pub microchip: Option<Sealed>,
    pub microchip_index: Option<Vec<u8>>,
    pub lost_since: Option<Timestamp>,
    pub lost_text: Option<String>,
    pub lost_place: Option<String>,
    pub lost_lat: Option<i32>,
    pub lost_lng: Option<i32>,
    pub created_at: Timestamp,
    pub version: i64,
    /// Who last wrote one of its texts.
    pub written_by: Option<UserId>,
    pub avatar_id: Option<FileId>,
}

/// What decides who sees a pet, of its row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = pets)]
pub struct PetSightRow {
    pub id: PetId,
    pub owner_id: UserId,
    pub visibility: String,
    pub lost_since: Option<Timestamp>,
}

impl From<&PetRow> for PetSightRow {
    fn from(row: &PetRow) -> Self {
        Self { id: row.id, owner_id: row.owner_id, visibility: row.visibility.clone(), lost_since: row.lost_since }
    }
}

/// What belongs to a view of a pet besides its row.
pub struct Beside {
    pub role: Option<Role>,
    pub sight: Sight,
    pub owner: Card,
    /// Those whom the viewer may see.
    pub co_owners: Vec<Card>,
    /// If the viewer may see it.
    pub microchip: Option<String>,
    /// In their order.
    pub photos: Vec<FileId>,
}

impl PetRow {
    pub fn birth_date(&self) -> Result<Option<BirthDate>> {
        self.birth_date.clone().map(BirthDate::stored).transpose()
    }

    /// All texts that people wrote about it.
    pub fn texts(&self) -> [Option<&str>; 5] {
        let Self { name, breed, bio, lost_text, lost_place, .. } = self;
        [Some(name), breed.as_deref(), bio.as_deref(), lost_text.as_deref(), lost_place.as_deref()]
    }

    pub fn pet(self, beside: Beside) -> Result<Pet> {
        let Beside { role, sight, owner, co_owners, microchip, photos } = beside;
        let is_full = sight == Sight::Full;
        let birth_date = self.birth_date()?.filter(|_| is_full);
        let place = self.lost_place.map(|text| LostPlace {
            text,
            lat: self.lost_lat.map(Degrees::from_millionths),
            lng: self.lost_lng.map(Degrees::from_millionths),
        });
        let lost = self.lost_since.zip(self.lost_text).map(|(since, text)| Lost { since, text, place });
        let mut owners = vec![owner.clone()];
        owners.extend(co_owners.into_iter().filter(|_| is_full));
        Ok(Pet {
            id: self.id,
            name: self.name,
            species: Species::parse_word(&self.species)?,
            breed: self.breed,
            sex: Sex::parse_word(&self.sex)?,
            birth_date_precision: birth_date.as_ref().map(BirthDate::precision),
            birth_date: birth_date.map(BirthDate::into_string),
            bio: self.bio.filter(|_| is_full),
            avatar: self.avatar_id.map(Picture::of),
            photos: photos.into_iter().filter(|_| is_full).map(Picture::of).collect(),
            owner,
            owners,
            visibility: Visibility::parse_word(&self.visibility)?,
            lost,
            my_role: role.into(),
            microchip,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

/// Somebody who keeps a pet, or is invited to.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = pet_keepers)]
pub struct KeeperRow {
    pub pet_id: PetId,
    pub user_id: UserId,
    pub role: String,
    pub accepted: bool,
    pub since: Timestamp,
}

impl KeeperRow {
    pub fn role(&self) -> Result<Role> {
        Role::parse_word(&self.role)
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = pet_log)]
#[diesel(treat_none_as_default_value = false)]
pub struct EntryRow {
    pub id: EntryId,
    pub pet_id: PetId,
    pub author_id: Option<UserId>,
    pub kind: String,
    pub grams: Option<i64>,
    pub text: Option<String>,
    pub at: Timestamp,
    pub created_at: Timestamp,
}

impl EntryRow {
    pub fn entry(self, author: Option<Card>) -> Result<Entry> {
        Ok(Entry {
            kind: EntryKind::parse_word(&self.kind)?,
            id: self.id,
            pet_id: self.pet_id,
            grams: self.grams,
            text: self.text,
            at: self.at,
            author,
            created_at: self.created_at,
        })
    }
}
