//! A process that is killed in the middle of anything leaves no file that claims to be ready without its bytes, and no
//! bytes that nobody finds. Another node does what was left.

use std::{
    fs::{self, File as OsFile},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{PageRequest, Result, Timestamp};
use clowder_infra::{Store, blobs};
use clowder_media::{Blobs, Examined, Examiner, File, FileFilter, FileStatus, Key, blobs::Writing};
use clowder_tests::{recorded::png, setting, unique};
use futures_util::TryStreamExt;
use serde_json::{Value, json};

use super::{
    examining::{Here, do_once, taken},
    new, objects,
    over::{Aside, Over},
    purge_with, upload_to, used,
};
use crate::world::{Person, World};

/// Tells a process where it is killed, and over which database and folder.
const TOLD: &str = "TEST_MEDIA_CRASH";
/// What it says then.
const THERE: &str = "it has come to where it is killed";

/// Where processes are killed.
const ARRIVING: &str = "half of the file has arrived";
const STORED: &str = "the bytes are stored, and the database does not know it";
const EXAMINED: &str = "somebody looks into the file";
const MADE: &str = "one thumbnail is stored";
const DECIDED: &str = "the file is ready, and what was uploaded is still there";
const PURGED: &str = "some of the bytes are removed, and the database does not know it";
const PLACES: [&str; 6] = [ARRIVING, STORED, EXAMINED, MADE, DECIDED, PURGED];

/// What was uploaded goes a day after its examination.
const AFTER_A_DAY: Duration = Duration::from_secs(25 * 3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    match setting(TOLD) {
        Some(told) => be_killed(&told).await,
        None => everywhere(World::sqlite().await, "media::crashes::sqlite", false).await,
    }
}

/// The same with the bytes in a bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_bucket() {
    match setting(TOLD) {
        Some(told) => be_killed(&told).await,
        None => everywhere(World::sqlite().await, "media::crashes::in_a_bucket", true).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    match setting(TOLD) {
        Some(told) => be_killed(&told).await,
        None => everywhere(World::postgres().await, "media::crashes::postgres", false).await,
    }
}

async fn everywhere(world: Arc<World>, test: &str, in_bucket: bool) {
    for (number, place) in PLACES.into_iter().enumerate() {
        let signed_in = world.register(&format!("ada{number}")).await;
        let ada = Person { id: signed_in.user.id, actor: world.by(&signed_in.access).actor };
        let folder = tempfile::tempdir().unwrap();
        let spot = Spot { folder: folder.path().to_owned(), bucket: in_bucket.then(bucket) };
        kill(&world, test, place, &spot, &signed_in.access);
        mend(&world, place, &spot, &ada).await;
        assert_eq!(objects(&world), 0, "{place}: no row is left");
    }
}

/// Where the bytes of one process are.
struct Spot {
    folder: PathBuf,
    /// The URL of a bucket, if they are not in the folder.
    bucket: Option<String>,
}

/// A part of the bucket that nobody else writes to.
fn bucket() -> String {
    needed("TEST_S3_URL").replacen('?', &format!("/{}?", unique()), 1)
}

fn needed(name: &str) -> String {
    setting(name).unwrap_or_else(|| panic!("{name} is not set: run `make test`, or `make services` for a shell"))
}

impl Spot {
    fn media(&self) -> PathBuf {
        self.folder.join("media")
    }

    fn open(&self) -> Arc<dyn Blobs> {
        let Some(url) = &self.bucket else {
            return blobs::open(&blobs::Place::Folder(self.media()), None, &self.folder).unwrap();
        };
        let key = blobs::Credentials { key_id: needed("TEST_S3_KEY"), secret: needed("TEST_S3_SECRET"), token: None };
        blobs::open(&blobs::Place::parse(url, &self.folder).unwrap(), Some(key), &self.folder).unwrap()
    }

    /// What has been begun in the folder, and not finished.
    fn begun(&self) -> Vec<PathBuf> {
        match self.bucket {
            // Less than a part is only on the disk of the process, in a file without a name.
            Some(_) => Vec::new(),
            None => fs::read_dir(self.media().join(".begun")).unwrap().map(|file| file.unwrap().path()).collect(),
        }
    }

    async fn node(&self, world: &World, examiner: Arc<dyn Examiner>, store: Arc<dyn Blobs>) -> Store {
        let node = world.node_with(|options| {
            options.media.blobs = Some(store);
            options.media.examiner = Some(examiner);
            options.media.work = self.folder.join("examined");
        });
        node.await
    }
}

/// Kills a process (SIGKILL) when it has come to this place.
fn kill(world: &World, test: &str, place: &str, spot: &Spot, access: &str) {
    let told = json!({
        "place": place,
        "url": world.database.url,
        "folder": spot.folder,
        "bucket": spot.bucket,
        "now": world.now().as_micros(),
        "access": access,
    });
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(TOLD, told.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let there = lines.any(|line| line.unwrap().contains(THERE));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(there, "the process never came to where {place}");
}

/// What is found afterwards, and what another node makes of it.
async fn mend(world: &World, place: &str, spot: &Spot, ada: &Person) {
    let store = spot.open();
    let node = spot.node(world, Arc::new(Here), store.clone()).await;
    sound(world, &node, &*store, place, ada).await;
    // The leases have run out.
    world.wait(Duration::from_secs(if place == PURGED { 9 * 24 * 3600 } else { 3600 }));
    // As if what was begun had been begun half a day ago.
    assert_eq!(spot.begun().len(), usize::from(place == ARRIVING && spot.bucket.is_none()), "{place}");
    for file in spot.begun() {
        OsFile::options().write(true).open(file).unwrap().set_modified(UNIX_EPOCH).unwrap();
    }
    purge_with(world, &node).await;
    sound(world, &node, &*store, place, ada).await;
    assert_eq!(spot.begun().len(), 0, "{place}");

    let there = files(world, &node, ada).await;
    match place {
        ARRIVING | STORED | PURGED => {
            assert!(there.is_empty(), "{place}: {there:?}");
            assert_eq!(used(world, ada).await, (0, 0), "{place}");
        }
        _ => {
            let [file] = there.as_slice() else { panic!("{place}: {there:?}") };
            assert_eq!((file.status, file.width, file.thumbnails.len()), (FileStatus::Ready, Some(70), 2), "{place}");
            let kept = names(&*store).await;
            let originals = kept.iter().filter(|key| key.as_str().starts_with("files/")).count();
            assert_eq!((kept.len(), originals), (6, 1), "{place}: what was uploaded stays for a day");
            world.wait(AFTER_A_DAY);
            purge_with(world, &node).await;
            sound(world, &node, &*store, place, ada).await;
            // The copy without metadata, and each thumbnail in both formats; not what was uploaded.
            let kept = names(&*store).await;
            assert!(kept.len() == 5 && kept.iter().all(|key| key.as_str().starts_with("made/")), "{place}: {kept:?}");
            node.media.delete_file(&world.ctx(ada), file.id).await.unwrap();
            world.wait(Duration::from_secs(8 * 24 * 3600));
            purge_with(world, &node).await;
        }
    }
    assert!(names(&*store).await.is_empty(), "{place}: no bytes are left");
}

/// Whatever is ready can be read whole, and whatever is in the store has a row.
async fn sound(world: &World, node: &Store, store: &dyn Blobs, place: &str, ada: &Person) {
    for file in files(world, node, ada).await {
        if file.status != FileStatus::Ready {
            continue;
        }
        let content = node.media.content(&world.ctx(ada), file.id).await.unwrap();
        let pieces: Vec<Bytes> = node.media.read_content(&content, None).await.unwrap().try_collect().await.unwrap();
        assert_eq!(pieces.concat().len() as i64, file.size, "{place}");
    }
    for key in names(store).await {
        let name = key.as_str().rsplit('/').next().unwrap();
        let id = &name[..36];
        let id = if world.is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.replace('-', "")) };
        let found = world.meddle(&format!("UPDATE file_objects SET refs = refs WHERE id = {id}")).unwrap();
        assert_eq!(found, 1, "{place}: nobody finds {key}");
    }
}

async fn files(world: &World, node: &Store, ada: &Person) -> Vec<File> {
    node.media.files(&world.ctx(ada), FileFilter::default(), PageRequest::default()).await.unwrap().items
}

async fn names(store: &dyn Blobs) -> Vec<Key> {
    store.list("", None, 1_000).await.unwrap().into_iter().map(|one| one.key).collect()
}

/// What the process does until it is killed.
async fn be_killed(told: &str) {
    let told: Value = serde_json::from_str(told).unwrap();
    let text = |name: &str| told[name].as_str().unwrap();
    let now = Timestamp::from_micros(told["now"].as_i64().unwrap());
    let world = World::beside(text("url").to_owned(), now).await;
    let caller = world.by(text("access"));
    let ada = Person { id: caller.user().unwrap(), actor: caller.actor };
    let place = text("place").to_owned();
    let spot = Spot { folder: text("folder").into(), bucket: told["bucket"].as_str().map(str::to_owned) };
    let examiner: Arc<dyn Examiner> = if place == EXAMINED { Arc::new(Stuck) } else { Arc::new(Here) };
    let store = Arc::new(Over { store: spot.open(), aside: Stopping { place: place.clone() } });
    let node = spot.node(&world, examiner, store).await;

    if place == ARRIVING {
        let mut arriving = node.media.begin_upload(&world.ctx(&ada), new("a")).await.unwrap();
        arriving.write(vec![b'a'; 1 << 20].into()).await.unwrap();
        stop().await;
    }
    let file = upload_to(&node, &world.ctx(&ada), new("a.png"), &png(70, 70, "a comment")).await.unwrap();
    let [job] = taken(&world, &node, "file.examine").await.try_into().unwrap();
    do_once(&world, &node, &job).await.unwrap();
    world.wait(AFTER_A_DAY);
    purge_with(&world, &node).await;
    node.media.delete_file(&world.ctx(&ada), file.id).await.unwrap();
    world.wait(Duration::from_secs(8 * 24 * 3600));
    purge_with(&world, &node).await;
    panic!("nothing stopped it");
}

/// Says so, and waits to be killed.
async fn stop() {
    println!("{THERE}");
    std::future::pending::<()>().await;
}

/// Never comes to an end.
struct Stuck;

#[async_trait]
impl Examiner for Stuck {
    async fn examine(&self, _: &Path, _: &str, _: &Path) -> Result<std::result::Result<Examined, String>> {
        stop().await;
        Ok(Err("it was not killed".to_owned()))
    }
}

/// Writes to it.
struct Finishing {
    writing: Box<dyn Writing>,
    /// Whether the process is killed at the end.
    stops: bool,
}

#[async_trait]
impl Writing for Finishing {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.writing.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        self.writing.finish().await?;
        if self.stops {
            stop().await;
        }
        Ok(())
    }

    async fn abort(self: Box<Self>) {
        self.writing.abort().await;
    }
}

/// In a store, the process comes to where it is killed.
struct Stopping {
    place: String,
}

#[async_trait]
impl Aside for Stopping {
    fn writing(&self, key: &Key, writing: Box<dyn Writing>) -> Box<dyn Writing> {
        let is_made = key.as_str().starts_with("made/");
        let stops = if is_made { self.place == MADE } else { self.place == STORED };
        Box::new(Finishing { writing, stops })
    }

    /// What was uploaded is deleted a day after its examination, and again with the file.
    async fn delete(&self, store: &dyn Blobs, key: &Key) -> Result<()> {
        if self.place == DECIDED {
            stop().await;
        }
        let stops = self.place == PURGED && key.as_str().starts_with("made/") && store.head(key).await?.is_some();
        store.delete(key).await?;
        if stops {
            stop().await;
        }
        Ok(())
    }
}
