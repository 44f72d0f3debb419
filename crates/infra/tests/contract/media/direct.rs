//! Uploads that go to the store without the server.

use std::{sync::Arc, time::Duration};

use clowder_core::{Ctx, PageRequest, Result};
use clowder_infra::{Store, blobs};
use clowder_media::{DirectUpload, File, FileFilter, FileId, FileStatus, NewDirectUpload, Purpose, policy::Limits};
use clowder_tests::recorded::png;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    objects, purge, purge_with,
    reached::{Reached, has_arrived, send},
    read, upload, used,
};
use crate::{
    privacy::work,
    stress::of,
    world::{Person, World, code, on_both},
};

/// Announces so many octets.
pub fn announced(size: usize) -> NewDirectUpload {
    of(json!({"name": "a", "size": size}))
}

async fn begin(store: &Store, ctx: &Ctx, new: Value) -> Result<DirectUpload> {
    store.media.begin_direct(ctx, of(new)).await
}

/// Announces something, uploads the content, and completes it.
async fn brought(world: &World, who: &Person, new: Value, content: &[u8]) -> Result<File> {
    let begun = begin(&world.store, &world.ctx(who), new).await?;
    send(&begun, content);
    world.store.media.complete_direct(&world.ctx(who), begun.id).await
}

async fn listed(world: &World, who: &Person) -> Vec<File> {
    world.store.media.files(&world.ctx(who), FileFilter::default(), PageRequest::default()).await.unwrap().items
}

fn hash(content: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(content))
}

on_both! {
    async fn what_has_arrived_is_a_file_when_it_is_complete(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let media = &world.store.media;
        let new = json!({"name": "../no\u{202e}te.txt", "size": 7, "sha256": hash(b"content")});
        let now = world.ctx(&ada);
        let begun = begin(&world.store, &now, new).await.unwrap();
        assert_eq!((begun.method.as_str(), begun.expires_at), ("PUT", now.now.plus(Duration::from_secs(3600))));
        assert_eq!(begun.headers[0].value, "7");
        let arriving = listed(&world, &ada).await;
        assert_eq!((arriving[0].id, arriving[0].status), (begun.id, FileStatus::Uploading));
        let complete = async |who: &Person| media.complete_direct(&world.ctx(who), begun.id).await;
        assert_eq!(code(complete(&ada).await), "file.not_ready");
        send(&begun, b"content");
        assert_eq!(code(media.content(&world.ctx(&ada), begun.id).await), "file.not_ready");
        assert_eq!(code(complete(&bob).await), "file.unknown");
        assert!(world.names().await.is_empty());
        let file = complete(&ada).await.unwrap();
        assert_eq!((file.id, file.name.as_str(), file.size), (begun.id, "note.txt", 7));
        assert_eq!((file.status, file.sha256), (FileStatus::Ready, Some(hash(b"content"))));
        assert_eq!(world.names().await, ["file.updated"]);
        assert_eq!(used(&world, &ada).await, (7, 1));

        // Whoever has the address can upload again, which changes nothing.
        send(&begun, b"another");
        let again = complete(&ada).await.unwrap();
        assert_eq!((again.id, again.status, again.size), (begun.id, FileStatus::Ready, 7));
        let content = media.content(&world.ctx(&ada), begun.id).await.unwrap();
        assert_eq!(read(&world, &content).await, b"content");
        assert_eq!(world.meddle("UPDATE direct_uploads SET claim = claim").unwrap(), 0);
        assert!(world.names().await.is_empty());

        // A file that came another way is complete, and one that comes another way ends by itself.
        let other = upload(&world, &world.ctx(&ada), super::new("b"), b"other").await.unwrap();
        assert_eq!(media.complete_direct(&world.ctx(&ada), other.id).await.unwrap(), other);
        let arriving = media.begin_upload(&world.ctx(&ada), super::new("c")).await.unwrap();
        let id = listed(&world, &ada).await[0].id;
        assert_eq!(code(media.complete_direct(&world.ctx(&ada), id).await), "file.not_ready");
        arriving.abort().await.unwrap();
        world.changes().await;
    }

    async fn the_same_content_is_stored_once_however_it_comes(world: World) {
        let [ada] = world.people(["ada"]).await;
        upload(&world, &world.ctx(&ada), super::new("a"), b"the same").await.unwrap();
        brought(&world, &ada, json!({"size": 8}), b"the same").await.unwrap();
        assert_eq!(used(&world, &ada).await, (8, 2));
        work(&world, &world.store).await;
        assert_eq!(objects(&world), 1);
        world.changes().await;
    }

    async fn what_is_not_what_was_announced_leaves_nothing(world: World) {
        let [ada] = world.people(["ada"]).await;
        for (new, content, refused) in [
            (json!({"size": 3}), b"four".as_slice(), "file.differs"),
            (json!({"size": 4}), b"", "file.differs"),
            (json!({"size": 4, "sha256": hash(b"five")}), b"four", "file.differs"),
            (json!({"size": 10, "purpose": "avatar"}), b"no picture", "file.type"),
            (json!({"size": 10, "type": "image/png"}), b"MZ\x90\0 a pro", "file.mismatch"),
            (json!({"size": 7}), b"\x7fELF\x02\x01\x01", "file.type"),
        ] {
            assert_eq!(code(brought(&world, &ada, new.clone(), content).await), refused, "{new}");
            assert_eq!(used(&world, &ada).await, (0, 0), "{new}");
        }
        let large = begin(&world.store, &world.ctx(&ada), json!({"size": (10 << 20) + 1, "purpose": "avatar"})).await;
        assert_eq!(code(large), "file.too_large");
        work(&world, &world.store).await;
        assert_eq!((objects(&world), world.names().await.len()), (0, 0), "no row, and nobody is told");
        let reserved = "UPDATE file_totals SET octets = octets WHERE octets = 0 AND objects = 0";
        assert_eq!(world.meddle(reserved).unwrap(), 1);
    }

    async fn an_upload_that_is_not_completed_is_forgotten_with_what_has_arrived(world: World) {
        let [ada] = world.people(["ada"]).await;
        let media = &world.store.media;
        let (one, two) = (
            begin(&world.store, &world.ctx(&ada), json!({"size": 3})).await.unwrap(),
            begin(&world.store, &world.ctx(&ada), json!({"size": 3})).await.unwrap(),
        );
        send(&one, b"one");
        send(&two, b"two");
        // After the end of the address there is still time for it, and one can be given up before.
        world.wait(Duration::from_secs(2 * 3600 - 60));
        purge(&world).await;
        media.delete_file(&world.ctx(&ada), two.id).await.unwrap();
        assert_eq!(used(&world, &ada).await, (0, 1));
        world.wait(Duration::from_secs(120));
        purge(&world).await;
        assert_eq!(code(media.complete_direct(&world.ctx(&ada), one.id).await), "file.unknown");
        assert!(!has_arrived(&one));
        world.wait(Duration::from_secs(3600));
        purge(&world).await;
        assert!(!has_arrived(&two));
        assert_eq!((used(&world, &ada).await, objects(&world)), ((0, 0), 0));
        assert_eq!(world.names().await, ["file.deleted"]);
    }

    async fn one_call_at_a_time_completes_an_upload(world: World) {
        let [ada] = world.people(["ada"]).await;
        let media = &world.store.media;
        let begun = begin(&world.store, &world.ctx(&ada), json!({"size": 7})).await.unwrap();
        send(&begun, b"content");
        // As if another call had it.
        assert_eq!(world.meddle("UPDATE direct_uploads SET completed_by = object_id").unwrap(), 1);
        assert_eq!(code(media.complete_direct(&world.ctx(&ada), begun.id).await), "file.not_ready");
        world.meddle("UPDATE direct_uploads SET completed_by = NULL").unwrap();
        let node = world.another_node().await;
        let ctx = world.ctx(&ada);
        let both = tokio::join!(media.complete_direct(&ctx, begun.id), node.media.complete_direct(&ctx, begun.id));
        let outcomes = [both.0, both.1].map(|outcome| outcome.map(|file| file.size));
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Ok(7))), "{outcomes:?}");
        for outcome in outcomes.into_iter().filter(Result::is_err) {
            assert_eq!(code(outcome), "file.not_ready");
        }
        assert_eq!(used(&world, &ada).await, (7, 1));
        assert_eq!(world.names().await, ["file.updated"]);
        assert!(!has_arrived(&begun));

        // The process of the call has died: what it may have written is written by nobody else.
        let begun = begin(&world.store, &world.ctx(&ada), json!({"size": 7})).await.unwrap();
        send(&begun, b"another");
        world.meddle("UPDATE direct_uploads SET completed_by = object_id").unwrap();
        world.meddle("UPDATE file_objects SET arriving_until = created_at WHERE arriving_until IS NOT NULL").unwrap();
        assert_eq!(code(media.complete_direct(&world.ctx(&ada), begun.id).await), "file.not_ready");
        purge(&world).await;
        assert_eq!(code(media.complete_direct(&world.ctx(&ada), begun.id).await), "file.unknown");
        assert_eq!((used(&world, &ada).await, has_arrived(&begun)), ((7, 1), false));
    }

    async fn while_the_store_is_away_nothing_is_lost(world: World) {
        let [ada] = world.people(["ada"]).await;
        let place = tempfile::tempdir().unwrap();
        let (root, away) = (place.path().join("media"), place.path().join("away"));
        let folder = blobs::open(&blobs::Place::Folder(root.clone()), None, place.path()).unwrap();
        let node = world.node_with(|options| options.media.blobs = Some(Arc::new(Reached(folder)))).await;
        let begun = begin(&node, &world.ctx(&ada), json!({"size": 7})).await.unwrap();
        send(&begun, b"content");
        std::fs::rename(&root, &away).unwrap();
        let refused = node.media.complete_direct(&world.ctx(&ada), begun.id).await.unwrap_err();
        assert!(refused.cause().is_some(), "{refused}");
        std::fs::rename(&away, &root).unwrap();
        // The time that is left is as long as before.
        world.wait(Duration::from_secs(3600));
        purge_with(&world, &node).await;
        assert_eq!(node.media.complete_direct(&world.ctx(&ada), begun.id).await.unwrap().size, 7);
        assert_eq!(world.names().await, ["file.updated"]);
    }

    async fn what_is_announced_is_reserved(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let node = world.node_with(|options| {
            options.media.limits = Limits { octets: 10, at_once: 3, server_octets: 15, ..Limits::default() };
        }).await;
        let announce = async |who: &Person, size: usize| {
            begin(&node, &world.ctx(who), json!({"size": size})).await.map(|begun| begun.id)
        };
        let first: FileId = announce(&ada, 6).await.unwrap();
        assert_eq!(code(announce(&ada, 5).await), "file.quota");
        announce(&ada, 4).await.unwrap();
        assert_eq!(code(announce(&ada, 1).await), "file.quota");
        assert_eq!(code(announce(&bob, 6).await), "file.server_full");
        announce(&bob, 5).await.unwrap();
        node.media.delete_file(&world.ctx(&ada), first).await.unwrap();
        announce(&ada, 6).await.unwrap();
        assert_eq!(code(announce(&ada, 1).await), "file.quota");
        world.changes().await;
    }

    async fn a_picture_is_examined_however_it_comes(world: World) {
        let [ada] = world.people(["ada"]).await;
        let node = super::examining::looking(&world).await;
        let content = png(3, 2, "zqplace");
        let new = json!({"size": content.len(), "purpose": "avatar", "type": "image/png"});
        let begun = begin(&node, &world.ctx(&ada), new).await.unwrap();
        send(&begun, &content);
        let file = node.media.complete_direct(&world.ctx(&ada), begun.id).await.unwrap();
        assert_eq!((file.status, file.purpose), (FileStatus::Scanning, Purpose::Avatar));
        work(&world, &node).await;
        let file = node.media.file(&world.ctx(&ada), begun.id).await.unwrap();
        assert_eq!((file.status, file.width), (FileStatus::Ready, Some(3)));
        world.changes().await;
    }
}
