//! The rules of coming into a chat by an invitation, by a link, or by asking.

pub mod port;

use std::time::Duration;

use clowder_core::{
    Card, ChatId, Error, Fields, Id, Input, Result, Timestamp, UserId, Word,
    link::{LinkFacts, Uses},
    text::Flaw,
};
use serde::{Deserialize, Serialize};

use crate::{
    ChatRole, ChatType,
    participants::{MOST_ADDED, grants},
    policy::{Action, Seat, allow},
    refusals::{CHAT_INVITES, CHAT_REQUESTS, LINK_GONE, REQUEST_UNKNOWN},
};

/// How many people can be invited to a chat, and how many can wait to be let in.
pub const MOST_INVITED: i64 = 1_000;
pub const MOST_REQUESTS: i64 = 1_000;
/// How many open links a chat can have.
pub const MOST_LINKS: i64 = 100;
/// How many of those who decide are told of a request, the longest-serving first.
pub const MOST_TOLD: i64 = 50;
/// How long an invitation can be accepted.
pub const LASTS: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long nobody of the chat can invite somebody again who has declined.
pub const PAUSE: Duration = Duration::from_secs(7 * 24 * 3600);

pub enum LinkKind {}
pub type LinkId = Id<LinkKind>;

/// How somebody who is not in a chat stands to it. Nobody stands in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Invited,
    Declined,
    /// They asked to join.
    Pending,
}

impl Word for Standing {
    const WHAT: &'static str = "standing to a chat";
    const WORDS: &'static [(&'static str, Self)] =
        &[("invited", Self::Invited), ("declined", Self::Declined), ("pending", Self::Pending)];
}

/// `{user_ids, role?}`, or `{role?, approval?, max_uses?, expires_at?}` for a link
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatInvite, example = json!({"max_uses": 20}))]
pub struct NewInvite {
    /// Whom to invite; with people there is no link.
    #[schema(max_items = 200, required = false)]
    pub user_ids: Vec<UserId>,
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

impl Input for NewInvite {
    fn read(fields: &mut Fields) -> Option<Self> {
        let user_ids = fields.optional_list("user_ids", MOST_ADDED);
        let (role, approval) = (fields.optional("role"), fields.optional("approval"));
        let (max_uses, expires_at) = (fields.optional("max_uses"), fields.optional("expires_at"));
        Some(Self {
            user_ids: user_ids?,
            role: role?,
            approval: approval?.unwrap_or(false),
            max_uses: max_uses?,
            expires_at: expires_at?,
        })
    }

    fn rows(&self) -> usize {
        self.user_ids.len()
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
    pub expires_at: Option<Timestamp>,
}

/// An invitation, as the invited person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatInvitation)]
pub struct Invitation {
    pub chat_id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatType,
    pub title: Option<String>,
    #[schema(minimum = 0)]
    pub participant_count: i64,
    /// `null` if their account was erased.
    pub invited_by: Option<Card>,
    pub role: ChatRole,
    pub since: Timestamp,
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
    /// Those of the named people whom the inviter may see, with how each stands to the chat, and since when.
    pub people: Vec<(UserId, Option<(Standing, Timestamp)>)>,
    /// Those of them who are in the chat already.
    pub present: Vec<UserId>,
    pub invited: i64,
}

/// Who is invited now, with which role. Whoever has declined is left alone for a while.
pub fn invite(seat: Seat, new: &NewInvite, facts: &InviteFacts) -> Result<(Vec<UserId>, ChatRole)> {
    let role = may_invite(seat, new)?;
    let (mut errors, mut invited) = (Vec::new(), Vec::new());
    for (index, id) in new.user_ids.iter().enumerate() {
        let at = |flaw: Flaw| flaw.at(format!("/user_ids/{index}"));
        if facts.present.contains(id) || invited.contains(id) {
            continue;
        }
        match facts.people.iter().find(|(user, _)| user == id) {
            None => errors.push(at(Flaw::new("user.unknown", "there is no such user"))),
            Some((_, Some((Standing::Invited, _)))) => {}
            Some((_, Some((Standing::Declined, since)))) if since.left(PAUSE, facts.now) > Duration::ZERO => {
                errors.push(at(Flaw::new("too_soon", "has declined an invitation to this chat in the last 7 days")));
            }
            Some(_) => invited.push(*id),
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    if facts.invited + invited.len() as i64 > MOST_INVITED { Err(CHAT_INVITES.into()) } else { Ok((invited, role)) }
}

/// The role that an invitation or a link gives.
fn may_invite(seat: Seat, new: &NewInvite) -> Result<ChatRole> {
    allow(seat, Action::Invite)?;
    let role = new.role.unwrap_or(ChatRole::of_newcomers(seat.kind));
    grants(seat, role)?;
    if role == ChatRole::Owner {
        return Err(Error::field("/role", "unwanted", "owners are made of participants"));
    }
    Ok(role)
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

/// `waiting`: how the person stands to the chat; `requests`: how many wait.
pub fn come(now: Timestamp, facts: LinkFacts, approval: bool, waiting: Option<Standing>, requests: i64) -> Result<Way> {
    if !facts.is_open(now) {
        return Err(LINK_GONE.into());
    }
    // Whoever is invited has been let in already.
    if !approval || waiting == Some(Standing::Invited) {
        return Ok(Way::Enter);
    }
    if waiting != Some(Standing::Pending) && requests >= MOST_REQUESTS {
        return Err(CHAT_REQUESTS.into());
    }
    Ok(Way::Ask)
}

/// Whether an invitation can be accepted.
pub fn is_open(now: Timestamp, standing: Option<Standing>, expires_at: Option<Timestamp>) -> bool {
    standing == Some(Standing::Invited) && expires_at.is_none_or(|at| at > now)
}

/// Only somebody who waits can be let in or turned away.
pub fn decide(seat: Seat, standing: Option<Standing>) -> Result<()> {
    allow(seat, Action::Admit)?;
    if standing == Some(Standing::Pending) { Ok(()) } else { Err(REQUEST_UNKNOWN.into()) }
}

#[cfg(test)]
mod tests;
