//! The versions of a thing that a caller has seen: an edit applies to one of these, or fails.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{Error, Refusal, Result};

/// One of them must be the current one. If empty, no version matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(Vec<i64>);

impl Versions {
    /// The versions that these stand for.
    pub fn map(&self, version: impl Fn(i64) -> i64) -> Self {
        self.0.iter().map(|seen| version(*seen)).collect()
    }

    pub fn hold(&self, current: i64) -> bool {
        self.0.contains(&current)
    }
}

impl From<i64> for Versions {
    fn from(seen: i64) -> Self {
        Self(vec![seen])
    }
}

impl FromIterator<i64> for Versions {
    fn from_iter<I: IntoIterator<Item = i64>>(seen: I) -> Self {
        Self(seen.into_iter().collect())
    }
}

/// The version of a thing is in the upper half of a tag.
const VERSION_AT: u32 = 32;

/// The version of a thing, and a fingerprint of everything that is shown of it: that may change without another version.
pub fn tag(version: i64, shown: &impl Hash) -> i64 {
    let mut hasher = DefaultHasher::new();
    shown.hash(&mut hasher);
    (version << VERSION_AT) | (hasher.finish() & u64::from(u32::MAX)) as i64
}

/// The versions in such tags.
pub fn in_tags(tags: &Versions) -> Versions {
    tags.map(|tag| tag >> VERSION_AT)
}

/// Fails with the refusal if a thing has changed since the caller saw it; `None` accepts any version.
pub fn check(seen: Option<&Versions>, current: i64, refusal: Refusal) -> Result<()> {
    match seen {
        Some(seen) if !seen.hold(current) => Err(Error::Stale { refusal, current }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_is_enough() {
        for (seen, stale) in [
            (None, false),
            (Some(vec![1]), false),
            (Some(vec![1, 9]), false),
            (Some(vec![9, 1]), false),
            (Some(vec![2, 9]), true),
            (Some(vec![]), true),
        ] {
            let refusal = Refusal::new(crate::Kind::Stale, "thing.stale", "It has changed");
            match check(seen.clone().map(Versions::from_iter).as_ref(), 1, refusal) {
                Err(Error::Stale { refusal: told, current: 1 }) => assert!(stale && told == refusal, "{seen:?}"),
                other => assert!(other.is_ok() && !stale, "{seen:?}: {other:?}"),
            }
        }
    }
}
