//! Secrets: never printed or logged, nor stored readable for other users.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clowder_infra::private;

use super::Config;

#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Too short, too uniform, or a placeholder that was never replaced.
    pub(super) fn is_weak(&self) -> bool {
        let lower = self.0.to_lowercase();
        let mut letters: Vec<_> = lower.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        self.0.chars().count() < 32
            || letters.len() < 8
            || ["insecure", "changeme", "change-me", "change_me", "your-secret"].iter().any(|w| lower.contains(w))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Config {
    /// The secret that signs tokens: the configured one, or one that is generated once and kept in the data directory.
    pub fn secret_key(&self) -> io::Result<Secret> {
        match &self.auth.secret_key {
            Some(secret) => Ok(secret.clone()),
            None => kept(&self.secret_file()),
        }
    }

    /// The file that would be created if the secret were needed now.
    pub fn missing_secret_file(&self) -> Option<PathBuf> {
        Some(self.secret_file()).filter(|file| self.auth.secret_key.is_none() && !file.exists())
    }

    fn secret_file(&self) -> PathBuf {
        self.data_dir.join("secret.key")
    }
}

fn kept(path: &Path) -> io::Result<Secret> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is empty; remove it or fill it", path.display()),
        )),
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// It is written to a temporary file and then linked into place: if two processes start at once, both use the secret
/// that was created first.
fn make(path: &Path) -> io::Result<Secret> {
    if let Some(folder) = path.parent() {
        private::create_folder(folder)?;
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let aside = path.with_extension(format!("key.{}", std::process::id()));
    let mut file = private::writing().open(&aside)?;
    writeln!(file, "{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(Secret::new(fs::read_to_string(path)?.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weakness() {
        for weak in
            ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "django-insecure-0123456789abcdefghijklmnop"]
        {
            assert!(Secret::new(weak).is_weak(), "{weak}");
        }
        assert!(!Secret::new("t3YkV0zq9mUe7LwXc2RbNf8hJp4sGd6a").is_weak());
    }

    #[test]
    fn a_secret_is_made_once_and_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/secret.key");
        let made = kept(&path).unwrap();
        assert_eq!((made.expose().len(), made.is_weak()), (43, false));
        assert_eq!(kept(&path).unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left aside");
        assert!(!format!("{made:?}").contains(made.expose()));
    }
}
