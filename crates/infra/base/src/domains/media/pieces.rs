//! The bytes of an object, for code that knows no streams.

use bytes::Bytes;
use clowder_core::Result;
use clowder_media::blobs::ByteStream;
use futures_util::TryStreamExt;

pub struct Pieces(ByteStream);

impl Pieces {
    pub fn of(bytes: ByteStream) -> Self {
        Self(bytes)
    }

    /// The next piece, of at most 256 KiB; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        self.0.try_next().await
    }

    /// All of it. Only for what is small.
    pub async fn all(mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}
