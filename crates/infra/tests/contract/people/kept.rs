//! What somebody takes along: their export, and what a resumed socket gets of the journal. Both name nobody besides those
//! whom the person sees or has had to do with.

use std::collections::BTreeSet;

use clowder_accounts::{
    ProfilePatch,
    policy::sight::{Sight, sight},
};
use clowder_core::{Input, PageRequest, Positions, UserId, journal::Chunk};
use clowder_social::{FriendFilter, pets::PetId};
use serde_json::{Value, json};

use super::shown::{Looking, Things};
use crate::{exports::fetch, privacy::export_anew};

impl Looking<'_> {
    /// Somebody changes their profile; then whoever of the others is named in the export of the viewer, or in a replay from
    /// these positions on, is a friend, was blocked, is in the same group, or has met the viewer in a chat: in this graph, or
    /// in any of those that the journal remembers.
    pub async fn takes_along(
        &self,
        things: &Things,
        from: &Positions,
        met: &BTreeSet<(usize, usize)>,
        ever: &BTreeSet<(usize, usize)>,
        editor: usize,
    ) {
        let (world, viewer, links) = (self.world, self.viewer, self.links);
        let person = &self.people[viewer];
        let text = ProfilePatch::from_json(json!({"bio": format!("the life of {}", self.names[editor])})).unwrap();
        let edited = world.store.accounts.edit_me(&world.ctx(&self.people[editor]), None, text).await;
        assert_eq!(edited.is_ok(), !self.drawn[editor].erased, "{edited:?}");
        let files = fetch(world, &export_anew(world, person).await).await;
        let parsed = |name: &str| serde_json::from_str::<Vec<Value>>(&files[name]).unwrap();
        let ids = |name: &str| -> BTreeSet<UserId> {
            parsed(name).iter().map(|item| serde_json::from_value(item["user"]["id"].clone()).unwrap()).collect()
        };
        let friends = self.ids(|one| links.are_friends(viewer, one));
        let ctx = world.ctx(person);
        let own = world.store.friends.list(&ctx, FriendFilter::default(), PageRequest::default());
        let own: BTreeSet<UserId> = own.await.unwrap().items.into_iter().map(|friend| friend.user.id).collect();
        assert_eq!((&ids("friends.json"), &own), (&friends, &friends), "{}", self.graph);
        assert_eq!(ids("blocks.json"), self.ids(|one| links.blocks.contains(&(viewer, one))), "{}", self.graph);
        // Of those whom the person has muted or who were rejected, whoever has hidden since then is there by the id alone.
        let sees = |one: usize| sight(&links.plain_facts(self.drawn, viewer, one)) > Sight::Nothing;
        let index = |id: &Value| {
            let id: UserId = serde_json::from_value(id.clone()).unwrap();
            self.people.iter().position(|person| person.id == id).unwrap()
        };
        let mut muted = BTreeSet::new();
        for mute in parsed("mutes.json") {
            let one = index(&mute["user_id"]);
            assert!(muted.insert(one) && (!sees(one) || mute["user"]["username"] == self.names[one]), "{}", self.graph);
        }
        assert_eq!(
            muted,
            self.indexes().filter(|one| links.mutes.contains(&(viewer, *one))).collect(),
            "{}",
            self.graph
        );
        let rejected: BTreeSet<(usize, usize)> =
            parsed("friend_requests.json").iter().map(|ask| (index(&ask["to_id"]), index(&ask["from_id"]))).collect();
        let own = links.rejected.iter().copied().filter(|(by, from)| *by == viewer || *from == viewer);
        assert_eq!(rejected, own.collect(), "{}", self.graph);
        let pets: BTreeSet<PetId> =
            parsed("pets.json").iter().map(|pet| serde_json::from_value(pet["id"].clone()).unwrap()).collect();
        let kept = self.indexes().filter(|owner| links.keeping(*owner, viewer).is_some());
        assert_eq!(pets, kept.map(|owner| things.pets[owner]).collect(), "{}", self.graph);

        let journal = &world.store.journal;
        let heads = journal.extent().await.unwrap().heads;
        let followed = journal.followed(person.id, heads.clone()).await.unwrap();
        let mut replay = journal.replay(person.id, followed.into(), from.clone(), heads);
        let mut replayed = String::new();
        while let Some(piece) = replay.next(Chunk::rows(100)).await.unwrap() {
            replayed.extend(piece.changes.iter().map(|change| change.data.get()));
        }
        let exported: String = files.values().map(String::as_str).collect();
        for other in self.indexes().filter(|other| *other != viewer) {
            let is_member = viewer % 2 == other % 2;
            let is_listed = links.are_friends(viewer, other) || links.blocks.contains(&(viewer, other));
            let name = self.names[other];
            let is_tied = is_member || met.contains(&(viewer, other));
            let is_known =
                links.decided(viewer, other) && (sees(other) || links.keep_together(self.people.len(), viewer, other));
            assert!(
                is_tied || is_listed || is_known || !exported.contains(name),
                "export names {other}: {}",
                self.graph
            );
            let is_tied = is_member || ever.contains(&(viewer, other));
            assert!(is_tied || !replayed.contains(name), "replay names {other}: {}", self.graph);
        }
        assert!(editor != viewer || edited.is_err() || replayed.contains(self.names[viewer]), "{}", self.graph);
    }
}
