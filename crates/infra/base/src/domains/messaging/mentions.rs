//! The rows of whom messages mention.

use clowder_core::{ChatId, UserId};
use clowder_messaging::{Message, mentions::mentions_all};
use diesel::prelude::*;

use super::schema::messages;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_mentions (chat_id, seq, user_id) {
        chat_id -> Uid,
        seq -> BigInt,
        user_id -> Uid,
        place -> BigInt,
        given -> Bool,
        counted -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_mentions_all (chat_id, seq) {
        chat_id -> Uid,
        seq -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(message_mentions, messages);

/// Somebody whom a message mentions.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = message_mentions)]
pub struct MentionRow {
    pub chat_id: ChatId,
    pub seq: i64,
    pub user_id: UserId,
    /// The number of the person in the message.
    pub place: i64,
    /// Whether the author gave their id.
    pub given: bool,
    /// Whether it counts for them.
    pub counted: bool,
}

impl MentionRow {
    /// Those of a message whose author gave these ids.
    pub fn of(message: &Message, given: &[UserId]) -> Vec<Self> {
        let everybody = mentions_all(&message.entities);
        let rows = (0..).zip(&message.mentions).map(|(place, user)| Self {
            chat_id: message.chat_id,
            seq: message.seq,
            user_id: *user,
            place,
            given: given.contains(user),
            counted: !everybody && *user != message.sender.id,
        });
        rows.collect()
    }
}

/// Somebody in a chat, found by a name.
#[derive(Debug, Clone, Queryable)]
pub struct NamedRow {
    pub chat_id: ChatId,
    pub name: String,
    pub user_id: UserId,
    /// They see the messages after this one.
    pub visible_from: i64,
}
