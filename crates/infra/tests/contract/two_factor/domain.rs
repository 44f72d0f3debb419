//! What the tests of all domains need to know about two factor.

use clowder_accounts::two_factor::{Disabling, Enabling, Reauthentication};
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{NOTHING_TO_DO, PASSWORD, Performed, Scene, Stage, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "TwoFactor::setup",
        "TwoFactor::enable",
        "TwoFactor::disable",
        "TwoFactor::renew_codes",
        "TwoFactor::reauthenticate",
    ],
    perform,
    met: &[
        ("recovery code that was used", "audit WHERE action = 'recovery_code.used'"),
        ("second factor that was turned off by its owner", "audit WHERE action = 'two_factor.disabled'"),
    ],
    ahead,
    keeps,
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let tess = world.person("tess").await;
        world.store.two_factor.setup(&world.ctx(&tess)).await?;
        let wrong = of::<Enabling>(json!({"otp": "000000"}));
        assert!(world.store.two_factor.enable(&world.ctx(&tess), wrong).await.is_err());
        Ok(())
    })
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move { world.store.two_factor.setup(&world.ctx(ada)).await.map(drop) })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, who, member, ctx, .. } = scene;
        match write {
            "TwoFactor::setup" => drop(store.two_factor.setup(&ctx).await?),
            "TwoFactor::enable" => stage.enrol(store, who).await?,
            "TwoFactor::disable" => {
                stage.enrol(store, who).await?;
                let code = Stage::take(&member.codes).ok_or(NOTHING_TO_DO)?;
                let disabling = json!({"password": PASSWORD, "otp": code});
                store.two_factor.disable(&ctx, of::<Disabling>(disabling)).await?;
            }
            "TwoFactor::renew_codes" => {
                stage.enrol(store, who).await?;
                let renewed = store.two_factor.renew_codes(&ctx).await?;
                *member.codes.lock().unwrap() = renewed.recovery_codes;
            }
            "TwoFactor::reauthenticate" => {
                let again = json!({"password": PASSWORD, "otp": Stage::take(&member.codes)});
                store.two_factor.reauthenticate(&ctx, of::<Reauthentication>(again)).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
