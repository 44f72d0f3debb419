//! What the tests of all domains need to know about sign ups.

use std::time::Duration;

use clowder_accounts::{
    Registration,
    model::{NewImport, NewInvite, Rejection},
};
use clowder_core::{Ctx, IdempotencyKey, PageRequest};
use serde_json::json;

use crate::{
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, PASSWORD, Performed, Scene, Stage, of},
    world::{Person, World, account},
};

pub const DOMAIN: Domain = Domain {
    writes: &["SignUps::approve", "SignUps::reject", "SignUps::invite", "SignUps::revoke_invite", "SignUps::import"],
    reads: &["SignUps::invites", "SignUps::waiting"],
    perform,
    ids: &["invites.id", "sign_ups.id"],
    met: &[("sign-up that comes to nothing, for its address is taken", "sign_ups WHERE pretended = TRUE")],
    ahead,
    keeps,
    repeats,
    lasts: &[("sign_ups.expires_at", |_| Duration::from_secs(24 * 3600))],
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let silent = world.node_with(|options| options.sign_ups.reveal_taken = false).await;
        silent.accounts.register(&world.nobody(), account("eve")).await?;
        Ok(())
    })
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let new = of::<NewInvite>(json!({"note": "for a peculiar friend"}));
        world.store.sign_ups.invite(&world.ctx(ada), new).await.map(drop)
    })
}

/// An invitation that is revoked in between.
fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let new = || of::<NewInvite>(json!({"note": "for Dee"}));
        let invited = world.store.sign_ups.invite(&once(world.ctx(ada), "invite"), new()).await?;
        world.store.sign_ups.revoke_invite(&world.ctx(ada), invited.invite.id).await?;
        let again = world.store.sign_ups.invite(&once(world.ctx(ada), "invite"), new()).await?;
        assert_eq!((&again.code, again.invite.revoked_at.is_some()), (&invited.code, true));
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, admin, nobody, .. } = scene;
        match write {
            "SignUps::approve" | "SignUps::reject" => {
                let waiting = stage.stores[1].accounts.register(&nobody, account(&stage.fresh("waiting"))).await?;
                assert!(matches!(waiting, Registration::Waiting(_)));
                let sign_up = store.sign_ups.waiting(&admin, PageRequest::default()).await?.items.pop();
                let sign_up = sign_up.ok_or(NOTHING_TO_DO)?;
                if write == "SignUps::approve" {
                    store.sign_ups.approve(&admin, sign_up.id).await?;
                } else {
                    store.sign_ups.reject(&admin, sign_up.id, of::<Rejection>(json!({}))).await?;
                }
            }
            "SignUps::invite" => {
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(stage.fresh("k"), [1; 32])), ..admin };
                let invited = store.sign_ups.invite(&ctx, of::<NewInvite>(json!({"note": "x", "max_uses": 2}))).await?;
                stage.invites.lock().unwrap().push(invited.invite.id);
                let name = stage.fresh("invited");
                let email = format!("{name}@example.org");
                let new = json!({"username": name, "email": email, "password": PASSWORD, "invite": invited.code});
                store.accounts.register(&nobody, of(new)).await?;
            }
            "SignUps::revoke_invite" => {
                let invite = Stage::take(&stage.invites).ok_or(NOTHING_TO_DO)?;
                store.sign_ups.revoke_invite(&admin, invite).await?;
            }
            "SignUps::import" => {
                let name = stage.fresh("import");
                let hash = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy";
                let people = [&name, "imported"].map(|name| {
                    of::<NewImport>(
                        json!({"username": name, "email": format!("{name}@example.org"), "password_hash": hash}),
                    )
                });
                store.sign_ups.import(&stage.system(), people.into()).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
