//! What is in an object that this server has not written.

use clowder_core::Result;
use clowder_media::{
    blobs::Reading,
    sniff::{Sniffed, Sniffer},
};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

/// Reads all of it, and answers with its SHA-256 and what it is. Before each piece, `go_on` says whether that is still wanted.
pub async fn look_at(mut reading: Reading, go_on: impl Fn() -> Result<()> + Send) -> Result<([u8; 32], Sniffed)> {
    let (mut hash, mut sniffer) = (Sha256::new(), Sniffer::default());
    while let Some(piece) = reading.bytes.next().await {
        let piece = piece?;
        go_on()?;
        hash.update(&piece);
        sniffer.push(&piece);
    }
    Ok((hash.finalize().into(), sniffer.end()))
}
