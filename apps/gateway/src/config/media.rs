//! `[media]`: where files are stored, and how much people can have.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::available_parallelism,
    time::Duration,
};

use clowder_core::{Error, Result};
use clowder_infra::{
    Options,
    blobs::{self, Address, Both, Clamd, Credentials, Place},
    inspect::{Inspector, Limits as InspectionLimits, this_program},
};

use clowder_media::{Blobs, Scanner, policy::Limits};

use super::{
    Secret,
    checks::Checked,
    settings::{Setting, checked, secret, setting, within},
};
use crate::public_url::PublicUrl;

#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// A bucket, or another folder than `MEDIA_ROOT`.
    pub storage_url: String,
    pub key_id: String,
    pub secret_key: Option<Secret>,
    pub session_token: Option<Secret>,
    /// A second store, from which is read what the first does not have, while files move between them; with its own keys,
    /// if they are others.
    pub other_url: String,
    pub other_key_id: String,
    pub other_secret_key: Option<Secret>,
    /// How many octets the files of one person can have together.
    pub quota_bytes: i64,
    /// How many files one person can have.
    pub files_per_person: i64,
    /// How many of them at the same time.
    pub uploads_at_once: i64,
    /// How long a resumable upload can be continued, in seconds.
    pub resumable_seconds: i64,
    /// How many octets and files the server stores for all together; 0 sets no limit.
    pub server_quota_bytes: i64,
    pub server_files: i64,
    /// Where the virus scanner listens; empty if there is none.
    pub clamd_url: String,
    /// Whether files wait while it is away.
    pub scan_required: bool,
    /// The program that makes posters of videos; empty if there is none.
    pub ffmpeg: String,
    /// A cache in front of this server, for pictures that everybody sees.
    pub cdn_url: PublicUrl,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            storage_url: String::new(),
            key_id: String::new(),
            secret_key: None,
            session_token: None,
            other_url: String::new(),
            other_key_id: String::new(),
            other_secret_key: None,
            quota_bytes: 10 << 30,
            files_per_person: 100_000,
            uploads_at_once: 10,
            resumable_seconds: 86_400,
            server_quota_bytes: 0,
            server_files: 0,
            clamd_url: String::new(),
            scan_required: true,
            ffmpeg: String::new(),
            cdn_url: PublicUrl::default(),
        }
    }
}

impl Media {
    /// What the store is told. `work` is a folder of this machine for what is on its way to a bucket.
    pub fn apply_to(&self, media_root: &Path, work: &Path, options: &mut Options) -> Result<()> {
        let if_any = |setting: i64| if setting == 0 { i64::MAX } else { setting };
        options.media.limits = Limits {
            octets: self.quota_bytes,
            files: self.files_per_person,
            at_once: self.uploads_at_once,
            server_octets: if_any(self.server_quota_bytes),
            server_objects: if_any(self.server_files),
            ..Limits::default()
        };
        options.media.resumable_for = Duration::from_secs(self.resumable_seconds.unsigned_abs());
        let (place, main) = self.open_main(media_root, work)?;
        options.media.blobs = Some(match self.open_other(work)? {
            Some((other, _)) if other.is_same(&place) => {
                return Err(Error::internal("STORAGE_OTHER_URL: must be another store than STORAGE_URL"));
            }
            Some((_, other)) => Arc::new(Both::new(main, other)),
            None => main,
        });
        if let Some(clamd) = self.clamd()? {
            options.media.scanner = Some(Arc::new(clamd));
        }
        options.media.scan_required = self.scan_required;
        options.media.examiner = Some(Arc::new(self.inspector()?));
        options.media.work = work.join("examined");
        Ok(())
    }

    /// The store to which new files go, and where it is.
    pub fn open_main(&self, media_root: &Path, work: &Path) -> Result<(Place, Arc<dyn Blobs>)> {
        let place = Place::parse(&self.storage_url, media_root);
        let place = place.map_err(|error| Error::internal(format!("STORAGE_URL: {error}")))?;
        let main = blobs::open(&place, self.credentials(), work)?;
        Ok((place, main))
    }

    /// The second store, if there is one.
    pub fn open_other(&self, work: &Path) -> Result<Option<(Place, Arc<dyn Blobs>)>> {
        if self.other_url.is_empty() {
            return Ok(None);
        }
        let place = Place::parse(&self.other_url, Path::new(""));
        let place = place.map_err(|error| Error::internal(format!("STORAGE_OTHER_URL: {error}")))?;
        let other = self.open_at(&place, work)?;
        Ok(Some((place, other)))
    }

    /// A store with the keys of the second one.
    pub fn open_at(&self, place: &Place, work: &Path) -> Result<Arc<dyn Blobs>> {
        let given = |secret: &Secret| secret.expose().to_owned();
        let secret = self.other_secret_key.as_ref().map(given).filter(|it| !it.is_empty());
        let own = secret.filter(|_| !self.other_key_id.is_empty());
        let own = own.map(|secret| Credentials { key_id: self.other_key_id.clone(), secret, token: None });
        blobs::open(place, own.or_else(|| self.credentials()), work)
    }

    /// Which signatures the virus scanner has, if there is one.
    pub async fn signatures(&self) -> Result<Option<String>> {
        match self.clamd()? {
            Some(clamd) => clamd.signatures().await.map(Some),
            None => Ok(None),
        }
    }

    fn clamd(&self) -> Result<Option<Clamd>> {
        if self.clamd_url.is_empty() {
            return Ok(None);
        }
        let address = Address::parse(&self.clamd_url);
        let address = address.map_err(|error| Error::internal(format!("CLAMD_URL: {error}")))?;
        Ok(Some(Clamd::new(address)))
    }

    /// What looks into files: this program, in processes of its own.
    pub fn inspector(&self) -> Result<Inspector> {
        let program = this_program().map_err(|error| Error::file("the program of this server", &error))?;
        let ffmpeg = (!self.ffmpeg.is_empty()).then(|| PathBuf::from(&self.ffmpeg));
        let at_once = available_parallelism().map_or(1, usize::from);
        Ok(Inspector::new(program, ffmpeg, InspectionLimits::default(), at_once))
    }

    fn credentials(&self) -> Option<Credentials> {
        let given =
            |secret: &Option<Secret>| secret.as_ref().map(|it| it.expose().to_owned()).filter(|it| !it.is_empty());
        let secret = given(&self.secret_key).filter(|_| !self.key_id.is_empty())?;
        Some(Credentials { key_id: self.key_id.clone(), secret, token: given(&self.session_token) })
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(storage_url, setting("media", "storage_url", "STORAGE_URL", |c| &mut c.media.storage_url,
        "Where uploaded files are stored: `s3://bucket/prefix?endpoint=…&region=…&path_style=…` or `file:/folder`. Empty: the folder `media_root`.")),
    checked(word, setting("media", "key_id", "AWS_ACCESS_KEY_ID", |c| &mut c.media.key_id,
        "The id of the key for S3. Empty: the role of the machine or container.")),
    secret(checked(word, setting("media", "secret_key", "AWS_SECRET_ACCESS_KEY", |c| &mut c.media.secret_key,
        "The key for S3."))),
    secret(checked(word, setting("media", "session_token", "AWS_SESSION_TOKEN", |c| &mut c.media.session_token,
        "The token of a temporary key for S3."))),
    checked(other_url, setting("media", "other_url", "STORAGE_OTHER_URL", |c| &mut c.media.other_url,
        "A second store, while files move between two: what is not in the first is read from it, and what is deleted is deleted in both. Empty: there is none.")),
    checked(word, setting("media", "other_key_id", "STORAGE_OTHER_KEY_ID", |c| &mut c.media.other_key_id,
        "The id of the key for the second store. Empty: the key of the first.")),
    secret(checked(word, setting("media", "other_secret_key", "STORAGE_OTHER_SECRET_KEY", |c| &mut c.media.other_secret_key,
        "The key for the second store."))),
    within(1 << 20, 1 << 50, setting("media", "quota_bytes", "QUOTA_BYTES", |c| &mut c.media.quota_bytes,
        "How many bytes the files of one person can have together. The same content counts once.")),
    within(1, 10_000_000, setting("media", "files_per_person", "FILES_PER_PERSON", |c| &mut c.media.files_per_person,
        "How many files one person can have.")),
    within(1, 1_000, setting("media", "uploads_at_once", "UPLOADS_AT_ONCE", |c| &mut c.media.uploads_at_once,
        "How many files one person can upload at the same time.")),
    within(60, 30 * 86_400, setting("media", "resumable_seconds", "RESUMABLE_SECONDS", |c| &mut c.media.resumable_seconds,
        "How long a resumable upload can be continued, in seconds from its beginning.")),
    within(0, 1 << 60, setting("media", "server_quota_bytes", "SERVER_QUOTA_BYTES", |c| &mut c.media.server_quota_bytes,
        "How many bytes all files of the server can have together, those included that wait to be removed; 0 sets no limit.")),
    within(0, 1_000_000_000_000, setting("media", "server_files", "SERVER_FILES", |c| &mut c.media.server_files,
        "How many files the server can store, each content of a person once; 0 sets no limit.")),
    checked(clamd_url, setting("media", "clamd_url", "CLAMD_URL", |c| &mut c.media.clamd_url,
        "Where the virus scanner clamd listens: `tcp://host:port` or `unix:/path`. Empty: files are not scanned.")),
    setting("media", "scan_required", "SCAN_REQUIRED", |c| &mut c.media.scan_required,
        "Whether files wait while the virus scanner is away, and are refused if they are too large for it. If not, they are let through, and `scanned` of the file is false."),
    checked(program, setting("media", "ffmpeg", "FFMPEG", |c| &mut c.media.ffmpeg,
        "The path of an ffmpeg that makes thumbnails of videos, such as `/usr/bin/ffmpeg`. Empty: videos have none.")),
    setting("media", "cdn_url", "CDN_URL", |c| &mut c.media.cdn_url,
        "The address of a cache (CDN) in front of this server, such as `https://cdn.chat.example`. With it, anybody who knows the address of a picture that every user sees can read it. Empty: nobody reads files without signing in or a link."),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("media.storage_url", &["bucket", "http://bucket", "s3://", "s3://x?color=red"]),
    ("media.key_id", &["a b", "ä"]),
    ("media.secret_key", &["a b"]),
    ("media.session_token", &["a b"]),
    ("media.other_url", &["bucket", "http://bucket", "s3://", "/folder"]),
    ("media.other_key_id", &["a b", "ä"]),
    ("media.other_secret_key", &["a b"]),
    ("media.quota_bytes", &["0", "1048575", "much"]),
    ("media.files_per_person", &["0", "10000001", "many"]),
    ("media.uploads_at_once", &["0", "1001", "many"]),
    ("media.resumable_seconds", &["59", "2592001", "a day"]),
    ("media.server_quota_bytes", &["-1", "1152921504606846977", "much"]),
    ("media.server_files", &["-1", "1000000000001", "many"]),
    ("media.clamd_url", &["clamav:3310", "http://clamav:3310", "tcp://clamav"]),
    ("media.scan_required", &["maybe"]),
    ("media.ffmpeg", &["ffmpeg", "./ffmpeg"]),
    ("media.cdn_url", &["cdn.example", "ftp://cdn.example"]),
];

fn storage_url(text: &str) -> Checked {
    Place::parse(text, Path::new("media")).map(drop)
}

fn other_url(text: &str) -> Checked {
    if text.is_empty() { Ok(()) } else { storage_url(text) }
}

fn clamd_url(text: &str) -> Checked {
    if text.is_empty() { Ok(()) } else { Address::parse(text).map(drop) }
}

/// It is started without a search path.
fn program(text: &str) -> Checked {
    match text.is_empty() || text.starts_with('/') {
        true => Ok(()),
        false => Err("must be the full path of the program, such as /usr/bin/ffmpeg".to_owned()),
    }
}

/// The parts of a key are copied, and what is copied may have a space or another line with it.
fn word(text: &str) -> Checked {
    match text.bytes().all(|octet| octet.is_ascii_graphic()) {
        true => Ok(()),
        false => Err("must be printable ASCII without spaces".to_owned()),
    }
}
