//! Inputs of pets.

use clowder_core::{
    Fields, FileId, Input, Name, Nested, Timestamp, UserId, Visibility, picture::different_files, text::Flaw,
};

use super::{
    Action, BirthDate, EntryKind, Erasable, Grams, KeeperRole, Latitude, Longitude, MOST_PHOTOS, Microchip, Precision,
    Sex, Species,
};
use crate::{Prose, groups::model::Optional};

/// `{name, species, breed?, sex?, birth_date?, birth_date_precision?, bio?, visibility?, microchip?, avatar?, photos?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"name": "Minka", "species": "cat", "sex": "female", "birth_date": "2020-05", "visibility": "private"}))]
pub struct NewPet {
    #[schema(value_type = String, max_length = 80)]
    pub name: Name<80>,
    pub species: Species,
    #[schema(value_type = Option<String>, max_length = 80)]
    pub breed: Option<Name<80>>,
    /// `unknown` if absent.
    #[schema(value_type = Option<Sex>)]
    pub sex: Sex,
    /// A year, a month or a day. Not in the future, and not more than 200 years ago.
    #[schema(value_type = Option<String>, min_length = 4, max_length = 10)]
    pub birth_date: Option<BirthDate>,
    /// If it is less than the date says, the rest of the date is dropped.
    pub birth_date_precision: Option<Precision>,
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub bio: Option<Optional<2_000>>,
    /// `public` if absent.
    #[schema(value_type = Option<Visibility>)]
    pub visibility: Visibility,
    /// Its number according to ISO 11784: 15 digits. Stored encrypted, and shown to the owner and the co-owners only.
    #[schema(value_type = Option<String>, min_length = 15, max_length = 15)]
    pub microchip: Option<Microchip>,
    /// One's own file, uploaded as `pet` or `avatar`.
    pub avatar: Option<FileId>,
    /// One's own files, uploaded as `pet` or `avatar`, in their order, all different.
    #[schema(required = false, max_items = 20)]
    pub photos: Vec<FileId>,
}

impl Input for NewPet {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files_but(&["avatar", "photos"]);
        let (name, species) = (fields.required("name"), fields.required("species"));
        let (breed, sex, bio) = (fields.optional("breed"), fields.optional("sex"), fields.optional("bio"));
        let (birth_date, precision): (Option<Option<BirthDate>>, _) =
            (fields.optional("birth_date"), fields.optional("birth_date_precision"));
        if let Some(Some(date)) = &birth_date {
            fields.expect_now("birth_date", |now| date.flaw_at(now));
        }
        let (visibility, microchip) = (fields.optional("visibility"), fields.optional("microchip"));
        let (avatar, photos) = (fields.optional("avatar"), different_files(fields, "photos", MOST_PHOTOS));
        Some(Self {
            name: name?,
            species: species?,
            breed: breed?,
            sex: sex?.unwrap_or_default(),
            birth_date: birth_date?,
            birth_date_precision: precision?,
            bio: bio?,
            visibility: visibility?.unwrap_or(Visibility::Public),
            microchip: microchip?,
            avatar: avatar?,
            photos: photos?.unwrap_or_default(),
        })
    }
}

/// `{number}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"number": "276098102345678"}))]
pub struct SoughtMicrochip {
    #[schema(value_type = String, min_length = 15, max_length = 15)]
    pub number: Microchip,
}

impl Input for SoughtMicrochip {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("number").map(|number| Self { number })
    }
}

/// Absent members stay; `null` takes `breed`, `birth_date`, `bio`, `microchip`, `avatar` or `photos` away.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"bio": "Sleeps on the printer.", "visibility": "friends"}))]
pub struct PetPatch {
    #[schema(value_type = Option<String>, max_length = 80)]
    pub name: Option<Name<80>>,
    pub species: Option<Species>,
    #[schema(value_type = Option<String>, max_length = 80)]
    pub breed: Option<Erasable<Name<80>>>,
    pub sex: Option<Sex>,
    /// A year, a month or a day. Not in the future, and not more than 200 years ago.
    #[schema(value_type = Option<String>, min_length = 4, max_length = 10)]
    pub birth_date: Option<Erasable<BirthDate>>,
    /// If it is less than the date says, the rest of the date is dropped.
    pub birth_date_precision: Option<Precision>,
    #[schema(value_type = Option<String>, max_length = 2000)]
    pub bio: Option<Optional<2_000>>,
    pub visibility: Option<Visibility>,
    /// Its number according to ISO 11784: 15 digits.
    #[schema(value_type = Option<String>, min_length = 15, max_length = 15)]
    pub microchip: Option<Erasable<Microchip>>,
    /// One's own file, uploaded as `pet` or `avatar`.
    #[schema(value_type = Option<FileId>)]
    pub avatar: Option<Erasable<FileId>>,
    /// All of them in their order, all different: those that it has, and one's own files, uploaded as `pet` or `avatar`.
    #[schema(value_type = Option<Vec<FileId>>, max_items = 20)]
    pub photos: Option<Vec<FileId>>,
}

impl Input for PetPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files_but(&["avatar", "photos"]);
        let (name, species) = (fields.optional("name"), fields.optional("species"));
        let (breed, sex, bio) = (fields.patch("breed"), fields.optional("sex"), fields.patch("bio"));
        let (birth_date, precision): (Option<Option<Erasable<BirthDate>>>, _) =
            (fields.patch("birth_date"), fields.optional("birth_date_precision"));
        if let Some(Some(Erasable(Some(date)))) = &birth_date {
            fields.expect_now("birth_date", |now| date.flaw_at(now));
        }
        let (visibility, microchip) = (fields.optional("visibility"), fields.patch("microchip"));
        let (avatar, photos) = (fields.patch("avatar"), different_files(fields, "photos", MOST_PHOTOS));
        Some(Self {
            name: name?,
            species: species?,
            breed: breed?,
            sex: sex?,
            birth_date: birth_date?,
            birth_date_precision: precision?,
            bio: bio?,
            visibility: visibility?,
            microchip: microchip?,
            avatar: avatar?,
            photos: photos?,
        })
    }
}

/// `{text, place?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = LostPetPatch, example = json!({"text": "Shy, answers to Minka.", "place": {"text": "In the park", "lat": 52.516272, "lng": 13.377722}}))]
pub struct LostPatch {
    /// What people should know who see it.
    #[schema(value_type = String, min_length = 1, max_length = 1000)]
    pub text: Prose<1_000>,
    /// Where it was last seen.
    pub place: Option<NewLostPlace>,
}

impl Input for LostPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let (text, place) = (fields.required("text"), fields.optional::<Nested<NewLostPlace>>("place"));
        Some(Self { text: text?, place: place?.map(|Nested(place)| place) })
    }
}

/// `{text, lat?, lng?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"text": "In the park", "lat": 52.516272, "lng": 13.377722}))]
pub struct NewLostPlace {
    #[schema(value_type = String, max_length = 200)]
    pub text: Name<200>,
    /// In degrees, rounded to six decimals. Either both or none are given.
    pub lat: Option<Latitude>,
    pub lng: Option<Longitude>,
}

impl Input for NewLostPlace {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (text, lat, lng) = (fields.required("text"), fields.optional("lat"), fields.optional("lng"));
        match (&lat, &lng) {
            (Some(Some(_)), Some(None)) => fields.flaw("lng", Flaw::new("required", "is required with lat")),
            (Some(None), Some(Some(_))) => fields.flaw("lat", Flaw::new("required", "is required with lng")),
            _ => {}
        }
        Some(Self { text: text?, lat: lat?, lng: lng? })
    }
}

/// `{user_id, role}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = NewPetKeeper, example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3", "role": "caretaker"}))]
pub struct NewKeeper {
    /// Whom to invite.
    pub user_id: UserId,
    pub role: KeeperRole,
}

impl Input for NewKeeper {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (user_id, role) = (fields.required("user_id"), fields.required("role"));
        Some(Self { user_id: user_id?, role: role? })
    }
}

/// `{action}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = PetInvitationAnswer, example = json!({"action": "accept"}))]
pub struct Answer {
    pub action: Action,
}

impl Input for Answer {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("action").map(|action| Self { action })
    }
}

/// `{user_id}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = NewPetOwner, example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"}))]
pub struct NewOwner {
    pub user_id: UserId,
}

impl Input for NewOwner {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("user_id").map(|user_id| Self { user_id })
    }
}

/// `{kind, grams?, text?, at?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewPetLogEntry, example = json!({"kind": "weight", "grams": 4200}))]
pub struct NewEntry {
    pub kind: EntryKind,
    /// For a weight.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 20_000_000)]
    pub grams: Option<Grams>,
    /// For a note; a remark for a weight.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    pub text: Option<Prose<2_000>>,
    /// The time that it is about; now if absent.
    pub at: Option<Timestamp>,
}

impl Input for NewEntry {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let (kind, grams) = (fields.required("kind"), fields.optional("grams"));
        let (text, at) = (fields.optional("text"), fields.optional("at"));
        match kind {
            Some(EntryKind::Weight) if grams == Some(None) => {
                fields.flaw("grams", Flaw::new("required", "is required for a weight"));
            }
            Some(EntryKind::Note) if text == Some(None) => {
                fields.flaw("text", Flaw::new("required", "is required for a note"));
            }
            Some(EntryKind::Note) if matches!(grams, Some(Some(_))) => {
                fields.flaw("grams", Flaw::new("unwanted", "is only for a weight"));
            }
            _ => {}
        }
        Some(Self { kind: kind?, grams: grams?, text: text?, at: at? })
    }
}

/// Which pets to list.
#[derive(Debug, Clone, Default)]
pub struct PetFilter {
    pub species: Option<Species>,
    /// Words of the name begin with these.
    pub search: Option<String>,
    /// Only those that the caller keeps.
    pub mine: bool,
    /// Only those that are lost, or only those that are not.
    pub lost: Option<bool>,
}
