//! The versions of a thing that a caller has seen: an edit applies to one of these, or fails.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{Error, Refusal, Result};

/// The version of a thing is in the upper half of a tag.
const VERSION_AT: u32 = 32;

/// The `ETag` of a thing that is shown to each viewer in their own way: its version, and a fingerprint of everything that is
/// shown, which may change without another version.
pub fn tag(version: i64, shown: &impl Hash) -> i64 {
    let mut hasher = DefaultHasher::new();
    shown.hash(&mut hasher);
    (version << VERSION_AT) | (hasher.finish() & u64::from(u32::MAX)) as i64
}

/// One of them must be the current one. If empty, no version matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(Vec<i64>);

impl Versions {
    /// The versions in these tags. A version alone is one, too: refusals tell it.
    pub fn of_tags(&self) -> Self {
        let version = |seen: &i64| Some(seen >> VERSION_AT).filter(|version| *version > 0).unwrap_or(*seen);
        self.0.iter().map(version).collect()
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
    fn a_tag_says_the_version_and_changes_with_what_is_shown() {
        assert_eq!(tag(7, &"one"), tag(7, &"one"));
        assert_ne!(tag(7, &"one"), tag(7, &"other"));
        for seen in [tag(7, &"one"), tag(7, &"other"), 7] {
            let versions = Versions::from(seen).of_tags();
            assert!(versions.hold(7) && !versions.hold(8), "{seen}");
        }
    }

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
