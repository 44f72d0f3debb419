//! The rule of sight: how much of a profile a viewer may see. Lists, details, searches and suggestions all follow it; its
//! twin in SQL is `visible_to` in `crates/infra/repo/people.rs`, and a test compares the two.

use clowder_core::Visibility;

use crate::model::{Audience, Privacy};

/// What is known of a viewer and a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SightFacts {
    /// The viewer looks at themselves.
    pub own: bool,
    /// The viewer is a moderator or an administrator.
    pub staff: bool,
    pub friends: bool,
    /// One of the two has blocked the other.
    pub blocked: bool,
    pub visibility: Visibility,
    pub suspended: bool,
    pub erased: bool,
}

/// How much of a person is shown. `Nothing` means that, for the viewer, the person does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    Nothing,
    /// Id, username, display name and avatar.
    Card,
    /// Everything that the settings of the person show to this viewer.
    Profile,
}

/// Friends may see less than staff: a private profile is hidden from them, too.
pub fn sight(facts: &SightFacts) -> Sight {
    let SightFacts { own, staff, friends, blocked, visibility, suspended, erased } = *facts;
    if erased {
        return Sight::Nothing;
    }
    if own || staff {
        return Sight::Profile;
    }
    if suspended || blocked {
        return Sight::Nothing;
    }
    match visibility {
        Visibility::Public => Sight::Profile,
        Visibility::Friends if friends => Sight::Profile,
        Visibility::Friends => Sight::Card,
        Visibility::Private => Sight::Nothing,
    }
}

/// From where somebody looks at a profile that they may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standpoint {
    Owner,
    Staff,
    Friend,
    Stranger,
}

impl Standpoint {
    pub const fn of(facts: &SightFacts) -> Self {
        match facts {
            SightFacts { own: true, .. } => Self::Owner,
            SightFacts { staff: true, .. } => Self::Staff,
            SightFacts { friends: true, .. } => Self::Friend,
            _ => Self::Stranger,
        }
    }
}

/// Fields of a profile that are shown or hidden together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldGroup {
    Bio,
    /// Pronouns, location, links.
    Details,
    /// The friends, and how many they are.
    FriendsList,
    /// The pets, and how many they are.
    Pets,
    Email,
    /// Whether the person is online, and when they last were.
    Presence,
}

impl FieldGroup {
    pub const ALL: [Self; 6] = [Self::Bio, Self::Details, Self::FriendsList, Self::Pets, Self::Email, Self::Presence];

    const fn audience(self, privacy: &Privacy) -> Audience {
        match self {
            Self::Bio => privacy.bio,
            Self::Details => privacy.details,
            Self::FriendsList => privacy.friends_list,
            Self::Pets => privacy.pets,
            Self::Email => privacy.email,
            Self::Presence => privacy.last_seen,
        }
    }
}

/// Whether a group of fields of a visible profile is shown. Staff see all of them but the address: where they need it,
/// they read the account as staff, which needs its own permission.
pub fn is_shown(group: FieldGroup, from: Standpoint, privacy: &Privacy) -> bool {
    let audience = group.audience(privacy);
    match from {
        Standpoint::Owner => true,
        Standpoint::Staff if group != FieldGroup::Email => true,
        Standpoint::Friend => audience != Audience::Nobody,
        Standpoint::Staff | Standpoint::Stranger => audience == Audience::Everyone,
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Word;

    use super::{Sight::*, *};
    use crate::model::Settings;

    const FACTS: SightFacts = SightFacts {
        own: false,
        staff: false,
        friends: false,
        blocked: false,
        visibility: Visibility::Public,
        suspended: false,
        erased: false,
    };

    /// For each visibility: public, friends, private.
    const TABLE: &[(&str, SightFacts, [Sight; 3])] = &[
        ("a stranger", FACTS, [Profile, Card, Nothing]),
        ("a friend", SightFacts { friends: true, ..FACTS }, [Profile, Profile, Nothing]),
        ("either after a block", SightFacts { blocked: true, ..FACTS }, [Nothing; 3]),
        ("either, if the person is suspended", SightFacts { friends: true, suspended: true, ..FACTS }, [Nothing; 3]),
        ("a moderator or administrator", SightFacts { staff: true, ..FACTS }, [Profile; 3]),
        (
            "a moderator or administrator, if the person is suspended",
            SightFacts { staff: true, suspended: true, ..FACTS },
            [Profile; 3],
        ),
        ("the person", SightFacts { own: true, ..FACTS }, [Profile; 3]),
        ("anybody, if the person is erased", SightFacts { staff: true, erased: true, ..FACTS }, [Nothing; 3]),
    ];

    #[test]
    fn sight_table() {
        for (who, facts, sights) in TABLE {
            for ((word, visibility), expected) in Visibility::WORDS.iter().zip(sights) {
                let facts = SightFacts { visibility: *visibility, ..*facts };
                assert_eq!(sight(&facts), *expected, "{who}, {word}");
                let others = if !facts.erased && (facts.own || facts.staff) { Profile } else { Nothing };
                assert_eq!(sight(&SightFacts { suspended: true, ..facts }), others, "{who}, {word}, suspended");
                assert_eq!(sight(&SightFacts { blocked: true, ..facts }), others, "{who}, {word}, blocked");
                assert_eq!(sight(&SightFacts { erased: true, ..facts }), Nothing, "{who}, {word}, erased");
            }
        }
    }

    #[test]
    fn is_shown_table() {
        let usual = Settings::default().privacy;
        for (audience, owner, staff, friend, stranger) in [
            (Audience::Everyone, true, true, true, true),
            (Audience::Friends, true, true, true, false),
            (Audience::Nobody, true, true, false, false),
        ] {
            let privacy = Privacy {
                bio: audience,
                details: audience,
                friends_list: audience,
                pets: audience,
                email: audience,
                last_seen: audience,
                ..usual
            };
            for group in FieldGroup::ALL {
                let shown = |from| is_shown(group, from, &privacy);
                assert!(shown(Standpoint::Owner) == owner && shown(Standpoint::Friend) == friend, "{group:?}");
                assert_eq!(shown(Standpoint::Stranger), stranger, "{group:?} {audience:?}");
                let staff = if group == FieldGroup::Email { stranger } else { staff };
                assert_eq!(shown(Standpoint::Staff), staff, "{group:?} {audience:?}");
            }
        }
        assert!(!is_shown(FieldGroup::Email, Standpoint::Friend, &usual), "an address is private at first");
    }

    /// The table in two pages of the documentation; `UPDATE_TABLES=1` writes it.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test asks for the table to be written")]
    fn the_documented_tables_are_that_of_the_rule() {
        let mut table = String::from("| who looks | `public` | `friends` | `private` |\n|---|---|---|---|\n");
        for (who, facts, _) in TABLE {
            let word = |visibility| match sight(&SightFacts { visibility, ..*facts }) {
                Profile => "profile",
                Card => "card",
                Nothing => "nothing (404)",
            };
            let cells = [Visibility::Public, Visibility::Friends, Visibility::Private].map(word);
            table += &format!("| {who} | {} |\n", cells.join(" | "));
        }
        for name in ["people", "profiles"] {
            let path = format!("{}/../../docs/{name}.md", env!("CARGO_MANIFEST_DIR"));
            let page = std::fs::read_to_string(&path).unwrap();
            let start = page.find("| who looks |").unwrap();
            let end = page[start..].find("\n\n").map_or(page.len(), |length| start + length + 1);
            if std::env::var_os("UPDATE_TABLES").is_some() {
                std::fs::write(path, [&page[..start], &table, &page[end..]].concat()).unwrap();
            } else {
                assert_eq!(&page[start..end], table, "UPDATE_TABLES=1 writes it");
            }
        }
    }
}
