//! What has arrived beside the objects becomes one.

use clowder_core::Result;
use clowder_media::{
    blobs::{Reading, Writing},
    sniff::{Sniffed, Sniffer},
};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

/// Passes everything on, and answers with its SHA-256 and what it is. Before each piece, `go_on` says whether that is still
/// wanted. After an error, the write can only be aborted.
pub async fn take_in(
    mut reading: Reading,
    writing: &mut dyn Writing,
    go_on: impl Fn() -> Result<()> + Send,
) -> Result<([u8; 32], Sniffed)> {
    let (mut hash, mut sniffer) = (Sha256::new(), Sniffer::default());
    while let Some(piece) = reading.bytes.next().await {
        let piece = piece?;
        go_on()?;
        hash.update(&piece);
        sniffer.push(&piece);
        writing.write(piece).await?;
    }
    Ok((hash.finalize().into(), sniffer.end()))
}
