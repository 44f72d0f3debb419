//! What an upload is, found out on threads for blocking work while it arrives: a hundred megabytes take a second of a
//! processor, and those who wait for others' answers must not wait for that.

use bytes::Bytes;
use clowder_core::{Error, Result};
use clowder_media::sniff::{Sniffed, Sniffer};
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

/// How many octets are collected before a thread looks at them. As many more may be waiting for it.
const PIECE: usize = 64 << 10;

#[derive(Default)]
struct Found {
    hash: Sha256,
    sniffer: Sniffer,
}

impl Found {
    fn add(&mut self, pieces: &[Bytes]) {
        for piece in pieces {
            self.sniffer.push(piece);
            self.hash.update(piece);
        }
    }
}

/// Bytes that are hashed and looked at in their order.
pub struct Digesting {
    /// Until a thread has it.
    found: Option<Box<Found>>,
    ongoing: Option<JoinHandle<Box<Found>>>,
    next: Vec<Bytes>,
    octets: usize,
}

impl Default for Digesting {
    fn default() -> Self {
        Self { found: Some(Box::default()), ongoing: None, next: Vec::new(), octets: 0 }
    }
}

impl Digesting {
    /// Waits for a thread if one has not kept pace.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        self.octets += bytes.len();
        self.next.push(bytes);
        if self.octets < PIECE {
            return Ok(());
        }
        let mut found = self.settle().await?;
        let pieces = std::mem::take(&mut self.next);
        self.octets = 0;
        self.ongoing = Some(spawn_blocking(move || {
            found.add(&pieces);
            found
        }));
        Ok(())
    }

    /// The SHA-256 of all that was pushed, and what it is.
    pub async fn end(&mut self) -> Result<([u8; 32], Sniffed)> {
        let mut found = self.settle().await?;
        let pieces = std::mem::take(&mut self.next);
        let end = move || {
            found.add(&pieces);
            (found.hash.finalize().into(), found.sniffer.end())
        };
        spawn_blocking(end).await.map_err(|error| Error::internal(format!("looking at an upload: {error}")))
    }

    /// Waits for the thread; a caller that gives up meanwhile loses nothing.
    async fn settle(&mut self) -> Result<Box<Found>> {
        if let Some(ongoing) = &mut self.ongoing {
            let found = ongoing.await;
            self.ongoing = None;
            self.found = Some(found.map_err(|error| Error::internal(format!("looking at an upload: {error}")))?);
        }
        self.found.take().ok_or_else(|| Error::internal("an upload that has ended is looked at"))
    }
}
