//! What the store must have for a row, whether it has it, and how that is copied to another store. Several objects at a time,
//! and of each only a piece in memory.

use std::sync::Arc;

use clowder_core::{Error, Result};
use clowder_media::{
    Blobs, FileStatus, Format, Key, Variant,
    blobs::ByteStream,
    care::{Amount, Wanted, Wrong},
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use super::rows::{ObjectRow, variant_key};

/// How many objects are looked at or copied at the same time.
const AT_ONCE: usize = 8;

impl ObjectRow {
    /// What the store must have of it: nothing before all of it has arrived, and nothing once no file has it.
    pub fn wanted(&self) -> Result<Vec<Wanted>> {
        if self.refs == 0 || self.status()? == FileStatus::Uploading {
            return Ok(Vec::new());
        }
        let want = |key: Key, size: u64, sha256: Option<&[u8]>| {
            let sha256 = sha256.map(<[u8; 32]>::try_from).transpose();
            let sha256 = sha256.map_err(|_| Error::internal("a hash of another length"))?;
            Ok::<_, Error>(Wanted { object: self.id, key, size, sha256 })
        };
        let (size, sha256) = self.shown();
        let size = u64::try_from(size).map_err(|_| Error::internal("an object of less than nothing"))?;
        let mut all = vec![want(self.shown_key()?, size, sha256)?];
        for made in self.seen()?.unwrap_or_default().thumbnails {
            for (format, size) in [(Format::WebP, made.webp), (Format::Jpeg, made.jpeg)] {
                all.push(want(variant_key(self.id, Variant::Thumbnail { size: made.size, format })?, size, None)?);
            }
        }
        Ok(all)
    }
}

/// What the store does not have as it must.
pub async fn compare(blobs: &Arc<dyn Blobs>, wanted: Vec<Wanted>, hashes: bool) -> Result<Vec<(Wanted, Wrong)>> {
    let looks = wanted.into_iter().map(|one| {
        let blobs = Arc::clone(blobs);
        async move { Ok::<_, Error>(look(&*blobs, &one, hashes).await?.map(|wrong| (one, wrong))) }
    });
    gather(stream::iter(looks).buffer_unordered(AT_ONCE)).await
}

async fn gather<T>(looks: impl Stream<Item = Result<Option<T>>>) -> Result<Vec<T>> {
    let found: Vec<Option<T>> = looks.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn look(blobs: &dyn Blobs, wanted: &Wanted, hashes: bool) -> Result<Option<Wrong>> {
    let Some(head) = blobs.head(&wanted.key).await? else { return Ok(Some(Wrong::Missing)) };
    if head.size != wanted.size {
        return Ok(Some(Wrong::Size));
    }
    let Some(sha256) = wanted.sha256.filter(|_| hashes) else { return Ok(None) };
    let Some(reading) = blobs.read(&wanted.key, None).await? else { return Ok(Some(Wrong::Missing)) };
    let (size, hash) = digest(reading.bytes).await?;
    Ok(if size != wanted.size { Some(Wrong::Size) } else { (hash != sha256).then_some(Wrong::Content) })
}

/// The length and the SHA-256.
async fn digest(mut bytes: ByteStream) -> Result<(u64, [u8; 32])> {
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(piece) = bytes.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        hash.update(&piece);
    }
    Ok((size, hash.finalize().into()))
}

/// What became of objects that were to be copied.
#[derive(Debug, Default)]
pub struct Copies {
    pub copied: Vec<Wanted>,
    /// What is not in the first store as it must.
    pub wrong: Vec<(Wanted, Wrong)>,
}

impl Copies {
    pub fn amount(&self) -> Amount {
        let mut amount = Amount::default();
        for one in &self.copied {
            amount += Amount::of(i64::try_from(one.size).unwrap_or(i64::MAX));
        }
        amount
    }
}

/// Copies what the other store does not have yet.
pub async fn copy(from: &Arc<dyn Blobs>, to: &Arc<dyn Blobs>, wanted: Vec<Wanted>, hashes: bool) -> Result<Copies> {
    let copies = wanted.into_iter().map(|one| {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        async move {
            Ok::<_, Error>(match copy_one(&*from, &*to, &one, hashes).await? {
                Copied::Now => Some((one, None)),
                Copied::Before => None,
                Copied::Not(wrong) => Some((one, Some(wrong))),
            })
        }
    });
    let mut all = Copies::default();
    for (one, wrong) in gather(stream::iter(copies).buffer_unordered(AT_ONCE)).await? {
        match wrong {
            None => all.copied.push(one),
            Some(wrong) => all.wrong.push((one, wrong)),
        }
    }
    Ok(all)
}

enum Copied {
    Now,
    Before,
    Not(Wrong),
}

async fn copy_one(from: &dyn Blobs, to: &dyn Blobs, wanted: &Wanted, hashes: bool) -> Result<Copied> {
    if look(to, wanted, hashes).await?.is_none() {
        return Ok(Copied::Before);
    }
    let Some(mut reading) = from.read(&wanted.key, None).await? else { return Ok(Copied::Not(Wrong::Missing)) };
    if reading.head.size != wanted.size {
        return Ok(Copied::Not(Wrong::Size));
    }
    let (mut writing, mut hash) = (to.begin(&wanted.key).await?, Sha256::new());
    while let Some(piece) = reading.bytes.next().await {
        // Dropping what has been written aborts it.
        let piece = piece?;
        hash.update(&piece);
        writing.write(piece).await?;
    }
    let sent: [u8; 32] = hash.finalize().into();
    if wanted.sha256.is_some_and(|sha256| sha256 != sent) {
        writing.abort().await;
        return Ok(Copied::Not(Wrong::Content));
    }
    writing.finish().await?;
    // Only what has been read again is known to be there.
    let Some(reading) = to.read(&wanted.key, None).await? else {
        return Err(Error::internal(format!("{} is missing right after it was stored", wanted.key)));
    };
    if digest(reading.bytes).await? != (wanted.size, sent) {
        to.delete(&wanted.key).await?;
        return Err(Error::internal(format!("{} does not come back as it was stored", wanted.key)));
    }
    Ok(Copied::Now)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Timestamp, UserId, Word};
    use clowder_media::{ObjectId, Scan, Seen};

    use super::*;

    fn row(status: FileStatus, refs: i64) -> ObjectRow {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        ObjectRow {
            id: ObjectId::new(at),
            owner_id: Some(UserId::new(at)),
            status: status.as_str().to_owned(),
            size: 10,
            sha256: Some(vec![1; 32]),
            kind: "image/png".to_owned(),
            refs,
            created_at: at,
            purge_at: None,
            arriving_until: None,
            purge_failures: 0,
            scanning_since: None,
            scan: Scan::None.as_str().to_owned(),
            signatures: None,
            virus: None,
            scanned_at: at,
            seen: None,
            clean_size: None,
            clean_sha256: None,
            made_at: None,
            original_until: None,
            reserved: 0,
        }
    }

    #[test]
    fn the_store_must_have_what_can_be_read_and_what_was_made_of_it() {
        assert_eq!(row(FileStatus::Ready, 0).wanted().unwrap(), []);
        assert_eq!(row(FileStatus::Uploading, 1).wanted().unwrap(), []);
        let plain = row(FileStatus::Quarantined, 2);
        let [wanted] = plain.wanted().unwrap().try_into().unwrap();
        assert!(wanted.key.as_str().starts_with("files/"), "{wanted:?}");
        assert_eq!((wanted.size, wanted.sha256), (10, Some([1; 32])));
        let made = serde_json::json!({"size": 64, "width": 64, "height": 48, "webp": 5, "jpeg": 6});
        let seen = Seen { thumbnails: vec![serde_json::from_value(made).unwrap()], ..Seen::default() };
        let seen = Some(serde_json::to_string(&seen).unwrap());
        let picture =
            ObjectRow { seen, clean_size: Some(8), clean_sha256: Some(vec![2; 32]), ..row(FileStatus::Ready, 1) };
        let wanted = picture.wanted().unwrap();
        let shown: Vec<_> = wanted.iter().map(|one| (one.key.as_str().rsplit('-').next().unwrap(), one.size)).collect();
        assert_eq!(shown, [("clean", 8), ("64.webp", 5), ("64.jpg", 6)]);
        assert_eq!(wanted[0].sha256, Some([2; 32]), "of the copy without metadata");
    }
}
