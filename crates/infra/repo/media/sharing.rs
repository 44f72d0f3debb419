//! Files of one person with the same content share an object.

use clowder_core::{Result, UserId, Word};
use clowder_media::{Blobs, FileStatus, ObjectId};
use diesel::prelude::*;

use super::super::{db::Db, dialect::Conn};
use crate::domains::media::{ObjectRow, file_objects};

/// How many files share an object at most, because all of them change together.
const SHARED_BY: i64 = 100;
/// At how many objects of the same content is looked for one that can be shared.
const MOST_LOOKED_AT: usize = 3;

/// An object of the same content that another file can share. What has no file any more is about to be purged, and what has
/// failed may be put right by uploading it again; what is in quarantine stays there, whoever uploads it again.
pub fn shareable(conn: &mut Conn, user: UserId, sha256: &[u8], without: &[ObjectId]) -> Result<Option<ObjectRow>> {
    let usable = [FileStatus::Ready, FileStatus::Scanning, FileStatus::Quarantined].map(Word::as_str);
    let same = file_objects::table
        .filter(file_objects::owner_id.eq(user).and(file_objects::sha256.eq(sha256)))
        .filter(file_objects::refs.gt(0).and(file_objects::refs.lt(SHARED_BY)))
        .filter(file_objects::status.eq_any(usable).and(file_objects::id.ne_all(without)))
        .order(file_objects::id.desc())
        .select(ObjectRow::as_select());
    Ok(same.first(conn).optional()?)
}

/// Objects of the same content that the store does not have, so that nobody shares them. If it does not answer, this upload is
/// stored by itself, too.
pub async fn missing(db: &Db, blobs: &dyn Blobs, user: UserId, sha256: [u8; 32]) -> Result<Vec<ObjectId>> {
    let mut missing = Vec::new();
    while missing.len() < MOST_LOOKED_AT {
        let without = missing.clone();
        let same = db.read(move |conn| shareable(conn, user, &sha256, &without)).await?;
        let Some(same) = same else { break };
        // Nobody reads what is in quarantine.
        let is_bad = same.status()? == FileStatus::Quarantined;
        if is_bad || matches!(blobs.head(&same.shown_key()?).await, Ok(Some(_))) {
            break;
        }
        tracing::warn!(object = %same.id, "an object is not in the store, so its content is stored once more");
        missing.push(same.id);
    }
    Ok(missing)
}
