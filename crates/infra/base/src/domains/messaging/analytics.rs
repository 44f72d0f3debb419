//! The tables of what is counted in chats, and their rows.

use clowder_core::{ChatId, Result, UserId};
use clowder_messaging::chat_analytics::{Counts, Day};
use diesel::prelude::*;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_days (chat_id, day) {
        chat_id -> Uid,
        day -> Integer,
        first_seq -> BigInt,
        last_seq -> BigInt,
        counts -> Text,
        reactions -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_day_people (chat_id, day, user_id) {
        chat_id -> Uid,
        day -> Integer,
        user_id -> Uid,
        first_quarter -> Integer,
        last_quarter -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chat_days)]
pub struct ChatDayRow {
    pub chat_id: ChatId,
    pub day: i32,
    pub first_seq: i64,
    pub last_seq: i64,
    pub counts: String,
    pub reactions: String,
}

impl ChatDayRow {
    pub fn counts(&self) -> Result<(Day, Counts)> {
        let counts: Counts = serde_json::from_str(&self.counts)?;
        Ok((Day(self.day), Counts { reactions: serde_json::from_str(&self.reactions)?, ..counts }))
    }

    pub fn put(&mut self, counts: &Counts) -> Result<()> {
        self.counts = serde_json::to_string(counts)?;
        self.reactions = serde_json::to_string(&counts.reactions)?;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chat_day_people)]
pub struct ChatDayPersonRow {
    pub chat_id: ChatId,
    pub day: i32,
    pub user_id: UserId,
    pub first_quarter: i32,
    pub last_quarter: i32,
}
