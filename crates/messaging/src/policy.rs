//! Pure rules: who may do what in a chat. There is one table for all actions and roles ([`TABLE`]), which a test prints into
//! `docs/chat-roles.md`.

use clowder_core::{Error, Result, UserId};

use crate::{
    ChatRole, ChatType, Rights,
    refusals::{CHAT_CLOSED, CHAT_FORBIDDEN, CHAT_OF_GROUP, CHAT_PRIVATE},
};

/// What somebody does in a chat that they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Post,
    MentionAll,
    Pin,
    /// Change title and description.
    Edit,
    /// Change visibility, history and the rights of members.
    Configure,
    /// Say how long messages stay.
    SetLifetime,
    SeePeople,
    Add,
    /// Invite people, and make links.
    Invite,
    /// See and withdraw invitations and links, and decide on requests to join.
    Admit,
    /// Remove whoever has a lower role.
    Remove,
    /// Give another role to whoever has a lower role, up to one's own.
    Promote,
    /// Delete the messages of others.
    Moderate,
    /// Mute whoever has a lower role.
    Mute,
    /// Ban whoever has a lower role, and set the brake on joins.
    Ban,
    /// Set slow mode and the word filter, and decide about what it caught.
    Review,
    /// See what happens in it, in numbers.
    Analyse,
    Transfer,
    Delete,
    Leave,
}

/// Whether a role may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Yes,
    No,
    /// If the chat says so: one of the rights of its members.
    Chosen,
}

use Cell::{Chosen as C, No as N, Yes as Y};

/// Who may do what. The columns: both people of a private chat; owner, admin and member of a group; owner, admin, member
/// and subscriber of a channel.
pub const TABLE: &[(Action, &str, [Cell; 8])] = &[
    (Action::Post, "send messages", [Y, Y, Y, C, Y, Y, C, N]),
    (Action::MentionAll, "mention everybody", [N, Y, Y, C, Y, Y, C, N]),
    (Action::Pin, "pin messages", [Y, Y, Y, C, Y, Y, C, N]),
    (Action::Edit, "change title and description", [N, Y, Y, C, Y, Y, C, N]),
    (Action::Configure, "change visibility, history and rights", [N, Y, Y, N, Y, Y, N, N]),
    (Action::SetLifetime, "say how long messages stay", [Y, Y, Y, N, Y, Y, N, N]),
    (Action::SeePeople, "list the people", [Y, Y, Y, Y, Y, Y, N, N]),
    (Action::Add, "add people", [N, Y, Y, C, Y, Y, C, N]),
    (Action::Invite, "invite people, make links", [N, Y, Y, C, Y, Y, C, N]),
    (Action::Admit, "decide on requests, withdraw invitations", [N, Y, Y, N, Y, Y, N, N]),
    (Action::Remove, "remove people with a lower role", [N, Y, Y, N, Y, Y, N, N]),
    (Action::Promote, "change roles of people with a lower role", [N, Y, Y, N, Y, Y, N, N]),
    (Action::Moderate, "delete messages of others", [N, Y, Y, N, Y, Y, N, N]),
    (Action::Mute, "mute people with a lower role", [N, Y, Y, N, Y, Y, N, N]),
    (Action::Ban, "ban people with a lower role, set the brake", [N, Y, Y, N, Y, Y, N, N]),
    (Action::Review, "set slow mode and the word filter, decide about what it caught", [N, Y, Y, N, Y, Y, N, N]),
    (Action::Analyse, "see its analytics", [N, Y, N, N, Y, N, N, N]),
    (Action::Transfer, "hand over the chat", [N, Y, N, N, Y, N, N, N]),
    (Action::Delete, "delete the chat", [N, Y, N, N, Y, N, N, N]),
    (Action::Leave, "leave", [N, Y, Y, Y, Y, Y, Y, Y]),
];

/// A participant's place in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub kind: ChatType,
    pub role: ChatRole,
    /// What the chat allows its members.
    pub rights: Rights,
    /// Whether it belongs to a group, which decides about its people and its name.
    pub of_group: bool,
}

const fn column(kind: ChatType, role: ChatRole) -> usize {
    match (kind, role) {
        (ChatType::Private, _) => 0,
        (ChatType::Group, ChatRole::Owner) => 1,
        (ChatType::Group, ChatRole::Admin) => 2,
        (ChatType::Group, ChatRole::Member | ChatRole::Subscriber) => 3,
        (ChatType::Channel, ChatRole::Owner) => 4,
        (ChatType::Channel, ChatRole::Admin) => 5,
        (ChatType::Channel, ChatRole::Member) => 6,
        (ChatType::Channel, ChatRole::Subscriber) => 7,
    }
}

pub fn cell(kind: ChatType, role: ChatRole, action: Action) -> Cell {
    let row = TABLE.iter().find(|(listed, ..)| *listed == action);
    row.map_or(N, |(.., cells)| cells[column(kind, role)])
}

/// Whether the role of a seat allows it, and the chat does.
pub fn may(seat: Seat, action: Action) -> bool {
    match cell(seat.kind, seat.role, action) {
        Y => true,
        N => false,
        C => has(seat.rights, action),
    }
}

const fn has(rights: Rights, action: Action) -> bool {
    match action {
        Action::Post => rights.post,
        Action::MentionAll => rights.mention_all,
        Action::Pin => rights.pin,
        Action::Edit => rights.edit,
        Action::Add => rights.add,
        Action::Invite => rights.invite,
        _ => false,
    }
}

/// What the group decides whose chat it is.
const fn is_of_the_group(action: Action) -> bool {
    !matches!(
        action,
        Action::Post
            | Action::MentionAll
            | Action::Pin
            | Action::SetLifetime
            | Action::SeePeople
            | Action::Moderate
            | Action::Mute
            | Action::Review
            | Action::Analyse
    )
}

/// Like [`may`], with the reason why not.
pub fn allow(seat: Seat, action: Action) -> Result<()> {
    if seat.of_group && is_of_the_group(action) {
        return Err(CHAT_OF_GROUP.into());
    }
    if may(seat, action) {
        return Ok(());
    }
    if seat.kind != ChatType::Private {
        return Err(forbidden(who_may(action)));
    }
    if matches!(action, Action::Leave | Action::Delete) {
        let detail = "A private chat can be neither left nor deleted: archive it with `PUT …/preferences`, and remove its messages for \
                      yourself with `POST …/clear`.";
        return Err(Error::explained(CHAT_PRIVATE, detail));
    }
    Err(CHAT_PRIVATE.into())
}

pub fn forbidden(detail: &'static str) -> Error {
    Error::explained(CHAT_FORBIDDEN, detail)
}

/// Who may do it in a group or a channel.
const fn who_may(action: Action) -> &'static str {
    match action {
        Action::Post | Action::MentionAll | Action::Pin | Action::Edit | Action::Add | Action::Invite => {
            "Only owners and admins can do this, and members if the chat gives them this right."
        }
        Action::Analyse | Action::Transfer | Action::Delete => "Only owners can do this.",
        Action::Configure
        | Action::SetLifetime
        | Action::Mute
        | Action::Ban
        | Action::Review
        | Action::SeePeople
        | Action::Admit
        | Action::Remove
        | Action::Promote
        | Action::Moderate
        | Action::Leave => "Only owners and admins can do this.",
    }
}

/// The same as [`may`] with [`Action::Post`], for the hottest path: the rights of every chat include the bit for its members.
pub const fn may_post(role: ChatRole, rights: Rights) -> bool {
    match role {
        ChatRole::Owner | ChatRole::Admin => true,
        ChatRole::Member => rights.post,
        ChatRole::Subscriber => false,
    }
}

/// In a private chat that a block has closed, nothing happens any more that the other person would notice, except that people
/// take back what they have done themselves. Whatever writes in a chat asks this one question.
pub fn is_open(closed: bool) -> Result<()> {
    if closed { Err(CHAT_CLOSED.into()) } else { Ok(()) }
}

/// Only the author can edit a message.
pub fn may_edit(viewer: UserId, author: UserId) -> bool {
    viewer == author
}

/// Authors can delete their own messages; owners and admins can delete anybody's.
pub fn may_delete(viewer: UserId, seat: Seat, author: UserId) -> bool {
    viewer == author || may(seat, Action::Moderate)
}

#[cfg(test)]
mod tests;
