//! Values of pets that are valid by construction, and their closed sets.

use std::fmt;

use clowder_core::{Field, Word, input::string, text::Flaw};
use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! species {
    ($($species:ident $word:literal $name:literal),+ $(,)?) => {
        /// What kind of animal it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Species {
            $($species),+
        }

        impl Word for Species {
            const WHAT: &'static str = "species";
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$species)),+];
        }

        impl SpeciesName {
            /// All of them, `other` at the end.
            pub fn all() -> Vec<Self> {
                vec![$(Self { id: Species::$species, name: $name.to_owned() }),+]
            }
        }
    };
}

species! {
    Dog "dog" "Dog",
    Cat "cat" "Cat",
    Rabbit "rabbit" "Rabbit",
    GuineaPig "guinea_pig" "Guinea pig",
    Hamster "hamster" "Hamster",
    Mouse "mouse" "Mouse",
    Rat "rat" "Rat",
    Ferret "ferret" "Ferret",
    Horse "horse" "Horse",
    Donkey "donkey" "Donkey",
    Goat "goat" "Goat",
    Sheep "sheep" "Sheep",
    Pig "pig" "Pig",
    Cattle "cattle" "Cattle",
    Chicken "chicken" "Chicken",
    Duck "duck" "Duck",
    Goose "goose" "Goose",
    Pigeon "pigeon" "Pigeon",
    Parrot "parrot" "Parrot",
    Budgerigar "budgerigar" "Budgerigar",
    Canary "canary" "Canary",
    Tortoise "tortoise" "Tortoise",
    Lizard "lizard" "Lizard",
    Snake "snake" "Snake",
    Frog "frog" "Frog",
    Fish "fish" "Fish",
    Insect "insect" "Insect",
    Spider "spider" "Spider",
    Other "other" "Other",
}

/// A species with its name in English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SpeciesOfPets)]
pub struct SpeciesName {
    pub id: Species,
    pub name: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    Female,
    Male,
    #[default]
    Unknown,
}

impl Word for Sex {
    const WHAT: &'static str = "sex";
    const WORDS: &'static [(&'static str, Self)] =
        &[("female", Self::Female), ("male", Self::Male), ("unknown", Self::Unknown)];
}

/// What somebody is to a pet that they keep; later ones may do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PetRole)]
pub enum Role {
    Caretaker,
    CoOwner,
    Owner,
}

impl Word for Role {
    const WHAT: &'static str = "role of a keeper";
    const WORDS: &'static [(&'static str, Self)] =
        &[("caretaker", Self::Caretaker), ("co_owner", Self::CoOwner), ("owner", Self::Owner)];
}

/// The role that an invitation offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PetKeeperRole)]
pub enum KeeperRole {
    Caretaker,
    CoOwner,
}

impl Word for KeeperRole {
    const WHAT: &'static str = "role of a keeper";
    const WORDS: &'static [(&'static str, Self)] = &[("caretaker", Self::Caretaker), ("co_owner", Self::CoOwner)];
}

impl From<KeeperRole> for Role {
    fn from(role: KeeperRole) -> Self {
        match role {
            KeeperRole::Caretaker => Self::Caretaker,
            KeeperRole::CoOwner => Self::CoOwner,
        }
    }
}

/// What the viewer is to a pet. Whoever is only invited is `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MyPetRole)]
pub enum MyRole {
    None,
    Caretaker,
    CoOwner,
    Owner,
}

impl From<Option<Role>> for MyRole {
    fn from(role: Option<Role>) -> Self {
        match role {
            None => Self::None,
            Some(Role::Caretaker) => Self::Caretaker,
            Some(Role::CoOwner) => Self::CoOwner,
            Some(Role::Owner) => Self::Owner,
        }
    }
}

/// What somebody answers to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PetInvitationAction)]
pub enum Action {
    Accept,
    Decline,
}

impl Word for Action {
    const WHAT: &'static str = "action";
    const WORDS: &'static [(&'static str, Self)] = &[("accept", Self::Accept), ("decline", Self::Decline)];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PetLogKind)]
pub enum EntryKind {
    Weight,
    Note,
}

impl Word for EntryKind {
    const WHAT: &'static str = "kind of an entry";
    const WORDS: &'static [(&'static str, Self)] = &[("weight", Self::Weight), ("note", Self::Note)];
}

/// A value that `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasable<T>(pub Option<T>);

impl<T: Field> Field for Erasable<T> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() { Ok(Self(None)) } else { T::parse(value).map(|value| Self(Some(value))) }
    }
}

/// The number of a microchip according to ISO 11784: 15 digits. It never appears in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Microchip(String);

impl Microchip {
    pub const DIGITS: usize = 15;

    pub fn read(number: &str) -> Result<Self, Flaw> {
        if number.len() == Self::DIGITS && number.bytes().all(|octet| octet.is_ascii_digit()) {
            Ok(Self(number.to_owned()))
        } else {
            Err(Flaw::new("microchip", "must be 15 digits"))
        }
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Field for Microchip {
    fn parse(value: Value) -> Result<Self, Flaw> {
        Self::read(&string(value)?)
    }
}

impl fmt::Debug for Microchip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Microchip(…)")
    }
}

/// A weight: up to 20 tonnes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grams(pub i64);

impl Grams {
    pub const MOST: i64 = 20_000_000;
}

impl Field for Grams {
    fn parse(value: Value) -> Result<Self, Flaw> {
        match i64::parse(value)? {
            grams @ 1..=Self::MOST => Ok(Self(grams)),
            _ => Err(Flaw::new("range", format!("must be 1 to {}", Self::MOST))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn microchips_have_fifteen_digits() {
        for (given, is_good) in [
            ("276098102345678", true),
            ("000000000000000", true),
            ("27609810234567", false),
            ("2760981023456789", false),
            ("27609810234567x", false),
            ("276 09810234567", false),
            ("２７６０９８１０２３４５６７８", false),
            ("", false),
        ] {
            assert_eq!(Microchip::parse(json!(given)).is_ok(), is_good, "{given}");
        }
        let chip = Microchip::read("276098102345678").unwrap();
        assert!(!format!("{chip:?}").contains("276"));
    }

    #[test]
    fn species_have_words_and_names() {
        let all = SpeciesName::all();
        assert_eq!(all.len(), Species::WORDS.len());
        assert_eq!(all.last().map(|last| last.id), Some(Species::Other));
        for (one, (word, species)) in all.iter().zip(Species::WORDS) {
            assert_eq!((one.id, json!(one.id)), (*species, json!(word)));
        }
    }
}
