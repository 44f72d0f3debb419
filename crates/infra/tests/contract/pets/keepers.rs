//! Who keeps pets and writes their logs, and what becomes of that when people block each other or are erased.

use clowder_core::{Error, PageRequest, UserId};
use clowder_social::pets::{MyRole, NewEntry, NewKeeper, PetPatch, Role, policy::AGAIN_AFTER};
use serde_json::json;

use super::{contradictions, count, domain::nothing, each, ids, invite, keep, make, note, reply, sees, to, told};
use crate::{
    privacy::{system, work},
    stress::of,
    world::{World, code, on_both},
};

on_both! {
    async fn keepers_are_invited_accept_and_leave(world: World) {
        let [ada, bob, cem, eve] = world.people(["ada", "bob", "cem", "eve"]).await;
        let pets = &world.store.pets;
        let pet = make(&world, &ada, json!({"visibility": "private"})).await;
        let new = |user: UserId| of::<NewKeeper>(json!({"user_id": user, "role": "co_owner"}));
        let invalid = async |user| matches!(pets.invite(&world.ctx(&ada), pet.id, new(user)).await, Err(Error::Invalid(_)));
        assert!(invalid(ada.id).await && invalid(nothing(&world)).await);
        let invited = pets.invite(&world.ctx(&ada), pet.id, new(bob.id)).await.unwrap();
        assert_eq!((invited.user.id, invited.role, invited.accepted), (bob.id, Role::CoOwner, false));
        assert_eq!(told(&world).await, each("pet.keeper_invited", &[&ada, &bob]));
        assert_eq!(code(pets.invite(&world.ctx(&ada), pet.id, new(bob.id)).await), "pet.kept");
        let seen = pets.pet(&world.ctx(&bob), pet.id).await.unwrap();
        assert_eq!((seen.my_role, ids(&seen.owners)), (MyRole::None, vec![ada.id]));
        let open = pets.invitations(&world.ctx(&bob), PageRequest::default()).await.unwrap().items;
        assert_eq!((open.len(), open[0].pet.id, open[0].role), (1, pet.id, Role::CoOwner));
        // Whoever is only invited keeps nothing yet.
        assert_eq!(code(pets.log(&world.ctx(&bob), pet.id, PageRequest::default()).await), "pet.forbidden");
        assert_eq!(code(pets.keepers(&world.ctx(&bob), pet.id, PageRequest::default()).await), "pet.forbidden");
        assert_eq!(code(pets.transfer(&world.ctx(&ada), pet.id, to(bob.id)).await), "pet.keeper_unknown");
        pets.answer(&world.ctx(&bob), pet.id, reply("accept")).await.unwrap();
        assert_eq!(told(&world).await, each("pet.keeper_added", &[&ada, &bob]));
        assert_eq!(code(pets.answer(&world.ctx(&bob), pet.id, reply("decline")).await), "pet.invitation_unknown");
        let seen = pets.pet(&world.ctx(&bob), pet.id).await.unwrap();
        assert_eq!((seen.my_role, ids(&seen.owners), seen.version), (MyRole::CoOwner, vec![ada.id, bob.id], 2));
        pets.edit(&world.ctx(&bob), pet.id, None, of(json!({"bio": "sleeps"}))).await.unwrap();
        assert_eq!(told(&world).await, each("pet.updated", &[&ada, &bob]));
        assert_eq!(code(pets.delete(&world.ctx(&bob), pet.id, None).await), "pet.forbidden");
        assert_eq!(code(pets.invite(&world.ctx(&bob), pet.id, new(eve.id)).await), "pet.forbidden");

        invite(&world, &ada, pet.id, &cem, "caretaker").await;
        world.changes().await;
        pets.answer(&world.ctx(&cem), pet.id, reply("decline")).await.unwrap();
        assert_eq!(told(&world).await, each("pet.keeper_removed", &[&ada, &bob, &cem]));
        assert!(!sees(&world, &cem, pet.id).await);
        world.wait(AGAIN_AFTER);
        keep(&world, &ada, pet.id, &cem, "caretaker").await;
        assert_eq!(code(pets.edit(&world.ctx(&cem), pet.id, None, of(json!({"bio": "x"}))).await), "pet.forbidden");
        assert_eq!(code(pets.remove(&world.ctx(&cem), pet.id, bob.id).await), "pet.forbidden");
        assert_eq!(code(pets.remove(&world.ctx(&ada), pet.id, ada.id).await), "pet.owner");
        assert_eq!(code(pets.remove(&world.ctx(&ada), pet.id, eve.id).await), "pet.keeper_unknown");
        let mut page = PageRequest { limit: 1, cursor: None };
        let mut found = Vec::new();
        loop {
            let got = pets.keepers(&world.ctx(&cem), pet.id, page.clone()).await.unwrap();
            found.extend(got.items.into_iter().map(|keeper| (keeper.user.id, keeper.role, keeper.accepted)));
            page.cursor = got.next_cursor;
            if page.cursor.is_none() { break }
        }
        assert_eq!(found, [(ada.id, Role::Owner, true), (bob.id, Role::CoOwner, true), (cem.id, Role::Caretaker, true)]);

        let given = pets.transfer(&world.ctx(&ada), pet.id, to(cem.id)).await.unwrap();
        assert_eq!((given.owner.id, given.my_role), (cem.id, MyRole::CoOwner));
        assert_eq!(told(&world).await, each("pet.keeper_updated", &[&ada, &bob, &cem]));
        assert_eq!(contradictions(&world), Vec::<&str>::new());
        pets.remove(&world.ctx(&ada), pet.id, ada.id).await.unwrap();
        assert_eq!(told(&world).await, each("pet.keeper_removed", &[&ada, &bob, &cem]));
        assert!(!sees(&world, &ada, pet.id).await);
        pets.remove(&world.ctx(&cem), pet.id, bob.id).await.unwrap();
        pets.delete(&world.ctx(&cem), pet.id, None).await.unwrap();
    }

    async fn what_happens_at_once_leaves_one_owner_and_no_ghosts(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let others = world.another_node().await;
        for round in 0..8 {
            let pet = make(&world, &ada, json!({})).await;
            invite(&world, &ada, pet.id, &bob, "co_owner").await;
            let (one, two) = (world.store.clone(), others.clone());
            let (accept, withdraw, bob_id) = (world.ctx(&bob), world.ctx(&ada), bob.id);
            let accepted = tokio::spawn(async move { one.pets.answer(&accept, pet.id, reply("accept")).await });
            let removed = tokio::spawn(async move { two.pets.remove(&withdraw, pet.id, bob_id).await });
            removed.await.unwrap().unwrap();
            if let Err(error) = accepted.await.unwrap() {
                assert_eq!(code(Err::<(), _>(error)), "pet.invitation_unknown");
            }
            assert_eq!(world.store.pets.pet(&world.ctx(&bob), pet.id).await.unwrap().my_role, MyRole::None);
            keep(&world, &ada, pet.id, &bob, "co_owner").await;
            let mut tries = Vec::new();
            for n in 0..4 {
                let store = if (n + round) % 2 == 0 { world.store.clone() } else { others.clone() };
                let (from, user) = if n % 2 == 0 { (world.ctx(&ada), bob.id) } else { (world.ctx(&bob), ada.id) };
                tries.push(tokio::spawn(async move { store.pets.transfer(&from, pet.id, to(user)).await.map(drop) }));
            }
            for tried in tries {
                let tried = tried.await.unwrap();
                assert!(matches!(tried, Ok(()) | Err(Error::Refused(_) | Error::Explained { .. })), "{tried:?}");
            }
            assert_eq!(contradictions(&world), Vec::<&str>::new());
        }
    }

    async fn edits_at_once_are_one_after_the_other(world: World) {
        let [ada] = world.people(["ada"]).await;
        let pet = make(&world, &ada, json!({})).await;
        let others = world.another_node().await;
        let mut tries = Vec::new();
        for n in 0..6 {
            let (store, ctx) = (if n % 2 == 0 { world.store.clone() } else { others.clone() }, world.ctx(&ada));
            let patch = of::<PetPatch>(json!({"bio": format!("text {n}")}));
            tries.push(tokio::spawn(async move { store.pets.edit(&ctx, pet.id, Some(1.into()), patch).await }));
        }
        let mut came = 0;
        for tried in tries {
            match tried.await.unwrap() {
                Ok(edited) => came += edited.version - 1,
                stale => assert_eq!(code(stale), "pet.stale"),
            }
        }
        assert_eq!(came, 1, "one of those who saw the first version");
    }

    async fn the_log_is_for_those_who_keep_the_pet(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let pets = &world.store.pets;
        let pet = make(&world, &ada, json!({})).await;
        keep(&world, &ada, pet.id, &bob, "caretaker").await;
        assert_eq!(code(pets.log(&world.ctx(&eve), pet.id, PageRequest::default()).await), "pet.forbidden");
        assert_eq!(code(pets.write(&world.ctx(&eve), pet.id, note("x")).await), "pet.forbidden");
        let weight = |grams: i64, at: &str| of::<NewEntry>(json!({"kind": "weight", "grams": grams, "at": at}));
        for (grams, at) in [(4200, "2026-01-01T00:00:00Z"), (4300, "2026-03-01T00:00:00Z"), (4250, "2026-02-01T00:00:00Z")] {
            pets.write(&world.ctx(&ada), pet.id, weight(grams, at)).await.unwrap();
        }
        let mine = pets.write(&world.ctx(&bob), pet.id, note("zqate nothing")).await.unwrap();
        assert_eq!(mine.author.as_ref().map(|author| author.id), Some(bob.id));
        let mut page = PageRequest { limit: 1, cursor: None };
        let mut found = Vec::new();
        loop {
            let got = pets.log(&world.ctx(&bob), pet.id, page.clone()).await.unwrap();
            found.extend(got.items.into_iter().map(|entry| entry.grams));
            page.cursor = got.next_cursor;
            if page.cursor.is_none() { break }
        }
        assert_eq!(found, [None, Some(4300), Some(4250), Some(4200)]);
        let all = pets.log(&world.ctx(&ada), pet.id, PageRequest::default()).await.unwrap().items;
        assert_eq!(code(pets.erase(&world.ctx(&bob), pet.id, all[1].id).await), "pet.forbidden");
        assert_eq!(code(pets.erase(&world.ctx(&bob), pet.id, nothing(&world)).await), "pet.entry_unknown");
        let other = make(&world, &ada, json!({})).await;
        assert_eq!(code(pets.erase(&world.ctx(&ada), other.id, mine.id).await), "pet.entry_unknown", "of another pet");
        pets.erase(&world.ctx(&ada), pet.id, mine.id).await.unwrap();
        world.gone(b"zqate nothing").await;
        for wrong in ["1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z"] {
            assert!(matches!(pets.write(&world.ctx(&ada), pet.id, weight(1, wrong)).await, Err(Error::Invalid(_))), "{wrong}");
        }
        assert!(world.names().await.is_empty(), "the log is told to nobody");
    }

    async fn an_erased_owner_hands_on_and_the_rest_goes(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let pets = &world.store.pets;
        let (shared, alone) = (make(&world, &ada, json!({})).await, make(&world, &ada, json!({"bio": "zqalone"})).await);
        let of_cem = make(&world, &cem, json!({})).await;
        keep(&world, &ada, shared.id, &bob, "caretaker").await;
        keep(&world, &ada, shared.id, &cem, "co_owner").await;
        keep(&world, &cem, of_cem.id, &ada, "caretaker").await;
        pets.write(&world.ctx(&ada), shared.id, note("zqwritten by ada")).await.unwrap();
        pets.write(&world.ctx(&ada), shared.id, of(json!({"kind": "weight", "grams": 4200, "text": "zqremark"}))).await.unwrap();
        pets.write(&world.ctx(&bob), shared.id, note("written by bob")).await.unwrap();
        pets.write(&world.ctx(&ada), alone.id, note("zqalone too")).await.unwrap();
        let invitee = make(&world, &bob, json!({})).await;
        invite(&world, &bob, invitee.id, &ada, "caretaker").await;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let after = pets.pet(&world.ctx(&cem), shared.id).await.unwrap();
        assert_eq!((after.owner.id, ids(&after.owners)), (cem.id, vec![cem.id]));
        assert_eq!(code(pets.pet(&world.ctx(&bob), alone.id).await), "pet.unknown");
        let log = pets.log(&world.ctx(&cem), shared.id, PageRequest::default()).await.unwrap().items;
        let log: Vec<_> = log.into_iter().map(|entry| (entry.grams, entry.text, entry.author.map(|author| author.id))).collect();
        assert_eq!(log, [(None, Some("written by bob".to_owned()), Some(bob.id)), (Some(4200), None, None)]);
        let left = pets.keepers(&world.ctx(&cem), of_cem.id, PageRequest::default()).await.unwrap().items;
        assert_eq!(left.len(), 1);
        assert_eq!(count(&world, "pets"), 3);
        assert_eq!(contradictions(&world), Vec::<&str>::new());
        for text in ["zqalone", "zqwritten", "zqremark"] {
            world.gone(text.as_bytes()).await;
        }
    }

    async fn a_block_ends_what_connects_two_people_by_pets(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let pets = &world.store.pets;
        let (one, two, three) =
            (make(&world, &ada, json!({})).await, make(&world, &bob, json!({})).await, make(&world, &ada, json!({})).await);
        keep(&world, &ada, one.id, &bob, "co_owner").await;
        keep(&world, &ada, one.id, &cem, "caretaker").await;
        invite(&world, &bob, two.id, &ada, "caretaker").await;
        keep(&world, &ada, three.id, &cem, "co_owner").await;
        world.changes().await;
        world.store.blocks.block(&world.ctx(&bob), ada.id, clowder_social::NewBlock::default()).await.unwrap();
        let mut expected = each("pet.keeper_removed", &[&ada, &bob, &cem]);
        expected.insert(("block.added".to_owned(), bob.id));
        assert_eq!(told(&world).await, expected);
        assert!(!sees(&world, &bob, one.id).await && !sees(&world, &ada, two.id).await);
        assert_eq!(pets.pet(&world.ctx(&cem), three.id).await.unwrap().my_role, MyRole::CoOwner);
        let new = of::<NewKeeper>(json!({"user_id": bob.id, "role": "caretaker"}));
        assert!(matches!(pets.invite(&world.ctx(&ada), one.id, new).await, Err(Error::Invalid(_))));
        assert_eq!(contradictions(&world), Vec::<&str>::new());
    }
}
