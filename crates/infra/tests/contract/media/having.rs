//! Who has a file and who gets it, for the tests of all domains that have files.

use clowder_core::{FileId, NewJob, PageRequest};
use clowder_media::FileFilter;

use crate::{
    privacy::{system, work},
    world::{Person, World, code},
};

/// Whether somebody gets a file: what is known of it and its content, or neither.
pub async fn gets(world: &World, who: &Person, file: FileId) -> bool {
    let ctx = world.ctx(who);
    let (known, content) = (world.store.media.file(&ctx, file).await, world.store.media.content(&ctx, file).await);
    assert_eq!(known.is_ok(), content.is_ok(), "{known:?}");
    if content.is_err() {
        assert_eq!([code(known), code(content)], ["file.unknown", "file.unknown"]);
        return false;
    }
    true
}

/// Whether somebody still has a file of theirs.
pub async fn exists(world: &World, owner: &Person, file: FileId) -> bool {
    let mine = world.store.media.files(&world.ctx(owner), FileFilter::default(), PageRequest::default()).await.unwrap();
    mine.items.iter().any(|mine| mine.id == file)
}

/// Lets the job look that deletes what nothing has, and do all others.
pub async fn tidy(world: &World) {
    let (kind, payload, run_at) = ("file.tidy", b"{}".to_vec(), world.now());
    let job = NewJob { kind, payload, run_at, key: None, subject: None, recipient: None };
    world.store.jobs.order(&system(world), job).await.unwrap();
    work(world, &world.store).await;
}
