//! What the tests of all domains need to know about idempotency.

use clowder_core::{Ctx, IdempotencyKey};

use crate::{
    domains::Domain,
    stress::Performed,
    world::{World, account},
};

pub const DOMAIN: Domain = Domain { ids: &["answers.id"], ahead, ..Domain::NONE };

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new("k", [1; 32])), ..world.nobody() };
        world.store.accounts.register(&ctx, account("bob")).await?;
        Ok(())
    })
}
