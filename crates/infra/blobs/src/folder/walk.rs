//! What is in the folder: its objects, in the order of their keys, and what has been left unfinished.

use std::{fs, io, path::Path};

use clowder_core::{Error, Result, Timestamp};
use clowder_media::{Key, blobs::Listed};

use super::{BEGUN, head};

struct Walk<'a> {
    prefix: &'a str,
    after: &'a str,
    limit: usize,
    found: Vec<Listed>,
}

pub fn list(root: &Path, prefix: &str, after: Option<&Key>, limit: usize) -> Result<Vec<Listed>> {
    let mut walk = Walk { prefix, after: after.map_or("", Key::as_str), limit, found: Vec::new() };
    // The root must be there; a folder below it may have been removed meanwhile.
    let walked = walk.folder(root, "").and_then(|()| fs::metadata(root.join(BEGUN)));
    walked.map_err(|error| Error::file(root.display(), &error))?;
    Ok(walk.found)
}

impl Walk<'_> {
    /// `above` is the path of the folder in keys: empty, or with a `/` at its end.
    fn folder(&mut self, path: &Path, above: &str) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            // A name that no key has is not ours: somebody put it there, or it is `.begun`.
            let Some(name) = entry.file_name().to_str().map(|name| format!("{above}{name}")) else { continue };
            let Ok(key) = Key::new(name) else { continue };
            if kind.is_dir() && self.may_have(&format!("{key}/")) {
                entries.push((format!("{key}/"), None));
            } else if kind.is_file() && key.as_str() > self.after && key.as_str().starts_with(self.prefix) {
                entries.push((key.to_string(), Some(key)));
            }
        }
        // With the `/`, because that is what keys in the folder go on with.
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (name, key) in entries {
            if self.found.len() == self.limit {
                break;
            }
            let path = path.join(name.trim_end_matches('/').rsplit('/').next().unwrap_or_default());
            let walked = match key {
                None => self.folder(&path, &name),
                Some(key) => fs::symlink_metadata(&path).and_then(|metadata| {
                    self.found.push(Listed { key, head: head(&metadata)? });
                    Ok(())
                }),
            };
            match walked {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                walked => walked?,
            }
        }
        Ok(())
    }

    /// Whether a folder may have keys that are asked for.
    fn may_have(&self, folder: &str) -> bool {
        let overlaps = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        overlaps && (self.after < folder || self.after.starts_with(folder))
    }
}

/// Removes the files that were last written to before this time. One that cannot be removed holds up no others, and is the
/// error in the end.
pub fn sweep(begun: &Path, before: Timestamp) -> io::Result<u64> {
    let (mut removed, mut fault) = (0, None);
    for entry in fs::read_dir(begun)? {
        let path = entry?.path();
        let swept = fs::symlink_metadata(&path).and_then(|metadata| {
            let old = metadata.is_file() && head(&metadata)?.modified < before;
            if old { fs::remove_file(&path).map(|()| 1) } else { Ok(0) }
        });
        match swept {
            // Finished or aborted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(swept) => removed += swept,
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    fault.map_or(Ok(removed), Err)
}
