//! Who looks at files in these tests.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Error, Result};
use clowder_infra::inspect::{Limits, examined, inspect};
use clowder_media::{Examined, Examiner, Scanner, Verdict, blobs::ByteStream};
use futures_util::TryStreamExt;

/// Looks into files without a process of its own.
pub struct Here;

#[async_trait]
impl Examiner for Here {
    async fn examine(&self, file: &Path, kind: &str, folder: &Path) -> Result<std::result::Result<Examined, String>> {
        let (file, kind, folder) = (file.to_owned(), kind.to_owned(), folder.to_owned());
        let looked = tokio::task::spawn_blocking(move || {
            let found = inspect(&file, &kind, &folder, None, &Limits::default());
            found.map(|found| examined(found, &folder)).map_err(|fault| fault.to_string())
        });
        Ok(looked.await.unwrap())
    }
}

/// A scanner that knows one word.
#[derive(Default)]
pub struct Guard {
    pub is_away: AtomicBool,
    pub asked: AtomicUsize,
    /// Whether it fails at what begins with `odd`.
    pub fails: AtomicBool,
    /// Of its signatures; none if 0.
    pub number: AtomicUsize,
    word: Mutex<&'static str>,
}

impl Guard {
    /// Its signatures are the word.
    pub fn looks_for(&self, word: &'static str) {
        *self.word.lock().unwrap() = word;
    }

    fn is_there(&self) -> Result<&'static str> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(Error::unavailable("the scanner is away")),
            false => Ok(*self.word.lock().unwrap()),
        }
    }
}

#[async_trait]
impl Scanner for Guard {
    async fn scan(&self, bytes: ByteStream) -> Result<Verdict> {
        let word = self.is_there()?;
        self.asked.fetch_add(1, Ordering::SeqCst);
        let pieces: Vec<Bytes> = bytes.try_collect().await?;
        let content = pieces.concat();
        if content.starts_with(b"odd") && self.fails.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the scanner has crashed at a file"));
        }
        if content.starts_with(b"too large") {
            return Ok(Verdict::TooLarge);
        }
        let has = !word.is_empty() && content.windows(word.len()).any(|window| window == word.as_bytes());
        Ok(if has { Verdict::Infected(format!("Test.{word}")) } else { Verdict::Clean })
    }

    async fn signatures(&self) -> Result<String> {
        let word = self.is_there()?;
        Ok(match self.number.load(Ordering::SeqCst) {
            0 => format!("Guard/{word}"),
            number => format!("Guard 1.0/{number}/{word}"),
        })
    }
}
