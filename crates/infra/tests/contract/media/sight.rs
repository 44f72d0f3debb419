//! Who sees what of files: their names, whose they are, and what ends the sight of them.

use std::time::Duration;

use bytes::Bytes;
use clowder_core::{Actor, Ctx, FileId, Role, Via};
use clowder_media::{NewFile, Purpose, sniff::sniff};
use clowder_messaging::{NewMessage, moderation::NewFilter, relations::NewForward};
use clowder_social::groups::NewGroup;
use serde_json::json;

use super::{PNG, new, picture, put, upload};
use crate::{
    copies::once,
    privacy::{system, work},
    reports::domain::moderator,
    stress::of,
    world::{Person, World, code, on_both},
};

/// A moderator who has signed in as one.
async fn staff(world: &World, name: &str) -> Person {
    let mut person = moderator(world, name).await;
    if let Actor::User { role, .. } = &mut person.actor {
        *role = Role::Moderator;
    }
    person
}

/// The token of an address that this caller makes.
async fn address(world: &World, ctx: &Ctx, file: FileId) -> String {
    let made = world.store.media.link_file(ctx, file, of(json!({}))).await.unwrap();
    made.url.split_once("token=").unwrap().1.to_owned()
}

/// Whether an address still leads to the file.
async fn opens(world: &World, file: FileId, token: &str) -> bool {
    match world.store.media.linked_content(&world.nobody(), file, token).await {
        Ok(_) => true,
        refused => {
            assert_eq!(code(refused), "file.link_invalid");
            false
        }
    }
}

on_both! {
    async fn nobody_learns_whose_file_it_is(world: World) {
        let [ada, bob, cat] = world.people(["ada", "bob", "cat"]).await;
        let (chat, other) = (world.group(&ada, &[&bob]).await.id, world.group(&bob, &[&cat]).await.id);
        let file = put(&world, &ada, "plan.txt", "a plan").await;
        let message = of::<NewMessage>(json!({"attachments": [file.id]}));
        let said = world.store.messaging.send(&world.ctx(&ada), chat, message).await.unwrap().into_inner();
        let forward = of::<NewForward>(json!({"chat_ids": [other]}));
        world.store.relations.forward(&world.ctx(&bob), said.id, forward).await.unwrap();
        let seen = async |who: &Person| world.store.media.file(&world.ctx(who), file.id).await.unwrap();
        assert_eq!((seen(&ada).await.uploaded_by, seen(&ada).await.name.as_str()), (Some(ada.id), "plan.txt"));
        for who in [&bob, &cat] {
            let seen = seen(who).await;
            assert_eq!((seen.uploaded_by, seen.name.as_str()), (None, "plan.txt"));
            assert!(!serde_json::to_string(&seen).unwrap().contains(&ada.id.to_string()));
        }
    }

    async fn a_picture_has_no_name_for_others(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let named = NewFile { name: "me in Turin.png".to_owned(), ..picture(Purpose::Group) };
        let face = upload(&world, &world.ctx(&ada), named, PNG).await.unwrap();
        let group = of::<NewGroup>(json!({"name": "Cooks", "avatar": face.id}));
        world.store.groups.create(&world.ctx(&ada), group).await.unwrap();
        let media = &world.store.media;
        for (who, name) in [(&ada, "me in Turin.png"), (&bob, "group.png")] {
            let ctx = world.ctx(who);
            assert_eq!(media.file(&ctx, face.id).await.unwrap().name, name);
            assert_eq!(media.content(&ctx, face.id).await.unwrap().name, name);
        }
        // Whoever sees it in a message, too, sees its name there.
        let chat = world.group(&ada, &[&bob]).await.id;
        let message = of::<NewMessage>(json!({"attachments": [face.id]}));
        world.store.messaging.send(&world.ctx(&ada), chat, message).await.unwrap();
        assert_eq!(media.file(&world.ctx(&bob), face.id).await.unwrap().name, "me in Turin.png");
    }

    async fn addresses_end_with_the_access_of_whoever_made_them(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let (file, his) = (put(&world, &ada, "a", "hers").await.id, put(&world, &bob, "b", "his").await.id);
        let keys = &world.store.api_keys;
        let bot = || of(json!({"name": "bot", "scopes": ["files:read"]}));
        let (one, two) = (keys.create_key(&world.ctx(&ada), bot()).await.unwrap(), keys.create_key(&world.ctx(&ada), bot()).await.unwrap());
        let by = |key| Ctx { actor: Actor::User { id: ada.id, via: Via::Key(key), role: Role::User }, ..world.ctx(&ada) };
        let (first, second) = (by(one.api_key.id), by(two.api_key.id));
        let [own, by_one, by_two] =
            [address(&world, &world.ctx(&ada), file).await, address(&world, &first, file).await, address(&world, &second, file).await];
        let others = address(&world, &world.ctx(&bob), his).await;
        for token in [&own, &by_one, &by_two] {
            assert!(opens(&world, file, token).await);
        }
        keys.revoke_key(&world.ctx(&ada), one.api_key.id).await.unwrap();
        assert!(!opens(&world, file, &by_one).await && opens(&world, file, &by_two).await && opens(&world, file, &own).await);
        world.store.accounts.logout_all(&world.ctx(&ada), false).await.unwrap();
        assert!(!opens(&world, file, &own).await && !opens(&world, file, &by_two).await);
        assert!(opens(&world, his, &others).await, "those of others stay");
        let again = address(&world, &second, file).await;
        assert!(opens(&world, file, &again).await);
        world.store.accounts.logout_all(&world.ctx(&ada), true).await.unwrap();
        assert!(!opens(&world, file, &again).await);
        // A token of nobody, and one for another person.
        assert!(!opens(&world, file, &others).await);
    }

    async fn moderators_of_the_server_see_the_files_that_its_filter_holds(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let boss = staff(&world, "boss").await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let filter = of::<NewFilter>(json!({"words": ["zqvirus"], "action": "hold", "reason": "spam"}));
        world.store.moderation.set_server_filter(&world.ctx(&boss), filter).await.unwrap();
        let (file, free) = (put(&world, &bob, "offer.txt", "an offer").await.id, put(&world, &bob, "b", "free").await.id);
        let message = of::<NewMessage>(json!({"content": "a zqvirus", "attachments": [file]}));
        assert_eq!(code(world.store.messaging.send(&world.ctx(&bob), chat, message).await), "message.held");
        let media = &world.store.media;
        assert_eq!(media.content(&world.ctx(&boss), file).await.unwrap().name, "offer.txt");
        assert_eq!(code(media.content(&world.ctx(&boss), free).await), "file.unknown");
        // What the server decides, the chat does not learn, and neither do programs of moderators.
        assert_eq!(code(media.content(&world.ctx(&ada), file).await), "file.unknown");
        let key = clowder_core::ApiKeyId::new(world.now());
        let program = Actor::User { id: boss.id, via: Via::Key(key), role: Role::Moderator };
        assert_eq!(code(media.content(&world.ctx(&boss).by(program), file).await), "file.unknown");
    }

    async fn one_upload_at_a_time_has_a_key(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let media = &world.store.media;
        let hers = || once(world.ctx(&ada), "upload");
        let mut arriving = media.begin_upload(&hers(), new("a")).await.unwrap();
        assert_eq!(code(media.begin_upload(&hers(), new("a")).await.map(drop)), "idempotency.running");
        // Another key, and the same key of somebody else, are other uploads.
        media.begin_upload(&once(world.ctx(&ada), "other"), new("a")).await.unwrap().abort().await.unwrap();
        media.begin_upload(&once(world.ctx(&bob), "upload"), new("a")).await.unwrap().abort().await.unwrap();
        arriving.write(Bytes::from("the same")).await.unwrap();
        let first = arriving.finish().await.unwrap();
        assert_eq!(upload(&world, &hers(), new("a"), b"the same").await.unwrap(), first);
        // One whose process has died does not count.
        std::mem::forget(media.begin_upload(&once(world.ctx(&ada), "dead"), new("b")).await.unwrap());
        assert_eq!(code(media.begin_upload(&once(world.ctx(&ada), "dead"), new("b")).await.map(drop)), "idempotency.running");
        world.wait(Duration::from_secs(3600));
        upload(&world, &once(world.ctx(&ada), "dead"), new("b"), b"alive").await.unwrap();
    }

    async fn only_a_video_has_a_poster(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let video = b"\0\0\0\x14ftypisom\0\0\x02\0isom".as_slice();
        assert_eq!(sniff(video).media_type, "video/mp4");
        let video = upload(&world, &world.ctx(&ada), new("a.mp4"), video).await.unwrap().id;
        let (text, his) = (put(&world, &ada, "a", "text").await.id, upload(&world, &world.ctx(&bob), new("b"), PNG).await.unwrap().id);
        // Without anybody who looks into it, a picture has no thumbnails.
        let bare = upload(&world, &world.ctx(&ada), new("c"), PNG).await.unwrap().id;
        let edit = async |who: &Person, file: FileId, poster: Option<FileId>| {
            world.store.media.edit_file(&world.ctx(who), file, of(json!({"poster_id": poster}))).await
        };
        let flaw = |refused: clowder_core::Result<clowder_media::File>| match refused {
            Err(clowder_core::Error::Invalid(errors)) => format!("{} {}", errors[0].pointer, errors[0].code),
            other => panic!("{other:?}"),
        };
        assert_eq!(code(edit(&ada, text, Some(bare)).await), "file.no_video");
        assert_eq!(code(edit(&bob, video, Some(his)).await), "file.unknown");
        for (poster, expected) in
            [(his, "no_file"), (FileId::new(world.now()), "no_file"), (bare, "unfit"), (text, "unfit"), (video, "unfit")]
        {
            assert_eq!(flaw(edit(&ada, video, Some(poster)).await), format!("/poster_id {expected}"));
        }
        world.changes().await;
        edit(&ada, video, None).await.unwrap();
        assert_eq!(edit(&ada, text, None).await.unwrap().poster_id, None);
        assert!(world.names().await.is_empty(), "nothing has changed");
    }

    async fn an_erasure_waits_for_a_forward(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&bob, &[]).await.id;
        let said = world.say(&bob, chat, "passed on").await;
        let file = put(&world, &ada, "zqplan.txt", "a plan").await.id;
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        // Somebody forwards it, and has not committed yet.
        let mut forward = world.transaction();
        if world.is_postgres() {
            forward.run(&format!("SELECT 1 FROM files WHERE id = '{file}' FOR KEY SHARE"));
        }
        forward.run(&format!(
            "INSERT INTO message_attachments (chat_id, seq, place, file_id, name, type, size) \
             VALUES ({}, {}, 0, {}, 'zqplan.txt', 'text/plain', 6)",
            world.literal(chat), said.seq, world.literal(file)
        ));
        let node = world.clone();
        let erasing = tokio::spawn(async move { work(&node, &node.store).await });
        world.until_somebody_waits().await;
        forward.commit();
        erasing.await.unwrap();
        assert_eq!(world.number("SELECT count(*) FROM files"), 0);
        assert_eq!(world.number("SELECT count(*) FROM message_attachments WHERE name IS NOT NULL"), 0, "of it, only its place is left");
    }
}
