//! What the content of an object is, learnt by reading it once.

use clowder_core::{Error, Result};
use clowder_media::{
    Blobs, Key,
    sniff::{Sniffed, Sniffer},
};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

/// What an object has in it.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    pub size: i64,
    pub sha256: [u8; 32],
    pub kind: Sniffed,
}

/// Reads a whole object, piece by piece.
pub async fn read_through(blobs: &dyn Blobs, key: &Key) -> Result<Found> {
    let lost = || Error::internal(format!("{key} is missing in the store of bytes"));
    let mut reading = blobs.read(key, None).await?.ok_or_else(lost)?;
    let (mut hash, mut sniffer, mut size) = (Sha256::new(), Sniffer::default(), 0_u64);
    while let Some(piece) = reading.bytes.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        hash.update(&piece);
        sniffer.push(&piece);
    }
    let size = i64::try_from(size).map_err(|_| Error::internal(format!("{key} has too many octets")))?;
    Ok(Found { size, sha256: hash.finalize().into(), kind: sniffer.end() })
}
