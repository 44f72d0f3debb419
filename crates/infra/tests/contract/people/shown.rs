//! What of people, their friends, their pets and their groups is shown to somebody, in lists, details and numbers.

use std::collections::{BTreeMap, BTreeSet};

use clowder_accounts::{
    model::Privacy,
    policy::sight::{FieldGroup, Sight, SightFacts, Standpoint, is_shown, sight},
    profiles::{SeenAs, User},
};
use clowder_core::{Ctx, Error, PageRequest, Result, UserId};
use clowder_social::{
    FriendsOf,
    groups::{GroupId, MemberFilter, NewGroup, Standing},
    pets::{PetFilter, PetId},
    reports::NewReport,
};
use serde_json::json;

use super::graph::{Drawn, Links};
use crate::{
    pets,
    stress::of,
    world::{Person, World, code},
};

/// Whether each group of fields is shown as the settings of the person say.
pub fn fields_agree(user: &User, facts: &SightFacts, privacy: &Privacy) {
    let is_profile = sight(facts) == Sight::Profile;
    for (group, shown) in [
        (FieldGroup::Bio, user.bio.is_some()),
        (FieldGroup::Details, user.pronouns.is_some()),
        (FieldGroup::FriendsList, user.friends_count.is_some()),
        (FieldGroup::Pets, user.pets_count.is_some()),
        (FieldGroup::Email, user.email.is_some()),
        (FieldGroup::Presence, user.presence.is_some()),
    ] {
        let expected = is_profile && is_shown(group, Standpoint::of(facts), privacy);
        assert_eq!(shown, expected, "{group:?} of {facts:?} {privacy:?}");
    }
}

/// What people have in every graph: a pet each, and two public groups, of every other person.
pub struct Things {
    pub pets: Vec<PetId>,
    groups: [GroupId; 2],
}

impl Things {
    pub async fn of(world: &World, people: &[Person]) -> Self {
        let (mut own, mut groups) = (Vec::new(), Vec::new());
        for person in people {
            own.push(pets::make(world, person, json!({})).await.id);
        }
        for founder in &people[..2] {
            let new = of::<NewGroup>(json!({"name": "Garden Friends"}));
            groups.push(world.store.groups.create(&world.ctx(founder), new).await.unwrap().id);
        }
        for (number, person) in people.iter().enumerate().skip(2) {
            world.store.groups.join(&world.ctx(person), groups[number % 2]).await.unwrap();
        }
        Self { pets: own, groups: [groups[0], groups[1]] }
    }
}

/// Somebody who looks at the others of a graph.
pub struct Looking<'g> {
    pub world: &'g World,
    pub people: &'g [Person],
    pub names: &'g [&'g str],
    pub viewer: usize,
    pub drawn: &'g [Drawn],
    pub links: &'g Links,
    /// The graph in words.
    pub graph: &'g str,
}

fn page() -> PageRequest {
    PageRequest::default()
}

/// What is shown, or why it is not.
fn shown<T: std::fmt::Debug, I: Ord>(
    result: Result<T>,
    ids: impl Fn(T) -> BTreeSet<I>,
) -> Result<BTreeSet<I>, &'static str> {
    match result {
        Ok(shown) => Ok(ids(shown)),
        refused @ Err(_) => Err(code(refused)),
    }
}

impl Looking<'_> {
    fn ctx(&self) -> Ctx {
        self.world.ctx(&self.people[self.viewer])
    }

    pub fn indexes(&self) -> std::ops::Range<usize> {
        0..self.people.len()
    }

    pub fn ids(&self, some: impl Fn(usize) -> bool) -> BTreeSet<UserId> {
        self.indexes().filter(|one| some(*one)).map(|one| self.people[one].id).collect()
    }

    fn shows(&self, group: FieldGroup, other: usize) -> bool {
        let facts = self.links.facts(self.drawn, self.viewer, other);
        is_shown(group, Standpoint::of(&facts), &self.drawn[other].privacy)
    }

    pub async fn all_agree(&self, things: &Things, seen: &BTreeMap<UserId, Sight>) {
        let sight_of = |one: usize| seen.get(&self.people[one].id).copied().unwrap_or(Sight::Nothing);
        self.friends_agree(&sight_of).await;
        self.pets_agree(things, &sight_of).await;
        self.members_agree(things, &sight_of).await;
        for other in [SeenAs::Public, SeenAs::Friend] {
            self.is_seen_as(other, things).await;
        }
    }

    /// Whether something of somebody is listed: the whole of it, or the code of a refusal.
    fn list<T: Ord>(
        &self,
        group: FieldGroup,
        hidden: &'static str,
        sight: Sight,
        other: usize,
        all: BTreeSet<T>,
    ) -> Result<BTreeSet<T>, &'static str> {
        match sight {
            Sight::Nothing => Err("user.unknown"),
            Sight::Profile if self.shows(group, other) => Ok(all),
            _ => Err(hidden),
        }
    }

    /// Lists of friends, their numbers, friends in common and suggestions show whom the viewer may see, and nobody else; one's
    /// own list shows all.
    async fn friends_agree(&self, sight_of: &impl Fn(usize) -> Sight) {
        let (ctx, friends, viewer, links) = (self.ctx(), &self.world.store.friends, self.viewer, self.links);
        let sees = |one: usize| sight_of(one) > Sight::Nothing;
        let all: Vec<UserId> = self.people.iter().map(|person| person.id).collect();
        let related = friends.relationships(&ctx, all).await.unwrap();
        let of_viewer = self.ids(|one| links.are_friends(viewer, one));
        for other in self.indexes() {
            let theirs = self.ids(|one| links.are_friends(other, one) && (other == viewer || sees(one)));
            let common = if other == viewer { theirs.clone() } else { &of_viewer & &theirs };
            for (mutual, expected) in [(false, &theirs), (true, &common)] {
                let whose = FriendsOf { mutual, ..FriendsOf::user(self.people[other].id) };
                let listed = shown(friends.of(&ctx, whose, page()).await, |page| {
                    page.items.into_iter().map(|friend| friend.user.id).collect()
                });
                let expected =
                    self.list(FieldGroup::FriendsList, "friends.hidden", sight_of(other), other, expected.clone());
                assert_eq!(listed, expected, "friends of {other}, in common: {mutual}, {}", self.graph);
            }
            let lists = sight_of(other) == Sight::Profile && self.shows(FieldGroup::FriendsList, other);
            let counted = if lists && other != viewer { common.len() as i64 } else { 0 };
            assert_eq!(related[other].mutual_friends, counted, "in common with {other}: {}", self.graph);
            // To count the friends of each of many, staff get the number that there is.
            if lists && (other == viewer || !self.drawn[viewer].is_staff()) {
                let user = self.world.store.profiles.user(&ctx, self.people[other].id, None).await.unwrap().user;
                assert_eq!(user.friends_count, Some(theirs.len() as i64), "of {other}: {}", self.graph);
            }
        }
        // Staff are suggested whom anybody else would be.
        let plain = |one: usize| links.plain_facts(self.drawn, viewer, one);
        let sees = |one: usize| sight(&plain(one)) > Sight::Nothing && !links.mutes.contains(&(viewer, one));
        let tells = |f: usize| {
            let facts = plain(f);
            let shows = is_shown(FieldGroup::FriendsList, Standpoint::of(&facts), &self.drawn[f].privacy);
            sight(&facts) == Sight::Profile && shows
        };
        let near = |one: usize| {
            self.indexes().any(|f| f != viewer && links.are_friends(viewer, f) && tells(f) && links.are_friends(f, one))
        };
        let expected = self.ids(|one| one != viewer && sees(one) && !links.are_friends(viewer, one) && near(one));
        let suggested = friends.suggestions(&ctx, page()).await.unwrap();
        let suggested: BTreeSet<UserId> = suggested.items.iter().map(|item| item.user.id).collect();
        assert_eq!(suggested, expected, "suggested: {}", self.graph);
    }

    /// Pets are seen one by one, listed, listed with a person, and counted alike.
    async fn pets_agree(&self, things: &Things, sight_of: &impl Fn(usize) -> Sight) {
        let (ctx, store) = (self.ctx(), &self.world.store);
        let is_seen = |owner: usize| self.links.pet_is_seen(self.drawn, self.viewer, owner);
        let pets = |some: &dyn Fn(usize) -> bool| -> BTreeSet<PetId> {
            self.indexes().filter(|owner| some(*owner)).map(|owner| things.pets[owner]).collect()
        };
        let visible = pets(&is_seen);
        let listed = store.pets.pets(&ctx, PetFilter::default(), page()).await.unwrap().items;
        assert_eq!(listed.into_iter().map(|pet| pet.id).collect::<BTreeSet<_>>(), visible, "listed: {}", self.graph);
        for other in self.indexes() {
            let pet = things.pets[other];
            let read = store.pets.pet(&ctx, pet).await;
            assert_eq!(read.is_ok(), visible.contains(&pet), "pet of {other}: {}", self.graph);
            let theirs = pets(&|owner| self.links.keeping(owner, other).is_some() && is_seen(owner));
            let count = theirs.len() as i64;
            let listed = shown(store.pets.of(&ctx, self.people[other].id, None, page()).await, |page| {
                page.items.into_iter().map(|pet| pet.id).collect()
            });
            let expected = self.list(FieldGroup::Pets, "pets.hidden", sight_of(other), other, theirs);
            assert_eq!(listed, expected, "pets of {other}: {}", self.graph);
            if expected.is_ok() {
                let user = store.profiles.user(&ctx, self.people[other].id, None).await.unwrap().user;
                assert_eq!(user.pets_count, Some(count), "pets of {other}: {}", self.graph);
            }
        }
    }

    /// Members of a group see each other; others see those whom they may see, and how many there are.
    async fn members_agree(&self, things: &Things, sight_of: &impl Fn(usize) -> Sight) {
        let (ctx, groups) = (self.ctx(), &self.world.store.groups);
        for (number, group) in things.groups.into_iter().enumerate() {
            let is_member = self.viewer % 2 == number;
            let expected = self.ids(|one| one % 2 == number && (is_member || sight_of(one) > Sight::Nothing));
            let filter = MemberFilter { status: Standing::Member, role: None };
            let listed = groups.members(&ctx, group, filter, page()).await.unwrap().items;
            let listed: BTreeSet<UserId> = listed.into_iter().map(|member| member.user.id).collect();
            assert_eq!(listed, expected, "members: {}", self.graph);
            let count = groups.group(&ctx, group).await.unwrap().member_count;
            assert_eq!(count, self.indexes().filter(|one| one % 2 == number).count() as i64);
        }
    }

    /// One's own profile and lists as others see them.
    async fn is_seen_as(&self, other: SeenAs, things: &Things) {
        let (ctx, store, viewer) = (self.ctx(), &self.world.store, self.viewer);
        let (own, facts) = (self.people[viewer].id, self.drawn[viewer].seen_as(other));
        let profile = store.profiles.user(&ctx, own, Some(other)).await;
        let whose = FriendsOf { seen_as: Some(other), ..FriendsOf::user(own) };
        let friends = shown(store.friends.of(&ctx, whose, page()).await, |page| {
            page.items.into_iter().map(|friend| friend.user.id).collect()
        });
        let pets = shown(store.pets.of(&ctx, own, Some(other), page()).await, |page| {
            page.items.into_iter().map(|pet| pet.id).collect()
        });
        let shows = |group| is_shown(group, Standpoint::of(&facts), &self.drawn[viewer].privacy);
        let seen = sight(&facts);
        if seen == Sight::Nothing {
            let refused = "user.unknown";
            assert_eq!((code(profile), friends, pets), (refused, Err(refused), Err(refused)), "{}", self.graph);
            return;
        }
        let user = profile.unwrap().user;
        fields_agree(&user, &facts, &self.drawn[viewer].privacy);
        let everybody_sees = |one: usize| sight(&self.drawn[one].seen_as(SeenAs::Public)) > Sight::Nothing;
        let their_friends = self.ids(|one| self.links.are_friends(viewer, one) && everybody_sees(one));
        let is_pet = |owner: usize| {
            self.links.keeping(owner, viewer).is_some() && self.links.pet_is_seen_as(self.drawn, viewer, other, owner)
        };
        let their_pets: BTreeSet<PetId> =
            self.indexes().filter(|owner| is_pet(*owner)).map(|owner| things.pets[owner]).collect();
        for (group, count, number) in [
            (FieldGroup::FriendsList, user.friends_count, their_friends.len()),
            (FieldGroup::Pets, user.pets_count, their_pets.len()),
        ] {
            let expected = (seen == Sight::Profile && shows(group)).then_some(number as i64);
            assert_eq!(count, expected, "{group:?} as {other:?}: {}", self.graph);
        }
        let as_far = |group, hidden| if seen == Sight::Profile && shows(group) { None } else { Some(hidden) };
        let expected = as_far(FieldGroup::FriendsList, "friends.hidden").map_or(Ok(their_friends), Err);
        assert_eq!(friends, expected, "friends as {other:?}: {}", self.graph);
        let expected = as_far(FieldGroup::Pets, "pets.hidden").map_or(Ok(their_pets), Err);
        assert_eq!(pets, expected, "pets as {other:?}: {}", self.graph);
    }

    /// Whether the viewer can report somebody: whom they see, have blocked, or are connected with.
    pub async fn is_known_if(&self, is_met: bool, other: usize) {
        if other == self.viewer {
            return;
        }
        let (links, user) = (self.links, self.people[other].id);
        let is_tied = links.are_friends(self.viewer, other)
            || links.keep_together(self.people.len(), self.viewer, other)
            || links.blocks.contains(&(self.viewer, other))
            || self.viewer % 2 == other % 2;
        let expected = !self.drawn[other].erased && (is_met || is_tied);
        let new = of::<NewReport>(json!({"target": {"type": "user", "id": user}, "category": "spam"}));
        match self.world.store.reports.report(&self.ctx(), new).await {
            Ok(_) => assert!(expected, "{other} is known: {}", self.graph),
            Err(Error::Refused(refusal)) if refusal.code == "user.unknown" => {
                assert!(!expected, "{other} is unknown: {}", self.graph);
            }
            Err(other) => panic!("{other}"),
        }
    }
}
