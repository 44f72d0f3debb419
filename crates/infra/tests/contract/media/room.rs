//! Uploads at the same time take no more room than there is.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;
use clowder_core::{Ctx, Result};
use clowder_infra::Store;
use clowder_media::{File, policy::Limits};
use clowder_tests::until;
use futures_util::poll;

use super::{new, objects, purge_with, used};
use crate::world::{World, code, on_both};

/// Uploads so many pieces, and counts the octets that are in the store meanwhile.
async fn upload(
    node: &Store,
    ctx: &Ctx,
    mark: u8,
    pieces: usize,
    stored: &AtomicI64,
    most: &AtomicI64,
) -> Result<File> {
    let mut arriving = node.media.begin_upload(ctx, new("a")).await?;
    let mut mine = 0;
    for piece in 0..pieces {
        if let Err(error) = arriving.write(Bytes::from(vec![mark; PIECE])).await {
            // Before its room is free for others.
            stored.fetch_sub(mine, Ordering::SeqCst);
            return arriving.abort().await.and(Err(error));
        }
        mine += PIECE as i64;
        let now = stored.fetch_add(PIECE as i64, Ordering::SeqCst) + PIECE as i64;
        most.fetch_max(now, Ordering::SeqCst);
        if piece % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    arriving.finish().await
}

const PIECE: usize = 30;

on_both! {
    async fn uploads_at_once_stay_within_the_room_of_the_server(world: World) {
        let people = world.people(["ada", "bob"]).await;
        let node = Arc::new(world.node_with(|options| {
            options.media.limits = Limits { server_octets: 1000, at_once: 20, ..Limits::default() };
        }).await);
        let (stored, most) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        let uploads = (0..12_u8).map(|mark| {
            let (node, stored, most) = (Arc::clone(&node), Arc::clone(&stored), Arc::clone(&most));
            let ctx = world.ctx(&people[usize::from(mark) % 2]);
            tokio::spawn(async move { upload(&node, &ctx, mark, 10, &stored, &most).await })
        });
        let mut kept = 0;
        for upload in uploads.collect::<Vec<_>>() {
            match upload.await.unwrap() {
                Ok(file) => kept += file.size,
                refused => assert_eq!(code(refused), "file.server_full"),
            }
        }
        assert!(kept <= 900 && most.load(Ordering::SeqCst) <= 1000, "{kept} {most:?}");
        assert_eq!(stored.load(Ordering::SeqCst), kept);
        let counted = format!("UPDATE file_totals SET octets = octets WHERE octets = {kept}");
        assert_eq!(world.meddle(&counted).unwrap(), 1, "nothing is reserved any more");
        // What was refused leaves its room to others.
        purge_with(&world, &node).await;
        let pieces = usize::try_from(1000 - kept).unwrap() / PIECE;
        upload(&node, &world.ctx(&people[0]), 77, pieces, &stored, &most).await.unwrap();
        world.changes().await;
    }

    async fn whoever_goes_away_while_an_upload_begins_takes_no_room(world: World) {
        let [ada] = world.people(["ada"]).await;
        let ctx = world.ctx(&ada);
        let mut begin = world.store.media.begin_upload(&ctx, new("a"));
        assert!(poll!(begin.as_mut()).is_pending());
        drop(begin);
        // Its row comes all the same, and goes at once, before any job looks for it.
        until("the upload has begun", async || objects(&world) == 1).await;
        until("it is forgotten", async || used(&world, &ada).await == (0, 0)).await;
        until("its row says when it goes", async || {
            world.meddle("UPDATE file_objects SET refs = refs WHERE refs = 0 AND reserved = 0").unwrap() == 1
        }).await;
        world.changes().await;
    }

    async fn an_upload_reserves_ahead_of_what_has_come(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let mib = 1 << 20;
        let node = world.node_with(|options| {
            options.media.limits = Limits { server_octets: 20 * mib, ..Limits::default() };
        }).await;
        let reserved = |octets: i64| {
            let is = format!("UPDATE file_totals SET octets = octets WHERE octets = {octets}");
            assert_eq!(world.meddle(&is).unwrap(), 1, "{octets}");
        };
        let mut first = node.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        reserved(8 * mib);
        first.write(Bytes::from_static(b"abc")).await.unwrap();
        reserved(8 * mib);
        let second = node.media.begin_upload(&world.ctx(&bob), new("b")).await.unwrap();
        reserved(16 * mib);
        // The last tenth is for what has come.
        let mut third = node.media.begin_upload(&world.ctx(&bob), new("c")).await.unwrap();
        reserved(16 * mib);
        third.write(Bytes::from_static(b"defg")).await.unwrap();
        reserved(16 * mib + 4);
        second.abort().await.unwrap();
        reserved(8 * mib + 4);
        first.finish().await.unwrap();
        third.finish().await.unwrap();
        reserved(7);
        assert_eq!((used(&world, &ada).await, used(&world, &bob).await), ((3, 1), (4, 1)));
        world.changes().await;
    }
}
