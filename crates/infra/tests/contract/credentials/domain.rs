//! What the tests of all domains need to know about credentials.

use std::{sync::atomic::Ordering, time::Duration};

use clowder_accounts::model::{ChangeEmail, ChangePassword, Forgot, Proof, Resend, ResetPassword};
use clowder_core::{Ctx, Result};
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{NOTHING_TO_DO, PASSWORD, Performed, Scene, of},
    world::{World, account, code},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Credentials::verify_email",
        "Credentials::resend",
        "Credentials::resend_to",
        "Credentials::change_email",
        "Credentials::forgot",
        "Credentials::reset",
        "Credentials::change_password",
    ],
    reads: &["Credentials::email_link"],
    perform,
    met: &[
        ("email that somebody at a place caused", "caused_emails"),
        ("email that tells somebody that their address is wanted", "mailed_tokens WHERE purpose = 'notice'"),
    ],
    ahead,
    lasts: &[("mailed_tokens.expires_at", |_| Duration::from_secs(24 * 3600))],
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let mut guest = world.nobody();
        guest.origin.address = Some([192, 0, 2, 1].into());
        let dave = world.store.accounts.register(&guest, account("dave")).await?.signed_in().unwrap();
        let change = of::<ChangePassword>(json!({"current_password": "wrong", "new_password": PASSWORD}));
        let ctx = Ctx { origin: guest.origin, ..world.by(&dave.access) };
        assert_eq!(code(world.store.credentials.change_password(&ctx, change).await), "password.wrong");
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, world, store, who, member, ctx, nobody, dice, .. } = scene;
        match write {
            "Credentials::verify_email" => {
                let mut confirmed: Result<()> = Err(NOTHING_TO_DO.into());
                for _ in 0..4 {
                    let Ok(token) = stage.token("verify") else { break };
                    let proof = of::<Proof>(json!({"token": token, "password": PASSWORD}));
                    match store.credentials.verify_email(&nobody, proof).await {
                        Err(error) if error.is_ours() => return Err(error),
                        Err(_) => {}
                        Ok(()) => confirmed = Ok(()),
                    }
                }
                confirmed?;
            }
            "Credentials::resend" => {
                let newcomer = stage.newcomer(dice).filter(|_| dice.below(2) == 0);
                let actor = match newcomer {
                    Some((newcomer, _)) => newcomer,
                    None => world.by(&world.register(&stage.fresh("waiting")).await.access).actor,
                };
                // When the address may get another email.
                let later = Duration::from_secs(61 * stage.count.fetch_add(1, Ordering::Relaxed));
                store.credentials.resend(&Ctx::new(actor, world.now().plus(later), "test")).await?;
            }
            "Credentials::resend_to" => {
                let resend = of::<Resend>(json!({"email": stage.address(dice).await?}));
                store.credentials.resend_to(&nobody, resend).await?;
            }
            "Credentials::change_email" => {
                // The holder of an unconfirmed address gets no more notices than emails of any other kind.
                let ctx = match stage.newcomer(dice).filter(|_| dice.below(2) == 0) {
                    Some((newcomer, _)) => Ctx::new(newcomer, world.now(), "test"),
                    None => ctx,
                };
                let email = match dice.below(2) {
                    0 => stage.address(dice).await?,
                    _ => format!("{}@example.com", stage.fresh(&member.name)),
                };
                let change = of::<ChangeEmail>(json!({"email": email, "password": PASSWORD}));
                store.credentials.change_email(&ctx, change).await?;
            }
            "Credentials::forgot" => {
                let forgot = of::<Forgot>(json!({"email": stage.address(dice).await?}));
                store.credentials.forgot(&nobody, forgot).await?;
            }
            "Credentials::reset" => {
                let reset = of::<ResetPassword>(json!({"token": stage.token("reset")?, "new_password": PASSWORD}));
                store.credentials.reset(&nobody, reset).await?;
                stage.login(who).await?;
            }
            "Credentials::change_password" => {
                let change = json!({"current_password": PASSWORD, "new_password": PASSWORD});
                store.credentials.change_password(&ctx, of::<ChangePassword>(change)).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
