//! Walks through the objects of the store: which no row asks for, and what is in the trash.

use clowder_core::{Result, Timestamp};
use clowder_media::{
    Blobs, FileStatus, Key, ObjectId,
    blobs::Listed,
    care::{Amount, FOLDERS, Stray, Strayed, TRASH, Trashed, Walk, is_over, is_stray, trashed, untrashed},
};

use super::{super::Repo, walking::asks_for};
use crate::domains::media::{ObjectRow, object_of};

/// How many objects are listed at once: as many as a server of S3 lists in one answer.
const LISTED: usize = 1_000;

fn octets(listed: &Listed) -> i64 {
    i64::try_from(listed.head.size).unwrap_or(i64::MAX)
}

/// Whether an object may be of use to its row: as long as that has none of its states behind it, whatever was made of it; once
/// it is ready, only what it asks for. What waits to be purged goes with its row.
fn is_of_use(row: &ObjectRow, key: &Key) -> Result<bool> {
    let settled = matches!(row.status()?, FileStatus::Ready | FileStatus::Quarantined);
    Ok(row.refs == 0 || !settled || asks_for(row, key))
}

pub async fn find(repo: &Repo, blobs: &dyn Blobs, now: Timestamp, walk: Walk) -> Result<Strayed> {
    let Some(folder) = FOLDERS.get(walk.folder) else { return Ok(Strayed::default()) };
    let listed = blobs.list(folder, walk.after.as_ref(), LISTED).await?;
    let next = match listed.last().filter(|_| listed.len() == LISTED) {
        Some(last) => Some(Walk { folder: walk.folder, after: Some(last.key.clone()) }),
        None => Some(Walk { folder: walk.folder + 1, after: None }).filter(|next| next.folder < FOLDERS.len()),
    };
    let mut found = Strayed { next, ..Strayed::default() };
    // Whatever somebody else has put there has another name.
    let ours = listed.into_iter().filter_map(|one| Some((object_of(&one.key).ok()?, one)));
    let ours: Vec<(ObjectId, Listed)> = ours.collect();
    // After they were listed: a row is there before its object.
    let rows = repo.objects_now(ours.iter().map(|(object, _)| *object).collect()).await?;
    for (object, one) in ours {
        found.looked_at += Amount::of(octets(&one));
        let is_wanted = match rows.get(&object) {
            Some(row) => is_of_use(row, &one.key)?,
            None => false,
        };
        if is_wanted {
            continue;
        }
        if is_stray(now, one.head.modified) {
            found.strays.push(Stray { octets: octets(&one), modified: one.head.modified, key: one.key });
        } else {
            found.young += Amount::of(octets(&one));
        }
    }
    Ok(found)
}

/// Moves strays to the trash. Those that have gone meanwhile were about to be purged.
pub async fn trash(blobs: &dyn Blobs, mut found: Strayed) -> Result<Strayed> {
    let mut moved = Vec::with_capacity(found.strays.len());
    for stray in found.strays {
        if blobs.rename(&stray.key, &trashed(&stray.key)?).await? {
            moved.push(stray);
        }
    }
    found.strays = moved;
    Ok(found)
}

pub async fn empty(repo: &Repo, blobs: &dyn Blobs, now: Timestamp, after: Option<Key>, dry: bool) -> Result<Trashed> {
    let listed = blobs.list(TRASH, after.as_ref(), LISTED).await?;
    let next = listed.last().filter(|_| listed.len() == LISTED).map(|last| last.key.clone());
    let mut found = Trashed { next, ..Trashed::default() };
    let ours = listed.into_iter().filter_map(|one| {
        let before = untrashed(&one.key)?;
        Some((object_of(&before).ok()?, before, one))
    });
    let ours: Vec<(ObjectId, Key, Listed)> = ours.collect();
    let rows = repo.objects_now(ours.iter().map(|(object, ..)| *object).collect()).await?;
    for (object, before, one) in ours {
        let amount = Amount::of(octets(&one));
        let is_asked_for = rows.get(&object).is_some_and(|row| asks_for(row, &before));
        // A database that is older or newer than the one before may ask for it again.
        if is_asked_for && blobs.head(&before).await?.is_none() {
            if !dry {
                blobs.rename(&one.key, &before).await?;
            }
            found.restored += amount;
        } else if is_over(now, one.head.modified) {
            if !dry {
                blobs.delete(&one.key).await?;
            }
            found.removed += amount;
        } else {
            found.waiting += amount;
        }
    }
    Ok(found)
}
