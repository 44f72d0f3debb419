//! What the tests of all domains need to know about the care for files.

use bytes::Bytes;
use clowder_media::care::Cleaned;

use crate::{
    domains::Domain,
    media::{new, upload_to},
    stress::{NOTHING_TO_DO, Performed, Scene},
    world::World,
};

pub const DOMAIN: Domain = Domain {
    writes: &["FileCare::clean", "FileCare::note_cleaned", "FileCare::delete_quarantined"],
    reads: &[
        "FileCare::stored_amount",
        "FileCare::check_some",
        "FileCare::quarantined",
        // They write to the store and nothing else, and the other tests share one: tests of their own perform them.
        "FileCare::find_strays",
        "FileCare::empty_trash",
        "FileCare::copy_some",
    ],
    perform,
    ahead,
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let owner = world.person("keeper").await;
        // The second one leaves its bytes behind, which go at once.
        for _ in 0..2 {
            let mut arriving = world.store.media.begin_upload(&world.ctx(&owner), new("twice")).await?;
            arriving.write(Bytes::from_static(b"the same")).await?;
            arriving.finish().await?;
        }
        world.store.care.clean(&world.ctx(&owner), false).await.map(drop)
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { world, store, ctx, admin, dice, .. } = scene;
        match write {
            "FileCare::clean" => store.care.clean(&ctx, dice.below(2) == 0).await.map(drop),
            "FileCare::note_cleaned" => store.care.note_cleaned(&ctx, Cleaned::default()).await,
            "FileCare::delete_quarantined" => {
                let name = format!("bad {} {}", ctx.now.as_micros(), dice.below(1_000_000));
                let Ok(file) = upload_to(store, &ctx, new(&name), name.as_bytes()).await else {
                    return Err(NOTHING_TO_DO.into());
                };
                // As a scan would do.
                let found = format!(
                    "UPDATE file_objects SET status = 'quarantined' \
                     WHERE id = (SELECT object_id FROM files WHERE name = '{name}')"
                );
                world.meddle(&found).map_err(|_| NOTHING_TO_DO)?;
                match store.care.delete_quarantined(&admin, file.id).await {
                    // Another task of the same person was faster.
                    Err(error) if !error.is_ours() => Err(NOTHING_TO_DO.into()),
                    deleted => deleted,
                }
            }
            unknown => panic!("nobody performs {unknown}"),
        }
    })
}
