//! What the tests of all domains need to know about preferences.

use clowder_accounts::model::SettingsPatch;
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Preferences::edit_settings"],
    reads: &["Preferences::settings"],
    perform,
    keeps,
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let patch = of::<SettingsPatch>(json!({"theme": "dark"}));
        world.store.preferences.edit_settings(&world.ctx(ada), None, patch).await.map(drop)
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, ctx, dice, .. } = scene;
        match write {
            "Preferences::edit_settings" => {
                let theme = ["dark", "light"][dice.below(2)];
                let patch = of::<SettingsPatch>(json!({"theme": theme}));
                store.preferences.edit_settings(&ctx, None, patch).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
