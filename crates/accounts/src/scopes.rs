//! The scopes of accounts, and the rules for requesting scopes.

use clowder_core::{Fields, Role, Scope, Scopes, text::Flaw};

pub const PROFILE_READ: Scope = Scope::new("profile:read", "Read your account");
pub const PROFILE_WRITE: Scope = Scope::new("profile:write", "Edit your profile");
pub const USERS_READ: Scope = Scope::new("users:read", "See the profiles of other people, and find people");
pub const ADMIN_READ: Scope =
    Scope::new("admin:read", "Read what the role of the key's owner may see of others").from_role(Role::Moderator);
pub const ADMIN_WRITE: Scope =
    Scope::new("admin:write", "Do what the role of the key's owner may do to others").from_role(Role::Moderator);

/// Scopes for one's own account.
pub const OWN: &[Scope] = &[PROFILE_READ, PROFILE_WRITE];
/// Scopes for the profiles of others.
pub const PEOPLE: &[Scope] = &[USERS_READ];
/// Scopes for the accounts of others.
pub const STAFF: &[Scope] = &[ADMIN_READ, ADMIN_WRITE];
/// All of this domain.
pub const ALL: &[Scope] = &[PROFILE_READ, PROFILE_WRITE, USERS_READ, ADMIN_READ, ADMIN_WRITE];

/// The maximum number of named scopes, including duplicates.
pub const MOST: usize = 200;

/// Reads a list of scopes, with at least one. If `all` is given, only those are known, and they are returned in its
/// order; otherwise each only needs the form of a scope.
pub fn read(fields: &mut Fields, name: &'static str, all: Option<&[Scope]>) -> Option<Scopes> {
    let words = fields.required_list::<String>(name, MOST)?;
    if words.is_empty() {
        fields.flaw(name, Flaw::new("required", "must name at least one"));
    }
    let wrong: Vec<_> = words.iter().enumerate().filter_map(|(index, word)| Some((index, flaw(word, all)?))).collect();
    let is_good = wrong.is_empty();
    for (index, flaw) in wrong {
        fields.flaw(&format!("{name}/{index}"), flaw);
    }
    is_good.then(|| match all {
        Some(all) => all.iter().filter(|scope| words.iter().any(|word| word == scope.word)).copied().collect(),
        None => words.iter().map(String::as_str).collect(),
    })
}

/// Below this role, one of them would allow nothing.
pub fn least(scopes: &Scopes, all: &[Scope]) -> Role {
    let named = all.iter().filter(|scope| scopes.contains(**scope));
    named.map(|scope| scope.least).max().unwrap_or(Role::User)
}

fn flaw(word: &str, all: Option<&[Scope]>) -> Option<Flaw> {
    match all {
        Some(all) if all.iter().any(|scope| scope.word == word) => None,
        Some(all) => {
            let known: Vec<_> = all.iter().map(|scope| scope.word).collect();
            Some(Flaw::new("choice", format!("must be one of: {}", known.join(", "))))
        }
        None if Scope::is_word(word) => None,
        None => Some(Flaw::new("choice", "must be an area and a verb, as in `chats:read`")),
    }
}
