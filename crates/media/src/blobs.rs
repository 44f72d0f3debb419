//! The port of the store of bytes: a folder, or a bucket that speaks the protocol of S3.
//!
//! **Life of an object.** [`Blobs::begin`] gives a [`Writing`]; nobody sees the object until [`Writing::finish`] returns.
//! Then it is whole and durable: in a folder, the file and the folders above it have been fsynced; in S3, the upload has been
//! completed. A crash before that leaves no object, only an unfinished write, which [`Blobs::sweep`] removes. An object never
//! changes; a later write or copy to the same key replaces it as a whole, and who is reading keeps reading the old one.
//!
//! **Errors.** Every method fails with [`Unavailable`](clowder_core::Error::Unavailable) if the store cannot be reached or is
//! overloaded, after it has tried again for a few seconds: the caller may repeat the call later. If no space is left, the
//! cause is [`Cause::Full`](clowder_core::Cause::Full) (507 `storage.full`). Anything else that goes wrong, such as wrong
//! credentials, is `Internal`.

use std::{fmt, ops::Range, path::PathBuf, pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clowder_core::{Error, Result, Timestamp};
use futures_core::Stream;
use uuid::Uuid;

/// Bytes in pieces of at most 256 KiB, as they arrive. After an error, the stream ends.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The name of an object: made by us, never by a user.
///
/// One or more segments, separated by `/`, of lowercase letters, digits, `-`, `_` and `.`; no segment begins with `.`. At
/// most 200 octets. No key may be the beginning of another one up to a `/`, because a folder cannot also be a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

/// The maximum number of octets in a key.
const LONGEST: usize = 200;

impl Key {
    /// A key that breaks the rules is a bug, and therefore an internal error.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let allowed = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        let segment = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed);
        match text.len() <= LONGEST && text.split('/').all(segment) {
            true => Ok(Self(text)),
            false => Err(Error::internal(format!("{text:?} is no key of an object"))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has the shape of the keys of files and of what is made of them: `files/ab/<id>`, `made/ab/<id>-…`.
    pub fn is_of_a_file(&self) -> bool {
        const ID: usize = 36;
        let segments: Vec<&str> = self.0.split('/').collect();
        let ["files" | "made", folder, name] = segments.as_slice() else { return false };
        let is_folder = folder.len() == 2 && folder.bytes().all(|octet| octet.is_ascii_hexdigit());
        is_folder && name.get(..ID).is_some_and(|id| Uuid::try_parse(id).is_ok())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub size: u64,
    /// When it was finished, by the clock of the store, in whole seconds at least.
    pub modified: Timestamp,
}

/// An object, or a range of it, that is being read.
pub struct Reading {
    /// Of the whole object.
    pub head: Head,
    /// What `bytes` has: exactly as many octets, or an error.
    pub range: Range<u64>,
    pub bytes: ByteStream,
}

/// One object of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: Key,
    pub head: Head,
}

/// Headers of the response that a signed address gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    pub content_type: &'a str,
    pub content_disposition: &'a str,
    pub cache_control: &'a str,
}

/// An address to which a client can upload without us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPut {
    pub url: String,
    /// The client must send exactly these headers; the signature covers them.
    pub headers: Vec<(&'static str, String)>,
}

/// An object that is being written. Dropping it aborts it, as [`Writing::abort`] does, without waiting for that.
#[async_trait]
pub trait Writing: Send {
    /// Adds bytes. Waits until the store has taken them, so a fast client is slowed down to the pace of the store. Keeps at
    /// most 1 MiB in memory, however much is written. After an error the write cannot be continued.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the object visible and durable, and replaces an earlier one of the same key. After an error, the object may
    /// exist whole or not at all.
    async fn finish(self: Box<Self>) -> Result<()>;

    /// Removes what has been written, as far as that works right now; [`Blobs::sweep`] removes the rest.
    async fn abort(self: Box<Self>);
}

/// How far an object is that is written in several calls, maybe by several processes. Whoever writes stores it after each
/// [`Growing::settle`], and gives it back when it goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grown {
    /// So many octets are durable.
    pub size: u64,
    /// What the store needs to go on, in words of its own of at most 8 KiB; empty at the beginning.
    pub state: String,
}

/// An object that grows. Dropping it leaves it as it was when it settled last. Only one at a time may write to an object.
#[async_trait]
pub trait Growing: Send {
    /// Adds bytes. Waits until the store has taken them, and keeps at most 1 MiB in memory. After an error it cannot go on.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes what has been written durable: all of it, or, if `all` is false, what costs nothing but waiting. Answers how
    /// far the object is then, which is never less than before.
    async fn settle(&mut self, all: bool) -> Result<Grown>;
}

#[async_trait]
pub trait Blobs: Send + Sync {
    /// What it is, in a word: `folder` or `s3`.
    fn name(&self) -> &'static str;

    /// Begins to write an object.
    async fn begin(&self, key: &Key) -> Result<Box<dyn Writing>>;

    /// Goes on with an object that grows, after what was durable when it settled; whatever came after that is forgotten.
    /// Nobody sees the object before [`Blobs::complete`]. Fails with [`Cause::Contended`](clowder_core::Cause::Contended)
    /// if somebody else is writing to it right now and the store can tell.
    async fn grow(&self, key: &Key, grown: &Grown) -> Result<Box<dyn Growing>>;

    /// Makes what has grown the object: whole, durable and visible. If an earlier attempt has done so, that is fine.
    async fn complete(&self, key: &Key, grown: &Grown) -> Result<()>;

    /// Removes what has grown and was not completed. If it is gone already, that is fine.
    async fn abandon(&self, key: &Key, grown: &Grown) -> Result<()>;

    /// Reads an object, or the range of it; `None` if there is no such object. A range that is empty or goes beyond the end
    /// is an internal error: the caller knows the size.
    async fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Option<Reading>>;

    /// `None` if there is no such object.
    async fn head(&self, key: &Key) -> Result<Option<Head>>;

    /// Deletes an object durably. An object that does not exist is deleted already.
    async fn delete(&self, key: &Key) -> Result<()>;

    /// At most `limit` objects whose keys begin with `prefix` (any text; empty for all) and come after `after`, in the order
    /// of their keys by octets. Fewer than `limit` only at the end. Some servers of S3 order folder by folder; that is the
    /// same as long as no segment of a key is the beginning of another one in the same folder (`a/1` beside `a-b`).
    async fn list(&self, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>>;

    /// Copies an object within the store, durable when it returns; replaces an earlier object `to`. `false` if there is no
    /// object `from`.
    async fn copy(&self, from: &Key, to: &Key) -> Result<bool>;

    /// Like a copy, after which `from` is deleted. A crash in between leaves both, never neither. `false` if there is no
    /// object `from`, which may also mean that an earlier attempt has moved it.
    async fn rename(&self, from: &Key, to: &Key) -> Result<bool>;

    /// Removes the writes, and what has grown, that began before this time and were not finished, and what has arrived at
    /// signed addresses before it, and says how many. If some cannot be removed, it removes the others and then fails. One
    /// that is still going on
    /// fails then; so the time must be longer ago than a write may take.
    async fn sweep(&self, before: Timestamp) -> Result<u64>;

    /// Whether the store can be read and has room to write, for the readiness of the server.
    async fn check(&self) -> Result<()>;

    /// Where the object is or would be as a file of this machine, if the store is a folder: for sending it without copying
    /// it through memory. The file must only be read.
    fn path(&self, key: &Key) -> Option<PathBuf>;

    /// An address at which anybody can read the object for `lifetime` (at most seven days), with these headers in the
    /// response; `None` if the store cannot sign. It does not check that the object exists.
    async fn signed_get(&self, key: &Key, shown: Shown<'_>, lifetime: Duration) -> Result<Option<String>>;

    /// An address to which anybody can upload for `lifetime` (at most seven days) what may become the object, with exactly
    /// this size and, if it is known, this SHA-256; `None` if the store cannot sign. What arrives there is no object: it has
    /// to be read and written ([`Blobs::arrived`], [`Blobs::begin`]), because it can be replaced as long as the address is
    /// good.
    async fn signed_put(
        &self,
        key: &Key,
        size: u64,
        sha256: Option<&[u8; 32]>,
        lifetime: Duration,
    ) -> Result<Option<SignedPut>>;

    /// What has arrived at the signed address of a key, if anything has.
    async fn arrived(&self, key: &Key) -> Result<Option<Reading>>;

    /// Removes what has arrived at the signed address of a key. What arrives after that stays until it is swept.
    async fn decline(&self, key: &Key) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain_names() {
        let longest = "a".repeat(LONGEST);
        for good in ["a", "files/0193/ab-c_d.webp", "9", longest.as_str()] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(LONGEST + 1);
        for bad in [
            "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", ".hidden", "a/.b", "A", "a b", "a\0", "ä", "a\\b", "a%2f",
        ] {
            assert!(Key::new(bad).is_err(), "{bad}");
        }
        assert!(Key::new(too_long).is_err());
    }

    #[test]
    fn keys_of_files_have_a_shape() {
        let id = "01939d3c-0000-7000-8000-0000000000ab";
        for (key, is_ours) in [
            (format!("files/ab/{id}"), true),
            (format!("made/ab/{id}-clean"), true),
            (format!("made/ab/{id}-64.webp"), true),
            (format!("files/{id}"), false),
            (format!("files/xy/{id}"), false),
            (format!("files/ab/more/{id}"), false),
            (format!("backups/ab/{id}"), false),
            ("files/ab/report.pdf".to_owned(), false),
        ] {
            assert_eq!(Key::new(key.as_str()).unwrap().is_of_a_file(), is_ours, "{key}");
        }
    }
}
