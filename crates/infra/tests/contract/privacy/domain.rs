//! What the tests of all domains need to know about privacy.

use std::time::Duration;

use clowder_accounts::model::{Erasure, Fate};
use serde_json::json;

use crate::{
    credentials::{emails, login},
    domains::Domain,
    stress::{NOTHING_TO_DO, PASSWORD, Performed, Scene, Stage, of},
    world::World,
};

pub const DOMAIN: Domain = Domain {
    writes: &["Privacy::export", "Privacy::erase", "Privacy::undo_erasure", "Privacy::erase_user"],
    reads: &["Privacy::chunk", "Privacy::download", "Privacy::exports", "Privacy::one_export"],
    perform,
    ids: &[
        "erasures.id",
        "export_chunks.id",
        "export_files.object_id",
        "exports.id",
        "exports.link_id",
        "exports.run_id",
    ],
    ahead,
    lasts: &[
        ("erasures.erase_at", |options| options.privacy.erasure_after),
        ("exports.expires_at", |_| Duration::from_secs(7 * 24 * 3600)),
    ],
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let ada = login(world, "ada", PASSWORD).await?;
        let export = world.store.privacy.export(&world.by(&ada.access)).await?;
        emails(world).await;
        assert!(world.store.privacy.one_export(&world.by(&ada.access), export.id).await?.expires_at.is_some());
        let erasure = of::<Erasure>(json!({"password": PASSWORD}));
        world.store.privacy.erase(&world.by(&ada.access), erasure).await?;
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, ctx, dice, .. } = scene;
        match write {
            "Privacy::export" => drop(store.privacy.export(&ctx).await?),
            "Privacy::erase" | "Privacy::undo_erasure" => {
                // Administrators, too: if two step down at once, one stays.
                let who = dice.below(6);
                let wish = json!({"password": PASSWORD, "messages": "delete"});
                store.privacy.erase(&stage.ctx(who), of::<Erasure>(wish)).await?;
                stage.login(who).await?;
                store.privacy.undo_erasure(&stage.ctx(who)).await?;
            }
            "Privacy::erase_user" => {
                let guest = Stage::take(&stage.others).ok_or(NOTHING_TO_DO)?;
                store.privacy.erase_user(&stage.system(), guest, Some(Fate::Delete)).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
