//! What owners and admins of a chat have done to moderate it, for those who do so now. The audit log knows it.

use clowder_core::{Card, Id, Timestamp, Word};
use serde::Serialize;

use crate::ChatRole;

pub enum LogKind {}
pub type LogId = Id<LogKind>;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatModerationType)]
pub enum LogType {
    Mute,
    Unmute,
    Ban,
    Unban,
    /// Somebody was taken out of the chat.
    Removal,
    /// Messages of others were deleted.
    Deletion,
    /// What somebody wrote was deleted, all or that of some time.
    Purge,
    /// A message that the word filter caught was approved.
    Approval,
    /// A message that the word filter caught was rejected.
    Rejection,
    SlowMode,
    /// The word filter was set.
    Filter,
    /// The brake on joins was set.
    Brake,
    /// Somebody got another role, or the chat another owner.
    Role,
    /// The rights of members were changed.
    Rights,
}

impl LogType {
    /// What the audit log calls it.
    const ACTIONS: [(&'static str, Self); 15] = [
        ("participant.muted", Self::Mute),
        ("participant.unmuted", Self::Unmute),
        ("participant.banned", Self::Ban),
        ("participant.unbanned", Self::Unban),
        ("participant.removed", Self::Removal),
        ("chat.messages_deleted", Self::Deletion),
        ("chat.purged", Self::Purge),
        ("message_review.approved", Self::Approval),
        ("message_review.rejected", Self::Rejection),
        ("chat.slowed", Self::SlowMode),
        ("chat_filter.set", Self::Filter),
        ("chat_brake.set", Self::Brake),
        ("participant.role_changed", Self::Role),
        ("chat.transferred", Self::Role),
        ("chat.rights_changed", Self::Rights),
    ];

    pub fn actions() -> impl Iterator<Item = &'static str> {
        Self::ACTIONS.into_iter().map(|(action, _)| action)
    }

    pub fn of(action: &str) -> Option<Self> {
        Self::ACTIONS.into_iter().find(|(known, _)| *known == action).map(|(_, kind)| kind)
    }

    /// Whether it was done to one person, whom the entry is about.
    pub const fn has_person(self) -> bool {
        !matches!(self, Self::Deletion | Self::SlowMode | Self::Filter | Self::Brake | Self::Rights)
    }
}

impl Word for LogType {
    const WHAT: &'static str = "type of moderation";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mute", Self::Mute),
        ("unmute", Self::Unmute),
        ("ban", Self::Ban),
        ("unban", Self::Unban),
        ("removal", Self::Removal),
        ("deletion", Self::Deletion),
        ("purge", Self::Purge),
        ("approval", Self::Approval),
        ("rejection", Self::Rejection),
        ("slow_mode", Self::SlowMode),
        ("filter", Self::Filter),
        ("brake", Self::Brake),
        ("role", Self::Role),
        ("rights", Self::Rights),
    ];
}

/// What somebody did to moderate a chat, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ChatModerationEntry)]
pub struct LogEntry {
    pub id: LogId,
    pub at: Timestamp,
    #[serde(rename = "type")]
    pub kind: LogType,
    /// Who did it; as a deleted user if their account was erased.
    pub by: Option<Card>,
    /// To whom it was done; `null` for a `deletion`, and for what was done to the chat.
    pub user: Option<Card>,
    /// `null` if none was given, or if the account was erased with whose key it was encrypted: that of `user`, or else of `by`.
    #[schema(max_length = 500, example = "Advertising, in spite of two warnings")]
    pub reason: Option<String>,
    /// Until when somebody was muted or banned, if there was an end.
    pub until: Option<Timestamp>,
    /// The role that `user` had from then on; `null` but for a `role`.
    pub role: Option<ChatRole>,
    /// How many messages a `deletion` took.
    #[schema(minimum = 1)]
    pub message_count: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_an_action_and_a_word() {
        for (word, kind) in LogType::WORDS {
            let action = LogType::ACTIONS.into_iter().find(|(_, known)| known == kind).unwrap().0;
            assert_eq!(LogType::of(action), Some(*kind), "{word}");
            assert_eq!(serde_json::to_value(kind).unwrap(), *word);
        }
        for action in LogType::actions() {
            assert!(LogType::of(action).is_some_and(|kind| LogType::WORDS.iter().any(|(_, known)| *known == kind)));
        }
        assert_eq!(LogType::of("chat.export_requested"), None);
    }
}
