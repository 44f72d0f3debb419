//! Pictures of people, groups, chats and pets: who can set them, who sees them, and what becomes of them.

use clowder_accounts::ProfilePatch;
use clowder_core::{Error, FileId, PageRequest, Picture, Result};
use clowder_media::{FileFilter, Purpose};
use clowder_messaging::{ChatFilter, Window, chats::ChatPatch};
use clowder_social::{
    groups::{GroupPatch, NewGroup},
    pets::{NewPet, PetPatch},
};
use serde_json::{Value, json};

use super::{
    PNG,
    having::{exists, gets, tidy},
    new, picture, upload,
};
use crate::{
    exports::fetch,
    friends::befriend,
    privacy::{export, system, work},
    stress::of,
    world::{Person, World, code, on_both},
};

async fn put(world: &World, who: &Person, purpose: Purpose, mark: u8) -> FileId {
    let content = [PNG, &[mark]].concat();
    upload(world, &world.ctx(who), picture(purpose), &content).await.unwrap().id
}

/// Deletes a file, and lets its job take it from everything that has it.
async fn delete(world: &World, owner: &Person, file: FileId) {
    world.store.media.delete_file(&world.ctx(owner), file).await.unwrap();
    work(world, &world.store).await;
}

fn wrong<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    match result {
        Err(Error::Invalid(errors)) => {
            errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
        }
        other => panic!("not invalid: {other:?}"),
    }
}

async fn edit_me(world: &World, who: &Person, patch: Value) -> Result<clowder_accounts::Own> {
    world.store.accounts.edit_me(&world.ctx(who), None, of::<ProfilePatch>(patch)).await
}

async fn profile(world: &World, viewer: &Person, of: &Person) -> clowder_accounts::profiles::User {
    world.store.profiles.user(&world.ctx(viewer), of.id, None).await.unwrap().user
}

/// The names of what happened since the last look, in their order.
async fn told(world: &World) -> Vec<String> {
    world.changes().await.iter().map(|change| change.name.to_string()).collect()
}

on_both! {
    async fn a_person_has_an_avatar_and_a_cover(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let (face, wide) = (put(&world, &ada, Purpose::Avatar, b'1').await, put(&world, &ada, Purpose::Cover, b'2').await);
        assert!(!gets(&world, &bob, face).await, "it is attached to nothing");
        let own = edit_me(&world, &ada, json!({"avatar": face, "cover": wide})).await.unwrap();
        let shown = [face, wide].map(|file| Some(Picture::of(file)));
        assert_eq!(([own.avatar, own.cover], own.version), (shown, 2));
        let seen = profile(&world, &bob, &ada).await;
        assert_eq!([seen.avatar, seen.cover], shown);
        assert!(gets(&world, &bob, face).await && gets(&world, &bob, wide).await);
        // The same again is no change, and neither is another member.
        assert_eq!(edit_me(&world, &ada, json!({"avatar": face})).await.unwrap().version, 2);
        assert_eq!(edit_me(&world, &ada, json!({"bio": "counts"})).await.unwrap().avatar, shown[0]);
        // Cards in messages and chats show it.
        let chat = world.group(&ada, &[&bob]).await.id;
        let said = world.say(&ada, chat, "hi").await;
        assert_eq!(said.sender.avatar, shown[0]);
        let page = world.store.messaging.messages(&world.ctx(&bob), chat, Window::NEWEST, 9).await.unwrap();
        assert_eq!(page.items[0].sender.avatar, shown[0]);
        // For friends only, strangers see the card.
        edit_me(&world, &ada, json!({"visibility": "friends"})).await.unwrap();
        befriend(&world, &ada, &bob).await;
        let (friend, stranger) = (profile(&world, &bob, &ada).await, profile(&world, &eve, &ada).await);
        assert_eq!(([friend.avatar, friend.cover], [stranger.avatar, stranger.cover]), (shown, [shown[0], None]));
        assert_eq!([gets(&world, &bob, wide).await, gets(&world, &eve, face).await, gets(&world, &eve, wide).await], [true, true, false]);
        edit_me(&world, &ada, json!({"visibility": "private"})).await.unwrap();
        assert!(!gets(&world, &bob, face).await && !gets(&world, &bob, wide).await && gets(&world, &ada, face).await);
        edit_me(&world, &ada, json!({"visibility": "public"})).await.unwrap();
        world.store.blocks.block(&world.ctx(&ada), eve.id, of(json!({}))).await.unwrap();
        assert!(gets(&world, &bob, face).await && !gets(&world, &eve, face).await);
        // What is replaced or taken away goes; what something else still has stays.
        let other = put(&world, &ada, Purpose::Avatar, b'3').await;
        edit_me(&world, &ada, json!({"avatar": other, "cover": null})).await.unwrap();
        let seen = profile(&world, &bob, &ada).await;
        assert_eq!((seen.avatar, seen.cover), (Some(Picture::of(other)), None));
        assert!(!gets(&world, &bob, face).await);
        tidy(&world).await;
        let left = [face, wide, other];
        let left = [exists(&world, &ada, left[0]).await, exists(&world, &ada, left[1]).await, exists(&world, &ada, left[2]).await];
        assert_eq!(left, [false, false, true]);
    }

    async fn only_fitting_own_pictures_that_have_arrived(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let theirs = put(&world, &bob, Purpose::Avatar, b'1').await;
        let text = upload(&world, &world.ctx(&ada), new("note.txt"), b"a note").await.unwrap().id;
        let pet = put(&world, &ada, Purpose::Pet, b'2').await;
        let face = put(&world, &ada, Purpose::Avatar, b'3').await;
        for (given, flaw) in [(theirs, "no_file"), (FileId::new(world.now()), "no_file"), (text, "unfit"), (pet, "unfit")] {
            assert_eq!(wrong(edit_me(&world, &ada, json!({"avatar": given})).await), [format!("/avatar {flaw}")]);
        }
        let both = edit_me(&world, &ada, json!({"avatar": pet, "cover": face})).await;
        assert_eq!(wrong(both), ["/avatar unfit", "/cover unfit"]);
        let arriving = world.store.media.begin_upload(&world.ctx(&ada), picture(Purpose::Avatar)).await.unwrap();
        let all = world.store.media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap();
        let slow = all.items.iter().find(|file| file.size == 0).unwrap().id;
        assert_eq!(wrong(edit_me(&world, &ada, json!({"avatar": slow})).await), ["/avatar not_ready"]);
        arriving.abort().await.unwrap();
        for (status, flaw) in [("quarantined", Some("unusable")), ("failed", Some("unusable")), ("scanning", None)] {
            world.batch(&format!("UPDATE file_objects SET status = '{status}'"));
            let edited = edit_me(&world, &ada, json!({"avatar": face})).await;
            match flaw {
                Some(flaw) => assert_eq!(wrong(edited), [format!("/avatar {flaw}")]),
                None => assert_eq!(edited.unwrap().avatar, Some(Picture::of(face))),
            }
        }
        // What one has already may stay, whatever has become of it.
        world.batch("UPDATE file_objects SET status = 'failed'");
        edit_me(&world, &ada, json!({"avatar": face, "bio": "hi"})).await.unwrap();
    }

    async fn a_deleted_file_is_no_picture_any_more(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let face = put(&world, &ada, Purpose::Avatar, b'1').await;
        edit_me(&world, &ada, json!({"avatar": face})).await.unwrap();
        let group = world.store.groups.create(&world.ctx(&ada), of::<NewGroup>(json!({"name": "Cooks", "avatar": face}))).await;
        let group = group.unwrap();
        assert_eq!(group.avatar, Some(Picture::of(face)));
        let chat = world.store.messaging.chat(&world.ctx(&ada), group.chat_id.unwrap()).await.unwrap();
        assert_eq!(chat.avatar, group.avatar, "its chat shows it, too");
        let pet = json!({"name": "Minka", "species": "cat", "avatar": face, "photos": [face]});
        let pet = world.store.pets.create(&world.ctx(&ada), of::<NewPet>(pet)).await.unwrap();
        world.changes().await;
        delete(&world, &ada, face).await;
        let names = told(&world).await;
        for name in ["user.updated", "group.updated", "pet.updated"] {
            assert!(names.iter().any(|told| told == name), "{name} in {names:?}");
        }
        let seen = profile(&world, &bob, &ada).await;
        let group = world.store.groups.group(&world.ctx(&ada), group.id).await.unwrap();
        let chat = world.store.messaging.chat(&world.ctx(&ada), group.chat_id.unwrap()).await.unwrap();
        let pet = world.store.pets.pet(&world.ctx(&ada), pet.id).await.unwrap();
        assert_eq!((seen.avatar, group.avatar, chat.avatar, pet.avatar), (None, None, None, None));
        assert_eq!((pet.photos, pet.version), (Vec::new(), 2));
    }

    async fn whoever_edits_a_group_gives_it_pictures(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let groups = &world.store.groups;
        let new = json!({"name": "Gardeners", "visibility": "secret"});
        let group = groups.create(&world.ctx(&ada), of::<NewGroup>(new)).await.unwrap();
        let link = groups.invite(&world.ctx(&ada), group.id, of(json!({}))).await.unwrap();
        let link = clowder_social::groups::model::Code::new(link.code.unwrap());
        groups.join_by_code(&world.ctx(&bob), link).await.unwrap();
        let (face, wide) = (put(&world, &ada, Purpose::Group, b'1').await, put(&world, &ada, Purpose::Cover, b'2').await);
        let patch = || of::<GroupPatch>(json!({"avatar": face, "cover": wide}));
        assert_eq!(code(groups.edit(&world.ctx(&bob), group.id, None, patch()).await), "group.forbidden");
        let edited = groups.edit(&world.ctx(&ada), group.id, None, patch()).await.unwrap();
        let shown = [face, wide].map(|file| Some(Picture::of(file)));
        assert_eq!(([edited.avatar, edited.cover], edited.version), (shown, 2));
        assert_eq!(groups.edit(&world.ctx(&ada), group.id, None, patch()).await.unwrap().version, 2);
        for file in [face, wide] {
            assert!(gets(&world, &bob, file).await && !gets(&world, &eve, file).await);
        }
        // Its chat shows the avatar, and nobody sets another there.
        let chats = &world.store.messaging;
        let list = chats.chats(&world.ctx(&bob), ChatFilter::default(), PageRequest::default()).await.unwrap();
        assert_eq!(list.items[0].avatar, shown[0]);
        let (ctx, without) = (world.ctx(&ada), of::<ChatPatch>(json!({"avatar": null})));
        let refused = world.store.chats.edit_chat(&ctx, edited.chat_id.unwrap(), None, without);
        assert_eq!(code(refused.await), "chat.of_group");
        groups.leave(&world.ctx(&bob), group.id).await.unwrap();
        assert!(!gets(&world, &bob, face).await, "at once");
        let edited = groups.edit(&world.ctx(&ada), group.id, None, of::<GroupPatch>(json!({"cover": null}))).await.unwrap();
        assert_eq!((edited.avatar, edited.cover), (shown[0], None));
        groups.delete(&world.ctx(&ada), group.id, None).await.unwrap();
        work(&world, &world.store).await;
        tidy(&world).await;
        assert!(!exists(&world, &ada, face).await && !exists(&world, &ada, wide).await);
    }

    async fn whoever_may_change_the_title_of_a_chat_gives_it_a_picture(world: World) {
        let [ada, bob, eve] = world.people(["ada", "bob", "eve"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        let (face, his) = (put(&world, &ada, Purpose::Chat, b'1').await, put(&world, &bob, Purpose::Chat, b'2').await);
        let edit = async |who: &Person, patch: Value| {
            world.store.chats.edit_chat(&world.ctx(who), chat, None, of::<ChatPatch>(patch)).await
        };
        assert_eq!(code(edit(&bob, json!({"avatar": his})).await), "chat.forbidden");
        assert_eq!(wrong(edit(&ada, json!({"avatar": his})).await), ["/avatar no_file"]);
        let before = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        world.changes().await;
        let edited = edit(&ada, json!({"avatar": face})).await.unwrap();
        assert_eq!((edited.avatar, edited.version), (Some(Picture::of(face)), before.version + 1));
        let changes = world.changes().await;
        assert_eq!((changes.len(), &*changes[0].name), (1, "chat.updated"));
        assert!(changes[0].data.get().contains(&face.to_string()));
        let seen = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!(seen.avatar, edited.avatar);
        assert!(gets(&world, &bob, face).await && !gets(&world, &eve, face).await);
        edit(&ada, json!({"visibility": "public"})).await.unwrap();
        assert!(gets(&world, &eve, face).await);
        let entry = world.store.chats.directory(&world.ctx(&eve), Default::default(), PageRequest::default()).await.unwrap();
        assert_eq!(entry.items.iter().find(|entry| entry.id == chat).unwrap().avatar, edited.avatar);
        // Whoever gave it is not needed any more, unless the file goes with them.
        world.store.chats.delete_chat(&world.ctx(&ada), chat, None).await.unwrap();
        work(&world, &world.store).await;
        tidy(&world).await;
        assert!(!gets(&world, &eve, face).await && !exists(&world, &ada, face).await);
    }

    async fn owners_give_a_pet_photos_in_their_order(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let pets = &world.store.pets;
        let (one, two) = (put(&world, &ada, Purpose::Pet, b'1').await, put(&world, &ada, Purpose::Pet, b'2').await);
        let new = json!({"name": "Minka", "species": "cat", "avatar": one, "photos": [two, one]});
        let pet = pets.create(&world.ctx(&ada), of::<NewPet>(new)).await.unwrap();
        let photos = |files: &[FileId]| files.iter().copied().map(Picture::of).collect::<Vec<_>>();
        assert_eq!((pet.avatar, &pet.photos), (Some(Picture::of(one)), &photos(&[two, one])));
        assert_eq!(pets.pet(&world.ctx(&bob), pet.id).await.unwrap().photos, pet.photos);
        assert!(gets(&world, &bob, one).await && gets(&world, &bob, two).await);
        let edit = async |patch: Value| pets.edit(&world.ctx(&ada), pet.id, None, of::<PetPatch>(patch)).await;
        // Another order is a change.
        let edited = edit(json!({"photos": [one, two]})).await.unwrap();
        assert_eq!((edited.photos, edited.version), (photos(&[one, two]), 2));
        assert_eq!(edit(json!({"photos": [one, two]})).await.unwrap().version, 2);
        assert_eq!(wrong(edit(json!({"photos": [one, FileId::new(world.now())]})).await), ["/photos/1 no_file"]);
        let edited = edit(json!({"photos": [two], "avatar": null})).await.unwrap();
        assert_eq!((edited.avatar, edited.photos), (None, photos(&[two])));
        tidy(&world).await;
        assert!(!exists(&world, &ada, one).await && exists(&world, &ada, two).await);
        // A stranger who only may help to find it sees no photos.
        let face = put(&world, &ada, Purpose::Pet, b'3').await;
        edit(json!({"visibility": "friends", "avatar": face})).await.unwrap();
        assert!(!gets(&world, &bob, two).await && !gets(&world, &bob, face).await);
        pets.lose(&world.ctx(&ada), pet.id, None, of(json!({"text": "shy"}))).await.unwrap();
        let seen = pets.pet(&world.ctx(&bob), pet.id).await.unwrap();
        assert_eq!((seen.avatar, seen.photos), (Some(Picture::of(face)), Vec::new()));
        assert!(gets(&world, &bob, face).await && !gets(&world, &bob, two).await);
        pets.delete(&world.ctx(&ada), pet.id, None).await.unwrap();
        tidy(&world).await;
        assert!(!exists(&world, &ada, two).await && !exists(&world, &ada, face).await);
    }

    async fn pictures_are_exported_and_go_with_their_owner(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let face = put(&world, &ada, Purpose::Avatar, b'1').await;
        edit_me(&world, &ada, json!({"avatar": face})).await.unwrap();
        let chat = world.group(&bob, &[&ada]).await.id;
        world.store.participants.set_role(&world.ctx(&bob), chat, ada.id, of(json!({"role": "admin"}))).await.unwrap();
        let (ctx, with) = (world.ctx(&ada), of::<ChatPatch>(json!({"avatar": face})));
        let edited = world.store.chats.edit_chat(&ctx, chat, None, with);
        assert_eq!(edited.await.unwrap().avatar, Some(Picture::of(face)));
        let pet = json!({"name": "Minka", "species": "cat", "avatar": face, "photos": [face]});
        let pet = world.store.pets.create(&world.ctx(&ada), of::<NewPet>(pet)).await.unwrap();
        world.say(&ada, chat, "hi").await;
        let made = fetch(&world, &export(&world, &ada).await).await;
        let read = |file: &str| serde_json::from_str::<Value>(&made[file]).unwrap();
        assert_eq!(read("account.json")["avatar"]["file_id"], json!(face));
        assert_eq!(read("pets.json")[0]["photos"], json!([face]));
        world.store.privacy.erase_user(&system(&world), ada.id, None).await.unwrap();
        work(&world, &world.store).await;
        let chat = world.store.messaging.chat(&world.ctx(&bob), chat).await.unwrap();
        assert_eq!((chat.avatar, chat.last_message.unwrap().sender.avatar), (None, None));
        assert_eq!(code(world.store.pets.pet(&world.ctx(&bob), pet.id).await), "pet.unknown");
        let rest = world.everything().await;
        let rest: Vec<_> = rest.iter().filter(|change| change.data.get().contains(&face.to_string())).collect();
        assert!(rest.iter().all(|change| ["file.updated", "file.deleted"].contains(&&*change.name)), "{rest:?}");
    }

    async fn suspended_people_show_no_pictures(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let face = put(&world, &ada, Purpose::Avatar, b'1').await;
        edit_me(&world, &ada, json!({"avatar": face})).await.unwrap();
        assert!(gets(&world, &bob, face).await);
        world.batch("UPDATE users SET suspension_reason = 'spam', suspended_until = NULL WHERE avatar_id IS NOT NULL");
        assert!(!gets(&world, &bob, face).await);
    }
}
