//! Pure rules: who sees a pet and how much of it, who may change what, and how much of each there can be.

use std::time::Duration;

use clowder_core::attempt::{A_DAY as DAY, may_be_invited, room_for};
pub use clowder_core::attempt::{AGAIN_AFTER, OPEN_FOR, is_over};
use clowder_core::{Error, Refusal, Result, Timestamp, UserId, Visibility};

use super::{
    Role,
    model::{BirthDate, Precision},
    refusals::*,
};

/// How many pets one person can keep, as their owner or otherwise.
pub const MOST_PETS: i64 = 100;
/// How many people can keep a pet or be invited to, the owner included.
pub const MOST_KEEPERS: i64 = 20;
/// How many open invitations one person can have; people who are not their friends can only use half of that.
pub const MOST_INVITATIONS: i64 = 100;
/// How many invitations to keep pets one person can make within a day.
pub const MOST_INVITES_A_DAY: i64 = 200;
/// How many of these can be to the same person, if they are not friends.
pub const MOST_INVITES_TO_STRANGER: i64 = 20;
/// How many entries the log of a pet can have.
pub const MOST_ENTRIES: i64 = 10_000;
/// How far ahead the time of an entry may be: clocks and time zones differ.
const AHEAD: Duration = DAY;
/// Not before this.
const FIRST: Timestamp = Timestamp::from_micros(0);

/// What is known when somebody looks at a pet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SightFacts {
    /// What the viewer is to it, if they keep it.
    pub role: Option<Role>,
    /// Whether the viewer is invited to keep it.
    pub invited: bool,
    /// Whether the viewer may see the owner.
    pub owner_visible: bool,
    /// Whether the viewer is a friend of the owner or of a co-owner.
    pub friend: bool,
    pub visibility: Visibility,
    pub lost: bool,
}

/// How much of a pet somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// What helps to find it: no date of birth, no bio, no co-owners.
    Card,
    Full,
}

/// `None`: for this viewer there is no such pet.
pub fn sight(facts: SightFacts) -> Option<Sight> {
    if facts.role.is_some() || facts.invited {
        return Some(Sight::Full);
    }
    if !facts.owner_visible {
        return None;
    }
    match facts.visibility {
        Visibility::Public => Some(Sight::Full),
        Visibility::Friends if facts.friend => Some(Sight::Full),
        Visibility::Friends if facts.lost => Some(Sight::Card),
        Visibility::Friends | Visibility::Private => None,
    }
}

/// The owner and the co-owners see the number of the microchip.
pub fn sees_microchip(role: Option<Role>) -> bool {
    role >= Some(Role::CoOwner)
}

/// What somebody would have to be to the pet.
const KEEPERS_ONLY: &str = "Only those who keep the pet can do this.";
const OWNERS_ONLY: &str = "Only the owner and the co-owners of the pet can do this.";
const OWNER_ONLY: &str = "Only the owner of the pet can do this.";

fn forbidden(detail: &'static str) -> Error {
    Error::explained(PET_FORBIDDEN, detail)
}

/// The owner and the co-owners edit the pet and say that it is lost or found.
pub fn may_edit(role: Option<Role>) -> Result<()> {
    if role >= Some(Role::CoOwner) { Ok(()) } else { Err(forbidden(OWNERS_ONLY)) }
}

/// Only the owner deletes and transfers, invites and removes keepers.
pub fn may_own(role: Option<Role>) -> Result<()> {
    if role == Some(Role::Owner) { Ok(()) } else { Err(forbidden(OWNER_ONLY)) }
}

/// Whoever keeps the pet reads and writes its log, and sees who keeps it.
pub fn may_keep(role: Option<Role>) -> Result<()> {
    if role.is_some() { Ok(()) } else { Err(forbidden(KEEPERS_ONLY)) }
}

/// Everybody deletes their own entries, and the owner all.
pub fn may_delete_entry(role: Option<Role>, own: bool) -> Result<()> {
    may_keep(role)?;
    if own { Ok(()) } else { may_own(role) }
}

/// One more pet for somebody who keeps so many.
pub fn has_room(kept: i64) -> Result<(), Refusal> {
    if kept < MOST_PETS { Ok(()) } else { Err(PET_LIMIT) }
}

/// What is known when the owner invites somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InviteFacts {
    /// Whether the owner may see them.
    pub visible: bool,
    /// Whether they are friends of the owner.
    pub friend: bool,
    /// Whether they keep it or are invited.
    pub concerned: bool,
    /// When they last declined an invitation to it.
    pub declined_at: Option<Timestamp>,
    /// How often the owner has invited them within a day, to this pet and to any; and anybody to any pet.
    pub here_today: i64,
    pub them_today: i64,
    pub today: i64,
    /// How many people keep it or are invited.
    pub keepers: i64,
    /// How many open invitations they have.
    pub invitations: i64,
}

pub fn may_invite(now: Timestamp, caller: UserId, user: UserId, role: Option<Role>, facts: InviteFacts) -> Result<()> {
    may_own(role)?;
    if caller == user {
        return Err(Error::field("/user_id", "self", "must be somebody other than yourself"));
    }
    if !facts.visible {
        return Err(Error::field("/user_id", "user.unknown", "is nobody whom you may see"));
    }
    let refusal = if facts.concerned {
        PET_KEPT
    } else if let Err(flaw) = may_be_invited(now, facts.declined_at, facts.here_today) {
        return Err(Error::Invalid(vec![flaw.at("/user_id")]));
    } else if !facts.friend && facts.them_today >= MOST_INVITES_TO_STRANGER {
        return Err(Error::field(
            "/user_id",
            "too_soon",
            "was invited by you 20 times within a day, and is not your friend",
        ));
    } else if facts.today >= MOST_INVITES_A_DAY {
        PET_INVITES_TODAY
    } else if facts.keepers >= MOST_KEEPERS {
        PET_KEEPERS
    } else if facts.invitations >= room_for(facts.friend, MOST_INVITATIONS) {
        PET_INVITATIONS
    } else {
        return Ok(());
    };
    Err(refusal.into())
}

/// Who takes somebody out: the owner everybody else, and everybody themselves, except the owner.
pub fn may_remove(role: Option<Role>, own: bool, target: Option<Role>) -> Result<()> {
    if !own {
        may_own(role)?;
    }
    match target {
        None => Err(KEEPER_UNKNOWN.into()),
        Some(Role::Owner) => Err(PET_OWNER.into()),
        Some(Role::CoOwner | Role::Caretaker) => Ok(()),
    }
}

/// The date of birth from what was known and what is given.
pub fn birth_date(
    now: Timestamp,
    before: Option<BirthDate>,
    given: Option<Option<BirthDate>>,
    precision: Option<Precision>,
) -> Result<Option<BirthDate>> {
    let is_given = given.is_some();
    let date = given.unwrap_or(before);
    let date = match (date, precision) {
        (Some(date), Some(precision)) => {
            let wrong = || Error::field("/birth_date_precision", "precision", "is more than the date of birth says");
            Some(date.with(precision).ok_or_else(wrong)?)
        }
        (None, Some(_)) => {
            return Err(Error::field("/birth_date_precision", "precision", "is only for a date of birth"));
        }
        (date, None) => date,
    };
    match &date {
        Some(date) if is_given => match date.flaw_at(now) {
            Some(flaw) => Err(Error::Invalid(vec![flaw.at("/birth_date")])),
            None => Ok(Some(date.clone())),
        },
        _ => Ok(date),
    }
}

/// Whether an entry can be about this time.
pub fn may_be_about(now: Timestamp, at: Timestamp) -> Result<()> {
    if at > now.plus(AHEAD) {
        return Err(Error::field("/at", "future", "must not be in the future"));
    }
    if at < FIRST {
        return Err(Error::field("/at", "range", "must not be before 1970"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;

    use super::*;

    const ROLES: [Option<Role>; 4] = [None, Some(Role::Caretaker), Some(Role::CoOwner), Some(Role::Owner)];

    #[test]
    fn sight_table() {
        use Sight::*;
        use Visibility::*;
        // Visibility, lost; then what is seen by: a stranger, a friend of an owner, and both if the owner is hidden.
        for (visibility, lost, stranger, friend) in [
            (Public, false, Some(Full), Some(Full)),
            (Public, true, Some(Full), Some(Full)),
            (Friends, false, None, Some(Full)),
            (Friends, true, Some(Card), Some(Full)),
            (Private, false, None, None),
            (Private, true, None, None),
        ] {
            for (is_friend, expected) in [(false, stranger), (true, friend)] {
                let facts =
                    SightFacts { role: None, invited: false, owner_visible: true, friend: is_friend, visibility, lost };
                assert_eq!(sight(facts), expected, "{facts:?}");
                assert_eq!(sight(SightFacts { owner_visible: false, ..facts }), None, "{facts:?}");
                for owner_visible in [true, false] {
                    assert_eq!(sight(SightFacts { invited: true, owner_visible, ..facts }), Some(Full));
                    for role in [Role::Caretaker, Role::CoOwner, Role::Owner] {
                        assert_eq!(sight(SightFacts { role: Some(role), owner_visible, ..facts }), Some(Full));
                    }
                }
            }
        }
    }

    #[test]
    fn what_each_role_may_do() {
        for (role, [keep, edit, own]) in ROLES.into_iter().zip([
            [false, false, false],
            [true, false, false],
            [true, true, false],
            [true, true, true],
        ]) {
            assert_eq!(may_keep(role).is_ok(), keep, "{role:?}");
            assert_eq!(may_edit(role).is_ok(), edit, "{role:?}");
            assert_eq!(sees_microchip(role), edit, "{role:?}");
            assert_eq!(may_own(role).is_ok(), own, "{role:?}");
            assert_eq!(may_delete_entry(role, true).is_ok(), keep, "{role:?}");
            assert_eq!(may_delete_entry(role, false).is_ok(), own, "{role:?}");
        }
    }

    #[test]
    fn may_invite_table() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| Id::new(now));
        let days_ago = |days: u32| Some(now.minus(DAY * days));
        let free = InviteFacts { visible: true, keepers: 1, ..InviteFacts::default() };
        for (role, user, facts, expected) in [
            (Some(Role::Owner), bob, free, "ok"),
            (Some(Role::CoOwner), bob, free, "pet.forbidden"),
            (None, bob, free, "pet.forbidden"),
            (Some(Role::Owner), ada, free, "self"),
            (Some(Role::Owner), bob, InviteFacts { visible: false, concerned: true, ..free }, "user.unknown"),
            (Some(Role::Owner), bob, InviteFacts { concerned: true, keepers: 20, ..free }, "pet.kept"),
            (Some(Role::Owner), bob, InviteFacts { declined_at: days_ago(6), keepers: 20, ..free }, "too_soon"),
            (Some(Role::Owner), bob, InviteFacts { declined_at: days_ago(7), ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { declined_at: Some(now.plus(DAY)), ..free }, "too_soon"),
            (Some(Role::Owner), bob, InviteFacts { concerned: true, declined_at: days_ago(0), ..free }, "pet.kept"),
            (Some(Role::Owner), bob, InviteFacts { here_today: 4, ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { here_today: 5, today: 200, ..free }, "too_soon"),
            (Some(Role::Owner), bob, InviteFacts { them_today: 19, ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { them_today: 20, ..free }, "too_soon"),
            (Some(Role::Owner), bob, InviteFacts { friend: true, them_today: 20, ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { today: 199, ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { today: 200, keepers: 20, ..free }, "pet.invites_today"),
            (Some(Role::Owner), bob, InviteFacts { keepers: 19, ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { keepers: 20, ..free }, "pet.keepers"),
            (Some(Role::Owner), bob, InviteFacts { invitations: 49, ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { invitations: 50, ..free }, "pet.invitations"),
            (Some(Role::Owner), bob, InviteFacts { friend: true, invitations: 99, ..free }, "ok"),
            (Some(Role::Owner), bob, InviteFacts { friend: true, invitations: 100, ..free }, "pet.invitations"),
        ] {
            let code = match may_invite(now, ada, user, role, facts) {
                Ok(()) => "ok".to_owned(),
                Err(Error::Refused(refusal) | Error::Explained { refusal, .. }) => refusal.code.to_owned(),
                Err(Error::Invalid(errors)) => errors[0].code.to_string(),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(code, expected, "{role:?} {facts:?}");
        }
    }

    #[test]
    fn invitations_are_over_after_a_month() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        for (since, over) in [(now.minus(DAY * 29), false), (now.minus(DAY * 30), true), (now.plus(DAY), false)] {
            assert_eq!(is_over(now, since), over, "{since:?}");
        }
    }

    #[test]
    fn may_remove_table() {
        use Role::*;
        for (role, own, target, expected) in [
            (Some(Owner), false, Some(CoOwner), "ok"),
            (Some(Owner), false, Some(Caretaker), "ok"),
            (Some(Owner), false, None, "pet.keeper_unknown"),
            (Some(Owner), true, Some(Owner), "pet.owner"),
            (Some(CoOwner), false, Some(Caretaker), "pet.forbidden"),
            (Some(CoOwner), false, Some(Owner), "pet.forbidden"),
            (Some(CoOwner), true, Some(CoOwner), "ok"),
            // Somebody who is invited.
            (None, true, Some(Caretaker), "ok"),
            (None, true, None, "pet.keeper_unknown"),
            (None, false, Some(Caretaker), "pet.forbidden"),
        ] {
            let code = match may_remove(role, own, target) {
                Ok(()) => "ok",
                Err(Error::Refused(refusal) | Error::Explained { refusal, .. }) => refusal.code,
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(code, expected, "{role:?} {own} {target:?}");
        }
    }

    #[test]
    fn birth_date_table() {
        use Precision::*;
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let date = |text: &str| BirthDate::read(text).unwrap();
        for (before, given, precision, expected) in [
            (None, None, None, Ok(None)),
            (Some("2020-05"), None, None, Ok(Some("2020-05"))),
            (Some("2020-05"), Some(None), None, Ok(None)),
            (Some("2020-05"), Some(Some("2021")), None, Ok(Some("2021"))),
            (Some("2020-05"), None, Some(Year), Ok(Some("2020"))),
            (Some("2020-05"), None, Some(Day), Err("precision")),
            (None, Some(Some("2020-05-17")), Some(Month), Ok(Some("2020-05"))),
            (None, Some(Some("2020")), Some(Month), Err("precision")),
            (None, None, Some(Month), Err("precision")),
            (None, Some(Some("2027")), None, Err("future")),
            (None, Some(Some("1825")), None, Err("range")),
            // What was possible once stays.
            (Some("1825"), None, None, Ok(Some("1825"))),
        ] {
            let result = birth_date(now, before.map(date), given.map(|given| given.map(date)), precision);
            let result = match &result {
                Ok(date) => Ok(date.as_ref().map(BirthDate::as_str)),
                Err(Error::Invalid(errors)) => Err(&*errors[0].code),
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(result, expected, "{before:?} {given:?} {precision:?}");
        }
    }

    #[test]
    fn entries_are_about_times_that_were() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        for (at, is_fine) in [
            ("2026-11-26T12:00:00Z", true),
            ("2026-11-27T12:00:00Z", true),
            ("2026-11-27T12:00:01Z", false),
            ("1970-01-01T00:00:00Z", true),
            ("1969-12-31T23:59:59Z", false),
        ] {
            assert_eq!(may_be_about(now, at.parse().unwrap()).is_ok(), is_fine, "{at}");
        }
    }
}
