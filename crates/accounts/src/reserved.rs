//! Usernames that nobody may choose: those of operators, and those of erased accounts.

use std::{collections::BTreeSet, sync::LazyLock};

use clowder_core::Refusal;

use crate::{
    model::{Username, username_skeletons},
    refusals::USERNAME_RESERVED,
};

/// Names that speak for the server or its staff (some from RFC 2142), and words that stand for the caller in URLs.
const STAFF: &[&str] = &[
    "abuse",
    "admin",
    "administrator",
    "clowder",
    "help",
    "helpdesk",
    "hostmaster",
    "me",
    "moderator",
    "no-reply",
    "noreply",
    "official",
    "postmaster",
    "root",
    "security",
    "staff",
    "support",
    "sysadmin",
    "system",
    "webmaster",
];

/// The beginning of an erased account's username, before a `-` and random characters.
const ERASED: &str = "deleted";

static STAFF_LOOKS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| STAFF.iter().flat_map(|name| username_skeletons(name)).collect());

/// Who chooses the name of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giver {
    /// Somebody who signs up.
    Anybody,
    /// The operator.
    Operator,
}

/// Whether an account may have this name. Only operators can give names of staff, and nobody can give those of erased
/// accounts; look-alikes count.
pub fn may_give(giver: Giver, username: &Username) -> Result<(), Refusal> {
    let looks = username.skeletons();
    let is_staff = !looks.is_disjoint(&STAFF_LOOKS);
    if looks.iter().any(|look| is_erased(look)) || (is_staff && giver == Giver::Anybody) {
        return Err(USERNAME_RESERVED);
    }
    Ok(())
}

/// Any separators: nobody remembers whether it was `-`, `_` or `.`.
fn is_erased(look: &str) -> bool {
    look.strip_prefix(ERASED).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use clowder_core::Field;
    use serde_json::json;

    use super::*;

    #[test]
    fn may_give_table() {
        for (name, anybody, operator) in [
            ("ada", true, true),
            ("admin", false, true),
            ("Admin", false, true),
            ("adrnin", false, true),
            ("аdmіn", false, true),
            ("ADMlN", false, true),
            ("administrator", false, true),
            ("r00t", false, true),
            ("rne", false, true),
            ("Cl0wder", false, true),
            ("moderator", false, true),
            ("ѕupport", false, true),
            ("system", false, true),
            ("security", false, true),
            ("heIp", false, true),
            ("noreply", false, true),
            ("deleted-3f0c8a8f2d10", false, false),
            ("DELETED-3F0C8A8F2D10", false, false),
            ("deIeted-3f0c8a8f2d10", false, false),
            ("dеlеtеd_x", false, false),
            ("deleted.x", false, false),
            ("deleted", false, false),
            ("deletedscenes", true, true),
            ("undeleted-1", true, true),
            ("administrata", true, true),
            ("roots", true, true),
            ("ali", true, true),
            ("helper", true, true),
        ] {
            let name = Username::parse(json!(name)).unwrap();
            let may = |giver| may_give(giver, &name).is_ok();
            assert_eq!((may(Giver::Anybody), may(Giver::Operator)), (anybody, operator), "{name:?}");
        }
    }
}
