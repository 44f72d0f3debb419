//! Whatever people attach, detach and delete, and whatever dies in between: what something has can be read, and in the end
//! nothing is left of everything else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use clowder_accounts::ProfilePatch;
use clowder_core::{ChatId, FileId, MessageId};
use clowder_infra::Store;
use clowder_media::{Purpose, care::Walk};
use clowder_messaging::{AttachmentStatus, MessagePatch, NewMessage};
use clowder_social::pets::{NewPet, PetId, PetPatch};
use futures_util::TryStreamExt;
use serde_json::json;

use super::{Shelf, faults, names, shelf, strays, wait_after_all, wrapped::Wrapped};
use crate::{
    media::{PNG, new, picture, upload_to},
    privacy::{system, work},
    stress::{Dice, of},
    world::{Person, World, on_both},
};

const HOUR: Duration = Duration::from_secs(3600);
/// How much one sequence does.
const STEPS: usize = 60;
/// How many messages and files it has at most, so that looking at all of them stays cheap.
const MANY: usize = 6;

/// What must be there.
#[derive(Default)]
struct Model {
    /// All files that were uploaded and not deleted by their owner, with their content. Those that nothing has may be gone.
    files: BTreeMap<FileId, Vec<u8>>,
    messages: BTreeMap<MessageId, Vec<FileId>>,
    avatar: Option<FileId>,
    /// Of a pet.
    photos: Vec<FileId>,
}

impl Model {
    fn held(&self) -> BTreeSet<FileId> {
        self.messages
            .values()
            .flatten()
            .chain(&self.avatar)
            .chain(&self.photos)
            .copied()
            .filter(|file| self.files.contains_key(file))
            .collect()
    }
}

struct Play<'w> {
    world: &'w World,
    node: Store,
    ada: Person,
    bob: Person,
    chat: ChatId,
    pet: PetId,
    dice: Dice,
    model: Model,
    /// Whether deletions in the store fail now and then.
    is_faulty: Arc<AtomicBool>,
}

impl Play<'_> {
    fn some<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[self.dice.below(all.len())]) }
    }

    async fn upload(&mut self) {
        if self.model.files.len() >= 2 * MANY {
            return;
        }
        let digit = b'0' + self.dice.below(4) as u8;
        let is_picture = self.dice.below(3) == 0;
        let content = if is_picture { [PNG, &[digit]].concat() } else { vec![b'a', digit] };
        let new = if is_picture { picture(Purpose::Avatar) } else { new("a") };
        let file = upload_to(&self.node, &self.world.ctx(&self.ada), new, &content).await.unwrap();
        self.model.files.insert(file.id, content);
    }

    /// An upload whose process dies.
    async fn die_uploading(&mut self) {
        let mut arriving = self.node.media.begin_upload(&self.world.ctx(&self.ada), new("dies")).await.unwrap();
        arriving.write(bytes::Bytes::from_static(b"half of it")).await.unwrap();
        std::mem::forget(arriving);
    }

    async fn send(&mut self) {
        let known: Vec<FileId> = self.model.files.keys().copied().collect();
        if self.model.messages.len() >= MANY {
            return;
        }
        let mut chosen = BTreeSet::new();
        for _ in 0..=self.dice.below(2) {
            chosen.extend(self.some(&known));
        }
        let chosen: Vec<FileId> = chosen.into_iter().collect();
        let message = of::<NewMessage>(json!({"content": "hi", "attachments": chosen}));
        match self.node.messaging.send(&self.world.ctx(&self.ada), self.chat, message).await {
            Ok(said) => drop(self.model.messages.insert(said.into_inner().id, chosen)),
            // One of them was attached to nothing for too long.
            Err(error) => assert!(format!("{error:?}").contains("no_file"), "{error:?}"),
        }
    }

    async fn take_from_message(&mut self) {
        let all: Vec<MessageId> = self.model.messages.keys().copied().collect();
        let Some(message) = self.some(&all) else { return };
        if self.dice.below(2) == 0 {
            self.node.messaging.delete(&self.world.ctx(&self.ada), message, None).await.unwrap();
            self.model.messages.remove(&message);
            return;
        }
        let known: Vec<FileId> = self.model.files.keys().copied().collect();
        let others: BTreeSet<FileId> = (0..self.dice.below(3)).filter_map(|_| self.some(&known)).collect();
        let others: Vec<FileId> = others.into_iter().collect();
        let patch = of::<MessagePatch>(json!({"attachments": others}));
        match self.node.messaging.edit(&self.world.ctx(&self.ada), message, None, patch).await {
            Ok(_) => drop(self.model.messages.insert(message, others)),
            Err(error) => assert!(format!("{error:?}").contains("no_file"), "{error:?}"),
        }
    }

    fn pictures(&self) -> Vec<FileId> {
        self.model.files.iter().filter(|(_, content)| content.starts_with(PNG)).map(|(file, _)| *file).collect()
    }

    async fn change_photos(&mut self) {
        let pictures = self.pictures();
        let chosen: BTreeSet<FileId> = (0..self.dice.below(3)).filter_map(|_| self.some(&pictures)).collect();
        let chosen: Vec<FileId> = chosen.into_iter().collect();
        let patch = of::<PetPatch>(json!({"photos": chosen}));
        match self.node.pets.edit(&self.world.ctx(&self.ada), self.pet, None, patch).await {
            Ok(_) => self.model.photos = chosen,
            Err(error) => assert!(format!("{error:?}").contains("no_file"), "{error:?}"),
        }
    }

    async fn change_avatar(&mut self) {
        let pictures = self.pictures();
        let avatar = if self.dice.below(3) == 0 { None } else { self.some(&pictures) };
        let patch = of::<ProfilePatch>(json!({"avatar": avatar}));
        match self.node.accounts.edit_me(&self.world.ctx(&self.ada), None, patch).await {
            Ok(_) => self.model.avatar = avatar,
            Err(error) => assert!(format!("{error:?}").contains("no_file"), "{error:?}"),
        }
    }

    async fn delete(&mut self) {
        let known: Vec<FileId> = self.model.files.keys().copied().collect();
        let Some(file) = self.some(&known) else { return };
        let deleted = self.node.media.delete_file(&self.world.ctx(&self.ada), file).await;
        let was_held = self.model.held().contains(&file);
        assert!(deleted.is_ok() || !was_held, "{deleted:?}");
        self.model.files.remove(&file);
        if self.model.avatar == Some(file) {
            self.model.avatar = None;
        }
        self.model.photos.retain(|photo| *photo != file);
    }

    /// Cleans up, and dies at some point of it.
    async fn clean_and_die(&mut self) {
        let (node, system) = (self.node.clone(), system(self.world));
        self.is_faulty.store(self.dice.below(2) == 0, Ordering::SeqCst);
        let mut cleaning = Box::pin(async move {
            let _ = node.care.clean(&system, false).await;
            let _ = node.care.empty_trash(&system, None, false).await;
            let mut walk = Some(Walk::default());
            while let Some(here) = walk {
                walk = node.care.find_strays(&system, here, true).await.map_or(None, |some| some.next);
            }
        });
        for _ in 0..self.dice.below(12) {
            if futures_util::poll!(&mut cleaning).is_ready() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(cleaning);
        self.is_faulty.store(false, Ordering::SeqCst);
    }

    async fn step(&mut self) {
        match self.dice.below(17) {
            0..=3 => self.upload().await,
            4..=6 => self.send().await,
            7..=8 => self.take_from_message().await,
            9 => self.change_avatar().await,
            10 => self.delete().await,
            11 => self.die_uploading().await,
            12 => self.world.wait(HOUR * [1, 20, 200][self.dice.below(3)]),
            13 => self.change_photos().await,
            14 => drop(work(self.world, &self.node).await),
            _ => self.clean_and_die().await,
        }
    }

    /// Everything that something has is there, whole, for everybody who sees it.
    async fn look(&self) {
        for (message, files) in &self.model.messages {
            let seen = self.node.messaging.message(&self.world.ctx(&self.bob), *message).await.unwrap();
            assert_eq!(seen.attachments.iter().map(|file| file.id).collect::<Vec<_>>(), *files);
            for file in &seen.attachments {
                let is_there = self.model.files.contains_key(&file.id);
                assert_eq!(file.status == AttachmentStatus::Ready, is_there, "{file:?}");
            }
        }
        // A job takes a file that its owner has deleted from the pet; until then it is shown, and nobody gets it.
        let pet = self.node.pets.pet(&self.world.ctx(&self.bob), self.pet).await.unwrap();
        let photos = pet.photos.iter().map(|photo| photo.file_id);
        let known: Vec<FileId> = photos.filter(|photo| self.model.files.contains_key(photo)).collect();
        assert_eq!(known, self.model.photos);
        for file in self.model.held() {
            let reader = if self.model.avatar == Some(file) { &self.ada } else { &self.bob };
            let content = self.node.media.content(&self.world.ctx(reader), file).await.unwrap();
            let octets: Vec<bytes::Bytes> =
                self.node.media.read_content(&content, None).await.unwrap().try_collect().await.unwrap();
            assert_eq!(octets.concat(), self.model.files[&file]);
        }
        assert_eq!(faults(self.world, &self.node, true).await, []);
    }
}

async fn play(world: &World, shelf: &Shelf, seed: u64) {
    let (is_faulty, calls) = (Arc::<AtomicBool>::default(), AtomicUsize::new(0));
    let mut wrapped = Wrapped::new(&shelf.blobs);
    let faulty = Arc::clone(&is_faulty);
    wrapped.aside.fails =
        Box::new(move || faulty.load(Ordering::SeqCst) && calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2));
    let node = world.node_with(|options| options.media.blobs = Some(Arc::new(wrapped))).await;
    let [ada, bob] = [format!("ada{seed}"), format!("bob{seed}")];
    let (ada, bob) = (world.person(&ada).await, world.person(&bob).await);
    let chat = world.group(&ada, &[&bob]).await.id;
    let new = of::<NewPet>(json!({"name": "Minka", "species": "cat"}));
    let pet = node.pets.create(&world.ctx(&ada), new).await.unwrap().id;
    let mut play = Play { world, node, ada, bob, chat, pet, dice: Dice(seed), model: Model::default(), is_faulty };
    for _ in 0..STEPS {
        play.step().await;
        play.look().await;
    }
    // In the end, everything else goes.
    for _ in 0..4 {
        world.wait(HOUR * 24 * 9);
        work(world, &play.node).await;
        let cleaned = play.node.care.clean(&system(world), false).await;
        cleaned.unwrap();
    }
    play.look().await;
    let held: BTreeSet<Vec<u8>> = play.model.held().iter().map(|file| play.model.files[file].clone()).collect();
    assert_eq!(names(&*shelf.blobs, "").await.len(), held.len(), "seed {seed}: each content that something has, once");
    wait_after_all(world, &*shelf.blobs, HOUR * 25).await;
    assert_eq!(strays(world, &play.node, false).await.1, []);
    // So that the next sequence begins with nothing.
    for file in play.model.held() {
        play.node.media.delete_file(&world.ctx(&play.ada), file).await.unwrap();
    }
    world.wait(HOUR * 24 * 9);
    work(world, &play.node).await;
    play.node.care.clean(&system(world), false).await.unwrap();
    assert!(names(&*shelf.blobs, "").await.is_empty());
}

on_both! {
    async fn nothing_that_something_has_is_ever_deleted(world: World) {
        let shelf = shelf();
        // Others each time, or those that `TEST_SEED` says.
        let given = clowder_tests::setting("TEST_SEED").map(|seed| seed.parse::<u64>().unwrap());
        let drawn = u64::from_str_radix(&clowder_tests::unique(), 16).unwrap() >> 24;
        let seeds = given.map_or_else(|| vec![1, 2, drawn, drawn + 1], |seed| vec![seed]);
        for seed in seeds {
            eprintln!("TEST_SEED={seed} plays this again");
            play(&world, &shelf, seed).await;
        }
    }
}
