//! What the tests of all domains need to know about accounts.

use std::{sync::atomic::Ordering, time::Duration};

use clowder_accounts::{Registration, SessionPatch, model::ProfilePatch, usernames::KEPT_FOR};
use clowder_core::{Ctx, IdempotencyKey, PageRequest};
use serde_json::json;

use crate::{
    clock::refresh,
    copies::once,
    credentials::login,
    domains::Domain,
    stress::{NOTHING_TO_DO, PASSWORD, Performed, Scene, of},
    world::{Person, World, account},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Accounts::register",
        "Accounts::login",
        "Accounts::refresh",
        "Accounts::redeem",
        "Accounts::logout",
        "Accounts::logout_all",
        "Accounts::edit_me",
        "Accounts::name_session",
        "Accounts::end_other_sessions",
        "Accounts::end_session",
    ],
    reads: &[
        "Accounts::identify",
        "Accounts::is_ended",
        "Accounts::may_reach_others",
        "Accounts::me",
        "Accounts::sessions",
        "Accounts::ticket",
        "Accounts::ticket_holder",
    ],
    perform,
    ids: &["sessions.id", "users.avatar_id", "users.cover_id"],
    met: &[
        ("refresh token that was used twice", "audit WHERE action = 'token.reused'"),
        ("account that was made when its address was confirmed", "users WHERE email_verified_at = created_at"),
    ],
    ahead,
    repeats,
    lasts: &[
        ("sessions.expires_at", |options| options.accounts.refresh_for),
        ("users.erase_at", |options| options.privacy.erasure_after),
        ("username_claims.until", |_| KEPT_FOR),
    ],
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let ada = login(world, "ada", PASSWORD).await?;
        refresh(world, &world.nobody(), &ada.refresh).await?;
        let renamed = world.register("before").await;
        let patch = of::<ProfilePatch>(json!({"username": "afterwards"}));
        world.store.accounts.edit_me(&world.by(&renamed.access), None, patch).await?;
        Ok(())
    })
}

fn repeats<'a>(world: &'a World, _: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let call = || once(world.nobody(), "register");
        let first = world.store.accounts.register(&call(), account("ann")).await?.signed_in().unwrap();
        let patch = of::<ProfilePatch>(json!({"display_name": "Another name"}));
        world.store.accounts.edit_me(&world.by(&first.access), None, patch).await?;
        let again = world.store.accounts.register(&call(), account("ann")).await?.signed_in().unwrap();
        assert_eq!((&again.access, &again.refresh), (&first.access, &first.refresh), "the same tokens");
        assert_eq!(again.user.display_name, "Another name");
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, world, store, who, member, ctx, nobody, dice, .. } = scene;
        match write {
            "Accounts::register" => {
                let idempotency_key = Some(IdempotencyKey::new(stage.fresh("k"), [1; 32]));
                let ctx = Ctx { idempotency_key, ..nobody };
                let mut name = stage.fresh("guest");
                if dice.below(4) == 0 {
                    // Names that others want at the same time, and that look alike.
                    name = format!("guest{}", stage.count.load(Ordering::Relaxed) / 50);
                    name = if dice.below(2) == 0 { name.replace('1', "l") } else { name };
                }
                let (store, email) = match dice.below(3) {
                    // It never becomes an account, but only the holder of the address learns that.
                    0 => (&stage.stores[2], stage.address(dice).await?),
                    _ => (store, format!("{name}@example.org")),
                };
                let new = json!({"username": name, "email": email, "password": PASSWORD});
                if let Registration::SignedIn(new) = store.accounts.register(&ctx, of(new)).await? {
                    stage.others.lock().unwrap().push(new.user.id);
                    let actor = store.accounts.identify(&new.access, ctx.now)?.actor;
                    stage.newcomers.lock().unwrap().push((actor, email));
                }
            }
            "Accounts::login" => drop(stage.login(who).await?),
            "Accounts::refresh" if dice.below(2) == 0 => {
                // Somebody presents a token whose successor has been used, twice at once.
                let first = stage.login(who).await?.refresh;
                let second = stage.refresh(store, &nobody, &first).await?.refresh;
                stage.refresh(store, &nobody, &second).await?;
                let late = Ctx { now: world.now().plus(Duration::from_secs(60)), ..nobody };
                let other = &stage.stores[dice.below(3)];
                let both = tokio::join!(stage.refresh(store, &late, &first), stage.refresh(other, &late, &first));
                for refreshed in [both.0, both.1] {
                    refreshed.map(drop).or_else(|error| if error.is_ours() { Err(error) } else { Ok(()) })?;
                }
                stage.login(who).await?;
            }
            "Accounts::refresh" => {
                let token = member.refresh.lock().unwrap().clone();
                *member.refresh.lock().unwrap() = stage.refresh(store, &nobody, &token).await?.refresh;
            }
            "Accounts::redeem" => {
                let access = member.access.lock().unwrap().clone();
                let ticket = store.accounts.ticket(&ctx, &access).await?;
                store.accounts.redeem(&ctx, &ticket.ticket).await?;
            }
            "Accounts::logout" => {
                store.accounts.logout(&ctx).await?;
                stage.login(who).await?;
            }
            "Accounts::logout_all" => {
                store.accounts.logout_all(&ctx, false).await?;
                stage.login(who).await?;
            }
            "Accounts::edit_me" => {
                let patch = of::<ProfilePatch>(json!({"bio": stage.fresh("bio")}));
                store.accounts.edit_me(&ctx, None, patch).await?;
            }
            "Accounts::name_session" => {
                let name = of::<SessionPatch>(json!({"name": stage.fresh("phone")}));
                store.accounts.name_session(&ctx, ctx.session()?, name).await?;
            }
            "Accounts::end_other_sessions" => store.accounts.end_other_sessions(&ctx).await?,
            "Accounts::end_session" => {
                let sessions = store.accounts.sessions(&ctx, PageRequest::default()).await?;
                let session = sessions.items.into_iter().next_back().ok_or(NOTHING_TO_DO)?;
                store.accounts.end_session(&ctx, session.id).await?;
                stage.login(who).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
