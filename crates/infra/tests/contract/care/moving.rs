//! Files are copied to another store while servers run, and none is ever without its bytes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use clowder_infra::{Store, blobs::Both};
use clowder_media::{
    Blobs, Content, Purpose,
    care::{Amount, Fault, Wrong},
};
use clowder_tests::recorded::png;
use futures_util::TryStreamExt;

use super::{Shelf, faults, key, names, node, shelf, wrapped::Wrapped, write, wrong};
use crate::{
    media::{
        examining::{examiner, put, run},
        new, upload_to,
    },
    privacy::{system, work},
    world::{World, on_both},
};

type Stores = (Arc<dyn Blobs>, Arc<dyn Blobs>);

/// Walks through all rows.
async fn copy(world: &World, node: &Store, between: &Stores, hashes: bool) -> (Amount, Vec<Fault>) {
    let (mut copied, mut faults, mut after) = (Amount::default(), Vec::new(), None);
    loop {
        let some = node.care.copy_some(&system(world), between.clone(), after, hashes).await.unwrap();
        copied += some.copied;
        faults.extend(some.faults);
        after = some.next;
        if after.is_none() {
            return (copied, faults);
        }
    }
}

fn between(from: &Shelf, to: &Shelf) -> Stores {
    (Arc::clone(&from.blobs), Arc::clone(&to.blobs))
}

/// A node that reads from both.
async fn with_both(world: &World, main: &Shelf, other: &Shelf) -> Store {
    let both = Arc::new(Both::new(Arc::clone(&main.blobs), Arc::clone(&other.blobs)));
    world.node_with(|options| options.media.blobs = Some(both)).await
}

on_both! {
    async fn everything_is_copied_once_and_compared(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (old, new_one) = (shelf(), shelf());
        let blobs = Arc::clone(&old.blobs);
        let node = world.node_with(|options| {
            options.media.blobs = Some(blobs);
            options.media.examiner = Some(examiner());
        }).await;
        let mut keys = Vec::new();
        for content in ["first", "second", "third"] {
            let file = upload_to(&node, &world.ctx(&ada), new("a"), content.as_bytes()).await.unwrap();
            keys.push(key(&world, &node, &ada, &file).await);
        }
        put(&world, &node, &ada, Purpose::Attachment, &png(300, 200, "zqplace")).await;
        let gone = upload_to(&node, &world.ctx(&ada), new("a"), b"deleted").await.unwrap();
        work(&world, &node).await;
        node.media.delete_file(&world.ctx(&ada), gone.id).await.unwrap();
        let stores = between(&old, &new_one);
        let (copied, faults_found) = copy(&world, &node, &stores, false).await;
        // Three texts, a picture, and four thumbnails in two formats.
        assert_eq!((copied.count, faults_found), (12, vec![]));
        assert_eq!(names(&*new_one.blobs, "").await.len(), 12);
        assert_eq!(copy(&world, &node, &stores, true).await, (Amount::default(), vec![]), "it is there already");
        let moved = super::node(&world, &new_one).await;
        assert_eq!(faults(&world, &moved, true).await, []);

        // What an earlier run has left there and is not right is copied again.
        write(&*new_one.blobs, keys[0].as_str(), b"fir").await;
        write(&*new_one.blobs, keys[1].as_str(), b"SECOND").await;
        assert_eq!(copy(&world, &node, &stores, false).await, (Amount::of(5), vec![]));
        assert_eq!(copy(&world, &node, &stores, true).await, (Amount::of(6), vec![]));
        assert_eq!(faults(&world, &moved, true).await, []);

        // What is not as the database says is not copied, but named.
        for key in &keys {
            new_one.blobs.delete(key).await.unwrap();
        }
        old.blobs.delete(&keys[0]).await.unwrap();
        write(&*old.blobs, keys[1].as_str(), b"SECOND").await;
        let (copied, faults_found) = copy(&world, &node, &stores, false).await;
        assert_eq!(copied, Amount::of(5));
        let found: BTreeMap<String, Wrong> = wrong(&faults_found).into_iter().collect();
        let expected = [(keys[0].to_string(), Wrong::Missing), (keys[1].to_string(), Wrong::Content)];
        assert_eq!((faults_found.len(), found), (2, BTreeMap::from(expected)));
        assert!(new_one.blobs.head(&keys[1]).await.unwrap().is_none(), "half of the truth is not stored");
    }

    async fn what_is_deleted_while_it_is_copied_stays_nowhere(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (old, new_one) = (shelf(), shelf());
        let node = node(&world, &old).await;
        let file = upload_to(&node, &world.ctx(&ada), new("a"), b"secret").await.unwrap();
        upload_to(&node, &world.ctx(&ada), new("a"), b"other").await.unwrap();
        let wrapped = Wrapped::new(&old.blobs);
        *wrapped.aside.while_reading.lock().unwrap() = {
            let (world, node, ctx) = (Arc::clone(&world), node.clone(), world.ctx(&ada));
            Some(Box::pin(async move {
                node.media.delete_file(&ctx, file.id).await.unwrap();
                world.wait(Duration::from_secs(8 * 24 * 3600));
                run(&world, &node, "file.purge").await;
            }))
        };
        let stores: Stores = (Arc::new(wrapped), Arc::clone(&new_one.blobs));
        let (_, faults_found) = copy(&world, &node, &stores, false).await;
        assert_eq!(faults_found, []);
        assert_eq!(names(&*new_one.blobs, "").await, names(&*old.blobs, "").await);
        assert_eq!(names(&*new_one.blobs, "").await.len(), 1);
    }

    async fn no_file_is_without_its_bytes_while_stores_are_exchanged(world: World) {
        let [ada] = world.people(["ada"]).await;
        let (old, new_one) = (shelf(), shelf());
        let before = node(&world, &old).await;
        let mut files = vec![upload_to(&before, &world.ctx(&ada), new("a"), b"before").await.unwrap()];
        // First all nodes read from both; some are still those of before.
        let first = with_both(&world, &old, &new_one).await;
        files.push(upload_to(&first, &world.ctx(&ada), new("a"), b"first").await.unwrap());
        files.push(upload_to(&before, &world.ctx(&ada), new("a"), b"at the same time").await.unwrap());
        let stores = between(&old, &new_one);
        assert_eq!(copy(&world, &first, &stores, false).await.0.count, 3);
        // Then new files go to the new store; some nodes are not there yet.
        let second = with_both(&world, &new_one, &old).await;
        for (node, content) in [(&first, "by the first"), (&second, "by the second")] {
            files.push(upload_to(node, &world.ctx(&ada), new("a"), content.as_bytes()).await.unwrap());
        }
        for node in [&first, &second] {
            for file in &files {
                let content = node.media.content(&world.ctx(&ada), file.id).await.unwrap();
                assert_eq!(read_at(node, &content).await.len() as i64, file.size);
                let part = node.media.read_content(&content, Some(1..3)).await.unwrap();
                assert_eq!(part.try_collect::<Vec<Bytes>>().await.unwrap().concat().len(), 2);
            }
            assert_eq!(faults(&world, node, true).await, []);
        }
        // What is deleted is deleted in both.
        let gone = files.remove(0);
        second.media.delete_file(&world.ctx(&ada), gone.id).await.unwrap();
        world.wait(Duration::from_secs(8 * 24 * 3600));
        run(&world, &second, "file.purge").await;
        assert_eq!((names(&*old.blobs, "").await.len(), names(&*new_one.blobs, "").await.len()), (3, 3));
        assert_eq!(copy(&world, &second, &stores, false).await.0.count, 1, "what arrived meanwhile");
        // Last, the old store goes.
        drop(old);
        let last = node(&world, &new_one).await;
        assert_eq!(faults(&world, &last, true).await, []);
        for file in &files {
            let content = last.media.content(&world.ctx(&ada), file.id).await.unwrap();
            assert_eq!(content.size, read_at(&last, &content).await.len() as u64);
        }
    }
}

async fn read_at(node: &Store, content: &Content) -> Vec<u8> {
    let pieces: Vec<Bytes> = node.media.read_content(content, None).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}
