//! The rules of coming into a chat by an invitation, by a link, or by asking.

pub mod port;

pub use clowder_core::attempt::{AskFacts, OPEN_FOR, is_over};
use clowder_core::{
    Card, ChatId, Error, Fields, Id, Input, Refusal, Result, Timestamp, UserId, Word,
    attempt::{self, MOST_INVITES_A_DAY, NotNow, may_be_invited},
    link::{LinkFacts, Uses},
    text::Flaw,
};
use serde::{Deserialize, Serialize};

use crate::{
    ChatRole, ChatType,
    participants::{MOST_ADDED, grants, no_owner, not_wanted},
    policy::{Action, Seat, allow},
    refusals::{
        CHAT_INVITES, CHAT_INVITES_TODAY, CHAT_REQUESTS, CHAT_REQUESTS_OPEN, CHAT_REQUESTS_TODAY, CHAT_TOO_SOON,
        LINK_GONE, REQUEST_UNKNOWN,
    },
};

/// How many people can be invited to a chat, and how many can wait to be let in.
pub const MOST_INVITED: i64 = 1_000;
pub const MOST_REQUESTS: i64 = 1_000;
/// How many open links a chat can have.
pub const MOST_LINKS: i64 = 100;
/// How many of those who decide are told of a request, the longest-serving first.
pub const MOST_TOLD: i64 = 50;

pub enum LinkKind {}
pub type LinkId = Id<LinkKind>;

/// How somebody who is not in a chat stands to it. Nobody stands in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatStanding)]
pub enum Standing {
    Invited,
    /// They asked to join.
    Pending,
}

impl Word for Standing {
    const WHAT: &'static str = "standing to a chat";
    const WORDS: &'static [(&'static str, Self)] = &[("invited", Self::Invited), ("pending", Self::Pending)];
}

/// `{user_ids, role?}`, or `{role?, approval?, max_uses?, expires_at?}` for a link
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatInvite, example = json!({"max_uses": 20}))]
pub struct NewInvite {
    /// Whom to invite; with people there is no link.
    #[schema(value_type = Vec<UserId>, min_items = 1, max_items = 200, required = false)]
    pub user_ids: Option<Vec<UserId>>,
    /// Their role; `member` if absent, in channels `subscriber`.
    pub role: Option<ChatRole>,
    /// Whether those who decide have to let in whoever comes by the link.
    #[schema(value_type = Option<bool>)]
    pub approval: bool,
    /// How many people can come by the link; unlimited if absent.
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 100_000)]
    pub max_uses: Option<Uses>,
    /// The link never expires if absent; an invitation of a person lasts 30 days.
    pub expires_at: Option<Timestamp>,
}

impl NewInvite {
    pub fn people(&self) -> &[UserId] {
        self.user_ids.as_deref().unwrap_or_default()
    }
}

impl Input for NewInvite {
    fn read(fields: &mut Fields) -> Option<Self> {
        let user_ids = fields.list_patch("user_ids", MOST_ADDED);
        let (role, approval) = (fields.optional("role"), fields.optional("approval"));
        let (max_uses, expires_at) = (fields.optional("max_uses"), fields.optional("expires_at"));
        let (user_ids, role, approval) = (user_ids?, role?, approval?);
        let (max_uses, expires_at) = (max_uses?, expires_at?);
        let of_links =
            [("approval", approval.is_some()), ("max_uses", max_uses.is_some()), ("expires_at", expires_at.is_some())];
        let mut is_whole = true;
        if let Some(people) = &user_ids {
            if people.is_empty() {
                fields.flaw("user_ids", Flaw::new("required", "must name somebody; without it there is a link"));
                is_whole = false;
            }
            for (name, _) in of_links.into_iter().filter(|(_, is_given)| *is_given) {
                fields.flaw(name, Flaw::new("unwanted", "is for links, and people are invited in person"));
                is_whole = false;
            }
        }
        is_whole.then_some(Self { user_ids, role, approval: approval.unwrap_or(false), max_uses, expires_at })
    }

    fn rows(&self) -> usize {
        self.people().len()
    }
}

/// `{action}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = ChatInvitationAnswer, example = json!({"action": "accept"}))]
pub struct NewAnswer {
    pub action: AnswerVerb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatInvitationVerb)]
pub enum AnswerVerb {
    Accept,
    Decline,
}

impl Word for AnswerVerb {
    const WHAT: &'static str = "action";
    const WORDS: &'static [(&'static str, Self)] = &[("accept", Self::Accept), ("decline", Self::Decline)];
}

impl Input for NewAnswer {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("action").map(|action| Self { action })
    }
}

/// `{action}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(as = ChatVerdict, example = json!({"action": "approve"}))]
pub struct Verdict {
    pub action: VerdictVerb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatVerdictVerb)]
pub enum VerdictVerb {
    Approve,
    Reject,
}

impl Word for VerdictVerb {
    const WHAT: &'static str = "action";
    const WORDS: &'static [(&'static str, Self)] = &[("approve", Self::Approve), ("reject", Self::Reject)];
}

impl Input for Verdict {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("action").map(|action| Self { action })
    }
}

/// Somebody who is invited to a chat, or asks to join it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatGuest)]
pub struct Guest {
    pub user: Card,
    /// The role that they get.
    pub role: ChatRole,
    /// `null` for those who ask.
    pub invited_by: Option<UserId>,
    pub since: Timestamp,
    pub expires_at: Timestamp,
}

/// An invitation, or a request to join, as whoever would come sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatInvitation)]
pub struct Invitation {
    pub chat_id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatType,
    pub status: Standing,
    /// `null` for a request: whoever asks learns it when they are let in.
    pub title: Option<String>,
    /// `null` for a request.
    #[schema(minimum = 0)]
    pub participant_count: Option<i64>,
    /// `null` for a request, or if their account was erased.
    pub invited_by: Option<Card>,
    pub role: ChatRole,
    pub since: Timestamp,
    pub expires_at: Timestamp,
}

/// What a link leads to, as far as it is shown before joining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatPreview)]
pub struct Preview {
    pub chat_id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatType,
    #[schema(example = "Lunch")]
    pub title: Option<String>,
    pub description: Option<String>,
    #[schema(minimum = 1)]
    pub participant_count: i64,
    /// Whether the viewer is in it.
    pub joined: bool,
    /// The role that the link gives.
    pub role: ChatRole,
    /// Whether somebody has to let in whoever comes by it.
    pub approval: bool,
    /// Until when the link works.
    pub expires_at: Option<Timestamp>,
}

/// A link by which people come into a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatLink)]
pub struct Link {
    pub id: LinkId,
    pub chat_id: ChatId,
    pub created_by: UserId,
    pub role: ChatRole,
    pub approval: bool,
    pub max_uses: Option<i32>,
    #[schema(minimum = 0)]
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// What inviting did: people are invited, or there is a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatInvites)]
pub struct Invites {
    /// Who is invited now; whoever is in the chat or invited already is left out.
    #[schema(max_items = 200)]
    pub user_ids: Vec<UserId>,
    /// The new link, unless people were invited.
    pub link: Option<Link>,
    /// For `POST /api/chats/join/{code}`. Shown only here.
    #[schema(example = "q0Jm3vXk2cYwzN1sT5bq7g")]
    pub code: Option<String>,
}

/// What is known when people are invited.
#[derive(Debug, Clone)]
pub struct InviteFacts {
    pub now: Timestamp,
    pub inviter: UserId,
    /// Those of the named people whom the inviter may see.
    pub people: Vec<(UserId, Known)>,
    /// Those of them who want no chats with anybody.
    pub unwilling: Vec<UserId>,
    /// Those of them who are in the chat already.
    pub present: Vec<UserId>,
    /// How many are invited to the chat.
    pub invited: i64,
    /// How many people the inviter has invited within a day, to all chats.
    pub today: i64,
}

/// What is known of somebody who is to be invited.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    pub standing: Option<Standing>,
    /// When they last declined an invitation to the chat.
    pub declined_at: Option<Timestamp>,
    /// How often the inviter has invited them within a day, to all chats.
    pub today: i64,
    /// Whether they are banned from the chat.
    pub banned: bool,
}

/// Who is invited now, with which role. Whoever has declined is left alone for a while.
pub fn invite(seat: Seat, new: &NewInvite, facts: &InviteFacts) -> Result<(Vec<UserId>, ChatRole)> {
    let role = may_invite(seat, new)?;
    let (mut errors, mut invited) = (Vec::new(), Vec::new());
    for (index, id) in new.people().iter().enumerate() {
        let known = facts.people.iter().find(|(user, _)| user == id).map(|(_, known)| known);
        let at = |flaw: Flaw| flaw.at(format!("/user_ids/{index}"));
        match known {
            _ if *id == facts.inviter => errors.push(at(Flaw::new("self", "must be somebody other than yourself"))),
            None => errors.push(at(Flaw::new("user.unknown", "there is no such user"))),
            Some(_) if facts.present.contains(id) || invited.contains(id) => {}
            Some(Known { banned: true, .. }) => errors.push(at(Flaw::new("banned", "is banned from the chat"))),
            Some(Known { standing: Some(Standing::Invited), .. }) => {}
            // Only those who decide requests let them in; to others, an invitation must not take its place.
            Some(Known { standing: Some(Standing::Pending), .. }) if allow(seat, Action::Admit).is_err() => {}
            Some(known) => match may_be_invited(facts.now, known.declined_at, known.today) {
                Ok(()) => invited.push(*id),
                Err(flaw) => errors.push(at(flaw)),
            },
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    // Whoever has asked to come wants it.
    let asked =
        |user: &UserId| facts.people.iter().any(|(id, known)| id == user && known.standing == Some(Standing::Pending));
    let unwilling = facts.unwilling.iter().filter(|id| invited.contains(id) && !asked(id));
    let unwilling: Vec<UserId> = unwilling.copied().collect();
    not_wanted("/user_ids", new.people(), &unwilling)?;
    let more = invited.len() as i64;
    if facts.invited + more > MOST_INVITED {
        return Err(CHAT_INVITES.into());
    }
    if facts.today + more > MOST_INVITES_A_DAY { Err(CHAT_INVITES_TODAY.into()) } else { Ok((invited, role)) }
}

/// The role that an invitation or a link gives.
fn may_invite(seat: Seat, new: &NewInvite) -> Result<ChatRole> {
    allow(seat, Action::Invite)?;
    let role = new.role.unwrap_or(ChatRole::of_newcomers(seat.kind));
    grants(seat, role)?;
    no_owner(role)?;
    Ok(role)
}

/// Which links and invitations of a chat somebody lists and takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    All,
    /// Those that they have made.
    Own,
}

pub fn reach(seat: Seat) -> Result<Reach> {
    match allow(seat, Action::Admit) {
        Err(_) if allow(seat, Action::Invite).is_ok() => Ok(Reach::Own),
        all => all.map(|()| Reach::All),
    }
}

/// The role that a new link gives. One that ends must end later than now.
pub fn link(seat: Seat, now: Timestamp, new: &NewInvite, open: i64) -> Result<ChatRole> {
    let role = may_invite(seat, new)?;
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::field("/expires_at", "past", "must be in the future"));
    }
    if open >= MOST_LINKS { Err(CHAT_INVITES.into()) } else { Ok(role) }
}

/// What coming by a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Enter,
    /// They have to be let in, and wait from now on, or still.
    Ask,
}

/// `waiting`: how the person stands to the chat.
pub fn come(now: Timestamp, facts: LinkFacts, approval: bool, waiting: Option<Standing>) -> Result<Way> {
    // Whoever waits goes on waiting, also if they have used the link up.
    if approval && waiting == Some(Standing::Pending) {
        return Ok(Way::Ask);
    }
    if !facts.is_open(now) {
        return Err(LINK_GONE.into());
    }
    // Whoever is invited has been let in already.
    if approval && waiting != Some(Standing::Invited) { Ok(Way::Ask) } else { Ok(Way::Enter) }
}

pub fn may_ask(now: Timestamp, facts: AskFacts) -> Result<()> {
    attempt::may_ask(now, facts, MOST_REQUESTS).map_err(|why| match why {
        NotNow::Until(until) => Error::TooEarly { refusal: CHAT_TOO_SOON, until },
        NotNow::Open => CHAT_REQUESTS_OPEN.into(),
        NotNow::Today => CHAT_REQUESTS_TODAY.into(),
        NotNow::Waiting => CHAT_REQUESTS.into(),
    })
}

/// Whether an error is one of [`may_ask`].
pub fn asks_too_much(error: &Error) -> bool {
    const REFUSALS: &[Refusal] = &[CHAT_TOO_SOON, CHAT_REQUESTS_OPEN, CHAT_REQUESTS_TODAY, CHAT_REQUESTS];
    matches!(error, Error::Refused(refusal) | Error::TooEarly { refusal, .. } if REFUSALS.contains(refusal))
}

/// The role of whoever is let in: what they asked for, unless whoever lets them in may not give that.
pub fn admitted(seat: Seat, asked: ChatRole) -> ChatRole {
    if grants(seat, asked).is_ok() { asked } else { ChatRole::of_newcomers(seat.kind) }
}

/// Only somebody who waits can be let in or turned away.
pub fn may_decide(seat: Seat, standing: Option<Standing>) -> Result<()> {
    allow(seat, Action::Admit)?;
    if standing == Some(Standing::Pending) { Ok(()) } else { Err(REQUEST_UNKNOWN.into()) }
}

#[cfg(test)]
mod tests;
