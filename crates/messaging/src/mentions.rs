//! Who a message mentions: by `@username` and `@all` in its text, and by the ids that its author gives. Who is mentioned is
//! decided when the message is written; a name that changes later changes nothing.

use clowder_core::UserId;
use serde::{Deserialize, Serialize};

use crate::{
    ChatRole, Rights,
    entities::{self, Entity, EntityType, Found},
    previews::{LinkPreview, Told},
};

/// How many people an author can mention by id.
pub const MOST_GIVEN: usize = 50;

/// What the author of a message wants to mark in it. Made before anything is locked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    found: Vec<Found>,
    /// Without repetitions.
    given: Vec<UserId>,
}

impl Wanted {
    /// `key` is what names are found by.
    pub fn of(text: &str, given: &[UserId], key: impl Fn(&str) -> String) -> Self {
        let mut found = entities::find(text);
        for (name, _) in found.iter_mut().flat_map(|found| &mut found.names) {
            *name = key(name);
        }
        Self { found, given: distinct(given) }
    }

    /// The same text with other ids.
    pub fn giving(self, given: &[UserId]) -> Self {
        Self { given: distinct(given), ..self }
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.given.is_empty()
    }

    /// The names that its mentions may mean.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.found.iter().flat_map(|found| found.names.iter().map(|(name, _)| name.as_str()))
    }

    pub fn given(&self) -> &[UserId] {
        &self.given
    }
}

/// In their order, each once.
pub fn distinct(ids: &[UserId]) -> Vec<UserId> {
    let mut seen = std::collections::HashSet::new();
    ids.iter().copied().filter(|id| seen.insert(*id)).collect()
}

/// What is marked in a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    pub entities: Vec<Entity>,
    /// In the order of the text, and then those who are only given.
    pub people: Vec<UserId>,
}

impl Marks {
    /// `find` answers whom a name in the chat belongs to, `sees` who in the chat sees the message. Everybody else is no
    /// mention, and the text stays plain.
    pub fn resolve(
        text: &str,
        wanted: &Wanted,
        find: impl Fn(&str) -> Option<UserId>,
        sees: impl Fn(UserId) -> bool,
        may_mention_all: bool,
    ) -> Self {
        let mut people = Vec::new();
        let mut stored = Vec::with_capacity(wanted.found.len());
        for found in &wanted.found {
            let Found { kind, offset, length, .. } = *found;
            stored.push(match kind {
                EntityType::MentionAll if !may_mention_all => continue,
                EntityType::Mention => {
                    let meant = found.names.iter().find_map(|(name, length)| Some((find(name)?, *length)));
                    let Some((user, length)) = meant.filter(|(user, _)| sees(*user)) else { continue };
                    Stored(kind, offset, length, Some(place(&mut people, user)))
                }
                _ => Stored(kind, offset, length, None),
            });
        }
        for user in wanted.given.iter().copied().filter(|user| sees(*user)) {
            place(&mut people, user);
        }
        let entities = Marked { people: people.len(), entities: stored, previews: Vec::new() }
            .entities(text, |place| people.get(place).copied());
        Self { entities, people }
    }
}

fn place(people: &mut Vec<UserId>, user: UserId) -> usize {
    people.iter().position(|known| *known == user).unwrap_or_else(|| {
        people.push(user);
        people.len() - 1
    })
}

pub fn mentions_all(entities: &[Entity]) -> bool {
    entities.iter().any(|entity| entity.kind == EntityType::MentionAll)
}

/// What is stored with a message of what is marked in it: without a copy of the text, and with numbers of people instead of
/// their ids, so that nothing of them is left here when they are erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marked {
    /// How many people it mentioned when it was written.
    pub people: usize,
    entities: Vec<Stored>,
    /// What pages say of themselves, each with the number of the entity that links to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    previews: Vec<(usize, Told)>,
}

/// The kind, the offset and the length of an entity, and the number of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stored(EntityType, u32, u32, Option<usize>);

impl Marked {
    /// `None` if there is nothing.
    pub fn of(entities: &[Entity], people: &[UserId]) -> Option<Self> {
        if entities.is_empty() && people.is_empty() {
            return None;
        }
        let stored = |entity: &Entity| {
            let person = entity.user_id.and_then(|user| people.iter().position(|known| *known == user));
            Stored(entity.kind, entity.offset, entity.length, person)
        };
        let entities = entities.iter().map(stored).collect();
        Some(Self { people: people.len(), entities, previews: Vec::new() })
    }

    /// The same with these previews of the links of a text.
    pub fn showing(mut self, text: &str, previews: &[LinkPreview]) -> Self {
        let place = |url: &str| {
            let mut stored = self.entities.iter();
            stored.position(|Stored(kind, offset, length, _)| {
                *kind == EntityType::Link && part(text, *offset, *length).eq(url.chars())
            })
        };
        let shown = previews.iter().filter_map(|preview| Some((place(&preview.url)?, Told::of(preview))));
        self.previews = shown.collect();
        self
    }

    /// The previews of the links of a text.
    pub fn previews(&self, text: &str) -> Vec<LinkPreview> {
        let shown = self.previews.iter().filter_map(|(place, told)| {
            let Stored(_, offset, length, _) = self.entities.get(*place)?;
            Some(told.clone().preview(part(text, *offset, *length).collect()))
        });
        shown.collect()
    }

    /// Whether everybody is.
    pub fn everybody(&self) -> bool {
        self.entities.iter().any(|Stored(kind, ..)| *kind == EntityType::MentionAll)
    }

    /// The entities of a text; those that mention somebody who is not there any more are left out.
    pub fn entities(&self, text: &str, person: impl Fn(usize) -> Option<UserId>) -> Vec<Entity> {
        let (mut rest, mut passed) = (text.chars(), 0);
        let mut shown = Vec::with_capacity(self.entities.len());
        for Stored(kind, offset, length, place) in self.entities.iter().copied() {
            let mut entity = Entity { kind, offset, length, user_id: None, url: None, tag: None };
            match kind {
                EntityType::Mention => {
                    entity.user_id = place.and_then(&person);
                    if entity.user_id.is_none() {
                        continue;
                    }
                }
                EntityType::Link | EntityType::Hashtag => {
                    let before = offset.saturating_sub(passed) as usize;
                    let part: String = rest.by_ref().skip(before).take(length as usize).collect();
                    passed = offset + length;
                    if kind == EntityType::Link {
                        entity.url = Some(part);
                    } else {
                        entity.tag = Some(entities::tag_of(&part));
                    }
                }
                EntityType::MentionAll | EntityType::Email => {}
            }
            shown.push(entity);
        }
        shown
    }
}

/// A part of a text, in characters.
fn part(text: &str, offset: u32, length: u32) -> impl Iterator<Item = char> + '_ {
    text.chars().skip(offset as usize).take(length as usize)
}

/// The same as [`crate::policy::may`] with [`crate::policy::Action::MentionAll`], for the hottest path: the rights of a
/// private chat never include it.
pub const fn may_mention_all(role: ChatRole, rights: Rights) -> bool {
    match role {
        ChatRole::Owner | ChatRole::Admin => true,
        ChatRole::Member => rights.mention_all,
        ChatRole::Subscriber => false,
    }
}

#[cfg(test)]
mod tests;
