//! Where the bytes of files are: a folder of this machine, or a bucket of a server that speaks the protocol of S3. And the
//! virus scanner that reads them.
//!
//! [`Place`] reads the settings, [`open`] gives the store. The folder is our own code, because it must fsync; S3 is
//! `object_store`, except that we send the bytes ourselves, in order not to hold whole parts in memory.

mod both;
mod clamd;
mod folder;
mod place;
mod s3;

use std::{ops::Range, path::Path, sync::Arc};

pub use both::Both;
pub use clamd::{Address, Clamd};
use clowder_core::{Error, Result};
use clowder_media::{Blobs, Key};
pub use folder::Folder;
pub use place::{Credentials, Place};
pub use s3::S3;

/// What is moved at once, and the maximum size of the pieces of a stream.
const CHUNK: usize = 256 << 10;

/// Opens a store. `work` is a folder of this machine, which S3 needs for up to 8 MiB of each upload. Without `credentials`,
/// S3 uses what its environment has: a web identity, or the role of the container or the machine.
///
/// A folder is created if it is missing; whether a server of S3 is there, [`Blobs::check`] says.
pub fn open(place: &Place, credentials: Option<Credentials>, work: &Path) -> Result<Arc<dyn Blobs>> {
    Ok(match place {
        Place::Folder(root) => Arc::new(Folder::open(root)?),
        Place::S3(bucket) => Arc::new(S3::open(bucket, credentials, work)?),
    })
}

/// Runs blocking code on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(format!("a task of the store: {error}"))),
    }
}

/// The range that is to be read of an object of this size.
fn within(key: &Key, range: Option<Range<u64>>, size: u64) -> Result<Range<u64>> {
    match range {
        None => Ok(0..size),
        Some(range) if range.start < range.end && range.end <= size => Ok(range),
        Some(range) => Err(Error::internal(format!("{key} has {size} octets and not the range {range:?}"))),
    }
}
