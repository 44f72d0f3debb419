//! The port of the virus scanner.

use async_trait::async_trait;
use clowder_core::{Result, Word};

use crate::blobs::ByteStream;

/// What a scanner says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    /// The name of what was found, as the scanner calls it, at most 200 characters.
    Infected(String),
    /// The scanner did not look at all of it, because the file, or something packed into it, is larger than its settings
    /// allow. It is neither clean nor infected.
    TooLarge,
}

/// What is known of a file from the scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// There was no scanner.
    None,
    Clean,
    Infected,
    /// The scanner did not look at all of it.
    TooLarge,
    /// The scanner was away, and the server does without it. It is scanned later.
    Skipped,
}

impl Word for Scan {
    const WHAT: &'static str = "result of a scan";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("clean", Self::Clean),
        ("infected", Self::Infected),
        ("too_large", Self::TooLarge),
        ("skipped", Self::Skipped),
    ];
}

#[async_trait]
pub trait Scanner: Send + Sync {
    /// Scans bytes while they arrive; the whole is never in memory. An error of `bytes` is passed on. Fails with
    /// `Unavailable` if the scanner cannot be reached, answers nonsense or takes too long: then nothing is known of the file.
    async fn scan(&self, bytes: ByteStream) -> Result<Verdict>;

    /// Which program and signatures scan, such as `ClamAV 1.4.6/27812/Sun Nov 29 08:25:01 2026`. A verdict holds until this
    /// changes. Also shows whether the scanner answers.
    async fn signatures(&self) -> Result<String>;
}
