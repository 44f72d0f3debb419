//! Moderation of chats: who may not post or come in, how fast people may write, which words are caught, and what is done
//! about it. Whoever it is done to learns why.

pub mod filter;
mod input;
pub mod log;
pub mod pace;
pub mod port;
pub mod rules;

use std::time::Duration;

use clowder_core::{Card, ChatId, Id, MessageId, Timestamp, UserId, Word, deletion::DeletionStatus};
use serde::{Deserialize, Serialize};

pub use input::{
    NewBrake, NewFilter, NewLifting, NewNotice, NewPurge, NewReviewVerdict, NewSanction, NewSlowMode, Reason,
    ReviewVerb, Within,
};

use crate::Attachment;

pub enum SanctionKind {}
pub type SanctionId = Id<SanctionKind>;
pub enum ReviewKind {}
pub type ReviewId = Id<ReviewKind>;
pub enum PurgeKind {}
pub type PurgeId = Id<PurgeKind>;

/// How many people can be banned from a chat, and how many can be muted in it.
pub const MOST_SANCTIONS: i64 = 10_000;
/// How many of a person's messages can wait for review in a chat.
pub const MOST_HELD: i64 = 20;
/// How many messages of all its people can wait for review in a chat.
pub const MOST_HELD_IN_CHAT: i64 = 1_000;
/// How many of a person's messages in a chat are listed for review; what is caught beyond that is sent, and not listed.
pub const MOST_FLAGGED: i64 = 100;
/// How long a message is listed about which nobody decides: then one that was held is thrown away, and one that was sent
/// stays.
pub const LISTED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many purges of a chat can run at once.
pub const MOST_PURGES: usize = 20;
/// How many words a filter can have.
pub const MOST_WORDS: usize = 500;
/// The longest pause between two messages, in seconds: six hours.
pub const LONGEST_PAUSE: i64 = 6 * 3600;

/// What was done to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatSanctionType)]
pub enum SanctionType {
    /// They are in the chat, and cannot post or edit.
    Mute,
    /// They are not in the chat, and cannot come in.
    Ban,
    /// What they wrote was deleted, all or that of some time.
    Purge,
    /// A message of theirs that was held back for review, or found by the word filter, is not shown.
    Rejection,
    /// Messages of theirs were deleted.
    Deletion,
    /// They were taken out of the chat, and may come back.
    Removal,
}

impl Word for SanctionType {
    const WHAT: &'static str = "type of sanction";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("mute", Self::Mute),
        ("ban", Self::Ban),
        ("purge", Self::Purge),
        ("rejection", Self::Rejection),
        ("deletion", Self::Deletion),
        ("removal", Self::Removal),
    ];
}

impl SanctionType {
    /// Whether it lasts until its time is over or somebody lifts it; others have happened.
    pub const fn lasts(self) -> bool {
        matches!(self, Self::Mute | Self::Ban)
    }
}

/// What was done to somebody in a chat, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatSanction)]
pub struct Sanction {
    pub id: SanctionId,
    pub chat_id: ChatId,
    #[serde(rename = "type")]
    pub kind: SanctionType,
    pub user: Card,
    #[schema(max_length = 500, example = "Advertising, in spite of two warnings")]
    pub reason: String,
    /// How many messages a `deletion` took; `null` for all else.
    #[schema(minimum = 1)]
    pub message_count: Option<i64>,
    /// Who did it; `null` for those to whom it was done, and if their account was erased.
    pub by: Option<UserId>,
    pub since: Timestamp,
    /// `null` if it lasts until somebody lifts it, and for what does not last.
    pub until: Option<Timestamp>,
    pub lifted_at: Option<Timestamp>,
    #[schema(max_length = 500)]
    pub lift_reason: Option<String>,
}

/// What is done with a message that has a word of a filter; later ones are stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FilterAction)]
pub enum FilterAction {
    /// It is sent, and listed for review.
    Flag,
    /// It is not sent before somebody approves it.
    Hold,
    /// It is refused.
    Block,
}

impl Word for FilterAction {
    const WHAT: &'static str = "action of a filter";
    const WORDS: &'static [(&'static str, Self)] =
        &[("flag", Self::Flag), ("hold", Self::Hold), ("block", Self::Block)];
}

/// The words that a chat or the server catches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = WordFilter)]
pub struct Filter {
    /// None: nothing is caught.
    #[schema(max_items = 500)]
    pub words: Vec<String>,
    pub action: FilterAction,
}

impl Filter {
    pub const OFF: Self = Self { words: Vec::new(), action: FilterAction::Block };
}

/// What keeps a crowd from coming in at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatBrake)]
pub struct Brake {
    /// When more people than this come by themselves …
    #[schema(minimum = 1, maximum = 1000)]
    pub joins: i64,
    /// … within so many seconds …
    #[schema(minimum = 1, maximum = 86400)]
    pub seconds: i64,
    /// … then for so many seconds whoever comes waits until they are let in.
    #[schema(minimum = 60, maximum = 604_800)]
    pub hold_seconds: i64,
    /// Until when whoever comes has to wait; `null` or a time that is over: nobody.
    pub held_until: Option<Timestamp>,
}

/// How a chat is moderated, for its owners and admins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatModeration)]
pub struct Rules {
    pub chat_id: ChatId,
    /// The pause between two messages of a member in seconds; 0 if there is none.
    #[schema(minimum = 0, maximum = 21600)]
    pub slow_seconds: i64,
    pub filter: Filter,
    /// `null` if everybody comes in at once.
    pub brake: Option<Brake>,
    /// How many messages wait for review.
    #[schema(minimum = 0)]
    pub reviews: i64,
}

/// Why a message is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageReviewType)]
pub enum ReviewType {
    /// It is not sent before somebody approves it.
    Held,
    /// It was sent.
    Flagged,
}

impl Word for ReviewType {
    const WHAT: &'static str = "type of review";
    const WORDS: &'static [(&'static str, Self)] = &[("held", Self::Held), ("flagged", Self::Flagged)];
}

/// A message that a filter caught, and about which somebody has to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = MessageReview)]
pub struct Review {
    pub id: ReviewId,
    pub chat_id: ChatId,
    #[serde(rename = "type")]
    pub kind: ReviewType,
    pub sender: Card,
    /// `null` in the list of the server, and if the time of the message is over.
    #[schema(max_length = 8000, example = "Buy cheap lunch!")]
    pub content: Option<String>,
    /// The message, if it was sent.
    pub message_id: Option<MessageId>,
    #[schema(minimum = 1)]
    pub seq: Option<i64>,
    /// Whom it mentions beside those whom its text names; empty where `content` is `null`.
    #[schema(max_items = 50)]
    pub mentions: Vec<UserId>,
    /// Its files, if it was not sent; none in the list of the server.
    #[schema(max_items = 10)]
    pub attachments: Vec<Attachment>,
    pub created_at: Timestamp,
    /// That of the message, which changes when it is edited: for `If-Match` when you decide.
    #[schema(minimum = 1)]
    pub version: i64,
}

/// How far the deletion of what somebody wrote has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatPurge)]
pub struct Purge {
    pub id: PurgeId,
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub status: DeletionStatus,
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
    /// How many messages it has deleted.
    #[schema(minimum = 0)]
    pub deleted: i64,
}
