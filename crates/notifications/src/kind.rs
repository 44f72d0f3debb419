//! The closed sets of notifications: types, channels, what they are about, and why somebody gets them.

use clowder_core::Word;
use serde::{Deserialize, Serialize};

/// What somebody is told about. The words are stored and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub enum NotificationType {
    /// Somebody asks for friendship.
    #[serde(rename = "friend.request")]
    FriendRequest,
    /// Somebody has accepted the person's request.
    #[serde(rename = "friend.accepted")]
    FriendAccepted,
    #[serde(rename = "message.mention")]
    MessageMention,
    #[serde(rename = "message.reply")]
    MessageReply,
    #[serde(rename = "message.reaction")]
    MessageReaction,
    /// A message in a private chat.
    #[serde(rename = "message.direct")]
    MessageDirect,
    /// A message in another chat of which the person wants to be told everything.
    #[serde(rename = "message.chat")]
    MessageChat,
    #[serde(rename = "chat.invited")]
    ChatInvited,
    /// Somebody asks to come into a chat that the person looks after.
    #[serde(rename = "chat.request")]
    ChatRequest,
    #[serde(rename = "group.invited")]
    GroupInvited,
    #[serde(rename = "group.request")]
    GroupRequest,
    #[serde(rename = "event.invited")]
    EventInvited,
    #[serde(rename = "event.changed")]
    EventChanged,
    #[serde(rename = "event.reminder")]
    EventReminder,
    #[serde(rename = "event.cancelled")]
    EventCancelled,
    #[serde(rename = "event.waitlist")]
    EventWaitlist,
    #[serde(rename = "report.decided")]
    ReportDecided,
    #[serde(rename = "account.security")]
    AccountSecurity,
    #[serde(rename = "system")]
    System,
}

impl NotificationType {
    /// In the order in which settings list them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::WORDS.iter().map(|(_, kind)| *kind)
    }

    /// Whether it is about a message that somebody wrote: the level of its chat then says whether the person is told, and
    /// reading the chat reads it.
    pub const fn is_of_message(self) -> bool {
        matches!(self, Self::MessageMention | Self::MessageReply | Self::MessageDirect | Self::MessageChat)
    }

    /// Whether it happens in a chat that the person is in.
    pub const fn is_in_chat(self) -> bool {
        self.is_of_message() || matches!(self, Self::MessageReaction | Self::ChatRequest)
    }

    /// Whether it is meant for the person, so that it is told in chats of which only mentions are.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::MessageMention | Self::MessageReply)
    }

    /// Whether it waits for nothing: neither for quiet hours nor for a digest.
    pub const fn is_urgent(self) -> bool {
        matches!(self, Self::AccountSecurity)
    }
}

impl Word for NotificationType {
    const WHAT: &'static str = "type of notification";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("friend.request", Self::FriendRequest),
        ("friend.accepted", Self::FriendAccepted),
        ("message.mention", Self::MessageMention),
        ("message.reply", Self::MessageReply),
        ("message.reaction", Self::MessageReaction),
        ("message.direct", Self::MessageDirect),
        ("message.chat", Self::MessageChat),
        ("chat.invited", Self::ChatInvited),
        ("chat.request", Self::ChatRequest),
        ("group.invited", Self::GroupInvited),
        ("group.request", Self::GroupRequest),
        ("event.invited", Self::EventInvited),
        ("event.changed", Self::EventChanged),
        ("event.reminder", Self::EventReminder),
        ("event.cancelled", Self::EventCancelled),
        ("event.waitlist", Self::EventWaitlist),
        ("report.decided", Self::ReportDecided),
        ("account.security", Self::AccountSecurity),
        ("system", Self::System),
    ];
}

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationChannel)]
pub enum Channel {
    /// The list of notifications, and its live event.
    Inbox,
    Push,
    Mail,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Inbox, Self::Push, Self::Mail];
}

/// What a notification leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationTargetType)]
pub enum TargetType {
    User,
    FriendRequest,
    Message,
    Chat,
    Group,
    Event,
    Report,
    Statement,
    Session,
    Webhook,
}

impl Word for TargetType {
    const WHAT: &'static str = "target of a notification";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("user", Self::User),
        ("friend_request", Self::FriendRequest),
        ("message", Self::Message),
        ("chat", Self::Chat),
        ("group", Self::Group),
        ("event", Self::Event),
        ("report", Self::Report),
        ("statement", Self::Statement),
        ("session", Self::Session),
        ("webhook", Self::Webhook),
    ];
}

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationReason)]
pub enum Reason {
    /// Somebody addressed the person: a request, an invitation.
    Addressed,
    /// It is the answer to something that the person did: a request, a report.
    Answer,
    /// A message names the person.
    Mentioned,
    /// A message names everybody in the chat.
    MentionedAll,
    /// A message quotes one of the person's.
    Replied,
    /// Somebody wrote in a thread that the person follows.
    Thread,
    /// It is about a message of the person.
    Author,
    /// It happened in a private chat of the person.
    Direct,
    /// The person wants to be told of everything in the chat.
    Chat,
    /// The person looks after the chat or the group.
    Staff,
    /// It concerns the person's account.
    Account,
    /// Those who run the server tell everybody.
    System,
}

impl Word for Reason {
    const WHAT: &'static str = "reason of a notification";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("addressed", Self::Addressed),
        ("answer", Self::Answer),
        ("mentioned", Self::Mentioned),
        ("mentioned_all", Self::MentionedAll),
        ("replied", Self::Replied),
        ("thread", Self::Thread),
        ("author", Self::Author),
        ("direct", Self::Direct),
        ("chat", Self::Chat),
        ("staff", Self::Staff),
        ("account", Self::Account),
        ("system", Self::System),
    ];
}

/// What the person can do to get no more of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NotificationStop)]
pub enum Stop {
    /// `PUT /api/notifications/preferences`.
    Preferences,
    /// `PUT /api/chats/{id}/preferences`.
    Chat,
    /// `PUT /api/users/{id}/mute`, with the actor.
    Mute,
    /// `PUT /api/users/{id}/block`, with the actor.
    Block,
}

impl NotificationType {
    /// How to stop such notifications, the mildest way first.
    pub fn stops(self, has_actor: bool) -> Vec<Stop> {
        let mut stops = Vec::new();
        if self.is_in_chat() {
            stops.push(Stop::Chat);
        }
        stops.push(Stop::Preferences);
        if has_actor {
            stops.extend([Stop::Mute, Stop::Block]);
        }
        stops
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_is_sent() {
        for (word, kind) in NotificationType::WORDS {
            assert_eq!(serde_json::to_value(kind).unwrap(), *word);
        }
        for (word, reason) in Reason::WORDS {
            assert_eq!(serde_json::to_value(reason).unwrap(), *word);
        }
        for (word, target) in TargetType::WORDS {
            assert_eq!(serde_json::to_value(target).unwrap(), *word);
        }
        assert_eq!(NotificationType::all().count(), 19);
    }

    #[test]
    fn the_mildest_way_to_stop_comes_first() {
        use Stop::*;
        for (kind, has_actor, stops) in [
            (NotificationType::MessageMention, true, vec![Chat, Preferences, Mute, Block]),
            (NotificationType::FriendRequest, true, vec![Preferences, Mute, Block]),
            (NotificationType::System, false, vec![Preferences]),
        ] {
            assert_eq!(kind.stops(has_actor), stops, "{kind:?}");
        }
    }
}
