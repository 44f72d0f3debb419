//! The tables and rows of polls. What is asked is stored with the message.

use clowder_core::{ChatId, Result, Timestamp, UserId};
use clowder_messaging::polls::{Choices, Tally};
use diesel::prelude::*;

use super::schema::messages;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_polls (chat_id, seq) {
        chat_id -> Uid,
        seq -> BigInt,
        votes -> Text,
        voters -> BigInt,
        closed_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_poll_votes (chat_id, seq, user_id) {
        chat_id -> Uid,
        seq -> BigInt,
        user_id -> Uid,
        choices -> BigInt,
        voted_at -> Ts,
    }
}

diesel::allow_tables_to_appear_in_same_query!(message_poll_votes, message_polls, messages);

/// The poll of a message: how many people have chosen each option, as a JSON array, and how many have voted.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_polls)]
#[diesel(treat_none_as_default_value = false)]
pub struct PollRow {
    pub chat_id: ChatId,
    pub seq: i64,
    pub votes: String,
    pub voters: i64,
    pub closed_at: Option<Timestamp>,
}

impl PollRow {
    pub fn of(chat_id: ChatId, seq: i64, tally: &Tally) -> Result<Self> {
        let votes = serde_json::to_string(&tally.votes)?;
        Ok(Self { chat_id, seq, votes, voters: tally.voters, closed_at: tally.closed_at })
    }

    pub fn tally(&self) -> Result<Tally> {
        let votes = serde_json::from_str(&self.votes)?;
        Ok(Tally { votes, voters: self.voters, closed_at: self.closed_at })
    }
}

/// Somebody's vote.
#[derive(Debug, Clone, Copy)]
pub struct VoteRow {
    pub chat_id: ChatId,
    pub seq: i64,
    pub user_id: UserId,
    pub choices: Choices,
    pub voted_at: Timestamp,
}

/// A poll as somebody sees it.
#[derive(Debug, Clone, Queryable)]
pub struct SeenPollRow {
    pub poll: PollRow,
    /// What they have chosen themselves, as bits.
    pub mine: Option<i64>,
}

/// What a vote depends on.
#[derive(Debug, Clone, Queryable)]
pub struct VoteFactsRow {
    /// The place of the vote among those asked for.
    pub index: i64,
    pub deleted: bool,
    /// When the message disappears.
    pub expires_at: Option<Timestamp>,
    /// What the person has chosen before, as bits.
    pub before: Option<i64>,
    /// Without one, the message has just been deleted.
    pub poll: Option<PollRow>,
}

/// What a batch of votes changes.
#[derive(Debug, Default)]
pub struct VoteChanges {
    pub given: Vec<VoteRow>,
    pub taken_back: Vec<(ChatId, i64, UserId)>,
    /// The polls that they change, as they are then.
    pub polls: Vec<PollRow>,
}
