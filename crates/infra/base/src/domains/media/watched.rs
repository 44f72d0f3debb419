//! Bytes that somebody else reads.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use clowder_core::Result;
use clowder_media::blobs::ByteStream;
use futures_util::StreamExt;

/// Whether the store broke off while somebody read from it; then it is no fault of whoever did.
#[derive(Debug, Clone, Default)]
pub struct Broke(Arc<AtomicBool>);

impl Broke {
    pub fn did(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The same bytes, watched.
    pub fn watch(&self, bytes: ByteStream) -> ByteStream {
        let broke = Arc::clone(&self.0);
        let watch = move |piece: &Result<Bytes>| {
            broke.fetch_or(piece.is_err(), Ordering::Relaxed);
        };
        bytes.inspect(watch).boxed()
    }
}
