//! Pure rules: who sees a group, who gets into it, and who may do what to whom.

use clowder_core::{
    Error, Result, Timestamp, UserId,
    attempt::{self, NotNow},
    text::Flaw,
};
pub use clowder_core::{
    attempt::{
        A_DAY, AGAIN_AFTER, AskFacts, KEPT_FOR, MOST_A_DAY_EACH, MOST_INVITES_A_DAY, MOST_OPEN, MOST_REQUESTS_A_DAY,
        OPEN_FOR, is_over,
    },
    link::LinkFacts,
};

use super::{GroupVisibility, MyRole, NewGroupInvite, Role, Standing, refusals::*};

/// In groups with more members than this, changes about a member go to the member and the staff only.
pub const TOLD_AMONG: i64 = 256;
/// How many of the staff of a large group are told, the longest-serving first.
pub const MOST_STAFF_TOLD: i64 = 50;
/// How many people can be waiting, invited, or banned, and how many links can be open, in a group.
pub const MOST_REQUESTS: i64 = 1_000;
pub const MOST_INVITED: i64 = 1_000;
pub const MOST_LINKS: i64 = 100;
pub const MOST_BANS: i64 = 10_000;

/// The limits that the settings decide.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many groups one person can own.
    pub owned: i64,
    /// How many groups one person can be in.
    pub memberships: i64,
    /// How many members a group can have.
    pub members: i64,
    /// How many members a group can have that is deleted at once, and not by a job.
    pub at_once: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { owned: 50, memberships: 1_000, members: 100_000, at_once: 200 }
    }
}

/// How somebody stands to a group, and with which role, if they are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub standing: Option<Standing>,
    pub role: Option<Role>,
}

impl Place {
    pub const NONE: Self = Self { standing: None, role: None };

    pub const fn member(role: Role) -> Self {
        Self { standing: Some(Standing::Member), role: Some(role) }
    }

    pub const fn of(standing: Standing) -> Self {
        Self { standing: Some(standing), role: None }
    }

    pub fn is_member(self) -> bool {
        self.standing == Some(Standing::Member)
    }

    /// Who are banned are not told here, but when they try to join.
    pub fn shown(self) -> MyRole {
        match (self.standing, self.role) {
            (Some(Standing::Member), Some(Role::Owner)) => MyRole::Owner,
            (Some(Standing::Member), Some(Role::Admin)) => MyRole::Admin,
            (Some(Standing::Member), Some(Role::Moderator)) => MyRole::Moderator,
            (Some(Standing::Member), _) => MyRole::Member,
            (Some(Standing::Pending), _) => MyRole::Pending,
            (Some(Standing::Invited), _) => MyRole::Invited,
            (Some(Standing::Banned) | None, _) => MyRole::None,
        }
    }
}

/// What the role would have to be.
const STAFF_ONLY: &str = "Only moderators, admins and the owner of the group can do this.";
const ADMINS_ONLY: &str = "Only admins and the owner of the group can do this.";
const OWNER_ONLY: &str = "Only the owner of the group can do this.";
const MEMBERS_ONLY: &str = "Only members of the group see its members.";
const HIGHER_ONLY: &str = "Only somebody in the group whose role is higher than theirs can do this.";
const OWNER_MAKES_ADMINS: &str = "Only the owner of the group makes and unmakes admins.";

fn forbidden(detail: &'static str) -> Error {
    Error::explained(GROUP_FORBIDDEN, detail)
}

/// Whoever asked when a group was not yet secret still sees it, and so can take the request back.
pub fn may_see(visibility: GroupVisibility, place: Place) -> bool {
    let is_concerned = matches!(place.standing, Some(Standing::Member | Standing::Invited | Standing::Pending));
    visibility != GroupVisibility::Secret || is_concerned
}

/// Members see each other; of a public group everybody sees the members. Who waits, is invited or banned, the staff sees.
pub fn may_list(visibility: GroupVisibility, place: Place, status: Standing) -> Result<()> {
    match status {
        Standing::Member if visibility == GroupVisibility::Public || place.is_member() => Ok(()),
        Standing::Member => Err(forbidden(MEMBERS_ONLY)),
        Standing::Pending | Standing::Invited | Standing::Banned => may_admit(place),
    }
}

pub fn is_staff(place: Place) -> bool {
    place.role.is_some_and(|role| role >= Role::Moderator)
}

/// Moderators and above invite, decide on requests and see who is banned.
pub fn may_admit(place: Place) -> Result<()> {
    if is_staff(place) { Ok(()) } else { Err(forbidden(STAFF_ONLY)) }
}

/// Admins and the owner edit.
pub fn may_edit(place: Place) -> Result<()> {
    if place.role >= Some(Role::Admin) { Ok(()) } else { Err(forbidden(ADMINS_ONLY)) }
}

/// Only the owner deletes and transfers.
pub fn may_own(place: Place) -> Result<()> {
    if place.role == Some(Role::Owner) { Ok(()) } else { Err(forbidden(OWNER_ONLY)) }
}

/// Whether somebody can be one more member.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub members: i64,
    pub memberships: i64,
    pub limits: Limits,
}

pub fn fits(room: Room) -> Result<()> {
    if room.members >= room.limits.members {
        return Err(GROUP_FULL.into());
    }
    if room.memberships >= room.limits.memberships {
        return Err(GROUP_MEMBERSHIPS.into());
    }
    Ok(())
}

/// What joining does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They are in it, or have asked.
    Stay,
    Enter,
    Ask,
}

/// `by_link`: a valid link lets in without a decision.
pub fn join(visibility: GroupVisibility, place: Place, by_link: bool, room: Room) -> Result<Way> {
    match place.standing {
        Some(Standing::Member) => return Ok(Way::Stay),
        Some(Standing::Banned) => return Err(GROUP_BANNED.into()),
        Some(Standing::Pending) if visibility != GroupVisibility::Public && !by_link => return Ok(Way::Stay),
        Some(Standing::Pending | Standing::Invited) | None => {}
    }
    fits(room)?;
    let invited = by_link || place.standing == Some(Standing::Invited);
    Ok(if invited || visibility == GroupVisibility::Public { Way::Enter } else { Way::Ask })
}

pub fn may_ask(now: Timestamp, facts: AskFacts) -> Result<()> {
    attempt::may_ask(now, facts, MOST_REQUESTS).map_err(|why| match why {
        NotNow::Until(until) => Error::TooEarly { refusal: GROUP_TOO_SOON, until },
        NotNow::Open => GROUP_REQUESTS_OPEN.into(),
        NotNow::Today => GROUP_REQUESTS_TODAY.into(),
        NotNow::Waiting => GROUP_REQUESTS.into(),
    })
}

pub fn may_leave(place: Place) -> Result<()> {
    if place.role == Some(Role::Owner) { Err(GROUP_OWNER.into()) } else { Ok(()) }
}

/// Admins make moderators of members and the reverse; only the owner makes and unmakes admins.
pub fn may_set_role(actor: Place, target: Place, role: Role) -> Result<()> {
    may_edit(actor)?;
    let held = target.role.filter(|_| target.is_member()).ok_or(MEMBER_UNKNOWN)?;
    if held == Role::Owner {
        return if role == Role::Owner { Ok(()) } else { Err(GROUP_OWNER.into()) };
    }
    if role == Role::Owner {
        return Err(GROUP_TRANSFER.into());
    }
    if actor.role == Some(Role::Owner) || held < Role::Admin && role < Role::Admin {
        return Ok(());
    }
    Err(forbidden(OWNER_MAKES_ADMINS))
}

/// Staff removes whoever has a lower role, and withdraws invitations.
pub fn may_remove(actor: Place, target: Place) -> Result<()> {
    may_admit(actor)?;
    match (target.standing, target.role) {
        (Some(Standing::Member), Some(Role::Owner)) => Err(GROUP_OWNER.into()),
        (Some(Standing::Member), role) if role < actor.role => Ok(()),
        (Some(Standing::Member), _) => Err(forbidden(HIGHER_ONLY)),
        (Some(Standing::Invited), _) => Ok(()),
        (Some(Standing::Pending | Standing::Banned) | None, _) => Err(MEMBER_UNKNOWN.into()),
    }
}

/// Staff bans whoever has a lower role, also who is not in the group.
pub fn may_ban(actor: Place, target: Place, bans: i64) -> Result<()> {
    may_admit(actor)?;
    if target.role == Some(Role::Owner) {
        return Err(GROUP_OWNER.into());
    }
    if target.is_member() && target.role >= actor.role {
        return Err(forbidden(HIGHER_ONLY));
    }
    if bans >= MOST_BANS && target.standing != Some(Standing::Banned) {
        return Err(GROUP_BANS.into());
    }
    Ok(())
}

/// Only members can become owners, and no more groups than one person can own.
pub fn may_transfer(actor: Place, target: Place, owned: i64, limits: Limits) -> Result<()> {
    may_own(actor)?;
    if !target.is_member() {
        return Err(MEMBER_UNKNOWN.into());
    }
    if owned >= limits.owned && target.role != Some(Role::Owner) {
        return Err(GROUP_LIMIT.into());
    }
    Ok(())
}

/// What is known when people are invited.
#[derive(Debug, Clone)]
pub struct InviteFacts {
    pub inviter: UserId,
    /// Those of the named people whom the inviter may see.
    pub people: Vec<(UserId, Known)>,
    /// How many are invited to the group.
    pub invited: i64,
    /// How many people the inviter has invited within a day, to all groups.
    pub today: i64,
}

/// What is known of somebody who is to be invited.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub place: Place,
    /// When they last declined an invitation to the group.
    pub declined_at: Option<Timestamp>,
    /// How often the inviter has invited them within a day, to all groups.
    pub today: i64,
}

/// Who is invited now. Who asked gets in by the invitation as well; who is banned stays out, and the inviter, who is of the
/// staff, can see why.
pub fn invite(now: Timestamp, wanted: &[UserId], facts: &InviteFacts) -> Result<Vec<UserId>> {
    let mut errors = Vec::new();
    let mut invited = Vec::new();
    for (index, id) in wanted.iter().enumerate() {
        let known = facts.people.iter().find(|(user, _)| user == id).map(|(_, known)| known);
        match may_be_invited(now, facts.inviter == *id, known) {
            Err(flaw) => errors.push(flaw.at(format!("/user_ids/{index}"))),
            Ok(true) if !invited.contains(id) => invited.push(*id),
            Ok(_) => {}
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    if facts.invited + invited.len() as i64 > MOST_INVITED {
        return Err(GROUP_INVITES.into());
    }
    if facts.today + invited.len() as i64 > MOST_INVITES_A_DAY {
        return Err(GROUP_INVITES_TODAY.into());
    }
    Ok(invited)
}

/// Whether somebody is invited; not if they are in the group, or invited already.
fn may_be_invited(now: Timestamp, is_inviter: bool, known: Option<&Known>) -> Result<bool, Flaw> {
    if is_inviter {
        return Err(Flaw::new("self", "must be somebody other than yourself"));
    }
    let Some(known) = known else { return Err(Flaw::new("user.unknown", "there is no such user")) };
    match known.place.standing {
        Some(Standing::Banned) => Err(Flaw::new("banned", "is banned from the group")),
        Some(Standing::Member | Standing::Invited) => Ok(false),
        Some(Standing::Pending) | None => {
            attempt::may_be_invited(now, known.declined_at, known.today)?;
            Ok(true)
        }
    }
}

/// A link that ends must end later than now.
pub fn may_link(now: Timestamp, new: &NewGroupInvite, open: i64) -> Result<()> {
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::field("/expires_at", "past", "must be in the future"));
    }
    if open >= MOST_LINKS { Err(GROUP_INVITES.into()) } else { Ok(()) }
}

pub fn is_open(now: Timestamp, link: LinkFacts) -> Result<()> {
    if link.is_open(now) { Ok(()) } else { Err(INVITE_GONE.into()) }
}

#[cfg(test)]
mod tests;
