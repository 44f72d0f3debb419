//! The payloads of what moderators do.

use clowder_core::{ChatId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::moderation::{ReviewId, ReviewType, SanctionId, SanctionType};

/// The payload of `chat.sanctioned`. Why is not in it, so that it can be forgotten: the list of one's sanctions says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatSanctioned)]
pub struct Sanctioned {
    pub id: SanctionId,
    pub chat_id: ChatId,
    pub user_id: UserId,
    #[serde(rename = "type")]
    pub kind: SanctionType,
    /// `null` if it lasts until somebody lifts it, and for what does not last.
    pub until: Option<Timestamp>,
    /// Whether it is over, because somebody lifted it.
    pub lifted: bool,
}

/// The payload of `chat.braked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatBraked)]
pub struct Braked {
    pub chat_id: ChatId,
    /// Until when whoever comes has to be let in.
    pub until: Timestamp,
}

/// The payload of `chat.review`. It does not say what or who: load the reviews of the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ChatReview)]
pub struct ReviewWaiting {
    pub chat_id: ChatId,
    pub review_id: ReviewId,
    #[serde(rename = "type")]
    pub kind: ReviewType,
}
