//! Reads pets as one person sees them. Everything that shows pets goes through [`look`], so lists, details and searches
//! agree about who sees what.

use std::collections::{HashMap, HashSet};

use clowder_accounts::{model::Audience, policy::sight::FieldGroup};
use clowder_core::{FileId, Result, SeenAs, UserId, Visibility, Word};
use clowder_social::{
    pets::{
        Pet, PetId, Role,
        policy::{Sight, SightFacts, is_over, sees_microchip, sight},
        refusals::PET_UNKNOWN,
    },
    reports::ReportedPet,
};
use diesel::{prelude::*, sql_types::Bool};

use super::{
    super::{
        cards::Cards,
        dialect::Conn,
        fragment::Fragment,
        people::{self, Viewer},
    },
    microchips, photos,
};
use crate::{
    domains::{
        accounts::users,
        friends::friendships,
        pets::{Beside, KeeperRow, PetRow, PetSightRow, pet_keepers, pets},
    },
    seal::KeyRing,
};

/// A pet that somebody sees.
pub struct Seen {
    pub row: PetRow,
    pub role: Option<Role>,
    pub sight: Sight,
    co_owners: Vec<UserId>,
}

/// A pet that exists, whoever may see it.
pub fn row(conn: &mut Conn, pet: PetId) -> Result<Option<PetRow>> {
    Ok(pets::table.find(pet).select(PetRow::as_select()).first(conn).optional()?)
}

/// One that is hidden costs the same queries as one that does not exist.
pub fn seen(conn: &mut Conn, viewer: Viewer, pet: PetId) -> Result<Seen> {
    let rows = row(conn, pet)?.into_iter().collect();
    let around = around(conn, viewer, &[pet])?;
    Ok(look_at(&around, viewer, rows)?.pop().ok_or(PET_UNKNOWN)?)
}

pub fn one(conn: &mut Conn, ring: &KeyRing, viewer: Viewer, pet: PetId) -> Result<Pet> {
    let seen = seen(conn, viewer, pet)?;
    view(conn, ring, seen)
}

/// A pet, its pictures, who answers for it, and who owns it.
type Reported = (ReportedPet, Vec<FileId>, UserId, Vec<UserId>);

/// The texts of a pet that the viewer sees, with its pictures, who answers for them, and who owns it.
pub fn reported(conn: &mut Conn, viewer: Viewer, pet: PetId) -> Result<Reported> {
    let Seen { row, sight, .. } = seen(conn, viewer, pet)?;
    let owners = pet_keepers::table.filter(pet_keepers::pet_id.eq(pet)).filter(OWNS).order(pet_keepers::user_id);
    let owners: Vec<UserId> = owners.select(pet_keepers::user_id).load(conn)?;
    let (writer, owner) = (row.written_by.unwrap_or(row.owner_id), row.owner_id);
    let owner = Cards::of(conn, None, [owner])?.card(owner)?;
    let PetRow { id, name, breed, bio, lost_text: lost, lost_place: place, avatar_id, .. } = row;
    let mut files: Vec<FileId> = avatar_id.into_iter().collect();
    if sight == Sight::Full {
        files.extend(
            photos::of(conn, [id])?.remove(&id).unwrap_or_default().iter().filter(|it| avatar_id != Some(**it)),
        );
    }
    let bio = bio.filter(|_| sight == Sight::Full);
    let pet = ReportedPet { id, name, breed, bio, lost, place, owner, pictures: Vec::new() };
    Ok((pet, files, writer, owners))
}

/// Who takes care of a pet without owning it.
pub fn caretakers(conn: &mut Conn, pet: PetId) -> Result<Vec<UserId>> {
    let some = pet_keepers::table.filter(pet_keepers::pet_id.eq(pet).and(pet_keepers::accepted.eq(true)));
    Ok(some.filter(pet_keepers::role.eq("caretaker")).select(pet_keepers::user_id).load(conn)?)
}

/// The pets that somebody owns or co-owns, of which there is a bounded number.
pub fn owned(conn: &mut Conn, user: UserId) -> Result<Vec<PetId>> {
    let own = pet_keepers::table.filter(pet_keepers::user_id.eq(user)).filter(OWNS);
    Ok(own.select(pet_keepers::pet_id).load(conn)?)
}

/// Whether somebody owns or co-owns a pet.
const OWNS: Fragment<Bool> = Fragment::new("(pet_keepers.accepted AND pet_keepers.role <> 'caretaker')");

/// What is known around some pets: who keeps them, and what the viewer has to do with these people.
struct Around {
    /// The co-owners, the longest-serving first, and the viewer.
    keepers: HashMap<PetId, Vec<KeeperRow>>,
    visible: HashSet<UserId>,
    /// Those of them whose profiles are for friends only.
    reserved: HashSet<UserId>,
    friends: HashSet<UserId>,
    /// To whom those of them show their pets who do not show them to everybody.
    audiences: HashMap<UserId, Audience>,
}

/// For how many ids a query asks, because databases limit that: a page of people can have many pets, each with others.
const ASKED: usize = 1_000;

fn around(conn: &mut Conn, viewer: Viewer, ids: &[PetId]) -> Result<Around> {
    let mut found = Vec::<KeeperRow>::new();
    for ids in ids.chunks(ASKED) {
        let co_owners = pet_keepers::accepted.eq(true).and(pet_keepers::role.ne("caretaker"));
        let some = pet_keepers::table
            .filter(pet_keepers::pet_id.eq_any(ids))
            .filter(pet_keepers::user_id.eq(viewer.id).or(co_owners))
            .order((pet_keepers::since, pet_keepers::user_id))
            .select(KeeperRow::as_select());
        found.extend(some.load(conn)?);
    }
    let people: HashSet<UserId> = found.iter().map(|keeper| keeper.user_id).collect();
    let people: Vec<UserId> = people.into_iter().collect();
    let (mut visible, mut reserved, mut friends) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut audiences = HashMap::new();
    // That nobody is to be asked about costs a query, too: it must not show in time whether there is a pet.
    let pieces = people.is_empty().then_some(&people[..]).into_iter().chain(people.chunks(ASKED));
    for people in pieces {
        let some = users::table.filter(users::id.eq_any(people)).filter(people::visible_to(viewer));
        for (user, visibility) in some.select((users::id, users::visibility)).load::<(UserId, String)>(conn)? {
            visible.insert(user);
            if visibility == Visibility::Friends.as_str() && user != viewer.id && !viewer.staff {
                reserved.insert(user);
            }
        }
        let some = friendships::table.filter(friendships::user_id.eq(viewer.id));
        let some = some.filter(friendships::friend_id.eq_any(people)).select(friendships::friend_id);
        friends.extend(some.load::<UserId>(conn)?);
        audiences.extend(people::audiences(conn, FieldGroup::Pets, people)?);
    }
    let mut keepers = HashMap::<PetId, Vec<KeeperRow>>::new();
    for keeper in found {
        keepers.entry(keeper.pet_id).or_default().push(keeper);
    }
    Ok(Around { keepers, visible, reserved, friends, audiences })
}

impl Around {
    fn of(&self, pet: PetId) -> &[KeeperRow] {
        self.keepers.get(&pet).map_or(&[], Vec::as_slice)
    }

    /// Whether the owner hides their pets from the viewer, as in the list of their profile.
    fn hides(&self, viewer: Viewer, owner: UserId) -> bool {
        let Some(audience) = self.audiences.get(&owner) else { return false };
        let is_shown = viewer.staff || *audience == Audience::Friends && self.friends.contains(&owner);
        !is_shown
    }

    /// What the viewer sees of this pet, and what they are to it.
    fn sight(&self, viewer: Viewer, row: &PetSightRow) -> Result<Option<(Sight, Option<Role>)>> {
        let keepers = self.of(row.id);
        let own = keepers.iter().find(|keeper| keeper.user_id == viewer.id);
        let role = own.filter(|own| own.accepted).map(KeeperRow::role).transpose()?;
        let visibility = match Visibility::parse_word(&row.visibility)? {
            // Everybody may help to find one that is lost.
            _ if row.lost_since.is_none() && self.hides(viewer, row.owner_id) => Visibility::Private,
            // Of whose profile the viewer sees only the card, they see no more pets than that.
            Visibility::Public if self.reserved.contains(&row.owner_id) => Visibility::Friends,
            visibility => visibility,
        };
        let facts = SightFacts {
            role,
            invited: own.is_some_and(|own| !own.accepted && !is_over(viewer.now, own.since)),
            owner_visible: self.visible.contains(&row.owner_id),
            friend: owners(keepers).any(|user| self.friends.contains(&user)),
            visibility,
            lost: row.lost_since.is_some(),
        };
        Ok(sight(facts).map(|sight| (sight, role)))
    }
}

/// Those of the pets that the viewer may see, in the same order: a fixed number of queries, however many pets.
pub fn look(conn: &mut Conn, viewer: Viewer, rows: Vec<PetRow>) -> Result<Vec<Seen>> {
    let around = around(conn, viewer, &rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
    look_at(&around, viewer, rows)
}

fn look_at(around: &Around, viewer: Viewer, rows: Vec<PetRow>) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for row in rows {
        let Some((sight, role)) = around.sight(viewer, &PetSightRow::from(&row))? else { continue };
        let is_seen = |user: &UserId| role.is_some() || around.visible.contains(user);
        let co_owners = owners(around.of(row.id)).filter(|user| *user != row.owner_id).filter(is_seen).collect();
        seen.push(Seen { row, role, sight, co_owners });
    }
    Ok(seen)
}

/// Who looks at the pets of the viewer, and what is known around these, as somebody else sees them: a stranger, or one whose
/// only friend the viewer is.
fn around_as(conn: &mut Conn, own: Viewer, seen_as: SeenAs, ids: &[PetId]) -> Result<(Viewer, Around)> {
    let viewer = Viewer::stranger(own.now);
    let mut around = around(conn, viewer, ids)?;
    if seen_as == SeenAs::Friend {
        around.friends.insert(own.id);
    }
    Ok((viewer, around))
}

/// Those of the viewer's pets that somebody else sees, in the same order and as they see them.
pub fn look_as(conn: &mut Conn, own: Viewer, seen_as: SeenAs, rows: Vec<PetRow>) -> Result<Vec<Seen>> {
    let (viewer, around) = around_as(conn, own, seen_as, &rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
    look_at(&around, viewer, rows)
}

/// The pets that these people own or co-own.
fn owned_by(conn: &mut Conn, people: &[UserId]) -> Result<Vec<(UserId, PetSightRow)>> {
    let kept = pet_keepers::table
        .inner_join(pets::table)
        .filter(pet_keepers::user_id.eq_any(people))
        .filter(OWNS)
        .select((pet_keepers::user_id, PetSightRow::as_select()));
    Ok(kept.load(conn)?)
}

/// How many of the pets that each of these people owns or co-owns the viewer sees. Who has none is missing.
pub fn count_visible(conn: &mut Conn, viewer: Viewer, people: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let kept = owned_by(conn, people)?;
    let mut counts = HashMap::<UserId, i64>::new();
    if kept.is_empty() {
        return Ok(counts);
    }
    let ids: HashSet<PetId> = kept.iter().map(|(_, row)| row.id).collect();
    let around = around(conn, viewer, &ids.into_iter().collect::<Vec<_>>())?;
    for (user, row) in kept {
        *counts.entry(user).or_default() += i64::from(around.sight(viewer, &row)?.is_some());
    }
    Ok(counts)
}

/// How many of the pets that the viewer owns or co-owns somebody else sees.
pub fn count_seen_as(conn: &mut Conn, own: Viewer, seen_as: SeenAs) -> Result<i64> {
    let kept = owned_by(conn, &[own.id])?;
    let ids: Vec<PetId> = kept.iter().map(|(_, row)| row.id).collect();
    let (viewer, around) = around_as(conn, own, seen_as, &ids)?;
    let mut count = 0;
    for (_, row) in &kept {
        count += i64::from(around.sight(viewer, row)?.is_some());
    }
    Ok(count)
}

/// The owner and the co-owners.
fn owners(keepers: &[KeeperRow]) -> impl Iterator<Item = UserId> {
    let is_owner = |keeper: &&KeeperRow| keeper.accepted && keeper.role != "caretaker";
    keepers.iter().filter(is_owner).map(|keeper| keeper.user_id)
}

/// The pets as they are, whoever may see them.
pub fn all_of(conn: &mut Conn, viewer: Viewer, rows: Vec<PetRow>) -> Result<Vec<Seen>> {
    let around = around(conn, viewer, &rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
    let seen = rows.into_iter().map(|row| {
        let keepers = around.of(row.id);
        let own = keepers.iter().find(|keeper| keeper.user_id == viewer.id && keeper.accepted);
        let role = own.map(KeeperRow::role).transpose()?;
        let co_owners = owners(keepers).filter(|user| *user != row.owner_id).collect();
        Ok(Seen { row, role, sight: Sight::Full, co_owners })
    });
    seen.collect()
}

pub fn view(conn: &mut Conn, ring: &KeyRing, seen: Seen) -> Result<Pet> {
    let pet = views(conn, ring, vec![seen], false)?.next();
    pet.unwrap_or_else(|| Err(PET_UNKNOWN.into()))
}

/// These pets with the cards of their owners. The number of the microchip is shown to the owners, or to everybody if
/// `chips`.
pub fn views<'r>(
    conn: &mut Conn,
    ring: &'r KeyRing,
    seen: Vec<Seen>,
    chips: bool,
) -> Result<impl Iterator<Item = Result<Pet>> + use<'r>> {
    let people = seen.iter().flat_map(|seen| seen.co_owners.iter().copied().chain([seen.row.owner_id]));
    let cards = Cards::of(conn, None, people.collect::<Vec<_>>())?;
    let mut photos = photos::of(conn, seen.iter().map(|seen| seen.row.id))?;
    let view = move |seen: Seen| {
        let photos = photos.remove(&seen.row.id).unwrap_or_default();
        let Seen { row, role, sight, co_owners } = seen;
        let microchip = match &row.microchip {
            Some(sealed) if chips || sees_microchip(role) => microchips::read(ring, row.id, sealed),
            _ => None,
        };
        let owner = cards.card(row.owner_id)?;
        let co_owners = co_owners.into_iter().map(|user| cards.card(user)).collect::<Result<_>>()?;
        row.pet(Beside { role, sight, owner, co_owners, microchip, photos })
    };
    Ok(seen.into_iter().map(view))
}
