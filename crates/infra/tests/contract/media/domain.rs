//! What the tests of all domains need to know about files.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use clowder_accounts::ProfilePatch;
use clowder_core::{Ctx, Error, NewJob, PageRequest, Result};
use clowder_infra::Store;
use clowder_media::{Arriving, FileFilter, FileStatus, Purpose, resumable::Next};
use clowder_social::pets::{MyRole, PetFilter, PetPatch};
use clowder_tests::recorded::png;
use serde_json::json;

use super::{
    PNG,
    direct::announced,
    examining::{Guard, Here, do_once, taken},
    new, picture,
    reached::send,
    resumable::long,
    upload, upload_to,
};
use crate::{
    copies::once,
    domains::Domain,
    stress::{Dice, NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Files::begin_upload",
        "Files::begin_resumable",
        "Files::continue_resumable",
        "Files::end_resumable",
        "Files::begin_direct",
        "Files::complete_direct",
        "Files::edit_file",
        "Files::delete_file",
    ],
    reads: &[
        "Files::files",
        "Files::file",
        "Files::file_quota",
        "Files::resumable",
        "Files::content",
        "Files::thumbnail",
        "Files::public_picture",
        "Files::link_file",
        "Files::linked_content",
        "Files::read_content",
        // Performed with `begin_upload`, which gives it.
        "Arriving::write",
        "Arriving::finish",
        "Arriving::abort",
        // The same of `continue_resumable`.
        "Appending::write",
        "Appending::finish",
        "Appending::undo",
    ],
    perform,
    ahead,
    keeps,
    repeats,
    lasts: &[
        ("direct_uploads.expires_at", |_| Duration::from_secs(3600)),
        ("file_objects.arriving_until", |options| options.media.lease),
        ("file_objects.original_until", |_| Duration::from_secs(24 * 3600)),
        ("file_objects.purge_at", |_| Duration::from_secs(7 * 24 * 3600)),
        ("loose_files.due_at", |_| Duration::from_secs(24 * 3600)),
        ("resumable_uploads.expires_at", |options| options.media.resumable_for),
    ],
    ids: &[
        "direct_uploads.completed_by",
        "file_objects.id",
        "file_objects.claim_id",
        "files.id",
        "loose_files.file_id",
        "resumable_uploads.file_id",
        "resumable_uploads.writer",
        "file_links.link_id",
        "held_objects.file_id",
        "file_posters.poster_id",
    ],
    never: &[
        (
            "an object that counts other files than it has",
            "file_objects o WHERE o.refs <> (SELECT count(*) FROM files f WHERE f.object_id = o.id)",
        ),
        (
            "a file that nothing has, and at which nobody looks",
            "files f JOIN file_objects o ON o.id = f.object_id WHERE o.status <> 'uploading'
               AND NOT EXISTS (SELECT 1 FROM loose_files l WHERE l.file_id = f.id)
               AND NOT EXISTS (SELECT 1 FROM message_attachments a WHERE a.file_id = f.id)
               AND NOT EXISTS (SELECT 1 FROM users u WHERE f.id IN (u.avatar_id, u.cover_id))
               AND NOT EXISTS (SELECT 1 FROM groups g WHERE f.id IN (g.avatar_id, g.cover_id))
               AND NOT EXISTS (SELECT 1 FROM chats c WHERE c.avatar_id = f.id)
               AND NOT EXISTS (SELECT 1 FROM pets p WHERE p.avatar_id = f.id)
               AND NOT EXISTS (SELECT 1 FROM pet_photos p WHERE p.file_id = f.id)
               AND NOT EXISTS (SELECT 1 FROM report_files r WHERE r.file_id = f.id)
               AND NOT EXISTS (SELECT 1 FROM file_posters p WHERE p.poster_id = f.id)",
        ),
        ("an object without files that stays", "file_objects o WHERE o.refs = 0 AND o.purge_at IS NULL"),
        ("an object with files that goes", "file_objects o WHERE o.refs > 0 AND o.purge_at IS NOT NULL"),
        (
            "a file of somebody else's object",
            "files f JOIN file_objects o ON o.id = f.object_id WHERE o.owner_id IS NULL OR o.owner_id <> f.owner_id",
        ),
        (
            "other files than are counted",
            "file_usage u WHERE u.files <> (SELECT count(*) FROM files f WHERE f.owner_id = u.user_id)",
        ),
        (
            "other octets than are counted",
            "file_usage u WHERE u.octets <> (SELECT coalesce(sum(CASE WHEN o.clean_size > o.size THEN o.clean_size ELSE o.size END), 0) \
               FROM file_objects o WHERE o.owner_id = u.user_id AND o.refs > 0)",
        ),
        (
            "other octets or objects that wait to be purged than are counted",
            "file_usage u WHERE u.trash_octets <> (SELECT coalesce(sum(CASE WHEN o.clean_size > o.size THEN o.clean_size ELSE o.size END), 0) \
               FROM file_objects o \
               WHERE o.owner_id = u.user_id AND o.refs = 0) \
               OR u.trash_objects <> (SELECT count(*) FROM file_objects o WHERE o.owner_id = u.user_id AND o.refs = 0)",
        ),
        (
            "an upload that nobody gives up, or a file that counts as one",
            "file_objects o WHERE (o.status = 'uploading') <> (o.arriving_until IS NOT NULL OR o.refs > 0 \
               AND EXISTS (SELECT 1 FROM resumable_uploads r WHERE r.object_id = o.id))",
        ),
        (
            "a resumable upload that is a file, or longer than it will be",
            "resumable_uploads r JOIN file_objects o ON o.id = r.object_id \
               WHERE o.refs > 0 AND (o.status <> 'uploading' OR r.arrived > o.size)",
        ),
        (
            "room that is reserved for nothing",
            "file_objects o WHERE o.reserved <> 0 AND o.status <> 'uploading' AND o.owner_id IS NOT NULL",
        ),
        (
            "a complete file that waits for an upload",
            "direct_uploads d JOIN file_objects o ON o.id = d.object_id WHERE o.refs > 0 AND o.status <> 'uploading'",
        ),
        (
            "a file that nobody examines, or one that is examined and does not wait",
            "file_objects o WHERE (o.status = 'scanning') <> (o.scanning_since IS NOT NULL)",
        ),
        (
            "other octets or objects than are counted for the server",
            "file_totals t WHERE t.octets <> (SELECT coalesce(sum(CASE WHEN clean_size > size THEN clean_size ELSE size END \
               + reserved), 0) FROM file_objects) \
               OR t.objects <> (SELECT count(*) FROM file_objects)",
        ),
    ],
    ..Domain::NONE
};

fn ahead(world: &World) -> Performed<'_> {
    Box::pin(async move {
        let owner = world.person("uploader").await;
        // One that is attached to nothing, and one that goes.
        upload(world, &world.ctx(&owner), new("loose"), b"loose").await?;
        let file = upload(world, &world.ctx(&owner), new("ahead"), b"ahead").await?;
        world.store.media.delete_file(&world.ctx(&owner), file.id).await?;
        // Its process is killed.
        std::mem::forget(world.store.media.begin_upload(&world.ctx(&owner), new("arriving")).await?);
        world.store.media.begin_resumable(&world.ctx(&owner), long("later", 5)).await?;
        world.store.media.begin_direct(&world.ctx(&owner), announced(5)).await?;
        // One has been scanned, another one waits for it, and of a picture there is a copy.
        let node = world.node_with(|options| {
            options.media.scanner = Some(Arc::new(Guard::default()));
            options.media.examiner = Some(Arc::new(Here));
        });
        let node = node.await;
        let picture = png(9, 9, "a comment");
        for content in [b"scanned".as_slice(), &picture, b"waiting"] {
            let mut arriving = node.media.begin_upload(&world.ctx(&owner), new("a")).await?;
            arriving.write(Bytes::copy_from_slice(content)).await?;
            arriving.finish().await?;
            for job in taken(world, &node, "file.examine").await.into_iter().filter(|_| content != b"waiting") {
                do_once(world, &node, &job).await?;
            }
        }
        Ok(())
    })
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        upload(world, &world.ctx(ada), new("a peculiar name"), b"kept").await?;
        world.store.media.begin_resumable(&world.ctx(ada), long("a peculiar upload", 5)).await?;
        upload(world, &world.ctx(ada), new("another"), b"kept, too").await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let made = upload(world, &once(world.ctx(ada), "upload"), new("a"), b"the same").await?;
        let again = upload(world, &once(world.ctx(ada), "upload"), new("a"), b"the same").await?;
        assert_eq!(again, made);
        assert!(upload(world, &once(world.ctx(ada), "upload"), new("a"), b"another").await.is_err());
        assert!(upload(world, &once(world.ctx(ada), "upload"), new("b"), b"the same").await.is_err());
        let begin = async |name: &str, length| {
            world.store.media.begin_resumable(&once(world.ctx(ada), "resumable"), long(name, length)).await
        };
        let made = begin("b", 5).await?;
        assert_eq!(begin("b", 5).await?, made);
        assert!(begin("b", 6).await.is_err() && begin("c", 5).await.is_err());
        world.store.media.end_resumable(&world.ctx(ada), made.id).await?;
        let quota = world.store.media.file_quota(&world.ctx(ada)).await?;
        assert_eq!((quota.count, quota.bytes_used), (1, 8), "nothing is left of the others");
        let begin = async || world.store.media.begin_direct(&once(world.ctx(ada), "direct"), announced(5)).await;
        let begun = begin().await?;
        world.wait(Duration::from_secs(60));
        assert_eq!(begin().await?, begun);
        Ok(())
    })
}

/// A file of the member with one of a few contents.
async fn arrive(mut arriving: Box<dyn Arriving>, content: usize) -> Result<()> {
    arriving.write(Bytes::from(format!("content {content}"))).await?;
    arriving.finish().await.map(drop)
}

/// Uploads to the store a file of the member with one of a few contents.
async fn complete(store: &Store, ctx: &Ctx, content: usize) -> Result<()> {
    let content = format!("content {content}");
    let begun = store.media.begin_direct(ctx, announced(content.len())).await?;
    send(&begun, content.as_bytes());
    store.media.complete_direct(ctx, begun.id).await.map(drop)
}

/// A picture of the member, who takes the one before away, and of a pet of theirs.
async fn pictured(store: &Store, ctx: &Ctx, which: usize) -> Result<()> {
    let file = upload_to(store, ctx, picture(Purpose::Avatar), &[PNG, &[b'0' + which as u8]].concat()).await?;
    let patch = match which {
        0 => json!({"avatar": null}),
        _ => json!({"avatar": file.id}),
    };
    // Another task of the same person may delete it meanwhile.
    let done = |done: Result<()>| done.or_else(|error| matches!(error, Error::Invalid(_)).then_some(()).ok_or(error));
    done(store.accounts.edit_me(ctx, None, of::<ProfilePatch>(patch)).await.map(drop))?;
    let filter = PetFilter { mine: true, ..PetFilter::default() };
    let pets = store.pets.pets(ctx, filter, PageRequest::default()).await?.items;
    let Some(pet) = pets.iter().find(|pet| pet.my_role == MyRole::Owner) else { return Ok(()) };
    let patch = json!({"avatar": file.id, "photos": [file.id]});
    match store.pets.edit(ctx, pet.id, None, of::<PetPatch>(patch)).await {
        Err(Error::Refused(refusal)) if refusal.code.starts_with("pet.") => Ok(()),
        edited => done(edited.map(drop)),
    }
}

/// Goes on with some upload of the member, or begins one: to its end, to its middle, or not at all.
async fn resumed(store: &Store, ctx: &Ctx, dice: &mut Dice) -> Result<()> {
    let files = store.media.files(ctx, FileFilter::default(), PageRequest::default()).await?.items;
    let open = files.iter().find(|file| file.status == FileStatus::Uploading && file.size == 9);
    let id = match open {
        Some(open) => open.id,
        None => store.media.begin_resumable(ctx, long("stress", 9)).await?.id,
    };
    let upload = store.media.resumable(ctx, id).await?;
    let offset = usize::try_from(upload.offset).unwrap();
    let next = Next { offset: upload.offset.unsigned_abs(), whole: dice.below(4) == 0 };
    let mut part = store.media.continue_resumable(ctx, id, next).await?;
    let content = format!("content {}", dice.below(3));
    let until = if dice.below(3) == 0 { offset.max(4) } else { 9 };
    part.write(Bytes::from(content.as_bytes()[offset..until].to_vec())).await?;
    match dice.below(5) {
        0 => part.undo().await,
        // The client goes away.
        1 => {
            drop(part);
            Ok(())
        }
        _ => part.finish().await.map(drop),
    }
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, ctx, dice, .. } = scene;
        let outcome = match write {
            "Files::begin_upload" if dice.below(3) == 0 => pictured(store, &ctx, dice.below(4)).await,
            "Files::begin_upload" => match store.media.begin_upload(&ctx, new("stress")).await {
                Ok(arriving) if dice.below(4) == 0 => arriving.abort().await,
                Ok(arriving) => arrive(arriving, dice.below(3)).await,
                Err(error) => Err(error),
            },
            "Files::begin_resumable" => store.media.begin_resumable(&ctx, long("stress", 9)).await.map(drop),
            "Files::continue_resumable" => resumed(store, &ctx, dice).await,
            "Files::end_resumable" => {
                let files = store.media.files(&ctx, FileFilter::default(), PageRequest::default()).await?.items;
                let open = files.iter().find(|file| file.status == FileStatus::Uploading && file.size == 9);
                let Some(open) = open else { return Err(NOTHING_TO_DO.into()) };
                store.media.end_resumable(&ctx, open.id).await
            }
            "Files::edit_file" => {
                let files = store.media.files(&ctx, FileFilter::default(), PageRequest::default()).await?.items;
                let Some(file) = files.get(dice.below(files.len().max(1))) else { return Err(NOTHING_TO_DO.into()) };
                let poster = json!({"poster_id": (dice.below(2) == 0).then_some(file.id)});
                store.media.edit_file(&ctx, file.id, of(poster)).await.map(drop)
            }
            "Files::begin_direct" => match store.media.begin_direct(&ctx, announced(9)).await {
                Ok(begun) => {
                    send(&begun, b"content 1");
                    // Or else there would soon be as many as fit.
                    if dice.below(3) > 0 { store.media.delete_file(&ctx, begun.id).await } else { Ok(()) }
                }
                Err(error) => Err(error),
            },
            "Files::complete_direct" if dice.below(2) == 0 => complete(store, &ctx, dice.below(3)).await,
            "Files::complete_direct" => {
                let files = store.media.files(&ctx, FileFilter::default(), PageRequest::default()).await?.items;
                match files.iter().find(|file| file.status == FileStatus::Uploading && file.size == 0) {
                    Some(file) => store.media.complete_direct(&ctx, file.id).await.map(drop),
                    None => Err(NOTHING_TO_DO.into()),
                }
            }
            "Files::delete_file" => {
                let files = store.media.files(&ctx, FileFilter::default(), PageRequest::default()).await?.items;
                // Messages have the newest ones.
                let some = if dice.below(2) == 0 { files.len() } else { files.len().min(2) };
                let Some(file) = files.get(dice.below(some.max(1))) else { return Err(NOTHING_TO_DO.into()) };
                // As its hour comes, every now and then.
                let job = NewJob {
                    kind: "file.tidy",
                    payload: b"{}".to_vec(),
                    run_at: ctx.now,
                    key: None,
                    subject: None,
                    recipient: None,
                };
                for kind in ["file.requeue", "file.rescan", "file.report"] {
                    store.jobs.order(&ctx, NewJob { kind, ..job.clone() }).await?;
                }
                store.jobs.order(&ctx, job).await?;
                store.media.delete_file(&ctx, file.id).await
            }
            unknown => panic!("nobody performs {unknown}"),
        };
        match outcome {
            // Another task of the same person was faster, or has as many uploads as fit.
            Err(error) if error.refusal().is_some_and(|refusal| refusal.code.starts_with("file.")) => {
                Err(NOTHING_TO_DO.into())
            }
            outcome => outcome,
        }
    })
}
