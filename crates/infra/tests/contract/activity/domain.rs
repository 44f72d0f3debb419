//! What the tests of all domains need to know about activity.

use clowder_accounts::model::SettingsPatch;
use serde_json::json;

use crate::{
    domains::Domain,
    readers::read_all,
    stress::{Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["ActivityLog::clear_activity"],
    reads: &["ActivityLog::activity"],
    perform,
    ahead: |world| {
        Box::pin(async move {
            let [one, other] = [world.person("busy").await, world.person("tidy").await];
            keeps(world, &one).await?;
            world.store.activity.clear_activity(&world.ctx(&other)).await
        })
    },
    keeps,
    ids: &["activity.id", "activity_clearings.epoch"],
    met: &[("item of what somebody did", "activity")],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let patch = of::<SettingsPatch>(json!({"theme": "light"}));
        world.store.preferences.edit_settings(&world.ctx(ada), None, patch).await?;
        read_all(&world.store, world).await;
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, ctx, .. } = scene;
        match write {
            "ActivityLog::clear_activity" => store.activity.clear_activity(&ctx).await,
            other => panic!("nobody performs {other}"),
        }
    })
}
