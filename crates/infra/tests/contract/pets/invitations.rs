//! How invitations to keep a pet end by themselves, and how often somebody can be invited.

use std::time::Duration;

use clowder_core::{Actor, Ctx, Error, PageRequest};
use clowder_social::pets::{
    MyRole, NewKeeper, PetId,
    policy::{AGAIN_AFTER, OPEN_FOR},
};
use serde_json::json;

use super::{count, each, invite, keep, make, reply, sees, told};
use crate::{
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

/// For how many days somebody cannot be invited.
async fn too_soon(world: &World, owner: &Person, pet: PetId, user: &Person) -> Option<u64> {
    let new = of::<NewKeeper>(json!({"user_id": user.id, "role": "co_owner"}));
    let ctx = world.ctx(owner);
    match world.store.pets.invite(&ctx, pet, new).await {
        Ok(_) => None,
        Err(Error::TooEarly { refusal, until }) => {
            assert_eq!(refusal.code, "pet.too_soon");
            Some(until.since(ctx.now).as_secs().div_ceil(24 * 3600))
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
        assert_eq!(too_soon(&world, &ada, pet, &bob).await, Some(7));
        invite(&world, &ada, other, &bob, "caretaker").await;
        invite(&world, &ada, pet, &cem, "caretaker").await;
        // What the owner withdraws was not declined; leaving an invitation is declining.
        pets.remove(&world.ctx(&ada), pet, cem.id).await.unwrap();
        invite(&world, &ada, pet, &cem, "caretaker").await;
        pets.remove(&world.ctx(&cem), pet, cem.id).await.unwrap();
        assert_eq!(too_soon(&world, &ada, pet, &cem).await, Some(7));
        // A keeper who leaves has not declined, and the pause is that of the pet, whoever owns it.
        pets.answer(&world.ctx(&bob), other, reply("accept")).await.unwrap();
        pets.remove(&world.ctx(&bob), other, bob.id).await.unwrap();
        keep(&world, &ada, other, &bob, "caretaker").await;
        world.wait(AGAIN_AFTER - Duration::from_secs(60));
        assert_eq!(too_soon(&world, &ada, pet, &bob).await, Some(1));
        sweep(&world).await;
        assert_eq!(count(&world, "pet_declines"), 2);
        world.wait(Duration::from_secs(60));
        assert_eq!(too_soon(&world, &ada, pet, &bob).await, None);
        sweep(&world).await;
        assert_eq!(count(&world, "pet_declines"), 0);
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

    async fn the_erased_leave_no_trace_of_declining(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let pet = make(&world, &ada, json!({})).await.id;
        invite(&world, &ada, pet, &bob, "caretaker").await;
        world.store.pets.answer(&world.ctx(&bob), pet, reply("decline")).await.unwrap();
        world.store.privacy.erase_user(&system(&world), bob.id, None).await.unwrap();
        work(&world, &world.store).await;
        assert_eq!(count(&world, "pet_declines"), 0);
    }
}
