//! How invitations to keep a pet end by themselves, and how often somebody can be invited.

use std::time::Duration;

use clowder_core::{Actor, Ctx, Error, PageRequest, attempt::KEPT_FOR};
use clowder_social::pets::{
    MyRole, NewKeeper, PetId,
    policy::{AGAIN_AFTER, OPEN_FOR},
};
use serde_json::json;

use super::{count, each, invite, keep, make, reply, sees, told};
use crate::{
    friends::befriend,
    privacy::{system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn sweep(world: &World) {
    let ctx = Ctx::new(Actor::System, world.now(), "sweep");
    while world.store.upkeep.sweep(&ctx, Duration::MAX).await.unwrap() > 0 {}
}

async fn open(world: &World, person: &Person) -> usize {
    world.store.pets.invitations(&world.ctx(person), PageRequest::default()).await.unwrap().items.len()
}

/// Whether somebody cannot be invited yet.
async fn too_soon(world: &World, owner: &Person, pet: PetId, user: &Person) -> bool {
    let new = of::<NewKeeper>(json!({"user_id": user.id, "role": "co_owner"}));
    let ctx = world.ctx(owner);
    match world.store.pets.invite(&ctx, pet, new).await {
        Ok(_) => false,
        Err(Error::Invalid(errors)) => {
            assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_ref()), ("/user_id", "too_soon"));
            true
        }
        Err(other) => panic!("{other:?}"),
    }
}

on_both! {
    async fn who_has_declined_is_left_alone_for_a_while(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let pets = &world.store.pets;
        let (pet, other) = (make(&world, &ada, json!({})).await.id, make(&world, &ada, json!({})).await.id);
        invite(&world, &ada, pet, &bob, "caretaker").await;
        pets.answer(&world.ctx(&bob), pet, reply("decline")).await.unwrap();
        assert!(too_soon(&world, &ada, pet, &bob).await);
        invite(&world, &ada, other, &bob, "caretaker").await;
        invite(&world, &ada, pet, &cem, "caretaker").await;
        // What the owner withdraws was not declined; leaving an invitation is declining.
        pets.remove(&world.ctx(&ada), pet, cem.id).await.unwrap();
        invite(&world, &ada, pet, &cem, "caretaker").await;
        pets.remove(&world.ctx(&cem), pet, cem.id).await.unwrap();
        assert!(too_soon(&world, &ada, pet, &cem).await);
        // A keeper who leaves has not declined, and the pause is that of the pet, whoever owns it.
        pets.answer(&world.ctx(&bob), other, reply("accept")).await.unwrap();
        pets.remove(&world.ctx(&bob), other, bob.id).await.unwrap();
        keep(&world, &ada, other, &bob, "caretaker").await;
        world.wait(AGAIN_AFTER - Duration::from_secs(60));
        assert!(too_soon(&world, &ada, pet, &bob).await);
        sweep(&world).await;
        assert_eq!(count(&world, "pet_attempts"), 5);
        world.wait(Duration::from_secs(60));
        assert!(!too_soon(&world, &ada, pet, &bob).await);
        world.wait(KEPT_FOR);
        sweep(&world).await;
        assert_eq!(count(&world, "pet_attempts"), 0);
    }

    async fn nobody_is_invited_again_and_again(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        befriend(&world, &ada, &cem).await;
        let pets = &world.store.pets;
        let (pet, other) = (make(&world, &ada, json!({})).await.id, make(&world, &ada, json!({})).await.id);
        for _ in 0..5 {
            invite(&world, &ada, pet, &bob, "caretaker").await;
            pets.remove(&world.ctx(&ada), pet, bob.id).await.unwrap();
        }
        assert!(too_soon(&world, &ada, pet, &bob).await);
        // Neither another pet nor another person is concerned.
        invite(&world, &ada, other, &bob, "caretaker").await;
        invite(&world, &ada, pet, &cem, "caretaker").await;
        pets.remove(&world.ctx(&ada), pet, cem.id).await.unwrap();
        // All invitations of a day.
        let id = if world.is_postgres() { "gen_random_uuid()" } else { "randomblob(16)" };
        let rows: String = (0..193)
            .map(|_| {
                format!(
                    "INSERT INTO pet_attempts (id, kind, pet_id, user_id, by_id, made_at)
                       SELECT {id}, 'invitation', a.pet_id, a.user_id, a.by_id, a.made_at FROM pet_attempts a
                       ORDER BY a.made_at DESC LIMIT 1;"
                )
            })
            .collect();
        let new = || of::<NewKeeper>(json!({"user_id": cem.id, "role": "co_owner"}));
        world.batch(&rows);
        let one_more = make(&world, &ada, json!({})).await.id;
        assert_eq!(code(pets.invite(&world.ctx(&ada), one_more, new()).await), "pet.invites_today");
        world.wait(Duration::from_secs(24 * 3600));
        assert!(!too_soon(&world, &ada, pet, &bob).await);
        invite(&world, &ada, one_more, &cem, "caretaker").await;
    }

    async fn strangers_leave_room_for_friends(world: World) {
        let [ada, bob, eve, cem] = world.people(["ada", "bob", "eve", "cem"]).await;
        befriend(&world, &cem, &bob).await;
        let pets = &world.store.pets;
        let new = || of::<NewKeeper>(json!({"user_id": bob.id, "role": "caretaker"}));
        // Within some days, because one stranger invites the same person only so often in a day.
        for n in 0..50 {
            let pet = make(&world, &eve, json!({})).await.id;
            if n % 20 == 0 {
                world.wait(Duration::from_secs(24 * 3600));
            }
            pets.invite(&world.ctx(&eve), pet, new()).await.unwrap();
        }
        for stranger in [&eve, &ada] {
            let pet = make(&world, stranger, json!({})).await.id;
            assert_eq!(code(pets.invite(&world.ctx(stranger), pet, new()).await), "pet.invitations");
        }
        let pet = make(&world, &cem, json!({})).await.id;
        pets.invite(&world.ctx(&cem), pet, new()).await.expect("a friend");
        world.changes().await;
    }

    async fn a_stranger_invites_the_same_person_only_so_often(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        for n in 0..21 {
            let pet = make(&world, &ada, json!({})).await.id;
            assert_eq!(too_soon(&world, &ada, pet, &bob).await, n == 20, "{n}");
            world.store.pets.delete(&world.ctx(&ada), pet, None).await.unwrap();
        }
        world.changes().await;
    }

    async fn an_invitation_ends_after_a_month(world: World) {
        let [ada, bob, cem] = world.people(["ada", "bob", "cem"]).await;
        let pets = &world.store.pets;
        let pet = make(&world, &ada, json!({"visibility": "private"})).await.id;
        invite(&world, &ada, pet, &bob, "co_owner").await;
        invite(&world, &ada, pet, &cem, "co_owner").await;
        pets.answer(&world.ctx(&cem), pet, reply("accept")).await.unwrap();
        world.wait(OPEN_FOR - Duration::from_secs(60));
        sweep(&world).await;
        world.changes().await;
        assert_eq!(open(&world, &bob).await, 1);
        assert!(sees(&world, &bob, pet).await);
        world.wait(Duration::from_secs(60));
        // It is over before anybody has noticed.
        assert_eq!(open(&world, &bob).await, 0);
        assert!(!sees(&world, &bob, pet).await);
        assert_eq!(code(pets.answer(&world.ctx(&bob), pet, reply("accept")).await), "pet.unknown");
        assert_eq!(code(pets.remove(&world.ctx(&ada), pet, bob.id).await), "pet.keeper_unknown");
        assert_eq!(pets.keepers(&world.ctx(&ada), pet, PageRequest::default()).await.unwrap().items.len(), 2);
        sweep(&world).await;
        assert_eq!(told(&world).await, each("pet.keeper_removed", &[&ada, &bob, &cem]));
        assert_eq!(count(&world, "pet_keepers"), 2);
        assert_eq!(pets.pet(&world.ctx(&cem), pet).await.unwrap().my_role, MyRole::CoOwner, "who keeps it goes on");
        // One that nobody has noticed is not in the way of the next.
        invite(&world, &ada, pet, &bob, "caretaker").await;
        world.wait(OPEN_FOR);
        invite(&world, &ada, pet, &bob, "caretaker").await;
        pets.answer(&world.ctx(&bob), pet, reply("accept")).await.unwrap();
    }

    async fn the_erased_leave_no_trace_of_invitations(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let pet = make(&world, &ada, json!({})).await.id;
        invite(&world, &ada, pet, &bob, "caretaker").await;
        world.store.pets.answer(&world.ctx(&bob), pet, reply("decline")).await.unwrap();
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(count(&world, "pet_attempts"), 0);
    }
}
