//! The rules of who is in a chat: adding, joining, roles, removing.

pub mod port;

use clowder_core::{Error, FieldError, Fields, Input, Result, UserId, text::Flaw};

use crate::{
    ChatRole, ChatType, ChatVisibility,
    policy::{Action, Seat, allow, forbidden},
    refusals::{
        CHAT_FULL, CHAT_MEMBERSHIPS, CHAT_NOT_WANTED, CHAT_OWNER, CHAT_STRANGERS_TODAY, CHAT_UNKNOWN,
        PARTICIPANT_UNKNOWN,
    },
};

/// How many people can be added at once.
pub const MOST_ADDED: usize = 200;
/// How many owners and admins a chat can have.
pub const MOST_STAFF: i64 = 100;
/// In chats with more people than this, what happens to a participant is told to them and to those who run the chat, and no
/// message says so.
pub const TOLD_AMONG: i64 = 256;
/// How many of those who run a chat are told at most when many people come at once.
const MOST_COPIES: i64 = 2_000;

/// How many of those who run a large chat are told of so many people who come.
pub fn told_of(people: usize) -> i64 {
    (MOST_COPIES / (people as i64).max(1)).clamp(1, MOST_STAFF)
}

/// `{user_ids, role?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"user_ids": ["01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"]}))]
pub struct NewParticipants {
    #[schema(min_items = 1, max_items = 200)]
    pub user_ids: Vec<UserId>,
    /// `member` if absent, in channels `subscriber`.
    pub role: Option<ChatRole>,
}

impl Input for NewParticipants {
    fn read(fields: &mut Fields) -> Option<Self> {
        let user_ids: Option<Vec<UserId>> = fields.required_list("user_ids", MOST_ADDED);
        let role = fields.optional("role");
        if user_ids.as_ref().is_some_and(Vec::is_empty) {
            fields.flaw("user_ids", Flaw::new("required", "must name at least one person"));
        }
        Some(Self { user_ids: user_ids?, role: role? })
    }

    fn rows(&self) -> usize {
        self.user_ids.len()
    }
}

/// `{role}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = ChatRolePatch, example = json!({"role": "admin"}))]
pub struct RolePatch {
    pub role: ChatRole,
}

impl Input for RolePatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("role").map(|role| Self { role })
    }
}

/// Which people of a chat to list.
#[derive(Debug, Clone, Default)]
pub struct PeopleFilter {
    pub role: Option<ChatRole>,
    /// Words of their names begin with these.
    pub search: Option<String>,
}

/// What is known when people are added.
#[derive(Debug, Clone)]
pub struct AddFacts {
    /// Those of the named people whom the caller may see. Others count as unknown.
    pub visible: Vec<UserId>,
    /// Those of them whom the caller must not add: so they have chosen.
    pub unwilling: Vec<UserId>,
    /// Those who are banned from the chat.
    pub banned: Vec<UserId>,
    /// Those who are in the chat already.
    pub present: Vec<UserId>,
    pub room: Room,
    /// Those who are in as many chats as the caller can bring them into.
    pub busy: Vec<UserId>,
    /// Those who have declined an invitation to the chat of late.
    pub declined: Vec<UserId>,
    /// Those who have left the chat of late.
    pub left: Vec<UserId>,
    pub strangers: Strangers,
}

/// What is known of those who are brought into a chat without being asked, by somebody who is not their friend.
#[derive(Debug, Clone, Default)]
pub struct Strangers {
    pub people: Vec<UserId>,
    /// How often the caller has brought such people into chats within a day, and how often one person can.
    pub today: i64,
    pub most: i64,
    /// Those of them whom the caller has brought into chats as often as one person can within a day.
    pub often: Vec<UserId>,
}

impl Strangers {
    /// Refuses to bring these in if that was done too often; says which of those that a call names.
    pub fn allow(&self, at: &str, named: &[UserId], brought: &[UserId]) -> Result<()> {
        let often = |id: &UserId| brought.contains(id) && self.often.contains(id);
        let errors: Vec<FieldError> = (named.iter().enumerate().filter(|(_, id)| often(id)))
            .map(|(index, _)| Flaw::new("too_soon", TOO_OFTEN).at(format!("{at}/{index}")))
            .collect();
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let more = brought.iter().filter(|id| self.people.contains(id)).count() as i64;
        if more > 0 && self.today + more > self.most { Err(CHAT_STRANGERS_TODAY.into()) } else { Ok(()) }
    }
}

const TOO_OFTEN: &str = "was brought into chats by you too often within a day, and is not your friend";

/// How many people a chat has, and how many it can have.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub people: i64,
    /// Of them, its owners and admins.
    pub staff: i64,
    pub most: i64,
}

impl Room {
    /// Whether so many more fit. Channels have room for everybody.
    fn fits(self, kind: ChatType, more: usize, role: ChatRole) -> Result<()> {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        if kind != ChatType::Channel && self.people.saturating_add(more) > self.most {
            return Err(CHAT_FULL.into());
        }
        if is_staff(role) && self.staff.saturating_add(more) > MOST_STAFF {
            return Err(CHAT_FULL.into());
        }
        Ok(())
    }
}

pub fn is_staff(role: ChatRole) -> bool {
    role <= ChatRole::Admin
}

/// A role that there is in this type of chat, and that the seat may give: none above its own, and owners are made one by
/// one. In a channel, members may post, so making one is a promotion.
pub fn grants(seat: Seat, role: ChatRole) -> Result<()> {
    if role == ChatRole::Subscriber && seat.kind != ChatType::Channel {
        return Err(Error::field("/role", "unwanted", "only channels have subscribers"));
    }
    if is_staff(role) || (role == ChatRole::Member && seat.kind == ChatType::Channel) {
        allow(seat, Action::Promote)?;
    }
    if role == ChatRole::Owner && seat.role != ChatRole::Owner {
        return Err(forbidden("Only owners can make somebody an owner."));
    }
    Ok(())
}

/// A new participant is no owner.
pub fn no_owner(role: ChatRole) -> Result<()> {
    if role == ChatRole::Owner {
        return Err(Error::field("/role", "unwanted", "only somebody in the chat can become its owner"));
    }
    Ok(())
}

/// Refuses to bring people into a chat who do not want that, and says which of those that a call names.
pub fn not_wanted<'a>(at: &str, named: impl IntoIterator<Item = &'a UserId>, unwilling: &[UserId]) -> Result<()> {
    let named = named.into_iter().enumerate().filter(|(_, id)| unwilling.contains(id));
    let errors: Vec<FieldError> = named
        .map(|(index, _)| Flaw::new("chat.not_wanted", "does not want this from you").at(format!("{at}/{index}")))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Pointed { refusal: CHAT_NOT_WANTED, errors }) }
}

/// Who comes into the chat now, with which role; who is in it already stays as they are.
pub fn add(seat: Seat, new: &NewParticipants, facts: &AddFacts) -> Result<(Vec<UserId>, ChatRole)> {
    allow(seat, Action::Add)?;
    let role = new.role.unwrap_or(ChatRole::of_newcomers(seat.kind));
    grants(seat, role)?;
    no_owner(role)?;
    let (mut errors, mut added) = (Vec::new(), Vec::new());
    for (index, id) in new.user_ids.iter().enumerate() {
        let at = |flaw: Flaw| flaw.at(format!("/user_ids/{index}"));
        if facts.present.contains(id) || added.contains(id) {
            continue;
        }
        if !facts.visible.contains(id) {
            errors.push(at(Flaw::new("user.unknown", "there is no such user")));
        } else if facts.banned.contains(id) {
            errors.push(at(Flaw::new("banned", "is banned from the chat")));
        } else if facts.declined.contains(id) {
            errors.push(at(Flaw::new("too_soon", "has declined an invitation to it less than 7 days ago")));
        } else if facts.left.contains(id) && facts.strangers.people.contains(id) {
            errors.push(at(Flaw::new("too_soon", "has left it less than 30 days ago: invite them instead")));
        }
        added.push(*id);
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let unwilling: Vec<UserId> = facts.unwilling.iter().filter(|id| added.contains(id)).copied().collect();
    not_wanted("/user_ids", &new.user_ids, &unwilling)?;
    facts.strangers.allow("/user_ids", &new.user_ids, &added)?;
    if added.iter().any(|id| facts.busy.contains(id)) {
        return Err(CHAT_MEMBERSHIPS.into());
    }
    facts.room.fits(seat.kind, added.len(), role)?;
    Ok((added, role))
}

/// Whether somebody can come in: by themselves into public chats, otherwise by an invitation or a link.
pub fn join(kind: ChatType, role: ChatRole, room: Room, memberships: i64, most: i64) -> Result<()> {
    room.fits(kind, 1, role)?;
    if memberships >= most { Err(CHAT_MEMBERSHIPS.into()) } else { Ok(()) }
}

/// Anybody joins a public chat; another does not exist for them. The chat of a group is joined with its group.
pub fn may_join(visibility: ChatVisibility, of_group: bool) -> Result<()> {
    if visibility == ChatVisibility::Public && !of_group { Ok(()) } else { Err(CHAT_UNKNOWN.into()) }
}

/// What is known when somebody gets another role.
#[derive(Debug, Clone, Copy)]
pub struct RoleFacts {
    /// The role that they have, if they are in the chat.
    pub held: Option<ChatRole>,
    /// Whether it is about the caller.
    pub own: bool,
    pub owners: usize,
    pub room: Room,
}

/// Whether a role changes. Nobody changes the role of somebody who has the same or a higher one, but owners change those of
/// owners too, and everybody may take a lower role themselves. A chat always has an owner.
pub fn set_role(seat: Seat, role: ChatRole, facts: RoleFacts) -> Result<bool> {
    let is_lowered = facts.own && facts.held.is_some_and(|held| role > held);
    if !is_lowered || seat.of_group || seat.kind == ChatType::Private {
        allow(seat, Action::Promote)?;
    }
    let held = facts.held.ok_or(PARTICIPANT_UNKNOWN)?;
    if is_lowered {
        if role == ChatRole::Subscriber && seat.kind != ChatType::Channel {
            return Err(Error::field("/role", "unwanted", "only channels have subscribers"));
        }
    } else {
        grants(seat, role)?;
        if seat.role != ChatRole::Owner && held <= seat.role && held != role {
            return Err(forbidden(LOWER_ONLY));
        }
    }
    if held == role {
        return Ok(false);
    }
    if held == ChatRole::Owner && facts.owners <= 1 {
        return Err(CHAT_OWNER.into());
    }
    if is_staff(role) && !is_staff(held) {
        facts.room.fits(ChatType::Channel, 1, role)?;
    }
    Ok(true)
}

/// Whoever has a lower role can be removed; owners remove each other.
pub fn may_remove(seat: Seat, held: Option<ChatRole>, owners: usize) -> Result<()> {
    allow(seat, Action::Remove)?;
    let held = held.ok_or(PARTICIPANT_UNKNOWN)?;
    if held == ChatRole::Owner && seat.role == ChatRole::Owner {
        return if owners <= 1 { Err(CHAT_OWNER.into()) } else { Ok(()) };
    }
    if held <= seat.role { Err(forbidden(LOWER_ONLY)) } else { Ok(()) }
}

const LOWER_ONLY: &str = "This is possible only with people whose role is lower than yours.";

#[cfg(test)]
mod tests;
