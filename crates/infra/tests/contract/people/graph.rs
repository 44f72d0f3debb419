//! Random graphs of people and pets: what each of them is and shows, and what connects them.

use std::collections::BTreeSet;

use clowder_accounts::{
    model::{Audience, Privacy, Settings},
    policy::sight::{FieldGroup, Sight, SightFacts, Standpoint, is_shown, sight},
    presence::PresenceStatus,
    profiles::SeenAs,
};
use clowder_core::{Id, Role, Visibility, Word};
use clowder_social::pets::{Role as Keeping, policy as pets};

use crate::{
    stress::Dice,
    world::{Person, World},
};

/// What one person is, and their only pet.
#[derive(Debug, Clone, Copy)]
pub struct Drawn {
    pub visibility: Visibility,
    pub role: Role,
    pub suspended: bool,
    pub erased: bool,
    /// Who sees which fields.
    pub privacy: Privacy,
    pub status: PresenceStatus,
    pub pet: Visibility,
}

impl Drawn {
    pub fn throw(dice: &mut Dice) -> Self {
        let visibility = Visibility::WORDS[dice.below(3)].1;
        let role = [Role::User, Role::User, Role::User, Role::Moderator, Role::Admin][dice.below(5)];
        let (suspended, erased) = (dice.below(5) == 0, dice.below(8) == 0);
        let mut audience = || Audience::WORDS[dice.below(3)].1;
        let privacy = Privacy {
            last_seen: audience(),
            bio: audience(),
            details: audience(),
            friends_list: audience(),
            pets: audience(),
            email: audience(),
            ..Settings::default().privacy
        };
        let status = PresenceStatus::WORDS[dice.below(4)].1;
        Self { visibility, role, suspended, erased, privacy, status, pet: Visibility::WORDS[dice.below(3)].1 }
    }

    /// Whether somebody hears of them who is nobody's friend.
    pub fn shows_presence_to_all(&self) -> bool {
        let facts = self.seen_as(SeenAs::Public);
        sight(&facts) == Sight::Profile && is_shown(FieldGroup::Presence, Standpoint::of(&facts), &self.privacy)
    }

    pub fn is_staff(&self) -> bool {
        self.role >= Role::Moderator
    }

    /// The person as somebody sees them who is no more than a friend.
    pub fn seen_as(&self, other: SeenAs) -> SightFacts {
        SightFacts {
            own: false,
            staff: false,
            friends: other == SeenAs::Friend,
            blocked: false,
            visibility: self.visibility,
            suspended: self.suspended,
            erased: self.erased,
        }
    }
}

/// What connects the people of a graph, and which graph it is.
#[derive(Debug)]
pub struct Links {
    pub graph: usize,
    pub friends: Vec<(usize, usize)>,
    pub blocks: Vec<(usize, usize)>,
    /// Who of whom: a block that ended a friendship, and one that came before somebody asked to be friends.
    pub parted: Vec<(usize, usize)>,
    pub refused: Vec<(usize, usize)>,
    /// Whose pet somebody else owns, too.
    pub co_owners: Vec<(usize, usize)>,
    /// Who has muted whom, and who has rejected whose request to be friends.
    pub mutes: Vec<(usize, usize)>,
    pub rejected: Vec<(usize, usize)>,
}

impl Links {
    pub fn throw(dice: &mut Dice, graph: usize, drawn: &[Drawn]) -> Self {
        let people = drawn.len();
        let pairs = (0..people).flat_map(|a| (0..a).map(move |b| (a, b)));
        let friends: Vec<(usize, usize)> = pairs.filter(|_| dice.below(3) == 0).collect();
        let pairs = || (0..people).flat_map(|a| (0..people).map(move |b| (a, b))).filter(|(a, b)| a != b);
        let blocks: Vec<(usize, usize)> = pairs().filter(|_| dice.below(8) == 0).collect();
        let mut some = || pairs().filter(|_| dice.below(8) == 0).collect();
        let (co_owners, mutes, rejected) = (some(), some(), some());
        let (parted, refused) = (Vec::new(), Vec::new());
        let mut links = Self { graph, friends, blocks, parted, refused, co_owners, mutes, rejected };
        links.settle(dice, drawn);
        links
    }

    /// Of two people who were drawn as friends and with a block, the one comes before the other. A block ends the friendship,
    /// and that they keep pets of each other.
    fn settle(&mut self, dice: &mut Dice, drawn: &[Drawn]) {
        let both: Vec<_> = self.blocks.iter().copied().filter(|(one, other)| self.are_friends(*one, *other)).collect();
        for (one, other) in both {
            let is_mutual = self.blocks.contains(&(other, one));
            if is_mutual || drawn[one].erased || drawn[other].erased {
                continue;
            }
            if dice.below(2) == 0 {
                self.parted.push((one, other));
                self.co_owners.retain(|pair| *pair != (one, other) && *pair != (other, one));
            } else {
                self.refused.push((one, other));
            }
        }
        let blocks = std::mem::take(&mut self.blocks);
        self.friends.retain(|(one, other)| !blocks.contains(&(*one, *other)) && !blocks.contains(&(*other, *one)));
        self.blocks = blocks;
    }

    /// The friendships, and those that end later.
    fn friends_first(&self) -> BTreeSet<(usize, usize)> {
        let parted = self.parted.iter().map(|(one, other)| (*one.max(other), *one.min(other)));
        self.friends.iter().copied().chain(parted).collect()
    }

    pub fn are_friends(&self, one: usize, other: usize) -> bool {
        self.friends.contains(&(one.max(other), one.min(other)))
    }

    pub fn blocked(&self, one: usize, other: usize) -> bool {
        self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one))
    }

    /// What somebody is to the pet of the owner.
    pub fn keeping(&self, owner: usize, user: usize) -> Option<Keeping> {
        match owner == user {
            true => Some(Keeping::Owner),
            false => self.co_owners.contains(&(owner, user)).then_some(Keeping::CoOwner),
        }
    }

    /// Whether two people keep the same pet.
    pub fn keep_together(&self, people: usize, one: usize, other: usize) -> bool {
        (0..people).any(|pet| self.keeping(pet, one).is_some() && self.keeping(pet, other).is_some())
    }

    /// What is known of somebody when somebody else looks at them.
    pub fn facts(&self, drawn: &[Drawn], viewer: usize, other: usize) -> SightFacts {
        let Drawn { visibility, suspended, erased, .. } = drawn[other];
        let (friends, blocked) = (self.are_friends(viewer, other), self.blocked(viewer, other));
        let staff = drawn[viewer].is_staff();
        SightFacts { own: other == viewer, staff, friends, blocked, visibility, suspended, erased }
    }

    /// The same to somebody who moderates nothing.
    pub fn plain_facts(&self, drawn: &[Drawn], viewer: usize, other: usize) -> SightFacts {
        SightFacts { staff: false, ..self.facts(drawn, viewer, other) }
    }

    /// Whether somebody has decided something about another that connects the two no more.
    pub fn decided(&self, one: usize, other: usize) -> bool {
        let was_rejected = self.rejected.contains(&(one, other)) || self.rejected.contains(&(other, one));
        self.mutes.contains(&(one, other)) || was_rejected
    }

    /// Whether the viewer sees the pet of the owner.
    pub fn pet_is_seen(&self, drawn: &[Drawn], viewer: usize, owner: usize) -> bool {
        let facts = self.facts(drawn, viewer, owner);
        let friend = (0..drawn.len()).any(|user| self.keeping(owner, user).is_some() && self.are_friends(viewer, user));
        self.sees_pet(drawn, owner, &facts, self.keeping(owner, viewer), friend)
    }

    /// Whether a stranger or a friend of somebody sees the pet of the owner.
    pub fn pet_is_seen_as(&self, drawn: &[Drawn], of: usize, other: SeenAs, owner: usize) -> bool {
        let friend = other == SeenAs::Friend;
        let to = if owner == of { other } else { SeenAs::Public };
        self.sees_pet(drawn, owner, &drawn[owner].seen_as(to), None, friend && self.keeping(owner, of).is_some())
    }

    fn sees_pet(&self, drawn: &[Drawn], owner: usize, facts: &SightFacts, role: Option<Keeping>, friend: bool) -> bool {
        // A pet is not shown to more people than the profile of its owner.
        let is_reserved = drawn[owner].visibility == Visibility::Friends && !facts.staff && !facts.own;
        let visibility = match drawn[owner].pet {
            _ if !is_shown(FieldGroup::Pets, Standpoint::of(facts), &drawn[owner].privacy) => Visibility::Private,
            Visibility::Public if is_reserved => Visibility::Friends,
            visibility => visibility,
        };
        let owner_visible = sight(facts) > Sight::Nothing;
        let facts = pets::SightFacts { role, invited: false, owner_visible, friend, visibility, lost: false };
        pets::sight(facts).is_some()
    }
}

/// Writes a graph of people past the store. Everybody has a pet already.
pub fn draw(world: &World, people: &[Person], drawn: &[Drawn], links: &Links) {
    let uuid = |id: uuid::Uuid| {
        let id = id.simple();
        if world.is_postgres() { format!("CAST('{id}' AS uuid)") } else { format!("x'{id}'") }
    };
    let id = |person: &Person| uuid(person.id.uuid());
    let (now, yes, no) = match world.is_postgres() {
        true => ("now()", "true", "false"),
        false => ("1790000000000000", "1", "0"),
    };
    let Links { graph, blocks, parted, co_owners, mutes, rejected, .. } = links;
    let friends = links.friends_first();
    // Between two graphs, the store changes lists itself.
    let version = graph * 1_000;
    let tables = ["friendships", "friend_lists", "friend_requests", "blocks", "mutes", "reports"];
    let mut statements: Vec<_> = tables.iter().map(|table| format!("DELETE FROM {table}")).collect();
    statements.push("DELETE FROM pet_keepers WHERE role <> 'owner'".to_owned());
    // Whoever has met before has not met in this graph.
    statements
        .push("DELETE FROM participants WHERE chat_id IN (SELECT id FROM chats WHERE group_id IS NULL)".to_owned());
    for (number, (person, drawn)) in people.iter().zip(drawn).enumerate() {
        let count = friends.iter().filter(|(a, b)| *a == number || *b == number).count();
        let person = id(person);
        let Drawn { visibility, role, suspended, erased, privacy, status, pet } = drawn;
        let columns = [
            ("last_seen", privacy.last_seen),
            ("see_bio", privacy.bio),
            ("see_details", privacy.details),
            ("see_friends", privacy.friends_list),
            ("see_pets", privacy.pets),
            ("see_email", privacy.email),
        ];
        let columns = columns.map(|(column, audience)| format!("{column} = '{}'", audience.as_str())).join(", ");
        statements.push(format!("UPDATE preferences SET {columns} WHERE user_id = {person}"));
        statements.push(format!("UPDATE presence SET status = '{}' WHERE user_id = {person}", status.as_str()));
        statements.push(format!("UPDATE pets SET visibility = '{}' WHERE owner_id = {person}", pet.as_str()));
        statements.push(format!(
            "INSERT INTO friend_lists (user_id, friends, version) VALUES ({person}, {count}, {version})"
        ));
        statements.push(format!(
            "UPDATE users SET visibility = '{}', role = '{}', suspension_reason = {}, deleted_at = {} WHERE id = {}",
            visibility.as_str(),
            role.as_str(),
            if *suspended { "'spam'" } else { "NULL" },
            if *erased { now } else { "NULL" },
            person
        ));
    }
    for (a, b) in &friends {
        let (a, b) = (id(&people[*a]), id(&people[*b]));
        statements.push(format!(
            "INSERT INTO friendships (user_id, friend_id, since) VALUES ({a}, {b}, {now}), ({b}, {a}, {now})"
        ));
    }
    for (one, other) in blocks.iter().filter(|block| !parted.contains(block)) {
        let (one, other) = (id(&people[*one]), id(&people[*other]));
        statements.push(format!(
            "INSERT INTO blocks (user_id, blocked_id, hide_messages, since) VALUES ({one}, {other}, {no}, {now})"
        ));
    }
    for (one, other) in mutes {
        let (one, other) = (id(&people[*one]), id(&people[*other]));
        statements.push(format!("INSERT INTO mutes (user_id, muted_id, since) VALUES ({one}, {other}, {now})"));
    }
    for (by, from) in rejected {
        let (request, from, to) = (uuid(Id::<()>::new(world.now()).uuid()), id(&people[*from]), id(&people[*by]));
        statements.push(format!(
            "INSERT INTO friend_requests (id, from_id, to_id, status, created_at, decided_at) \
             VALUES ({request}, {from}, {to}, 'rejected', {now}, {now})"
        ));
    }
    for (owner, user) in co_owners {
        let (owner, user) = (id(&people[*owner]), id(&people[*user]));
        statements.push(format!(
            "INSERT INTO pet_keepers (pet_id, user_id, role, accepted, since) \
             SELECT id, {user}, 'co_owner', {yes}, {now} FROM pets WHERE owner_id = {owner}"
        ));
    }
    world.batch(&statements.join(";"));
}
