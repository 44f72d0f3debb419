//! What can be granted: the scopes of API keys and the permissions of roles, gathered from all domains.

use std::sync::LazyLock;

use clowder_core::{Permission, Scope};

use crate::domains::DOMAINS;

/// All scopes.
pub fn scopes() -> &'static [Scope] {
    static ALL: LazyLock<Vec<Scope>> =
        LazyLock::new(|| DOMAINS.iter().flat_map(|domain| domain.scopes).copied().collect());
    &ALL
}

/// All permissions.
pub fn permissions() -> impl Iterator<Item = Permission> {
    DOMAINS.iter().flat_map(|domain| domain.permissions).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_well_formed_and_unique() {
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let mut seen = BTreeSet::new();
        for scope in scopes() {
            let (area, verb) = scope.word.split_once(':').unwrap();
            assert!(is_name(area) && is_name(verb) && seen.insert(scope.word), "{}", scope.word);
            assert!(!scope.about.is_empty(), "{}", scope.word);
        }
        for permission in permissions() {
            let is_word = permission.word.contains('.') && permission.word.split('.').all(is_name);
            assert!(is_word && seen.insert(permission.word), "{}", permission.word);
        }
    }
}
