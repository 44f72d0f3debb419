//! The versions of a thing that a caller may have seen: an edit is for one of these, or for none.

/// At least one of them has to be the present one. Empty, no version will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions(Vec<i64>);

impl Versions {
    pub fn hold(&self, present: i64) -> bool {
        self.0.contains(&present)
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

/// Whether a thing has changed since the caller saw it; `None` says that any version will do.
pub fn is_stale(seen: Option<&Versions>, present: i64) -> bool {
    seen.is_some_and(|seen| !seen.hold(present))
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
            assert_eq!(is_stale(seen.clone().map(Versions::from_iter).as_ref(), 1), stale, "{seen:?}");
        }
    }
}
