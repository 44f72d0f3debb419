//! `clowder files`: cleans up, compares the database with the store, and copies all files to another store.

#![allow(rustdoc::bare_urls, reason = "the comments are what `--help` prints")]

mod progress;

use std::{sync::Arc, time::Duration};

use clap::Subcommand;
use clowder_core::{Actor, Ctx, Error, Result};
use clowder_gateway::{app, clock, config::Config};
use clowder_infra::{
    Store,
    blobs::{Both, Place},
};
use clowder_media::{
    Blobs,
    care::{Amount, Cleaned, Copied, Fault, Stray, Walk},
};
use serde_json::{Value, json};
use tokio::time::sleep;

use self::progress::{Far, shown, size};
use crate::output::{self, Form, Outcome, Output};

#[derive(Debug, Clone, Subcommand)]
pub enum FilesCommand {
    /// Remove what nothing needs any more
    ///
    /// Does at once what servers do every few minutes: deletes files that have been attached to nothing for a day, forgets
    /// uploads whose process has died, and removes the content of files that were deleted seven days ago. It also looks
    /// through the whole store: objects that are older than a day and that nothing in the database asks for go to `trash/`
    /// in the store, and are removed from there by the first run seven days later. What the database asks for is put back.
    /// Example:
    ///
    /// clowder files clean --dry-run
    Clean {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Compare the database with the store
    ///
    /// Names what is missing in the store or has another size, and objects older than a day that nothing in the database
    /// asks for. Changes nothing, and can run beside servers. Exit code 1: there is a difference. Example:
    ///
    /// clowder files check --hashes
    Check {
        /// Read all content, and compare its hash with that in the database
        #[arg(long)]
        hashes: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Copy all files to another store, while servers run
    ///
    /// Compares the hash of each file with the database, and reads it again from the other store. If this is interrupted,
    /// run it again: what is there already is not copied twice. At the end, it says which settings to change next;
    /// docs/storage.md explains the steps. Exit code 1: something could not be copied. Example:
    ///
    /// clowder files move --to 's3://bucket/prefix?endpoint=https://s3.example.org'
    Move {
        /// The other store, as in STORAGE_URL; its keys are STORAGE_OTHER_KEY_ID and STORAGE_OTHER_SECRET_KEY, or those of
        /// STORAGE_URL
        #[arg(long, value_name = "URL")]
        to: String,
        /// Read again what is already there, and compare its hash
        #[arg(long)]
        hashes: bool,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(config: &Config, command: FilesCommand, out: &mut Output) -> Result<Outcome> {
    let store = app::open_existing(config).await?;
    match command {
        FilesCommand::Clean { dry_run, form } => clean(&store, dry_run, form, out).await,
        FilesCommand::Check { hashes, form } => check(&store, hashes, form, out).await,
        FilesCommand::Move { to, hashes, form } => {
            let moving = Moving::prepare(config, &to)?;
            moving.run(&store, hashes, form, out).await
        }
    }
}

fn ctx() -> Ctx {
    Ctx::new(Actor::System, clock::now(), "clowder files")
}

/// How often a step is tried while the database or the store is away, and how long it waits each time.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(3);

/// Repeats a step of a walk until the database and the store answer.
async fn patiently<T>(mut step: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let mut failed = 0;
    loop {
        match step().await {
            Err(error) if !matches!(error, Error::Internal(_)) && failed < TRIES => {
                output::note(format_args!("{error}; trying again"));
                failed += 1;
                sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn clean(store: &Store, dry: bool, form: Form, out: &mut Output) -> Result<Outcome> {
    let care = &store.care;
    let mut cleaned = care.clean(&ctx(), dry).await?;
    let mut after = None;
    loop {
        let some = patiently(async || care.empty_trash(&ctx(), after.clone(), dry).await).await?;
        cleaned.trash += some.removed;
        cleaned.trash_waiting += some.waiting;
        cleaned.restored += some.restored;
        after = some.next;
        if after.is_none() {
            break;
        }
    }
    let (mut far, mut walk) = (Far::new("looked at"), Some(Walk::default()));
    while let Some(here) = walk {
        let some = patiently(async || care.find_strays(&ctx(), here.clone(), !dry).await).await?;
        for stray in &some.strays {
            cleaned.strays += Amount::of(stray.octets);
        }
        far.add(some.looked_at);
        walk = some.next;
    }
    if !dry {
        care.note_cleaned(&ctx(), cleaned).await?;
    }
    tell_cleaned(&cleaned, dry, form, out);
    Ok(Outcome::Done)
}

fn tell_cleaned(cleaned: &Cleaned, dry: bool, form: Form, out: &mut Output) {
    if form.json {
        out.json(&json!({"dry_run": dry, "cleaned": cleaned}));
        return;
    }
    let Cleaned { unattached, unfinished, deleted, waiting, strays, trash, trash_waiting, restored } = *cleaned;
    let done = if dry { "would be" } else { "were" };
    for (amount, what) in [
        (unattached, format!("attached to nothing for a day: {done} deleted, and leave the store seven days later")),
        (deleted, format!("of deleted files: {done} removed from the store")),
        (waiting, "of deleted files that stay in the store for now".to_owned()),
        (strays, format!("that nothing asks for: {done} moved to the trash of the store")),
        (trash, format!("in the trash for seven days: {done} removed")),
        (trash_waiting, "in the trash that stay for now".to_owned()),
        (restored, format!("in the trash although the database asks for them: {done} put back")),
    ] {
        out.line(format_args!("{:>30}  {what}", shown(amount)));
    }
    let uploads = counted(unfinished.count, "upload");
    out.line(format_args!("{uploads:>30}  whose process has died: {done} forgotten"));
}

/// `1 file`, `3 files`
fn counted(count: i64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// How many differences one JSON document has.
const LISTED: usize = 1_000;

async fn check(store: &Store, hashes: bool, form: Form, out: &mut Output) -> Result<Outcome> {
    let care = &store.care;
    let (mut far, mut faults, mut listed, mut after) = (Far::new("compared"), Amount::default(), Vec::new(), None);
    loop {
        let some = patiently(async || care.check_some(&ctx(), after, hashes).await).await?;
        for fault in &some.faults {
            faults += Amount::of(octets(fault));
            tell_fault(fault, form, &mut listed, out);
        }
        far.add(some.looked_at);
        after = some.next;
        if after.is_none() {
            break;
        }
    }
    let wanted = far.amount();
    let (mut far, mut walk) = (Far::new("looked at"), Some(Walk::default()));
    let (mut strays, mut young) = (Amount::default(), Amount::default());
    while let Some(here) = walk {
        let some = patiently(async || care.find_strays(&ctx(), here.clone(), false).await).await?;
        young += some.young;
        for stray in &some.strays {
            strays += Amount::of(stray.octets);
            tell_stray(stray, form, &mut listed, out);
        }
        far.add(some.looked_at);
        walk = some.next;
    }
    let well = faults.is_nothing() && strays.is_nothing();
    let document = json!({
        "ok": well, "wanted": wanted, "stored": far.amount(), "wrong": faults, "strays": strays, "young": young,
        "hashes": hashes, "listed": listed,
    });
    let compared = if hashes { "with their hashes" } else { "without their hashes" };
    let mut text = format!(
        "the database asks for {}, compared {compared}; the store has {}\nwrong: {}\nasked for by nothing: {}",
        shown(wanted),
        shown(far.amount()),
        or_none(faults),
        or_none(strays),
    );
    if !young.is_nothing() {
        let verb = if young.count == 1 { "is" } else { "are" };
        text.push_str(&format!("\nnot judged: {}, which {verb} less than a day old", shown(young)));
    }
    out.say(form, text, &document);
    Ok(Outcome::of(well))
}

/// `0`, or `3 objects, 1.5 MiB`
fn or_none(amount: Amount) -> String {
    if amount.is_nothing() { "0".to_owned() } else { shown(amount) }
}

fn octets(fault: &Fault) -> i64 {
    i64::try_from(fault.wanted.size).unwrap_or(i64::MAX)
}

fn tell_fault(fault: &Fault, form: Form, listed: &mut Vec<Value>, out: &mut Output) {
    let said = json!({
        "wrong": fault.wrong, "key": fault.wanted.key.as_str(), "object": fault.wanted.object, "owner": fault.owner,
        "files": fault.files, "size": fault.wanted.size,
    });
    if form.json {
        listed.extend((listed.len() < LISTED).then_some(said));
        return;
    }
    let owner = fault.owner.map_or_else(|| "nobody".to_owned(), |owner| owner.to_string());
    let wrong = said["wrong"].as_str().unwrap_or_default();
    out.line(format_args!("{wrong:8} {}  of {owner}, in {}", fault.wanted.key, counted(fault.files, "file")));
}

fn tell_stray(stray: &Stray, form: Form, listed: &mut Vec<Value>, out: &mut Output) {
    if form.json {
        let said = json!({"wrong": "stray", "key": stray.key.as_str(), "size": stray.octets, "since": stray.modified});
        listed.extend((listed.len() < LISTED).then_some(said));
        return;
    }
    out.line(format_args!("{:8} {}  {}, since {}", "stray", stray.key, size(stray.octets), stray.modified));
}

/// What has to be done after a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// All nodes must read from both stores.
    Other,
    /// All nodes may write to the new one.
    Swap,
    /// The other one is not needed any more.
    Drop,
}

/// From where to where files are copied.
struct Moving {
    from: Arc<dyn Blobs>,
    to: Arc<dyn Blobs>,
    /// As in the settings.
    url: String,
    before: String,
    next: Next,
}

/// How often all rows are walked through, until nothing new has arrived meanwhile.
const MOST_PASSES: u32 = 5;

impl Moving {
    fn prepare(config: &Config, url: &str) -> Result<Self> {
        let (root, work, media) = (config.media_root(), &config.data_dir, &config.media);
        let (place, main) = media.open_main(&root, work)?;
        let other = media.open_other(work)?;
        let wanted = Place::parse(url, &root).map_err(|error| Error::internal(format!("--to: {error}")))?;
        if url.is_empty() {
            return Err(Error::internal("--to: must be file:/folder or s3://bucket/prefix"));
        }
        let (url, before) = (url.to_owned(), place.to_string());
        if wanted.is_same(&place) {
            let Some((place, from)) = other else {
                return Err(Error::internal(
                    "files are stored there already; to copy the rest of another store, set STORAGE_OTHER_URL to that one",
                ));
            };
            return Ok(Self { from, to: main, url, before: place.to_string(), next: Next::Drop });
        }
        match other {
            Some((other, to)) if wanted.is_same(&other) => Ok(Self { from: main, to, url, before, next: Next::Swap }),
            other => {
                let to = media.open_at(&wanted, work)?;
                let from: Arc<dyn Blobs> = match other {
                    Some((_, other)) => Arc::new(Both::new(main, other)),
                    None => main,
                };
                Ok(Self { from, to, url, before, next: Next::Other })
            }
        }
    }

    async fn run(&self, store: &Store, hashes: bool, form: Form, out: &mut Output) -> Result<Outcome> {
        self.to.check().await?;
        let total = store.care.stored_amount(&ctx()).await?;
        output::note(format_args!("about {} to look at, and their thumbnails", shown(total)));
        let (mut copied, mut passes) = (Amount::default(), 0);
        let faults = loop {
            let (some, faults) = self.pass(store, total, hashes && passes == 0).await?;
            copied += some;
            passes += 1;
            if some.is_nothing() || passes == MOST_PASSES {
                break faults;
            }
        };
        let mut listed = Vec::new();
        for fault in &faults {
            tell_fault(fault, form, &mut listed, out);
        }
        let well = faults.is_empty();
        let next = match self.next {
            Next::Other => "other",
            Next::Swap => "swap",
            Next::Drop => "drop",
        };
        let document = json!({"ok": well, "copied": copied, "wrong": faults.len(), "listed": listed, "next": next});
        let text = format!("{} copied, {} could not be copied\n{}", shown(copied), faults.len(), self.advice());
        out.say(form, text, &document);
        Ok(Outcome::of(well))
    }

    /// Walks through all rows once.
    async fn pass(&self, store: &Store, total: Amount, hashes: bool) -> Result<(Amount, Vec<Fault>)> {
        let mut far = Far::towards("looked at", total);
        let (mut copied, mut faults, mut after) = (Amount::default(), Vec::new(), None);
        loop {
            let between = || (Arc::clone(&self.from), Arc::clone(&self.to));
            let some: Copied = patiently(async || store.care.copy_some(&ctx(), between(), after, hashes).await).await?;
            copied += some.copied;
            let room = LISTED.saturating_sub(faults.len());
            faults.extend(some.faults.into_iter().take(room));
            far.add(some.looked_at);
            after = some.next;
            if after.is_none() {
                return Ok((copied, faults));
            }
        }
    }

    fn advice(&self) -> String {
        let (url, before) = (&self.url, &self.before);
        match self.next {
            Next::Other => format!(
                "Next: set STORAGE_OTHER_URL={url} for all servers, and restart them one by one. Each then reads from both \
                 stores, and deletes in both. Then run this again."
            ),
            Next::Swap => format!(
                "Next: set STORAGE_URL={url} and STORAGE_OTHER_URL to the store of before ({before}, with its parameters) for \
                 all servers, and restart them one by one. New files then go to the new store. Then run this again: it copies \
                 what arrives until then."
            ),
            Next::Drop => format!(
                "Next: remove STORAGE_OTHER_URL for all servers, and restart them one by one. Nothing is read from {before} \
                 any more. `clowder files check --hashes` compares the new store with the database."
            ),
        }
    }
}
